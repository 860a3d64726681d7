/**
 * The kinds of options: what each accepts and how that is said in words. Used only by the declarations in
 * options.ts; loading, error messages, OPTIONS.md and the sample file derive from what is built here.
 */
import { BEGINNING_FORM, parseBeginning } from './beginning.js';
import { refusesTemplate, type TemplateRule } from './template.js';

/** reload: a changed value can be applied while the logger runs · restart: it takes effect at the next start */
export type Applies = 'reload' | 'restart';

export interface Option<T> {
  readonly default: T;
  /** one sentence: what it decides */
  readonly doc: string;
  /** what may be set, to be read after "must be" */
  readonly allowed: string;
  readonly applies: Applies;
  /** why a value is refused; undefined when it is allowed */
  readonly refuses: (value: unknown) => string | undefined;
}

interface Common<T> {
  readonly default: T;
  readonly doc: string;
  /** restart when absent */
  readonly applies?: Applies;
}

const SHOWN_CHARACTERS_MAX = 60;

/** JSON has no NaN and no dates; both are written as in the file. */
function plain(value: number | Date): string {
  return typeof value === 'number' ? String(value) : value.toISOString();
}

function shown(value: unknown): string {
  const text = typeof value === 'number' || value instanceof Date ? plain(value) : JSON.stringify(value);
  return text.length > SHOWN_CHARACTERS_MAX ? `${text.slice(0, SHOWN_CHARACTERS_MAX)}…` : text;
}

function option<T>(
  common: Common<T>,
  allowed: string,
  refuses: (value: unknown) => string | undefined,
): Option<T> {
  return { default: common.default, doc: common.doc, applies: common.applies ?? 'restart', allowed, refuses };
}

const unless = (holds: (value: unknown) => boolean) => (value: unknown) =>
  holds(value) ? undefined : `it is ${shown(value)}`;

export function boolean(common: Common<boolean>): Option<boolean> {
  return option(
    common,
    'true or false',
    unless((value) => typeof value === 'boolean'),
  );
}

interface Range {
  readonly min: number;
  readonly max: number;
}

export function integer(common: Common<number> & Range): Option<number> {
  const { min, max } = common;
  return option(
    common,
    `an integer from ${min} to ${max}`,
    unless((value) => Number.isInteger(value) && (value as number) >= min && (value as number) <= max),
  );
}

/** An integer, or one of a few words. */
export function integerOr<const W extends readonly string[]>(
  common: Common<W[number] | number> & Range & { readonly words: W },
): Option<W[number] | number> {
  const { min, max, words } = common;
  const listed = words.map((word) => JSON.stringify(word)).join(', ');
  return option(
    common,
    `${listed} or an integer from ${min} to ${max}`,
    unless((value) =>
      typeof value === 'string'
        ? words.includes(value)
        : Number.isInteger(value) && (value as number) >= min && (value as number) <= max,
    ),
  );
}

export function number(common: Common<number> & Range): Option<number> {
  const { min, max } = common;
  return option(
    common,
    `a number from ${min} to ${max}`,
    unless((value) => typeof value === 'number' && value >= min && value <= max),
  );
}

export function text(common: Common<string>): Option<string> {
  return option(
    common,
    'text that is not empty',
    unless((value) => typeof value === 'string' && value !== ''),
  );
}

export function optionalText(common: Common<string>): Option<string> {
  return option(
    common,
    'text, or "" for none',
    unless((value) => typeof value === 'string'),
  );
}

/** Where a sink begins. */
export function beginning(common: Common<string>): Option<string> {
  return option(
    common,
    BEGINNING_FORM,
    unless((value) => typeof value === 'string' && parseBeginning(value) !== undefined),
  );
}

/** A name with placeholders; "" where a target may go without such names. */
export function template(
  common: Common<string> & TemplateRule & { readonly optional?: boolean },
): Option<string> {
  const { placeholders, required = [], optional = false } = common;
  const listed = placeholders.map((name) => `{${name}}`).join(', ');
  const needs =
    required.length === 0 ? '' : `, at least ${required.map((name) => `{${name}}`).join(' and ')}`;
  return option(
    common,
    `text with any of ${listed}${needs}${optional ? ', or "" for none' : ''}`,
    (value) => {
      if (value === '' && optional) return undefined;
      if (typeof value !== 'string' || value === '') return `it is ${shown(value)}`;
      const reason = refusesTemplate(value, common);
      return reason === undefined ? undefined : `${reason}: ${shown(value)}`;
    },
  );
}

const PROXY_SCHEMES = ['http:', 'https:', 'socks5:', 'socks5h:'];

/** The URL of a proxy, with a user and a password or without. What is refused is not shown: it may hold them. */
export function proxy(common: Common<string>): Option<string> {
  return option(
    common,
    'http://, https:// or socks5:// with host and port, "none", or "" for what the environment says',
    (value) => {
      if (value === '' || value === 'none') return undefined;
      const isProxy =
        typeof value === 'string' && URL.canParse(value) && PROXY_SCHEMES.includes(new URL(value).protocol);
      return isProxy ? undefined : 'it is none of these';
    },
  );
}

export function choice<const V extends readonly string[]>(
  common: Common<V[number]> & { readonly values: V },
): Option<V[number]> {
  return option(
    common,
    `one of ${common.values.map((value) => JSON.stringify(value)).join(', ')}`,
    unless((value) => common.values.includes(value as V[number])),
  );
}

/** A URL with one of `schemes`, without user, password or fragment: a WebSocket and fetch refuse those. */
export function url(common: Common<string> & { readonly schemes: readonly string[] }): Option<string> {
  return option(
    common,
    `a URL that begins with ${common.schemes.map((scheme) => `${scheme}://`).join(' or ')}`,
    (value) => {
      if (typeof value !== 'string' || !URL.canParse(value)) return `it is ${shown(value)}`;
      const parsed = new URL(value);
      if (!common.schemes.includes(parsed.protocol.slice(0, -1))) return `it is ${shown(value)}`;
      if (parsed.username !== '' || parsed.password !== '') return 'it holds a user or password';
      return parsed.hash === '' && !value.endsWith('#') ? undefined : `it holds a fragment: ${shown(value)}`;
    },
  );
}

/** Why a list of names is refused: not a list, empty, something else than text in it, a name twice. */
function refusesNames(value: unknown): string | undefined {
  if (!Array.isArray(value)) return `it is ${shown(value)}`;
  if (value.length === 0) return 'the list is empty';
  const wrong = value.find((name) => typeof name !== 'string' || name === '');
  if (wrong !== undefined) return `the list holds ${shown(wrong)}`;
  const seen = new Set<unknown>();
  const twice = value.find((name) => seen.size === seen.add(name).size);
  return twice === undefined ? undefined : `${shown(twice)} is listed twice`;
}

export function names(
  common: Common<readonly string[]> & { readonly what: string },
): Option<readonly string[]> {
  return option(common, `a list of ${common.what}, none twice`, (value) =>
    Array.isArray(value) && value.length === 0 ? undefined : refusesNames(value),
  );
}

/** A selection from a fixed list. */
export function selection(
  common: Common<readonly string[]> & { readonly values: readonly string[] },
): Option<readonly string[]> {
  const { values } = common;
  return option(
    common,
    `a list of ${values.map((value) => JSON.stringify(value)).join(', ')}, at least one, none twice`,
    (value) => {
      const other = Array.isArray(value) ? value.find((name) => !values.includes(name)) : undefined;
      return other === undefined ? refusesNames(value) : `the list holds ${shown(other)}`;
    },
  );
}

/** "all", or a list whose entries have a form of their own; `refuses`: why an entry has not. */
export function allOrNames(
  common: Common<'all' | readonly string[]> & {
    readonly what: string;
    readonly refuses: (entry: string) => string | undefined;
  },
): Option<'all' | readonly string[]> {
  return option(common, `"all" or a list of ${common.what}, at least one, none twice`, (value) => {
    if (value === 'all') return undefined;
    const reason = refusesNames(value);
    if (reason !== undefined) return reason;
    return (value as string[]).map(common.refuses).find((refused) => refused !== undefined);
  });
}

/**
 * What `symbols` of an exchange means: "all", or a list of names, patterns and exclusions. Pure; used by the supervisor.
 *
 *   BTC-USD        this symbol, as the exchange names it
 *   *-USD          every symbol whose name matches: `*` stands for any text, `?` for one character
 *   quote:USD      every symbol with this quote asset, base:BTC with this base asset; patterns are allowed here, too
 *   !USDT-USD      none of what follows the mark, whatever else names it; a list of these alone begins with everything
 */
import { didYouMean } from '../base/did_you_mean.js';

/** As an exchange lists it. */
export interface Listed {
  readonly native: string;
  readonly base: string;
  readonly quote: string;
}

type Test = (symbol: Listed) => boolean;

const FIELD = /^(base|quote):(.+)$/;

export interface SymbolSelection {
  /** names without a pattern, in the order given: what can be captured without a list */
  readonly names: readonly string[];
  /** whether a list is needed to know everything that is meant */
  readonly needsList: boolean;
  /** patterns and "all" */
  readonly matches: Test;
  readonly excludes: Test;
}

/** `*` and `?` as in file names. */
function glob(pattern: string): (text: string) => boolean {
  if (!/[*?]/.test(pattern)) return (text) => text === pattern;
  const escaped = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  const expression = new RegExp(`^${escaped}$`, 'su');
  return (text) => expression.test(text);
}

function testOf(entry: string): Test {
  const [, field, pattern] = FIELD.exec(entry) ?? [];
  if (field === undefined) {
    const test = glob(entry);
    return ({ native }) => test(native);
  }
  const test = glob(pattern);
  return (symbol) => test(symbol[field as 'base' | 'quote']);
}

const any =
  (tests: readonly Test[]): Test =>
  (symbol) =>
    tests.some((test) => test(symbol));

function isPattern(entry: string): boolean {
  return /[*?]/.test(entry) || FIELD.test(entry);
}

export function selectionOf(symbols: 'all' | readonly string[]): SymbolSelection {
  if (symbols === 'all') return { names: [], needsList: true, matches: () => true, excludes: () => false };
  const excluded = symbols.filter((entry) => entry.startsWith('!')).map((entry) => entry.slice(1));
  const included = symbols.filter((entry) => !entry.startsWith('!'));
  const patterns = included.filter(isPattern);
  const names = included.filter((entry) => !isPattern(entry));
  const everything = included.length === 0;
  return {
    names,
    needsList: everything || patterns.length > 0,
    matches: everything ? () => true : any(patterns.map(testOf)),
    excludes: any(excluded.map(testOf)),
  };
}

/** Why an entry of the option cannot be meant; undefined when it can. */
export function refusesEntry(entry: string): string | undefined {
  const body = entry.startsWith('!') ? entry.slice(1) : entry;
  return body === '' || body.startsWith('!') || /^(base|quote):$/.test(body)
    ? `${JSON.stringify(entry)} names nothing`
    : undefined;
}

/** A sentence about a name that is not in the list. */
export function unknownText(name: string, listed: Iterable<string>): string {
  const meant = didYouMean(name, [...listed]);
  return meant === undefined ? `${name} is not listed` : `${name} is not listed; did you mean ${meant}?`;
}

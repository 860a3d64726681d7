/**
 * The sections `[sinks.<name>]`: what every sink can be told, and with it what its type can. Names are free and types are
 * found in src/sinks, so which sections there are is known only when the file has been read.
 */
import { didYouMean } from '../base/did_you_mean.js';
import { TABLES } from '../schema/tables.js';
import { refusesEntry } from '../symbols/selection.js';
import { allOrNames, beginning, choice, integer, number, type Option } from './kinds.js';
import { isTree, type Tree } from './toml.js';

type Options = Readonly<Record<string, Option<unknown>>>;

/** A type of sinks as the configuration sees it. */
export interface SinkKind {
  readonly type: string;
  readonly doc: string;
  readonly options: Options;
  /** sizes of a batch that suit the target */
  readonly batch: { readonly rows: number; readonly bytes: number; readonly secs: number };
  /** where a new one begins */
  readonly from: 'start' | 'now';
}

/** What a sink may be told. */
export interface SinkChoices {
  readonly sinks: readonly SinkKind[];
  readonly exchanges: readonly { readonly id: string }[];
}

export const SINKS = 'sinks';
/** It is part of file names; no option of the section itself has a dash or no underscore. */
const NAME = /^[a-z0-9]+(-[a-z0-9]+)*$/;

function oneOf(known: readonly string[]): (entry: string) => string | undefined {
  return (entry) =>
    known.includes(entry) ? undefined : `${JSON.stringify(entry)} is none of ${known.join(', ')}`;
}

/** What every sink can be told; `batch` and `from`: what suits its type. */
function commonOptions({ sinks, exchanges }: SinkChoices, { type, batch, from }: SinkKind) {
  const all = 'all' as 'all' | readonly string[];
  return {
    type: choice({
      default: type,
      values: sinks.map((kind) => kind.type),
      applies: 'reload',
      doc: 'What it delivers to.',
    }),
    from: beginning({
      default: from,
      applies: 'reload',
      doc: 'Where a new sink begins: with everything that is on disk, with what comes from now on, or with what was received since a time. Later it goes on where it was; `logger sinks rewind` sends it back.',
    }),
    exchanges: allOrNames({
      default: all,
      what: 'exchanges',
      refuses: oneOf(exchanges.map(({ id }) => id)),
      applies: 'reload',
      doc: 'Exchanges whose rows it gets.',
    }),
    symbols: allOrNames({
      default: all,
      what: 'symbols, as their exchange names them or normalized, or patterns of them',
      refuses: refusesEntry,
      applies: 'reload',
      doc: 'Symbols whose rows it gets; patterns as in the `symbols` of an exchange.',
    }),
    tables: allOrNames({
      default: all,
      what: 'tables',
      refuses: oneOf(TABLES.map(({ name }) => name)),
      applies: 'reload',
      doc: 'Tables whose rows it gets.',
    }),
    batch_rows: integer({
      default: batch.rows,
      min: 1,
      max: 1_000_000,
      applies: 'reload',
      doc: 'Rows that are delivered together.',
    }),
    batch_bytes: integer({
      default: batch.bytes,
      min: 4096,
      max: 268_435_456,
      applies: 'reload',
      doc: 'Bytes of records, as in the journal, that are delivered together.',
    }),
    batch_secs: number({
      default: batch.secs,
      min: 0.001,
      max: 3600,
      applies: 'reload',
      doc: 'Seconds that a row waits for others to be delivered with it.',
    }),
  };
}

export function sinkOptions(choices: SinkChoices, kind: SinkKind): Options {
  return { ...commonOptions(choices, kind), ...kind.options };
}

type Values<O> = { readonly [K in keyof O]: O[K] extends Option<infer T> ? T : never };

/** A section in force; the options of its type are those that the type declares. */
export type SinkConfig = Values<ReturnType<typeof commonOptions>> & Readonly<Record<string, unknown>>;

export interface FoundSinks {
  /** the type of each section, by name */
  readonly kinds: ReadonlyMap<string, SinkKind>;
  /** what is wrong with a section whose type is not known, by its name */
  readonly problems: ReadonlyMap<string, string>;
}

/** The sinks that a file has. */
export function findSinks(tree: Tree, { sinks }: SinkChoices): FoundSinks {
  const found = new Map<string, SinkKind>();
  const problems = new Map<string, string>();
  const sections = tree[SINKS];
  for (const [name, section] of Object.entries(isTree(sections) ? sections : {})) {
    if (!isTree(section)) continue;
    const kind = sinks.find(({ type }) => type === section['type']);
    const problem = kind === undefined ? typeProblem(`${SINKS}.${name}`, section['type'], sinks) : undefined;
    if (!NAME.test(name))
      problems.set(
        name,
        `the name of a sink is made of small letters, digits and dashes: ${JSON.stringify(name)}`,
      );
    else if (problem !== undefined) problems.set(name, problem);
    else found.set(name, kind as SinkKind);
  }
  return { kinds: found, problems };
}

function typeProblem(key: string, type: unknown, sinks: readonly SinkKind[]): string {
  const known = sinks.map((kind) => kind.type);
  const listed = known.map((name) => JSON.stringify(name)).join(', ');
  if (type === undefined) return `${key} lacks its type; write type = and one of ${listed}`;
  const meant = didYouMean(String(type), known);
  const hint = meant === undefined ? '' : `; did you mean ${JSON.stringify(meant)}?`;
  return `${key}.type must be one of ${listed}; it is ${JSON.stringify(type)}${hint}`;
}

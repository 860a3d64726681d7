/**
 * The exchanges, and what tests know of each: test/fixtures/<id>.json, messages with the rows worked out by hand from the
 * documentation. Tests that concern every exchange go over these, so that adding one needs no list to be edited.
 */
import { readFileSync } from 'node:fs';
import { loadExchanges } from '../../src/exchanges/index.js';
import type { Exchange } from '../../src/feed/exchange.js';

export type FixtureRow = Readonly<Record<string, string>>;

export interface Fixture {
  readonly name: string;
  readonly message: string;
  /** messages that have to come first, e.g. the snapshot that a change belongs to */
  readonly before?: readonly string[];
  /** what the REST interface answers to what these made the parser ask */
  readonly answer?: string;
  /** of a connection that carries these alone */
  readonly channels?: readonly string[];
  /** columns that matter, as text; a file writes a single one as `row` */
  readonly rows: readonly FixtureRow[];
}

export interface Fixtures {
  /** folder of its recordings, see corpus.ts */
  readonly recordings: string;
  /** native names that its messages are of */
  readonly symbols: readonly string[];
  /** tables whose rows templates write */
  readonly templates: readonly string[];
  /** the names that a trade has its values under */
  readonly trade: Readonly<Record<'symbol' | 'id' | 'price' | 'size' | 'time', string>>;
  readonly messages: readonly Fixture[];
}

export function readFixtures(id: string): Fixtures {
  const file = JSON.parse(readFileSync(`test/fixtures/${id}.json`, 'utf8')) as Omit<Fixtures, 'messages'> & {
    readonly messages: readonly (Fixture & { readonly row: FixtureRow })[];
  };
  return { ...file, messages: file.messages.map((each) => ({ ...each, rows: each.rows ?? [each.row] })) };
}

/** All exchanges, in the order of their ids. */
export const EXCHANGES: readonly Exchange[] = await loadExchanges();

/** Folders of the recordings of all exchanges. */
export const recordingFolders = (): string[] => [
  ...new Set(EXCHANGES.map(({ id }) => readFixtures(id).recordings)),
];

/** The first channel of each table, as a configuration names them. */
export function channelsOf({ channels }: Exchange): string[] {
  const names = new Map<string, string>();
  for (const [name, { table, interval }] of Object.entries(channels)) {
    const first = names.get(table.name) ?? name;
    names.set(table.name, interval === undefined ? first : 'klines');
  }
  return [...new Set(names.values())];
}

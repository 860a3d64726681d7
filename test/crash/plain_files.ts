/**
 * The column files of a data directory as plain arrays, read by what TABLES.md says of them and by nothing of src/: who
 * judges the logger must not share its mistakes.
 */
import { type Dirent, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

/** One table of one symbol on one day. */
export interface PlainDay {
  /** `coinbase/BTC-USD/TRADES` */
  readonly table: string;
  /** `30.11.26` */
  readonly stamp: string;
  readonly columns: ReadonlyMap<string, Buffer>;
  /** rows that every column has */
  readonly rows: number;
  /** columns do not end at the same row, or one within a row */
  readonly ragged: boolean;
}

/** A row of GAPS. */
export interface PlainGap {
  readonly table: number;
  readonly cause: number;
  readonly from_id: number;
  readonly to_id: number;
  /** seconds since 1970 */
  readonly from_time: number;
  readonly to_time: number;
  readonly messages: number;
  /** bit 0: what was listed before is there after all */
  readonly flags: number;
}

/** Ids of tables in GAPS, and the cause of rows that were lost with their files; all in TABLES.md. */
export const TABLE_IDS: Readonly<Record<string, number>> = { MD: 1, TRADES: 2, BBO: 3 };
export const DISK = 5;
/** Bytes of a value of each column. */
const WIDTHS = new Map(
  [...readFileSync('TABLES.md', 'utf8').matchAll(/^\| `(\w+)` \| \w+ \| (\d+) \|/gm)].map(
    ([, name, bytes]) => [name, Number(bytes)],
  ),
);
const COLUMN_FILE = /^(\w+)\.(\d\d\.\d\d\.\d\d)\.bin$/;

export function widthOf(column: string): number {
  return WIDTHS.get(column) as number;
}

const entriesOf = (folder: string): Dirent[] => readdirSync(folder, { withFileTypes: true });
const foldersOf = (folder: string): string[] =>
  entriesOf(folder)
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);

/** Every table-day by `coinbase/BTC-USD/TRADES 30.11.26`; links are not followed. */
export function readPlain(data: string): Map<string, PlainDay> {
  const days = new Map<string, PlainDay>();
  for (const exchange of foldersOf(data).filter((name) => !['journal', 'quarantine'].includes(name)))
    for (const symbol of foldersOf(join(data, exchange)))
      for (const table of foldersOf(join(data, exchange, symbol))) {
        const path = [exchange, symbol, table].join('/');
        for (const day of readDays(data, path)) days.set(`${path} ${day.stamp}`, day);
      }
  return days;
}

function readDays(data: string, table: string): PlainDay[] {
  const byDay = new Map<string, Map<string, Buffer>>();
  for (const entry of entriesOf(join(data, table))) {
    const [, column, stamp] = COLUMN_FILE.exec(entry.name) ?? [];
    if (!WIDTHS.has(column) || !entry.isFile()) continue;
    const columns = byDay.get(stamp) ?? new Map();
    byDay.set(stamp, columns.set(column, readFileSync(join(data, table, entry.name))));
  }
  return [...byDay].map(([stamp, columns]) => {
    const counts = [...columns].map(([name, bytes]) => bytes.length / widthOf(name));
    const rows = Math.floor(Math.min(...counts));
    return { table, stamp, columns, rows, ragged: counts.some((count) => count !== rows) };
  });
}

/** The values of an integer column; ids of the simulator are below 2^53. */
export function valuesOf(day: PlainDay, column: string, rows = day.rows): number[] {
  const bytes = day.columns.get(column);
  if (bytes === undefined) return [];
  const width = widthOf(column);
  return Array.from({ length: Math.min(rows, Math.floor(bytes.length / width)) }, (_, row) =>
    width === 8 ? Number(bytes.readBigUInt64LE(row * 8)) : bytes.readUInt32LE(row * 4),
  );
}

/** What GAPS says of one symbol, over all days. */
export function gapsOf(days: ReadonlyMap<string, PlainDay>, symbol: string): PlainGap[] {
  return [...days.values()]
    .filter(({ table }) => table === `${symbol}/GAPS`)
    .flatMap((day) => {
      const names = [
        'table',
        'cause',
        'from_id',
        'to_id',
        'from_time',
        'to_time',
        'messages',
        'flags',
      ] as const;
      const columns = names.map((name) => valuesOf(day, name));
      return Array.from(
        { length: day.rows },
        (_, row) =>
          Object.fromEntries(names.map((name, i) => [name, columns[i][row]])) as unknown as PlainGap,
      );
    });
}

/** Every file below a folder with its bytes, links as what they point to, for comparing two states of it. */
export function treeOf(folder: string): Map<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true });
  return new Map(
    files.map((entry) => {
      const path = join(entry.parentPath, entry.name);
      const kind = lstatSync(path);
      const content = entry.isFile() && basename(path) !== 'lock' ? readFileSync(path, 'latin1') : '';
      return [path.slice(folder.length + 1), `${kind.mode} ${content}`];
    }),
  );
}

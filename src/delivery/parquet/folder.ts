/**
 * Where Parquet files lie: `exchange=…/symbol=…/table=…/date=…/{native}.{first row}-{last row}.parquet`, folders as Hive
 * names them. A file holds consecutive rows, and its name says which: so the folder itself tells what has been delivered,
 * and nothing else has to be kept for it.
 */
import { join } from 'node:path';
import { encodeName } from '../../base/names.js';
import type { StoreIo } from '../../store/disk/io.js';
import { isoDay } from '../../store/disk/paths.js';
import type { Place } from '../place.js';

/** Rows by their numbers, both ends included. */
export interface RowRange {
  readonly first: number;
  readonly last: number;
}

const NUMBER_DIGITS = 10;

export function placeFolder(root: string, { exchange, symbol, table, day }: Place): string {
  const names = { exchange, symbol: encodeName(symbol), table: table.name, date: isoDay(day) };
  return join(root, ...Object.entries(names).map(([key, value]) => `${key}=${value}`));
}

export function fileName({ directory }: Place, { first, last }: RowRange): string {
  const [from, to] = [first, last].map((row) => String(row).padStart(NUMBER_DIGITS, '0'));
  return `${directory}.${from}-${to}.parquet`;
}

function rangeOf(name: string, { directory }: Place): RowRange | undefined {
  const match = /^(.+)\.(\d+)-(\d+)\.parquet$/.exec(name);
  if (match === null || match[1] !== directory) return undefined;
  return { first: Number(match[2]), last: Number(match[3]) };
}

/** Rows of a place that are in its files; ranges that touch are one. */
export function completeRows(io: StoreIo, root: string, place: Place): RowRange[] {
  const found = io
    .list(placeFolder(root, place))
    .map((name) => rangeOf(name, place))
    .filter((range) => range !== undefined)
    .sort((a, b) => a.first - b.first);
  const joined: RowRange[] = [];
  for (const range of found) {
    const before = joined.at(-1);
    if (before === undefined || range.first > before.last + 1) joined.push(range);
    else joined[joined.length - 1] = { first: before.first, last: Math.max(before.last, range.last) };
  }
  return joined;
}

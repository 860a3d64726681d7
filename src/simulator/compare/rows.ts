/**
 * Reads the column files of one table of one symbol as they lie on disk, all days in order, apart from the product's
 * own reader so that the comparison does not share its mistakes. Runs in the comparing process; used by compare.ts.
 */

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { LoggerError } from '../../base/errors.js';
import { encodeName } from '../../base/names.js';
import { isWrittenFor } from '../../schema/columns.js';
import type { Table } from '../../schema/layout.js';
import { columnFile, parseDayStamp, tableDirectory } from '../../store/disk/paths.js';

/** Rows of a table over all its days; every column as little-endian words (a f32 as its bits). */
export class StoredRows {
  readonly count: number;
  /** first row of each day, and the end */
  readonly day_starts: readonly number[];
  readonly #columns: ReadonlyMap<string, Uint32Array>;
  readonly #widths: ReadonlyMap<string, number>;

  constructor(
    count: number,
    day_starts: readonly number[],
    columns: ReadonlyMap<string, Uint32Array>,
    widths: ReadonlyMap<string, number>,
  ) {
    this.count = count;
    this.day_starts = day_starts;
    this.#columns = columns;
    this.#widths = widths;
  }

  has(column: string): boolean {
    return this.#columns.has(column);
  }

  /** Word `word` of the value; 0 when the column is not there. */
  word(column: string, row: number, word = 0): number {
    return this.#columns.get(column)?.[row * (this.#widths.get(column) ?? 1) + word] ?? 0;
  }

  /** Whether every row has one of these flags. */
  allFlagged(mask: number): boolean {
    return this.words('flags')?.every((flags) => (flags & mask) !== 0) ?? this.count === 0;
  }

  /** All words of a column, for loops. */
  words(column: string): Uint32Array | undefined {
    return this.#columns.get(column);
  }
}

const floats = new Float32Array(1);
const float_bits = new Uint32Array(floats.buffer);
const doubles = new Float64Array(1);
const double_words = new Uint32Array(doubles.buffer);

function exactCompare(digits: number, scale: number, value: number): number {
  // value = mantissa × 2^exponent exactly
  let mantissa = value;
  let exponent = 0;
  while (!Number.isInteger(mantissa)) {
    mantissa *= 2;
    exponent--;
  }
  const left = BigInt(digits) << BigInt(-exponent);
  const right = BigInt(mantissa) * 10n ** BigInt(scale);
  return left === right ? 0 : left > right ? 1 : -1;
}

/** The bits of the f32 nearest to `digits` × 10^-`scale`, ties to even; digits below 2^53, scale up to 22. */
export function f32BitsOf(digits: number, scale: number): number {
  const value = digits / 10 ** scale;
  doubles[0] = value;
  floats[0] = value;
  // rounding twice goes wrong only when the double lies exactly half-way between two floats
  if ((double_words[0] & 0x1fffffff) !== 0x10000000) return float_bits[0];
  const order = exactCompare(digits, scale, value);
  if (order === 0) return float_bits[0];
  const rounded_up = floats[0] > value;
  if (order > 0 && !rounded_up) return float_bits[0] + 1;
  if (order < 0 && rounded_up) return float_bits[0] - 1;
  return float_bits[0];
}

/** Order ids lie in their files byte by byte, the highest first. */
export function swapBytes(word: number): number {
  return ((word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0;
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** Names below a directory; none when it does not exist. */
export function directoriesIn(path: string): string[] {
  return isDirectory(path) ? readdirSync(path).filter((name) => isDirectory(join(path, name))) : [];
}

/** Days of a table that have rows, ascending, by the files of its first column; empty ones are made ahead of time. */
function daysOf(directory: string, column: string): number[] {
  if (!isDirectory(directory)) return [];
  return readdirSync(directory)
    .filter((name) => name.startsWith(`${column}.`) && name.endsWith('.bin'))
    .filter((name) => statSync(join(directory, name)).size > 0)
    .map((name) => parseDayStamp(name.slice(column.length + 1, -'.bin'.length)))
    .filter((day) => day !== undefined)
    .sort((a, b) => a - b);
}

/** Reads every column that exists; throws DATA_UNREADABLE when the files of a day do not agree in length. */
export function readRows(dataPath: string, exchange: string, symbol: string, table: Table): StoredRows {
  const directory = tableDirectory(dataPath, exchange, encodeName(symbol), table.name);
  const days = daysOf(directory, table.columns[0].name);
  const parts = new Map<string, Uint8Array[]>();
  const day_starts = [0];
  let count = 0;
  for (const day of days) {
    let rows = -1;
    for (const column of table.columns) {
      const { name, bytes, exact } = column;
      if (!isWrittenFor(exchange, column)) continue;
      const path = join(directory, columnFile(name, day));
      if (exact === true && statSync(path, { throwIfNoEntry: false }) === undefined) continue;
      const file = readFileSync(path);
      if (rows < 0) rows = file.length / bytes;
      if (file.length !== rows * bytes) {
        throw new LoggerError(
          'DATA_UNREADABLE',
          `${path} has ${file.length} bytes instead of ${rows * bytes}: compare when the logger has stopped`,
        );
      }
      const list = parts.get(name) ?? [];
      parts.set(name, list);
      list.push(file);
    }
    count += rows;
    day_starts.push(count);
  }
  const columns = new Map<string, Uint32Array>();
  for (const { name, bytes } of table.columns) {
    const list = parts.get(name);
    if (list === undefined) continue;
    const whole = Buffer.concat(list);
    if (whole.length !== count * bytes)
      throw new LoggerError('DATA_UNREADABLE', `${directory}: column ${name} is missing on some days`);
    columns.set(name, new Uint32Array(whole.buffer.slice(whole.byteOffset, whole.byteOffset + whole.length)));
  }
  return new StoredRows(count, day_starts, columns, new Map(table.columns.map((c) => [c.name, c.words])));
}

/**
 * Reads the column files: which table-days exist, and their columns as typed arrays, by range or by blocks of rows.
 * Runs in commands and pool tasks, never in a capture: all I/O is synchronous. It may read while the logger
 * writes: columns are appended one after the other, so the shortest column says how many rows are whole.
 */
import { closeSync, lstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { endianness } from 'node:os';
import { join } from 'node:path';
import { assert, LoggerError, messageOf } from '../../base/errors.js';
import { decodeName, encodeName } from '../../base/names.js';
import type { Column, ColumnType } from '../../schema/columns.js';
import type { Table } from '../../schema/layout.js';
import { TABLES, tableByName } from '../../schema/tables.js';
import { isOfPath } from '../disk/io.js';
import {
  columnFile,
  isoDay,
  parseChecksumsFile,
  parseColumnFile,
  RESERVED_FOLDERS,
  tableDirectory,
} from '../disk/paths.js';
import { CHECKPOINT_FILE, JOURNAL_FOLDER, parseSegmentFile } from '../journal/format.js';

assert(endianness() === 'LE', 'column files are little-endian and are read without conversion');

/** One table of one symbol on one UTC day. */
export interface TableDay {
  readonly exchange: string;
  /** native symbol */
  readonly symbol: string;
  /** folder of its files */
  readonly directory: string;
  readonly table: Table;
  /** days since 1970-01-01 UTC */
  readonly day: number;
  /** rows that every present column holds */
  readonly rows: number;
  /** columns that have a file, in the order of the table */
  readonly columns: readonly string[];
  /** the columns differ in length or end within a value: being written, or damaged */
  readonly ragged: boolean;
}

/** Narrows a listing; names are compared exactly. */
export interface TableDayFilter {
  readonly exchange?: string;
  readonly symbol?: string;
  readonly table?: string;
  readonly day?: number;
}

export interface ColumnArrays {
  u32: Uint32Array<ArrayBuffer>;
  f32: Float32Array<ArrayBuffer>;
  u64: BigUint64Array<ArrayBuffer>;
  /** 16 bytes a row */
  uuid: Uint8Array<ArrayBuffer>;
}
export type ColumnArray = ColumnArrays[ColumnType];

/** Consecutive rows of a table-day. */
export interface Block {
  readonly tableDay: TableDay;
  /** number of its first row within the table-day */
  readonly fromRow: number;
  readonly rows: number;
  readonly columns: Readonly<Record<string, ColumnArray>>;
}

/** Rows of a block by default: 64 Ki rows of the widest column are 1 MiB. */
export const BLOCK_ROWS = 65_536;

/** Names within a folder, of folders alone or of everything; none when it is a file or went away meanwhile. */
function entries(directory: string, foldersAlone = false): string[] {
  try {
    // links are not followed below the data directory
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => !foldersAlone || entry.isDirectory())
      .map(({ name }) => name)
      .sort();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOTDIR' || code === 'ENOENT') return [];
    throw new LoggerError('DATA_UNREADABLE', `cannot list ${directory}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** What is in a data directory. Throws DATA_UNREADABLE when there is no such directory. */
function dataEntries(dataPath: string): string[] {
  try {
    return readdirSync(dataPath).sort();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') throw noData(`no data directory ${dataPath}`);
    if (code === 'ENOTDIR') throw noData(`${dataPath} is no directory`);
    throw new LoggerError('DATA_UNREADABLE', `cannot list ${dataPath}: ${messageOf(error)}`);
  }
}

function noData(what: string): LoggerError {
  return new LoggerError('DATA_UNREADABLE', `${what}; name the right one with --data or --config`);
}

/**
 * Throws DATA_UNREADABLE unless this is a directory of a capture: in a wrong one nothing would be found, not even
 * damage.
 */
export function requireData(dataPath: string): void {
  if (dataEntries(dataPath).length === 0) throw noData(`nothing was captured into ${dataPath}: it is empty`);
  if (!hasJournal(join(dataPath, JOURNAL_FOLDER)) && listExchanges(dataPath).length === 0)
    throw noData(`${dataPath} is no data directory: it holds neither a journal nor tables of an exchange`);
}

/** There is a journal, or something in its place that its readers have to report. */
function hasJournal(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return false;
  if (!found.isDirectory()) return true;
  return entries(path).some((name) => name === CHECKPOINT_FILE || parseSegmentFile(name) !== undefined);
}

/** Exchanges that have data, by name. Throws DATA_UNREADABLE when there is no such directory. */
export function listExchanges(dataPath: string): string[] {
  return dataEntries(dataPath).filter(
    (name) =>
      !RESERVED_FOLDERS.has(name) && listSymbols(dataPath, name).some((s) => hasTable(dataPath, name, s)),
  );
}

/** Native symbols that have a folder under an exchange, by name. */
export function listSymbols(dataPath: string, exchange: string): string[] {
  return entries(join(dataPath, exchange), true).flatMap((name) => decodeName(name) ?? []);
}

/** Tables that a symbol has, in the order of their declaration. */
export function listTables(dataPath: string, exchange: string, symbol: string): Table[] {
  return tablesIn(dataPath, exchange, encodeName(symbol));
}

/** The same of a symbol's folder; most symbols have few of all tables, and looking for each of them costs a start seconds. */
export function tablesIn(dataPath: string, exchange: string, symbolName: string): Table[] {
  const names = new Set(entries(join(dataPath, exchange, symbolName), true));
  return TABLES.filter((table) => names.has(table.name));
}

function hasTable(dataPath: string, exchange: string, symbol: string): boolean {
  return listTables(dataPath, exchange, symbol).length > 0;
}

/** Days with at least one column file, or a checksum file that says there was one, in a table's folder, ascending. */
export function listDays(directory: string, table: Table): number[] {
  const names = new Set(table.columns.map((c) => c.name));
  const days = new Set<number>();
  for (const entry of entries(directory)) {
    const file = parseColumnFile(entry);
    const day = file === undefined ? parseChecksumsFile(entry) : file.day;
    if (day !== undefined && (file === undefined || names.has(file.column))) days.add(day);
  }
  return [...days].sort((a, b) => a - b);
}

/** Bytes of every column file that exists for a table-day. */
export function columnSizes(directory: string, table: Table, day: number): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const { name } of table.columns) {
    const stat = lstatSync(join(directory, columnFile(name, day)), { throwIfNoEntry: false });
    if (stat?.isFile()) sizes.set(name, stat.size);
  }
  return sizes;
}

/** Measures the files of one table-day as they are now. */
export function tableDayAt(
  place: Pick<TableDay, 'exchange' | 'symbol' | 'directory' | 'table' | 'day'>,
): TableDay {
  const { exchange, symbol, directory, table, day } = place;
  const sizes = columnSizes(directory, table, day);
  const present = table.columns.filter((c) => sizes.has(c.name));
  const counts = present.map((c) => sizes.get(c.name)! / c.bytes);
  const rows = counts.length === 0 ? 0 : Math.floor(Math.min(...counts));
  return {
    exchange,
    symbol,
    directory,
    table,
    day,
    rows,
    columns: present.map((c) => c.name),
    ragged: counts.some((count) => count !== rows),
  };
}

/** Whether every column has its file: the first rows of a day may not have got that far. */
export function isWhole({ table, columns }: TableDay): boolean {
  const exact = table.columns.some((column) => column.exact && columns.includes(column.name));
  return table.columns.every(
    (column) => (column.exact && !exact) || column.own === true || columns.includes(column.name),
  );
}

/**
 * Table-days under a data directory, sorted by exchange, symbol, table and day. What is not a column file of a known
 * table is passed over. Throws DATA_UNREADABLE when the directory does not exist.
 */
export function listTableDays(dataPath: string, filter: TableDayFilter = {}): TableDay[] {
  const found: TableDay[] = [];
  for (const exchange of listExchanges(dataPath)) {
    if (filter.exchange !== undefined && exchange !== filter.exchange) continue;
    for (const symbol of listSymbols(dataPath, exchange)) {
      if (filter.symbol !== undefined && symbol !== filter.symbol) continue;
      for (const table of listTables(dataPath, exchange, symbol)) {
        if (filter.table !== undefined && table !== tableByName(filter.table)) continue;
        const directory = tableDirectory(dataPath, exchange, encodeName(symbol), table.name);
        for (const day of listDays(directory, table)) {
          if (filter.day !== undefined && day !== filter.day) continue;
          found.push(tableDayAt({ exchange, symbol, directory, table, day }));
        }
      }
    }
  }
  return found;
}

/** A table-day in messages, e.g. `coinbase BTC-USD TRADES 2026-11-21`. */
export function tableDayName(place: { exchange: string; symbol: string; table: Table; day: number }): string {
  return `${place.exchange} ${place.symbol} ${place.table.name} ${isoDay(place.day)}`;
}

interface OpenColumn {
  readonly column: Column;
  readonly file: string;
  readonly fd: number;
}

function openColumns(tableDay: TableDay, names: readonly string[]): OpenColumn[] {
  const open: OpenColumn[] = [];
  try {
    for (const name of names) {
      const column = tableDay.table.columns.find((c) => c.name === name);
      if (column === undefined || !tableDay.columns.includes(name)) {
        throw new LoggerError(
          'DATA_UNREADABLE',
          `${tableDayName(tableDay)} has no column ${name}; its columns: ${tableDay.columns.join(', ')}`,
        );
      }
      const file = join(tableDay.directory, columnFile(name, tableDay.day));
      open.push({ column, file, fd: openSync(file, 'r') });
    }
    return open;
  } catch (error) {
    closeColumns(open);
    throw error;
  }
}

function closeColumns(open: readonly OpenColumn[]): void {
  for (const { fd } of open) closeSync(fd);
}

function readFully({ fd, file }: OpenColumn, target: Uint8Array, position: number): void {
  let done = 0;
  while (done < target.length) {
    const count = readSync(fd, target, done, target.length - done, position + done);
    if (count === 0) {
      throw new LoggerError(
        'DATA_UNREADABLE',
        `${file} ends at byte ${position + done}: it was cut meanwhile`,
      );
    }
    done += count;
  }
}

function arrayOf(type: ColumnType, buffer: ArrayBuffer, rows: number): ColumnArray {
  switch (type) {
    case 'u32':
      return new Uint32Array(buffer, 0, rows);
    case 'f32':
      return new Float32Array(buffer, 0, rows);
    case 'u64':
      return new BigUint64Array(buffer, 0, rows);
    case 'uuid':
      return new Uint8Array(buffer, 0, rows * 16);
  }
}

function readRange(
  open: readonly OpenColumn[],
  buffers: readonly ArrayBuffer[],
  fromRow: number,
  rows: number,
): Record<string, ColumnArray> {
  const columns: Record<string, ColumnArray> = {};
  open.forEach((one, i) => {
    const { name, type, bytes } = one.column;
    readFully(one, new Uint8Array(buffers[i]!, 0, rows * bytes), fromRow * bytes);
    columns[name] = arrayOf(type, buffers[i]!, rows);
  });
  return columns;
}

/**
 * Rows `fromRow` (inclusive) to `toRow` (exclusive) of the named columns, all present ones by default. Reads only
 * these bytes. Throws DATA_UNREADABLE for a column without a file.
 */
export function readColumns(
  tableDay: TableDay,
  names: readonly string[] = tableDay.columns,
  fromRow = 0,
  toRow: number = tableDay.rows,
): Block {
  const rows = Math.max(0, Math.min(toRow, tableDay.rows) - fromRow);
  const open = openColumns(tableDay, names);
  try {
    const buffers = open.map(({ column }) => new ArrayBuffer(rows * column.bytes));
    return { tableDay, fromRow, rows, columns: readRange(open, buffers, fromRow, rows) };
  } finally {
    closeColumns(open);
  }
}

export interface BlockOptions {
  readonly blockRows?: number;
  readonly fromRow?: number;
  /** exclusive */
  readonly toRow?: number;
}

/**
 * The same in blocks of rows with a fixed amount of memory. The arrays of a block are valid until the next one is
 * asked for: their buffers are used again.
 */
export function* readBlocks(
  tableDay: TableDay,
  names: readonly string[] = tableDay.columns,
  { blockRows = BLOCK_ROWS, fromRow = 0, toRow = tableDay.rows }: BlockOptions = {},
): Generator<Block> {
  const end = Math.min(toRow, tableDay.rows);
  if (fromRow >= end) return;
  const open = openColumns(tableDay, names);
  try {
    const capacity = Math.min(blockRows, end - fromRow);
    const buffers = open.map(({ column }) => new ArrayBuffer(capacity * column.bytes));
    for (let row = fromRow; row < end; row += capacity) {
      const rows = Math.min(capacity, end - row);
      yield { tableDay, fromRow: row, rows, columns: readRange(open, buffers, row, rows) };
    }
  } finally {
    closeColumns(open);
  }
}

// A column of a block as the array its type calls for; a wrong type is our own mistake.
export function u32Of(block: Block, name: string): Uint32Array<ArrayBuffer> {
  const values = block.columns[name];
  assert(values instanceof Uint32Array, `column ${name} was read as u32`);
  return values;
}

export function f32Of(block: Block, name: string): Float32Array<ArrayBuffer> {
  const values = block.columns[name];
  assert(values instanceof Float32Array, `column ${name} was read as f32`);
  return values;
}

export function u64Of(block: Block, name: string): BigUint64Array<ArrayBuffer> {
  const values = block.columns[name];
  assert(values instanceof BigUint64Array, `column ${name} was read as u64`);
  return values;
}

export function uuidOf(block: Block, name: string): Uint8Array<ArrayBuffer> {
  const values = block.columns[name];
  assert(values instanceof Uint8Array, `column ${name} was read as uuid`);
  return values;
}

/** Before a stream is taken up: files that are closed to us or lack a column hold nothing, and the writer sets them aside. */
export function usable<R>(read: () => R): R | undefined {
  try {
    return read();
  } catch (error) {
    if (isOfPath(error) || (error instanceof LoggerError && error.code === 'DATA_UNREADABLE'))
      return undefined;
    throw error;
  }
}

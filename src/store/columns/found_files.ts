/**
 * What stands where the files of a table-day belong, looked at before any of it is trusted: which columns the day began
 * with, how many rows all of them have, and how many the longest has. Throws Damaged for what no crash leaves behind: a
 * column that must be there and is not, a link or a folder in the place of a file, a file that may not be used. Writer
 * thread, and recovery.
 */
import { dirname } from 'node:path';
import { messageOf } from '../../base/errors.js';
import { type Column, isWrittenFor } from '../../schema/columns.js';
import type { Table } from '../../schema/layout.js';
import { FOREIGN, isOfPath, type StoreIo } from '../disk/io.js';
import { columnFile, literalsFile } from '../disk/paths.js';

/** The files of one table-day cannot be used; those of others can. */
export class Damaged extends Error {
  constructor(
    readonly path: string,
    what: string,
  ) {
    super(`${path} ${what}`);
  }
}

/** Where the files of a table-day lie. */
export interface FilesKey {
  readonly table: Table;
  readonly exchange: string;
  readonly day: number;
  readonly folder: string;
}

export interface FoundFiles {
  /** columns that the day began with, or begins with now */
  readonly columns: readonly Column[];
  /** rows that all of them have, and that the longest has */
  readonly rows: number;
  readonly longest: number;
  /** there are bytes behind the last row */
  readonly ragged: boolean;
  readonly textBytes: number;
}

export interface FindOptions {
  /** whether a day that begins now has the exact columns */
  readonly exact: boolean;
  /** a journal vouches for the files: a crash leaves none without rows where others have some */
  readonly journaled: boolean;
  /** rows of one flush at most: without a journal a crash may leave those of the first one in some columns only */
  readonly rowsMax: number;
}

export function pathOf({ folder, day }: FilesKey, column: string): string {
  return `${folder}/${columnFile(column, day)}`;
}

/** The folder of a table, symbol or exchange that is none, a link for example; undefined when all are in order. */
export function foreignFolder(io: StoreIo, folder: string): string | undefined {
  const symbol = dirname(folder);
  return [dirname(symbol), symbol, folder].find((path) => !['folder', 'none'].includes(io.kindOf(path)));
}

/** What makes the files of a table-day unusable, whatever rows they hold; undefined when they can be used. */
export function unusable(io: StoreIo, key: FilesKey): Damaged | undefined {
  try {
    expectFolders(io, key);
    for (const { name } of key.table.columns) usableSize(io, pathOf(key, name));
    usableSize(io, `${key.folder}/${literalsFile(key.day)}`);
    return undefined;
  } catch (error) {
    if (error instanceof Damaged) return error;
    throw error;
  }
}

function expectFolders(io: StoreIo, { folder }: FilesKey): void {
  const foreign = foreignFolder(io, folder);
  if (foreign !== undefined) throw new Damaged(foreign, 'is no folder of ours: links are not followed');
}

export function findFiles(io: StoreIo, key: FilesKey, options: FindOptions): FoundFiles {
  expectFolders(io, key);
  const written = key.table.columns.filter((column) => isWrittenFor(key.exchange, column));
  const sizes = new Map(written.map(({ name }) => [name, usableSize(io, pathOf(key, name))]));
  const sizeOf = (column: Column) => sizes.get(column.name) as number;
  const rowsOf = (column: Column) => Math.floor(sizeOf(column) / column.bytes);
  const columns = columnsBegun(key, written, rowsOf, options);
  const counts = columns.map(rowsOf);
  const rows = Math.min(...counts);
  return {
    columns,
    rows,
    longest: Math.max(...counts),
    ragged: columns.some((column) => sizeOf(column) !== rows * column.bytes),
    textBytes: usableSize(io, `${key.folder}/${literalsFile(key.day)}`),
  };
}

/** Size of a file that can be opened for writing, 0 without a file; one without rows shows at its first write. */
function usableSize(io: StoreIo, path: string): number {
  const size = io.sizeOf(path);
  if (size === FOREIGN) throw new Damaged(path, 'is no file of ours: a link, a folder, or closed to us');
  if (size <= 0) return 0;
  try {
    io.close(io.openExisting(path));
  } catch (error) {
    if (isOfPath(error)) throw new Damaged(path, `cannot be used: ${messageOf(error)}`);
    throw error;
  }
  return size;
}

/** Only the exact columns may be absent, all of them together. */
function columnsBegun(
  key: FilesKey,
  written: readonly Column[],
  rowsOf: (column: Column) => number,
  options: FindOptions,
): readonly Column[] {
  const plain = written.filter(({ exact }) => !exact);
  const begun = written.filter((column) => rowsOf(column) > 0);
  if (begun.length === 0) return options.exact ? written : plain;
  const exact = begun.some((column) => column.exact) || (options.exact && !plain.every(rowsOf));
  const columns = exact ? written : plain;
  const empty = columns.findIndex((column) => rowsOf(column) === 0);
  if (empty < 0 || isFirstFlush(columns.map(rowsOf), empty, options)) return columns;
  throw new Damaged(pathOf(key, columns[empty].name), 'has no rows, but other columns of the day have');
}

/** Columns are written one after the other: whether a kill within the first flush leaves these rows by column. */
function isFirstFlush(rows: readonly number[], empty: number, { journaled, rowsMax }: FindOptions): boolean {
  return !journaled && rows.every((count, i) => count <= rowsMax && (i < empty || count === 0));
}

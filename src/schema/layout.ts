/**
 * Derives the byte layout of a record from a table's declaration. A record is what a ring, the journal and the
 * writer carry; all of it is little-endian 4-byte words:
 *
 *   word 0   size of the record in words (bits 0-15) · table id (bits 16-23)
 *   word 1   stream: index of (exchange, native symbol)
 *   word 2   day the row belongs to, in days since 1970-01-01 UTC, fixed when it was parsed
 *   word 3…  the columns of the table in declared order
 *
 * Table id 0 is padding up to the end of the ring.
 */
import { crc32 } from 'node:zlib';
import { assert } from '../base/errors.js';
import { RECORD_WORDS_MAX } from '../base/limits.js';
import { COLUMN_TYPES, type Column, type ColumnSpec, type ColumnType } from './columns.js';
import { MISSING_SHIFT } from './flags.js';

export const HEADER_WORDS = 3;
export const STREAM_WORD = 1;
export const DAY_WORD = 2;
export const PADDING_TABLE_ID = 0;

export type ColumnSpecs = Readonly<Record<string, ColumnSpec>>;

export interface TableSpec<C extends ColumnSpecs> {
  readonly id: number;
  readonly name: string;
  readonly doc: string;
  /** names of the seconds and nanoseconds columns that decide the day; whole seconds may be all there is */
  readonly time: readonly [keyof C & string] | readonly [keyof C & string, keyof C & string];
  /** names of the numbers whose exact digits are kept as `{name}_digits`; the position is the byte in the scales */
  readonly exactNumbers: readonly string[];
  readonly columns: C;
}

export interface Table<C extends ColumnSpecs = ColumnSpecs> {
  readonly id: number;
  readonly name: string;
  readonly doc: string;
  readonly time: readonly string[];
  readonly exactNumbers: readonly string[];
  readonly columns: readonly Column[];
  /** word of each column within the record */
  readonly at: { readonly [K in keyof C]: number };
  /** mask in `flags` that says an optional column was missing */
  readonly missing: { readonly [K in keyof C]: number };
  /** word 0 of each of its records */
  readonly headerWord: number;
  /** size of a record */
  readonly words: number;
}

export function recordWords(headerWord: number): number {
  return headerWord & 0xffff;
}

export function recordTableId(headerWord: number): number {
  return (headerWord >>> 16) & 0xff;
}

/** Word 0 of a record. */
export function headerWord(tableId: number, words: number): number {
  return words | (tableId << 16);
}

/** Gives every column its place; the order of declaration is the order in the record. */
export function deriveTable<const C extends ColumnSpecs>(spec: TableSpec<C>): Table<C> {
  const columns: Column[] = [];
  const at: Record<string, number> = {};
  const missing: Record<string, number> = {};
  let word = HEADER_WORDS;
  let optionals = 0;
  for (const [name, column] of Object.entries<ColumnSpec>(spec.columns)) {
    const { words } = COLUMN_TYPES[column.type];
    const { type, doc, exact, own, optional } = column;
    // all of one shape: they are read for every batch of rows
    columns.push({ name, type, doc, exact, own, optional, word, words, bytes: words * 4 });
    at[name] = word;
    missing[name] = column.optional ? 1 << (MISSING_SHIFT + optionals++) : 0;
    word += words;
  }
  assert(optionals <= 32 - MISSING_SHIFT, `${spec.name}: every optional column has a bit in flags`);
  assert(word <= RECORD_WORDS_MAX && spec.id > 0 && spec.id < 255, `${spec.name}: record fits`);
  for (const name of spec.exactNumbers) assert(`${name}_digits` in at, `${spec.name}: ${name}_digits exists`);
  for (let i = 0; i < spec.exactNumbers.length; i++)
    assert(scalesColumn(i) in at, `${spec.name}: every exact number has a byte for its decimals`);
  return {
    id: spec.id,
    name: spec.name,
    doc: spec.doc,
    time: spec.time,
    exactNumbers: spec.exactNumbers,
    columns,
    // copies, because V8 keeps what grew by so many computed names as a hash table, and these are read for every row
    at: { ...at } as Table<C>['at'],
    missing: { ...missing } as Table<C>['missing'],
    headerWord: headerWord(spec.id, word),
    words: word,
  };
}

const NUMBERS_PER_SCALES = 4;

/** Name of the column that holds the decimals of the exact number at `position`. */
export function scalesColumn(position: number): 'scales' | 'scales_high' {
  assert(position < 2 * NUMBERS_PER_SCALES, 'a table has at most eight exact numbers');
  return position < NUMBERS_PER_SCALES ? 'scales' : 'scales_high';
}

/** Its byte in that column, from the lowest. */
export function scalesByte(position: number): number {
  return position % NUMBERS_PER_SCALES;
}

/** Fingerprint of everything that decides how bytes are read: a journal with another one is never misread. */
export function layoutHash(tables: readonly Table[]): number {
  const text = tables
    .map(
      (t) =>
        `${t.id}:${t.name}(${t.columns.map((c) => `${c.name} ${c.type satisfies ColumnType}`).join(',')})`,
    )
    .join(';');
  return crc32(text);
}

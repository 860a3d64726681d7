/**
 * The fields of a row as targets get them, derived from the declaration of its table: seconds and nanoseconds are one
 * time, a number and its digits are one exact number, a missing value is null. What a target makes of a table (columns,
 * schemas, keys of JSON) is a loop over these.
 */
import { type Column, isWrittenFor } from '../schema/columns.js';
import type { Table } from '../schema/layout.js';
import { BOOK, BOOK_SIDE, TABLES } from '../schema/tables.js';
import { textOfF32 } from '../store/read/decimals.js';
import { type NumberRole, rolesOf } from '../store/read/roles.js';
import { namesOfNumbers } from '../store/read/row_text.js';
import type { RecordView } from './record_view.js';

/**
 * time: ns since 1970, a whole number of seconds where the column has no nanoseconds · decimal: an exact decimal number of
 * any length · float: a number of which only a single is kept · u32, u64: whole numbers · uuid · name: one of a few words
 */
export type FieldKind = 'time' | 'decimal' | 'float' | 'u32' | 'u64' | 'uuid' | 'name';

export interface Field {
  /** as the column, but for one of GAPS whose name is taken by what names the row */
  readonly name: string;
  readonly kind: FieldKind;
  readonly doc: string;
  /** whether a row may lack it */
  readonly nullable: boolean;
  /** word of the column in a record */
  readonly word: number;
  /** of a time with nanoseconds, their word; otherwise -1 */
  readonly nanosWord: number;
  /** whether the rows of an exchange can have it */
  readonly isIn: (exchange: string) => boolean;
  /** the value as exact text, times as ISO 8601; null when it is missing */
  readonly text: (view: RecordView) => string | null;
}

/** Nanoseconds since 1970 of a field that is a time; null when it is missing. */
export function nanosOf({ word, nanosWord }: Field, view: RecordView): bigint | null {
  const seconds = view.u32(word);
  if (seconds === 0) return null;
  return BigInt(seconds) * 1_000_000_000n + BigInt(nanosWord < 0 ? 0 : view.u32(nanosWord));
}

/** What names a row for good and comes in front of its fields, the same in every target. */
export const ROW_KEY = {
  exchange: 'id of the exchange',
  symbol: "normalized name of the symbol, the exchange's own where there is none",
  native: "the exchange's own name of the symbol",
  table: `the table, one of ${TABLES.map(({ name }) => name).join(', ')}`,
  day: 'UTC day under which the row is filed, days since 1970',
  row: 'its number among the rows of exchange, native symbol, table and day, from 0',
} as const;

const HIGH_WORD = 4_294_967_296;
/** High words up to here make numbers that a double holds. */
const EXACT_HIGH = 2 ** 21;

/** The decimal text of a u64 from its halves, without a BigInt where a double holds it. */
export function u64Text(low: number, high: number): string {
  if (high < EXACT_HIGH) return String(high * HIGH_WORD + low);
  return String((BigInt(high) << 32n) | BigInt(low));
}

/** `digits` with the decimal point `scale` digits from its end. */
function withPoint(digits: string, scale: number): string {
  if (scale === 0) return digits;
  const text = digits.padStart(scale + 1, '0');
  return `${text.slice(0, -scale)}.${text.slice(-scale)}`;
}

type Text = Field['text'];

function decimalText(table: Table, column: Column, role: NumberRole): Text {
  const index = table.columns.indexOf(column);
  const digits = table.at[role.digits];
  const scales = table.at[role.scales];
  return (view) => {
    const text = view.texts?.get(index);
    if (text !== undefined) return text;
    if (!view.place.exact) return textOfF32(view.f32(column.word)) || null;
    const scale = (view.u32(scales) >>> (8 * role.byte)) & 0xff;
    return withPoint(u64Text(view.u32(digits), view.u32(digits + 1)), scale);
  };
}

/** The second that was written last, as text: nearly always the next one's, too. */
let known = { seconds: 0, text: '' };

function secondText(seconds: number): string {
  if (known.seconds !== seconds)
    known = { seconds, text: new Date(seconds * 1000).toISOString().slice(0, 19) };
  return known.text;
}

function timeText(word: number, nanosWord: number): Text {
  return (view) => {
    const seconds = view.u32(word);
    if (seconds === 0) return null;
    const text = secondText(seconds);
    return nanosWord < 0 ? `${text}Z` : `${text}.${String(view.u32(nanosWord)).padStart(9, '0')}Z`;
  };
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

function hexOf(word: number): string {
  return HEX[word & 0xff] + HEX[(word >>> 8) & 0xff] + HEX[(word >>> 16) & 0xff] + HEX[word >>> 24];
}

function uuidText(word: number): Text {
  return (view) => {
    const [a, b, c, d] = [view.u32(word), view.u32(word + 1), view.u32(word + 2), view.u32(word + 3)];
    if ((a | b | c | d) === 0) return null;
    const [second, third] = [hexOf(b), hexOf(c)];
    return `${hexOf(a)}-${second.slice(0, 4)}-${second.slice(4)}-${third.slice(0, 4)}-${third.slice(4)}${hexOf(d)}`;
  };
}

function nameText(word: number, nameOf: (value: number) => string): Text {
  return (view) => nameOf(view.u32(word));
}

const BOOK_SIDES = new Map(Object.entries(BOOK_SIDE).map(([name, id]): [number, string] => [id, name]));

/** As `logger read` prints them, but for the sides of books, which are not those of takers. */
function namesIn(table: Table, column: string): ((value: number) => string) | undefined {
  if (table.name === BOOK.name && rolesOf(table).sides.includes(column))
    return (value) => BOOK_SIDES.get(value) ?? String(value);
  return namesOfNumbers(table, column);
}

/** Kind and text of a column by itself. */
function readingOf(table: Table, column: Column): { kind: FieldKind; text: Text; nanosWord?: number } {
  const { name, word } = column;
  const roles = rolesOf(table);
  const role = roles.numbers.find(({ value }) => value === name);
  const names = namesIn(table, name);
  if (roles.times.has(name)) {
    const nanosWord = table.at[roles.times.get(name) ?? ''] ?? -1;
    return { kind: 'time', text: timeText(word, nanosWord), nanosWord };
  }
  if (role !== undefined) return { kind: 'decimal', text: decimalText(table, column, role) };
  if (names !== undefined) return { kind: 'name', text: nameText(word, names) };
  if (column.type === 'uuid') return { kind: 'uuid', text: uuidText(word) };
  if (column.type === 'f32') return { kind: 'float', text: (view) => textOfF32(view.f32(word)) || null };
  if (column.type === 'u64')
    return { kind: 'u64', text: (view) => u64Text(view.u32(word), view.u32(word + 1)) };
  return { kind: 'u32', text: (view) => String(view.u32(word)) };
}

/** Null where the message lacked the column, and where the exchange has none. */
function presentText(column: Column, missing: number, text: Text): Text {
  if (column.own === true)
    return (view) =>
      view.isMissing(missing) || !isWrittenFor(view.place.exchange, column) ? null : text(view);
  return missing === 0 ? text : (view) => (view.isMissing(missing) ? null : text(view));
}

function fieldOf(table: Table, column: Column): Field {
  const { kind, text, nanosWord = -1 } = readingOf(table, column);
  const missing = table.missing[column.name];
  return {
    ...{
      name: column.name in ROW_KEY ? `of_${column.name}` : column.name,
      kind,
      doc: column.doc,
      word: column.word,
      nanosWord,
    },
    nullable: column.optional === true || column.own === true || ['time', 'uuid', 'decimal'].includes(kind),
    isIn: (exchange) => isWrittenFor(exchange, column),
    text: presentText(column, missing, text),
  };
}

function derive(table: Table): readonly Field[] {
  const nanos = new Set(rolesOf(table).times.values());
  return table.columns
    .filter((column) => column.exact !== true && !nanos.has(column.name))
    .map((column) => fieldOf(table, column));
}

const derived = new Map<Table, readonly Field[]>();

/** The fields of the rows of a table, in the order of its columns. */
export function fieldsOf(table: Table): readonly Field[] {
  let fields = derived.get(table);
  if (fields === undefined) derived.set(table, (fields = derive(table)));
  return fields;
}

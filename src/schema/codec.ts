/**
 * One record as a plain object, for tests, tools and everything else that is not in a hurry. Columns of u64 become
 * BigInt, uuid 16 bytes.
 */
import { DAY_WORD, recordTableId, recordWords, STREAM_WORD } from './layout.js';
import { tableById } from './tables.js';
import { TEXT_AT, TEXT_TABLE_ID } from './text.js';

export type Value = number | bigint | Uint8Array;

export interface DecodedRow {
  readonly table: string;
  readonly stream: number;
  readonly day: number;
  readonly values: Readonly<Record<string, Value>>;
}

export interface DecodedText {
  readonly table: 'TEXT';
  readonly stream: number;
  readonly day: number;
  readonly kind: number;
  readonly tableId: number;
  readonly detail: number;
  readonly text: string;
}

/** The words [from, from + length) as a view on the bytes. */
function bytesOf(words: Uint32Array, from: number, byteLength: number): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset + from * 4, byteLength).slice();
}

/** Decodes the record at `index`; undefined for padding. Throws RangeError for an unknown table. */
export function decodeRecord(words: Uint32Array, index: number): DecodedRow | DecodedText | undefined {
  const id = recordTableId(words[index]);
  if (id === 0) return undefined;
  const stream = words[index + STREAM_WORD];
  const day = words[index + DAY_WORD];
  if (id === TEXT_TABLE_ID) {
    const text = Buffer.from(bytesOf(words, index + TEXT_AT.text, words[index + TEXT_AT.bytes])).toString(
      'utf8',
    );
    return {
      table: 'TEXT',
      stream,
      day,
      kind: words[index + TEXT_AT.kind],
      tableId: words[index + TEXT_AT.table],
      detail: words[index + TEXT_AT.detail],
      text,
    };
  }
  const table = tableById(id);
  if (table === undefined || table.words !== recordWords(words[index]))
    throw new RangeError(`no table with id ${id} and this size`);
  const values: Record<string, Value> = {};
  const view = new DataView(words.buffer, words.byteOffset + index * 4, table.words * 4);
  for (const column of table.columns) {
    const at = column.word * 4;
    if (column.type === 'u32') values[column.name] = view.getUint32(at, true);
    else if (column.type === 'f32') values[column.name] = view.getFloat32(at, true);
    else if (column.type === 'u64') values[column.name] = view.getBigUint64(at, true);
    else values[column.name] = bytesOf(words, index + column.word, 16);
  }
  return { table: table.name, stream, day, values };
}

/** All records of a run of words, padding left out. */
export function decodeRecords(words: Uint32Array, from: number, to: number): (DecodedRow | DecodedText)[] {
  const records: (DecodedRow | DecodedText)[] = [];
  for (let index = from; index < to; ) {
    const record = decodeRecord(words, index);
    if (record === undefined) break;
    records.push(record);
    index += recordWords(words[index]);
  }
  return records;
}

/** The number that digits and decimals stand for, e.g. (100000n, 8) is `0.00100000`. */
export function decimalText(digits: bigint, decimals: number): string {
  if (decimals === 0) return String(digits);
  const text = String(digits).padStart(decimals + 1, '0');
  return `${text.slice(0, -decimals)}.${text.slice(-decimals)}`;
}

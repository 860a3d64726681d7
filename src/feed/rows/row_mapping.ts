/**
 * The declaration of a row: which value of a message goes to which column. Exchanges write it, compile_row.ts and
 * templates.ts compile it. Cold.
 */
import { assert } from '../../base/errors.js';
import type { Table } from '../../schema/layout.js';

/**
 * What a column is made of; the numbers are fields of the object. A column that may be missing may lack its value, or have
 * one that means none (json/none.ts), and says so in `flags`; of the others decimals, ids and UUIDs are required.
 */
export type ColumnMapping =
  /**
   * a number with its exact digits, where the column has any; `positive`: zero is not believed; `zeroIsNone`: of a column
   * that may be missing, 0 says that it is, as quotes of a side without orders do
   */
  | { readonly decimal: number; readonly positive?: boolean; readonly zeroIsNone?: boolean }
  /** a whole number; `orZero`: where the column cannot be missing the value still can */
  | { readonly id: number; readonly orZero?: boolean }
  | { readonly uuid: number }
  /** what a string stands for; `other`, or 0, for every other one */
  | TextMapping
  /** what `false` and `true` stand for; 0 for everything else */
  | { readonly word: number; readonly values: readonly [no: number, yes: number] }
  /** what the first of these fields that is `true` stands for; 0 when none is */
  | { readonly firstTrue: readonly (readonly [field: number, value: number])[] };

export interface TextMapping {
  readonly text: number;
  readonly values: Readonly<Record<string, number>>;
  readonly other?: number;
}

/** The field of the event time, in milliseconds or microseconds or in ISO form; required unless `orReceipt`. */
export interface TimeMapping {
  readonly epoch?: number;
  readonly iso?: number;
  readonly orReceipt?: boolean;
  /** it is a field of the message, not of the object that becomes the row */
  readonly inEnvelope?: boolean;
}

export interface RowMapping {
  readonly table: Table;
  readonly columns: Readonly<Record<string, ColumnMapping>>;
  readonly time: TimeMapping;
  /** how the sequence judges the row: by its trade_id, by an id without order, or as one of a channel without ids */
  readonly accept: 'contiguous' | 'unordered' | 'all';
  /** bits of `flags` of every row */
  readonly flags?: number;
  /** columns that are set, or flagged as missing, by a function when one of these fields is there */
  readonly extraColumns?: { readonly columns: readonly string[]; readonly fields: readonly number[] };
}

/** The field of the event time. */
export function timeField({ epoch, iso }: RowMapping['time']): number {
  const field = epoch ?? iso;
  assert(field !== undefined, 'a row has an event time');
  return field;
}

/** The fields that a column is made of. */
export function fieldsOf(mapping: ColumnMapping): readonly number[] {
  if ('decimal' in mapping) return [mapping.decimal];
  if ('id' in mapping) return [mapping.id];
  if ('uuid' in mapping) return [mapping.uuid];
  if ('text' in mapping) return [mapping.text];
  return 'word' in mapping ? [mapping.word] : mapping.firstTrue.map(([field]) => field);
}

/** The field of a column that is made of one. */
export function fieldOf(mapping: ColumnMapping): number {
  return fieldsOf(mapping)[0];
}

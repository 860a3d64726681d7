/** Columns: their types, and what is declared of each. */
import { OWN_COLUMNS } from './own_columns.js';

/**
 * How wide a value is in ring, journal and file. All widths are whole 4-byte words, so a record is moved as words
 * whatever it holds. Files are little-endian without a header.
 */
export const COLUMN_TYPES = {
  u32: { words: 1, numpy: '<u4', doc: 'unsigned 32-bit integer' },
  f32: { words: 1, numpy: '<f4', doc: 'IEEE 754 single' },
  u64: { words: 2, numpy: '<u8', doc: 'unsigned 64-bit integer' },
  uuid: { words: 4, numpy: 'V16', doc: '16 bytes in RFC 4122 order' },
} as const;

export type ColumnType = keyof typeof COLUMN_TYPES;

/** Part of a table as it is declared. */
export interface ColumnSpec {
  readonly type: ColumnType;
  readonly doc: string;
  /** only written with `[logger] exact = true` */
  readonly exact?: boolean | undefined;
  /** only in the files of exchanges that name it (`ownColumns` of a channel); the record has room for it in any case */
  readonly own?: boolean | undefined;
  /** a message may lack it: NaN, 0 or zero bytes in the file and a bit in `flags` */
  readonly optional?: boolean | undefined;
}

/** A column with its derived place. */
export interface Column extends ColumnSpec {
  readonly name: string;
  /** first word within the record, header included */
  readonly word: number;
  readonly words: number;
  /** bytes of one value in the file */
  readonly bytes: number;
}

/** Whether the files of an exchange have the column. */
export function isWrittenFor(exchange: string, { name, own }: Column): boolean {
  return own !== true || (OWN_COLUMNS[exchange]?.includes(name) ?? false);
}

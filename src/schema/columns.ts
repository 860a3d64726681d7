/**
 * Column types: how wide a value is in ring, journal and file. All widths are whole 4-byte words, so a record is
 * moved as words whatever it holds. Files are little-endian without a header.
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
  /** exchanges whose files have it; all when absent. The record has room for it in any case. */
  readonly only?: readonly string[] | undefined;
  /** a message may lack it: NaN, 0 or zero bytes in the file and a bit in `flags` */
  readonly optional?: boolean | undefined;
}

/** Whether the files of an exchange have the column. */
export function isWrittenFor(exchange: string, { only }: ColumnSpec): boolean {
  return only === undefined || only.includes(exchange);
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

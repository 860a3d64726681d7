/**
 * Text records: what does not fit a fixed-width row, on its way through ring and journal with the rows.
 *
 *   word 0-2  record header (schema/layout.ts) with TEXT_TABLE_ID
 *   word 3    kind
 *   word 4    table the text belongs to
 *   word 5    literal: index of the column within the table · rejected: reason code
 *   word 6    length of the text in bytes
 *   word 7…   the bytes, padded to a whole word
 *
 * A `literal` belongs to the row of the same stream and table that precedes it in the same ring, and in the same block of
 * the journal.
 */
import { HEADER_WORDS, recordTableId } from './layout.js';

export const TEXT_TABLE_ID = 255;
export const TEXT_KIND = {
  /** the text of a number that does not fit its digits column */
  literal: 1,
  /** a message that was refused, with the reason */
  rejected: 2,
} as const;

export const TEXT_AT = {
  kind: HEADER_WORDS,
  table: HEADER_WORDS + 1,
  detail: HEADER_WORDS + 2,
  bytes: HEADER_WORDS + 3,
  text: HEADER_WORDS + 4,
} as const;

/** Whether the record at `index` is the text of a number of the row before it. */
export function isLiteral(words: Uint32Array, index: number): boolean {
  return recordTableId(words[index]) === TEXT_TABLE_ID && words[index + TEXT_AT.kind] === TEXT_KIND.literal;
}

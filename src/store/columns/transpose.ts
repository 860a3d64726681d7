/**
 * HOT: Columns from records, once per word of every row that is written. A few records at a time go to all columns, so
 * that they are fetched into the cache once. Writer thread, and recovery; table-days are written one after the other and
 * share the memory.
 */
import type { Column } from '../../schema/columns.js';
import { HEADER_WORDS } from '../../schema/layout.js';

let words = new Uint32Array(0);
let bytes = new Uint8Array(words.buffer);

/** Where the values of a column begin in the memory of a batch of `rows`. */
export function columnStart(column: Column, rows: number): number {
  return (column.word - HEADER_WORDS) * rows * 4;
}

/** Memory for the columns of so many rows of `size` words; the next batch uses it again. */
export function beginBatch(rows: number, size: number): Uint8Array {
  const needed = rows * (size - HEADER_WORDS);
  if (words.length < needed) {
    words = new Uint32Array(needed);
    bytes = new Uint8Array(words.buffer);
  }
  return bytes;
}

/** Puts the values of `count` records from records[from] on behind the first `done` of the `rows` of a batch. */
export function transpose(
  records: Uint32Array,
  from: number,
  count: number,
  size: number,
  columns: readonly Column[],
  done: number,
  rows: number,
): void {
  for (let c = 0; c < columns.length; c++) {
    const { word, words: width } = columns[c];
    const to = (word - HEADER_WORDS) * rows + done * width;
    if (width === 1) copyWords(records, from + word, count, size, to);
    else copyValues(records, from + word, count, size, to, width);
  }
}

function copyWords(records: Uint32Array, from: number, count: number, size: number, to: number): void {
  const values = words;
  const end = from + count * size;
  for (let at = from, next = to; at < end; at += size) values[next++] = records[at];
}

function copyValues(
  records: Uint32Array,
  from: number,
  count: number,
  size: number,
  to: number,
  width: number,
): void {
  const values = words;
  const end = from + count * size;
  for (let at = from, next = to; at < end; at += size)
    for (let part = 0; part < width; part++) values[next++] = records[at + part];
}

/** Rows for stages that need some: every word behind the header is the row's number, so that it can be recognised. */
import type { RingProducer } from '../src/ring/producer.js';
import { DAY_WORD, HEADER_WORDS, STREAM_WORD, type Table } from '../src/schema/layout.js';

export const BYTES_PER_WORD = 4;

/** Writes a row; false when the ring is full. */
export function putRow(
  producer: RingProducer,
  table: Table,
  stream: number,
  day: number,
  number: number,
): boolean {
  const at = producer.claim(table.words);
  if (at < 0) return false;
  const { u32 } = producer;
  u32[at] = table.headerWord;
  u32[at + STREAM_WORD] = stream;
  u32[at + DAY_WORD] = day;
  for (let word = at + HEADER_WORDS; word < at + table.words; word++) u32[word] = number;
  producer.commit(table.words);
  return true;
}

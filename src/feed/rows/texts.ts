/**
 * Text records (schema/text.ts): numbers that do not fit and messages that were refused. Shard threads.
 */
import { TEXT_BYTES_MAX } from '../../base/limits.js';
import { DAY_WORD, headerWord, STREAM_WORD } from '../../schema/layout.js';
import { TEXT_AT, TEXT_TABLE_ID } from '../../schema/text.js';

/** Where records go: the producer's side of a ring. */
export interface RowSink {
  readonly u32: Uint32Array;
  readonly f32: Float32Array;
  claim(words: number): number;
  commit(words: number): void;
}

export interface TextEntry {
  readonly kind: number;
  readonly stream: number;
  readonly day: number;
  readonly tableId: number;
  /** column or reason, see schema/text.ts */
  readonly detail: number;
  readonly text: string;
}

const encoder = new TextEncoder();
const encoded = new Uint8Array(TEXT_BYTES_MAX);

/** Writes a text record, cut to the characters that fit TEXT_BYTES_MAX; false when the ring has no room for it. */
export function writeText(sink: RowSink, entry: TextEntry): boolean {
  const { written } = encoder.encodeInto(entry.text, encoded);
  const { kind, stream, day, tableId, detail } = entry;
  return writeTextBytes(sink, kind, stream, day, tableId, detail, encoded, 0, written);
}

/** The same of bytes[from, to), no more than TEXT_BYTES_MAX of UTF-8. */
export function writeTextBytes(
  sink: RowSink,
  kind: number,
  stream: number,
  day: number,
  tableId: number,
  detail: number,
  bytes: Uint8Array,
  from: number,
  to: number,
): boolean {
  const words = TEXT_AT.text + ((to - from + 3) >> 2);
  const record = sink.claim(words);
  if (record < 0) return false;
  const { u32 } = sink;
  u32[record] = headerWord(TEXT_TABLE_ID, words);
  u32[record + STREAM_WORD] = stream;
  u32[record + DAY_WORD] = day;
  u32[record + TEXT_AT.kind] = kind;
  u32[record + TEXT_AT.table] = tableId;
  u32[record + TEXT_AT.detail] = detail;
  u32[record + TEXT_AT.bytes] = to - from;
  for (let word = TEXT_AT.text; word < words; word++) u32[record + word] = 0;
  // the words are little-endian
  for (let i = 0; i < to - from; i++)
    u32[record + TEXT_AT.text + (i >> 2)] |= bytes[from + i] << (8 * (i & 3));
  sink.commit(words);
  return true;
}

/**
 * Text records (schema/text.ts): numbers that do not fit and messages that were refused. Shard threads, rare.
 */
import { TEXT_BYTES_MAX } from '../base/limits.js';
import { DAY_WORD, headerWord, STREAM_WORD } from '../schema/layout.js';
import { TEXT_AT, TEXT_TABLE_ID } from '../schema/text.js';

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
  const { written: length } = encoder.encodeInto(entry.text, encoded);
  const words = TEXT_AT.text + Math.ceil(length / 4);
  const record = sink.claim(words);
  if (record < 0) return false;
  const { u32 } = sink;
  u32.fill(0, record, record + words);
  u32[record] = headerWord(TEXT_TABLE_ID, words);
  u32[record + STREAM_WORD] = entry.stream;
  u32[record + DAY_WORD] = entry.day;
  u32[record + TEXT_AT.kind] = entry.kind;
  u32[record + TEXT_AT.table] = entry.tableId;
  u32[record + TEXT_AT.detail] = entry.detail;
  u32[record + TEXT_AT.bytes] = length;
  // the words are little-endian
  for (let i = 0; i < length; i++) u32[record + TEXT_AT.text + (i >> 2)] |= encoded[i] << (8 * (i & 3));
  sink.commit(words);
  return true;
}

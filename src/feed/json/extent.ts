/**
 * HOT where the byte scanner is switched off: how large a JSON text is, before a parser makes an object of each of its
 * values. Shard threads.
 */
import { PARSED_BYTES_MAX, PARSED_VALUES_MAX } from '../../base/limits.js';
import { BACKSLASH, COMMA, OPEN_ARRAY, OPEN_OBJECT, QUOTE } from './bytes.js';

/** 1 for bytes behind which another value may begin. */
const BEGINS_VALUE = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte === COMMA || byte === OPEN_OBJECT || byte === OPEN_ARRAY ? 1 : 0,
);

/** Whether the text in bytes[start, end) is small enough to be parsed. Exact for JSON; what is none may be counted wrong. */
export function isParseable(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start > PARSED_BYTES_MAX) return false;
  // each value takes two bytes at the least
  if (end - start <= 2 * PARSED_VALUES_MAX) return true;
  let values = 1;
  for (let i = start; i < end; i++) {
    if (bytes[i] === QUOTE) i = closingQuote(bytes, i + 1, end);
    else values += BEGINS_VALUE[bytes[i]];
  }
  return values <= PARSED_VALUES_MAX;
}

/** Index of the quote that ends the string whose text begins at `i`, or `end` or the one behind it. */
function closingQuote(bytes: Uint8Array, i: number, end: number): number {
  while (i < end && bytes[i] !== QUOTE) i += bytes[i] === BACKSLASH ? 2 : 1;
  return i;
}

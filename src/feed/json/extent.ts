/**
 * HOT where the byte scanner is switched off: how large and how deep a JSON text is, before a parser makes an object of
 * each of its values. Shard threads.
 */
import { JSON_DEPTH_MAX, PARSED_BYTES_MAX, PARSED_VALUES_MAX } from '../../base/limits.js';
import { BACKSLASH, CLOSE_ARRAY, CLOSE_OBJECT, COMMA, OPEN_ARRAY, OPEN_OBJECT, QUOTE } from './bytes.js';

/** What a text is to a parser; the same for all of them. */
export const EXTENT = { parseable: 0, tooLarge: 1, tooDeep: 2 } as const;

const MARK = { none: 0, comma: 1, open: 2, close: 3, quote: 4 } as const;
const MARKS = new Uint8Array(256);
MARKS[COMMA] = MARK.comma;
MARKS[OPEN_OBJECT] = MARKS[OPEN_ARRAY] = MARK.open;
MARKS[CLOSE_OBJECT] = MARKS[CLOSE_ARRAY] = MARK.close;
MARKS[QUOTE] = MARK.quote;

/** The EXTENT of the text in bytes[start, end): exact for JSON, while what is none may be taken for anything. */
export function extentOf(bytes: Uint8Array, start: number, end: number): number {
  if (end - start > PARSED_BYTES_MAX) return EXTENT.tooLarge;
  let values = 1;
  let depth = 0;
  let deepest = 0;
  for (let i = start; i < end; i++) {
    const mark = MARKS[bytes[i]];
    if (mark === MARK.none) continue;
    if (mark === MARK.quote) i = closingQuote(bytes, i + 1, end);
    else if (mark === MARK.close) depth--;
    else {
      // behind a comma or an opening bracket another value may begin
      values++;
      if (mark === MARK.open && ++depth > deepest) deepest = depth;
    }
  }
  if (values > PARSED_VALUES_MAX) return EXTENT.tooLarge;
  return deepest > JSON_DEPTH_MAX ? EXTENT.tooDeep : EXTENT.parseable;
}

/** Index of the quote that ends the string whose text begins at `i`; `end` or the index behind it when there is none. */
function closingQuote(bytes: Uint8Array, i: number, end: number): number {
  while (i < end && bytes[i] !== QUOTE) i += bytes[i] === BACKSLASH ? 2 : 1;
  return i;
}

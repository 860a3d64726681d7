/**
 * HOT: JSON texts as bytes, several times per message, in shard threads. Accepts only what JSON.parse accepts; escapes
 * are left to the JSON parser by answering NO_MATCH.
 */
import {
  ELEMENT_BYTES_MIN,
  JSON_DEPTH_MAX,
  MESSAGE_ELEMENTS_MAX,
  MESSAGE_VALUES_KEPT,
} from '../../base/limits.js';

/** The answer when the JSON parser has to look at the message. */
export const NO_MATCH = -1;

/** What a value is; `nested` covers objects and arrays. */
export const KIND = { absent: 0, string: 1, number: 2, true: 3, false: 4, null: 5, nested: 6 } as const;

export const QUOTE = 0x22;
export const COMMA = 0x2c;
export const COLON = 0x3a;
export const OPEN_OBJECT = 0x7b;
export const CLOSE_OBJECT = 0x7d;
export const OPEN_ARRAY = 0x5b;
export const CLOSE_ARRAY = 0x5d;
export const BACKSLASH = 0x5c;
const ZERO = 0x30;
const POINT = 0x2e;
const PLUS = 0x2b;
const MINUS = 0x2d;

/** 1 for every byte that a string may hold without a second look: ASCII but for quote, backslash and controls. */
export const PLAIN = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x20 && byte < 0x80 && byte !== QUOTE && byte !== BACKSLASH ? 1 : 0,
);

/** The same for four bytes at a time. */
const LOW_BITS = 0x7f7f7f7f;
const HIGH_BITS = 0x80808080;
const ABOVE_CONTROLS = 0x60606060;
export const QUOTES = 0x22222222;
const BACKSLASHES = 0x5c5c5c5c;

/** 1 for every byte that may stand in a number. */
export const NUMERIC = Uint8Array.from({ length: 256 }, (_, byte) =>
  '0123456789+-.eE'.includes(String.fromCharCode(byte)) ? 1 : 0,
);

/** Texts of a parsed document that there is room for at first. */
const SCRATCH_BYTES = 4096;

/** Nodes of one reader. */
export const NODES_MAX = 16;

/** The message that is being read, shared by everything that reads a part of it. */
export class JsonBuffer {
  /** what positions refer to: the message's buffer, or the texts of a parsed document */
  bytes: Uint8Array = new Uint8Array(0);
  view = new DataView(this.bytes.buffer);
  /** a byte beyond ASCII was seen, so the whole message has to be valid UTF-8 */
  nonAscii = false;
  /** nodes of the reader */
  nodes = 0;
  /** rows that each of them has read in this message */
  readonly counts = new Int32Array(NODES_MAX);
  /** length of the message, or how much of it there could be */
  length = 0;
  /** bytes of nested values that have been read, again with each shape that had one in it and did not fit */
  read = 0;
  /** it has needed memory that is worth giving back */
  isLarge = false;
  private scratch = new Uint8Array(SCRATCH_BYTES);
  private scratchUsed = 0;

  /** Cold: elements that lists of this message may have. */
  get elementsMax(): number {
    return Math.min(MESSAGE_ELEMENTS_MAX, Math.floor(this.length / ELEMENT_BYTES_MIN));
  }

  /** A connection reads into one buffer for as long as it lives. */
  setBytes(bytes: Uint8Array): void {
    this.nonAscii = false;
    if (bytes === this.bytes) return;
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Cold: positions refer to texts that are added from now on, of a document of any length. */
  beginTexts(): void {
    this.scratchUsed = 0;
    this.length = Number.POSITIVE_INFINITY;
    this.setBytes(this.scratch);
  }

  /** Cold: where the text begins; it ends at `end`. */
  addText(text: string): number {
    const encoded = Buffer.from(text);
    const at = this.scratchUsed;
    if (at + encoded.length > this.scratch.length) {
      const grown = new Uint8Array((at + encoded.length) * 2);
      grown.set(this.scratch);
      this.scratch = grown;
      this.setBytes(grown);
      if (grown.length > MESSAGE_VALUES_KEPT) this.isLarge = true;
    }
    this.scratch.set(encoded, at);
    this.scratchUsed = at + encoded.length;
    return at;
  }

  /** Cold: gives back what a large document has needed. */
  shrink(): void {
    this.isLarge = false;
    if (this.scratch.length <= MESSAGE_VALUES_KEPT) return;
    this.scratch = new Uint8Array(SCRATCH_BYTES);
    this.setBytes(this.scratch);
  }

  /** Behind the newest text. */
  get end(): number {
    return this.scratchUsed;
  }
}

export function skipSpace(bytes: Uint8Array, i: number, end: number): number {
  while (i < end && (bytes[i] === 0x20 || bytes[i] === 0x0a || bytes[i] === 0x0d || bytes[i] === 0x09)) i++;
  return i;
}

/** Index of the closing quote of the string whose text begins at `i`; NO_MATCH for escapes and broken strings. */
export function stringEnd(buffer: JsonBuffer, i: number, end: number): number {
  const { bytes } = buffer;
  for (;;) {
    while (i < end && PLAIN[bytes[i]] === 1) i++;
    if (i >= end) return NO_MATCH;
    if (bytes[i] === QUOTE) return i;
    if (bytes[i] < 0x80) return NO_MATCH;
    buffer.nonAscii = true;
    i++;
  }
}

/** Index of the first byte from `i` on that is not PLAIN; reads up to three bytes behind it or behind `end`. */
export function textEnd(view: DataView, i: number, end: number): number {
  for (; i < end; i += 4) {
    const word = view.getInt32(i, true);
    const low = word & LOW_BITS;
    const quotes = word ^ QUOTES;
    const backslashes = word ^ BACKSLASHES;
    // the high bit of each byte that is neither a quote nor a backslash nor below a space
    const plain =
      (((quotes & LOW_BITS) + LOW_BITS) | quotes) &
      (((backslashes & LOW_BITS) + LOW_BITS) | backslashes) &
      (low + ABOVE_CONTROLS);
    const odd = (~plain | word) & HIGH_BITS;
    if (odd !== 0) return i + ((31 - Math.clz32(odd & -odd)) >> 3);
  }
  return i;
}

/** Index behind the JSON number that begins at `start`, or NO_MATCH when it is none. */
export function numberEnd(bytes: Uint8Array, start: number, end: number): number {
  let i = bytes[start] === MINUS ? start + 1 : start;
  const integer = i;
  while (i < end && isDigit(bytes[i])) i++;
  if (i === integer || (bytes[integer] === ZERO && i > integer + 1)) return NO_MATCH;
  if (i < end && bytes[i] === POINT) {
    const fraction = ++i;
    while (i < end && isDigit(bytes[i])) i++;
    if (i === fraction) return NO_MATCH;
  }
  return exponentEnd(bytes, i, end);
}

/** As numberEnd() when bytes[start, i) are digits with at most one point, and no digit stands at `i`. */
export function numberEndBehind(bytes: Uint8Array, start: number, i: number, end: number): number {
  if (i === start || bytes[start] === POINT || bytes[i - 1] === POINT) return numberEnd(bytes, start, end);
  const padded = bytes[start] === ZERO && i > start + 1 && bytes[start + 1] !== POINT;
  return padded ? NO_MATCH : exponentEnd(bytes, i, end);
}

/** Index behind the exponent that may begin at `i`, or NO_MATCH when it has no digits. */
function exponentEnd(bytes: Uint8Array, i: number, end: number): number {
  if (i >= end || (bytes[i] !== 0x65 && bytes[i] !== 0x45)) return i;
  i++;
  if (i < end && (bytes[i] === PLUS || bytes[i] === MINUS)) i++;
  const exponent = i;
  while (i < end && isDigit(bytes[i])) i++;
  return i === exponent ? NO_MATCH : i;
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= ZERO + 9;
}

/** Kind of the scalar that begins at `i` by its first byte; absent when none does. */
export function scalarKind(byte: number): number {
  if (byte === QUOTE) return KIND.string;
  if (byte === MINUS || isDigit(byte)) return KIND.number;
  if (byte === 0x74) return KIND.true;
  if (byte === 0x66) return KIND.false;
  return byte === 0x6e ? KIND.null : KIND.absent;
}

/** Index behind the word (true, false, null) of this kind that begins at `i`, or NO_MATCH. */
export function wordEnd(bytes: Uint8Array, i: number, end: number, kind: number): number {
  if (kind === KIND.true && i + 4 <= end)
    return bytes[i + 1] === 0x72 && bytes[i + 2] === 0x75 && bytes[i + 3] === 0x65 ? i + 4 : NO_MATCH;
  if (kind === KIND.null && i + 4 <= end)
    return bytes[i + 1] === 0x75 && bytes[i + 2] === 0x6c && bytes[i + 3] === 0x6c ? i + 4 : NO_MATCH;
  if (kind !== KIND.false || i + 5 > end) return NO_MATCH;
  const rest =
    bytes[i + 1] === 0x61 && bytes[i + 2] === 0x6c && bytes[i + 3] === 0x73 && bytes[i + 4] === 0x65;
  return rest ? i + 5 : NO_MATCH;
}

/** Index behind the scalar that begins at `i` (a string with both quotes), or NO_MATCH. */
export function scalarEnd(buffer: JsonBuffer, i: number, end: number, kind: number): number {
  if (kind === KIND.string) {
    const close = stringEnd(buffer, i + 1, end);
    return close < 0 ? NO_MATCH : close + 1;
  }
  return kind === KIND.number ? numberEnd(buffer.bytes, i, end) : wordEnd(buffer.bytes, i, end, kind);
}

/**
 * Nesting within a value that no node reads. Above it each level is a node, so what is accepted is never nested deeper
 * than JSON_DEPTH_MAX; what may be is left to the JSON parser.
 */
const SKIPPED_DEPTH_MAX = JSON_DEPTH_MAX - NODES_MAX - 1;

/** Index behind any value, which is checked but not looked at; NO_MATCH when it is not valid or has escapes. */
export function valueEnd(buffer: JsonBuffer, i: number, end: number, depth = 0): number {
  const { bytes } = buffer;
  const open = bytes[i];
  if (open !== OPEN_OBJECT && open !== OPEN_ARRAY)
    return i < end ? scalarEnd(buffer, i, end, scalarKind(open)) : NO_MATCH;
  if (depth >= SKIPPED_DEPTH_MAX) return NO_MATCH;
  const close = open === OPEN_OBJECT ? CLOSE_OBJECT : CLOSE_ARRAY;
  i = skipSpace(bytes, i + 1, end);
  if (i < end && bytes[i] === close) return i + 1;
  for (;;) {
    if (open === OPEN_OBJECT) {
      i = keyEnd(buffer, i, end);
      if (i < 0) return NO_MATCH;
    }
    i = valueEnd(buffer, skipSpace(bytes, i, end), end, depth + 1);
    if (i < 0) return NO_MATCH;
    i = skipSpace(bytes, i, end);
    if (i >= end) return NO_MATCH;
    if (bytes[i] === close) return i + 1;
    if (bytes[i] !== COMMA) return NO_MATCH;
    i = skipSpace(bytes, i + 1, end);
  }
}

/** Index behind the colon of the key that begins at `i` with its quote, or NO_MATCH. */
function keyEnd(buffer: JsonBuffer, i: number, end: number): number {
  if (i >= end || buffer.bytes[i] !== QUOTE) return NO_MATCH;
  const close = stringEnd(buffer, i + 1, end);
  if (close < 0) return NO_MATCH;
  i = skipSpace(buffer.bytes, close + 1, end);
  return i < end && buffer.bytes[i] === COLON ? i + 1 : NO_MATCH;
}

/**
 * HOT: objects of one kind look alike. A shape is what all of them share, learned from one: the bytes between the
 * values. Matching an object against a shape only compares those bytes and looks for the end of each value, which is
 * several times cheaper than reading keys. An object that differs in any way is read in full again (fields.ts), so a
 * shape can never change what is understood. Shard threads.
 *
 *   {"e":"trade","E":1672515782136,"s":"BNBBTC","t":12345}
 *   ^^^^^^     ^^^^^^             ^^^^^^      ^^^^^^      ^   bytes of the shape; the rest are values
 *
 * A shape is compiled to a function of its own, twice as fast as a loop over tables. Its code is made of the texts
 * below and of integers; nothing that an exchange sent ever stands in it as text.
 */
import { compile } from '../../base/compile.js';
import { latin1 } from '../../base/number.js';
import { NOT_PLAIN, plainEnd } from '../../base/plain_number.js';
import {
  type JsonBuffer,
  KIND,
  NO_MATCH,
  NUMERIC,
  numberEnd,
  numberEndBehind,
  PLAIN,
  QUOTE,
  scalarKind,
  wordEnd,
} from './bytes.js';
import { MatchedTexts } from './match.js';
import type { JsonSlots } from './slots.js';

/** A value that full reading found, in the order of the object. */
export interface ValueSeen {
  /** -1 for a value of an unknown key */
  readonly field: number;
  readonly kind: number;
  /** strings without their quotes, nested values with their brackets */
  readonly from: number;
  readonly to: number;
}

/** Reads the nested values of an object. */
export interface NestedReader {
  /** Index behind the nested value of a field (-1: of an unknown key) that begins at `i`, or NO_MATCH. */
  nested(field: number, i: number, end: number, row: number): number;
}

/** Index behind the object that begins at `i`, whose values go to row `row` of `slots`; NO_MATCH for another shape. */
export type Shape = (
  buffer: JsonBuffer,
  slots: JsonSlots,
  i: number,
  end: number,
  row: number,
  reader: NestedReader,
) => number;

/** What the code of a shape may call. `guesses`: length of each value in the object before. */
const TOOLS = {
  PLAIN,
  NUMERIC,
  isPlain,
  isInteger,
  numberEnd,
  numberEndBehind,
  plainEnd,
  scalarKind,
  wordEnd,
};

/**
 * Learns the shape of the object in bytes[start, end) from its values in order; `width`: fields per row. Cold. Undefined
 * when its texts must not be learned.
 */
export function learnShape(
  bytes: Uint8Array,
  start: number,
  end: number,
  values: readonly ValueSeen[],
  width: number,
): Shape | undefined {
  const texts = new MatchedTexts(bytes);
  const lines = [
    'const { bytes, view } = buffer;',
    'const { from, to, kind, kinds, digits, decimals } = slots;',
    `const base = row * ${width};`,
    `const first = row * ${width / 4};`,
    'let guess = 0;',
    'let word = 0;',
  ];
  lines.push(...kindsCode(values, width));
  let at = start;
  for (const [v, { field, kind, from, to }] of values.entries()) {
    lines.push(...texts.code(at, from));
    if (field >= 0 && kind !== KIND.nested) lines.push(`from[base + ${field}] = i;`);
    if (field >= 0 && (kind === KIND.number || isPlainNumber(bytes, from, to)))
      lines.push(...numberCode(field, kind));
    else lines.push(...valueCode(v, field, kind));
    if (field >= 0 && kind !== KIND.nested) lines.push(`to[base + ${field}] = i;`);
    at = to;
  }
  lines.push(...texts.code(at, end), 'return i;');
  if (!texts.areLearnable) return undefined;
  const guesses = Int32Array.from(values, ({ from, to }) => to - from);
  return compile<Shape>('shape', 'buffer, slots, i, end, row, reader', lines, { guesses, ...TOOLS });
}

/** Code that notes down the kinds of all fields of the row. */
function kindsCode(values: readonly ValueSeen[], width: number): string[] {
  const kinds = new Uint8Array(width);
  for (const { field, kind } of values) if (field >= 0) kinds[field] = kind;
  return Array.from(new Int32Array(kinds.buffer), (word, n) => `kinds[first + ${n}] = ${word};`);
}

/** Code that moves `i` behind a number, which may be a string, and reads it on the way. */
function numberCode(field: number, kind: number): string[] {
  const otherwise = (test: string, rest: string) =>
    `if (digits[base + ${field}] < 0 || i >= end || ${test}) { digits[base + ${field}] = ${NOT_PLAIN}; ${rest} }`;
  return [
    `i = plainEnd(view, i, end, base + ${field}, digits, decimals);`,
    kind === KIND.string
      ? otherwise(
          `bytes[i] !== ${QUOTE}`,
          `i = from[base + ${field}]; while (i < end && PLAIN[bytes[i]] === 1) i++;`,
        )
      : otherwise(
          'NUMERIC[bytes[i]] === 1',
          `i = numberEndBehind(bytes, from[base + ${field}], i, end); if (i < 0) return ${NO_MATCH};`,
        ),
  ];
}

/** Code that moves `i` behind value number `v`. */
function valueCode(v: number, field: number, kind: number): string[] {
  const known = (behind: string, test: string) =>
    `guess = i + guesses[${v}]; if (guess < end && ${behind} && ${test}(view, i, guess)) i = guess;`;
  if (kind === KIND.string)
    return [
      ...(field < 0 ? [] : [`digits[base + ${field}] = ${NOT_PLAIN};`]),
      known(`bytes[guess] === ${QUOTE}`, 'isPlain'),
      `else { guess = i; while (i < end && PLAIN[bytes[i]] === 1) i++; guesses[${v}] = i - guess; }`,
    ];
  if (kind === KIND.number)
    return [
      ...(field < 0 ? [] : [`digits[base + ${field}] = ${NOT_PLAIN};`]),
      known('NUMERIC[bytes[guess]] === 0', 'isInteger'),
      `else { guess = i; i = numberEnd(bytes, i, end); if (i < 0) return ${NO_MATCH}; guesses[${v}] = i - guess; }`,
    ];
  if (kind === KIND.nested)
    // the reader notes its place
    return [`i = reader.nested(${field}, i, end, row);`, `if (i < 0) return ${NO_MATCH};`];
  return [
    `word = i < end ? scalarKind(bytes[i]) : ${KIND.absent};`,
    'i = wordEnd(bytes, i, end, word);',
    `if (i < 0) return ${NO_MATCH};`,
    ...(field < 0 ? [] : [`kind[base + ${field}] = word;`]),
  ];
}

/** Cold: whether a value is a number that plainEnd() reads. */
function isPlainNumber(bytes: Uint8Array, from: number, to: number): boolean {
  return /^\d+(\.\d+)?$/.test(latin1(bytes, from, to));
}

/** Whether all bytes in between are plain ASCII. A text of less than four is not looked at: false. */
function isPlain(view: DataView, from: number, to: number): boolean {
  if (to - from < 4) return to === from;
  const last = to - 4;
  let odd = 0;
  for (let i = from; i < last; i += 4) odd |= oddBytes(view.getInt32(i, true));
  return ((odd | oddBytes(view.getInt32(last, true))) & 0x80808080) === 0;
}

/** The high bit of a byte says that it is a quote, a backslash, a control or beyond ASCII, or follows such a one. */
function oddBytes(word: number): number {
  return word | (word - 0x20202020) | ((word ^ 0x22222222) - 0x01010101) | ((word ^ 0x5c5c5c5c) - 0x01010101);
}

/** Whether all bytes in between are digits, the first of them not 0, four at the least. */
function isInteger(view: DataView, from: number, to: number): boolean {
  const last = to - 4;
  if (last < from || view.getUint8(from) === 0x30) return false;
  let odd = 0;
  for (let i = from; i < last; i += 4) odd |= noDigits(view.getInt32(i, true));
  return ((odd | noDigits(view.getInt32(last, true))) & 0x80808080) === 0;
}

/** The high bit of a byte says that it is no digit, or follows one that is none. */
function noDigits(word: number): number {
  const value = word ^ 0x30303030;
  return value | (value + 0x76767676);
}

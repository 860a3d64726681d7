/**
 * HOT: numbers from bytes, several per message, in shard threads. Results are left in the exported scratch arrays of
 * the calling thread, so nothing is allocated. The digits of a literal are exact over the whole u64 range; its f32 is
 * the correctly rounded value, also where rounding by way of a double would round twice.
 */
import { exactFloat32, parseUnusual } from './exact.js';

/** [low word, high word, decimals] of the last parsed number. */
export const DIGITS = new Uint32Array(3);
/** [the value as correctly rounded f32, held in a double]. */
export const VALUE = new Float64Array(1);

export const LITERAL = {
  /** not a number */
  invalid: 0,
  /** digits and decimals rebuild the literal exactly */
  exact: 1,
  /** exponent form: digits and decimals hold the same value, not the same text */
  normalized: 2,
  /** a number, but it does not fit: digits are 0, the text must be kept elsewhere */
  oversized: 3,
} as const;

const POWERS = Float64Array.from({ length: 23 }, (_, i) => Number(`1e${i}`));
const DIGITS_MAX = 19;
/** digits that a double accumulates without rounding */
const FIRST_DIGITS = 15;
const scratch = new Float64Array(1);
const scratchBits = new Uint32Array(scratch.buffer);

/** The 64-bit integer first × 10^count + second as two words, for first < 2^53, second < 10^count, count <= 5. */
function storeDigits(first: number, second: number, count: number): void {
  const low = first >>> 0;
  const high = (first - low) / 4294967296;
  if (count === 0) {
    DIGITS[0] = low;
    DIGITS[1] = high;
    return;
  }
  const scaledLow = low * POWERS[count] + second;
  const lowWord = scaledLow >>> 0;
  DIGITS[0] = lowWord;
  DIGITS[1] = high * POWERS[count] + (scaledLow - lowWord) / 4294967296;
}

/**
 * Reads the decimal literal in bytes[start, end): `-?digits[.digits][(e|E)[+-]digits]`. DIGITS and VALUE hold the
 * result when the returned LITERAL is not `invalid`.
 */
export function parseDecimal(bytes: Uint8Array, start: number, end: number): number {
  let i = start;
  const negative = bytes[i] === 0x2d;
  if (negative) i++;
  const firstDigit = i;
  let first = 0;
  let second = 0;
  let significant = 0;
  let point = -1;
  for (; i < end; i++) {
    const digit = bytes[i] - 0x30;
    if (digit >= 0 && digit <= 9) {
      if (significant !== 0 || digit !== 0) significant++;
      if (significant <= FIRST_DIGITS) first = first * 10 + digit;
      else if (significant <= DIGITS_MAX) second = second * 10 + digit;
    } else if (digit === -2 && point < 0) point = i;
    else break;
  }
  if (i !== end) return storeUnusual(latin1(bytes, start, end));
  const decimals = point < 0 ? 0 : end - point - 1;
  const integerDigits = (point < 0 ? end : point) - firstDigit;
  if (integerDigits === 0 || (point >= 0 && decimals === 0)) return LITERAL.invalid;
  const padded = integerDigits > 1 && bytes[firstDigit] === 0x30;
  if (negative || padded || significant > DIGITS_MAX || decimals > 22)
    return storeUnusual(latin1(bytes, start, end));
  const rest = significant > FIRST_DIGITS ? significant - FIRST_DIGITS : 0;
  storeDigits(first, second, rest);
  DIGITS[2] = decimals;
  const value = rest === 0 ? first / POWERS[decimals] : (first * POWERS[rest] + second) / POWERS[decimals];
  scratch[0] = value;
  // value is off by at most 2 units of a double: only beside the middle of two floats can that change the rounding
  const tail = scratchBits[0] & 0x1fffffff;
  VALUE[0] =
    tail > 0x0ffffff8 && tail < 0x10000008 ? exactFloat32(latin1(bytes, start, end)) : Math.fround(value);
  return LITERAL.exact;
}

/** Everything that is rare. Cold. */
function storeUnusual(text: string): number {
  const literal = parseUnusual(text);
  if (literal === undefined) return LITERAL.invalid;
  VALUE[0] = literal.value;
  const { digits, decimals } = literal;
  DIGITS[0] = Number((digits ?? 0n) & 0xffffffffn);
  DIGITS[1] = Number((digits ?? 0n) >> 32n);
  DIGITS[2] = digits === undefined ? 0 : decimals;
  if (digits === undefined) return LITERAL.oversized;
  return literal.sameText ? LITERAL.exact : LITERAL.normalized;
}

/** Reads an unsigned integer up to 2^64 - 1 into DIGITS; false for anything else. */
export function parseU64(bytes: Uint8Array, start: number, end: number): boolean {
  const length = end - start;
  if (length < 1 || length > 20) return false;
  const split = length > FIRST_DIGITS ? start + FIRST_DIGITS : end;
  let first = 0;
  let i = start;
  for (; i < split; i++) {
    const digit = bytes[i] - 0x30;
    if (digit < 0 || digit > 9) return false;
    first = first * 10 + digit;
  }
  let second = 0;
  for (; i < end; i++) {
    const digit = bytes[i] - 0x30;
    if (digit < 0 || digit > 9) return false;
    second = second * 10 + digit;
  }
  if (length === 20 && (first > 184467440737095 || (first === 184467440737095 && second > 51615)))
    return false;
  storeDigits(first, second, end - split);
  return true;
}

/** The last parsed u64 as a double; exact below 2^53. */
export function lastU64(): number {
  return DIGITS[1] * 4294967296 + DIGITS[0];
}

/** Reads a whole number below 2^53 that is known to be digits, e.g. milliseconds; -1 for anything else. */
export function parseUint(bytes: Uint8Array, start: number, end: number): number {
  if (end <= start || end - start > FIRST_DIGITS) return -1;
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = bytes[i] - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/** Text of ASCII bytes. Cold. */
export function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
}

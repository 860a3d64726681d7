/**
 * HOT: numbers from bytes, several per message, in shard threads. Results are left in the exported scratch arrays of
 * the calling thread, so nothing is allocated. The digits of a number are exact over the whole u64 range; its f32 is
 * the correctly rounded value, also where rounding by way of a double would round twice.
 */
import { exactFloat32, parseIrregular } from './exact.js';

/** [low word, high word, decimals] of the last parsed number. */
export const DIGITS = new Uint32Array(3);
/** [the value as correctly rounded f32, held in a double]. */
export const VALUE = new Float64Array(1);

export const DECIMAL = {
  /** not a number */
  invalid: 0,
  /** digits and decimals rebuild the number exactly */
  exact: 1,
  /** exponent form: digits and decimals hold the same value, not the same text */
  normalized: 2,
  /** a number, but it does not fit: digits are 0, the text must be kept elsewhere */
  oversized: 3,
} as const;

/** Powers of ten that a double holds exactly. */
export const POWERS_OF_TEN = Float64Array.from({ length: 23 }, (_, i) => Number(`1e${i}`));
const DECIMALS_MAX = POWERS_OF_TEN.length - 1;
/** digits that a 32-bit integer holds */
const INT_DIGITS = 9;
/** digits of two such integers: their sum is off by one rounding at most */
const LEADING_DIGITS = 2 * INT_DIGITS;
/** digits that a double holds, whatever they are */
const UINT_DIGITS = 15;
/** digits of a number that is kept as digits */
const EXACT_DIGITS = 19;
/** with so few decimals the middle of two floats, 25 bits × 5^decimals, is a number or too far from all of them */
const MIDDLE_DECIMALS = 12;
/** low bits of the double in the middle of two floats, and how far from there rounding errors reach that add up */
const LOW_BITS = 0x1fffffff;
const MIDDLE = 0x10000000;
const MIDDLE_REACH = 16;
const ZERO = 0x30;
const POINT = 0x2e;
const LETTER_E = 0x65;
const PLUS = 0x2b;
const MINUS = 0x2d;
/** digits of an exponent that is read without a text, and the answer when there is none */
const EXPONENT_DIGITS = 2;
const NO_EXPONENT = 100;
const TWO_TO_16 = 65_536;
const TWO_TO_32 = 4_294_967_296;
/** What makes the high word of a u64 of a double without its low word. */
export const HIGH_WORD = 1 / TWO_TO_32;
const NOTHING = [0, 0];
const scratch = new Float64Array(1);
const scratchBits = new Uint32Array(scratch.buffer);

/** A whole number below 2^53 as two words. */
function storeInteger(value: number): void {
  const low = value >>> 0;
  DIGITS[0] = low;
  DIGITS[1] = (value - low) / TWO_TO_32;
}

/**
 * Reads the decimal number in bytes[start, end): `-?digits[.digits][(e|E)[+-]digits]`. DIGITS and VALUE hold the
 * result when the returned DECIMAL is not `invalid`.
 */
export function parseDecimal(bytes: Uint8Array, start: number, end: number): number {
  let i = start;
  let point = -1;
  if (end - start > 1 && bytes[start] === ZERO) {
    // zeros in front are no digits of the number
    if (bytes[start + 1] === POINT) {
      point = start + 1;
      i = start + 2;
      while (i < end && bytes[i] === ZERO) i++;
    } else if (bytes[start + 1] >= ZERO && bytes[start + 1] <= ZERO + 9)
      return storeUnusual(bytes, start, end);
  }
  // integers of up to 9 digits each: machine integers are several times faster than doubles here
  let first = 0;
  let second = 0;
  let third = 0;
  let count = 0;
  for (; i < end; i++) {
    const digit = bytes[i] - ZERO;
    if (digit >= 0 && digit <= 9) {
      if (count < INT_DIGITS) first = (Math.imul(first, 10) + digit) | 0;
      else if (count < LEADING_DIGITS) second = (Math.imul(second, 10) + digit) | 0;
      else if (count < EXACT_DIGITS) third = digit;
      count++;
    } else if (digit === POINT - ZERO && point < 0) point = i;
    else break;
  }
  const decimals = point < 0 ? 0 : i - point - 1;
  if (i === start || point === start || point === i - 1) return storeUnusual(bytes, start, end);
  const digits = count <= INT_DIGITS ? first : first * POWERS_OF_TEN[count - INT_DIGITS] + second;
  // beyond 2^53 the sum above was rounded
  const isShort = count <= LEADING_DIGITS && digits <= Number.MAX_SAFE_INTEGER;
  if (i < end)
    return isShort ? storeExponent(digits, decimals, bytes, i, start, end) : storeUnusual(bytes, start, end);
  if (decimals > DECIMALS_MAX) return storeUnusual(bytes, start, end);
  return isShort
    ? store(digits, decimals, bytes, start, end, DECIMAL.exact)
    : storeLong(first, second, third, count, decimals, bytes, start, end);
}

/** Leaves `digits / 10^decimals`, the value of bytes[start, end); both below the bounds at which doubles get inexact. */
function store(
  digits: number,
  decimals: number,
  bytes: Uint8Array,
  start: number,
  end: number,
  kind: number,
): number {
  storeInteger(digits);
  DIGITS[2] = decimals;
  VALUE[0] = nearestFloat32(digits, decimals, bytes, start, end);
  return kind;
}

/** The f32 nearest to `digits / 10^decimals`, the value of bytes[start, end); below 2^53 and 22 decimals at most. */
export function nearestFloat32(
  digits: number,
  decimals: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  const value = digits / POWERS_OF_TEN[decimals];
  scratch[0] = value;
  // value is the double nearest to the number: only on the middle of two floats could rounding it again go wrong
  return (scratchBits[0] & LOW_BITS) === MIDDLE && decimals > MIDDLE_DECIMALS
    ? exactFloat32(latin1(bytes, start, end))
    : Math.fround(value);
}

/** Leaves the number of `count` digits that bytes[start, end) holds: the first and the next nine, and one behind them. */
function storeLong(
  first: number,
  second: number,
  third: number,
  count: number,
  decimals: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  const fits = count <= EXACT_DIGITS;
  const others = count - INT_DIGITS;
  if (fits && (second | third) === 0 && others <= decimals)
    VALUE[0] = nearestFloat32(first, decimals - others, bytes, start, end);
  else {
    const leading = Math.min(count, LEADING_DIGITS);
    const digits = first * POWERS_OF_TEN[leading - INT_DIGITS] + second;
    const power = decimals - (count - leading);
    if (power < -DECIMALS_MAX) return storeUnusual(bytes, start, end);
    scratch[0] = power < 0 ? digits * POWERS_OF_TEN[-power] : digits / POWERS_OF_TEN[power];
    // what was rounded on the way can only matter next to the middle of two floats
    const isBeside = Math.abs((scratchBits[0] & LOW_BITS) - MIDDLE) <= MIDDLE_REACH;
    VALUE[0] = isBeside ? floatBesideMiddle(bytes, start, end, decimals) : Math.fround(scratch[0]);
  }
  if (fits) storeWords(first, POWERS_OF_TEN[others], count > LEADING_DIGITS ? second * 10 + third : second);
  else DIGITS[0] = DIGITS[1] = 0;
  DIGITS[2] = fits ? decimals : 0;
  return fits ? DECIMAL.exact : DECIMAL.oversized;
}

/** The f32 of a number without an exponent. Most that are the middle of two floats are so with zeros behind them. */
function floatBesideMiddle(bytes: Uint8Array, start: number, end: number, decimals: number): number {
  let behind = end;
  while (behind > end - decimals && bytes[behind - 1] === ZERO) behind--;
  if (behind === end) return exactFloat32(latin1(bytes, start, end));
  if (bytes[behind - 1] === POINT) behind--;
  parseDecimal(bytes, start, behind);
  return VALUE[0];
}

/** Plain digits with a short exponent at bytes[i], as some exchanges write every large price. */
function storeExponent(
  digits: number,
  decimals: number,
  bytes: Uint8Array,
  i: number,
  start: number,
  end: number,
): number {
  const exponent = exponentAt(bytes, i, end);
  let places = decimals - exponent;
  if (exponent === NO_EXPONENT || places < -UINT_DIGITS || places > DECIMALS_MAX)
    return storeUnusual(bytes, start, end);
  if (places < 0) {
    digits *= POWERS_OF_TEN[-places];
    places = 0;
  }
  if (digits > Number.MAX_SAFE_INTEGER) return storeUnusual(bytes, start, end);
  return store(digits, places, bytes, start, end, DECIMAL.normalized);
}

/** The exponent whose letter is bytes[i]; NO_EXPONENT when it is none or a long one. */
function exponentAt(bytes: Uint8Array, i: number, end: number): number {
  if ((bytes[i] | 0x20) !== LETTER_E) return NO_EXPONENT;
  const sign = bytes[i + 1];
  const from = sign === MINUS || sign === PLUS ? i + 2 : i + 1;
  const value = end - from > EXPONENT_DIGITS ? -1 : parseUint(bytes, from, end);
  if (value < 0) return NO_EXPONENT;
  return sign === MINUS ? -value : value;
}

/** Everything that is rare. Cold. */
function storeUnusual(bytes: Uint8Array, start: number, end: number): number {
  const decimal = parseIrregular(latin1(bytes, start, end));
  if (decimal === undefined) return DECIMAL.invalid;
  VALUE[0] = decimal.value;
  DIGITS.set(decimal.words ?? NOTHING);
  DIGITS[2] = decimal.words === undefined ? 0 : decimal.decimals;
  if (decimal.words === undefined) return DECIMAL.oversized;
  return decimal.sameText ? DECIMAL.exact : DECIMAL.normalized;
}

/** Reads an unsigned integer up to 2^64 - 1 into DIGITS; false for anything else. */
export function parseU64(bytes: Uint8Array, start: number, end: number): boolean {
  const value = parseUint(bytes, start, end);
  if (value < 0) return parseLongU64(bytes, start, end);
  storeInteger(value);
  return true;
}

/** Up to 20 digits, as the ids of some exchanges have: the last 9 of them, and the rest as 16 bits and what is above. */
function parseLongU64(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start > 20 || end - start <= UINT_DIGITS) return false;
  const split = end - INT_DIGITS;
  const rest = parseUint(bytes, start, split);
  const last = parseUint(bytes, split, end);
  return rest >= 0 && last >= 0 && storeWords(rest, 1e9, last);
}

/** rest × power + last into DIGITS, each of them exact; false when that is above 2^64 - 1. */
function storeWords(rest: number, power: number, last: number): boolean {
  const top = Math.floor(rest / TWO_TO_16);
  const upper = top * power;
  const over = Math.floor(upper / TWO_TO_16);
  const below = (upper - over * TWO_TO_16) * TWO_TO_16 + (rest - top * TWO_TO_16) * power + last;
  const carry = Math.floor(below / TWO_TO_32);
  if (over + carry >= TWO_TO_32) return false;
  DIGITS[0] = below - carry * TWO_TO_32;
  DIGITS[1] = over + carry;
  return true;
}

/** The last parsed u64 as a double; exact below 2^53. */
export function lastU64(): number {
  return DIGITS[1] * TWO_TO_32 + DIGITS[0];
}

/** Reads a whole number of up to 15 digits, e.g. milliseconds; -1 for anything else. */
export function parseUint(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length < 1 || length > UINT_DIGITS) return -1;
  const split = length > INT_DIGITS ? end - INT_DIGITS : start;
  let first = 0;
  let second = 0;
  let i = start;
  for (; i < split; i++) {
    const digit = bytes[i] - 0x30;
    if (digit < 0 || digit > 9) return -1;
    first = (Math.imul(first, 10) + digit) | 0;
  }
  for (; i < end; i++) {
    const digit = bytes[i] - 0x30;
    if (digit < 0 || digit > 9) return -1;
    second = (Math.imul(second, 10) + digit) | 0;
  }
  return first * 1e9 + second;
}

/** Text of ASCII bytes. Cold. */
export function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
}

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

/** Powers of ten that a double holds exactly. */
export const POWERS_OF_TEN = Float64Array.from({ length: 23 }, (_, i) => Number(`1e${i}`));
/** digits that a 32-bit integer holds */
const INT_DIGITS = 9;
/** digits that a double holds, whatever they are */
const UINT_DIGITS = 15;
/** digits of a literal that is kept as digits */
const EXACT_DIGITS = 19;
/** with so few decimals the middle of two floats, 25 bits × 5^decimals, is a literal or too far from all of them */
const MIDDLE_DECIMALS = 12;
/** low bits of the double in the middle of two floats, and how far from there rounding errors reach that add up */
const LOW_BITS = 0x1fffffff;
const MIDDLE = 0x10000000;
const MIDDLE_REACH = 16;
/** digits of which a double is made where there are more than it holds */
const LEADING_DIGITS = 17;
const ZERO = 0x30;
const POINT = 0x2e;
/** bytes of an exponent with its letter and sign that is read without a text */
const EXPONENT_BYTES = 4;
const NOTHING = [0, 0];
const scratch = new Float64Array(1);
const scratchBits = new Uint32Array(scratch.buffer);

/** A whole number below 2^53 as two words. */
function storeInteger(value: number): void {
  const low = value >>> 0;
  DIGITS[0] = low;
  DIGITS[1] = (value - low) / 4294967296;
}

/**
 * Reads the decimal literal in bytes[start, end): `-?digits[.digits][(e|E)[+-]digits]`. DIGITS and VALUE hold the
 * result when the returned LITERAL is not `invalid`.
 */
export function parseDecimal(bytes: Uint8Array, start: number, end: number): number {
  // two integers of up to 9 digits each: machine integers are several times faster than doubles here
  let first = 0;
  let second = 0;
  let count = 0;
  let point = -1;
  let i = start;
  for (; i < end; i++) {
    const digit = bytes[i] - 0x30;
    if (digit >= 0 && digit <= 9) {
      if (count < INT_DIGITS) first = (Math.imul(first, 10) + digit) | 0;
      else second = (Math.imul(second, 10) + digit) | 0;
      count++;
    } else if (digit === -2 && point < 0) point = i;
    else break;
  }
  const decimals = point < 0 ? 0 : end - point - 1;
  const integerDigits = count - decimals;
  const padded = bytes[start] === 0x30 && integerDigits > 1;
  if (
    i !== end ||
    integerDigits < 1 ||
    point === end - 1 ||
    padded ||
    count > 2 * INT_DIGITS ||
    decimals > 22
  ) {
    return storeUnusual(bytes, start, end);
  }
  const digits = count <= INT_DIGITS ? first : first * POWERS_OF_TEN[count - INT_DIGITS] + second;
  // beyond 2^53 the sum above was rounded
  if (digits > Number.MAX_SAFE_INTEGER) return storeUnusual(bytes, start, end);
  return store(digits, decimals, bytes, start, end, LITERAL.exact);
}

/** Leaves `digits / 10^decimals`, the value of bytes[start, end); both below the bounds at which doubles get inexact. */
function store(
  digits: number,
  decimals: number,
  bytes: Uint8Array,
  start: number,
  end: number,
  literal: number,
): number {
  storeInteger(digits);
  DIGITS[2] = decimals;
  VALUE[0] = nearestFloat32(digits, decimals, bytes, start, end);
  return literal;
}

/** The f32 nearest to `digits / 10^decimals`, the value of bytes[start, end); 15 digits and 22 decimals at most. */
export function nearestFloat32(
  digits: number,
  decimals: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  const value = digits / POWERS_OF_TEN[decimals];
  scratch[0] = value;
  // value is the double nearest to the literal: only on the middle of two floats could rounding it again go wrong
  const beside = (scratchBits[0] & LOW_BITS) === MIDDLE && decimals > MIDDLE_DECIMALS;
  return beside ? exactFloat32(latin1(bytes, start, end)) : Math.fround(value);
}

/** Plain digits that a double does not hold, often zeros behind the point; invalid for all others. */
function storeLong(bytes: Uint8Array, start: number, end: number): number {
  let point = end;
  for (let i = start; i < end; i++) {
    if (bytes[i] === POINT && point === end) point = i;
    else if (bytes[i] < ZERO || bytes[i] > ZERO + 9) return LITERAL.invalid;
  }
  if (point === start || point === end - 1 || (bytes[start] === ZERO && point > start + 1))
    return LITERAL.invalid;
  const decimals = point === end ? 0 : end - point - 1;
  let first = start;
  while (first < end && (bytes[first] === ZERO || first === point)) first++;
  let zeros = 0;
  while (zeros < decimals && bytes[end - 1 - zeros] === ZERO) zeros++;
  const count = end - first - (first < point && point < end ? 1 : 0);
  if (!storeLongValue(bytes, first, start, end, count, decimals, zeros)) return LITERAL.invalid;
  const fits = count <= EXACT_DIGITS;
  const split = fits ? Math.max(0, count - INT_DIGITS) : 0;
  if (fits) storeWords(leadingDigits(bytes, first, 0, split), leadingDigits(bytes, first, split, count));
  else DIGITS.fill(0);
  DIGITS[2] = fits ? decimals : 0;
  return fits ? LITERAL.exact : LITERAL.oversized;
}

/** The value of the `count` digits from `first` on, the last `zeros` of which are zeros; false when it takes a text. */
function storeLongValue(
  bytes: Uint8Array,
  first: number,
  start: number,
  end: number,
  count: number,
  decimals: number,
  zeros: number,
): boolean {
  const significant = count - zeros;
  if (significant <= UINT_DIGITS) {
    const left = decimals - zeros;
    if (significant < 1 || left >= POWERS_OF_TEN.length) return false;
    VALUE[0] = nearestFloat32(leadingDigits(bytes, first, 0, significant), left, bytes, start, end);
    return true;
  }
  const leading = Math.min(significant, LEADING_DIGITS);
  const power = decimals - (count - leading);
  if (Math.abs(power) >= POWERS_OF_TEN.length) return false;
  const value = leadingDigits(bytes, first, 0, leading);
  scratch[0] = power < 0 ? value * POWERS_OF_TEN[-power] : value / POWERS_OF_TEN[power];
  if (Math.abs((scratchBits[0] & LOW_BITS) - MIDDLE) <= MIDDLE_REACH) return false;
  VALUE[0] = Math.fround(scratch[0]);
  return true;
}

/** Digits number `from` to `to` of those that begin at `first`, a point among them not counted. */
function leadingDigits(bytes: Uint8Array, first: number, from: number, to: number): number {
  let value = 0;
  let digit = 0;
  for (let i = first; digit < to; i++) {
    if (bytes[i] === POINT) continue;
    if (digit >= from) value = value * 10 + bytes[i] - ZERO;
    digit++;
  }
  return value;
}

/** A short exponent behind plain digits, as some exchanges write every large price; invalid for all others. */
function storeExponent(bytes: Uint8Array, start: number, end: number): number {
  let e = end - 1;
  while (e > start && e > end - EXPONENT_BYTES && (bytes[e] | 0x20) !== 0x65) e--;
  if ((bytes[e] | 0x20) !== 0x65) return LITERAL.invalid;
  const sign = bytes[e + 1] === 0x2d ? -1 : 1;
  const signed = sign === -1 || bytes[e + 1] === 0x2b ? 1 : 0;
  const exponent = parseUint(bytes, e + 1 + signed, end);
  if (exponent < 0 || parseDecimal(bytes, start, e) !== LITERAL.exact) return LITERAL.invalid;
  let digits = lastU64();
  let decimals = DIGITS[2] - sign * exponent;
  if (decimals < 0) {
    if (decimals < -UINT_DIGITS) return LITERAL.invalid;
    digits *= POWERS_OF_TEN[-decimals];
    decimals = 0;
  }
  if (digits > Number.MAX_SAFE_INTEGER || decimals >= POWERS_OF_TEN.length) return LITERAL.invalid;
  return store(digits, decimals, bytes, start, end, LITERAL.normalized);
}

/** Everything that is rare; cold but for short exponents and plain digits. */
function storeUnusual(bytes: Uint8Array, start: number, end: number): number {
  const short = storeExponent(bytes, start, end);
  if (short !== LITERAL.invalid) return short;
  const long = storeLong(bytes, start, end);
  if (long !== LITERAL.invalid) return long;
  const literal = parseUnusual(latin1(bytes, start, end));
  if (literal === undefined) return LITERAL.invalid;
  VALUE[0] = literal.value;
  DIGITS.set(literal.words ?? NOTHING);
  DIGITS[2] = literal.words === undefined ? 0 : literal.decimals;
  if (literal.words === undefined) return LITERAL.oversized;
  return literal.sameText ? LITERAL.exact : LITERAL.normalized;
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
  return rest >= 0 && last >= 0 && storeWords(rest, last);
}

/** rest × 10^9 + last into DIGITS, each of them exact; false when that is above 2^64 - 1. */
function storeWords(rest: number, last: number): boolean {
  const upper = Math.floor(rest / 65536) * 1e9;
  const below = (upper % 65536) * 65536 + (rest % 65536) * 1e9 + last;
  const high = Math.floor(upper / 65536) + Math.floor(below / 4294967296);
  if (high > 0xffffffff) return false;
  DIGITS[0] = below % 4294967296;
  DIGITS[1] = high;
  return true;
}

/** The last parsed u64 as a double; exact below 2^53. */
export function lastU64(): number {
  return DIGITS[1] * 4294967296 + DIGITS[0];
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

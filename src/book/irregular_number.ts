/**
 * Numbers of an order book that are not plain digits with a point: exponents, signs, more digits than a double holds.
 * Cold.
 */
import { writeDecimal } from '../base/digits.js';
import { DECIMAL, DIGITS, latin1, parseDecimal } from '../base/number.js';

/** Decimals of an exponent form that are believed; a cell has room for them. */
const DECIMALS_MAX = 20;

/** The double nearest to the number in bytes[from, to); NaN when it is none, or has an absurd exponent. */
export function irregularValue(bytes: Uint8Array, from: number, to: number): number {
  const kind = parseDecimal(bytes, from, to);
  if (kind === DECIMAL.invalid) return Number.NaN;
  if (kind === DECIMAL.normalized && DIGITS[2] > DECIMALS_MAX) return Number.NaN;
  return Number(latin1(bytes, from, to));
}

/** Writes the number to text[at…], one in exponent form as plain digits; answers the length. */
export function irregularText(
  text: Uint8Array,
  at: number,
  bytes: Uint8Array,
  from: number,
  to: number,
): number {
  if (parseDecimal(bytes, from, to) === DECIMAL.normalized)
    return writeDecimal(text, at, DIGITS[0], DIGITS[1], DIGITS[2]) - at;
  for (let i = from; i < to; i++) text[at++] = bytes[i];
  return to - from;
}

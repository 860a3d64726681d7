/** Numbers of an order book whose text is unusual: exponents, more digits than a double holds. Cold. */
import { writeDecimal } from '../base/digits.js';
import { DIGITS, latin1, parseDecimal } from '../base/number.js';

/** The double nearest to the number in bytes[from, to). */
export function valueOfText(bytes: Uint8Array, from: number, to: number): number {
  return Number(latin1(bytes, from, to));
}

/** Writes a number in exponent form as plain digits to text[at…]; answers their length. */
export function decimalText(
  text: Uint8Array,
  at: number,
  bytes: Uint8Array,
  from: number,
  to: number,
): number {
  parseDecimal(bytes, from, to);
  return writeDecimal(text, at, DIGITS[0], DIGITS[1], DIGITS[2]) - at;
}

/**
 * HOT: plain decimal numbers from bytes, four digits at a time, several per message, in shard threads. Exchanges hardly
 * ever send others; those are left to number.ts.
 */

/** Digits of a number that any double holds exactly. */
const DIGITS_MAX = 15;
const POINT = 0x2e;
/** By count of digits that stand in front of a byte that is none. */
export const POWERS = Int32Array.of(1, 10, 100, 1000);

/** Four digits as text; what is exclusive-ored with them are their values. */
export const ZEROS = 0x30303030;

/** In the place of digits: the number is none, or it is not plain, and its text has to be read. */
export const NOT_PLAIN = -1;

/**
 * Reads `digits[.digits]` from bytes[i, end): the digits without the point, as a double, go to digits[at], those behind
 * the point are counted in decimals[at]. What has more than 15 digits or an unneeded leading zero is NOT_PLAIN. Answers
 * the index behind the last digit or point; what stands there is for the caller to judge.
 */
export function plainEnd(
  view: DataView,
  start: number,
  end: number,
  at: number,
  digits: Float64Array,
  decimals: Uint8Array,
): number {
  let i = start;
  let value = 0;
  /** index of the first digit behind the point */
  let fraction = 0;
  for (;;) {
    if (i + 4 > end) {
      // the end of the message is near
      const digit = i < end ? view.getUint8(i) - 0x30 : -1;
      if (digit >= 0 && digit <= 9) {
        value = value * 10 + digit;
        i++;
        continue;
      }
    } else {
      const word = view.getInt32(i, true) ^ ZEROS;
      const odd = nonDigits(word);
      if (odd === 0) {
        value = value * 10_000 + fourDigits(word);
        i += 4;
        continue;
      }
      const count = (31 - Math.clz32(odd & -odd)) >> 3;
      if (count > 0) value = value * POWERS[count] + fourDigits(word << (32 - 8 * count));
      i += count;
    }
    if (fraction > 0 || i >= end || view.getUint8(i) !== POINT) break;
    fraction = ++i;
  }
  const places = fraction > 0 ? i - fraction : 0;
  const whole = fraction > 0 ? fraction - 1 - start : i - start;
  const padded = whole > 1 && view.getUint8(start) === 0x30;
  const irregular = whole === 0 || (fraction > 0 && places === 0) || padded || whole + places > DIGITS_MAX;
  decimals[at] = places;
  // not one store of either: that would put the number in a box
  if (irregular) digits[at] = NOT_PLAIN;
  else digits[at] = value;
  return i;
}

/**
 * Has bits in the high half of each byte that is not from 0 to 9; what is above the lowest such byte is not to be
 * trusted.
 */
export function nonDigits(word: number): number {
  return ((word + 0x06060606) | word) & 0xf0f0f0f0;
}

/** The number that four bytes from 0 to 9 stand for, the first of them lowest in the word: first pairs, then both. */
export function fourDigits(word: number): number {
  return Math.imul((Math.imul(word, 2561) >>> 8) & 0x00ff00ff, 6553601) >>> 16;
}

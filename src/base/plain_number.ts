/**
 * HOT: plain decimal numbers from bytes, four digits at a time, several per message, in shard threads. Exchanges hardly
 * ever send others; those are left to number.ts.
 */

/** Digits of a number that any double holds exactly. */
const DIGITS_MAX = 15;
const POINT = 0x2e;
/** By count of digits that stand in front of a byte that is none. */
const POWERS = Int32Array.of(1, 10, 100, 1000);

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
      const word = view.getInt32(i, true) ^ 0x30303030;
      // the high bit of each byte that is no digit
      const odd = (((word & 0x7f7f7f7f) + 0x76767676) | word) & 0x80808080;
      if (odd === 0) {
        value = value * 10_000 + four(word);
        i += 4;
        continue;
      }
      const count = (31 - Math.clz32(odd & -odd)) >> 3;
      if (count > 0) value = value * POWERS[count] + four(word << (32 - 8 * count));
      i += count;
    }
    if (fraction > 0 || i >= end || view.getUint8(i) !== POINT) break;
    fraction = ++i;
  }
  const places = fraction > 0 ? i - fraction : 0;
  const whole = fraction > 0 ? fraction - 1 - start : i - start;
  const padded = whole > 1 && view.getUint8(start) === 0x30;
  const unusual = whole === 0 || (fraction > 0 && places === 0) || padded || whole + places > DIGITS_MAX;
  decimals[at] = places;
  // not one store of either: that would put the number in a box
  if (unusual) digits[at] = NOT_PLAIN;
  else digits[at] = value;
  return i;
}

/** The number that four bytes from 0 to 9 stand for, the first of them lowest in the word. */
function four(word: number): number {
  const pairs = (Math.imul(word, 10) + (word >>> 8)) & 0x00ff00ff;
  return (pairs & 0xff) * 100 + (pairs >>> 16);
}

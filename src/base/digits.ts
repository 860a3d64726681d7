/**
 * HOT: digits and decimals, as the columns hold them, back to the text of the number; several times per row when an
 * order book is rebuilt from its files.
 */
const SPLIT = 1e9;
const POINT = 0x2e;
const ZERO = 0x30;
/** the digits of one u64, right-aligned */
const reversed = new Uint8Array(20);

/** Writes `(high, low) / 10^decimals` with exactly so many decimals to bytes[at…]; answers the index behind it. */
export function writeDecimal(
  bytes: Uint8Array,
  at: number,
  low: number,
  high: number,
  decimals: number,
): number {
  let count = high === 0 ? digitsOf(low, 0) : longDigits(low, high);
  while (count <= decimals && count < reversed.length) reversed[count++] = ZERO;
  // more decimals than digits fit: the leading zeros are counted, not kept
  for (let lead = Math.max(decimals + 1, count); lead > 0; lead--) {
    bytes[at++] = lead > count ? ZERO : reversed[lead - 1];
    if (lead === decimals + 1 && decimals > 0) bytes[at++] = POINT;
  }
  return at;
}

/** Puts the digits of a whole number into `reversed` from `count` on, the last digit first; at least one. */
function digitsOf(value: number, count: number): number {
  do {
    const rest = Math.floor(value / 10);
    reversed[count++] = ZERO + value - rest * 10;
    value = rest;
  } while (value > 0);
  return count;
}

/** As digitsOf() for a u64: two divisions by 10^9, with halves of words so that every step fits a double. */
function longDigits(low: number, high: number): number {
  let count = 0;
  while (high > 0) {
    const quotient = Math.floor(high / SPLIT);
    let rest = (high - quotient * SPLIT) * 65_536 + (low >>> 16);
    const upper = Math.floor(rest / SPLIT);
    rest = (rest - upper * SPLIT) * 65_536 + (low & 0xffff);
    const lower = Math.floor(rest / SPLIT);
    const end = count + 9;
    count = digitsOf(rest - lower * SPLIT, count);
    while (count < end) reversed[count++] = ZERO;
    high = quotient + Math.floor((upper * 65_536 + lower) / 4294967296);
    low = (upper * 65_536 + lower) % 4294967296;
  }
  return digitsOf(low, count);
}

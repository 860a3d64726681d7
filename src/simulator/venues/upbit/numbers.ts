/**
 * Numbers as Upbit's Java writes them: at least one decimal, and an exponent from 10^7 on and below 10^-3.
 * HOT: called for every number of every frame. Runs in the simulator process; used by protocol.ts.
 */

import { powerOfTen, putByte, putDecimal, putPadded, putUint } from '../../market/bytes.js';
import type { EventValues } from '../../market/ledger.js';

const LETTER_E = 69;
const MINUS = 45;
const POINT = 46;
const FIRST_LARGE = 1e7;
const FIRST_SMALL = 1e-3;

/** Writes `units` × 10^-`scale`, below 10^10 units without its zeros; `event` keeps the number. */
export function putDouble(
  out: DataView,
  at: number,
  units: number,
  scale: number,
  event?: EventValues,
  i = 0,
): number {
  const value = units / powerOfTen(scale);
  if (units === 0 || (value < FIRST_LARGE && value >= FIRST_SMALL)) {
    let [digits, decimals] = [units, scale];
    while (decimals > 1 && digits % 10 === 0) {
      digits /= 10;
      decimals--;
    }
    if (decimals === 0) [digits, decimals] = [digits * 10, 1];
    event?.set(i, digits, decimals);
    return putDecimal(out, at, digits, decimals);
  }
  event?.set(i, units, scale);
  return putExponent(out, at, units, scale);
}

function putExponent(out: DataView, at: number, units: number, scale: number): number {
  let digits = units;
  let exponent = -scale;
  while (digits % 10 === 0) {
    digits /= 10;
    exponent++;
  }
  let width = 1;
  while (width < 10 && digits >= powerOfTen(width - 1) * 10) width++;
  exponent += width - 1;
  const first = Math.floor(digits / powerOfTen(width - 1));
  let p = putByte(out, putUint(out, at, first), POINT);
  p = putPadded(out, p, digits - first * powerOfTen(width - 1), Math.max(1, width - 1));
  p = putByte(out, p, LETTER_E);
  if (exponent < 0) p = putByte(out, p, MINUS);
  return putUint(out, p, Math.abs(exponent));
}

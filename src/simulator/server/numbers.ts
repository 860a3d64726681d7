/**
 * Prices and sizes without zeros at their end, as several exchanges write them. HOT: called for every number of every
 * frame. Runs in the simulator process; used by the protocols of Bybit, Coinbase and OKX.
 */

import { powerOfTen, putDecimal, trimmedScale } from '../market/bytes.js';
import type { EventValues } from '../market/ledger.js';

/** Writes a number without zeros at its end. */
export function putTrimmed(out: DataView, at: number, units: number, scale: number): number {
  const left = trimmedScale(units, scale);
  return putDecimal(out, at, units / powerOfTen(scale - left), left);
}

/** putTrimmed that also keeps the number in `event`. */
export function putNoted(
  out: DataView,
  at: number,
  units: number,
  scale: number,
  event: EventValues,
  i: number,
): number {
  const left = trimmedScale(units, scale);
  const digits = units / powerOfTen(scale - left);
  event.set(i, digits, left);
  return putDecimal(out, at, digits, left);
}

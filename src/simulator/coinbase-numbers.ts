/**
 * Prices and sizes as Coinbase writes them, on both of its feeds.
 * HOT: called for every number of every frame. Runs in the simulator process; used by the Coinbase protocol files.
 */
import type { EventValues } from './account.js';
import { powerOfTen, putDecimal, trimmedScale } from './bytes.js';

/** Writes a number without zeros at its end, as the venue does for prices and sizes of trades. */
export function putTrimmed(out: DataView, at: number, units: number, scale: number): number {
  const left = trimmedScale(units, scale);
  return putDecimal(out, at, units / powerOfTen(scale - left), left);
}

/** putTrimmed that also keeps the literal in `event`. */
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

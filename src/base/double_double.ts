/**
 * HOT: sums of products of decimals, several per trade, in shard threads. A whole number is kept as two doubles
 * `high + low`, which hold it exactly up to 2^106; the digits of prices times those of sizes, added up over a day, stay
 * far below. What is larger is rounded in the 107th bit.
 */

/** [high, low] of the last product. */
export const PRODUCT = new Float64Array(2);

/** 2^27 + 1: splits a double into two halves whose products are exact. */
const SPLITTER = 134_217_729;

/** (aHigh + aLow) × (bHigh + bLow) into PRODUCT. */
export function ddMultiply(aHigh: number, aLow: number, bHigh: number, bLow: number): void {
  const product = aHigh * bHigh;
  const aSplit = SPLITTER * aHigh;
  const aTop = aSplit - (aSplit - aHigh);
  const aRest = aHigh - aTop;
  const bSplit = SPLITTER * bHigh;
  const bTop = bSplit - (bSplit - bHigh);
  const bRest = bHigh - bTop;
  const error = aTop * bTop - product + aTop * bRest + aRest * bTop + aRest * bRest;
  const low = error + (aHigh * bLow + aLow * bHigh);
  PRODUCT[0] = product + low;
  PRODUCT[1] = low - (PRODUCT[0] - product);
}

/** Adds high + low to the sum at `at`. */
export function ddAdd(sums: Float64Array, at: number, high: number, low: number): void {
  const before = sums[at];
  const sum = before + high;
  const part = sum - before;
  const rest = before - (sum - part) + (high - part) + (sums[at + 1] + low);
  sums[at] = sum + rest;
  sums[at + 1] = rest - (sums[at] - sum);
}

/** Multiplies the sum at `at` by a whole number. */
export function ddScale(sums: Float64Array, at: number, factor: number): void {
  ddMultiply(sums[at], sums[at + 1], factor, 0);
  sums[at] = PRODUCT[0];
  sums[at + 1] = PRODUCT[1];
}

/** Sign of (aHigh + aLow) − (bHigh + bLow), both as multiplyWide leaves them. */
export function ddCompare(aHigh: number, aLow: number, bHigh: number, bLow: number): number {
  return aHigh === bHigh ? aLow - bLow : aHigh - bHigh;
}

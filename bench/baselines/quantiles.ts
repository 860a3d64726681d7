/** Quantiles of all values, not of buckets. */
export interface Exact {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** The smallest value that so many of all are not above. */
export function quantilesOf(values: Float32Array | Float64Array): Exact {
  const sorted = values.toSorted();
  const at = (part: number) => sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)];
  return { p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1) };
}

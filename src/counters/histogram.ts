/**
 * A latency histogram in shared memory: 16 buckets per power of two, so a quantile is within 6.25 % of the truth.
 * Values are microseconds. One thread records, any thread reads.
 */
const SUB_BUCKETS = 16;
const BUCKETS = SUB_BUCKETS * 29;

export function createHistogram(): SharedArrayBuffer {
  return new SharedArrayBuffer(BUCKETS * 4);
}

function bucketOf(micros: number): number {
  const exponent = 31 - Math.clz32(micros | 1);
  return exponent < 4 ? micros : ((exponent - 4) << 4) + (micros >>> (exponent - 4));
}

/** The largest value of a bucket. */
function upperBound(bucket: number): number {
  if (bucket < SUB_BUCKETS * 2) return bucket;
  const shift = (bucket >>> 4) - 1;
  return ((bucket & 15) + 17) * 2 ** shift - 1;
}

/** HOT: one call per chunk of frames. */
export class HistogramWriter {
  private readonly buckets: Uint32Array;

  constructor(memory: SharedArrayBuffer) {
    this.buckets = new Uint32Array(memory);
  }

  /** Counts `times` events of `micros` µs; negative values count as 0. */
  record(micros: number, times: number): void {
    const value = micros <= 0 ? 0 : micros >= 0x7fffffff ? 0x7fffffff : micros | 0;
    this.buckets[bucketOf(value)] += times;
  }
}

export interface Quantiles {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** Quantiles in µs over the sum of several histograms, since the start. */
export function quantiles(memories: readonly SharedArrayBuffer[]): Quantiles {
  const sum = new Float64Array(BUCKETS);
  for (const memory of memories) {
    new Uint32Array(memory).forEach((n, i) => {
      sum[i] += n;
    });
  }
  const count = sum.reduce((a, b) => a + b, 0);
  const at = (q: number): number => {
    let seen = 0;
    for (let i = 0; i < BUCKETS; i++) if ((seen += sum[i]) >= q * count && seen > 0) return upperBound(i);
    return 0;
  };
  return { count, p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1) };
}

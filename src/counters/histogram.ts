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

/** The buckets of several histograms, added up; they count on modulo 2^32, as each does. */
function sumOf(memories: readonly SharedArrayBuffer[]): Uint32Array {
  const sum = new Uint32Array(BUCKETS);
  for (const memory of memories) {
    new Uint32Array(memory).forEach((n, i) => {
      sum[i] += n;
    });
  }
  return sum;
}

function quantilesOf(buckets: Uint32Array): Quantiles {
  const count = buckets.reduce((a, b) => a + b, 0);
  const at = (q: number): number => {
    let seen = 0;
    for (let i = 0; i < BUCKETS; i++) if ((seen += buckets[i]) >= q * count && seen > 0) return upperBound(i);
    return 0;
  };
  return { count, p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1) };
}

/** Quantiles in µs over the sum of several histograms, since the start. */
export function quantiles(memories: readonly SharedArrayBuffer[]): Quantiles {
  return quantilesOf(sumOf(memories));
}

/** Quantiles in µs of what several histograms have recorded lately: since the oldest of the last samples. */
export class RecentQuantiles {
  private readonly samples: Uint32Array[] = [];

  constructor(private readonly samplesMax: number) {}

  /** Looks at the histograms; call it in even intervals. */
  sample(memories: readonly SharedArrayBuffer[]): void {
    this.samples.push(sumOf(memories));
    if (this.samples.length > this.samplesMax + 1) this.samples.shift();
  }

  read(): Quantiles {
    const newest = this.samples.at(-1) ?? new Uint32Array(BUCKETS);
    const oldest = this.samples.length > 1 ? this.samples[0] : undefined;
    return quantilesOf(oldest === undefined ? newest : newest.map((n, i) => n - oldest[i]));
  }
}

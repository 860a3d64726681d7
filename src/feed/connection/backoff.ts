/** Delays between attempts to reconnect: doubling from the first to the longest, ±25 % jitter, without an end. */
const JITTER = 0.25;

export class Backoff {
  private failures = 0;

  constructor(
    private readonly firstMs: number,
    private readonly longestMs: number,
    private readonly random: () => number = Math.random,
  ) {}

  /** Failures since the last reset. */
  get count(): number {
    return this.failures;
  }

  /** Milliseconds to wait after one more failure. */
  next(): number {
    const plain = Math.min(this.longestMs, this.firstMs * 2 ** Math.min(this.failures, 30));
    this.failures++;
    return plain * (1 + JITTER * (2 * this.random() - 1));
  }

  reset(): void {
    this.failures = 0;
  }
}

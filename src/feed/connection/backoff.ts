/** Delays between attempts to reconnect: doubling from the first to the longest, up to 25 % shorter, without an end. */
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

  /** Milliseconds to wait after one more failure, `mostMs` at most. */
  next(mostMs = this.longestMs): number {
    const plain = Math.min(this.longestMs, mostMs, this.firstMs * 2 ** Math.min(this.failures, 30));
    this.failures++;
    return plain * (1 - JITTER * this.random());
  }

  reset(): void {
    this.failures = 0;
  }
}

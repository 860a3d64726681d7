/**
 * Keeps what all shards of one exchange do together below its limits: connection attempts and REST requests. One
 * shared word per limit holds the time at which the budget is used up (generic cell rate algorithm), in milliseconds
 * of the clock that all threads share. Shard threads, once per attempt.
 */

/** Attempts that may follow each other at once after a quiet time. */
const BURST = 20;

/** REST requests per minute of an exchange that names no limit. */
export const REST_PER_MINUTE = 60;

/** Milliseconds of the clock that all threads share. */
export function sharedMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}

export function createPacing(): SharedArrayBuffer {
  return new SharedArrayBuffer(8);
}

/** Takes one attempt out of the budget and answers how many ms to wait before making it. */
export function reserve(pacing: SharedArrayBuffer, perMinute: number): number {
  const word = new BigInt64Array(pacing);
  const interval = Math.ceil(60_000 / perMinute);
  for (;;) {
    const before = Atomics.load(word, 0);
    const now = sharedMs();
    const from = Math.max(Number(before), now);
    if (Atomics.compareExchange(word, 0, before, BigInt(from + interval)) === before) {
      return Math.max(0, from - now - BURST * interval);
    }
  }
}

/** For what is in no hurry: how long to wait until the budget has room for others beside it. */
export function pauseMs(pacing: SharedArrayBuffer, perMinute: number): number {
  const interval = Math.ceil(60_000 / perMinute);
  const used = Number(Atomics.load(new BigInt64Array(pacing), 0)) - sharedMs();
  return Math.max(0, used - (BURST / 2) * interval);
}

/** An attempt that was taken out has reached nobody: it does not count. */
export function giveBack(pacing: SharedArrayBuffer, perMinute: number): void {
  Atomics.sub(new BigInt64Array(pacing), 0, BigInt(Math.ceil(60_000 / perMinute)));
}

const HOUR_MS = 3_600_000;

/**
 * The messages that one connection may send. Of what an hour allows one half may be used at once, the other one comes
 * back over the hour, so that no hour sees more than the whole.
 */
export class RequestBudget {
  /** up to which time the messages that were sent use up what the hour allows */
  private usedUntilMs = 0;

  constructor(
    private readonly limits: { readonly requestsPerSecond: number; readonly requestsPerHour?: number },
  ) {}

  /** The limit is that of a connection: a new one has used nothing. */
  begin(nowMs: number): void {
    this.usedUntilMs = nowMs - HOUR_MS;
  }

  /** A message is sent now: how long to wait before the next one. */
  pauseMs(nowMs: number): number {
    const { requestsPerSecond, requestsPerHour } = this.limits;
    if (requestsPerHour === undefined) return 1000 / requestsPerSecond;
    this.usedUntilMs = Math.max(this.usedUntilMs, nowMs - HOUR_MS) + (2 * HOUR_MS) / requestsPerHour;
    return Math.max(1000 / requestsPerSecond, this.usedUntilMs - nowMs);
  }
}

/**
 * Keeps what all shards of one exchange do together below its limits: connection attempts and REST requests. One
 * shared word per limit holds the time at which the budget is used up (generic cell rate algorithm), in milliseconds
 * of the clock that all threads share. Shard threads, once per attempt.
 */

/** Attempts that may follow each other at once after a quiet time. */
const BURST = 20;

function sharedMs(): number {
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

/**
 * Keeps the connection attempts of all shards of one exchange below its limit. One shared word per exchange holds the
 * time at which the budget is used up (generic cell rate algorithm), in milliseconds of the clock that all threads
 * share, mod 2^31.
 */

/** Attempts that may follow each other at once after a quiet time. */
const BURST = 20;
const WRAP = 0x7fffffff;

function sharedMs(): number {
  return Number((process.hrtime.bigint() / 1_000_000n) & 0x7fffffffn);
}

export function createPacing(): SharedArrayBuffer {
  return new SharedArrayBuffer(8);
}

/** Takes one attempt out of the budget and answers how many ms to wait before making it. */
export function reserveConnect(pacing: SharedArrayBuffer, connectsPerMinute: number): number {
  const word = new Int32Array(pacing);
  const interval = Math.ceil(60_000 / connectsPerMinute);
  for (;;) {
    const before = Atomics.load(word, 0);
    const now = sharedMs();
    const ahead = (before - now) & WRAP;
    // a time that lies in the past shows as a huge distance
    const behind = ahead > WRAP / 2 ? 0 : ahead;
    if (Atomics.compareExchange(word, 0, before, (now + behind + interval) & WRAP) === before) {
      return Math.max(0, behind - BURST * interval);
    }
  }
}

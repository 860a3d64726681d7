/**
 * Where the words of a ring lie in its SharedArrayBuffer. One producer (a shard), one consumer (the writer).
 *
 *   byte 0      tail: words published since the start, mod 2^32 (producer writes)
 *   byte 128    head: words released since the start, mod 2^32 (consumer writes)
 *   byte 256    data, RING_WORDS words
 *
 * Positions only grow and are masked into an index; tail - head is the fill. The two words lie 128 bytes
 * apart so that the threads do not fight over a cache line. A record never wraps: what does not fit before the end
 * begins at index 0 and the rest is one padding record.
 */
export const TAIL_WORD = 0;
export const HEAD_WORD = 32;
export const DATA_WORD = 64;

/** What all producers of one writer share with it. */
export const DOORBELL = {
  /** how the writer sleeps: one of SLEEP */
  sleeping: 0,
  /** counts the rings; the writer waits on it */
  rings: 1,
  /** 1 while the writer cannot write because the disk refuses or does not answer; the supervisor sets it */
  disk_waits: 2,
  words: 3,
} as const;

/** How the writer sleeps, and so what wakes it. */
export const SLEEP = {
  awake: 0,
  /** for a moment, so that more comes together: only a ring that fills wakes it */
  nap: 1,
  /** nothing came for a while: any row wakes it */
  rest: 2,
} as const;

/** Shared memory of one ring with `words` words of data (a power of two). */
export function createRing(words: number): SharedArrayBuffer {
  return new SharedArrayBuffer((DATA_WORD + words) * 4);
}

export function createDoorbell(): SharedArrayBuffer {
  return new SharedArrayBuffer(DOORBELL.words * 4);
}

/** Whether everything that was published has been released; any thread. */
export function isDrained(ring: SharedArrayBuffer): boolean {
  const control = new Int32Array(ring, 0, DATA_WORD);
  return Atomics.load(control, TAIL_WORD) === Atomics.load(control, HEAD_WORD);
}

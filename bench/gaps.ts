/**
 * How late a message would be on this machine if programs took no time at all: two threads that do nothing but look at
 * the clock, as many as a message passes, and how long a moment that falls into a gap between two looks has to wait
 * for the next one.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Exact } from './baselines/quantiles.js';
import type { GapThreadInit } from './gap_thread.js';

/** Those of the sender and of the receiver. */
const THREADS = 2;
/** Halvings of an interval. */
const STEPS = 50;

/** Microseconds that a moment waits in one of the threads or the other. */
export async function gapsOf(ms: number): Promise<Exact> {
  const init: GapThreadInit = { ms, ready: new SharedArrayBuffer(4), threads: THREADS };
  const workers = Array.from(
    { length: THREADS },
    () => new Worker(new URL('./gap_thread.js', import.meta.url), { workerData: init }),
  );
  const found = await Promise.all(workers.map((worker) => once(worker, 'message')));
  return waitsOf(
    found.flatMap(([gaps]: Float64Array[]) => [...gaps]),
    ms,
  );
}

/** Quantiles, in microseconds, of the wait of a moment within `ms` with these gaps. */
export function waitsOf(gaps: readonly number[], ms: number): Exact {
  const longest = gaps.reduce((a, b) => Math.max(a, b), 0);
  // of a gap the moments in front of its last `wait` milliseconds wait for longer
  const longerThan = (wait: number) => gaps.reduce((sum, gap) => sum + Math.max(0, gap - wait), 0) / ms;
  const quantile = (part: number) => {
    if (longerThan(0) <= 1 - part) return 0;
    let [low, high] = [0, longest];
    for (let step = 0; step < STEPS; step++) {
      const middle = (low + high) / 2;
      if (longerThan(middle) > 1 - part) low = middle;
      else high = middle;
    }
    return high * 1000;
  };
  return { p50: quantile(0.5), p99: quantile(0.99), p999: quantile(0.999), max: longest * 1000 };
}

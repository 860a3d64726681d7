/** Entry point of a thread that does nothing but look at the clock, and tells for how long it could not (gaps.ts). */
import { parentPort, workerData } from 'node:worker_threads';

export interface GapThreadInit {
  readonly ms: number;
  /** a word for each thread that is ready: all begin together */
  readonly ready: SharedArrayBuffer;
  readonly threads: number;
}

/** What a thread that is not held up takes for a look, and somewhat more. */
const GAP_MS_MIN = 0.005;

const { ms, ready, threads } = workerData as GapThreadInit;
const gaps = new Float64Array(Math.ceil(ms / GAP_MS_MIN));
const begun = new Int32Array(ready);
let count = 0;

function look(forMs: number): void {
  count = 0;
  const started = performance.now();
  for (let before = started, now = started; before - started < forMs; before = now) {
    now = performance.now();
    if (now - before >= GAP_MS_MIN) gaps[count++] = now - before;
  }
}

// for the compiler
look(ms / 20);
Atomics.add(begun, 0, 1);
while (Atomics.load(begun, 0) < threads);
look(ms);
parentPort?.postMessage(gaps.slice(0, count));

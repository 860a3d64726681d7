/**
 * Two clocks. Wall time for stamps: microseconds from the monotonic clock on top of an anchor that follows steps of
 * the system clock. Monotonic time for every interval, so that a step of the system clock disturbs no timer.
 * One instance per thread; read() is called once per chunk from a socket and allocates nothing.
 */

/** How far the anchored time may leave the system clock before it is anchored again. */
const DRIFT_MS_MAX = 2;

export class WallClock {
  /** [seconds since 1970 UTC, nanoseconds within the second] of the last read() */
  readonly now = new Uint32Array(2);
  private readonly anchor = new Float64Array(1);

  constructor() {
    this.anchor[0] = Date.now() - performance.now();
  }

  /** Takes the time. */
  read(): void {
    const system = Date.now();
    let ms = this.anchor[0] + performance.now();
    const drift = ms - system;
    // Date.now() is cut to whole milliseconds, so up to 1 ms ahead of it is the same time
    if (drift > 1 + DRIFT_MS_MAX || drift < -DRIFT_MS_MAX) {
      this.anchor[0] += system - ms;
      ms = system;
    }
    const seconds = Math.floor(ms / 1000);
    this.now[0] = seconds;
    this.now[1] = Math.floor((ms - seconds * 1000) * 1000) * 1000;
  }
}

/** Monotonic milliseconds for intervals and deadlines. */
export function monotonicMs(): number {
  return performance.now();
}

/**
 * Two clocks. Wall time for stamps: microseconds from the monotonic clock on top of an anchor that follows the system
 * clock. Monotonic time for every interval, so that a step of the system clock disturbs no timer. One instance per
 * thread; read() is called once per chunk from a socket and allocates nothing.
 */

/** What Date.now() cuts off, in milliseconds. */
const CUT_MS_MAX = 0.999;

export class WallClock {
  /** [seconds since 1970 UTC, nanoseconds within the second] of the last read() */
  readonly now = new Uint32Array(2);
  private readonly anchor = new Float64Array(1);

  constructor() {
    // where the system clock goes on to its next millisecond nothing is cut off; a clock that stands still is not waited for
    const first = Date.now();
    const started = performance.now();
    while (Date.now() === first && performance.now() - started < 2);
    this.anchor[0] = Date.now() - performance.now();
  }

  /** Takes the time. */
  read(): void {
    const system = Date.now();
    let ms = this.anchor[0] + performance.now();
    // Date.now() is cut to whole milliseconds: whatever lies outside of this one is wrong, by a step or by drift
    const right = ms < system ? system : ms > system + CUT_MS_MAX ? system + CUT_MS_MAX : ms;
    if (right !== ms) {
      this.anchor[0] += right - ms;
      ms = right;
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

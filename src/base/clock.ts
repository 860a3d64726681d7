/**
 * Two clocks. Wall time for stamps: microseconds from the monotonic clock on top of an anchor that follows the system
 * clock. Monotonic time for every interval, so that a step of the system clock disturbs no timer. One instance per
 * thread; read() is called once per chunk from a socket and allocates nothing.
 */

/** What Date.now() cuts off, in milliseconds. */
const CUT_MS_MAX = 0.999;
/** A stamp that lies so far before the one before it was set back; less is drift that is followed. */
const SET_BACK_MS = 10;

export class WallClock {
  /** [seconds since 1970 UTC, nanoseconds within the second] of the last read() */
  readonly now = new Uint32Array(2);
  /** how often the clock was set back, and the stamps on both sides of the last time */
  setBacks = 0;
  readonly before = new Uint32Array(2);
  readonly after = new Uint32Array(2);
  /** the anchor, and the last stamp in ms */
  private readonly anchor = new Float64Array(2);

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
    if (ms < this.anchor[1] - SET_BACK_MS) this.setBack(ms);
    this.anchor[1] = ms;
    this.stamp(this.now, ms);
  }

  private setBack(ms: number): void {
    this.setBacks++;
    this.before.set(this.now);
    this.stamp(this.after, ms);
  }

  private stamp(to: Uint32Array, ms: number): void {
    const seconds = Math.floor(ms / 1000);
    to[0] = seconds;
    to[1] = Math.floor((ms - seconds * 1000) * 1000) * 1000;
  }
}

/** Monotonic milliseconds for intervals and deadlines. */
export function monotonicMs(): number {
  return performance.now();
}

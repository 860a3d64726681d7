/**
 * The clocks of the simulator: what happens is stamped by the wall clock, whatever that does; what is waited for goes by
 * a clock that nobody sets. Runs in the simulator process.
 */
import { WallClock } from '../../base/clock.js';

/** Milliseconds since 1970 UTC by the clock of the start, monotonic: for intervals and deadlines. */
export function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

/** Stamps of one exchange. */
export class Stamps {
  readonly #wall = new WallClock();
  #last_us = 0;

  /** Microseconds since 1970 UTC, never less than before. */
  readonly us = (): number => {
    const { now } = this.#wall;
    this.#wall.read();
    this.#last_us = Math.max(this.#last_us, now[0] * 1_000_000 + now[1] / 1000);
    return this.#last_us;
  };
}

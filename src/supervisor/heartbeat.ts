/**
 * Whether a thread still turns, from a counter that it moves. Main thread, sampled once a second. Silence is counted
 * in samples, not by the clock: when the whole process or machine was stopped, no thread has been silent.
 */
export class Heartbeat {
  private last = 0;
  private samples = 0;
  private armed = false;

  /** `armed` counts silence from now on, otherwise from the first turn: recovery may take a while before it. */
  constructor(armed: boolean) {
    this.reset(armed);
  }

  reset(armed: boolean): void {
    this.samples = 0;
    this.armed = armed;
  }

  /** Takes the counter; answers for how many samples in a row it has not moved. */
  sample(value: number): number {
    if (value !== this.last) this.reset(true);
    else if (this.armed) this.samples++;
    this.last = value;
    return this.samples;
  }
}

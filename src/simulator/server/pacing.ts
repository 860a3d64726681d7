/**
 * When messages are due. With a rate: an absolute schedule from the first listener on, in batches of 1 to 5 ms, that
 * makes up for what it could not send; without one: as fast as clients take them.
 * Runs in the simulator process; used by venue.ts.
 */

/** Longest time one turn may take before sockets are looked after again. */
const TURN_MS = 4;
const WAIT_MIN_MS = 1;
const WAIT_MAX_MS = 5;

export interface PaceOptions {
  /** messages per second; 0 = no limit */
  readonly rate: number;
  /** stop after so many messages; 0 = never */
  readonly messages: number;
  /** stop after so many seconds of sending; 0 = never */
  readonly seconds: number;
  /** makes up to `count` messages, returns how many */
  readonly burst: (count: number) => number;
  /** whether there are clients to send to */
  readonly ready: () => boolean;
}

export class Pacer {
  readonly #options: PaceOptions;
  #rate: number;
  /** start of the schedule, and how many had been sent then */
  #begin_ms = 0;
  #base = 0;
  #started_ms = 0;
  #sent = 0;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  #running = false;
  /** whether everything asked for was sent */
  finished = false;

  constructor(options: PaceOptions) {
    this.#options = options;
    this.#rate = options.rate;
  }

  start(): void {
    this.#running = true;
    this.#doWork();
  }

  stop(): void {
    this.#running = false;
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
  }

  /** Sends nothing more, as if everything asked for had been sent. */
  finish(): void {
    this.stop();
    this.finished = true;
  }

  get sent(): number {
    return this.#sent;
  }

  /** Another rate from now on; the schedule begins anew. */
  setRate(rate: number): void {
    this.#rate = rate;
    this.#begin_ms = 0;
  }

  get rate(): number {
    return this.#rate;
  }

  #due(now_ms: number): number {
    if (this.#rate === 0) return Number.MAX_SAFE_INTEGER;
    return Math.floor(((now_ms - this.#begin_ms) / 1000) * this.#rate) + this.#base - this.#sent;
  }

  readonly #doWork = (): void => {
    if (!this.#running) return;
    let now_ms = performance.now();
    if (!this.#options.ready()) {
      // no request has come yet, or there is no rate and no client: the schedule begins later
      this.#begin_ms = 0;
      this.#timer = setTimeout(this.#doWork, WAIT_MAX_MS);
      return;
    }
    if (this.#begin_ms === 0) [this.#begin_ms, this.#base] = [now_ms, this.#sent];
    if (this.#started_ms === 0) this.#started_ms = now_ms;
    const { messages, seconds, burst } = this.#options;
    const until_ms = now_ms + TURN_MS;
    let due = this.#due(now_ms);
    let blocked = false;
    while (due > 0 && now_ms < until_ms) {
      const left = messages > 0 ? messages - this.#sent : due;
      const made = burst(Math.min(due, left));
      blocked = made === 0;
      this.#sent += made;
      due -= made;
      now_ms = performance.now();
      const over = seconds > 0 && now_ms - this.#started_ms >= seconds * 1000;
      if (over || (messages > 0 && this.#sent >= messages)) {
        this.finished = true;
        this.stop();
        return;
      }
      if (blocked) break;
    }
    if (due > 0 && !blocked) this.#immediate = setImmediate(this.#doWork);
    else this.#timer = setTimeout(this.#doWork, this.#wait(now_ms));
  };

  #wait(now_ms: number): number {
    if (this.#rate === 0) return WAIT_MIN_MS;
    const next_ms = this.#begin_ms + ((this.#sent - this.#base + 1) / this.#rate) * 1000;
    return Math.min(WAIT_MAX_MS, Math.max(WAIT_MIN_MS, next_ms - now_ms));
  }
}

/**
 * Aggregate trades of one symbol: neighbouring trades of one taker at one price, with ids of their own. What is
 * complete waits until it was sent; the trades themselves are in the market's history.
 * HOT: add() runs per trade of a symbol with aggregates; allocates nothing.
 * Runs in the simulator process; owned by market.ts.
 */

/** Aggregates that may wait. */
const WAITING_MAX = 64;
const WAITING_URGENT = 40;
/** Aggregates whose first trade is remembered for REST. */
const REMEMBERED = 8192;

export class Aggregates {
  readonly #first_ids = new Float64Array(REMEMBERED);
  readonly #times = new Float64Array(WAITING_MAX);
  readonly #prices = new Float64Array(WAITING_MAX);
  readonly #sizes = new Float64Array(WAITING_MAX);
  readonly #sides = new Uint8Array(WAITING_MAX);
  readonly #oldest_id: number;
  #next_trade_id = 0;
  /** id of the aggregate that may still grow; what is below it and not yet taken is complete */
  #open_id: number;
  #open = false;
  /** the one that was taken last, which is the one to send */
  id: number;
  first_id = 0;
  last_id = 0;
  time_us = 0;
  price = 0;
  size = 0;
  side = 0;

  /** The first aggregate has the id behind `last_id`. */
  constructor(last_id: number) {
    this.id = last_id;
    this.#oldest_id = last_id + 1;
    this.#open_id = last_id + 1;
  }

  /** Aggregates begin behind this trade, which is the current one until another is taken. */
  begin(trade_id: number, time_us: number, price: number, size: number, side: number): void {
    this.#next_trade_id = trade_id + 1;
    this.first_id = trade_id;
    this.last_id = trade_id;
    this.time_us = time_us;
    this.price = price;
    this.size = size;
    this.side = side;
  }

  /** Whether the next trade may belong to the newest aggregate, by side and price. */
  get open(): boolean {
    return this.#open;
  }

  /** Complete ones that were not sent yet press. */
  get urgent(): boolean {
    return this.#open_id - this.id > WAITING_URGENT;
  }

  /** The next trade: `joins` the newest aggregate, or begins another one. */
  add(trade_id: number, time_us: number, price: number, size: number, side: number, joins: boolean): void {
    if (this.#open && !joins) {
      this.#open_id++;
      this.#open = false;
    }
    if (this.#open_id - this.id >= WAITING_MAX)
      throw new Error('more aggregates wait than there is room for');
    const at = this.#open_id % WAITING_MAX;
    if (!this.#open) {
      this.#first_ids[this.#open_id % REMEMBERED] = trade_id;
      this.#sizes[at] = 0;
      this.#open = true;
    }
    this.#times[at] = time_us;
    this.#prices[at] = price;
    this.#sizes[at] += size;
    this.#sides[at] = side;
    this.#next_trade_id = trade_id + 1;
  }

  /** Makes the oldest aggregate that was not sent the current one; false when there is none. */
  take(): boolean {
    if (this.#open && this.#open_id === this.id + 1) {
      this.#open_id++;
      this.#open = false;
    }
    if (this.#open_id <= this.id + 1) return false;
    const at = ++this.id % WAITING_MAX;
    this.first_id = this.#first_ids[this.id % REMEMBERED];
    this.last_id = this.#behind(this.id) - 1;
    this.time_us = this.#times[at];
    this.price = this.#prices[at];
    this.size = this.#sizes[at];
    this.side = this.#sides[at];
    return true;
  }

  /** First trade id of an aggregate that was sent; undefined when it is unknown. */
  firstIdOf(id: number): number | undefined {
    if (id < this.oldest_kept || id > this.id) return undefined;
    return this.#first_ids[id % REMEMBERED];
  }

  /** Last trade id of an aggregate that was sent; undefined when it is unknown. */
  lastIdOf(id: number): number | undefined {
    return this.firstIdOf(id) === undefined ? undefined : this.#behind(id) - 1;
  }

  get oldest_kept(): number {
    return Math.max(this.#oldest_id, this.#open_id - REMEMBERED + 1);
  }

  /** First trade id behind an aggregate. */
  #behind(id: number): number {
    const next = id + 1;
    const begun = next < this.#open_id || (next === this.#open_id && this.#open);
    return begun ? this.#first_ids[next % REMEMBERED] : this.#next_trade_id;
  }
}

/**
 * One symbol's market: trades with contiguous ids, best quotes around a random walk on the tick grid, day figures that
 * agree with both. Its course depends on the seed and on the number of steps taken, not on the clock or on who listens.
 * HOT: one step per message; allocates nothing but the growing history.
 * Runs in the simulator process; stepped by the engine, read by the protocol files.
 */
import { Text } from './bytes.js';
import type { Listing } from './catalogue.js';
import type { Channel } from './channels.js';
import { hashText, mix32, Random } from './random.js';

export const BUY = 1;
export const SELL = 2;
const SIDE_BIT = 0x80000000;
const HISTORY_FIRST = 256;
/** Trades before the simulation are one second apart. */
const PREHISTORY_STEP_US = 1e6;

/** Place of a trade in a history of `length` (a power of two). */
function slotOf(id: number, length: number): number {
  return (id >>> 0) & (length - 1);
}

/** A trade as the REST endpoints need it. */
export interface PastTrade {
  readonly id: number;
  readonly time_us: number;
  readonly price_ticks: number;
  readonly size_lots: number;
  /** taker's side */
  readonly side: number;
}

/** Somebody who gets the frames of a symbol. */
export interface Listener {
  /** index of the last frame queued, see engine.ts */
  queued: number;
}

export class SymbolMarket<L extends Listener = Listener> {
  readonly listing: Listing;
  readonly index: number;
  readonly name_text: Text;
  readonly lower_text: Text;
  readonly hash: number;
  readonly #random: Random;
  readonly #history_max: number;
  #history_time = new Float64Array(HISTORY_FIRST);
  #history_price = new Uint32Array(HISTORY_FIRST);
  /** lots, with the side (sell) in the highest bit */
  #history_size = new Uint32Array(HISTORY_FIRST);
  readonly #first_id: number;
  readonly #begin_us: number;

  last_id: number;
  last_time_us: number;
  last_price: number;
  last_size = 1;
  last_side: number = BUY;
  sequence: number;
  update_id: number;
  bid: number;
  bid_size = 1;
  ask: number;
  ask_size = 1;
  readonly open: number;
  high: number;
  low: number;
  volume: number;
  /** bit per channel that has begun: its events are in the account whether or not anybody gets them */
  started = 0;
  /** bit per channel that somebody gets now */
  listened = 0;
  readonly listeners: Readonly<Record<Channel, L[]>> = { trades: [], ticker: [], bbo: [] };
  /** of each channel in the engine's round robin */
  readonly credit = new Float64Array(3);

  constructor(listing: Listing, index: number, seed: number, history_max: number, now_us: number) {
    this.listing = listing;
    this.index = index;
    this.hash = hashText(listing.name);
    this.name_text = new Text(listing.name);
    this.lower_text = new Text(listing.name.toLowerCase());
    this.#random = new Random(seed ^ this.hash);
    this.#history_max = history_max;
    this.#begin_us = now_us;
    this.#first_id = listing.last_trade_id;
    this.last_id = listing.last_trade_id;
    this.last_time_us = now_us - PREHISTORY_STEP_US;
    this.last_price = listing.price_ticks;
    this.open = listing.price_ticks - Math.floor(listing.price_ticks / 50);
    this.high = listing.price_ticks + Math.floor(listing.price_ticks / 100);
    this.low = this.open - Math.floor(listing.price_ticks / 100);
    this.volume = listing.volume_lots;
    this.sequence = listing.last_trade_id * 120 + (this.hash % 1000);
    this.update_id = listing.last_trade_id * 9 + (this.hash % 1000);
    this.bid = listing.price_ticks;
    this.ask = listing.price_ticks + 1;
    this.#moveQuotes();
    this.last_size = this.#size();
    this.#remember();
  }

  /** The next trade; its id follows the one before. */
  trade(now_us: number): void {
    const r = this.#random.next();
    this.last_id++;
    this.last_time_us = now_us;
    this.sequence += 1 + (r & 31);
    this.last_side = (r >>> 5) & 1 ? BUY : SELL;
    this.last_price = this.last_side === BUY ? this.ask : this.bid;
    this.last_size = this.#size();
    if (this.last_price > this.high) this.high = this.last_price;
    if (this.last_price < this.low) this.low = this.last_price;
    this.volume += this.last_size;
    if (this.volume > this.listing.volume_lots * 2) this.volume -= this.listing.volume_lots;
    if (((r >>> 6) & 3) === 0) this.#moveQuotes();
    this.#remember();
  }

  /** The next change of the best quotes without a trade. */
  quote(): void {
    this.#moveQuotes();
  }

  /** The trade with this id if it has happened and is still remembered. */
  past(id: number): PastTrade | undefined {
    if (id < 1 || id > this.last_id || !Number.isSafeInteger(id)) return undefined;
    if (id < this.#first_id) return this.#prehistory(id);
    if (id < this.oldest_kept) return undefined;
    const slot = slotOf(id, this.#history_time.length);
    return {
      id,
      time_us: this.#history_time[slot],
      price_ticks: this.#history_price[slot],
      size_lots: this.#history_size[slot] & ~SIDE_BIT,
      side: this.#history_size[slot] & SIDE_BIT ? SELL : BUY,
    };
  }

  /** The lowest id of the simulation that past() still knows; ids from before the simulation are always known. */
  get oldest_kept(): number {
    return Math.max(this.#first_id, this.last_id - this.#history_time.length + 1);
  }

  #size(): number {
    const r = this.#random.next();
    const max = this.listing.size_lots_max;
    // mostly small; one in eight round, so that sizes with and without zeros at the end occur
    const small = 1 + ((r >>> 3) % (1 + (max >>> ((r & 3) * 3))));
    return (r & 7) === 7 && small > 1000 ? small - (small % 1000) : small;
  }

  #moveQuotes(): void {
    const r = this.#random.next();
    this.update_id += 1 + (r & 15);
    this.sequence += 1 + (r & 7);
    const step = ((r >>> 4) & 7) - 3.5;
    // the walk turns round at half and at one and a half times the first price
    const pull = this.bid - this.listing.price_ticks;
    const away = Math.abs(pull) * 2 > this.listing.price_ticks;
    this.bid = Math.max(1, this.bid + (away ? -Math.sign(pull) * 4 : Math.trunc(step)));
    this.ask = this.bid + 1 + ((r >>> 8) & 3);
    this.bid_size = 1 + ((r >>> 5) % this.listing.size_lots_max);
    this.ask_size = 1 + ((r >>> 11) % this.listing.size_lots_max);
  }

  #remember(): void {
    const count = this.last_id - this.#first_id;
    if (count >= this.#history_time.length && this.#history_time.length < this.#history_max) this.#grow();
    const slot = slotOf(this.last_id, this.#history_time.length);
    this.#history_time[slot] = this.last_time_us;
    this.#history_price[slot] = this.last_price;
    this.#history_size[slot] = this.last_side === SELL ? (this.last_size | SIDE_BIT) >>> 0 : this.last_size;
  }

  #grow(): void {
    const old = this.#history_time.length;
    const [time, price, size] = [this.#history_time, this.#history_price, this.#history_size];
    this.#history_time = new Float64Array(old * 2);
    this.#history_price = new Uint32Array(old * 2);
    this.#history_size = new Uint32Array(old * 2);
    for (let id = Math.max(this.#first_id, this.last_id - old); id < this.last_id; id++) {
      const [from, to] = [slotOf(id, old), slotOf(id, old * 2)];
      this.#history_time[to] = time[from];
      this.#history_price[to] = price[from];
      this.#history_size[to] = size[from];
    }
  }

  #prehistory(id: number): PastTrade {
    const bits = mix32(this.hash ^ (id >>> 0));
    const away = bits % (1 + Math.floor(this.listing.price_ticks / 100));
    return {
      id,
      time_us: this.#begin_us - (this.#first_id - id + 1) * PREHISTORY_STEP_US,
      price_ticks: this.listing.price_ticks + away,
      size_lots: 1 + ((bits >>> 8) % this.listing.size_lots_max),
      side: bits & 1 ? BUY : SELL,
    };
  }
}

/** Trades that may be remembered for REST over all symbols of an exchange; 16 bytes each. */
export const HISTORY_TRADES = 1 << 23;

/** Remembered trades per symbol: a power of two. */
export function historyPerSymbol(symbols: number): number {
  return Math.max(4096, 2 ** Math.floor(Math.log2(HISTORY_TRADES / Math.max(1, symbols))));
}

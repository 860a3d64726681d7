/**
 * One symbol's market: an order book, trades with contiguous ids that happen at it, and day figures, aggregate trades
 * and candles that agree with both. Its course depends on the seed and on the steps taken, not on the clock.
 * HOT: one step per message; allocates nothing but the growing history.
 * Runs in the simulator process; stepped by the engine, read by the protocol files.
 */
import { Aggregates } from './aggregates.js';
import { ASK, BID, Book, type BookShape, type Levels, levelHash } from './book.js';
import { Text } from './bytes.js';
import { Candles } from './candles.js';
import type { Listing } from './catalogue.js';
import { CHANNEL_BITS, CHANNELS, type Channel, KLINE_CHANNELS } from './channels.js';
import { hashText, mix32, Random } from './random.js';

export const BUY = 1;
export const SELL = 2;
const SIDE_BIT = 0x80000000;
const HISTORY_FIRST = 256;
/** Levels per side of a book unless a client wants more. */
export const LEVELS_DEFAULT = 50;
/** Number of the book before its first event: high enough to differ from one after a reset. */
const BOOK_EVENTS_FIRST = 1_000_000;
/** Changes of a book after a copy of it was kept. */
const STALE_STEPS = 8;
/** Channels that are fed with every trade. */
const FED_BY_TRADES = CHANNELS.reduce(
  (bits, channel) =>
    channel === 'book' || channel === 'agg_trades' || channel.startsWith('klines_')
      ? bits | CHANNEL_BITS[channel]
      : bits,
  0,
);
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

/** One trade at a time of those that happened, see SymbolMarket.seek(). */
export class TradeCursor {
  id = 0;
  time_us = 0;
  price = 0;
  size = 0;
  side = 0;
}

/** A receiver of the frames of a symbol. */
export interface Listener {
  /** index of the last frame queued, see server/engine.ts */
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
  /** rises with everything that happens */
  sequence: number;
  /** rises with every change of the book */
  update_id: number;
  readonly book: Book;
  /** update ids of the event of the book that was made last: its first and last one, and the last one before it */
  book_first_id: number;
  book_last_id: number;
  book_previous_id: number;
  /** update id of the first change in that event, where ids of other symbols lie in between */
  book_change_id: number;
  /** what clients asked for: times in units of so many microseconds (Binance `timeUnit`) */
  time_unit_us = 1000;
  /** number of the newest event of the book, which counts up; a reset begins anew with 1 */
  book_events = BOOK_EVENTS_FIRST;
  readonly aggregates: Aggregates;
  readonly candles: Candles;
  /** the trade that seek() found */
  readonly seen = new TradeCursor();
  readonly open: number;
  high: number;
  low: number;
  volume: number;
  /** bit per channel that has begun: its events are in the ledger whether or not a client gets them */
  started = 0;
  /** sends nothing for now */
  halted = false;
  /** pages of trades over REST repeat so many trades of their neighbours */
  page_overlap = 0;
  /** bit per channel that a client gets now */
  listened = 0;
  /** bit per channel whose turn cannot wait: a finished candle, a full list of changes or aggregates */
  owed = 0;
  readonly listeners = Object.fromEntries(CHANNELS.map((channel) => [channel, []])) as unknown as Readonly<
    Record<Channel, L[]>
  >;
  /** of each channel in the engine's round robin */
  readonly credit = new Float64Array(CHANNELS.length);
  #stale_book: Levels | undefined;
  /** update id of the first change since the last event of the book, 0 when there was none */
  #first_change_id = 0;

  constructor(
    listing: Listing,
    index: number,
    seed: number,
    history_max: number,
    now_us: number,
    levels = LEVELS_DEFAULT,
  ) {
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
    this.book_first_id = this.update_id;
    this.book_last_id = this.update_id;
    this.book_previous_id = this.update_id;
    this.book_change_id = this.update_id;
    this.book = new Book(listing, this.#random, levels);
    this.aggregates = new Aggregates(Math.floor(listing.last_trade_id / 2));
    this.candles = new Candles(listing);
    this.last_size = this.#size();
    this.#remember();
  }

  get bid(): number {
    return this.book.bid;
  }

  get bid_size(): number {
    return this.book.bid_size;
  }

  get ask(): number {
    return this.book.ask;
  }

  get ask_size(): number {
    return this.book.ask_size;
  }

  /** A channel begins: from here on the market keeps what its events need. */
  begin(channel: Channel, shape: BookShape): void {
    this.started |= CHANNEL_BITS[channel];
    if (channel === 'book') {
      this.book.track(shape);
      this.book_last_id = this.update_id;
      this.#first_change_id = 0;
    } else if (channel === 'agg_trades') {
      const { last_id, last_time_us, last_price, last_size, last_side } = this;
      this.aggregates.begin(last_id, last_time_us, last_price, last_size, last_side);
    } else {
      const interval = KLINE_CHANNELS.indexOf(channel as (typeof KLINE_CHANNELS)[number]);
      if (interval >= 0) this.#beginCandles(interval);
    }
  }

  /** The next trade; its id follows the one before. */
  trade(now_us: number): void {
    const r = this.#random.next();
    const { aggregates, book } = this;
    // the taker of the trade before may go on at the same price
    const same = this.last_side === BUY ? book.ask : book.bid;
    const joins = aggregates.open && ((r >>> 8) & 1) === 1 && same === this.last_price;
    this.last_id++;
    this.last_time_us = now_us;
    this.sequence += 1 + (r & 31);
    if (!joins) this.last_side = (r >>> 5) & 1 ? BUY : SELL;
    const buys = this.last_side === BUY;
    this.last_price = buys ? book.ask : book.bid;
    this.last_size = book.take(buys, this.#size());
    this.#count(1);
    if (this.last_price > this.high) this.high = this.last_price;
    if (this.last_price < this.low) this.low = this.last_price;
    this.volume += this.last_size;
    if (this.volume > this.listing.volume_lots * 2) this.volume -= this.listing.volume_lots;
    if (((r >>> 6) & 3) === 0) this.#make();
    this.#remember();
    if ((this.started & FED_BY_TRADES) !== 0) this.#feed(joins);
  }

  /** The next change of the book without a trade. */
  quote(): void {
    this.#make();
    this.#press();
  }

  /** The next event of the book: what has changed since the last one, and `steps` changes more. */
  changeBook(steps: number): void {
    for (let i = 0; i < steps && !this.book.urgent; i++) this.#make();
    // a step may find nothing to change, an event without a change is not sent
    while (!this.book.changed) this.#make();
    this.book_previous_id = this.book_last_id;
    this.book_first_id = this.book_last_id + 1;
    this.book_last_id = this.update_id;
    this.book_change_id = this.#first_change_id;
    this.#first_change_id = 0;
    this.book_events++;
    this.owed &= ~CHANNEL_BITS.book;
  }

  /** The update ids of the book begin anew, as after a restart of the exchange. */
  resetBook(): void {
    this.update_id = 1;
    this.book_events = 0;
  }

  /** Makes the oldest aggregate that was not sent the current one; false when there is none. */
  takeAggregate(): boolean {
    const taken = this.aggregates.take();
    if (!this.aggregates.urgent) this.owed &= ~CHANNEL_BITS.agg_trades;
    return taken;
  }

  /** Whether the interval has a candle to send now. */
  rollCandle(interval: number, now_us: number): boolean {
    this.candles.roll(interval, now_us);
    return this.candles.has(interval);
  }

  /** The candle was sent. */
  candleSent(interval: number): void {
    this.candles.sent(interval);
    this.owed &= ~CHANNEL_BITS[KLINE_CHANNELS[interval]];
  }

  /** Keeps a copy of the book as it is, for answers that are out of date, and lets the book go on. */
  keepStaleBook(): void {
    this.#stale_book = copyOf(this.book, this.update_id, this.listing);
    for (let i = 0; i < STALE_STEPS && !this.book.urgent; i++) this.quote();
  }

  /** The book for an answer over REST; `stale`: the copy that keepStaleBook() made. */
  levels(stale = false): Levels {
    const copy = stale ? this.#stale_book : undefined;
    return copy ?? copyOf(this.book, this.update_id, this.listing);
  }

  /** Puts the trade with this id into `seen`; false when it has not happened or is forgotten. */
  seek(id: number): boolean {
    const { seen } = this;
    if (id < 1 || id > this.last_id || (id >= this.#first_id && id < this.oldest_kept)) return false;
    seen.id = id;
    if (id < this.#first_id) {
      this.#prehistory(id);
      return true;
    }
    const slot = slotOf(id, this.#history_time.length);
    seen.time_us = this.#history_time[slot];
    seen.price = this.#history_price[slot];
    seen.size = this.#history_size[slot] & ~SIDE_BIT;
    seen.side = this.#history_size[slot] & SIDE_BIT ? SELL : BUY;
    return true;
  }

  /** The trade with this id if it has happened and is still remembered. */
  past(id: number): PastTrade | undefined {
    if (!Number.isSafeInteger(id) || !this.seek(id)) return undefined;
    const { time_us, price, size, side } = this.seen;
    return { id, time_us, price_ticks: price, size_lots: size, side };
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

  #make(): void {
    const r = this.#random.next();
    this.#count(1 + (r & 15));
    this.sequence += 1 + (r & 7);
    this.book.make();
  }

  /** The book changes: its update id rises. */
  #count(ids: number): void {
    this.update_id += ids;
    if (this.#first_change_id === 0) this.#first_change_id = this.update_id;
  }

  /** What must not wait for its turn. */
  #press(): void {
    if ((this.started & CHANNEL_BITS.book) !== 0 && this.book.urgent) this.owed |= CHANNEL_BITS.book;
  }

  /** The newest trade goes into aggregates and candles. */
  #feed(joins: boolean): void {
    this.#press();
    const buys = this.last_side === BUY;
    if ((this.started & CHANNEL_BITS.agg_trades) !== 0) {
      const { last_id, last_time_us, last_price, last_size, last_side } = this;
      this.aggregates.add(last_id, last_time_us, last_price, last_size, last_side, joins);
      if (this.aggregates.urgent) this.owed |= CHANNEL_BITS.agg_trades;
    }
    if (this.candles.any) {
      this.candles.trade(this.last_time_us, this.last_id, this.last_price, this.last_size, buys);
      this.owed |= this.candles.finished;
    }
  }

  /** A candle that begins in the middle holds the trades of the simulation that belong to it. */
  #beginCandles(interval: number): void {
    this.candles.start(interval);
    const open_us = this.candles.openTimeOf(interval, this.last_time_us) * 1e6;
    let from = this.last_id + 1;
    while (from > this.oldest_kept && this.seek(from - 1) && this.seen.time_us >= open_us) from--;
    for (let id = from; id <= this.last_id && this.seek(id); id++) {
      const { time_us, price, size, side } = this.seen;
      this.candles.add(interval, time_us, id, price, size, side === BUY);
    }
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

  #prehistory(id: number): void {
    const { seen } = this;
    const bits = mix32(this.hash ^ (id >>> 0));
    const away = bits % (1 + Math.floor(this.listing.price_ticks / 100));
    seen.time_us = this.#begin_us - (this.#first_id - id + 1) * PREHISTORY_STEP_US;
    seen.price = this.listing.price_ticks + away;
    seen.size = 1 + ((bits >>> 8) % this.listing.size_lots_max);
    seen.side = bits & 1 ? BUY : SELL;
  }
}

/** A frozen copy of a book. */
function copyOf(book: Book, id: number, { price_scale, size_scale }: Listing): Levels {
  const sides = [BID, ASK].map((side) =>
    Array.from({ length: book.count(side) }, (_, rank) => [book.price(side, rank), book.size(side, rank)]),
  );
  let hash = 0;
  sides.forEach((levels, side) => {
    for (const [price, size] of levels)
      hash = (hash + levelHash(side, price, price_scale, size, size_scale)) | 0;
  });
  return {
    id,
    hash,
    count: (side) => sides[side].length,
    price: (side, rank) => sides[side][rank][0],
    size: (side, rank) => sides[side][rank][1],
  };
}

/** Trades that may be remembered for REST over all symbols of an exchange; 16 bytes each. */
export const HISTORY_TRADES = 1 << 23;

/** Remembered trades per symbol: a power of two. */
export function historyPerSymbol(symbols: number): number {
  return Math.max(4096, 2 ** Math.floor(Math.log2(HISTORY_TRADES / Math.max(1, symbols))));
}

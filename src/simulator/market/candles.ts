/**
 * Candles of one symbol, added up from its trades, for the intervals that are subscribed. A finished candle
 * waits until it was sent once more.
 * HOT: trade() runs per trade of a symbol with candles; allocates nothing.
 * Runs in the simulator process; owned by market.ts.
 */
import { KLINE_INTERVALS } from '../../schema/tables.js';
import { powerOfTen } from './bytes.js';
import type { Listing } from './catalogue.js';
import { CHANNEL_BITS, INTERVALS, KLINE_CHANNELS } from './channels.js';

/** Words of a candle: prices in ticks, base volumes in lots, quote volumes in units of `quote_scale`. */
export const CANDLE_AT = {
  /** first second */
  open_time: 0,
  /** first second behind it */
  close_time: 1,
  open: 2,
  high: 3,
  low: 4,
  close: 5,
  volume: 6,
  quote_volume: 7,
  taker_buy_base: 8,
  taker_buy_quote: 9,
  trades: 10,
  first_id: 11,
  last_id: 12,
  last_time_us: 13,
} as const;
const WORDS = 14;
/** Finished candles that are remembered per interval. */
const PAST_MAX = 128;
const SECONDS: readonly number[] = INTERVALS.map((interval) => KLINE_INTERVALS[interval]);

/** Decimals of quote volumes: no figure of a market outgrows 2^53, also with zeros appended up to 8 decimals. */
function quoteScaleOf({ price_ticks, price_scale, volume_lots, size_scale }: Listing): number {
  const day = (price_ticks / 10 ** price_scale) * (volume_lots / 10 ** size_scale);
  let scale = 8;
  while (scale > 0 && day * 50 * 10 ** scale * 5 ** (8 - scale) > 2 ** 52) scale--;
  return scale;
}

/** CHANNEL_BITS by interval */
const KLINE_BITS = Int32Array.from(KLINE_CHANNELS, (channel) => CHANNEL_BITS[channel]);

export class Candles {
  readonly #listing: Listing;
  readonly quote_scale: number;
  readonly #quote_max: number;
  readonly #volume_max: number;
  /** bit per interval, as in KLINE_BITS */
  #started = 0;
  readonly #now = new Float64Array(WORDS * INTERVALS.length);
  /** the candle before, when its last update is still to be sent */
  readonly #done = new Float64Array(WORDS * INTERVALS.length);
  /** channel bits of the intervals with such a candle */
  finished = 0;
  readonly #past = new Map<number, Float64Array>();
  readonly #past_count = new Int32Array(INTERVALS.length);

  constructor(listing: Listing) {
    this.#listing = listing;
    this.quote_scale = quoteScaleOf(listing);
    this.#quote_max = Math.floor(2 ** 52 / 5 ** (8 - this.quote_scale));
    this.#volume_max = Math.floor(2 ** 53 / 10 ** Math.max(0, 8 - listing.size_scale));
  }

  get any(): boolean {
    return this.#started !== 0;
  }

  /** Begins with an empty candle; the caller adds the trades it already has. */
  start(interval: number): void {
    this.#started |= KLINE_BITS[interval];
    this.#past.set(interval, new Float64Array(WORDS * PAST_MAX));
  }

  /** First second of the candle that holds this moment. */
  openTimeOf(interval: number, time_us: number): number {
    const seconds = SECONDS[interval];
    return Math.floor(time_us / 1e6 / seconds) * seconds;
  }

  trade(time_us: number, id: number, price: number, size: number, buys: boolean): void {
    for (let i = 0; i < SECONDS.length; i++) {
      if ((this.#started & KLINE_BITS[i]) !== 0) this.add(i, time_us, id, price, size, buys);
    }
  }

  /** Adds a trade to one interval. */
  add(interval: number, time_us: number, id: number, price: number, size: number, buys: boolean): void {
    const w = this.#now;
    const at = interval * WORDS;
    if (w[at + CANDLE_AT.trades] === 0 || time_us >= w[at + CANDLE_AT.close_time] * 1e6) {
      this.#finish(interval);
      this.#begin(interval, time_us, id, price);
    }
    const { price_scale, size_scale } = this.#listing;
    const quote = Math.floor(
      ((price * size) / powerOfTen(price_scale) / powerOfTen(size_scale)) * powerOfTen(this.quote_scale),
    );
    if (price > w[at + CANDLE_AT.high]) w[at + CANDLE_AT.high] = price;
    if (price < w[at + CANDLE_AT.low]) w[at + CANDLE_AT.low] = price;
    w[at + CANDLE_AT.close] = price;
    w[at + CANDLE_AT.volume] = Math.min(this.#volume_max, w[at + CANDLE_AT.volume] + size);
    w[at + CANDLE_AT.quote_volume] = Math.min(this.#quote_max, w[at + CANDLE_AT.quote_volume] + quote);
    if (buys) {
      const base = w[at + CANDLE_AT.taker_buy_base] + size;
      w[at + CANDLE_AT.taker_buy_base] = Math.min(this.#volume_max, base);
      w[at + CANDLE_AT.taker_buy_quote] = Math.min(
        this.#quote_max,
        w[at + CANDLE_AT.taker_buy_quote] + quote,
      );
    }
    w[at + CANDLE_AT.trades]++;
    w[at + CANDLE_AT.last_id] = id;
    w[at + CANDLE_AT.last_time_us] = time_us;
  }

  /** Finishes the candle when its time is over although no trade has come since. */
  roll(interval: number, now_us: number): void {
    const at = interval * WORDS;
    if (this.#now[at + CANDLE_AT.trades] > 0 && now_us >= this.#now[at + CANDLE_AT.close_time] * 1e6)
      this.#finish(interval);
  }

  /** Whether there is anything to send. */
  has(interval: number): boolean {
    return this.#isDone(interval) || this.#now[interval * WORDS + CANDLE_AT.trades] > 0;
  }

  isClosed(interval: number): boolean {
    return this.#isDone(interval);
  }

  /** A word of the candle to send next: the finished one before the one that grows. */
  word(interval: number, word: number): number {
    return (this.#isDone(interval) ? this.#done : this.#now)[interval * WORDS + word];
  }

  /** The candle was sent; a finished one is not sent again. */
  sent(interval: number): void {
    this.finished &= ~KLINE_BITS[interval];
  }

  /** Finished candles that are remembered. */
  kept(interval: number): number {
    return Math.min(this.#past_count[interval], PAST_MAX);
  }

  /** A word of a finished candle by age, 0 = the newest of those kept(); below 0 of the candle to send next. */
  wordAt(interval: number, age: number, word: number): number {
    if (age < 0) return this.word(interval, word);
    return this.#past.get(interval)![((this.#past_count[interval] - 1 - age) % PAST_MAX) * WORDS + word];
  }

  #isDone(interval: number): boolean {
    return (this.finished & KLINE_BITS[interval]) !== 0;
  }

  #begin(interval: number, time_us: number, id: number, price: number): void {
    const w = this.#now;
    const at = interval * WORDS;
    const open_time = this.openTimeOf(interval, time_us);
    w[at + CANDLE_AT.open_time] = open_time;
    w[at + CANDLE_AT.close_time] = open_time + SECONDS[interval];
    w[at + CANDLE_AT.open] = price;
    w[at + CANDLE_AT.high] = price;
    w[at + CANDLE_AT.low] = price;
    w[at + CANDLE_AT.first_id] = id;
  }

  #finish(interval: number): void {
    const at = interval * WORDS;
    const past = this.#past.get(interval);
    if (this.#now[at + CANDLE_AT.trades] > 0 && past !== undefined) {
      const slot = (this.#past_count[interval]++ % PAST_MAX) * WORDS;
      for (let i = 0; i < WORDS; i++) {
        this.#done[at + i] = this.#now[at + i];
        past[slot + i] = this.#now[at + i];
      }
      this.finished |= KLINE_BITS[interval];
    }
    this.#now.fill(0, at, at + WORDS);
  }
}

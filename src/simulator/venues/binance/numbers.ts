/**
 * Prices, sizes and candles as Binance writes them: spot with eight decimals, futures with those of tick and lot.
 * HOT: called for every number of every frame. Runs in the simulator process; used by the Binance protocol files.
 */

import { powerOfTen, putApproximate, putDecimalPadded, putText, putUint, Text } from '../../market/bytes.js';
import { CANDLE_AT } from '../../market/candles.js';
import type { Listing } from '../../market/catalogue.js';
import { INTERVALS, KLINE_AT } from '../../market/channels.js';
import type { EventValues } from '../../market/ledger.js';
import { LEDGER_FLAGS } from '../../market/ledger.js';
import type { SymbolMarket } from '../../market/market.js';

const MINUS = 45;

export class Numbers {
  /** zeros are appended up to so many decimals */
  readonly #decimals: number;

  constructor(decimals: number) {
    this.#decimals = decimals;
  }

  #padded(scale: number): number {
    return this.#decimals > scale ? this.#decimals : scale;
  }

  putPrice(out: DataView, at: number, ticks: number, { price_scale }: Listing): number {
    return putDecimalPadded(out, at, ticks, price_scale, this.#padded(price_scale));
  }

  putSize(out: DataView, at: number, lots: number, { size_scale }: Listing): number {
    return putDecimalPadded(out, at, lots, size_scale, this.#padded(size_scale));
  }

  putQuote(out: DataView, at: number, units: number, scale: number): number {
    return putDecimalPadded(out, at, units, scale, this.#padded(scale));
  }

  setPrice(event: EventValues, index: number, ticks: number, { price_scale }: Listing): void {
    this.#set(event, index, ticks, price_scale);
  }

  setSize(event: EventValues, index: number, lots: number, { size_scale }: Listing): void {
    this.#set(event, index, lots, size_scale);
  }

  setQuote(event: EventValues, index: number, units: number, scale: number): void {
    this.#set(event, index, units, scale);
  }

  #set(event: EventValues, index: number, units: number, scale: number): void {
    const decimals = this.#padded(scale);
    event.set(index, units * powerOfTen(decimals - scale), decimals);
  }

  putSignedPrice(out: DataView, at: number, ticks: number, listing: Listing): number {
    if (ticks >= 0) return this.putPrice(out, at, ticks, listing);
    out.setUint8(at, MINUS);
    return this.putPrice(out, at + 1, -ticks, listing);
  }
}

/** `change` in per cent of `open`. */
export function putPercent(out: DataView, at: number, change: number, open: number, decimals: 2 | 3): number {
  const units = Math.floor((Math.abs(change) / open) * 100 * powerOfTen(decimals));
  let p = at;
  if (change < 0 && units > 0) out.setUint8(p++, MINUS);
  return putDecimalPadded(out, p, units, decimals, decimals);
}

/** 24-hour volume in quote currency at the average price. */
export function putQuoteVolume(out: DataView, at: number, s: SymbolMarket, average: number): number {
  const { price_scale, size_scale } = s.listing;
  return putApproximate(out, at, (s.volume / powerOfTen(size_scale)) * (average / powerOfTen(price_scale)));
}

const KLINE = new Text('{"e":"kline","E":');
const SYMBOL = new Text(',"s":"');
const BEGIN = new Text('","k":{"t":');
const END_TIME = new Text(',"T":');
const INTERVAL_TEXTS = INTERVALS.map((interval) => new Text(`","i":"${interval}","f":`));
const LAST_ID = new Text(',"L":');
const OPEN = new Text(',"o":"');
const CLOSE = new Text('","c":"');
const HIGH = new Text('","h":"');
const LOW = new Text('","l":"');
const VOLUME = new Text('","v":"');
const TRADES = new Text('","n":');
const CLOSED = new Text(',"x":true,"q":"');
const GROWING = new Text(',"x":false,"q":"');
const TAKER_BASE = new Text('","V":"');
const TAKER_QUOTE = new Text('","Q":"');
const END = new Text('","B":"0"}}');

/** The candle of an interval that is to be sent now. */
export function composeKline(
  numbers: Numbers,
  s: SymbolMarket,
  interval: number,
  out: DataView,
  at: number,
  now: number,
  e: EventValues,
): number {
  const { candles, listing, time_unit_us } = s;
  const units_per_s = 1e6 / time_unit_us;
  const open_time = candles.word(interval, CANDLE_AT.open_time);
  const close_time = candles.word(interval, CANDLE_AT.close_time);
  const scale = candles.quote_scale;
  let p = putUint(out, putText(out, at, KLINE), now);
  p = putText(out, putText(out, p, SYMBOL), s.name_text);
  p = putUint(out, putText(out, p, BEGIN), open_time * units_per_s);
  p = putUint(out, putText(out, p, END_TIME), close_time * units_per_s - 1);
  p = putText(out, putText(out, p, SYMBOL), s.name_text);
  p = putUint(out, putText(out, p, INTERVAL_TEXTS[interval]), candles.word(interval, CANDLE_AT.first_id));
  p = putUint(out, putText(out, p, LAST_ID), candles.word(interval, CANDLE_AT.last_id));
  p = numbers.putPrice(out, putText(out, p, OPEN), candles.word(interval, CANDLE_AT.open), listing);
  p = numbers.putPrice(out, putText(out, p, CLOSE), candles.word(interval, CANDLE_AT.close), listing);
  p = numbers.putPrice(out, putText(out, p, HIGH), candles.word(interval, CANDLE_AT.high), listing);
  p = numbers.putPrice(out, putText(out, p, LOW), candles.word(interval, CANDLE_AT.low), listing);
  p = numbers.putSize(out, putText(out, p, VOLUME), candles.word(interval, CANDLE_AT.volume), listing);
  p = putUint(out, putText(out, p, TRADES), candles.word(interval, CANDLE_AT.trades));
  p = putText(out, p, candles.isClosed(interval) ? CLOSED : GROWING);
  p = numbers.putQuote(out, p, candles.word(interval, CANDLE_AT.quote_volume), scale);
  p = numbers.putSize(
    out,
    putText(out, p, TAKER_BASE),
    candles.word(interval, CANDLE_AT.taker_buy_base),
    listing,
  );
  p = numbers.putQuote(
    out,
    putText(out, p, TAKER_QUOTE),
    candles.word(interval, CANDLE_AT.taker_buy_quote),
    scale,
  );
  p = putText(out, p, END);
  e.setTime(open_time * 1e6);
  if (candles.isClosed(interval)) e.flags = LEDGER_FLAGS.closed;
  numbers.setPrice(e, KLINE_AT.open, candles.word(interval, CANDLE_AT.open), listing);
  numbers.setPrice(e, KLINE_AT.high, candles.word(interval, CANDLE_AT.high), listing);
  numbers.setPrice(e, KLINE_AT.low, candles.word(interval, CANDLE_AT.low), listing);
  numbers.setPrice(e, KLINE_AT.close, candles.word(interval, CANDLE_AT.close), listing);
  numbers.setSize(e, KLINE_AT.volume, candles.word(interval, CANDLE_AT.volume), listing);
  numbers.setQuote(e, KLINE_AT.quote_volume, candles.word(interval, CANDLE_AT.quote_volume), scale);
  numbers.setSize(e, KLINE_AT.taker_buy_base, candles.word(interval, CANDLE_AT.taker_buy_base), listing);
  numbers.setQuote(e, KLINE_AT.taker_buy_quote, candles.word(interval, CANDLE_AT.taker_buy_quote), scale);
  e.digits[KLINE_AT.close_time] = close_time;
  e.digits[KLINE_AT.trades] = candles.word(interval, CANDLE_AT.trades);
  return p;
}

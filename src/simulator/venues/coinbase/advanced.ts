/**
 * Coinbase Advanced Trade as its clients see it. Every frame of a connection has the next `sequence_num`, so that the
 * part in front of the events is written per connection; trades come in batches with the newest first and carry the
 * maker's side.
 * HOT: compose() and stamp() run per message. Runs in the simulator process; see server/protocol.ts.
 */
import { ASK, BID } from '../../market/book.js';
import {
  IsoTime,
  powerOfTen,
  putByte,
  putDecimal,
  putDecimalPadded,
  putPadded,
  putText,
  putUint,
  type Slab,
  Text,
} from '../../market/bytes.js';
import { CANDLE_AT } from '../../market/candles.js';
import { type Channel, KLINE_AT, KLINE_CHANNELS } from '../../market/channels.js';
import type { Frame } from '../../market/frame.js';
import { BUY, type SymbolMarket } from '../../market/market.js';
import { putNoted, putTrimmed } from '../../server/numbers.js';
import type { Link, VenueProtocol } from '../../server/protocol.js';
import { AdvancedRest } from './advanced_rest.js';
import { AdvancedSession } from './advanced_session.js';
import { listProducts } from './exchange_rest.js';

const head = (channel: string) => new Text(`{"channel":"${channel}","timestamp":"`);
const TRADES_HEAD = head('market_trades');
const TICKER_HEAD = head('ticker');
const BOOK_HEAD = head('l2_data');
const CANDLES_HEAD = head('candles');
const SEQUENCE = new Text('","sequence_num":');
const events = (type: string, list: string) => new Text(`,"events":[{"type":"${type}","${list}":[`);
const TRADES = [events('update', 'trades'), events('snapshot', 'trades')];
const TICKERS = [events('update', 'tickers'), events('snapshot', 'tickers')];
const CANDLES = [events('update', 'candles'), events('snapshot', 'candles')];
const BOOK = ['update', 'snapshot'].map((type) => new Text(`,"events":[{"type":"${type}","product_id":"`));
const EVENTS_END = new Text(']}]}');
const TRADE_PRODUCT = new Text('{"product_id":"');
const TRADE_ID = new Text('","trade_id":"');
const PRICE = new Text('","price":"');
const SIZE = new Text('","size":"');
const TIME = new Text('","time":"');
const SIDE_BUY = new Text('","side":"BUY"}');
const SIDE_SELL = new Text('","side":"SELL"}');
const UPDATES = new Text('","updates":[');
const BID_TIME = new Text('{"side":"bid","event_time":"');
const OFFER_TIME = new Text('{"side":"offer","event_time":"');
const LEVEL_PRICE = new Text('","price_level":"');
const LEVEL_SIZE = new Text('","new_quantity":"');
const TICKER = new Text('{"type":"ticker","product_id":"');
const VOLUME = new Text('","volume_24_h":"');
const LOW = new Text('","low_24_h":"');
const HIGH = new Text('","high_24_h":"');
const LOW_YEAR = new Text('","low_52_w":"');
const HIGH_YEAR = new Text('","high_52_w":"');
const CHANGE = new Text('","price_percent_chg_24_h":"');
const BEST_BID = new Text('","best_bid":"');
const BEST_ASK = new Text('","best_ask":"');
const BEST_BID_SIZE = new Text('","best_bid_quantity":"');
const BEST_ASK_SIZE = new Text('","best_ask_quantity":"');
const START = new Text('{"start":"');
const CANDLE_HIGH = new Text('","high":"');
const CANDLE_LOW = new Text('","low":"');
const CANDLE_OPEN = new Text('","open":"');
const CANDLE_CLOSE = new Text('","close":"');
const CANDLE_VOLUME = new Text('","volume":"');
const CANDLE_PRODUCT = new Text('","product_id":"');
const END = new Text('"}');
const COMMA = 44;
const MINUS = 45;
const ZERO = 48;
const POINT = 46;
const SIZE_DECIMALS = 8;
/** The part in front of the sequence number waits at the start of the slot, its length in the first byte. */
const HEAD_ROOM = 288;
const iso = new IsoTime();
const UTC = 90;

/** `2026-09-27T16:42:07.238434983Z` without zeros at the end of its fraction; `nanos` below the microsecond. */
function putTimestamp(out: DataView, at: number, time_us: number, nanos: number): number {
  let p = putPadded(out, iso.put(out, at, time_us) - 1, nanos, 3);
  while (out.getUint8(p - 1) === ZERO) p--;
  if (out.getUint8(p - 1) === POINT) p--;
  return putByte(out, p, UTC);
}

/** Writes the waiting part; answers where the frame's own part begins. */
function putHead(frame: Frame, text: Text, nanos: number): number {
  const { view: out, start } = frame;
  let p = putText(out, start + 1, text);
  p = putText(out, putTimestamp(out, p, frame.now_us, nanos), SEQUENCE);
  out.setUint8(start, p - start - 1);
  return start + HEAD_ROOM;
}

function composeTrades(s: SymbolMarket, frame: Frame): number {
  const { view: out, event } = frame;
  const { price_scale, size_scale } = s.listing;
  let p = putText(out, putHead(frame, TRADES_HEAD, s.last_id % 1000), TRADES[frame.snapshot ? 1 : 0]);
  for (let id = s.last_id; id > s.last_id - frame.count && s.seek(id); id--) {
    const { seen } = s;
    if (id < s.last_id) p = putByte(out, p, COMMA);
    p = putText(out, putText(out, p, TRADE_PRODUCT), s.name_text);
    p = putUint(out, putText(out, p, TRADE_ID), id);
    p = putNoted(out, putText(out, p, PRICE), seen.price, price_scale, event, 0);
    p = putNoted(out, putText(out, p, SIZE), seen.size, size_scale, event, 1);
    p = iso.put(out, putText(out, p, TIME), seen.time_us);
    p = putText(out, p, seen.side === BUY ? SIDE_SELL : SIDE_BUY);
    event.setId(id);
    event.number = id;
    event.side = seen.side;
    event.setTime(seen.time_us);
    frame.record();
  }
  return putText(out, p, EVENTS_END);
}

/** Ratio in per cent with eight decimals. */
function putPercent(out: DataView, at: number, change: number, open: number): number {
  let p = at;
  if (change < 0) out.setUint8(p++, MINUS);
  return putDecimal(out, p, Math.floor((Math.abs(change) / open) * 1e10), 8);
}

/** Its only time is that of the envelope. */
function composeTicker(s: SymbolMarket, frame: Frame): number {
  const { view: out, event } = frame;
  const { price_scale, size_scale } = s.listing;
  const nanos = s.sequence % 1000;
  let p = putText(out, putHead(frame, TICKER_HEAD, nanos), TICKERS[frame.snapshot ? 1 : 0]);
  p = putText(out, putText(out, p, TICKER), s.name_text);
  p = putNoted(out, putText(out, p, PRICE), s.last_price, price_scale, event, 0);
  p = putDecimalPadded(out, putText(out, p, VOLUME), s.volume, size_scale, SIZE_DECIMALS);
  p = putTrimmed(out, putText(out, p, LOW), s.low, price_scale);
  p = putTrimmed(out, putText(out, p, HIGH), s.high, price_scale);
  p = putTrimmed(out, putText(out, p, LOW_YEAR), s.low, price_scale);
  p = putTrimmed(out, putText(out, p, HIGH_YEAR), s.high, price_scale);
  p = putPercent(out, putText(out, p, CHANGE), s.last_price - s.open, s.open);
  p = putNoted(out, putText(out, p, BEST_BID), s.bid, price_scale, event, 1);
  p = putNoted(out, putText(out, p, BEST_ASK), s.ask, price_scale, event, 2);
  p = putDecimalPadded(out, putText(out, p, BEST_BID_SIZE), s.bid_size, size_scale, SIZE_DECIMALS);
  p = putDecimalPadded(out, putText(out, p, BEST_ASK_SIZE), s.ask_size, size_scale, SIZE_DECIMALS);
  p = putText(out, putText(out, p, END), EVENTS_END);
  event.setTime(frame.now_us);
  event.time_ns += nanos;
  // size of the last trade
  event.setAbsent(3);
  event.setAbsent(4);
  event.set(5, s.volume * powerOfTen(SIZE_DECIMALS - size_scale), SIZE_DECIMALS);
  frame.record();
  return p;
}

function putSide(s: SymbolMarket, frame: Frame, at: number, side: number): number {
  const { view: out, event } = frame;
  const { book } = s;
  const { price_scale, size_scale } = s.listing;
  const levels = frame.whole ? book.count(side) : book.changes(side);
  let p = at;
  for (let i = 0; i < levels; i++) {
    const price = frame.whole ? book.price(side, i) : book.changedPrice(side, i);
    const size = frame.whole ? book.size(side, i) : book.changedSize(side, i);
    if (frame.events > 0) p = putByte(out, p, COMMA);
    p = iso.put(out, putText(out, p, side === BID ? BID_TIME : OFFER_TIME), frame.now_us);
    p = putDecimal(out, putText(out, p, LEVEL_PRICE), price, price_scale);
    p = putText(out, p, LEVEL_SIZE);
    const decimals = size === 0 ? 0 : SIZE_DECIMALS;
    p = size === 0 ? putByte(out, p, ZERO) : putDecimalPadded(out, p, size, size_scale, decimals);
    p = putText(out, p, END);
    event.set(0, price, price_scale);
    event.set(1, size === 0 ? 0 : size * powerOfTen(decimals - size_scale), decimals);
    frame.recordLevel(side + 1);
  }
  return p;
}

function composeBook(s: SymbolMarket, frame: Frame): number {
  const { view: out, event } = frame;
  event.setTime(frame.now_us);
  // the event is as old as its envelope says; single updates are a little older
  const nanos = frame.whole ? 0 : s.book_last_id % 1000;
  event.time_ns += nanos;
  let p = putText(out, putHead(frame, BOOK_HEAD, nanos), BOOK[frame.whole ? 1 : 0]);
  p = putText(out, putText(out, p, s.name_text), UPDATES);
  p = putSide(s, frame, p, BID);
  p = putSide(s, frame, p, ASK);
  return putText(out, p, EVENTS_END);
}

/** A candle: the one to send now (`age` below 0), or one of the past. */
function putCandle(s: SymbolMarket, interval: number, age: number, frame: Frame, at: number): number {
  const { view: out, event } = frame;
  const { candles, listing } = s;
  const { price_scale, size_scale } = listing;
  const open = candles.wordAt(interval, age, CANDLE_AT.open_time);
  let p = putUint(out, putText(out, at, START), open);
  p = putText(out, p, CANDLE_HIGH);
  p = putNoted(out, p, candles.wordAt(interval, age, CANDLE_AT.high), price_scale, event, KLINE_AT.high);
  p = putText(out, p, CANDLE_LOW);
  p = putNoted(out, p, candles.wordAt(interval, age, CANDLE_AT.low), price_scale, event, KLINE_AT.low);
  p = putText(out, p, CANDLE_OPEN);
  p = putNoted(out, p, candles.wordAt(interval, age, CANDLE_AT.open), price_scale, event, KLINE_AT.open);
  p = putText(out, p, CANDLE_CLOSE);
  p = putNoted(out, p, candles.wordAt(interval, age, CANDLE_AT.close), price_scale, event, KLINE_AT.close);
  const volume = candles.wordAt(interval, age, CANDLE_AT.volume);
  p = putDecimalPadded(out, putText(out, p, CANDLE_VOLUME), volume, size_scale, SIZE_DECIMALS);
  p = putText(out, putText(out, p, CANDLE_PRODUCT), s.name_text);
  event.setTime(open * 1e6);
  event.set(KLINE_AT.volume, volume * powerOfTen(SIZE_DECIMALS - size_scale), SIZE_DECIMALS);
  event.setAbsent(KLINE_AT.quote_volume);
  event.setAbsent(KLINE_AT.taker_buy_base);
  event.setAbsent(KLINE_AT.taker_buy_quote);
  event.digits[KLINE_AT.close_time] = candles.wordAt(interval, age, CANDLE_AT.close_time);
  event.digits[KLINE_AT.trades] = 0;
  frame.record();
  return putText(out, p, END);
}

function composeCandles(s: SymbolMarket, frame: Frame, interval: number): number {
  const { view: out } = frame;
  const { candles } = s;
  let p = putText(out, putHead(frame, CANDLES_HEAD, 1), CANDLES[frame.snapshot ? 1 : 0]);
  if (candles.has(interval)) p = putCandle(s, interval, -1, frame, p);
  if (frame.snapshot) {
    for (
      let age = candles.isClosed(interval) ? 1 : 0;
      age < frame.count && candles.kept(interval) > age;
      age++
    ) {
      if (frame.events > 0) p = putByte(out, p, COMMA);
      p = putCandle(s, interval, age, frame, p);
    }
  }
  return putText(out, p, EVENTS_END);
}

const CHANNELS: readonly Channel[] = ['trades', 'ticker', 'book', 'klines_5m'];
const SNAPSHOT_TRADES = 100;

export const coinbaseAdvanced: VenueProtocol = {
  id: 'coinbase-advanced',
  channels: CHANNELS,
  batch: { trades: 4 },
  newest_first: true,
  history: SNAPSHOT_TRADES,
  timings: {
    subscribe_deadline_ms: 5000,
    heartbeat_ms: 1000,
    ping_ms: 0,
    pong_deadline_ms: 0,
    stale_page_ms: 0,
    idle_ms: 75_000,
  },
  connection_limit: { burst: 8, per_s: 8 },
  listings: listProducts,
  accepts: () => true,
  open: (venue, link, _path, _query, now_ms) => new AdvancedSession(venue, link, now_ms),
  compose(channel, symbol, frame) {
    let end: number;
    if (channel === 'trades') end = composeTrades(symbol, frame);
    else if (channel === 'ticker') end = composeTicker(symbol, frame);
    else if (channel === 'book') end = composeBook(symbol, frame);
    else end = composeCandles(symbol, frame, KLINE_CHANNELS.indexOf('klines_5m'));
    frame.setInner(frame.start + HEAD_ROOM, end);
    return end;
  },
  stamp(slab: Slab, slot: number, link: Link): number {
    const start = slab.start(slot);
    const body = start + slab.inner_from[slot];
    const length = slab.bytes[start];
    // behind the waiting part and well in front of the frame's own there is room to write the number once
    const digits = putUint(slab.view, start + 128, link.sequence++) - start - 128;
    slab.bytes.copyWithin(body - digits, start + 128, start + 128 + digits);
    slab.bytes.copyWithin(body - digits - length, start + 1, start + 1 + length);
    return body - digits - length;
  },
  rest: (venue) => new AdvancedRest(venue),
  slow_consumer: { code: 1000, reason: '' },
  planned_close: { code: 1001, reason: '' },
  symbolOf: (raw) => /"product_id":"([^"]+)"/.exec(raw)?.[1],
};

/**
 * Bybit v5 as its clients see it: spot, and linear contracts with UUIDs for trade ids and tickers that carry only what
 * has changed. The two order their keys differently, and spot writes no zeros at the end of a price or size.
 * HOT: compose() runs per message. Runs in the simulator process; see server/protocol.ts.
 */

import { ASK, BID } from '../../market/book.js';
import { putByte, putDecimal, putHex16, putPadded, putText, putUint, Text } from '../../market/bytes.js';
import { CANDLE_AT } from '../../market/candles.js';
import { type Channel, KLINE_AT, KLINE_CHANNELS, type KlineChannel } from '../../market/channels.js';
import type { Frame } from '../../market/frame.js';
import { LEDGER_FLAGS } from '../../market/ledger.js';
import { BUY, type SymbolMarket } from '../../market/market.js';
import { ORDER_ROLES, orderIdWord } from '../../market/random.js';
import { putNoted, putTrimmed } from '../../server/numbers.js';
import type { VenueProtocol } from '../../server/protocol.js';
import { sequenceOf, spotBillions, spotRest } from './ids.js';
import { BybitRest, listLinear, listSpot } from './rest.js';
import { BybitSession, CANDLE_NAMES } from './session.js';

const topic = (name: string) => new Text(`{"topic":"${name}.`);
const TRADE = topic('publicTrade');
const TICKER = topic('tickers');
const QUOTES = topic('orderbook.1');
const BOOK = topic('orderbook.50');
const LINEAR_CANDLES = CANDLE_NAMES.map((name) => topic(`kline.${name}`));
const SPOT_CANDLES = CANDLE_NAMES.map((name) => new Text(`{"type":"snapshot","topic":"kline.${name}.`));
const TS_FIRST = new Text('","ts":');
const TYPE_SNAPSHOT = new Text(',"type":"snapshot","data":');
const TYPE_DELTA = new Text(',"type":"delta","data":');
const SNAPSHOT_TS = new Text('","type":"snapshot","ts":');
const DELTA_TS = new Text('","type":"delta","ts":');
const DATA = new Text(',"data":');
const SPOT_ID = new Text('{"i":"');
const SPOT_TIME = new Text('","T":');
const SPOT_PRICE = new Text(',"p":"');
const SPOT_SIZE = new Text('","v":"');
/** behind a text, whose quote it closes */
const SIDE_BUY = new Text('","S":"Buy"');
const SIDE_SELL = new Text('","S":"Sell"');
const SEQ = new Text(',"seq":');
const SPOT_SYMBOL = new Text(',"s":"');
const SPOT_END = new Text('","BT":false,"RPI":false}');
const LINEAR_SIZE = new Text(',"v":"');
const LINEAR_TIME = new Text('{"T":');
const LINEAR_PRICE = new Text('","p":"');
const TICK = new Text('","L":"ZeroPlusTick","i":"');
const FLAGS = new Text('","BT":false,"RPI":false,"seq":');
const SYMBOL = new Text('{"symbol":"');
const LAST = new Text('","lastPrice":"');
const MARK = new Text('","markPrice":"');
const HIGH = new Text('","highPrice24h":"');
const LOW = new Text('","lowPrice24h":"');
const BEFORE = new Text('","prevPrice24h":"');
const VOLUME = new Text('","volume24h":"');
const BID_PRICE = new Text('","bid1Price":"');
const BID_SIZE = new Text('","bid1Size":"');
const ASK_PRICE = new Text('","ask1Price":"');
const ASK_SIZE = new Text('","ask1Size":"');
const SPOT_TICKER_END = new Text('","price24hPcnt":"-0.0042","usdIndexPrice":""}}');
const SPOT_TYPE_CS = new Text(',"type":"snapshot","cs":');
const TICKER_SNAPSHOT = new Text('","type":"snapshot","data":');
const TICKER_DELTA = new Text('","type":"delta","data":');
const PRELISTING = new Text('","preOpenPrice":"","preQty":"","curPreListingPhase":""},"cs":');
const CHANGED_END = new Text('"},"cs":');
const TICKER_TS = new Text(',"ts":');
const S = new Text('{"s":"');
const B = new Text('","b":[');
const A = new Text('],"a":[');
const U = new Text('],"u":');
const CTS = new Text('},"cts":');
const LEVEL = new Text('["');
const NEXT = new Text('","');
const LEVEL_END = new Text('"]');
const GONE = new Text('","0"]');
const CANDLE_DATA = new Text('","data":[{"start":');
const CANDLE_END = new Text(',"end":');
const INTERVALS = CANDLE_NAMES.map((name) => new Text(`,"interval":"${name}","open":"`));
const CLOSE = new Text('","close":"');
const CANDLE_HIGH = new Text('","high":"');
const CANDLE_LOW = new Text('","low":"');
const CANDLE_VOLUME = new Text('","volume":"');
const TURNOVER = new Text('","turnover":"');
const CLOSED = new Text('","confirm":true,"timestamp":');
const GROWING = new Text('","confirm":false,"timestamp":');
const CANDLE_TS = new Text('}],"ts":');
const LINEAR_CANDLE_END = new Text(',"type":"snapshot"}');
const OPEN_LIST = 91;
const CLOSE_LIST = 93;
const BRACE = 125;
const COMMA = 44;
const DASH = 45;
const BATCH = 4;

/** A price or size as the venue writes it, kept in the ledger. */
function put(
  frame: Frame,
  at: number,
  text: Text,
  units: number,
  scale: number,
  i: number,
  spot: boolean,
): number {
  const p = putText(frame.view, at, text);
  if (spot) return putNoted(frame.view, p, units, scale, frame.event, i);
  frame.event.set(i, units, scale);
  return putDecimal(frame.view, p, units, scale);
}

/** Topic and times of trades and books; `data` follows. */
function putHead(
  s: SymbolMarket,
  frame: Frame,
  text: Text,
  time: number,
  spot: boolean,
  delta: boolean,
): number {
  const { view: out } = frame;
  let p = putText(out, putText(out, frame.start, text), s.name_text);
  if (spot) {
    p = putUint(out, putText(out, p, TS_FIRST), time);
    return putText(out, p, delta ? TYPE_DELTA : TYPE_SNAPSHOT);
  }
  p = putUint(out, putText(out, p, delta ? DELTA_TS : SNAPSHOT_TS), time);
  return putText(out, p, DATA);
}

const millis = (time_us: number): number => Math.floor(time_us / 1000);

function putUuid(out: DataView, at: number, symbolHash: number, id: number): number {
  let p = at;
  for (let word = 0; word < 4; word++) {
    const bits = orderIdWord(symbolHash, id, ORDER_ROLES.trade, word);
    p = putHex16(out, p, bits >>> 16);
    if (word === 1 || word === 2) p = putByte(out, p, DASH);
    p = putHex16(out, p, bits);
    if (word === 0 || word === 1) p = putByte(out, p, DASH);
  }
  return p;
}

function putSpotTrade(s: SymbolMarket, frame: Frame, at: number): number {
  const { view: out, event } = frame;
  const { seen, listing } = s;
  const billions = spotBillions(seen.id);
  const rest = spotRest(seen.id);
  let p = putPadded(out, putUint(out, putText(out, at, SPOT_ID), billions), rest, 9);
  p = putUint(out, putText(out, p, SPOT_TIME), millis(seen.time_us));
  p = put(frame, p, SPOT_PRICE, seen.price, listing.price_scale, 0, true);
  p = put(frame, p, SPOT_SIZE, seen.size, listing.size_scale, 1, true);
  p = putText(out, p, seen.side === BUY ? SIDE_BUY : SIDE_SELL);
  p = putText(out, putUint(out, putText(out, p, SEQ), sequenceOf(s, seen.id)), SPOT_SYMBOL);
  event.setLongId(billions, rest);
  return putText(out, putText(out, p, s.name_text), SPOT_END);
}

function putLinearTrade(s: SymbolMarket, frame: Frame, at: number): number {
  const { view: out, event } = frame;
  const { seen, listing } = s;
  let p = putUint(out, putText(out, at, LINEAR_TIME), millis(seen.time_us));
  p = putText(out, putText(out, p, SPOT_SYMBOL), s.name_text);
  p = putText(out, p, seen.side === BUY ? SIDE_BUY : SIDE_SELL);
  p = put(frame, p, LINEAR_SIZE, seen.size, listing.size_scale, 1, false);
  p = put(frame, p, LINEAR_PRICE, seen.price, listing.price_scale, 0, false);
  p = putUuid(out, putText(out, p, TICK), s.hash, seen.id);
  const sequence = sequenceOf(s, seen.id);
  p = putUint(out, putText(out, p, FLAGS), sequence);
  event.setId(sequence);
  event.flags = LEDGER_FLAGS.uuid;
  return putByte(out, p, BRACE);
}

/** The newest trades, oldest first; what one order made shares a sequence number. */
function composeTrades(s: SymbolMarket, frame: Frame, spot: boolean): number {
  const { view: out, event } = frame;
  const { last_id } = s;
  let p = putByte(out, putHead(s, frame, TRADE, millis(s.last_time_us) + 1, spot, false), OPEN_LIST);
  for (let id = last_id - frame.count + 1; id <= last_id; id++) {
    if (!s.seek(id)) continue;
    if (id > last_id - frame.count + 1) p = putByte(out, p, COMMA);
    event.number = id;
    event.side = s.seen.side;
    event.setTime(millis(s.seen.time_us) * 1000);
    p = spot ? putSpotTrade(s, frame, p) : putLinearTrade(s, frame, p);
    frame.record();
  }
  return putByte(out, putByte(out, p, CLOSE_LIST), BRACE);
}

function composeSpotTicker(s: SymbolMarket, frame: Frame): number {
  const { view: out, event } = frame;
  const { price_scale, size_scale } = s.listing;
  const time = millis(frame.now_us);
  let p = putText(out, putText(out, frame.start, TICKER), s.name_text);
  p = putUint(out, putText(out, p, TS_FIRST), time);
  p = putUint(out, putText(out, p, SPOT_TYPE_CS), s.sequence);
  p = putText(out, putText(out, putText(out, p, DATA), SYMBOL), s.name_text);
  p = put(frame, p, LAST, s.last_price, price_scale, 0, true);
  p = putTrimmed(out, putText(out, p, HIGH), s.high, price_scale);
  p = putTrimmed(out, putText(out, p, LOW), s.low, price_scale);
  p = putTrimmed(out, putText(out, p, BEFORE), s.open, price_scale);
  p = put(frame, p, VOLUME, s.volume, size_scale, 3, false);
  event.setTime(time * 1000);
  event.setAbsent(1);
  event.setAbsent(2);
  event.setAbsent(4);
  event.digits[5] = event.digits[3];
  event.scales[5] = event.scales[3];
  frame.record();
  return putText(out, p, SPOT_TICKER_END);
}

/** what each symbol's tickers said last: price, best bid, best ask, volume */
const said = new WeakMap<SymbolMarket, Float64Array>();
const NOTHING = [-1, -1, -1, -1];

function saidOf(s: SymbolMarket): Float64Array {
  let known = said.get(s);
  if (known === undefined) {
    known = Float64Array.from(NOTHING);
    said.set(s, known);
  }
  return known;
}

/** One number of a ticker when it is due; sizes come with their prices. */
function putIfChanged(
  frame: Frame,
  at: number,
  known: Float64Array,
  i: number,
  text: Text,
  units: number,
  scale: number,
): number {
  frame.event.set(i, units, scale);
  if (!frame.snapshot && known[i] === units) return at;
  known[i] = units;
  return putDecimal(frame.view, putText(frame.view, at, text), units, scale);
}

/** All of it, or what has changed since the last one: maybe nothing but the mark price, and then there is no event. */
function composeLinearTicker(s: SymbolMarket, frame: Frame): number {
  const { view: out, event } = frame;
  const { price_scale, size_scale } = s.listing;
  const known = saidOf(s);
  const time = millis(frame.now_us);
  let p = putText(out, putText(out, frame.start, TICKER), s.name_text);
  p = putText(out, putText(out, p, frame.snapshot ? TICKER_SNAPSHOT : TICKER_DELTA), SYMBOL);
  p = putText(out, p, s.name_text);
  const empty = p;
  p = putIfChanged(frame, p, known, 0, LAST, s.last_price, price_scale);
  p = putIfChanged(frame, p, known, 3, VOLUME, s.volume, size_scale);
  const bid = p;
  p = putIfChanged(frame, p, known, 1, BID_PRICE, s.bid, price_scale);
  if (p > bid) p = putDecimal(out, putText(out, p, BID_SIZE), s.bid_size, size_scale);
  const ask = p;
  p = putIfChanged(frame, p, known, 2, ASK_PRICE, s.ask, price_scale);
  if (p > ask) p = putDecimal(out, putText(out, p, ASK_SIZE), s.ask_size, size_scale);
  // a client that has just got the whole needs every change from there on
  if (frame.snapshot) known.fill(-1);
  event.setTime(time * 1000);
  event.setAbsent(4);
  event.set(5, s.volume, size_scale);
  if (p > empty) frame.record();
  if (p === empty || frame.snapshot) p = putDecimal(out, putText(out, p, MARK), s.last_price, price_scale);
  p = putText(out, p, frame.snapshot ? PRELISTING : CHANGED_END);
  p = putUint(out, putText(out, putUint(out, p, s.sequence), TICKER_TS), time);
  return putByte(out, p, BRACE);
}

function composeQuotes(s: SymbolMarket, frame: Frame, spot: boolean): number {
  const { view: out, event } = frame;
  const { price_scale, size_scale } = s.listing;
  const time = millis(frame.now_us);
  // the key order of spot
  let p = putText(out, putHead(s, frame, QUOTES, time + 1, true, false), S);
  p = putText(out, putText(out, p, s.name_text), B);
  p = put(frame, p, LEVEL, s.bid, price_scale, 0, spot);
  p = putText(out, put(frame, p, NEXT, s.bid_size, size_scale, 1, spot), LEVEL_END);
  p = put(frame, putText(out, p, A), LEVEL, s.ask, price_scale, 2, spot);
  p = putText(out, put(frame, p, NEXT, s.ask_size, size_scale, 3, spot), LEVEL_END);
  p = putUint(out, putText(out, p, U), s.update_id);
  p = putUint(out, putText(out, p, SEQ), s.sequence);
  event.setId(s.update_id);
  event.setTime(time * 1000);
  frame.record();
  return putByte(out, putUint(out, putText(out, p, CTS), time), BRACE);
}

/** Levels of one side, separated by commas: the whole side, or what has changed of it. */
function putSide(s: SymbolMarket, frame: Frame, at: number, side: number, spot: boolean): number {
  const { view: out, event } = frame;
  const { book, listing } = s;
  const levels = frame.whole ? book.count(side) : book.changes(side);
  let p = at;
  for (let i = 0; i < levels; i++) {
    const size = frame.whole ? book.size(side, i) : book.changedSize(side, i);
    const price = frame.whole ? book.price(side, i) : book.changedPrice(side, i);
    if (i > 0) p = putByte(out, p, COMMA);
    p = put(frame, p, LEVEL, price, listing.price_scale, 0, spot);
    event.set(1, 0, 0);
    if (size === 0) p = putText(out, p, GONE);
    else p = putText(out, put(frame, p, NEXT, size, listing.size_scale, 1, spot), LEVEL_END);
    frame.recordLevel(side + 1);
  }
  return p;
}

function composeBook(s: SymbolMarket, frame: Frame, spot: boolean): number {
  const { view: out, event } = frame;
  const time = millis(frame.now_us);
  event.setId(s.book_events);
  event.setTime(time * 1000);
  let p = putText(out, putHead(s, frame, BOOK, time + 1, spot, !frame.whole), S);
  p = putSide(s, frame, putText(out, putText(out, p, s.name_text), B), BID, spot);
  p = putSide(s, frame, putText(out, p, A), ASK, spot);
  p = putUint(out, putText(out, p, U), s.book_events);
  p = putUint(out, putText(out, p, SEQ), s.sequence);
  return putByte(out, putUint(out, putText(out, p, CTS), time), BRACE);
}

function composeCandle(s: SymbolMarket, frame: Frame, interval: number, spot: boolean): number {
  const { view: out, event } = frame;
  const { candles, listing } = s;
  const { price_scale, size_scale } = listing;
  const closed = candles.isClosed(interval);
  const open_time = candles.word(interval, CANDLE_AT.open_time);
  const close_time = candles.word(interval, CANDLE_AT.close_time);
  const volume = candles.word(interval, CANDLE_AT.volume);
  const quote = candles.word(interval, CANDLE_AT.quote_volume);
  const time = millis(frame.now_us);
  const price = (word: number) => candles.word(interval, word);
  let p = putText(out, frame.start, (spot ? SPOT_CANDLES : LINEAR_CANDLES)[interval]);
  p = putUint(out, putText(out, putText(out, p, s.name_text), CANDLE_DATA), open_time * 1000);
  p = putUint(out, putText(out, p, CANDLE_END), close_time * 1000 - 1);
  p = put(frame, p, INTERVALS[interval], price(CANDLE_AT.open), price_scale, KLINE_AT.open, true);
  p = put(frame, p, CLOSE, price(CANDLE_AT.close), price_scale, KLINE_AT.close, true);
  p = put(frame, p, CANDLE_HIGH, price(CANDLE_AT.high), price_scale, KLINE_AT.high, true);
  p = put(frame, p, CANDLE_LOW, price(CANDLE_AT.low), price_scale, KLINE_AT.low, true);
  p = put(frame, p, CANDLE_VOLUME, volume, size_scale, KLINE_AT.volume, false);
  p = put(frame, p, TURNOVER, quote, candles.quote_scale, KLINE_AT.quote_volume, false);
  p = putUint(out, putText(out, p, closed ? CLOSED : GROWING), millis(s.last_time_us));
  p = putUint(out, putText(out, p, CANDLE_TS), time);
  event.setTime(open_time * 1e6);
  event.flags = closed ? LEDGER_FLAGS.closed : 0;
  event.setAbsent(KLINE_AT.taker_buy_base);
  event.setAbsent(KLINE_AT.taker_buy_quote);
  event.digits[KLINE_AT.close_time] = close_time;
  event.digits[KLINE_AT.trades] = 0;
  frame.record();
  return spot ? putByte(out, p, BRACE) : putText(out, p, LINEAR_CANDLE_END);
}

const CHANNELS: readonly Channel[] = ['trades', 'ticker', 'bbo', 'book', ...KLINE_CHANNELS];

function protocolOf(id: string, category: 'spot' | 'linear'): VenueProtocol {
  const spot = category === 'spot';
  return {
    id,
    channels: CHANNELS,
    timings: {
      subscribe_deadline_ms: 0,
      heartbeat_ms: 0,
      ping_ms: 0,
      pong_deadline_ms: 0,
      stale_page_ms: 0,
      idle_ms: 600_000,
    },
    connection_limit: { burst: 500, per_s: 500 / 300 },
    batch: { trades: BATCH },
    resets_with_snapshot: true,
    listings: spot ? listSpot : listLinear,
    accepts: (path) => path === `/v5/public/${category}`,
    open: (venue, link, _path, _query, now_ms) => new BybitSession(venue, link, spot, now_ms),
    compose(channel, symbol, frame) {
      if (channel === 'trades') return composeTrades(symbol, frame, spot);
      if (channel === 'ticker')
        return spot ? composeSpotTicker(symbol, frame) : composeLinearTicker(symbol, frame);
      if (channel === 'bbo') return composeQuotes(symbol, frame, spot);
      if (channel === 'book') return composeBook(symbol, frame, spot);
      return composeCandle(symbol, frame, KLINE_CHANNELS.indexOf(channel as KlineChannel), spot);
    },
    rest: (venue) => new BybitRest(venue, category),
    slow_consumer: { code: 1006, reason: '' },
    planned_close: { code: 1001, reason: '' },
    symbolOf: (raw) => /"topic":"[^"]*\.([^".]+)"/.exec(raw)?.[1],
  };
}

export default [protocolOf('bybit', 'spot'), protocolOf('bybit-linear', 'linear')];

/**
 * Kraken's WebSocket v2 as its clients see it: numbers padded to the precision of the pair, books cut by the clients
 * with a checksum in every event, several trades in a message, candles without an end.
 * HOT: compose() runs per message. Runs in the simulator process; see server/protocol.ts.
 */
import { CRC_START, crcBytes, crcEnd } from '../../../base/crc32.js';
import { ASK, BID } from '../../market/book.js';
import {
  IsoTime,
  powerOfTen,
  putByte,
  putDecimal,
  putDecimalPadded,
  putText,
  putUint,
  Text,
  trimmedScale,
} from '../../market/bytes.js';
import { CANDLE_AT } from '../../market/candles.js';
import { type Channel, KLINE_AT, KLINE_CHANNELS } from '../../market/channels.js';
import type { Frame } from '../../market/frame.js';
import { BUY, type SymbolMarket } from '../../market/market.js';
import type { VenueProtocol } from '../../server/protocol.js';
import { KrakenRest, listPairs, SIZE_DECIMALS } from './rest.js';
import { KrakenSession, statusText } from './session.js';

/** Beginnings of a change and of a snapshot. */
const heads = (channel: string) =>
  ['update', 'snapshot'].map((type) => new Text(`{"channel":"${channel}","type":"${type}","data":[`));
const TRADES = heads('trade');
const TICKERS = heads('ticker');
const BOOKS = heads('book');
const CANDLES = ['update', 'snapshot'].map(
  (type) => new Text(`{"channel":"ohlc","type":"${type}","timestamp":"`),
);
const CANDLES_DATA = new Text('000Z","data":[');
const SYMBOL = new Text('{"symbol":"');
const SIDE_BUY = new Text('","side":"buy","price":');
const SIDE_SELL = new Text('","side":"sell","price":');
const QTY = new Text(',"qty":');
const TRADE_ID = [',"ord_type":"limit","trade_id":', ',"ord_type":"market","trade_id":'].map(
  (t) => new Text(t),
);
const TIMESTAMP = new Text(',"timestamp":"');
const BID_KEY = new Text('","bid":');
const BID_QTY = new Text(',"bid_qty":');
const ASK_KEY = new Text(',"ask":');
const ASK_QTY = new Text(',"ask_qty":');
const LAST = new Text(',"last":');
const VOLUME = new Text(',"volume":');
const VWAP = new Text(',"vwap":');
const LOW = new Text(',"low":');
const HIGH = new Text(',"high":');
const CHANGE = new Text(',"change":');
const CHANGE_PERCENT = new Text(',"change_pct":');
const COUNT = new Text(',"trades":');
const BIDS = new Text('","bids":[');
const ASKS = new Text('],"asks":[');
const LEVEL = new Text('{"price":');
const CHECKSUM = new Text('],"checksum":');
const OPEN = new Text('","open":');
const CLOSE = new Text(',"close":');
const BEGIN = new Text(',"interval_begin":"');
const INTERVAL = new Text('000Z","interval":');
const ITEM_END = new Text('"}');
const DATA_END = new Text(']}');
const COMMA = 44;
const MINUS = 45;
const CLOSE_BRACE = 125;
/** Levels per side under the checksum. */
const CHECKED = 10;
const iso = new IsoTime();
const scratch = new Uint8Array(64);
const scratchView = new DataView(scratch.buffer);

function putQty(out: DataView, at: number, lots: number, size_scale: number): number {
  return putDecimalPadded(out, at, lots, size_scale, SIZE_DECIMALS);
}

/** The same as the integer it is without its point. */
function unitsOf(lots: number, size_scale: number): number {
  return lots * powerOfTen(SIZE_DECIMALS - size_scale);
}

function composeTrades(s: SymbolMarket, frame: Frame): number {
  const { view: out, event } = frame;
  const { price_scale, size_scale } = s.listing;
  let p = putText(out, frame.start, TRADES[frame.snapshot ? 1 : 0]);
  for (let id = s.last_id - frame.count + 1; id <= s.last_id; id++) {
    if (!s.seek(id)) continue;
    const { price, size, side, time_us } = s.seen;
    if (frame.events > 0) p = putByte(out, p, COMMA);
    p = putText(out, putText(out, p, SYMBOL), s.name_text);
    p = putDecimal(out, putText(out, p, side === BUY ? SIDE_BUY : SIDE_SELL), price, price_scale);
    p = putQty(out, putText(out, p, QTY), size, size_scale);
    p = putUint(out, putText(out, p, TRADE_ID[id & 1]), id);
    p = putText(out, iso.put(out, putText(out, p, TIMESTAMP), time_us), ITEM_END);
    event.setId(id);
    event.number = id;
    event.side = side;
    event.setTime(time_us);
    event.set(0, price, price_scale);
    event.set(1, unitsOf(size, size_scale), SIZE_DECIMALS);
    frame.record();
  }
  return putText(out, p, DATA_END);
}

/** Prices of a ticker lose the zeros at their end. */
function putPrice(s: SymbolMarket, frame: Frame, at: number, price: number, index: number): number {
  const { price_scale } = s.listing;
  const left = trimmedScale(price, price_scale);
  const digits = price / powerOfTen(price_scale - left);
  if (index >= 0) frame.event.set(index, digits, left);
  return putDecimal(frame.view, at, digits, left);
}

/** With the trigger `trades` a row of the ticker, with `bbo` one of the best quotes; the message is the same. */
function composeTicker(s: SymbolMarket, frame: Frame, quotes: boolean): number {
  const { view: out, event } = frame;
  const { size_scale, price_scale } = s.listing;
  let p = putText(out, frame.start, TICKERS[frame.snapshot ? 1 : 0]);
  p = putText(out, putText(out, p, SYMBOL), s.name_text);
  p = putPrice(s, frame, putText(out, p, BID_KEY), s.bid, quotes ? 0 : 1);
  p = putQty(out, putText(out, p, BID_QTY), s.bid_size, size_scale);
  p = putPrice(s, frame, putText(out, p, ASK_KEY), s.ask, 2);
  p = putQty(out, putText(out, p, ASK_QTY), s.ask_size, size_scale);
  p = putPrice(s, frame, putText(out, p, LAST), s.last_price, quotes ? -1 : 0);
  p = putQty(out, putText(out, p, VOLUME), s.volume, size_scale);
  p = putPrice(s, frame, putText(out, p, VWAP), s.open, -1);
  p = putPrice(s, frame, putText(out, p, LOW), s.low, -1);
  p = putPrice(s, frame, putText(out, p, HIGH), s.high, -1);
  const change = s.last_price - s.open;
  p = putText(out, p, CHANGE);
  if (change < 0) p = putByte(out, p, MINUS);
  p = putDecimal(out, p, Math.abs(change), price_scale);
  p = putText(out, p, CHANGE_PERCENT);
  if (change < 0) p = putByte(out, p, MINUS);
  p = putDecimal(out, p, Math.floor((Math.abs(change) / s.open) * 1e4), 2);
  p = putUint(out, putText(out, p, COUNT), s.last_id % 1_000_000);
  p = putText(out, iso.put(out, putText(out, p, TIMESTAMP), frame.now_us), ITEM_END);
  event.setTime(frame.now_us);
  if (quotes) {
    event.set(1, unitsOf(s.bid_size, size_scale), SIZE_DECIMALS);
    event.set(3, unitsOf(s.ask_size, size_scale), SIZE_DECIMALS);
  } else {
    const volume = unitsOf(s.volume, size_scale);
    event.set(3, volume, SIZE_DECIMALS);
    event.setAbsent(4);
    event.set(5, volume, SIZE_DECIMALS);
  }
  frame.record();
  return putText(out, p, DATA_END);
}

/** Adds a number without its point and the zeros in front. */
function addUnits(sum: number, units: number): number {
  return crcBytes(sum, scratch, 0, putUint(scratchView, 0, units));
}

function addSide(s: SymbolMarket, side: number, sum: number): number {
  const { book, listing } = s;
  const levels = Math.min(CHECKED, book.count(side));
  for (let rank = 0; rank < levels; rank++) {
    sum = addUnits(sum, book.price(side, rank));
    sum = addUnits(sum, unitsOf(book.size(side, rank), listing.size_scale));
  }
  return sum;
}

function putSide(
  s: SymbolMarket,
  frame: Frame,
  at: number,
  side: number,
  checksum: number,
  last: number,
): number {
  const { view: out, event } = frame;
  const { book } = s;
  const { price_scale, size_scale } = s.listing;
  const levels = frame.whole ? book.count(side) : book.changes(side);
  let p = at;
  for (let i = 0; i < levels; i++) {
    const price = frame.whole ? book.price(side, i) : book.changedPrice(side, i);
    const size = frame.whole ? book.size(side, i) : book.changedSize(side, i);
    if (i > 0) p = putByte(out, p, COMMA);
    p = putDecimal(out, putText(out, p, LEVEL), price, price_scale);
    p = putByte(out, putQty(out, putText(out, p, QTY), size, size_scale), CLOSE_BRACE);
    event.set(0, price, price_scale);
    event.set(1, unitsOf(size, size_scale), SIZE_DECIMALS);
    frame.recordLevel(side + 1, frame.events === last ? checksum : 0);
  }
  return p;
}

function composeBook(s: SymbolMarket, frame: Frame): number {
  const { view: out, event } = frame;
  const { book } = s;
  const right = crcEnd(addSide(s, BID, addSide(s, ASK, CRC_START)));
  const checksum = frame.corrupt ? (right ^ 1) >>> 0 : right;
  const levels = frame.whole ? book.count(BID) + book.count(ASK) : book.changes(BID) + book.changes(ASK);
  event.setTime(frame.now_us);
  let p = putText(out, frame.start, BOOKS[frame.whole ? 1 : 0]);
  p = putText(out, putText(out, putText(out, p, SYMBOL), s.name_text), BIDS);
  p = putSide(s, frame, p, BID, checksum, levels - 1);
  p = putSide(s, frame, putText(out, p, ASKS), ASK, checksum, levels - 1);
  p = putUint(out, putText(out, p, CHECKSUM), checksum);
  p = putText(out, iso.put(out, putText(out, p, TIMESTAMP), frame.now_us), ITEM_END);
  return putText(out, p, DATA_END);
}

function putCandlePrice(
  s: SymbolMarket,
  frame: Frame,
  at: number,
  key: Text,
  price: number,
  index: number,
): number {
  frame.event.set(index, price, s.listing.price_scale);
  return putDecimal(frame.view, putText(frame.view, at, key), price, s.listing.price_scale);
}

/** A candle: the one to send now (`age` below 0), or one of the past. */
function putCandle(s: SymbolMarket, i: number, age: number, frame: Frame, at: number): number {
  const { view: out, event } = frame;
  const { candles: c, listing } = s;
  const { price_scale, size_scale } = listing;
  const open_time = c.wordAt(i, age, CANDLE_AT.open_time);
  const close_time = c.wordAt(i, age, CANDLE_AT.close_time);
  const close = c.wordAt(i, age, CANDLE_AT.close);
  const volume = c.wordAt(i, age, CANDLE_AT.volume);
  const trades = c.wordAt(i, age, CANDLE_AT.trades);
  let p = putText(out, putText(out, at, SYMBOL), s.name_text);
  p = putCandlePrice(s, frame, p, OPEN, c.wordAt(i, age, CANDLE_AT.open), KLINE_AT.open);
  p = putCandlePrice(s, frame, p, HIGH, c.wordAt(i, age, CANDLE_AT.high), KLINE_AT.high);
  p = putCandlePrice(s, frame, p, LOW, c.wordAt(i, age, CANDLE_AT.low), KLINE_AT.low);
  p = putCandlePrice(s, frame, p, CLOSE, close, KLINE_AT.close);
  p = putUint(out, putText(out, p, COUNT), trades);
  p = putQty(out, putText(out, p, VOLUME), volume, size_scale);
  p = putDecimal(out, putText(out, p, VWAP), close, price_scale);
  // nanoseconds here and in the envelope, microseconds at the end
  p = putText(out, iso.put(out, putText(out, p, BEGIN), open_time * 1e6) - 1, INTERVAL);
  p = putUint(out, p, (close_time - open_time) / 60);
  p = iso.put(out, putText(out, p, TIMESTAMP), close_time * 1e6);
  event.setTime(open_time * 1e6);
  event.set(KLINE_AT.volume, unitsOf(volume, size_scale), SIZE_DECIMALS);
  event.setAbsent(KLINE_AT.quote_volume);
  event.setAbsent(KLINE_AT.taker_buy_base);
  event.setAbsent(KLINE_AT.taker_buy_quote);
  event.digits[KLINE_AT.close_time] = close_time;
  event.digits[KLINE_AT.trades] = trades;
  frame.record();
  return putText(out, p, ITEM_END);
}

/** History with the oldest first. Nothing says that a candle is finished. */
function composeCandles(s: SymbolMarket, frame: Frame, interval: number): number {
  const { view: out } = frame;
  const { candles } = s;
  let p = iso.put(out, putText(out, frame.start, CANDLES[frame.snapshot ? 1 : 0]), frame.now_us) - 1;
  p = putText(out, p, CANDLES_DATA);
  const newest = candles.isClosed(interval) ? 1 : 0;
  for (
    let age = frame.snapshot ? Math.min(frame.count, candles.kept(interval)) - 1 : -1;
    age >= newest;
    age--
  ) {
    p = putCandle(s, interval, age, frame, p);
    p = putByte(out, p, COMMA);
  }
  if (candles.has(interval)) p = putCandle(s, interval, -1, frame, p);
  else if (frame.events > 0) p--;
  return putText(out, p, DATA_END);
}

const CHANNELS: readonly Channel[] = [
  'trades',
  'ticker',
  'bbo',
  'book',
  ...KLINE_CHANNELS.filter((channel) => channel !== 'klines_3m'),
];

const kraken: VenueProtocol = {
  id: 'kraken',
  checksums: true,
  channels: CHANNELS,
  batch: { trades: 3 },
  history: 50,
  timings: {
    subscribe_deadline_ms: 0,
    heartbeat_ms: 1000,
    ping_ms: 0,
    pong_deadline_ms: 0,
    stale_page_ms: 0,
    idle_ms: 60_000,
  },
  connection_limit: { burst: 150, per_s: 0.25 },
  listings: listPairs,
  accepts: (path) => path === '/v2',
  open: (venue, link, _path, _query, now_ms) => new KrakenSession(venue, link, now_ms),
  compose(channel, symbol, frame) {
    if (channel === 'trades') return composeTrades(symbol, frame);
    if (channel === 'ticker' || channel === 'bbo') return composeTicker(symbol, frame, channel === 'bbo');
    if (channel === 'book') return composeBook(symbol, frame);
    return composeCandles(symbol, frame, (KLINE_CHANNELS as readonly Channel[]).indexOf(channel));
  },
  rest: (venue) => new KrakenRest(venue),
  slow_consumer: { code: 1008, reason: '' },
  shutdownNotice: () => statusText('maintenance'),
  planned_close: { code: 1001, reason: '' },
  symbolOf: (raw) => /"symbol":"([^"]+)"/.exec(raw)?.[1],
};

export default kraken;

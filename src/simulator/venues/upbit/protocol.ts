/**
 * Upbit as its clients see it: binary frames, numbers as JSON numbers in the spellings of Java (1.16539E8, 5.673E-5,
 * 3040.0), trade ids of 17 digits beyond 2^53, whole order books of 30 pairs.
 * HOT: compose() runs per message. Runs in the simulator process; see server/protocol.ts.
 */
import { ASK, BID } from '../../market/book.js';
import {
  powerOfTen,
  putByte,
  putDecimal,
  putDecimalPadded,
  putPadded,
  putText,
  putUint,
  Text,
} from '../../market/bytes.js';
import { CANDLE_AT } from '../../market/candles.js';
import { type Channel, KLINE_AT, KLINE_CHANNELS } from '../../market/channels.js';
import type { Frame } from '../../market/frame.js';
import { BUY, type SymbolMarket } from '../../market/market.js';
import type { VenueProtocol } from '../../server/protocol.js';
import { putDouble } from './numbers.js';
import { listMarkets, UpbitRest } from './rest.js';
import { CANDLE_TYPES, PATH, UpbitSession } from './session.js';
import { IDS_PER_MS, matchedMs, PUBLISH_MS } from './trades.js';

const head = (type: string) => new Text(`{"type":"${type}","code":"`);
const TRADE = head('trade');
const TICKER = head('ticker');
const ORDERBOOK = head('orderbook');
const CANDLES = KLINE_CHANNELS.map((channel) => head(CANDLE_TYPES.get(channel) ?? ''));
const TIMESTAMP = new Text('","timestamp":');
const TRADE_TIME = new Text(',"trade_timestamp":');
const PRICE = new Text(',"trade_price":');
const SIZE = new Text(',"trade_volume":');
const BOUGHT = new Text(',"ask_bid":"BID"');
const SOLD = new Text(',"ask_bid":"ASK"');
const CLOSING = new Text(',"prev_closing_price":');
const CHANGE = new Text(',"change":"RISE","sequential_id":');
const BEST_ASK = new Text(',"best_ask_price":');
const BEST_BID = new Text(',"best_bid_price":');
const REALTIME = new Text(',"stream_type":"REALTIME"}');
const SNAPSHOT = new Text(',"stream_type":"SNAPSHOT"}');
const OPENING = new Text('","opening_price":');
const HIGH = new Text(',"high_price":');
const LOW = new Text(',"low_price":');
const DELISTING = new Text(
  ',"market_state":"ACTIVE","is_trading_suspended":false,"delisting_date":null,"timestamp":',
);
const DAY_VOLUME = new Text(',"acc_trade_volume_24h":');
const UNITS = new Text(',"orderbook_units":[');
const ASK_PRICE = new Text('{"ask_price":');
const BID_PRICE = new Text(',"bid_price":');
const ASK_SIZE = new Text(',"ask_size":');
const BID_SIZE = new Text(',"bid_size":');
const BOOK_REALTIME = new Text('],"stream_type":"REALTIME","level":0}');
const BOOK_SNAPSHOT = new Text('],"stream_type":"SNAPSHOT","level":0}');
const UTC = new Text('","candle_date_time_utc":"');
const CANDLE_OPENING = new Text('","opening_price":');
const CANDLE_VOLUME = new Text(',"candle_acc_trade_volume":');
const CANDLE_QUOTE = new Text(',"candle_acc_trade_price":');
const CANDLE_TIMESTAMP = new Text(',"timestamp":');
const BRACE = 125;
const COMMA = 44;
const DASH = 45;
const COLON = 58;
const LETTER_T = 84;
const ZERO = 48;
const SIZE_DECIMALS = 8;
export const LEVELS = 30;
const ID_SPLIT = 1e5;

function putName(s: SymbolMarket, frame: Frame, text: Text): number {
  return putText(frame.view, putText(frame.view, frame.start, text), s.name_text);
}

/** Time of the match and a counter, as one number of 17 digits, which has no order. */
function composeTrade(s: SymbolMarket, frame: Frame): number {
  const { view: out, event } = frame;
  const { price_scale, size_scale } = s.listing;
  const time = matchedMs(s.last_id, s.last_time_us);
  const billions = Math.floor(time / ID_SPLIT);
  const rest = (time - billions * ID_SPLIT) * IDS_PER_MS + (s.last_id % IDS_PER_MS);
  const published = Math.floor(s.last_time_us / 1000) + PUBLISH_MS;
  let p = putUint(out, putText(out, putName(s, frame, TRADE), TIMESTAMP), published);
  p = putUint(out, putText(out, p, TRADE_TIME), time);
  p = putDouble(out, putText(out, p, PRICE), s.last_price, price_scale, event, 0);
  p = putDouble(out, putText(out, p, SIZE), s.last_size, size_scale, event, 1);
  p = putText(out, p, s.last_side === BUY ? BOUGHT : SOLD);
  p = putDouble(out, putText(out, p, CLOSING), s.open, price_scale);
  p = putPadded(out, putUint(out, putText(out, p, CHANGE), billions), rest, 9);
  p = putDouble(out, putText(out, p, BEST_ASK), s.ask, price_scale);
  p = putDouble(out, putText(out, p, BEST_BID), s.bid, price_scale);
  event.setLongId(billions, rest);
  event.number = s.last_id;
  event.side = s.last_side;
  event.setTime(time * 1000);
  frame.record();
  return putText(out, p, frame.snapshot ? SNAPSHOT : REALTIME);
}

function composeTicker(s: SymbolMarket, frame: Frame): number {
  const { view: out, event } = frame;
  const { price_scale, size_scale } = s.listing;
  const time = Math.floor(frame.now_us / 1000);
  let p = putDouble(out, putText(out, putName(s, frame, TICKER), OPENING), s.open, price_scale);
  p = putDouble(out, putText(out, p, HIGH), s.high, price_scale);
  p = putDouble(out, putText(out, p, LOW), s.low, price_scale);
  p = putDouble(out, putText(out, p, PRICE), s.last_price, price_scale, event, 0);
  p = putText(out, p, s.last_side === BUY ? BOUGHT : SOLD);
  p = putDouble(out, putText(out, p, SIZE), s.last_size, size_scale, event, 4);
  p = putUint(out, putText(out, p, DELISTING), time);
  p = putDecimalPadded(out, putText(out, p, DAY_VOLUME), s.volume, size_scale, SIZE_DECIMALS);
  event.setTime(time * 1000);
  event.side = s.last_side;
  event.setAbsent(1);
  event.setAbsent(2);
  event.set(3, s.volume * powerOfTen(SIZE_DECIMALS - size_scale), SIZE_DECIMALS);
  event.set(5, s.volume * powerOfTen(SIZE_DECIMALS - size_scale), SIZE_DECIMALS);
  frame.record();
  return putText(out, p, frame.snapshot ? SNAPSHOT : REALTIME);
}

/** A level in the ledger; those that only fill up the shorter side are none. */
function recordLevel(s: SymbolMarket, frame: Frame, side: number, rank: number): void {
  const { event } = frame;
  const { book, listing } = s;
  if (rank >= book.count(side)) return;
  const { price_scale, size_scale } = listing;
  putDouble(scratch, 0, book.price(side, rank), price_scale, event, 0);
  event.set(1, book.size(side, rank) * powerOfTen(SIZE_DECIMALS - size_scale), SIZE_DECIMALS);
  frame.recordLevel(side + 1);
}

/** what is written only to learn how it is spelled */
const scratch = new DataView(new ArrayBuffer(64));

function putPrice(s: SymbolMarket, out: DataView, at: number, side: number, rank: number): number {
  if (rank >= s.book.count(side)) return putByte(out, at, ZERO);
  return putDouble(out, at, s.book.price(side, rank), s.listing.price_scale);
}

function putSize(s: SymbolMarket, out: DataView, at: number, side: number, rank: number): number {
  if (rank >= s.book.count(side)) return putByte(out, at, ZERO);
  return putDecimalPadded(out, at, s.book.size(side, rank), s.listing.size_scale, SIZE_DECIMALS);
}

function composeBook(s: SymbolMarket, frame: Frame): number {
  const { view: out, event } = frame;
  const time = Math.floor(frame.now_us / 1000);
  event.setTime(time * 1000);
  let p = putUint(out, putText(out, putName(s, frame, ORDERBOOK), TIMESTAMP), time);
  p = putText(out, p, UNITS);
  for (let rank = 0; rank < LEVELS; rank++) {
    if (rank > 0) p = putByte(out, p, COMMA);
    p = putPrice(s, out, putText(out, p, ASK_PRICE), ASK, rank);
    p = putPrice(s, out, putText(out, p, BID_PRICE), BID, rank);
    p = putSize(s, out, putText(out, p, ASK_SIZE), ASK, rank);
    p = putSize(s, out, putText(out, p, BID_SIZE), BID, rank);
    p = putByte(out, p, BRACE);
    recordLevel(s, frame, ASK, rank);
    recordLevel(s, frame, BID, rank);
  }
  return putText(out, p, frame.snapshot ? BOOK_SNAPSHOT : BOOK_REALTIME);
}

/** `2026-09-27T16:42:00` */
function putDateTime(out: DataView, at: number, seconds: number): number {
  const date = new Date(seconds * 1000);
  let p = putByte(out, putPadded(out, at, date.getUTCFullYear(), 4), DASH);
  p = putByte(out, putPadded(out, p, date.getUTCMonth() + 1, 2), DASH);
  p = putByte(out, putPadded(out, p, date.getUTCDate(), 2), LETTER_T);
  p = putByte(out, putPadded(out, p, date.getUTCHours(), 2), COLON);
  p = putByte(out, putPadded(out, p, date.getUTCMinutes(), 2), COLON);
  return putPadded(out, p, date.getUTCSeconds(), 2);
}

function composeCandle(s: SymbolMarket, frame: Frame, interval: number): number {
  const { view: out, event } = frame;
  const { candles, listing } = s;
  const { price_scale, size_scale } = listing;
  const word = (at: number) => candles.word(interval, at);
  const open_time = word(CANDLE_AT.open_time);
  let p = putDateTime(out, putText(out, putName(s, frame, CANDLES[interval]), UTC), open_time);
  p = putDouble(
    out,
    putText(out, p, CANDLE_OPENING),
    word(CANDLE_AT.open),
    price_scale,
    event,
    KLINE_AT.open,
  );
  p = putDouble(out, putText(out, p, HIGH), word(CANDLE_AT.high), price_scale, event, KLINE_AT.high);
  p = putDouble(out, putText(out, p, LOW), word(CANDLE_AT.low), price_scale, event, KLINE_AT.low);
  p = putDouble(out, putText(out, p, PRICE), word(CANDLE_AT.close), price_scale, event, KLINE_AT.close);
  p = putDecimal(out, putText(out, p, CANDLE_VOLUME), word(CANDLE_AT.volume), size_scale);
  p = putDecimal(out, putText(out, p, CANDLE_QUOTE), word(CANDLE_AT.quote_volume), candles.quote_scale);
  p = putUint(out, putText(out, p, CANDLE_TIMESTAMP), Math.floor(frame.now_us / 1000));
  event.setTime(open_time * 1e6);
  event.set(KLINE_AT.volume, word(CANDLE_AT.volume), size_scale);
  event.set(KLINE_AT.quote_volume, word(CANDLE_AT.quote_volume), candles.quote_scale);
  event.setAbsent(KLINE_AT.taker_buy_base);
  event.setAbsent(KLINE_AT.taker_buy_quote);
  event.digits[KLINE_AT.close_time] = word(CANDLE_AT.close_time);
  event.digits[KLINE_AT.trades] = 0;
  frame.record();
  return putText(out, p, frame.snapshot ? SNAPSHOT : REALTIME);
}

const CHANNELS: readonly Channel[] = ['trades', 'ticker', 'book', ...CANDLE_TYPES.keys()];

const upbit: VenueProtocol = {
  id: 'upbit',
  channels: CHANNELS,
  binary: true,
  timings: {
    subscribe_deadline_ms: 0,
    heartbeat_ms: 10_000,
    ping_ms: 0,
    pong_deadline_ms: 0,
    stale_page_ms: 0,
    idle_ms: 60_500,
  },
  connection_limit: { burst: 5, per_s: 5 },
  listings: listMarkets,
  accepts: (path) => path === PATH,
  open: (venue, link, _path, _query, now_ms) => new UpbitSession(venue, link, now_ms),
  compose(channel, symbol, frame) {
    if (channel === 'trades') return composeTrade(symbol, frame);
    if (channel === 'ticker') return composeTicker(symbol, frame);
    if (channel === 'book') return composeBook(symbol, frame);
    return composeCandle(symbol, frame, KLINE_CHANNELS.indexOf(channel as (typeof KLINE_CHANNELS)[number]));
  },
  rest: (venue) => new UpbitRest(venue),
  slow_consumer: { code: 1006, reason: '' },
  planned_close: { code: 1001, reason: '' },
  symbolOf: (raw) => /"(?:code|cd)":"([^"]+)"/.exec(raw)?.[1],
};

export default upbit;

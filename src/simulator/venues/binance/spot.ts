/**
 * Binance spot as its clients see it: market streams (raw and combined) and the public REST calls.
 * HOT: compose() runs per message. Runs in the simulator process; see server/protocol.ts.
 */

import { ASK, BID } from '../../market/book.js';
import { putByte, putText, putUint, Text } from '../../market/bytes.js';
import { type Channel, INTERVALS, KLINE_CHANNELS } from '../../market/channels.js';
import type { Frame } from '../../market/frame.js';
import type { EventValues } from '../../market/ledger.js';
import { SELL, type SymbolMarket } from '../../market/market.js';
import type { VenueProtocol } from '../../server/protocol.js';
import { composeKline, Numbers, putPercent, putQuoteVolume } from './numbers.js';
import { BinanceRest } from './rest.js';
import { BinanceSession, DEPTH_STREAMS, parseStream, type StreamRules } from './session.js';
import { listSymbols, REST_RULES } from './spot_symbols.js';

const numbers = new Numbers(8);
const data = (name: string) => new Text(`@${name}","data":`);
const STREAM = new Text('{"stream":"');
const AT_DEPTH = DEPTH_STREAMS.map(data);
const AT_KLINE = INTERVALS.map((interval) => data(`kline_${interval}`));
const AT_TRADE = data('trade');
const AT_AGGREGATE = data('aggTrade');
const AT_TICKER = data('ticker');
const AT_BOOK_TICKER = data('bookTicker');
const TRADE = new Text('{"e":"trade","E":');
const AGGREGATE = new Text('{"e":"aggTrade","E":');
const TICKER = new Text('{"e":"24hrTicker","E":');
const DEPTH = new Text('{"e":"depthUpdate","E":');
const SYMBOL = new Text(',"s":"');
const ID = new Text('","t":');
const AGGREGATE_ID = new Text('","a":');
const PRICE = new Text(',"p":"');
const SIZE = new Text('","q":"');
const FIRST_TRADE = new Text('","f":');
const LAST_TRADE = new Text(',"l":');
const TIME = new Text('","T":');
const AGGREGATE_TIME = new Text(',"T":');
const SELLER = new Text(',"m":true,"M":true}');
const BUYER = new Text(',"m":false,"M":true}');
const BOOK_TICKER = new Text('{"u":');
const BID_PRICE = new Text('","b":"');
const BID_SIZE = new Text('","B":"');
const ASK_PRICE = new Text('","a":"');
const ASK_SIZE = new Text('","A":"');
const END = new Text('"}');
const CHANGE = new Text('","p":"');
const CHANGE_PERCENT = new Text('","P":"');
const AVERAGE = new Text('","w":"');
const FIRST = new Text('","x":"');
const CLOSE = new Text('","c":"');
const LAST_SIZE = new Text('","Q":"');
const OPEN = new Text('","o":"');
const HIGH = new Text('","h":"');
const LOW = new Text('","l":"');
const VOLUME = new Text('","v":"');
const QUOTE_VOLUME = new Text('","q":"');
const OPEN_TIME = new Text('","O":');
const CLOSE_TIME = new Text(',"C":');
const FIRST_ID = new Text(',"F":');
const LAST_ID = new Text(',"L":');
const COUNT = new Text(',"n":');
const FIRST_UPDATE = new Text('","U":');
const LAST_UPDATE = new Text(',"u":');
const BIDS = new Text(',"b":[');
const ASKS = new Text('],"a":[');
const BOOK_END = new Text(']}');
const PARTIAL = new Text('{"lastUpdateId":');
const PARTIAL_BIDS = new Text(',"bids":[');
const PARTIAL_ASKS = new Text('],"asks":[');
const LEVEL = new Text('["');
const LEVEL_SIZE = new Text('","');
const LEVEL_END = new Text('"]');
const DAY_US = 86_400_000_000;
const DAY_TRADES = 550_000;
const BRACE = 125;
const COMMA = 44;
/** A trade is published so much later than it happened. */
export const PUBLISH_US = 1000;

/** `time_us` in whole units of the symbol. */
function unitsOf(s: SymbolMarket, time_us: number): number {
  return Math.floor(time_us / s.time_unit_us);
}

function composeTrade(s: SymbolMarket, out: DataView, at: number, now_us: number, e: EventValues): number {
  const time = unitsOf(s, s.last_time_us - PUBLISH_US);
  let p = putUint(out, putText(out, at, TRADE), unitsOf(s, now_us));
  p = putText(out, putText(out, p, SYMBOL), s.name_text);
  p = putUint(out, putText(out, p, ID), s.last_id);
  p = numbers.putPrice(out, putText(out, p, PRICE), s.last_price, s.listing);
  p = numbers.putSize(out, putText(out, p, SIZE), s.last_size, s.listing);
  p = putUint(out, putText(out, p, TIME), time);
  p = putText(out, p, s.last_side === SELL ? SELLER : BUYER);
  e.setId(s.last_id);
  e.number = s.last_id;
  e.side = s.last_side;
  e.setTime(time * s.time_unit_us);
  numbers.setPrice(e, 0, s.last_price, s.listing);
  numbers.setSize(e, 1, s.last_size, s.listing);
  return p;
}

function composeAggregate(
  s: SymbolMarket,
  out: DataView,
  at: number,
  now_us: number,
  e: EventValues,
): number {
  const { aggregates: a, listing } = s;
  const time = unitsOf(s, a.time_us - PUBLISH_US);
  let p = putUint(out, putText(out, at, AGGREGATE), unitsOf(s, now_us));
  p = putText(out, putText(out, p, SYMBOL), s.name_text);
  p = putUint(out, putText(out, p, AGGREGATE_ID), a.id);
  p = numbers.putPrice(out, putText(out, p, PRICE), a.price, listing);
  p = numbers.putSize(out, putText(out, p, SIZE), a.size, listing);
  p = putUint(out, putText(out, p, FIRST_TRADE), a.first_id);
  p = putUint(out, putText(out, p, LAST_TRADE), a.last_id);
  p = putUint(out, putText(out, p, AGGREGATE_TIME), time);
  p = putText(out, p, a.side === SELL ? SELLER : BUYER);
  e.setId(a.id);
  e.side = a.side;
  e.setTime(time * s.time_unit_us);
  numbers.setPrice(e, 0, a.price, listing);
  numbers.setSize(e, 1, a.size, listing);
  e.digits[2] = a.first_id;
  e.digits[3] = a.last_id;
  return p;
}

function composeTicker(s: SymbolMarket, out: DataView, at: number, now_us: number, e: EventValues): number {
  const { listing } = s;
  const now = unitsOf(s, now_us);
  const change = s.last_price - s.open;
  const average = Math.floor((s.last_price + s.open) / 2);
  let p = putUint(out, putText(out, at, TICKER), now);
  p = putText(out, putText(out, p, SYMBOL), s.name_text);
  p = numbers.putSignedPrice(out, putText(out, p, CHANGE), change, listing);
  p = putPercent(out, putText(out, p, CHANGE_PERCENT), change, s.open, 3);
  p = numbers.putPrice(out, putText(out, p, AVERAGE), average, listing);
  p = numbers.putPrice(out, putText(out, p, FIRST), s.open, listing);
  p = numbers.putPrice(out, putText(out, p, CLOSE), s.last_price, listing);
  p = numbers.putSize(out, putText(out, p, LAST_SIZE), s.last_size, listing);
  p = numbers.putPrice(out, putText(out, p, BID_PRICE), s.bid, listing);
  p = numbers.putSize(out, putText(out, p, BID_SIZE), s.bid_size, listing);
  p = numbers.putPrice(out, putText(out, p, ASK_PRICE), s.ask, listing);
  p = numbers.putSize(out, putText(out, p, ASK_SIZE), s.ask_size, listing);
  p = numbers.putPrice(out, putText(out, p, OPEN), s.open, listing);
  p = numbers.putPrice(out, putText(out, p, HIGH), s.high, listing);
  p = numbers.putPrice(out, putText(out, p, LOW), s.low, listing);
  p = numbers.putSize(out, putText(out, p, VOLUME), s.volume, listing);
  p = putQuoteVolume(out, putText(out, p, QUOTE_VOLUME), s, average);
  p = putUint(out, putText(out, p, OPEN_TIME), unitsOf(s, now_us - DAY_US));
  p = putUint(out, putText(out, p, CLOSE_TIME), now);
  p = putUint(out, putText(out, p, FIRST_ID), Math.max(1, s.last_id - DAY_TRADES));
  p = putUint(out, putText(out, p, LAST_ID), s.last_id);
  p = putUint(out, putText(out, p, COUNT), Math.min(s.last_id, DAY_TRADES + 1));
  p = putByte(out, p, BRACE);
  e.setTime(now * s.time_unit_us);
  numbers.setPrice(e, 0, s.last_price, listing);
  numbers.setPrice(e, 1, s.bid, listing);
  numbers.setPrice(e, 2, s.ask, listing);
  numbers.setSize(e, 3, s.volume, listing);
  numbers.setSize(e, 4, s.last_size, listing);
  numbers.setSize(e, 5, s.volume, listing);
  return p;
}

function composeBookTicker(s: SymbolMarket, out: DataView, at: number, e: EventValues): number {
  let p = putUint(out, putText(out, at, BOOK_TICKER), s.update_id);
  p = putText(out, putText(out, p, SYMBOL), s.name_text);
  p = numbers.putPrice(out, putText(out, p, BID_PRICE), s.bid, s.listing);
  p = numbers.putSize(out, putText(out, p, BID_SIZE), s.bid_size, s.listing);
  p = numbers.putPrice(out, putText(out, p, ASK_PRICE), s.ask, s.listing);
  p = numbers.putSize(out, putText(out, p, ASK_SIZE), s.ask_size, s.listing);
  p = putText(out, p, END);
  e.setId(s.update_id);
  numbers.setPrice(e, 0, s.bid, s.listing);
  numbers.setSize(e, 1, s.bid_size, s.listing);
  numbers.setPrice(e, 2, s.ask, s.listing);
  numbers.setSize(e, 3, s.ask_size, s.listing);
  return p;
}

function putLevel(
  s: SymbolMarket,
  frame: Frame,
  at: number,
  side: number,
  price: number,
  size: number,
): number {
  const { view: out, event } = frame;
  let p = numbers.putPrice(out, putText(out, at, LEVEL), price, s.listing);
  p = numbers.putSize(out, putText(out, p, LEVEL_SIZE), size, s.listing);
  p = putText(out, p, LEVEL_END);
  numbers.setPrice(event, 0, price, s.listing);
  numbers.setSize(event, 1, size, s.listing);
  frame.recordLevel(side + 1);
  return p;
}

/** Levels of one side, separated by commas: the whole side, or what has changed of it. */
function putSide(s: SymbolMarket, frame: Frame, at: number, side: number): number {
  const { book } = s;
  const levels = frame.whole ? book.count(side) : book.changes(side);
  let p = at;
  for (let i = 0; i < levels; i++) {
    if (i > 0) p = putByte(frame.view, p, COMMA);
    const price = frame.whole ? book.price(side, i) : book.changedPrice(side, i);
    const size = frame.whole ? book.size(side, i) : book.changedSize(side, i);
    p = putLevel(s, frame, p, side, price, size);
  }
  return p;
}

function composeDepth(s: SymbolMarket, frame: Frame, at: number): number {
  const { view: out, event } = frame;
  event.setId(s.book_last_id);
  if (frame.whole) {
    let p = putUint(out, putText(out, at, PARTIAL), s.book_last_id);
    p = putSide(s, frame, putText(out, p, PARTIAL_BIDS), BID);
    p = putSide(s, frame, putText(out, p, PARTIAL_ASKS), ASK);
    return putText(out, p, BOOK_END);
  }
  const now = unitsOf(s, frame.now_us);
  event.setTime(now * s.time_unit_us);
  let p = putUint(out, putText(out, at, DEPTH), now);
  p = putText(out, putText(out, p, SYMBOL), s.name_text);
  p = putUint(out, putText(out, p, FIRST_UPDATE), s.book_first_id);
  p = putUint(out, putText(out, p, LAST_UPDATE), s.book_last_id);
  p = putSide(s, frame, putText(out, p, BIDS), BID);
  p = putSide(s, frame, putText(out, p, ASKS), ASK);
  return putText(out, p, BOOK_END);
}

function composePayload(channel: Channel, s: SymbolMarket, frame: Frame, at: number): number {
  const { view: out, now_us, event } = frame;
  if (channel === 'book') return composeDepth(s, frame, at);
  let end: number;
  if (channel === 'trades') end = composeTrade(s, out, at, now_us, event);
  else if (channel === 'ticker') end = composeTicker(s, out, at, now_us, event);
  else if (channel === 'bbo') end = composeBookTicker(s, out, at, event);
  else if (channel === 'agg_trades') end = composeAggregate(s, out, at, now_us, event);
  else {
    const interval = KLINE_CHANNELS.indexOf(channel);
    end = composeKline(numbers, s, interval, out, at, unitsOf(s, now_us), event);
  }
  frame.record();
  return end;
}

function streamText(channel: Channel, s: SymbolMarket): Text {
  if (channel === 'trades') return AT_TRADE;
  if (channel === 'ticker') return AT_TICKER;
  if (channel === 'bbo') return AT_BOOK_TICKER;
  if (channel === 'agg_trades') return AT_AGGREGATE;
  return channel === 'book' ? AT_DEPTH[s.book.tag] : AT_KLINE[KLINE_CHANNELS.indexOf(channel)];
}

const STREAM_RULES: StreamRules = {
  messages_per_s: 5,
  streamOf: (venue, _path, name) => parseStream(venue, name),
};

export const binance: VenueProtocol = {
  id: 'binance',
  channels: ['trades', 'ticker', 'bbo', 'agg_trades', 'book', ...KLINE_CHANNELS],
  fetched_shape: { tag: DEPTH_STREAMS.indexOf('depth@100ms') },
  timings: {
    subscribe_deadline_ms: 0,
    heartbeat_ms: 0,
    ping_ms: 20_000,
    pong_deadline_ms: 60_000,
    stale_page_ms: 0,
    idle_ms: 0,
  },
  connection_limit: { burst: 300, per_s: 1 },
  listings: listSymbols,
  accepts: (path) => path === '/stream' || path === '/ws' || path.startsWith('/ws/'),
  open: (venue, link, path, query, now_ms) =>
    new BinanceSession(STREAM_RULES, venue, link, path, query, now_ms),
  compose(channel, symbol, frame) {
    const out = frame.view;
    const inner = putText(
      out,
      putText(out, putText(out, frame.start, STREAM), symbol.lower_text),
      streamText(channel, symbol),
    );
    const end = composePayload(channel, symbol, frame, inner);
    frame.setInner(inner, end);
    return putByte(out, end, BRACE);
  },
  rest: (venue) => new BinanceRest(REST_RULES, venue),
  shutdownNotice(wrapped, now_ms) {
    const notice = { e: 'serverShutdown', E: Math.floor(now_ms) };
    return JSON.stringify(wrapped ? { stream: '!serverShutdown', data: notice } : notice);
  },
  slow_consumer: { code: 1008, reason: '' },
  planned_close: { code: 1001, reason: '' },
  symbolOf: (raw) => /"s":"([^"]+)"/.exec(raw)?.[1],
};

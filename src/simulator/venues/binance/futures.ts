/**
 * Binance USD-M futures as its clients see it: streams on the paths /public and /market, and the public REST calls.
 * Update ids are shared by all symbols, so that books chain by `pu`; raw trade ids have gaps.
 * HOT: compose() runs per message. Runs in the simulator process; see server/protocol.ts.
 */

import { ASK, BID } from '../../market/book.js';
import { putByte, putText, putUint, Text } from '../../market/bytes.js';
import { catalogue, type Listing } from '../../market/catalogue.js';
import { type Channel, INTERVALS, KLINE_CHANNELS } from '../../market/channels.js';
import type { Frame } from '../../market/frame.js';
import type { EventValues } from '../../market/ledger.js';
import { SELL, type SymbolMarket } from '../../market/market.js';
import { decimalText, type Link, type VenueProtocol, type VenueView } from '../../server/protocol.js';
import { composeKline, Numbers, putPercent, putQuoteVolume } from './numbers.js';
import { BinanceRest, type RestRules } from './rest.js';
import { BinanceSession, DEPTH_STREAMS, parseStream, type StreamRules } from './session.js';

const numbers = new Numbers(0);
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
const BOOK_TICKER = new Text('{"e":"bookTicker","u":');
const SYMBOL = new Text(',"s":"');
const TRADE_ID = new Text('","t":');
const AGGREGATE_ID = new Text(',"a":');
const TRADE_PRICE = new Text(',"p":"');
const PRICE = new Text('","p":"');
const SIZE = new Text('","q":"');
const SIZE_WITHOUT_RPI = new Text('","nq":"');
const FIRST_TRADE = new Text('","f":');
const LAST_TRADE = new Text(',"l":');
const TIME = new Text(',"T":');
const TIME_BEHIND_TEXT = new Text('","T":');
const SELLER = new Text(',"m":true,"st":1}');
const BUYER = new Text(',"m":false,"st":1}');
const TRADE_SELLER = new Text('","X":"MARKET","m":true}');
const TRADE_BUYER = new Text('","X":"MARKET","m":false}');
const CHANGE_PERCENT = new Text('","P":"');
const AVERAGE = new Text('","w":"');
const CLOSE = new Text('","c":"');
const LAST_SIZE = new Text('","Q":"');
const OPEN = new Text('","o":"');
const HIGH = new Text('","h":"');
const LOW = new Text('","l":"');
const VOLUME = new Text('","v":"');
const OPEN_TIME = new Text('","O":');
const CLOSE_TIME = new Text(',"C":');
const FIRST_ID = new Text(',"F":');
const LAST_ID = new Text(',"L":');
const COUNT = new Text(',"n":');
const BID_PRICE = new Text('","b":"');
const BID_SIZE = new Text('","B":"');
const ASK_PRICE = new Text('","a":"');
const ASK_SIZE = new Text('","A":"');
const PUBLISHED = new Text(',"E":');
const FIRST_UPDATE = new Text('","U":');
const LAST_UPDATE = new Text(',"u":');
const PREVIOUS_UPDATE = new Text(',"pu":');
const BIDS = new Text(',"b":[');
const ASKS = new Text('],"a":[');
const PAIR = new Text(',"ps":"');
const BOOK_PAIR = new Text('],"ps":"');
const MARKET = new Text('","st":1}');
const LEVEL = new Text('["');
const LEVEL_SIZE = new Text('","');
const LEVEL_END = new Text('"]');
const DAY_MS = 86_400_000;
const DAY_TRADES = 550_000;
const BRACE = 125;
const COMMA = 44;
const ZERO = 48;
/** A trade is published so much later than it happened. */
const PUBLISH_MS = 1;

function milliseconds(time_us: number): number {
  return Math.floor(time_us / 1000);
}

/** Trade ids are shared with trades off the book, which are not published. */
function rawId(id: number): number {
  return id + Math.floor(id / 97);
}

/** Undocumented; as in recordings. */
function composeTrade(s: SymbolMarket, out: DataView, at: number, now_us: number, e: EventValues): number {
  const id = rawId(s.last_id);
  const time = milliseconds(s.last_time_us) - PUBLISH_MS;
  let p = putUint(out, putText(out, at, TRADE), milliseconds(now_us));
  p = putUint(out, putText(out, p, TIME), time);
  p = putText(out, putText(out, p, SYMBOL), s.name_text);
  p = putUint(out, putText(out, p, TRADE_ID), id);
  p = numbers.putPrice(out, putText(out, p, TRADE_PRICE), s.last_price, s.listing);
  p = numbers.putSize(out, putText(out, p, SIZE), s.last_size, s.listing);
  p = putText(out, p, s.last_side === SELL ? TRADE_SELLER : TRADE_BUYER);
  e.setId(id);
  e.side = s.last_side;
  e.setTime(time * 1000);
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
  const time = milliseconds(a.time_us) - PUBLISH_MS;
  let p = putUint(out, putText(out, at, AGGREGATE), milliseconds(now_us));
  p = putUint(out, putText(out, p, AGGREGATE_ID), a.id);
  p = putText(out, putText(out, p, SYMBOL), s.name_text);
  p = numbers.putPrice(out, putText(out, p, PRICE), a.price, listing);
  p = numbers.putSize(out, putText(out, p, SIZE), a.size, listing);
  p = numbers.putSize(out, putText(out, p, SIZE_WITHOUT_RPI), a.size, listing);
  p = putUint(out, putText(out, p, FIRST_TRADE), rawId(a.first_id));
  p = putUint(out, putText(out, p, LAST_TRADE), rawId(a.last_id));
  p = putUint(out, putText(out, p, TIME), time);
  p = putText(out, p, a.side === SELL ? SELLER : BUYER);
  e.setId(a.id);
  e.side = a.side;
  e.setTime(time * 1000);
  numbers.setPrice(e, 0, a.price, listing);
  numbers.setSize(e, 1, a.size, listing);
  e.digits[2] = rawId(a.first_id);
  e.digits[3] = rawId(a.last_id);
  return p;
}

/** Without best quotes, which the ticker of futures does not have. */
function composeTicker(s: SymbolMarket, out: DataView, at: number, now_us: number, e: EventValues): number {
  const { listing } = s;
  const now = milliseconds(now_us);
  const change = s.last_price - s.open;
  const average = Math.floor((s.last_price + s.open) / 2);
  let p = putUint(out, putText(out, at, TICKER), now);
  p = putText(out, putText(out, p, SYMBOL), s.name_text);
  p = numbers.putSignedPrice(out, putText(out, p, PRICE), change, listing);
  p = putPercent(out, putText(out, p, CHANGE_PERCENT), change, s.open, 2);
  p = numbers.putPrice(out, putText(out, p, AVERAGE), average, listing);
  p = numbers.putPrice(out, putText(out, p, CLOSE), s.last_price, listing);
  p = numbers.putSize(out, putText(out, p, LAST_SIZE), s.last_size, listing);
  p = numbers.putPrice(out, putText(out, p, OPEN), s.open, listing);
  p = numbers.putPrice(out, putText(out, p, HIGH), s.high, listing);
  p = numbers.putPrice(out, putText(out, p, LOW), s.low, listing);
  p = numbers.putSize(out, putText(out, p, VOLUME), s.volume, listing);
  p = putQuoteVolume(out, putText(out, p, SIZE), s, average);
  p = putUint(out, putText(out, p, OPEN_TIME), now - DAY_MS);
  p = putUint(out, putText(out, p, CLOSE_TIME), now);
  p = putUint(out, putText(out, p, FIRST_ID), rawId(Math.max(1, s.last_id - DAY_TRADES)));
  p = putUint(out, putText(out, p, LAST_ID), rawId(s.last_id));
  p = putUint(out, putText(out, p, COUNT), Math.min(s.last_id, DAY_TRADES + 1));
  p = putText(out, putText(out, p, PAIR), s.name_text);
  p = putText(out, p, MARKET);
  e.setTime(now * 1000);
  numbers.setPrice(e, 0, s.last_price, listing);
  e.setAbsent(1);
  e.setAbsent(2);
  numbers.setSize(e, 3, s.volume, listing);
  numbers.setSize(e, 4, s.last_size, listing);
  numbers.setSize(e, 5, s.volume, listing);
  return p;
}

function composeBookTicker(
  s: SymbolMarket,
  out: DataView,
  at: number,
  now_us: number,
  e: EventValues,
): number {
  const now = milliseconds(now_us);
  let p = putUint(out, putText(out, at, BOOK_TICKER), s.update_id);
  p = putText(out, putText(out, p, SYMBOL), s.name_text);
  p = numbers.putPrice(out, putText(out, p, BID_PRICE), s.bid, s.listing);
  p = numbers.putSize(out, putText(out, p, BID_SIZE), s.bid_size, s.listing);
  p = numbers.putPrice(out, putText(out, p, ASK_PRICE), s.ask, s.listing);
  p = numbers.putSize(out, putText(out, p, ASK_SIZE), s.ask_size, s.listing);
  p = putUint(out, putText(out, p, TIME_BEHIND_TEXT), now - PUBLISH_MS);
  p = putUint(out, putText(out, p, PUBLISHED), now);
  p = putText(out, putText(out, p, PAIR), s.name_text);
  p = putText(out, p, MARKET);
  e.setId(s.update_id);
  e.setTime(now * 1000);
  numbers.setPrice(e, 0, s.bid, s.listing);
  numbers.setSize(e, 1, s.bid_size, s.listing);
  numbers.setPrice(e, 2, s.ask, s.listing);
  numbers.setSize(e, 3, s.ask_size, s.listing);
  return p;
}

/** Levels of one side: the whole side, or what has changed of it; a level that is gone has the size `0`. */
function putSide(s: SymbolMarket, frame: Frame, at: number, side: number): number {
  const { book } = s;
  const { view: out, event } = frame;
  const levels = frame.whole ? book.count(side) : book.changes(side);
  let p = at;
  for (let i = 0; i < levels; i++) {
    const price = frame.whole ? book.price(side, i) : book.changedPrice(side, i);
    const size = frame.whole ? book.size(side, i) : book.changedSize(side, i);
    if (i > 0) p = putByte(out, p, COMMA);
    p = putText(out, numbers.putPrice(out, putText(out, p, LEVEL), price, s.listing), LEVEL_SIZE);
    p = size === 0 ? putByte(out, p, ZERO) : numbers.putSize(out, p, size, s.listing);
    p = putText(out, p, LEVEL_END);
    numbers.setPrice(event, 0, price, s.listing);
    if (size === 0) event.set(1, 0, 0);
    else numbers.setSize(event, 1, size, s.listing);
    frame.recordLevel(side + 1);
  }
  return p;
}

function composeDepth(s: SymbolMarket, frame: Frame, at: number): number {
  const { view: out, event } = frame;
  const now = milliseconds(frame.now_us);
  event.setId(s.book_last_id);
  event.setTime(now * 1000);
  let p = putUint(out, putText(out, at, DEPTH), now);
  p = putUint(out, putText(out, p, TIME), now - PUBLISH_MS);
  p = putText(out, putText(out, p, SYMBOL), s.name_text);
  p = putUint(out, putText(out, p, FIRST_UPDATE), s.book_change_id);
  p = putUint(out, putText(out, p, LAST_UPDATE), s.book_last_id);
  p = putUint(out, putText(out, p, PREVIOUS_UPDATE), s.book_previous_id);
  p = putSide(s, frame, putText(out, p, BIDS), BID);
  p = putSide(s, frame, putText(out, p, ASKS), ASK);
  p = putText(out, putText(out, p, BOOK_PAIR), s.name_text);
  return putText(out, p, MARKET);
}

function composePayload(channel: Channel, s: SymbolMarket, frame: Frame, at: number): number {
  const { view: out, now_us, event } = frame;
  if (channel === 'book') return composeDepth(s, frame, at);
  let end: number;
  if (channel === 'trades') end = composeTrade(s, out, at, now_us, event);
  else if (channel === 'agg_trades') end = composeAggregate(s, out, at, now_us, event);
  else if (channel === 'ticker') end = composeTicker(s, out, at, now_us, event);
  else if (channel === 'bbo') end = composeBookTicker(s, out, at, now_us, event);
  else {
    const interval = KLINE_CHANNELS.indexOf(channel as (typeof KLINE_CHANNELS)[number]);
    end = composeKline(numbers, s, interval, out, at, milliseconds(now_us), event);
  }
  frame.record();
  return end;
}

function streamText(channel: Channel, s: SymbolMarket): Text {
  if (channel === 'trades') return AT_TRADE;
  if (channel === 'agg_trades') return AT_AGGREGATE;
  if (channel === 'ticker') return AT_TICKER;
  if (channel === 'bbo') return AT_BOOK_TICKER;
  if (channel === 'book') return AT_DEPTH[s.book.tag];
  return AT_KLINE[KLINE_CHANNELS.indexOf(channel as (typeof KLINE_CHANNELS)[number])];
}

/** Channels of the path /public; all others are on /market. */
const PUBLIC: readonly Channel[] = ['trades', 'bbo', 'book'];
const MARK_PRICE = /^([^@]+)@markPrice(@1s)?$/;
const MARK_PRICE_MS = 3000;
const HOUR_MS = 3_600_000;

/** Mark prices are no channel of ours: they arrive in between, for who asks for them. */
function sendMarkPrices(link: Link, streams: ReadonlySet<string>, venue: VenueView, now_ms: number): void {
  for (const stream of streams) {
    const match = MARK_PRICE.exec(stream);
    const symbol = match === null ? undefined : venue.symbols.get(match[1].toUpperCase());
    if (symbol === undefined) continue;
    const price = decimalText(symbol.last_price, symbol.listing.price_scale, 8);
    const payload = {
      e: 'markPriceUpdate',
      E: Math.floor(now_ms),
      s: symbol.listing.name,
      p: price,
      ap: price,
      P: price,
      i: price,
      r: '-0.00006042',
      T: (Math.floor(now_ms / HOUR_MS) + 1) * HOUR_MS,
      st: 1,
    };
    link.send(JSON.stringify(link.wrapped ? { stream, data: payload } : payload));
  }
}

/** Rules of one connection: mark prices have a schedule of their own. */
function streamRules(): StreamRules {
  let next_ms = 0;
  return {
    messages_per_s: 10,
    // the wrong path is acknowledged and stays silent; the old one delivers what is public
    streamOf(venue, path, name) {
      const stream = parseStream(venue, name);
      if (stream === undefined) return undefined;
      return PUBLIC.includes(stream.channel) === !path.startsWith('/market/') ? stream : undefined;
    },
    tick(link, path, streams, venue, now_ms) {
      if (now_ms < next_ms || !path.startsWith('/market/')) return;
      next_ms = now_ms + MARK_PRICE_MS;
      sendMarkPrices(link, streams, venue, now_ms);
    },
  };
}

const CATALOGUE = {
  quotes: ['USDT', 'USDC'],
  join: '',
  size_scale: (usd: number) => Math.min(3, Math.max(0, Math.ceil(Math.log10(usd)) - 1)),
  first_trade_id: 7_786_000_000,
  unicode: false,
};

/** When a contract ends: `BTCUSDT_210625` at 08:00 UTC of that day, a perpetual in the year 2100. */
function deliveryMs(name: string): number {
  const [, yy, mm, dd] = /_(\d\d)(\d\d)(\d\d)$/.exec(name) ?? [];
  return yy === undefined ? 4_133_404_800_000 : Date.UTC(2000 + Number(yy), Number(mm) - 1, Number(dd), 8);
}

function symbolInfo(listing: Listing): Record<string, unknown> {
  const { name, base, quote, price_scale, size_scale } = listing;
  const [tick, lot] = [decimalText(1, price_scale), decimalText(1, size_scale)];
  const dated = name.includes('_');
  return {
    symbol: name,
    pair: `${base}${quote}`,
    contractType: dated ? 'CURRENT_QUARTER' : 'PERPETUAL',
    deliveryDate: deliveryMs(name),
    onboardDate: 1_569_398_400_000,
    status: listing.closed === true ? 'SETTLING' : 'TRADING',
    maintMarginPercent: '2.5000',
    requiredMarginPercent: '5.0000',
    baseAsset: base,
    quoteAsset: quote,
    marginAsset: quote,
    pricePrecision: price_scale,
    quantityPrecision: size_scale,
    baseAssetPrecision: 8,
    quotePrecision: 8,
    underlyingType: 'COIN',
    underlyingSubType: [],
    filters: [
      { filterType: 'PRICE_FILTER', minPrice: tick, maxPrice: '1000000', tickSize: tick },
      { filterType: 'LOT_SIZE', minQty: lot, maxQty: '1000000', stepSize: lot },
      { filterType: 'MIN_NOTIONAL', notional: '5' },
    ],
  };
}

const WEIGHTS: Readonly<Record<string, number>> = {
  ping: 1,
  time: 1,
  exchangeInfo: 1,
  trades: 5,
  aggTrades: 20,
  klines: 5,
};
/** Levels that a book may be asked for, with the weight of the call. */
const DEPTH_WEIGHTS = new Map([
  [5, 2],
  [10, 2],
  [20, 2],
  [50, 2],
  [100, 5],
  [500, 10],
  [1000, 20],
]);
const DEPTH_DEFAULT = 500;

const REST_RULES: RestRules = {
  base: '/fapi/v1',
  weight_max: 2400,
  weightOf: (call, query) =>
    call === 'depth' ? (DEPTH_WEIGHTS.get(Number(query.get('limit') ?? DEPTH_DEFAULT)) ?? 2) : WEIGHTS[call],
  numbers,
  decimals: 0,
  depth_default: DEPTH_DEFAULT,
  depthAllowed: (limit) => DEPTH_WEIGHTS.has(limit),
  timed_books: true,
  symbolInfo,
  rawId,
  tradeExtra: { isRPITrade: false },
  aggregateExtra: (size) => ({ nq: size }),
};

const PATHS = /^(\/(public|market))?\/(ws(\/.*)?|stream)$/;

export const binanceFutures: VenueProtocol = {
  id: 'binance-futures',
  channels: ['trades', 'agg_trades', 'ticker', 'bbo', 'book', ...KLINE_CHANNELS],
  fetched_shape: { tag: DEPTH_STREAMS.indexOf('depth@100ms') },
  timings: {
    subscribe_deadline_ms: 0,
    heartbeat_ms: 0,
    ping_ms: 180_000,
    pong_deadline_ms: 600_000,
    stale_page_ms: 0,
    idle_ms: 0,
  },
  connection_limit: { burst: 300, per_s: 1 },
  listings(count) {
    const open = catalogue(CATALOGUE, count);
    return [...open, { ...open[0], name: 'BTCUSDT_210625', rank: count, closed: true }];
  },
  accepts: (path) => PATHS.test(path),
  open: (venue, link, path, query, now_ms) =>
    new BinanceSession(streamRules(), venue, link, path, query, now_ms),
  compose(channel, symbol, frame) {
    const out = frame.view;
    const named = putText(out, putText(out, frame.start, STREAM), symbol.lower_text);
    const inner = putText(out, named, streamText(channel, symbol));
    const end = composePayload(channel, symbol, frame, inner);
    frame.setInner(inner, end);
    return putByte(out, end, BRACE);
  },
  rest: (venue) => new BinanceRest(REST_RULES, venue),
  slow_consumer: { code: 1008, reason: '' },
  planned_close: { code: 1001, reason: '' },
  symbolOf: (raw) => /"s":"([^"]+)"/.exec(raw)?.[1],
};

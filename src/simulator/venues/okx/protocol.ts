/**
 * OKX v5 spot as its clients see it: the public and the business address. `trades` adds up what one order made at one
 * price, `trades-all` has every trade; a change of a book names the one before it, its checksum is always 0.
 * HOT: compose() runs per message. Runs in the simulator process; see server/protocol.ts.
 */

import { ASK, BID } from '../../market/book.js';
import { putByte, putDecimal, putText, putUint, Text } from '../../market/bytes.js';
import { CANDLE_AT } from '../../market/candles.js';
import { type Channel, KLINE_AT, KLINE_CHANNELS } from '../../market/channels.js';
import type { Frame } from '../../market/frame.js';
import { LEDGER_FLAGS } from '../../market/ledger.js';
import { BUY, type SymbolMarket } from '../../market/market.js';
import { putNoted, putTrimmed } from '../../server/numbers.js';
import type { VenueProtocol } from '../../server/protocol.js';
import { listInstruments, OkxRest } from './rest.js';
import { CANDLE_CHANNELS, noticeText, OkxSession, PATHS } from './session.js';

const head = (channel: string) => new Text(`{"arg":{"channel":"${channel}","instId":"`);
const TRADES_ALL = head('trades-all');
const TRADES = head('trades');
const TICKERS = head('tickers');
const QUOTES = head('bbo-tbt');
const BOOKS = head('books');
const CANDLES = CANDLE_CHANNELS.map(head);
const TRADE_DATA = new Text('"},"data":[{"instId":"');
const TICKER_DATA = new Text('"},"data":[{"instType":"SPOT","instId":"');
const QUOTE_DATA = new Text('"},"data":[{"asks":[');
const SNAPSHOT_DATA = new Text('"},"action":"snapshot","data":[{"asks":[');
const UPDATE_DATA = new Text('"},"action":"update","data":[{"asks":[');
const CANDLE_DATA = new Text('"},"data":[["');
const TRADE_ID = new Text('","tradeId":"');
const PRICE = new Text('","px":"');
const SIZE = new Text('","sz":"');
const SIDE_BUY = new Text('","side":"buy');
const SIDE_SELL = new Text('","side":"sell');
const SOURCE = new Text('","source":"0');
const TIME = new Text('","ts":"');
const COUNT = new Text('","count":"');
const TRADE_SEQ = new Text('","source":"0","seqId":');
const LAST = new Text('","last":"');
const LAST_SIZE = new Text('","lastSz":"');
const ASK_PRICE = new Text('","askPx":"');
const ASK_SIZE = new Text('","askSz":"');
const BID_PRICE = new Text('","bidPx":"');
const BID_SIZE = new Text('","bidSz":"');
const OPEN = new Text('","open24h":"');
const HIGH = new Text('","high24h":"');
const LOW = new Text('","low24h":"');
const VOLUME = new Text('","vol24h":"');
const BIDS = new Text('],"bids":[');
const BOOK_TIME = new Text('],"ts":"');
const SEQ = new Text('","seqId":');
const CHECKSUM = new Text('","checksum":0,"seqId":');
const PREVIOUS = new Text(',"prevSeqId":');
const NO_PREVIOUS = new Text(',"prevSeqId":-1}]}');
const LEVEL = new Text('["');
const NEXT = new Text('","');
const LEVEL_END = new Text('","0","1"]');
const GONE = new Text('","0","0","0"]');
const SECOND = new Text('000","');
const GROWING = new Text('","0"]]}');
const CLOSED = new Text('","1"]]}');
const END = new Text('"}]}');
const BARE_END = new Text('}]}');
const COMMA = 44;
/** Sums of trades have a number of their own, which rises by leaps and is the same when one is sent again. */
const SEQUENCE_STEP = 77;

/** Writes the head of a frame up to its data. */
function putHead(s: SymbolMarket, frame: Frame, text: Text, data: Text): number {
  const { view: out } = frame;
  return putText(out, putText(out, putText(out, frame.start, text), s.name_text), data);
}

const millis = (time_us: number): number => Math.floor(time_us / 1000);

/** The newest trade, or (`aggregate`) the newest sum of trades, under the id of its last one. */
function composeTrade(s: SymbolMarket, frame: Frame, aggregate: boolean): number {
  const { view: out, event } = frame;
  const { aggregates: a, listing } = s;
  const id = aggregate ? a.last_id : s.last_id;
  const time = millis(aggregate ? a.time_us : s.last_time_us);
  const side = aggregate ? a.side : s.last_side;
  let p = putHead(s, frame, aggregate ? TRADES : TRADES_ALL, TRADE_DATA);
  p = putUint(out, putText(out, putText(out, p, s.name_text), TRADE_ID), id);
  p = putText(out, p, PRICE);
  p = putNoted(out, p, aggregate ? a.price : s.last_price, listing.price_scale, event, 0);
  p = putText(out, p, SIZE);
  p = putNoted(out, p, aggregate ? a.size : s.last_size, listing.size_scale, event, 1);
  p = putText(out, p, side === BUY ? SIDE_BUY : SIDE_SELL);
  event.setId(id);
  event.side = side;
  event.setTime(time * 1000);
  if (aggregate) {
    p = putUint(out, putText(out, p, TIME), time);
    p = putUint(out, putText(out, p, COUNT), a.last_id - a.first_id + 1);
    p = putText(out, putUint(out, putText(out, p, TRADE_SEQ), a.last_id * SEQUENCE_STEP), BARE_END);
    event.digits[2] = a.first_id;
    event.digits[3] = a.last_id;
  } else {
    p = putUint(out, putText(out, putText(out, p, SOURCE), TIME), time);
    p = putText(out, p, END);
    event.number = id;
  }
  frame.record();
  return p;
}

function composeTicker(s: SymbolMarket, frame: Frame): number {
  const { view: out, event } = frame;
  const { price_scale, size_scale } = s.listing;
  const time = millis(frame.now_us);
  let p = putText(out, putHead(s, frame, TICKERS, TICKER_DATA), s.name_text);
  p = putNoted(out, putText(out, p, LAST), s.last_price, price_scale, event, 0);
  p = putNoted(out, putText(out, p, LAST_SIZE), s.last_size, size_scale, event, 4);
  p = putNoted(out, putText(out, p, ASK_PRICE), s.ask, price_scale, event, 2);
  p = putTrimmed(out, putText(out, p, ASK_SIZE), s.ask_size, size_scale);
  p = putNoted(out, putText(out, p, BID_PRICE), s.bid, price_scale, event, 1);
  p = putTrimmed(out, putText(out, p, BID_SIZE), s.bid_size, size_scale);
  p = putTrimmed(out, putText(out, p, OPEN), s.open, price_scale);
  p = putTrimmed(out, putText(out, p, HIGH), s.high, price_scale);
  p = putTrimmed(out, putText(out, p, LOW), s.low, price_scale);
  p = putDecimal(out, putText(out, p, VOLUME), s.volume, size_scale);
  p = putText(out, putUint(out, putText(out, p, TIME), time), END);
  event.setTime(time * 1000);
  event.set(3, s.volume, size_scale);
  event.set(5, s.volume, size_scale);
  frame.record();
  return p;
}

function composeQuotes(s: SymbolMarket, frame: Frame): number {
  const { view: out, event } = frame;
  const { price_scale, size_scale } = s.listing;
  const time = millis(frame.now_us);
  let p = putText(out, putHead(s, frame, QUOTES, QUOTE_DATA), LEVEL);
  p = putText(out, putNoted(out, p, s.ask, price_scale, event, 2), NEXT);
  p = putText(out, putNoted(out, p, s.ask_size, size_scale, event, 3), LEVEL_END);
  p = putText(out, putText(out, p, BIDS), LEVEL);
  p = putText(out, putNoted(out, p, s.bid, price_scale, event, 0), NEXT);
  p = putText(out, putNoted(out, p, s.bid_size, size_scale, event, 1), LEVEL_END);
  p = putUint(out, putText(out, p, BOOK_TIME), time);
  p = putText(out, putUint(out, putText(out, p, SEQ), s.update_id), BARE_END);
  event.setId(s.update_id);
  event.setTime(time * 1000);
  frame.record();
  return p;
}

/** Levels of one side, separated by commas: the whole side, or what has changed of it. */
function putSide(s: SymbolMarket, frame: Frame, at: number, side: number): number {
  const { view: out, event } = frame;
  const { book, listing } = s;
  const levels = frame.whole ? book.count(side) : book.changes(side);
  let p = at;
  for (let i = 0; i < levels; i++) {
    const size = frame.whole ? book.size(side, i) : book.changedSize(side, i);
    const price = frame.whole ? book.price(side, i) : book.changedPrice(side, i);
    if (i > 0) p = putByte(out, p, COMMA);
    p = putNoted(out, putText(out, p, LEVEL), price, listing.price_scale, event, 0);
    event.set(1, 0, 0);
    if (size === 0) p = putText(out, p, GONE);
    else
      p = putText(out, putNoted(out, putText(out, p, NEXT), size, listing.size_scale, event, 1), LEVEL_END);
    frame.recordLevel(side + 1);
  }
  return p;
}

function composeBook(s: SymbolMarket, frame: Frame): number {
  const { view: out, event } = frame;
  const time = millis(frame.now_us);
  event.setId(s.book_last_id);
  event.setTime(time * 1000);
  let p = putHead(s, frame, BOOKS, frame.whole ? SNAPSHOT_DATA : UPDATE_DATA);
  p = putSide(s, frame, p, ASK);
  p = putSide(s, frame, putText(out, p, BIDS), BID);
  p = putUint(out, putText(out, p, BOOK_TIME), time);
  p = putUint(out, putText(out, p, CHECKSUM), s.book_last_id);
  if (frame.whole) return putText(out, p, NO_PREVIOUS);
  return putText(out, putUint(out, putText(out, p, PREVIOUS), s.book_previous_id), BARE_END);
}

const PRICES = ['open', 'high', 'low', 'close'] as const;

function composeCandle(s: SymbolMarket, frame: Frame, interval: number): number {
  const { view: out, event } = frame;
  const { candles, listing } = s;
  const closed = candles.isClosed(interval);
  const open_time = candles.word(interval, CANDLE_AT.open_time);
  let p = putText(out, putUint(out, putHead(s, frame, CANDLES[interval], CANDLE_DATA), open_time), SECOND);
  for (let i = 0; i < PRICES.length; i++) {
    const name = PRICES[i];
    const price = candles.word(interval, CANDLE_AT[name]);
    p = putText(out, putNoted(out, p, price, listing.price_scale, event, KLINE_AT[name]), NEXT);
  }
  const volume = candles.word(interval, CANDLE_AT.volume);
  const quote = candles.word(interval, CANDLE_AT.quote_volume);
  p = putText(out, putDecimal(out, p, volume, listing.size_scale), NEXT);
  p = putText(out, putDecimal(out, p, quote, candles.quote_scale), NEXT);
  p = putDecimal(out, p, quote, candles.quote_scale);
  event.setTime(open_time * 1e6);
  event.flags = closed ? LEDGER_FLAGS.closed : 0;
  event.set(KLINE_AT.volume, volume, listing.size_scale);
  event.set(KLINE_AT.quote_volume, quote, candles.quote_scale);
  event.setAbsent(KLINE_AT.taker_buy_base);
  event.setAbsent(KLINE_AT.taker_buy_quote);
  event.digits[KLINE_AT.close_time] = candles.word(interval, CANDLE_AT.close_time);
  event.digits[KLINE_AT.trades] = 0;
  frame.record();
  return putText(out, p, closed ? CLOSED : GROWING);
}

const CHANNELS: readonly Channel[] = ['trades', 'ticker', 'bbo', 'agg_trades', 'book', ...KLINE_CHANNELS];

const okx: VenueProtocol = {
  id: 'okx',
  channels: CHANNELS,
  timings: {
    subscribe_deadline_ms: 30_000,
    heartbeat_ms: 60_000,
    ping_ms: 0,
    pong_deadline_ms: 0,
    stale_page_ms: 0,
    idle_ms: 30_000,
  },
  connection_limit: { burst: 30, per_s: 3 },
  listings: listInstruments,
  accepts: (path) => PATHS.includes(path),
  open: (venue, link, path, _query, now_ms) => new OkxSession(venue, link, path, now_ms),
  compose(channel, symbol, frame) {
    if (channel === 'trades') return composeTrade(symbol, frame, false);
    if (channel === 'agg_trades') return composeTrade(symbol, frame, true);
    if (channel === 'ticker') return composeTicker(symbol, frame);
    if (channel === 'bbo') return composeQuotes(symbol, frame);
    if (channel === 'book') return composeBook(symbol, frame);
    return composeCandle(symbol, frame, KLINE_CHANNELS.indexOf(channel));
  },
  rest: (venue) => new OkxRest(venue),
  shutdownNotice: () => noticeText(),
  slow_consumer: { code: 4005, reason: 'Buffer is full, cannot write data' },
  planned_close: { code: 1001, reason: '' },
  symbolOf: (raw) => /"instId":"([^"]+)"/.exec(raw)?.[1],
};

export default okx;

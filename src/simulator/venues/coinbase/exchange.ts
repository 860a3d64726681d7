/**
 * Coinbase Exchange as its clients see it: `ws-feed` and the public REST calls. Texts and key orders are those of
 * recorded traffic (2021 to 2026). `match` carries the maker's side, `ticker` the taker's.
 * HOT: compose() runs per message. Runs in the simulator process; see server/protocol.ts.
 */

import { ASK, BID } from '../../market/book.js';
import {
  IsoTime,
  powerOfTen,
  putByte,
  putDecimal,
  putDecimalPadded,
  putHex16,
  putText,
  putUint,
  Text,
} from '../../market/bytes.js';
import type { Frame } from '../../market/frame.js';
import { type EventValues, LEDGER_FLAGS } from '../../market/ledger.js';
import { BUY, type SymbolMarket } from '../../market/market.js';
import { ORDER_ROLES, orderIdWord } from '../../market/random.js';
import { putNoted, putTrimmed } from '../../server/numbers.js';
import type { VenueProtocol } from '../../server/protocol.js';
import { CoinbaseRest, listProducts } from './exchange_rest.js';
import { CoinbaseSession } from './exchange_session.js';

const MATCH = new Text('{"type":"match","trade_id":');
const MAKER = new Text(',"maker_order_id":"');
const TAKER = new Text('","taker_order_id":"');
const MATCH_SIDE_SELL = new Text('","side":"sell","size":"');
const MATCH_SIDE_BUY = new Text('","side":"buy","size":"');
const PRICE = new Text('","price":"');
const PRODUCT = new Text('","product_id":"');
const SEQUENCE = new Text('","sequence":');
const TIME = new Text(',"time":"');
const END = new Text('"}');
const TICKER = new Text('{"type":"ticker","sequence":');
const TICKER_PRODUCT = new Text(',"product_id":"');
const OPEN = new Text('","open_24h":"');
const VOLUME = new Text('","volume_24h":"');
const LOW = new Text('","low_24h":"');
const HIGH = new Text('","high_24h":"');
const VOLUME_30D = new Text('","volume_30d":"');
const BEST_BID = new Text('","best_bid":"');
const BEST_BID_SIZE = new Text('","best_bid_size":"');
const BEST_ASK = new Text('","best_ask":"');
const BEST_ASK_SIZE = new Text('","best_ask_size":"');
const TICKER_SIDE_BUY = new Text('","side":"buy","time":"');
const TICKER_SIDE_SELL = new Text('","side":"sell","time":"');
const TICKER_TRADE = new Text('","trade_id":');
const LAST_SIZE = new Text(',"last_size":"');
const SNAPSHOT = new Text('{"type":"snapshot","product_id":"');
const ASKS = new Text('","asks":[');
const BIDS = new Text('],"bids":[');
const SNAPSHOT_END = new Text(']}');
const LEVEL = new Text('["');
const LEVEL_SIZE = new Text('","');
const LEVEL_END = new Text('"]');
const UPDATE = new Text('{"type":"l2update","product_id":"');
const CHANGES = new Text('","changes":[');
const BUY_LEVEL = new Text('["buy","');
const SELL_LEVEL = new Text('["sell","');
const UPDATE_TIME = new Text('],"time":"');
const COMMA = 44;

const SIZE_DECIMALS = 8;
const DASH = 45;
const iso = new IsoTime();

/** A UUID in its text form, 8-4-4-4-12. */
function putOrderId(out: DataView, at: number, hash: number, id: number, role: number): number {
  const low = id >>> 0;
  const first = orderIdWord(hash, low, role, 0);
  const second = orderIdWord(hash, low, role, 1);
  const third = orderIdWord(hash, low, role, 2);
  const fourth = orderIdWord(hash, low, role, 3);
  let p = putHex16(out, putHex16(out, at, first >>> 16), first);
  p = putByte(out, p, DASH);
  p = putHex16(out, p, second >>> 16);
  p = putByte(out, p, DASH);
  p = putHex16(out, p, second);
  p = putByte(out, p, DASH);
  p = putHex16(out, p, third >>> 16);
  p = putByte(out, p, DASH);
  return putHex16(out, putHex16(out, putHex16(out, p, third), fourth >>> 16), fourth);
}

function composeMatch(symbol: SymbolMarket, out: DataView, start: number, event: EventValues): number {
  const { price_scale, size_scale } = symbol.listing;
  const id = symbol.last_id;
  let p = putUint(out, putText(out, start, MATCH), id);
  p = putOrderId(out, putText(out, p, MAKER), symbol.hash, id, ORDER_ROLES.maker);
  p = putOrderId(out, putText(out, p, TAKER), symbol.hash, id, ORDER_ROLES.taker);
  p = putText(out, p, symbol.last_side === BUY ? MATCH_SIDE_SELL : MATCH_SIDE_BUY);
  p = putNoted(out, p, symbol.last_size, size_scale, event, 1);
  p = putNoted(out, putText(out, p, PRICE), symbol.last_price, price_scale, event, 0);
  p = putText(out, putText(out, p, PRODUCT), symbol.name_text);
  p = putUint(out, putText(out, p, SEQUENCE), symbol.sequence);
  p = iso.put(out, putText(out, p, TIME), symbol.last_time_us);
  p = putText(out, p, END);
  event.setId(id);
  event.number = id;
  event.flags = LEDGER_FLAGS.order_ids;
  event.side = symbol.last_side;
  event.setTime(symbol.last_time_us);
  return p;
}

function composeTicker(symbol: SymbolMarket, out: DataView, start: number, event: EventValues): number {
  const { price_scale, size_scale } = symbol.listing;
  const month = symbol.volume + symbol.listing.volume_lots * 29;
  let p = putUint(out, putText(out, start, TICKER), symbol.sequence);
  p = putText(out, putText(out, p, TICKER_PRODUCT), symbol.name_text);
  p = putNoted(out, putText(out, p, PRICE), symbol.last_price, price_scale, event, 0);
  p = putTrimmed(out, putText(out, p, OPEN), symbol.open, price_scale);
  p = putDecimalPadded(out, putText(out, p, VOLUME), symbol.volume, size_scale, SIZE_DECIMALS);
  p = putTrimmed(out, putText(out, p, LOW), symbol.low, price_scale);
  p = putTrimmed(out, putText(out, p, HIGH), symbol.high, price_scale);
  p = putDecimalPadded(out, putText(out, p, VOLUME_30D), month, size_scale, SIZE_DECIMALS);
  p = putDecimal(out, putText(out, p, BEST_BID), symbol.bid, price_scale);
  p = putDecimalPadded(out, putText(out, p, BEST_BID_SIZE), symbol.bid_size, size_scale, SIZE_DECIMALS);
  p = putDecimal(out, putText(out, p, BEST_ASK), symbol.ask, price_scale);
  p = putDecimalPadded(out, putText(out, p, BEST_ASK_SIZE), symbol.ask_size, size_scale, SIZE_DECIMALS);
  p = putText(out, p, symbol.last_side === BUY ? TICKER_SIDE_BUY : TICKER_SIDE_SELL);
  p = iso.put(out, p, symbol.last_time_us);
  p = putUint(out, putText(out, p, TICKER_TRADE), symbol.last_id);
  p = putNoted(out, putText(out, p, LAST_SIZE), symbol.last_size, size_scale, event, 3);
  p = putText(out, p, END);
  event.side = symbol.last_side;
  event.setTime(symbol.last_time_us);
  event.set(1, symbol.bid, price_scale);
  event.set(2, symbol.ask, price_scale);
  event.set(4, event.digits[3], event.scales[3]);
  event.set(5, symbol.volume * powerOfTen(SIZE_DECIMALS - size_scale), SIZE_DECIMALS);
  return p;
}

/** One level as it is in snapshots and changes, from the price on; both sides are padded, a removed one to its lot. */
function putLevel(
  symbol: SymbolMarket,
  frame: Frame,
  at: number,
  side: number,
  price: number,
  size: number,
): number {
  const { view: out, event } = frame;
  const { price_scale, size_scale } = symbol.listing;
  const decimals = size === 0 ? size_scale : SIZE_DECIMALS;
  let p = putText(out, putDecimal(out, at, price, price_scale), LEVEL_SIZE);
  p = putText(out, putDecimalPadded(out, p, size, size_scale, decimals), LEVEL_END);
  event.set(0, price, price_scale);
  event.set(1, size * powerOfTen(decimals - size_scale), decimals);
  frame.recordLevel(side + 1);
  return p;
}

function putSide(symbol: SymbolMarket, frame: Frame, at: number, side: number): number {
  const { book } = symbol;
  let p = at;
  for (let rank = 0; rank < book.count(side); rank++) {
    if (rank > 0) p = putByte(frame.view, p, COMMA);
    p = putText(frame.view, p, LEVEL);
    p = putLevel(symbol, frame, p, side, book.price(side, rank), book.size(side, rank));
  }
  return p;
}

/** Neither form has a sequence, the snapshot has no time either. */
function composeBook(symbol: SymbolMarket, frame: Frame): number {
  const { view: out, event } = frame;
  const { book } = symbol;
  if (frame.whole) {
    let p = putText(out, putText(out, frame.start, SNAPSHOT), symbol.name_text);
    p = putSide(symbol, frame, putText(out, p, ASKS), ASK);
    p = putSide(symbol, frame, putText(out, p, BIDS), BID);
    return putText(out, p, SNAPSHOT_END);
  }
  event.setTime(frame.now_us);
  let p = putText(out, putText(out, frame.start, UPDATE), symbol.name_text);
  p = putText(out, p, CHANGES);
  for (let side = BID; side <= ASK; side++) {
    for (let i = 0; i < book.changes(side); i++) {
      if (frame.events > 0) p = putByte(out, p, COMMA);
      p = putText(out, p, side === BID ? BUY_LEVEL : SELL_LEVEL);
      p = putLevel(symbol, frame, p, side, book.changedPrice(side, i), book.changedSize(side, i));
    }
  }
  p = iso.put(out, putText(out, p, UPDATE_TIME), frame.now_us);
  return putText(out, p, END);
}

export const coinbase: VenueProtocol = {
  id: 'coinbase',
  channels: ['trades', 'ticker', 'book'],
  timings: {
    subscribe_deadline_ms: 5000,
    heartbeat_ms: 1000,
    ping_ms: 0,
    pong_deadline_ms: 0,
    stale_page_ms: 6000,
    idle_ms: 0,
  },
  connection_limit: { burst: 20, per_s: 8 },
  listings: listProducts,
  accepts: () => true,
  open: (venue, link, _path, _query, now_ms) => new CoinbaseSession(venue, link, now_ms),
  compose(channel, symbol, frame) {
    const { view, start, event } = frame;
    if (channel === 'book') return composeBook(symbol, frame);
    const end =
      channel === 'trades'
        ? composeMatch(symbol, view, start, event)
        : composeTicker(symbol, view, start, event);
    frame.record();
    return end;
  },
  rest: (venue) => new CoinbaseRest(venue),
  slow_consumer: { text: '{"type":"error","message":"ErrSlowConsume"}', code: 1000, reason: '' },
  planned_close: { code: 1001, reason: '' },
  symbolOf: (raw) => /"product_id":"([^"]+)"/.exec(raw)?.[1],
};

/**
 * Coinbase Exchange (`ws-feed`). Runs in shard threads; found by its file name.
 *
 * Source: docs.cdp.coinbase.com/exchange/websocket-feed (channels, errors, rate-limits) and recorded messages.
 * `match.side` is the maker's side, `ticker.side` the taker's. `trade_id` grows by one per product, so every hole is a
 * loss; `heartbeat.last_trade_id` shows a loss at the end of a stream. Messages of the Advanced Trade feed
 * (`market_trades`, `ticker`) carry the same ids and give the same rows.
 */
import { lastU64, parseU64 } from '../base/number.js';
import {
  type ControlRequest,
  type Exchange,
  type MessageParser,
  type ParserContext,
  RESULT,
  type Subscription,
  type SymbolInfo,
} from '../feed/exchange.js';
import { JsonFields, UNFAMILIAR } from '../feed/fields.js';
import { isObject, type JsonObject, type JsonValue, stringOf } from '../feed/json.js';
import type { Sequence } from '../feed/sequence.js';
import { isFresh, isoTime, tickerNumbers, tradeNumbers } from '../feed/values.js';
import { flag } from '../schema/flags.js';
import { MD, SIDE, TRADES } from '../schema/tables.js';

/** Name of each channel of ours in their subscriptions. */
const WIRE_CHANNELS: Readonly<Record<string, string>> = { trades: 'matches', ticker: 'ticker' };
/** Carries last_trade_id once a second and keeps a quiet connection alive. */
const HEARTBEAT = 'heartbeat';

const KEYS = [
  'type',
  'product_id',
  'trade_id',
  'maker_order_id',
  'taker_order_id',
  'side',
  'size',
  'price',
  'time',
  'best_bid',
  'best_ask',
  'volume_24h',
  'last_size',
  'last_trade_id',
] as const;
const [
  TYPE,
  PRODUCT,
  TRADE_ID,
  MAKER,
  TAKER,
  SIDE_KEY,
  SIZE,
  PRICE,
  TIME,
  BID,
  ASK,
  VOLUME,
  LAST_SIZE,
  LAST_TRADE_ID,
] = KEYS.keys();

const text = (ascii: string) => Buffer.from(ascii);
const [MATCH, LAST_MATCH, TICKER, HEARTBEAT_TYPE, BUY, SELL] = [
  'match',
  'last_match',
  'ticker',
  'heartbeat',
  'buy',
  'sell',
].map(text);

const TRADE_NUMBERS = { price: PRICE, size: SIZE };
const TICKER_NUMBERS = {
  price: PRICE,
  bid: BID,
  ask: ASK,
  volume: LAST_SIZE,
  lastSize: LAST_SIZE,
  volume24h: VOLUME,
};
const T = TRADES.at;
const M = MD.at;
const REPLAYED = flag('replayed');

class CoinbaseParser implements MessageParser {
  private readonly fields = new JsonFields(KEYS);

  private readonly tradeSequence: Sequence | undefined;
  private readonly tickerSequence: Sequence | undefined;

  constructor(private readonly context: ParserContext) {
    this.tradeSequence = context.sequences.get('trades');
    this.tickerSequence = context.sequences.get('ticker');
  }

  scan(bytes: Uint8Array, start: number, end: number): number {
    return this.fields.scan(bytes, start, end) === UNFAMILIAR ? RESULT.unfamiliar : this.emit(bytes);
  }

  map(document: JsonValue): number {
    if (!isObject(document)) return RESULT.unknownKind;
    const type = stringOf(document, 'type');
    if (type === 'subscriptions' || type === 'error') return this.control(document);
    if (type === undefined && stringOf(document, 'channel') !== undefined) return this.advanced(document);
    this.fields.load(document);
    const result = this.emit(this.fields.scratch);
    return result === RESULT.unfamiliar ? RESULT.unknownKind : result;
  }

  /** Rows from the fields that scan or load has found in `bytes`. */
  private emit(bytes: Uint8Array): number {
    const { fields } = this;
    if (fields.equals(bytes, TYPE, MATCH)) return this.trade(bytes, 0);
    if (fields.equals(bytes, TYPE, TICKER)) return this.ticker(bytes);
    if (fields.equals(bytes, TYPE, HEARTBEAT_TYPE)) return this.heartbeat(bytes);
    if (fields.equals(bytes, TYPE, LAST_MATCH)) return this.trade(bytes, REPLAYED);
    return RESULT.unfamiliar;
  }

  private slot(bytes: Uint8Array): number {
    return this.context.streams.find(bytes, this.fields.from[PRODUCT], this.fields.to[PRODUCT]);
  }

  private trade(bytes: Uint8Array, flags: number): number {
    const { fields } = this;
    const { from, to } = fields;
    const { rows } = this.context;
    const sequence = this.tradeSequence;
    if (
      !fields.present(PRODUCT) ||
      !fields.present(TRADE_ID) ||
      !fields.present(PRICE) ||
      !fields.present(SIZE) ||
      !fields.present(TIME)
    ) {
      return RESULT.missingField;
    }
    const slot = this.slot(bytes);
    if (slot < 0 || sequence === undefined) return RESULT.unwanted;
    if (!rows.begin(TRADES, slot)) return RESULT.ringFull;
    if (!rows.id(T.trade_id, bytes, from[TRADE_ID], to[TRADE_ID])) return RESULT.badId;
    const id = lastU64();
    if (!isoTime(rows, bytes, from[TIME], to[TIME], T.trade_time, T.trade_nanos)) return RESULT.badTime;
    if (!tradeNumbers(rows, bytes, fields, TRADE_NUMBERS)) return RESULT.badNumber;
    // the maker's side is sent
    if (fields.equals(bytes, SIDE_KEY, SELL)) rows.set(T.trade_side, SIDE.buy);
    else if (fields.equals(bytes, SIDE_KEY, BUY)) rows.set(T.trade_side, SIDE.sell);
    if (!rows.uuid(T.maker_order_id, bytes, from[MAKER], fields.present(MAKER) ? to[MAKER] : from[MAKER]))
      rows.flag(TRADES.missing.maker_order_id);
    if (!rows.uuid(T.taker_order_id, bytes, from[TAKER], fields.present(TAKER) ? to[TAKER] : from[TAKER]))
      rows.flag(TRADES.missing.taker_order_id);
    rows.flag(flags);
    if (!isFresh(rows, sequence, slot, id)) return RESULT.duplicate;
    rows.commit(TRADES);
    return RESULT.rows;
  }

  private ticker(bytes: Uint8Array): number {
    const { fields } = this;
    const { from, to } = fields;
    const { rows } = this.context;
    const sequence = this.tickerSequence;
    if (!fields.present(PRODUCT) || !fields.present(PRICE)) return RESULT.missingField;
    const slot = this.slot(bytes);
    if (slot < 0 || sequence === undefined) return RESULT.unwanted;
    if (!rows.begin(MD, slot)) return RESULT.ringFull;
    if (!fields.present(TIME)) rows.timeOfReceipt(M.time, M.nanos);
    else if (!isoTime(rows, bytes, from[TIME], to[TIME], M.time, M.nanos)) return RESULT.badTime;
    if (!tickerNumbers(rows, bytes, fields, TICKER_NUMBERS)) return RESULT.badNumber;
    // here the taker's side is sent
    if (fields.equals(bytes, SIDE_KEY, BUY)) rows.set(M.side, SIDE.buy);
    else if (fields.equals(bytes, SIDE_KEY, SELL)) rows.set(M.side, SIDE.sell);
    else rows.flag(MD.missing.side);
    sequence.touch(slot);
    rows.commit(MD);
    return RESULT.rows;
  }

  /** Tells the sequence of the product's trades what the newest one is. */
  private heartbeat(bytes: Uint8Array): number {
    const { fields } = this;
    const slot = this.slot(bytes);
    if (
      slot >= 0 &&
      fields.present(LAST_TRADE_ID) &&
      parseU64(bytes, fields.from[LAST_TRADE_ID], fields.to[LAST_TRADE_ID])
    ) {
      this.tradeSequence?.announce(slot, lastU64());
    }
    return RESULT.control;
  }

  /** `subscriptions` lists everything that is subscribed now; `error` names a product in its reason. */
  private control(document: JsonValue): number {
    if (!isObject(document)) return RESULT.badJson;
    if (stringOf(document, 'type') === 'error') {
      const reason = `${stringOf(document, 'message') ?? 'error'}: ${stringOf(document, 'reason') ?? 'no reason given'}`;
      const native = /(\S+) is not a valid product/.exec(reason)?.[1];
      this.context.control({ kind: 'refused', native, reason });
      return RESULT.control;
    }
    this.context.control({ kind: 'state', subscriptions: subscriptionsOf(document.channels) });
    return RESULT.control;
  }

  /** Advanced Trade: batches in an envelope with its own time; live ones come newest first. */
  private advanced(document: JsonObject): number {
    const channel = stringOf(document, 'channel');
    if (channel === 'heartbeats' || channel === 'subscriptions') return RESULT.control;
    let result: number = RESULT.unknownKind;
    for (const event of listOf(document.events)) {
      const flags = event.type === 'snapshot' ? REPLAYED : 0;
      if (channel === 'market_trades') {
        for (const trade of listOf(event.trades).sort(byTradeId)) {
          const side = stringOf(trade, 'side')?.toLowerCase() ?? null;
          this.fields.load({ ...trade, side });
          result = worse(result, this.trade(this.fields.scratch, flags));
        }
      } else if (channel === 'ticker') {
        for (const ticker of listOf(event.tickers)) {
          this.fields.load({ ...ticker, volume_24h: ticker.volume_24_h ?? null, time: document.timestamp });
          result = worse(result, this.ticker(this.fields.scratch));
        }
      }
    }
    return result;
  }
}

/** A refused element decides over the whole message, otherwise a written row does. */
function worse(a: number, b: number): number {
  if (a >= RESULT.badJson || b >= RESULT.badJson) return Math.max(a, b);
  return a === RESULT.rows ? a : b;
}

/** Ids are decimal text without leading zeros. */
function byTradeId(a: JsonObject, b: JsonObject): number {
  const [x, y] = [stringOf(a, 'trade_id') ?? '', stringOf(b, 'trade_id') ?? ''];
  return x.length - y.length || (x < y ? -1 : x > y ? 1 : 0);
}

function listOf(value: JsonValue | undefined): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function subscriptionsOf(channels: JsonValue | undefined): Subscription[] {
  const ours = new Map(Object.entries(WIRE_CHANNELS).map(([channel, wire]) => [wire, channel]));
  return listOf(channels).flatMap((entry) => {
    const channel = ours.get(stringOf(entry, 'name') ?? '');
    const products = Array.isArray(entry.product_ids) ? entry.product_ids : [];
    return channel === undefined
      ? []
      : products.filter((p) => typeof p === 'string').map((native) => ({ channel, native }));
  });
}

/** One message per set of channels; there are no request ids on this exchange. */
function request(type: string, subscriptions: readonly Subscription[], firstId: number): ControlRequest[] {
  const byProduct = new Map<string, Subscription[]>();
  for (const s of subscriptions) byProduct.set(s.native, [...(byProduct.get(s.native) ?? []), s]);
  const groups = new Map<string, Subscription[]>();
  for (const group of byProduct.values()) {
    const key = group
      .map((s) => s.channel)
      .sort()
      .join();
    groups.set(key, [...(groups.get(key) ?? []), ...group]);
  }
  return [...groups].map(([channels, covers], i) => {
    const wire = channels.split(',').map((c) => WIRE_CHANNELS[c]);
    const product_ids = [...new Set(covers.map((s) => s.native))];
    return {
      id: firstId + i,
      text: JSON.stringify({ type, product_ids, channels: [...wire, HEARTBEAT] }),
      covers,
    };
  });
}

async function listSymbols(fetchJson: (path: string) => Promise<JsonValue>): Promise<SymbolInfo[]> {
  return listOf(await fetchJson('/products'))
    .filter((p) => p.status === 'online' && p.trading_disabled !== true && typeof p.id === 'string')
    .map((p) => {
      // the id decides: BTCAUCTION-USD has the base currency BTC
      const native = p.id as string;
      const dash = native.lastIndexOf('-');
      return { native, base: native.slice(0, dash), quote: native.slice(dash + 1) };
    });
}

const coinbase: Exchange = {
  id: 'coinbase',
  title: 'Coinbase Exchange',
  defaults: {
    ws_endpoint: 'wss://ws-feed.exchange.coinbase.com',
    rest_endpoint: 'https://api.exchange.coinbase.com',
    max_connections: 10,
    symbols_per_connection: 50,
    channels: ['ticker', 'trades'],
  },
  sampleSymbols: [
    'BTC-USD',
    'ETH-USD',
    'SOL-USD',
    'XRP-USD',
    'ADA-USD',
    'DOGE-USD',
    'LTC-USD',
    'LINK-USD',
    'AVAX-USD',
    'DOT-USD',
  ],
  channels: { ticker: { table: MD, ids: 'none' }, trades: { table: TRADES, ids: 'contiguous' } },
  limits: { requestsPerSecond: 8, pingAfterMs: 15_000, connectsPerMinute: 240 },
  websocketUrl: (endpoint) => endpoint,
  listSymbols,
  subscribe: (subscriptions, firstId) => request('subscribe', subscriptions, firstId),
  unsubscribe: (subscriptions, firstId) => request('unsubscribe', subscriptions, firstId),
  createParser: (context) => new CoinbaseParser(context),
};

export default coinbase;

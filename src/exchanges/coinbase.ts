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
  worse,
} from '../feed/exchange.js';
import { JsonFields, KIND } from '../feed/fields.js';
import { isObject, type JsonObject, type JsonValue, stringOf } from '../feed/json.js';
import { JsonList } from '../feed/lists.js';
import type { Sequence } from '../feed/sequence.js';
import { isFresh, isNewestFirst, isoTime, tickerNumbers, tradeNumbers } from '../feed/values.js';
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
  'volume_24_h',
  'channel',
  'timestamp',
  'events',
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
  VOLUME_24_H,
  CHANNEL,
  TIMESTAMP,
  EVENTS,
] = KEYS.keys();
const EVENT_KEYS = ['type', 'trades', 'tickers'] as const;
const [EVENT_TYPE, TRADES_KEY, TICKERS_KEY] = EVENT_KEYS.keys();

const text = (ascii: string) => Buffer.from(ascii);
const MATCH = text('match');
const LAST_MATCH = text('last_match');
const TICKER = text('ticker');
const HEARTBEAT_TYPE = text('heartbeat');
const BUY = text('buy');
const SELL = text('sell');
/** Advanced Trade */
const MARKET_TRADES = text('market_trades');
const HEARTBEATS = text('heartbeats');
const SNAPSHOT = text('snapshot');
const MAKER_BUY = text('BUY');
const MAKER_SELL = text('SELL');

const TRADE_NUMBERS = { price: PRICE, size: SIZE };
const TICKER_NUMBERS = {
  price: PRICE,
  bid: BID,
  ask: ASK,
  volume: LAST_SIZE,
  lastSize: LAST_SIZE,
  volume24h: VOLUME,
};
const ADVANCED_TICKER_NUMBERS = { ...TICKER_NUMBERS, volume24h: VOLUME_24_H };
const T = TRADES.at;
const M = MD.at;
const REPLAYED = flag('replayed');

class CoinbaseParser implements MessageParser {
  /** trades and tickers of Advanced Trade; the keys are those of the Exchange's messages */
  private readonly items = new JsonFields(KEYS);
  private readonly events = new JsonFields(EVENT_KEYS, {
    trades: new JsonList(this.items),
    tickers: new JsonList(this.items),
  });
  readonly fields = new JsonFields(KEYS, { events: new JsonList(this.events) });

  private readonly tradeSequence: Sequence | undefined;
  private readonly tickerSequence: Sequence | undefined;

  constructor(private readonly context: ParserContext) {
    this.tradeSequence = context.sequences.get('trades');
    this.tickerSequence = context.sequences.get('ticker');
  }

  emit(): number {
    const { fields } = this;
    if (fields.equals(TYPE, MATCH)) return this.trade(fields, 0, 0);
    if (fields.equals(TYPE, TICKER)) return this.ticker(fields, 0, TIME, TICKER_NUMBERS);
    if (fields.equals(TYPE, HEARTBEAT_TYPE)) return this.heartbeat();
    if (fields.equals(TYPE, LAST_MATCH)) return this.trade(fields, 0, REPLAYED);
    return fields.kind[EVENTS] === KIND.nested ? this.advanced() : RESULT.unfamiliar;
  }

  private slot(fields: JsonFields, o: number): number {
    return this.context.streams.find(fields.bytes, fields.from[o + PRODUCT], fields.to[o + PRODUCT]);
  }

  private trade(fields: JsonFields, o: number, flags: number): number {
    const { bytes, from, to } = fields;
    const { rows } = this.context;
    const sequence = this.tradeSequence;
    if (
      !fields.present(o + PRODUCT) ||
      !fields.present(o + TRADE_ID) ||
      !fields.present(o + PRICE) ||
      !fields.present(o + SIZE) ||
      !fields.present(o + TIME)
    ) {
      return RESULT.missingField;
    }
    const slot = this.slot(fields, o);
    if (slot < 0 || sequence === undefined) return RESULT.unwanted;
    if (!rows.begin(TRADES, slot)) return RESULT.ringFull;
    if (!rows.id(T.trade_id, bytes, from[o + TRADE_ID], to[o + TRADE_ID])) return RESULT.badId;
    const id = lastU64();
    if (!isoTime(rows, fields, o + TIME, T.trade_time, T.trade_nanos)) return RESULT.badTime;
    if (!tradeNumbers(rows, fields, o, TRADE_NUMBERS)) return RESULT.badNumber;
    // the maker's side is sent
    if (fields.equals(o + SIDE_KEY, SELL) || fields.equals(o + SIDE_KEY, MAKER_SELL))
      rows.set(T.trade_side, SIDE.buy);
    else if (fields.equals(o + SIDE_KEY, BUY) || fields.equals(o + SIDE_KEY, MAKER_BUY))
      rows.set(T.trade_side, SIDE.sell);
    this.orderId(fields, o + MAKER, T.maker_order_id, TRADES.missing.maker_order_id);
    this.orderId(fields, o + TAKER, T.taker_order_id, TRADES.missing.taker_order_id);
    rows.flag(flags);
    if (!isFresh(rows, sequence, slot, id)) return RESULT.duplicate;
    rows.commit(TRADES);
    return RESULT.rows;
  }

  private orderId(fields: JsonFields, at: number, word: number, missing: number): void {
    const { rows } = this.context;
    if (!fields.present(at) || !rows.uuid(word, fields.bytes, fields.from[at], fields.to[at]))
      rows.flag(missing);
  }

  /** `time`: index of the time, which Advanced Trade sends with the envelope alone. */
  private ticker(fields: JsonFields, o: number, time: number, names: typeof TICKER_NUMBERS): number {
    const { rows } = this.context;
    const sequence = this.tickerSequence;
    if (!fields.present(o + PRODUCT) || !fields.present(o + PRICE)) return RESULT.missingField;
    const slot = this.slot(fields, o);
    if (slot < 0 || sequence === undefined) return RESULT.unwanted;
    if (!rows.begin(MD, slot)) return RESULT.ringFull;
    if (!this.fields.present(time)) rows.timeOfReceipt(M.time, M.nanos);
    else if (!isoTime(rows, this.fields, time, M.time, M.nanos)) return RESULT.badTime;
    if (!tickerNumbers(rows, fields, o, names)) return RESULT.badNumber;
    // here the taker's side is sent
    if (fields.equals(o + SIDE_KEY, BUY)) rows.set(M.side, SIDE.buy);
    else if (fields.equals(o + SIDE_KEY, SELL)) rows.set(M.side, SIDE.sell);
    else rows.flag(MD.missing.side);
    sequence.touch(slot);
    rows.commit(MD);
    return RESULT.rows;
  }

  /** Tells the sequence of the product's trades what the newest one is. */
  private heartbeat(): number {
    const { fields } = this;
    const slot = this.slot(fields, 0);
    if (
      slot >= 0 &&
      fields.present(LAST_TRADE_ID) &&
      parseU64(fields.bytes, fields.from[LAST_TRADE_ID], fields.to[LAST_TRADE_ID])
    ) {
      this.tradeSequence?.announce(slot, lastU64());
    }
    return RESULT.control;
  }

  /** Advanced Trade: batches in an envelope with its own time. */
  private advanced(): number {
    const { fields, events } = this;
    if (fields.equals(CHANNEL, HEARTBEATS)) return RESULT.control;
    const trades = fields.equals(CHANNEL, MARKET_TRADES);
    if (!trades && !fields.equals(CHANNEL, TICKER)) return RESULT.unfamiliar;
    let result: number = RESULT.control;
    for (let row = 0; row < events.count; row++) {
      const e = row * EVENT_KEYS.length;
      const flags = events.equals(e + EVENT_TYPE, SNAPSHOT) ? REPLAYED : 0;
      const list = e + (trades ? TRADES_KEY : TICKERS_KEY);
      if (events.kind[list] !== KIND.nested) continue;
      const first = events.from[list];
      const behind = events.to[list];
      const reversed = trades && isNewestFirst(this.items, TRADE_ID, first, behind);
      for (let n = first; n < behind; n++) {
        const o = (reversed ? first + behind - 1 - n : n) * KEYS.length;
        const one = trades
          ? this.trade(this.items, o, flags)
          : this.ticker(this.items, o, TIMESTAMP, ADVANCED_TICKER_NUMBERS);
        result = result === RESULT.control ? one : worse(result, one);
      }
    }
    return result;
  }

  /** `subscriptions` lists everything that is subscribed now; `error` names a product in its reason. */
  control(document: JsonValue): number {
    if (!isObject(document)) return RESULT.unknownKind;
    const type = stringOf(document, 'type');
    if (type === 'error') {
      const reason = `${stringOf(document, 'message') ?? 'error'}: ${stringOf(document, 'reason') ?? 'no reason given'}`;
      const native = /(\S+) is not a valid product/.exec(reason)?.[1];
      this.context.control({ kind: 'refused', native, reason });
      return RESULT.control;
    }
    if (stringOf(document, 'channel') === 'subscriptions') return RESULT.control;
    if (type !== 'subscriptions') return RESULT.unknownKind;
    this.context.control({ kind: 'state', subscriptions: subscriptionsOf(document.channels) });
    return RESULT.control;
  }
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
  limits: { requestsPerSecond: 8, connectsPerMinute: 240 },
  keepAlive: { everyMs: 15_000, onlyWhenQuiet: true },
  websocketUrl: (endpoint) => endpoint,
  listSymbols,
  subscribe: (subscriptions, firstId) => request('subscribe', subscriptions, firstId),
  unsubscribe: (subscriptions, firstId) => request('unsubscribe', subscriptions, firstId),
  createParser: (context) => new CoinbaseParser(context),
};

export default coinbase;

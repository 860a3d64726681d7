/**
 * Binance spot, combined streams. Runs in shard threads; found by its file name.
 *
 * Source: binance/binance-spot-api-docs web-socket-streams.md and recorded messages. `m` says that the buyer was the
 * maker, so the taker sold. `t` grows by one per symbol. `bookTicker` carries neither a type nor a time. Unknown
 * symbols are acknowledged and then stay silent, so silence has to be watched. At most 5 messages a second are
 * allowed from us, pongs included; the server pings every 20 s.
 */
import { lastU64 } from '../base/number.js';
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
import { JsonFields, JsonNumber, KIND } from '../feed/fields.js';
import { isObject, type JsonObject, type JsonValue, stringOf } from '../feed/json.js';
import { JsonEither } from '../feed/lists.js';
import type { Sequence } from '../feed/sequence.js';
import { epochTime, isFresh, quoteNumbers, tickerNumbers, tradeNumbers } from '../feed/values.js';
import { BBO, MD, SIDE, TRADES } from '../schema/tables.js';

/** Stream name suffix of each channel. */
const STREAMS: Readonly<Record<string, string>> = { trades: 'trade', ticker: 'ticker', bbo: 'bookTicker' };
/** Streams per SUBSCRIBE message that clients in the field have shown to work. */
const STREAMS_PER_REQUEST = 200;

const KEYS = ['e', 'E', 's', 't', 'p', 'q', 'T', 'm', 'b', 'a', 'c', 'v', 'Q', 'B', 'A', 'u'] as const;
const [
  TYPE,
  EVENT_TIME,
  SYMBOL,
  ID,
  PRICE,
  SIZE,
  TRADE_TIME,
  BUYER_IS_MAKER,
  BID,
  ASK,
  CLOSE,
  VOLUME,
  LAST_SIZE,
  BID_SIZE,
  ASK_SIZE,
  UPDATE_ID,
] = KEYS.keys();
/** In a trade message `b` and `a` are the order ids of buyer and seller. */
const BUYER_ORDER = BID;
const SELLER_ORDER = ASK;
/** fields of the maker's and the taker's order: when the buyer was the maker, and when the seller was */
const ORDERS = [
  [BUYER_ORDER, SELLER_ORDER],
  [SELLER_ORDER, BUYER_ORDER],
] as const;

/** `{"stream":"btcusdt@trade","data":{…}}`, or `[…]` for the streams of all symbols; raw streams are the object alone. */
const ENVELOPE_KEYS = ['data', ...KEYS] as const;
const [DATA] = ENVELOPE_KEYS.keys();
const TYPES = {
  trade: Buffer.from('trade'),
  ticker: Buffer.from('24hrTicker'),
  bookTicker: Buffer.from('bookTicker'),
};
/** Tickers over other windows (24hrMiniTicker, 1hTicker, 4hTicker, 1dTicker) end like this. */
const TICKER_END = Buffer.from('Ticker');

const QUOTES = { bid: BID, bidSize: BID_SIZE, ask: ASK, askSize: ASK_SIZE };
const TRADE_NUMBERS = { price: PRICE, size: SIZE };
const TICKER_NUMBERS = {
  price: CLOSE,
  bid: BID,
  ask: ASK,
  volume: VOLUME,
  lastSize: LAST_SIZE,
  volume24h: VOLUME,
};
const T = TRADES.at;
const M = MD.at;
const B = BBO.at;

class BinanceParser implements MessageParser {
  private readonly data = new JsonFields(KEYS);
  readonly fields = new JsonFields(ENVELOPE_KEYS, { data: new JsonEither(this.data) });

  private readonly tradeSequence: Sequence | undefined;
  private readonly tickerSequence: Sequence | undefined;
  private readonly bboSequence: Sequence | undefined;

  constructor(private readonly context: ParserContext) {
    this.tradeSequence = context.sequences.get('trades');
    this.tickerSequence = context.sequences.get('ticker');
    this.bboSequence = context.sequences.get('bbo');
  }

  emit(): number {
    if (this.fields.kind[DATA] !== KIND.nested) return this.raw();
    const { data } = this;
    let result: number = data.count === 0 ? RESULT.unfamiliar : this.event(0);
    for (let row = 1; row < data.count; row++) result = worse(result, this.event(row * data.width));
    return result;
  }

  control(document: JsonValue): number {
    if (!isObject(document)) return RESULT.unknownKind;
    const inner = isObject(document.data) ? document.data : document;
    if (stringOf(inner, 'e') === 'serverShutdown') {
      this.context.control({
        kind: 'closing',
        reason: 'the exchange announced a shutdown of this connection',
      });
      return RESULT.control;
    }
    const answer = Object.hasOwn(document, 'id') || Object.hasOwn(document, 'error');
    return answer ? this.answer(document) : RESULT.unknownKind;
  }

  /** A raw stream has no envelope: cold, only met where an endpoint was set to one. */
  private raw(): number {
    const { fields, data } = this;
    data.copyRow(fields, 1);
    return this.event(0);
  }

  /** Rows from the object whose values begin at `o`. */
  private event(o: number): number {
    const { data } = this;
    if (data.equals(o + TYPE, TYPES.trade)) return this.trade(o);
    if (data.equals(o + TYPE, TYPES.ticker)) return this.ticker(o);
    const untyped =
      data.kind[o + TYPE] === KIND.absent &&
      data.present(o + UPDATE_ID) &&
      data.kind[o + BID] !== KIND.absent;
    if (untyped || data.equals(o + TYPE, TYPES.bookTicker)) return this.bookTicker(o);
    return data.endsWith(o + TYPE, TICKER_END) ? this.ticker(o) : RESULT.unfamiliar;
  }

  private slot(o: number): number {
    const { data } = this;
    return this.context.streams.find(data.bytes, data.from[o + SYMBOL], data.to[o + SYMBOL]);
  }

  private trade(o: number): number {
    const { data } = this;
    const { from, to } = data;
    const { rows } = this.context;
    const sequence = this.tradeSequence;
    if (
      !data.present(o + SYMBOL) ||
      !data.present(o + ID) ||
      !data.present(o + PRICE) ||
      !data.present(o + SIZE) ||
      !data.present(o + TRADE_TIME)
    ) {
      return RESULT.missingField;
    }
    const slot = this.slot(o);
    if (slot < 0 || sequence === undefined) return RESULT.unwanted;
    if (!rows.begin(TRADES, slot)) return RESULT.ringFull;
    if (!rows.id(T.trade_id, data.bytes, from[o + ID], to[o + ID])) return RESULT.badId;
    const id = lastU64();
    if (!epochTime(rows, data, o + TRADE_TIME, T.trade_time, T.trade_nanos)) return RESULT.badTime;
    if (!tradeNumbers(rows, data, o, TRADE_NUMBERS)) return RESULT.badNumber;
    const maker = data.kind[o + BUYER_IS_MAKER];
    if (maker === KIND.true) rows.set(T.trade_side, SIDE.sell);
    else if (maker === KIND.false) rows.set(T.trade_side, SIDE.buy);
    const sided = maker === KIND.true || maker === KIND.false;
    const [makerOrder, takerOrder] = ORDERS[maker === KIND.true ? 0 : 1];
    this.orderId(sided, o + makerOrder, T.maker_order_id, TRADES.missing.maker_order_id);
    this.orderId(sided, o + takerOrder, T.taker_order_id, TRADES.missing.taker_order_id);
    if (!isFresh(rows, sequence, slot, id)) return RESULT.duplicate;
    rows.commit(TRADES);
    return RESULT.rows;
  }

  /** Order ids were sent until a June of the past; they are numbers. Whose they are is known with the side alone. */
  private orderId(sided: boolean, at: number, word: number, missing: number): void {
    const { rows } = this.context;
    const { data } = this;
    if (!sided || !data.present(at) || !rows.numericUuid(word, data.bytes, data.from[at], data.to[at]))
      rows.flag(missing);
  }

  private ticker(o: number): number {
    const { data } = this;
    const { rows } = this.context;
    const sequence = this.tickerSequence;
    if (!data.present(o + SYMBOL) || !data.present(o + CLOSE) || !data.present(o + EVENT_TIME))
      return RESULT.missingField;
    const slot = this.slot(o);
    if (slot < 0 || sequence === undefined) return RESULT.unwanted;
    if (!rows.begin(MD, slot)) return RESULT.ringFull;
    if (!epochTime(rows, data, o + EVENT_TIME, M.time, M.nanos)) return RESULT.badTime;
    if (!tickerNumbers(rows, data, o, TICKER_NUMBERS)) return RESULT.badNumber;
    rows.flag(MD.missing.side);
    sequence.touch(slot);
    rows.commit(MD);
    return RESULT.rows;
  }

  private bookTicker(o: number): number {
    const { data } = this;
    const { rows } = this.context;
    const sequence = this.bboSequence;
    if (!data.present(o + SYMBOL)) return RESULT.missingField;
    const slot = this.slot(o);
    if (slot < 0 || sequence === undefined) return RESULT.unwanted;
    if (!rows.begin(BBO, slot)) return RESULT.ringFull;
    if (!data.present(o + EVENT_TIME)) rows.timeOfReceipt(B.time, B.nanos);
    else if (!epochTime(rows, data, o + EVENT_TIME, B.time, B.nanos)) return RESULT.badTime;
    if (!data.present(o + UPDATE_ID)) rows.flag(BBO.missing.update_id);
    else if (!rows.id(B.update_id, data.bytes, data.from[o + UPDATE_ID], data.to[o + UPDATE_ID]))
      return RESULT.badId;
    if (!quoteNumbers(rows, data, o, QUOTES)) return RESULT.badNumber;
    sequence.touch(slot);
    rows.commit(BBO);
    return RESULT.rows;
  }

  /** `{"result":null,"id":1}` or `{"error":{"code":2,"msg":"…"},"id":1}`; never wrapped. */
  private answer(document: JsonObject): number {
    const id = document.id instanceof JsonNumber ? Number(document.id.text) : document.id;
    const known = typeof id === 'number' && Number.isSafeInteger(id) ? id : undefined;
    if (isObject(document.error)) {
      const reason = stringOf(document.error, 'msg') ?? 'no reason given';
      this.context.control({ kind: 'refused', id: known, reason });
    } else if (known !== undefined) this.context.control({ kind: 'accepted', id: known });
    return RESULT.control;
  }
}

function request(method: string, subscriptions: readonly Subscription[], firstId: number): ControlRequest[] {
  const requests: ControlRequest[] = [];
  for (let i = 0; i < subscriptions.length; i += STREAMS_PER_REQUEST) {
    const covers = subscriptions.slice(i, i + STREAMS_PER_REQUEST);
    const id = firstId + requests.length;
    const params = covers.map((s) => `${s.native.toLowerCase()}@${STREAMS[s.channel]}`);
    requests.push({ id, text: JSON.stringify({ method, params, id }), covers });
  }
  return requests;
}

async function listSymbols(fetchJson: (path: string) => Promise<JsonValue>): Promise<SymbolInfo[]> {
  const info = await fetchJson('/api/v3/exchangeInfo?symbolStatus=TRADING&showPermissionSets=false');
  const symbols = isObject(info) && Array.isArray(info.symbols) ? info.symbols.filter(isObject) : [];
  return symbols
    .filter((s) => s.status === 'TRADING')
    .map((s) => ({
      native: stringOf(s, 'symbol') ?? '',
      base: stringOf(s, 'baseAsset') ?? '',
      quote: stringOf(s, 'quoteAsset') ?? '',
    }))
    .filter((s) => s.native !== '');
}

const binance: Exchange = {
  id: 'binance',
  title: 'Binance spot',
  defaults: {
    ws_endpoint: 'wss://stream.binance.com:9443',
    rest_endpoint: 'https://api.binance.com',
    max_connections: 5,
    symbols_per_connection: 100,
    channels: ['ticker', 'trades'],
  },
  sampleSymbols: [
    'BTCUSDT',
    'ETHUSDT',
    'SOLUSDT',
    'XRPUSDT',
    'ADAUSDT',
    'DOGEUSDT',
    'LTCUSDT',
    'LINKUSDT',
    'AVAXUSDT',
    'DOTUSDT',
  ],
  channels: {
    ticker: { table: MD, ids: 'none' },
    trades: { table: TRADES, ids: 'contiguous' },
    bbo: { table: BBO, ids: 'none' },
  },
  limits: { requestsPerSecond: 3, connectsPerMinute: 50 },
  websocketUrl: (endpoint) => `${endpoint.replace(/\/+$/, '')}/stream`,
  listSymbols,
  subscribe: (subscriptions, firstId) => request('SUBSCRIBE', subscriptions, firstId),
  unsubscribe: (subscriptions, firstId) => request('UNSUBSCRIBE', subscriptions, firstId),
  createParser: (context) => new BinanceParser(context),
};

export default binance;

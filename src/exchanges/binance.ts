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
} from '../feed/exchange.js';
import { JsonFields, JsonNumber, KIND, UNFAMILIAR } from '../feed/fields.js';
import { isObject, type JsonObject, type JsonValue, stringOf } from '../feed/json.js';
import type { Sequence } from '../feed/sequence.js';
import { epochTime, isFresh, optionalDecimal, tickerNumbers, tradeNumbers } from '../feed/values.js';
import { BBO, MD, SIDE, TRADES } from '../schema/tables.js';

/** Stream name suffix of each channel. */
const STREAMS: Readonly<Record<string, string>> = { trades: 'trade', ticker: 'ticker', bbo: 'bookTicker' };
/** Streams per SUBSCRIBE message that clients in the field have shown to work. */
const STREAMS_PER_REQUEST = 200;

const OUTER_KEYS = ['stream', 'data'] as const;
const [, DATA] = OUTER_KEYS.keys();
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

const PREFIX = Buffer.from('{"stream":"');
const DATA_KEY = Buffer.from('","data":');
const TYPES = {
  trade: Buffer.from('trade'),
  ticker: Buffer.from('24hrTicker'),
  bookTicker: Buffer.from('bookTicker'),
};
/** Tickers over other windows: rare, and only ever met by the slow path. */
const OTHER_TICKERS = /^(24hrMiniTicker|\d+[hd]Ticker)$/;

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
  private readonly outer = new JsonFields(OUTER_KEYS, ['data']);
  private readonly fields = new JsonFields(KEYS);

  private readonly tradeSequence: Sequence | undefined;
  private readonly tickerSequence: Sequence | undefined;
  private readonly bboSequence: Sequence | undefined;

  constructor(private readonly context: ParserContext) {
    this.tradeSequence = context.sequences.get('trades');
    this.tickerSequence = context.sequences.get('ticker');
    this.bboSequence = context.sequences.get('bbo');
  }

  scan(bytes: Uint8Array, start: number, end: number): number {
    const data = dataStart(bytes, start, end);
    // `{"stream":"…","data":` in front and `}` behind: the payload is what lies between
    if (data > 0 && this.fields.scan(bytes, data, end - 1) !== UNFAMILIAR) return this.emit(bytes);
    if (this.outer.scan(bytes, start, end) !== UNFAMILIAR && this.outer.kind[DATA] === KIND.nested) {
      if (this.fields.scan(bytes, this.outer.from[DATA], this.outer.to[DATA]) === UNFAMILIAR)
        return RESULT.unfamiliar;
      return this.emit(bytes);
    }
    return this.fields.scan(bytes, start, end) === UNFAMILIAR ? RESULT.unfamiliar : this.emit(bytes);
  }

  map(document: JsonValue): number {
    if (Array.isArray(document)) return this.mapAll(document);
    if (!isObject(document)) return RESULT.unknownKind;
    if (Array.isArray(document.data)) return this.mapAll(document.data);
    if (isObject(document.data)) return this.mapOne(document.data);
    const result = this.mapOne(document);
    const answer = Object.hasOwn(document, 'id') || Object.hasOwn(document, 'error');
    return answer && result === RESULT.unknownKind ? this.control(document) : result;
  }

  private mapAll(documents: readonly JsonValue[]): number {
    let result: number = RESULT.unknownKind;
    for (const document of documents) {
      const one = isObject(document) ? this.mapOne(document) : RESULT.unknownKind;
      result = one >= RESULT.badJson || result === RESULT.unknownKind ? one : result;
    }
    return result;
  }

  private mapOne(document: JsonObject): number {
    const type = stringOf(document, 'e');
    if (type === 'serverShutdown') {
      this.context.control({
        kind: 'closing',
        reason: 'the exchange announced a shutdown of this connection',
      });
      return RESULT.control;
    }
    this.fields.load(document);
    if (type !== undefined && OTHER_TICKERS.test(type)) return this.ticker(this.fields.scratch);
    const result = this.emit(this.fields.scratch);
    return result === RESULT.unfamiliar ? RESULT.unknownKind : result;
  }

  /** Rows from the fields that scan or load has found in `bytes`. */
  private emit(bytes: Uint8Array): number {
    const { fields } = this;
    if (fields.equals(bytes, TYPE, TYPES.trade)) return this.trade(bytes);
    if (fields.equals(bytes, TYPE, TYPES.ticker)) return this.ticker(bytes);
    const untyped =
      fields.kind[TYPE] === KIND.absent && fields.present(UPDATE_ID) && fields.kind[BID] !== KIND.absent;
    return untyped || fields.equals(bytes, TYPE, TYPES.bookTicker)
      ? this.bookTicker(bytes)
      : RESULT.unfamiliar;
  }

  private slot(bytes: Uint8Array): number {
    return this.context.streams.find(bytes, this.fields.from[SYMBOL], this.fields.to[SYMBOL]);
  }

  private trade(bytes: Uint8Array): number {
    const { fields } = this;
    const { from, to } = fields;
    const { rows } = this.context;
    const sequence = this.tradeSequence;
    if (
      !fields.present(SYMBOL) ||
      !fields.present(ID) ||
      !fields.present(PRICE) ||
      !fields.present(SIZE) ||
      !fields.present(TRADE_TIME)
    ) {
      return RESULT.missingField;
    }
    const slot = this.slot(bytes);
    if (slot < 0 || sequence === undefined) return RESULT.unwanted;
    if (!rows.begin(TRADES, slot)) return RESULT.ringFull;
    if (!rows.id(T.trade_id, bytes, from[ID], to[ID])) return RESULT.badId;
    const id = lastU64();
    if (!epochTime(rows, bytes, from[TRADE_TIME], to[TRADE_TIME], T.trade_time, T.trade_nanos))
      return RESULT.badTime;
    if (!tradeNumbers(rows, bytes, fields, TRADE_NUMBERS)) return RESULT.badNumber;
    const buyerIsMaker = fields.kind[BUYER_IS_MAKER] === KIND.true;
    if (buyerIsMaker) rows.set(T.trade_side, SIDE.sell);
    else if (fields.kind[BUYER_IS_MAKER] === KIND.false) rows.set(T.trade_side, SIDE.buy);
    this.orderId(
      bytes,
      buyerIsMaker ? BUYER_ORDER : SELLER_ORDER,
      T.maker_order_id,
      TRADES.missing.maker_order_id,
    );
    this.orderId(
      bytes,
      buyerIsMaker ? SELLER_ORDER : BUYER_ORDER,
      T.taker_order_id,
      TRADES.missing.taker_order_id,
    );
    if (!isFresh(rows, sequence, slot, id)) return RESULT.duplicate;
    rows.commit(TRADES);
    return RESULT.rows;
  }

  /** Order ids were sent until a June of the past; they are numbers. Whose they are is known with the side alone. */
  private orderId(bytes: Uint8Array, field: number, word: number, missing: number): void {
    const { rows } = this.context;
    const { fields } = this;
    const sided = fields.kind[BUYER_IS_MAKER] === KIND.true || fields.kind[BUYER_IS_MAKER] === KIND.false;
    if (
      !sided ||
      !fields.present(field) ||
      !rows.numericUuid(word, bytes, fields.from[field], fields.to[field])
    )
      rows.flag(missing);
  }

  private ticker(bytes: Uint8Array): number {
    const { fields } = this;
    const { from, to } = fields;
    const { rows } = this.context;
    const sequence = this.tickerSequence;
    if (!fields.present(SYMBOL) || !fields.present(CLOSE) || !fields.present(EVENT_TIME))
      return RESULT.missingField;
    const slot = this.slot(bytes);
    if (slot < 0 || sequence === undefined) return RESULT.unwanted;
    if (!rows.begin(MD, slot)) return RESULT.ringFull;
    if (!epochTime(rows, bytes, from[EVENT_TIME], to[EVENT_TIME], M.time, M.nanos)) return RESULT.badTime;
    if (!tickerNumbers(rows, bytes, fields, TICKER_NUMBERS)) return RESULT.badNumber;
    rows.flag(MD.missing.side);
    sequence.touch(slot);
    rows.commit(MD);
    return RESULT.rows;
  }

  private bookTicker(bytes: Uint8Array): number {
    const { fields } = this;
    const { from, to } = fields;
    const { rows } = this.context;
    const sequence = this.bboSequence;
    if (!fields.present(SYMBOL)) return RESULT.missingField;
    const slot = this.slot(bytes);
    if (slot < 0 || sequence === undefined) return RESULT.unwanted;
    if (!rows.begin(BBO, slot)) return RESULT.ringFull;
    if (!fields.present(EVENT_TIME)) rows.timeOfReceipt(B.time, B.nanos);
    else if (!epochTime(rows, bytes, from[EVENT_TIME], to[EVENT_TIME], B.time, B.nanos))
      return RESULT.badTime;
    if (!fields.present(UPDATE_ID)) rows.flag(BBO.missing.update_id);
    else if (!rows.id(B.update_id, bytes, from[UPDATE_ID], to[UPDATE_ID])) return RESULT.badId;
    if (!optionalDecimal(rows, bytes, fields, BID, B.best_bid, B.best_bid_digits, 0, BBO.missing.best_bid))
      return RESULT.badNumber;
    if (
      !optionalDecimal(
        rows,
        bytes,
        fields,
        BID_SIZE,
        B.best_bid_size,
        B.best_bid_size_digits,
        1,
        BBO.missing.best_bid_size,
      )
    )
      return RESULT.badNumber;
    if (!optionalDecimal(rows, bytes, fields, ASK, B.best_ask, B.best_ask_digits, 2, BBO.missing.best_ask))
      return RESULT.badNumber;
    if (
      !optionalDecimal(
        rows,
        bytes,
        fields,
        ASK_SIZE,
        B.best_ask_size,
        B.best_ask_size_digits,
        3,
        BBO.missing.best_ask_size,
      )
    )
      return RESULT.badNumber;
    sequence.touch(slot);
    rows.commit(BBO);
    return RESULT.rows;
  }

  /** `{"result":null,"id":1}` or `{"error":{"code":2,"msg":"…"},"id":1}`; never wrapped. */
  private control(document: JsonObject): number {
    const id = document.id instanceof JsonNumber ? Number(document.id.text) : document.id;
    const known = typeof id === 'number' && Number.isSafeInteger(id) ? id : undefined;
    if (isObject(document.error)) {
      const reason = stringOf(document.error, 'msg') ?? 'no reason given';
      this.context.control({ kind: 'refused', id: known, reason });
    } else if (known !== undefined) this.context.control({ kind: 'accepted', id: known });
    return RESULT.control;
  }
}

/** Start of the payload of `{"stream":"…","data":…}`, or -1 for any other beginning. */
function dataStart(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < 24 || bytes[end - 1] !== 0x7d) return -1;
  let i = 0;
  for (; i < PREFIX.length; i++) if (bytes[start + i] !== PREFIX[i]) return -1;
  let at = start + i;
  // a stream name is short ASCII; anything else takes the general way
  while (at < end && bytes[at] !== 0x22) {
    if (bytes[at] < 0x20 || bytes[at] >= 0x80 || bytes[at] === 0x5c) return -1;
    at++;
  }
  for (i = 0; i < DATA_KEY.length; i++) if (bytes[at + i] !== DATA_KEY[i]) return -1;
  return at + i;
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
  limits: { requestsPerSecond: 3, pingAfterMs: 0, connectsPerMinute: 50 },
  websocketUrl: (endpoint) => `${endpoint.replace(/\/+$/, '')}/stream`,
  listSymbols,
  subscribe: (subscriptions, firstId) => request('SUBSCRIBE', subscriptions, firstId),
  unsubscribe: (subscriptions, firstId) => request('UNSUBSCRIBE', subscriptions, firstId),
  createParser: (context) => new BinanceParser(context),
};

export default binance;

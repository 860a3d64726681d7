/**
 * Bybit v5: spot (`bybit`) and linear contracts (`bybit-linear`). Runs in shard threads; found by its file name.
 *
 * Source: bybit-exchange/docs v5 and recorded messages. A request is accepted or refused as a whole, linear refuses
 * it for one bad topic; spot takes ten topics at most. Trade ids are numbers with gaps (spot) or UUIDs (linear), so
 * they show a repeated trade but not a missing one. A ticker of spot is always a whole one, a delta (linear) carries what
 * has changed alone. `u` of a book grows
 * by one per message, 1 is a restart of their service. Data may come before its acknowledgement.
 */
import { parseUint } from '../base/number.js';
import { TIME } from '../base/time.js';
import type { Books } from '../feed/books/books.js';
import { BEST_KEYS, copyBest, quotesMapping } from '../feed/channels/bbo.js';
import {
  CandleChannels,
  klineChannel,
  klineChannels,
  klineNumbers,
  klineTime,
} from '../feed/channels/klines.js';
import { BOOK_SIDE, Levels } from '../feed/channels/levels.js';
import { TickerState } from '../feed/channels/ticker_state.js';
import type { Sequence } from '../feed/continuity/sequence.js';
import type {
  Channel,
  ControlRequest,
  Exchange,
  MessageParser,
  ParserContext,
  Subscription,
} from '../feed/exchange.js';
import { isObject, type JsonObject, type JsonValue, stringOf } from '../feed/json/document.js';
import { JsonFields, KIND } from '../feed/json/fields.js';
import { JsonEither, JsonTuples } from '../feed/json/lists.js';
import { requestsOf } from '../feed/requests.js';
import type { WriteRow } from '../feed/rows/compile_row.js';
import { RESULT, worse } from '../feed/rows/result.js';
import type { RowMapping } from '../feed/rows/row_mapping.js';
import { RowTemplates } from '../feed/rows/templates.js';
import { arePresent, epochTimeOrReceipt, parseEpoch, u64At } from '../feed/rows/values.js';
import { BBO, BOOK, type KlineInterval, MD, SIDE, TRADE_KIND, TRADES } from '../schema/tables.js';
import { backfill, listSymbols } from './rest/bybit.js';

/** Their names of our intervals of candles. */
const WIRE_INTERVALS: Readonly<Record<KlineInterval, string>> = {
  '1m': '1', '3m': '3', '5m': '5', '15m': '15', '30m': '30', '1h': '60', '4h': '240', '1d': 'D',
}; // biome-ignore format: a table
const INTERVALS = Object.keys(WIRE_INTERVALS) as KlineInterval[];

/** What stands in front of the symbol in the topic of each channel. */
const TOPICS: Readonly<Record<string, string>> = {
  trades: 'publicTrade',
  ticker: 'tickers',
  bbo: 'orderbook.1',
  book: 'orderbook.50',
  ...Object.fromEntries(INTERVALS.map((i) => [klineChannel(i), `kline.${WIRE_INTERVALS[i]}`])),
};

const ROOT_KEYS = ['topic', 'type', 'ts', 'data', 'cts'] as const;
const [TOPIC, TYPE, TS, DATA, CTS] = ROOT_KEYS.keys();
/** Of tickers and books, which are objects; the numbers of a ticker are in the order of the decimals of MD. */
const OBJECT_KEYS = [
  'lastPrice', 'bid1Price', 'ask1Price', 'volume24h', 'b', 'a', 'u',
  ...BEST_KEYS, 'time of the best',
] as const; // biome-ignore format: keys of theirs and ours
const [LAST_PRICE, BID, ASK, VOLUME, BIDS, ASKS, UPDATE_ID, BEST, , , , BEST_TIME] = OBJECT_KEYS.keys();
/** of trades and candles, which come in lists */
const ITEM_KEYS = [
  'i', 'T', 'p', 'v', 'S', 'seq', 'BT', 'RPI',
  'start', 'interval', 'open', 'high', 'low', 'close', 'volume', 'turnover', 'confirm',
] as const; // biome-ignore format: one line per kind of message
// biome-ignore format: a list like the one above
const [ID, TRADE_TIME, PRICE, SIZE, TAKER, SEQ, IS_BLOCK, IS_RPI, START, INTERVAL, OPEN, HIGH, LOW, CLOSE, BASE_VOLUME, TURNOVER,
  CONFIRM] = ITEM_KEYS.keys();

const text = (ascii: string) => Buffer.from(ascii);
const PUBLIC_TRADE = text('publicTrade.');
const TICKERS = text('tickers.');
const ORDERBOOK = text('orderbook.');
const KLINE = text('kline.');
const SNAPSHOT = text('snapshot');
const DELTA = text('delta');
const DOT = 0x2e;

const DEAL: RowMapping['columns'] = {
  trade_price: { decimal: PRICE, positive: true },
  trade_size: { decimal: SIZE, positive: true },
  trade_side: { text: TAKER, values: { Buy: SIDE.buy, Sell: SIDE.sell } },
  trade_kind: {
    firstTrue: [
      [IS_BLOCK, TRADE_KIND.block],
      [IS_RPI, TRADE_KIND.rpi],
    ],
  },
};
const SPOT_TRADE: RowMapping = {
  table: TRADES,
  columns: { trade_id: { id: ID }, ...DEAL },
  time: { epoch: TRADE_TIME },
  accept: 'unordered',
};
/** The number came with an update of their interface, the UUID is the id. */
const LINEAR_TRADE: RowMapping = {
  ...SPOT_TRADE,
  columns: { trade_uuid: { uuid: ID }, trade_id: { id: SEQ, orZero: true }, ...DEAL },
};
const SPOT_TICKER: RowMapping = {
  table: MD,
  columns: {
    price: { decimal: LAST_PRICE, positive: true },
    best_bid: { decimal: BID, zeroIsNone: true },
    best_ask: { decimal: ASK, zeroIsNone: true },
    volume: { decimal: VOLUME },
    volume_24h: { decimal: VOLUME },
  },
  time: { epoch: TS, inEnvelope: true, orReceipt: true },
  accept: 'all',
};
const QUOTES = quotesMapping(BEST, UPDATE_ID, { epoch: BEST_TIME, orReceipt: true });
const KLINE_NEEDS = [START, OPEN, HIGH, LOW, CLOSE, BASE_VOLUME];
const KLINE_NUMBERS = {
  open: OPEN,
  high: HIGH,
  low: LOW,
  close: CLOSE,
  volume: BASE_VOLUME,
  quoteVolume: TURNOVER,
};
const M = MD.at;
/** The first number of a book after a restart of their service. */
const RESTARTED = 1;
/** The topic in `error:handler not found,topic:publicTrade.X` and `Invalid symbol :[publicTrade.X]`. */
const TOPIC_OF_ERROR = /(?:topic:|\[)([\w.-]+)/;

class BybitParser implements MessageParser {
  private readonly sides = new JsonTuples(2);
  private readonly data = new JsonFields(OBJECT_KEYS, { b: this.sides, a: this.sides });
  private readonly items = new JsonFields(ITEM_KEYS);
  readonly fields = new JsonFields(ROOT_KEYS, { data: new JsonEither(this.data, undefined, this.items) });

  readonly templates: RowTemplates;
  private readonly levels: Levels;
  private readonly numbers = new TickerState();
  private readonly tradeSequence: Sequence | undefined;
  private readonly tickerSequence: Sequence | undefined;
  private readonly trade: WriteRow;
  private readonly quotes: WriteRow;
  /** undefined where tickers carry only what has changed */
  private readonly wholeTicker: WriteRow | undefined;
  private readonly candles: CandleChannels;

  constructor(
    private readonly context: ParserContext,
    linear: boolean,
  ) {
    const { sequences } = context;
    this.levels = new Levels(context.rows);
    this.tradeSequence = sequences.get('trades');
    this.tickerSequence = sequences.get('ticker');
    this.templates = new RowTemplates(context, this.fields, [
      [this.fields, [TS]],
      [this.items, [SEQ]],
    ]);
    const row = (mapping: RowMapping, slots: JsonFields, channel: string) =>
      this.templates.row(mapping, slots, sequences.get(channel), {
        slots: this.fields,
        field: TOPIC,
        prefix: `${TOPICS[channel]}.`,
      });
    this.trade = row(linear ? LINEAR_TRADE : SPOT_TRADE, this.items, 'trades');
    this.quotes = row(QUOTES, this.data, 'bbo');
    this.wholeTicker = linear ? undefined : row(SPOT_TICKER, this.data, 'ticker');
    this.candles = new CandleChannels(sequences, (interval) => WIRE_INTERVALS[interval]);
  }

  emit(): number {
    const { fields } = this;
    if (!fields.present(TOPIC) || fields.kind[DATA] !== KIND.nested) return RESULT.noMatch;
    const { bytes } = fields;
    const from = fields.from[TOPIC];
    const to = fields.to[TOPIC];
    if (startsWith(bytes, from, to, TICKERS)) return this.ticker(this.slot(from + TICKERS.length));
    if (startsWith(bytes, from, to, ORDERBOOK)) return this.orderbook(from + ORDERBOOK.length, to);
    if (startsWith(bytes, from, to, PUBLIC_TRADE)) return this.trades(this.slot(from + PUBLIC_TRADE.length));
    return startsWith(bytes, from, to, KLINE) ? this.klines(from + KLINE.length, to) : RESULT.noMatch;
  }

  /** Slot of the symbol that stands in the topic from `from` on. */
  private slot(from: number): number {
    return this.context.streams.find(this.fields.bytes, from, this.fields.to[TOPIC]);
  }

  private trades(slot: number): number {
    const { items } = this;
    const sequence = this.tradeSequence;
    if (items.count === 0) return RESULT.noMatch;
    if (slot < 0 || sequence === undefined) return RESULT.unwanted;
    let result: number = RESULT.duplicate;
    for (let row = 0; row < items.count; row++) {
      const one = this.trade(row * items.width, slot);
      if (one >= RESULT.ringFull) sequence.missed(slot, one === RESULT.ringFull ? 'ring_full' : 'malformed');
      result = worse(result, one);
    }
    return result;
  }

  private ticker(slot: number): number {
    const { fields, data, numbers } = this;
    const { rows, streams } = this.context;
    const sequence = this.tickerSequence;
    const snapshot = fields.equals(TYPE, SNAPSHOT);
    if (data.count === 0 || (!snapshot && !fields.equals(TYPE, DELTA))) return RESULT.noMatch;
    if (snapshot && this.wholeTicker !== undefined) return this.wholeTicker(0, slot);
    if (slot < 0 || sequence === undefined) return RESULT.unwanted;
    numbers.resize(streams.size);
    if (!snapshot) {
      if (!numbers.isKnown(slot)) return RESULT.unsynced;
      // e.g. a new mark price: nothing that MD has a column for
      if (!numbers.isTouched(data, LAST_PRICE)) return RESULT.control;
    }
    // a message that finds no room changes what is known all the same
    if (!numbers.take(slot, data, LAST_PRICE, snapshot)) return RESULT.badNumber;
    if (!numbers.hasPrice(slot))
      return data.kind[LAST_PRICE] === KIND.absent && !snapshot ? RESULT.unsynced : RESULT.missingField;
    if (!rows.open(MD, slot)) return RESULT.ringFull;
    if (!fields.present(TS)) rows.timeOfReceipt(M.time, M.nanos);
    else if (!epochTimeOrReceipt(rows, fields, TS, M.time, M.nanos)) return RESULT.badTime;
    sequence.touch(slot);
    numbers.finish(rows, slot);
    return RESULT.rows;
  }

  /** `orderbook.1.…` are the best quotes, every other depth is a book. */
  private orderbook(from: number, to: number): number {
    const { bytes } = this.fields;
    const dot = indexOfDot(bytes, from, to);
    const depth = parseUint(bytes, from, dot);
    if (depth <= 0 || this.data.count === 0) return RESULT.noMatch;
    const snapshot = this.fields.equals(TYPE, SNAPSHOT);
    if (!snapshot && (depth === 1 || !this.fields.equals(TYPE, DELTA))) return RESULT.noMatch;
    const slot = this.slot(dot + 1);
    return depth === 1 ? this.best(slot) : this.book(slot, snapshot);
  }

  private best(slot: number): number {
    const { data, fields, sides } = this;
    const { kind } = data;
    if (slot < 0) return RESULT.unwanted;
    if (!data.present(UPDATE_ID) || kind[BIDS] !== KIND.nested || kind[ASKS] !== KIND.nested)
      return RESULT.missingField;
    copyBest(data, 0, BEST, BIDS, sides, ASKS, sides);
    data.copy(BEST_TIME, fields, fields.present(CTS) ? CTS : TS);
    return this.quotes(0, slot);
  }

  private book(slot: number, snapshot: boolean): number {
    const { data } = this;
    const { books } = this.context;
    if (slot < 0 || books === undefined) return RESULT.unwanted;
    const u = u64At(data, UPDATE_ID);
    let result: number = u < 0 ? RESULT.badId : RESULT.rows;
    if (!data.present(UPDATE_ID) || data.kind[BIDS] !== KIND.nested || data.kind[ASKS] !== KIND.nested)
      result = RESULT.missingField;
    if (result === RESULT.rows) result = this.bookMessage(books, slot, u, snapshot || u === RESTARTED);
    if (result === RESULT.ringFull) books.broken(slot, 'ring_full');
    else if (result > RESULT.ringFull) books.broken(slot, 'malformed');
    return result;
  }

  private bookMessage(books: Books, slot: number, u: number, snapshot: boolean): number {
    if (!snapshot) {
      if (!books.isLive(slot) || u <= books.last(slot)) return RESULT.unsynced;
      if (u !== books.last(slot) + 1) {
        books.broken(slot, 'unknown');
        return RESULT.unsynced;
      }
    }
    const result = this.bookRows(slot, u, snapshot);
    if (result >= RESULT.ringFull) return result;
    if (snapshot) books.snapshot(slot, u);
    else books.follow(slot, u);
    return result;
  }

  private bookRows(slot: number, u: number, snapshot: boolean): number {
    const { fields, levels, sides } = this;
    const { from, to } = this.data;
    const count = to[BIDS] - from[BIDS] + to[ASKS] - from[ASKS];
    levels.begin(slot, count, snapshot);
    levels.sequenceNumber(u);
    const time = fields.present(CTS) ? CTS : TS;
    if (fields.present(time) && !levels.epoch(fields, time)) return RESULT.badTime;
    if (count === 0) return snapshot ? levels.emptySnapshot() : RESULT.control;
    const bids = levels.side(BOOK_SIDE.bid, sides, from[BIDS], to[BIDS]);
    return bids === RESULT.rows ? levels.side(BOOK_SIDE.ask, sides, from[ASKS], to[ASKS]) : bids;
  }

  private klines(from: number, to: number): number {
    const { items } = this;
    if (items.count === 0) return RESULT.noMatch;
    const slot = this.slot(indexOfDot(this.fields.bytes, from, to) + 1);
    let result: number = RESULT.rows;
    for (let row = 0; row < items.count; row++) result = worse(result, this.kline(slot, row * items.width));
    return result;
  }

  private kline(slot: number, o: number): number {
    const { items } = this;
    const { rows } = this.context;
    if (!arePresent(items, o, KLINE_NEEDS)) return RESULT.missingField;
    const candles = this.candles.find(items, o + INTERVAL);
    if (slot < 0 || candles === undefined) return RESULT.unwanted;
    const { table, seconds, sequence } = candles;
    if (!parseEpoch(items, o + START)) return RESULT.badTime;
    if (!rows.begin(table, slot)) return RESULT.ringFull;
    klineTime(rows, table, TIME[0], seconds, items.kind[o + CONFIRM] === KIND.true);
    if (!klineNumbers(rows, items, o, KLINE_NUMBERS, table)) return RESULT.badNumber;
    sequence.touch(slot);
    rows.commit(table);
    return RESULT.rows;
  }

  control(document: JsonValue): number {
    return isObject(document) && Object.hasOwn(document, 'op') ? this.answer(document) : RESULT.unknownKind;
  }

  /** `{"success":true,"ret_msg":"","conn_id":"…","req_id":"7","op":"subscribe"}`; spot leaves req_id out at times. */
  private answer(document: JsonObject): number {
    const number = Number(stringOf(document, 'req_id') || Number.NaN);
    const id = Number.isSafeInteger(number) ? number : undefined;
    const { success, op } = document;
    if (success === true && op === 'subscribe' && id !== undefined)
      this.context.control({ kind: 'accepted', id });
    if (success === false) {
      const reason = stringOf(document, 'ret_msg') || 'no reason given';
      const subscription = subscriptionOf(TOPIC_OF_ERROR.exec(reason)?.[1] ?? '');
      const already = reason.startsWith('error:already subscribed') && subscription !== undefined;
      if (already) this.context.control({ kind: 'state', subscriptions: [subscription] });
      // the request is refused as a whole for the first topic that is wrong; spot leaves its id out at times
      const named = already ? undefined : subscription;
      if (id !== undefined || !already)
        this.context.control({ kind: 'refused', id, ...named, whole: true, reason });
    }
    return RESULT.control;
  }

  reconnected(): void {
    this.numbers.forget();
  }
}

/** HOT: whether bytes[from, to) begin with this text. */
function startsWith(bytes: Uint8Array, from: number, to: number, start: Uint8Array): boolean {
  if (to - from <= start.length) return false;
  for (let i = 0; i < start.length; i++) if (bytes[from + i] !== start[i]) return false;
  return true;
}

/** HOT: index of the first dot in bytes[from, to), or `to`. */
function indexOfDot(bytes: Uint8Array, from: number, to: number): number {
  let i = from;
  while (i < to && bytes[i] !== DOT) i++;
  return i;
}

/** Channel and symbol of a topic of ours. */
function subscriptionOf(topic: string): Subscription | undefined {
  for (const [channel, start] of Object.entries(TOPICS))
    if (topic.startsWith(`${start}.`)) return { channel, native: topic.slice(start.length + 1) };
  return undefined;
}

function request(
  op: string,
  perRequest: number,
  subscriptions: readonly Subscription[],
  firstId: number,
): ControlRequest[] {
  return requestsOf([subscriptions], perRequest, firstId, (id, covers) => {
    const args = covers.map((s) => `${TOPICS[s.channel]}.${s.native}`);
    return JSON.stringify({ req_id: String(id), op, args });
  });
}

function channels(uuids: boolean): Readonly<Record<string, Channel>> {
  const own = uuids
    ? { idColumn: 'trade_uuid', ownColumns: ['trade_uuid', 'trade_kind'] }
    : { ownColumns: ['trade_kind'] };
  return {
    ticker: { table: MD, ids: 'none' },
    trades: { table: TRADES, ids: 'unordered', ...own },
    bbo: { table: BBO, ids: 'none' },
    book: { table: BOOK, ids: 'book' },
    ...klineChannels(INTERVALS),
  };
}

const LIMIT_HEADERS = ['x-bapi-limit-status', 'x-bapi-limit', 'x-bapi-limit-reset-timestamp'];
const SAMPLE = ['BTC', 'ETH', 'SOL', 'XRP', 'ADA', 'DOGE', 'LTC', 'LINK', 'AVAX', 'DOT'];

const EVIDENCE: Exchange['evidence'] = {
  trades: { wire: '`publicTrade`', from: 'recordings of 2026' },
  book: { wire: '`orderbook.50`', from: 'recordings of 2026', loss: '`u` grows by one' },
  'ticker bbo klines': {
    wire: '`tickers` `orderbook.1` `kline.*`',
    from: 'recordings of 2025 and 2026',
  },
};

/** What the two have in common; `perRequest`: topics that one request may name. */
function bybit(
  category: string,
  perRequest: number,
  own: Pick<Exchange, 'id' | 'title'>,
  uuids: boolean,
): Exchange {
  return {
    ...own,
    defaults: {
      ws_endpoint: 'wss://stream.bybit.com',
      rest_endpoint: 'https://api.bybit.com',
      // topics of a connection may have 21,000 characters in all, which is about 80 symbols with every channel
      max_connections: 20,
      symbols_per_connection: 50,
      channels: ['ticker', 'trades'],
      enabled: false,
    },
    sampleSymbols: SAMPLE.map((coin) => `${coin}USDT`),
    channels: channels(uuids),
    evidence: EVIDENCE,
    limits: { requestsPerSecond: 10, connectsPerMinute: 60, restPerMinute: 300 },
    backfill: backfill(category, WIRE_INTERVALS),
    restUsage: (header, nowMs) => {
      const [left, most, resetAt] = LIMIT_HEADERS.map((name) => Number(header(name)));
      return most > 0 ? { share: 1 - left / most, resetMs: Math.max(0, resetAt - nowMs) } : undefined;
    },
    keepAlive: { everyMs: 20_000, onlyWhenQuiet: false, text: '{"op":"ping"}' },
    websocketUrl: (endpoint) => `${endpoint.replace(/\/+$/, '')}/v5/public/${category}`,
    listSymbols: (fetchJson) => listSymbols(fetchJson, category),
    subscribe: (subscriptions, firstId) => request('subscribe', perRequest, subscriptions, firstId),
    unsubscribe: (subscriptions, firstId) => request('unsubscribe', perRequest, subscriptions, firstId),
    originsOf: (message) => {
      const origin = subscriptionOf(stringOf(message, 'topic') ?? '');
      return origin === undefined ? [] : [origin];
    },
    createParser: (context) => new BybitParser(context, uuids),
  };
}

export default [
  bybit('spot', 10, { id: 'bybit', title: 'Bybit spot' }, false),
  bybit('linear', 100, { id: 'bybit-linear', title: 'Bybit linear contracts' }, true),
];

/**
 * Binance spot and USD-M futures, combined streams. Runs in shard threads; found by its file name.
 *
 * Source: binance/binance-spot-api-docs web-socket-streams.md, developers.binance.com (USD-M: Important WebSocket Change
 * Notice, How to manage a local order book correctly) and recorded messages. `m` says that the buyer was the maker, so
 * the taker sold. `t` and `a` grow by one per symbol; trades outside of the book (`X`) are part of the futures' `t`, and
 * gaps that the exchange itself leaves there are listed as gaps. Spot's `bookTicker` carries neither a type nor a
 * time, its partial books no symbol. Unknown symbols are acknowledged and then stay silent, so silence has to be
 * watched. At most 5 messages a second are allowed from us, pongs included; the server pings.
 */
import { TIME } from '../base/time.js';
import { BookMessage } from '../feed/books/message.js';
import { BOOK_SNAPSHOT, RestBooks } from '../feed/books/rest_books.js';
import { CandleChannels, klineChannels, klineNumbers, klineTime } from '../feed/channels/klines.js';
import { Levels } from '../feed/channels/levels.js';
import type { Sequence } from '../feed/continuity/sequence.js';
import type {
  Channel,
  ControlRequest,
  Exchange,
  MessageParser,
  ParserContext,
  RestRequest,
  Subscription,
} from '../feed/exchange.js';
import { isObject, type JsonObject, type JsonValue, stringOf } from '../feed/json/document.js';
import { JsonFields, JsonNumber, KIND } from '../feed/json/fields.js';
import { JsonEither, JsonTuples } from '../feed/json/lists.js';
import { streamsNamed } from '../feed/origins.js';
import { requestsOf } from '../feed/requests.js';
import type { WriteRow } from '../feed/rows/compile_row.js';
import { RESULT, worse } from '../feed/rows/result.js';
import type { RowMapping, TextMapping } from '../feed/rows/row_mapping.js';
import { RowTemplates } from '../feed/rows/templates.js';
import { parseEpoch, u64At } from '../feed/rows/values.js';
import {
  AGG_TRADES,
  BBO,
  BOOK,
  KLINE_INTERVALS,
  type KlineInterval,
  MD,
  SIDE,
  TRADE_KIND,
  TRADES,
} from '../schema/tables.js';
import { FUTURES_BACKFILL, listSymbols, SPOT_BACKFILL, usageOf } from './rest/binance.js';

const INTERVALS = Object.keys(KLINE_INTERVALS) as KlineInterval[];
/** Stream name suffix of each channel. */
const STREAMS: Readonly<Record<string, string>> = {
  ticker: 'ticker',
  trades: 'trade',
  agg_trades: 'aggTrade',
  bbo: 'bookTicker',
  book: 'depth@100ms',
  book20: 'depth20@100ms',
  ...Object.fromEntries(INTERVALS.map((interval) => [`klines_${interval}`, `kline_${interval}`])),
};
const CHANNEL_OF = new Map(Object.entries(STREAMS).map(([channel, suffix]) => [suffix, channel]));
/** Streams per SUBSCRIBE message that clients in the field have shown to work. */
const STREAMS_PER_REQUEST = 200;
/** `@`, behind the symbol in the name of a stream */
const AT = 0x40;
const MINUS = 0x2d;

const KEYS = [
  ...['e', 'E', 's', 't', 'p', 'q', 'T', 'm', 'b', 'a', 'c', 'v', 'Q', 'B', 'A', 'u'],
  ...['f', 'l', 'U', 'pu', 'k', 'lastUpdateId', 'bids', 'asks', 'X'],
];
// biome-ignore format: a list like the one above
const [TYPE, EVENT_TIME, SYMBOL, ID, PRICE, SIZE, TRADE_TIME, BUYER_IS_MAKER, BID, ASK, CLOSE, VOLUME, LAST_SIZE,
  BID_SIZE, ASK_SIZE, UPDATE_ID, FIRST_TRADE, LAST_TRADE, FIRST_UPDATE, PREVIOUS_UPDATE, KLINE, SNAPSHOT_ID, BIDS,
  ASKS, EXECUTION] = KEYS.keys();
/** In a trade message `b` and `a` are the order ids of buyer and seller; in an aggregate `a` is its id. */
const BUYER_ORDER = BID;
const SELLER_ORDER = ASK;
const AGGREGATE_ID = ASK;

/** `{"stream":"btcusdt@trade","data":{…}}`, or `[…]` for the streams of all symbols; raw streams are the object alone. */
const ENVELOPE_KEYS = ['stream', 'data', ...KEYS];
const [STREAM, DATA] = ENVELOPE_KEYS.keys();
const KLINE_KEYS = ['t', 'i', 'x', 'o', 'h', 'l', 'c', 'v', 'q', 'V', 'Q', 'n'];
const [OPEN_TIME, INTERVAL, CLOSED, ...KLINE_VALUES] = KLINE_KEYS.keys();
const [open, high, low, close, volume, quoteVolume, takerBuyBase, takerBuyQuote, trades] = KLINE_VALUES;
const TYPES = {
  trade: Buffer.from('trade'),
  aggTrade: Buffer.from('aggTrade'),
  ticker: Buffer.from('24hrTicker'),
  bookTicker: Buffer.from('bookTicker'),
  depth: Buffer.from('depthUpdate'),
  kline: Buffer.from('kline'),
};
/** Tickers over other windows (24hrMiniTicker, 1hTicker, 4hTicker, 1dTicker) end like this. */
const TICKER_END = Buffer.from('Ticker');

const DEAL: RowMapping['columns'] = {
  trade_price: { decimal: PRICE, positive: true },
  trade_size: { decimal: SIZE, positive: true },
  trade_side: { word: BUYER_IS_MAKER, values: [SIDE.buy, SIDE.sell] },
};
/** Only the futures say how a trade came about. */
const EXECUTIONS: TextMapping = {
  text: EXECUTION,
  values: {
    MARKET: TRADE_KIND.market,
    INSURANCE_FUND: TRADE_KIND.insurance_fund,
    ADL: TRADE_KIND.adl,
  },
  other: TRADE_KIND.other,
};
const TRADE: RowMapping = {
  table: TRADES,
  columns: { trade_id: { id: ID }, ...DEAL },
  time: { epoch: TRADE_TIME },
  accept: 'contiguous',
  extraColumns: { columns: ['maker_order_id', 'taker_order_id'], fields: [BUYER_ORDER, SELLER_ORDER] },
};
const FUTURES_TRADE: RowMapping = { ...TRADE, columns: { ...TRADE.columns, trade_kind: EXECUTIONS } };
const AGGREGATE: RowMapping = {
  table: AGG_TRADES,
  columns: {
    trade_id: { id: AGGREGATE_ID },
    first_trade_id: { id: FIRST_TRADE },
    last_trade_id: { id: LAST_TRADE },
    ...DEAL,
  },
  time: { epoch: TRADE_TIME },
  accept: 'contiguous',
};
const TICKER: RowMapping = {
  table: MD,
  columns: {
    price: { decimal: CLOSE, positive: true },
    best_bid: { decimal: BID, zeroIsNone: true },
    best_ask: { decimal: ASK, zeroIsNone: true },
    volume: { decimal: VOLUME },
    last_size: { decimal: LAST_SIZE },
    volume_24h: { decimal: VOLUME },
  },
  time: { epoch: EVENT_TIME },
  accept: 'all',
};
const QUOTES: RowMapping = {
  table: BBO,
  columns: {
    update_id: { id: UPDATE_ID },
    best_bid: { decimal: BID, zeroIsNone: true },
    best_bid_size: { decimal: BID_SIZE, zeroIsNone: true },
    best_ask: { decimal: ASK, zeroIsNone: true },
    best_ask_size: { decimal: ASK_SIZE, zeroIsNone: true },
  },
  time: { epoch: EVENT_TIME, orReceipt: true },
  accept: 'all',
};
const KLINE_NUMBERS = { open, high, low, close, volume, quoteVolume, takerBuyBase, takerBuyQuote, trades };

class BinanceParser implements MessageParser {
  private readonly levelTexts = new JsonTuples(2);
  private readonly kline = new JsonFields(KLINE_KEYS);
  private readonly parts = {
    ...{ b: this.levelTexts, a: this.levelTexts, bids: this.levelTexts, asks: this.levelTexts },
    k: this.kline,
  };
  private readonly data = new JsonFields(KEYS, this.parts);
  readonly fields = new JsonFields(ENVELOPE_KEYS, { data: new JsonEither(this.data), ...this.parts });

  /** by channel, those that are subscribed */
  private readonly sequences: Readonly<Record<string, Sequence | undefined>>;
  private readonly candles: CandleChannels;
  private readonly levels: Levels;
  private readonly bookEvent = new BookMessage(this.levelTexts);
  private readonly books: RestBooks | undefined;
  readonly templates: RowTemplates;
  private readonly trade: WriteRow;
  private readonly aggregate: WriteRow;
  private readonly ticker: WriteRow;
  private readonly quotes: WriteRow;

  /** `depthPath`: where the REST interface has the snapshots of books; `trade`: what its trades are made of. */
  constructor(
    private readonly context: ParserContext,
    depthPath: string,
    trade: RowMapping,
  ) {
    const { sequences, books } = context;
    this.sequences = Object.fromEntries(sequences);
    this.levels = new Levels(context.rows);
    this.books =
      books &&
      new RestBooks(
        context,
        books,
        (native) => `${depthPath}?symbol=${encodeURIComponent(native)}&limit=1000`,
      );
    this.candles = new CandleChannels(sequences);
    this.templates = new RowTemplates(context, this.fields, [
      [this.fields, [STREAM]],
      [this.data, [EVENT_TIME]],
    ]);
    const symbol = { slots: this.data, field: SYMBOL, inRow: true };
    const row = (mapping: RowMapping, channel: string, extra?: (o: number) => void) =>
      this.templates.row(mapping, this.data, sequences.get(channel), symbol, extra);
    this.trade = row(trade, 'trades', (o) => this.orderIds(o));
    this.aggregate = row(AGGREGATE, 'agg_trades');
    this.ticker = row(TICKER, 'ticker');
    this.quotes = row(QUOTES, 'bbo');
  }

  emit(): number {
    if (this.fields.kind[DATA] !== KIND.nested) return this.raw();
    const { data } = this;
    let result: number = data.count === 0 ? RESULT.noMatch : this.event(0);
    for (let row = 1; row < data.count; row++) result = worse(result, this.event(row * data.width));
    return result;
  }

  control(document: JsonValue): number {
    if (!isObject(document)) return RESULT.unknownKind;
    const inner = isObject(document.data) ? document.data : document;
    if (stringOf(inner, 'e') === 'serverShutdown') {
      const reason = 'the exchange announced a shutdown of this connection';
      this.context.control({ kind: 'closing', reason });
      return RESULT.control;
    }
    const answer = Object.hasOwn(document, 'id') || Object.hasOwn(document, 'error');
    return answer ? this.answer(document) : RESULT.unknownKind;
  }

  onResponse({ kind, slot }: RestRequest, document: JsonValue | undefined): void {
    if (kind === BOOK_SNAPSHOT) this.bookSnapshot(slot, document);
  }

  /** It is an object of the keys that partial books have. */
  private bookSnapshot(slot: number, document: JsonValue | undefined): void {
    const { data } = this;
    const read = isObject(document) && data.loadDocument(document);
    const good = read && this.bookEvent.read(data, SNAPSHOT_ID, EVENT_TIME, BIDS, ASKS) === RESULT.rows;
    this.books?.onSnapshot(slot, good ? this.bookEvent : undefined);
  }

  resync(slot: number): void {
    this.books?.request(slot);
  }

  takeOver(slot: number): void {
    this.books?.takeOver(slot);
  }

  reconnected(): void {
    this.books?.reset();
  }

  /** A raw stream has no envelope: cold, only met where an endpoint was set to one. */
  private raw(): number {
    const { fields, data } = this;
    data.copyRow(fields, DATA + 1);
    return this.event(0);
  }

  /** Rows from the object whose values begin at `o`. */
  private event(o: number): number {
    const { data } = this;
    if (data.equals(o + TYPE, TYPES.trade)) return this.write(o, this.trade);
    if (data.equals(o + TYPE, TYPES.depth)) return this.depth(o);
    if (data.equals(o + TYPE, TYPES.aggTrade)) return this.write(o, this.aggregate);
    if (data.equals(o + TYPE, TYPES.ticker)) return this.write(o, this.ticker);
    if (data.kind[o + TYPE] === KIND.absent) return this.untyped(o);
    if (data.equals(o + TYPE, TYPES.bookTicker)) return this.write(o, this.quotes);
    if (data.equals(o + TYPE, TYPES.kline)) return this.klineOf(o);
    return data.endsWith(o + TYPE, TICKER_END) ? this.write(o, this.ticker) : RESULT.noMatch;
  }

  /** Spot's best quotes and partial books do not say what they are. */
  private untyped(o: number): number {
    const { data } = this;
    if (data.present(o + UPDATE_ID) && data.kind[o + BID] !== KIND.absent) return this.write(o, this.quotes);
    return data.kind[o + BIDS] === KIND.nested
      ? this.partialBook(o, this.streamSlot(), SNAPSHOT_ID, BIDS, ASKS)
      : RESULT.noMatch;
  }

  /** Slot of the symbol that only the name of the stream has, in lower case. */
  private streamSlot(): number {
    const { fields } = this;
    const { bytes } = fields;
    let i = fields.from[STREAM];
    if (!fields.present(STREAM)) return -1;
    while (i < fields.to[STREAM] && bytes[i] !== AT) i++;
    return this.context.streams.findCapitals(bytes, fields.from[STREAM], i);
  }

  /** Most objects are one row. */
  private write(o: number, row: WriteRow): number {
    return this.data.present(o + SYMBOL) ? row(o, this.slot(o)) : RESULT.missingField;
  }

  private slot(o: number): number {
    const { data } = this;
    return this.context.streams.find(data.bytes, data.from[o + SYMBOL], data.to[o + SYMBOL]);
  }

  private orderIds(o: number): void {
    const maker = this.data.kind[o + BUYER_IS_MAKER];
    const sided = maker === KIND.true || maker === KIND.false;
    const makerOrder = maker === KIND.true ? BUYER_ORDER : SELLER_ORDER;
    const takerOrder = maker === KIND.true ? SELLER_ORDER : BUYER_ORDER;
    this.orderId(sided, o + makerOrder, TRADES.at.maker_order_id, TRADES.missing.maker_order_id);
    this.orderId(sided, o + takerOrder, TRADES.at.taker_order_id, TRADES.missing.taker_order_id);
  }

  /** Order ids were sent until a June of the past; they are numbers. Whose they are is known with the side alone. */
  private orderId(sided: boolean, at: number, word: number, missing: number): void {
    const { rows } = this.context;
    const { data } = this;
    if (!sided || !data.present(at) || !rows.numericUuid(word, data.bytes, data.from[at], data.to[at]))
      rows.flag(missing);
  }

  /** A change of a book; where none is subscribed it is a partial book of the futures, which looks the same. */
  private depth(o: number): number {
    const { data, bookEvent, books } = this;
    if (!data.present(o + SYMBOL) || !data.present(o + EVENT_TIME)) return RESULT.missingField;
    const slot = this.slot(o);
    if (books === undefined) return this.partialBook(o, slot, UPDATE_ID, BID, ASK);
    if (slot < 0) return RESULT.unwanted;
    const result = bookEvent.read(data, o + UPDATE_ID, o + EVENT_TIME, o + BID, o + ASK);
    if (result !== RESULT.rows) return result;
    // futures share their numbers with other symbols and name the one before; -1 when there was none
    const named = o + PREVIOUS_UPDATE;
    const known = data.kind[named] !== KIND.absent;
    const previous = known ? u64At(data, named) : u64At(data, o + FIRST_UPDATE) - 1;
    if (previous < 0 && !(known && data.bytes[data.from[named]] === MINUS)) return RESULT.badId;
    bookEvent.previous = previous;
    return books.change(slot, bookEvent);
  }

  /** The best levels of a book, whole in every message. */
  private partialBook(o: number, slot: number, id: number, bids: number, asks: number): number {
    const sequence = this.sequences.book20;
    if (slot < 0 || sequence === undefined) return RESULT.unwanted;
    const read = this.bookEvent.read(this.data, o + id, o + EVENT_TIME, o + bids, o + asks);
    if (read !== RESULT.rows) return read;
    const result = this.levels.event(slot, this.bookEvent, true);
    if (result === RESULT.rows) sequence.touch(slot);
    return result;
  }

  private klineOf(o: number): number {
    const { data, kline } = this;
    const { rows } = this.context;
    if (!data.present(o + SYMBOL) || data.kind[o + KLINE] !== KIND.nested) return RESULT.missingField;
    const k = data.from[o + KLINE] * kline.width;
    if (!kline.present(k + OPEN_TIME)) return RESULT.missingField;
    for (let f = open; f <= volume; f++) if (!kline.present(k + f)) return RESULT.missingField;
    const slot = this.slot(o);
    const candles = this.candles.find(kline, k + INTERVAL);
    if (slot < 0 || candles === undefined) return RESULT.unwanted;
    if (!parseEpoch(kline, k + OPEN_TIME)) return RESULT.badTime;
    const { table } = candles;
    if (!rows.begin(table, slot)) return RESULT.ringFull;
    klineTime(rows, table, TIME[0], candles.seconds, kline.kind[k + CLOSED] === KIND.true);
    if (!klineNumbers(rows, kline, k, KLINE_NUMBERS, table)) return RESULT.badNumber;
    candles.sequence.touch(slot);
    rows.commit(table);
    return RESULT.rows;
  }

  /** `{"result":null,"id":1}` or `{"error":{"code":2,"msg":"…"},"id":1}`; never wrapped. */
  private answer(document: JsonObject): number {
    const id = document.id instanceof JsonNumber ? Number(document.id.text) : document.id;
    const known = typeof id === 'number' && Number.isSafeInteger(id) ? id : undefined;
    if (isObject(document.error)) {
      const reason = stringOf(document.error, 'msg') ?? 'no reason given';
      const limit = reason === 'Too many subscriptions' ? 'streams' : undefined;
      this.context.control({ kind: 'refused', id: known, whole: true, limit, reason });
    } else if (known !== undefined) this.context.control({ kind: 'accepted', id: known });
    return RESULT.control;
  }
}

function request(method: string, subscriptions: readonly Subscription[], firstId: number): ControlRequest[] {
  return requestsOf([subscriptions], STREAMS_PER_REQUEST, firstId, (id, covers) => {
    const params = covers.map((s) => `${s.native.toLowerCase()}@${STREAMS[s.channel]}`);
    return JSON.stringify({ method, params, id });
  });
}

/** The name of the stream says it: `btcusdt@trade`. */
const originsOf: Exchange['originsOf'] = (message) => {
  const [symbol, ...suffix] = (stringOf(message, 'stream') ?? '').split('@');
  const isOfAll = symbol.startsWith('!');
  return isOfAll ? [] : streamsNamed([CHANNEL_OF.get(suffix.join('@'))], [symbol.toUpperCase()]);
};

/** `fast` and `market`: the addresses of the channels of books and trades, and of those that are added up; `ownColumns`: of trades. */
function channelsOf(
  fast: string | undefined,
  market: string | undefined,
  ownColumns: readonly string[],
): Record<string, Channel> {
  return {
    ticker: { table: MD, ids: 'none', route: market },
    trades: { table: TRADES, ids: 'contiguous', ownColumns, route: fast },
    bbo: { table: BBO, ids: 'none', route: fast },
    agg_trades: { table: AGG_TRADES, ids: 'contiguous', ownColumns, route: market },
    book: { table: BOOK, ids: 'book', route: fast },
    book20: { table: BOOK, ids: 'none', route: fast },
    ...klineChannels(INTERVALS, market),
  };
}

const base = (endpoint: string) => endpoint.replace(/\/+$/, '');

const common: Pick<
  Exchange,
  'sampleSymbols' | 'connectionSecsMax' | 'subscribe' | 'unsubscribe' | 'originsOf'
> = {
  connectionSecsMax: 86_400,
  sampleSymbols: [
    ...['BTCUSDT', 'ETHUSDT', 'SOLUSDT', 'XRPUSDT', 'ADAUSDT'],
    ...['DOGEUSDT', 'LTCUSDT', 'LINKUSDT', 'AVAXUSDT', 'DOTUSDT'],
  ],
  subscribe: (subscriptions, firstId) => request('SUBSCRIBE', subscriptions, firstId),
  unsubscribe: (subscriptions, firstId) => request('UNSUBSCRIBE', subscriptions, firstId),
  originsOf,
};

/** `from`: of trades; `loss`: how it shows in a book. */
function evidenceOf(from: string, others: string, loss: string): Exchange['evidence'] {
  const wire = '`@depth20@100ms` `@bookTicker` `@ticker` `@kline_*`';
  return {
    'trades agg_trades': { wire: '`@trade` `@aggTrade`', from },
    book: { wire: '`@depth@100ms` and REST', from: 'recordings, REST snapshots that join them', loss },
    'book20 bbo ticker klines': { wire, from: others },
  };
}

const spot: Exchange = {
  ...common,
  id: 'binance',
  title: 'Binance spot',
  defaults: {
    ws_endpoint: 'wss://stream.binance.com:9443',
    rest_endpoint: 'https://api.binance.com',
    max_connections: 5,
    symbols_per_connection: 100,
    channels: ['ticker', 'trades'],
  },
  channels: channelsOf(undefined, undefined, []),
  evidence: evidenceOf(
    'recordings of 2021 and 2024, documentation',
    'recordings, documentation',
    '`U` follows the last `u`',
  ),
  // a snapshot of 1000 levels weighs 50 of the 6000 that an address may use in a minute
  limits: { requestsPerSecond: 3, connectsPerMinute: 50, restPerMinute: 80 },
  restUsage: usageOf(6000),
  websocketUrl: (endpoint) => `${base(endpoint)}/stream`,
  backfill: SPOT_BACKFILL,
  listSymbols: (fetchJson) => listSymbols(fetchJson, '/api/v3/exchangeInfo?showPermissionSets=false'),
  createParser: (context) => new BinanceParser(context, '/api/v3/depth', TRADE),
};

const futures: Exchange = {
  ...common,
  id: 'binance-futures',
  title: 'Binance USD-M futures',
  defaults: {
    ws_endpoint: 'wss://fstream.binance.com',
    rest_endpoint: 'https://fapi.binance.com',
    max_connections: 10,
    symbols_per_connection: 100,
    channels: ['ticker', 'trades'],
    enabled: false,
  },
  channels: channelsOf('public', 'market', ['trade_kind']),
  evidence: evidenceOf(
    'recordings of 2021 to 2024; addresses: documentation',
    'recordings of 2021 to 2024; addresses: documentation',
    '`pu` names the previous change',
  ),
  // a snapshot of 1000 levels weighs 20 of 2400
  limits: { requestsPerSecond: 3, connectsPerMinute: 50, restPerMinute: 80 },
  restUsage: usageOf(2400),
  // where trades are served is measured, not documented
  anyRoute: true,
  websocketUrl: (endpoint, route) => `${base(endpoint)}/${route}/stream`,
  listSymbols: (fetchJson) => listSymbols(fetchJson, '/fapi/v1/exchangeInfo'),
  backfill: FUTURES_BACKFILL,
  createParser: (context) => new BinanceParser(context, '/fapi/v1/depth', FUTURES_TRADE),
};

export default [spot, futures];

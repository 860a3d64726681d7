/**
 * OKX v5, spot. Runs in shard threads; found by its file name.
 *
 * Source: okx.com/docs-v5 (websocket, public and business channels) and recorded messages. `trades-all` has every trade
 * and an id that grows by one; `trades` adds up the trades that one order made at one price, under the id of the last
 * of them and with their `count`. An order book is a snapshot and changes; each change names the one before it
 * (`prevSeqId`), old recordings have only a checksum, which is 0 since 2026. Every argument of a request is acknowledged
 * or refused on its own. Candles and `trades-all` have an address of their own.
 */
import { TIME } from '../base/time.js';
import { okxChecksum } from '../book/checksum.js';
import { CheckedBooks } from '../feed/books/checked_books.js';
import { aggregateRange } from '../feed/channels/aggregates.js';
import { BEST_KEYS, copyBest, quotesMapping } from '../feed/channels/bbo.js';
import { History } from '../feed/channels/history.js';
import {
  CandleChannels,
  type Candles,
  klineChannels,
  klineNumbers,
  klineTime,
} from '../feed/channels/klines.js';
import { BOOK_SIDE, Levels } from '../feed/channels/levels.js';
import type { Sequence } from '../feed/continuity/sequence.js';
import type {
  ControlRequest,
  Exchange,
  MessageParser,
  ParserContext,
  Subscription,
} from '../feed/exchange.js';
import { isObject, type JsonObject, type JsonValue, stringOf } from '../feed/json/document.js';
import { JsonFields, KIND } from '../feed/json/fields.js';
import { JsonEither, JsonTuples } from '../feed/json/lists.js';
import { streamsNamed } from '../feed/origins.js';
import { requestsOf } from '../feed/requests.js';
import type { WriteRow } from '../feed/rows/compile_row.js';
import { RESULT, worse } from '../feed/rows/result.js';
import type { RowMapping, TextMapping } from '../feed/rows/row_mapping.js';
import type { SymbolPlace } from '../feed/rows/template_codegen.js';
import { RowTemplates } from '../feed/rows/templates.js';
import {
  arePresent,
  epochTime,
  isFresh,
  isNewestFirst,
  parseEpoch,
  signed32At,
  TextMeanings,
  tradeNumbers,
  u64At,
} from '../feed/rows/values.js';
import { flag } from '../schema/flags.js';
import { AGG_TRADES, BBO, BOOK, type KlineInterval, MD, SIDE, TRADE_KIND, TRADES } from '../schema/tables.js';
import { BACKFILL, CANDLES, listSymbols } from './rest/okx.js';

const INTERVALS = Object.keys(CANDLES) as KlineInterval[];

/** Name of each channel of ours in their subscriptions. */
const WIRE_CHANNELS: Readonly<Record<string, string>> = {
  ticker: 'tickers',
  trades: 'trades-all',
  agg_trades: 'trades',
  bbo: 'bbo-tbt',
  book: 'books',
  ...Object.fromEntries(INTERVALS.map((interval) => [`klines_${interval}`, CANDLES[interval]])),
};
/** Arguments per request: far below the 64 KB that they may have together. */
const ARGS_PER_REQUEST = 200;
/** Code of the error that says that we ask too often. */
const TOO_FREQUENT = '60014';

/** Events that need no answer. */
const OTHER_EVENTS = new Set(['unsubscribe', 'channel-conn-count']);

const ENVELOPE_KEYS = ['arg', 'action', 'data'] as const;
const [ARG, ACTION, DATA] = ENVELOPE_KEYS.keys();
const ARG_KEYS = ['channel', 'instId'] as const;
const [CHANNEL, ARG_SYMBOL] = ARG_KEYS.keys();
// biome-ignore format: a list
const KEYS = ['instId', 'tradeId', 'px', 'sz', 'side', 'source', 'ts', 'count', 'last', 'lastSz', 'askPx', 'bidPx', 'vol24h', 'asks',
  'bids', 'checksum', 'seqId', 'prevSeqId', ...BEST_KEYS] as const;
// biome-ignore format: a list like the one above
const [SYMBOL, ID, PRICE, SIZE, SIDE_KEY, SOURCE, TIMESTAMP, COUNT, LAST, LAST_SIZE, ASK, BID, VOLUME, ASKS, BIDS, CHECKSUM, SEQ,
  PREVIOUS_SEQ, BEST] = KEYS.keys();

const BOOK_RULE = { depth: 0, checksum: okxChecksum, noChecksum: 0 };
const LEVEL_WIDTH = 2;
/**
 * opens at, open, high, low, close, base volume, then two volumes whose meaning depends on the kind of market, and one
 * in quote
 */
const CANDLE_WIDTH = 9;
const CANDLE_CLOSED = 8;
const CANDLE_REQUIRED = [0, 1, 2, 3, 4, 5];
const CANDLE_NUMBERS = { open: 1, high: 2, low: 3, close: 4, volume: 5, quoteVolume: 7 };

const text = (ascii: string) => Buffer.from(ascii);
const TRADES_ALL = text('trades-all');
const AGGREGATES = text('trades');
const TICKERS = text('tickers');
const BOOKS = text('books');
/** every change, for those who pay fees: only in recordings */
const BOOKS_TICK = text('books-l2-tbt');
const BEST_QUOTES = text('bbo-tbt');
const SNAPSHOT = text('snapshot');
const UPDATE = text('update');

const SIDES: TextMapping = { text: SIDE_KEY, values: { buy: SIDE.buy, sell: SIDE.sell } };
const SOURCES: TextMapping = {
  text: SOURCE,
  values: { '0': TRADE_KIND.market, '1': TRADE_KIND.rpi },
  other: TRADE_KIND.other,
};
const SIDE_OF = new TextMeanings(SIDES);
const KIND_OF = new TextMeanings(SOURCES);
const TRADE_REQUIRED = [ID, PRICE, SIZE, TIMESTAMP];
const TRADE_NUMBERS = { price: PRICE, size: SIZE };
const TRADE: RowMapping = {
  table: TRADES,
  columns: {
    trade_id: { id: ID },
    trade_price: { decimal: PRICE, positive: true },
    trade_size: { decimal: SIZE, positive: true },
    trade_side: SIDES,
    trade_kind: SOURCES,
  },
  time: { epoch: TIMESTAMP },
  accept: 'contiguous',
};
/** A sum of one trade. */
const SUM_OF_ONE: RowMapping = {
  ...TRADE,
  table: AGG_TRADES,
  columns: { ...TRADE.columns, first_trade_id: { id: ID }, last_trade_id: { id: ID } },
};
const TICKER: RowMapping = {
  table: MD,
  columns: {
    price: { decimal: LAST, positive: true },
    best_bid: { decimal: BID, zeroIsNone: true },
    best_ask: { decimal: ASK, zeroIsNone: true },
    volume: { decimal: VOLUME },
    last_size: { decimal: LAST_SIZE },
    volume_24h: { decimal: VOLUME },
  },
  time: { epoch: TIMESTAMP },
  accept: 'all',
};
const QUOTES = quotesMapping(BEST, SEQ, { epoch: TIMESTAMP });
const REPLAYED = flag('replayed');
const UNSYNCED = flag('unsynced');
/** Books of old recordings are not numbered. */
const NO_SEQUENCE = 0;

class OkxParser implements MessageParser {
  private readonly arg = new JsonFields(ARG_KEYS);
  private readonly asks = new JsonTuples(LEVEL_WIDTH);
  private readonly bids = new JsonTuples(LEVEL_WIDTH);
  private readonly data = new JsonFields(KEYS, { asks: this.asks, bids: this.bids });
  private readonly candles = new JsonTuples(CANDLE_WIDTH);
  readonly fields = new JsonFields(ENVELOPE_KEYS, {
    arg: this.arg,
    data: new JsonEither(this.data, this.candles),
  });
  readonly plainTexts = new Set(['pong']);
  readonly templates: RowTemplates;
  private readonly levels: Levels;
  private readonly checked = new CheckedBooks(BOOK_RULE);

  private readonly tradeSequence: Sequence | undefined;
  private readonly aggregateSequence: Sequence | undefined;
  private readonly trade: WriteRow;
  private readonly sumOfOne: WriteRow;
  private readonly ticker: WriteRow;
  private readonly quotes: WriteRow;
  private readonly candleChannels: CandleChannels;
  private readonly history: History;

  constructor(private readonly context: ParserContext) {
    this.levels = new Levels(context.rows);
    this.history = new History(context.rows, context.streams);
    const { sequences } = context;
    this.tradeSequence = sequences.get('trades');
    this.aggregateSequence = sequences.get('agg_trades');
    this.templates = new RowTemplates(context, this.fields, [
      [this.arg, [ARG_SYMBOL]],
      [this.data, [SEQ, COUNT]],
    ]);
    const symbol = { slots: this.data, field: SYMBOL, inRow: true };
    const row = (mapping: RowMapping, channel: string, place?: SymbolPlace) =>
      this.templates.row(mapping, this.data, sequences.get(channel), place);
    this.trade = row(TRADE, 'trades', symbol);
    // counts and history are looked at before, so these have no templates
    this.sumOfOne = row(SUM_OF_ONE, 'agg_trades');
    this.ticker = row(TICKER, 'ticker', symbol);
    this.quotes = row(QUOTES, 'bbo', { slots: this.arg, field: ARG_SYMBOL });
    this.candleChannels = new CandleChannels(sequences, (interval) => CANDLES[interval]);
  }

  emit(): number {
    const { fields, arg, data } = this;
    if (fields.kind[DATA] !== KIND.nested || fields.kind[ARG] !== KIND.nested) return RESULT.noMatch;
    if (arg.equals(CHANNEL, TRADES_ALL)) return this.trades(false);
    if (arg.equals(CHANNEL, AGGREGATES)) return this.trades(true);
    if (data.count === 0) return this.tuples();
    let result = this.object(0);
    for (let row = 1; row < data.count; row++) result = worse(result, this.object(row * data.width));
    return result;
  }

  /** Rows from the object whose values begin at `o`. */
  private object(o: number): number {
    const { arg } = this;
    if (arg.equals(CHANNEL, BOOKS) || arg.equals(CHANNEL, BOOKS_TICK)) return this.book(o);
    if (arg.equals(CHANNEL, BEST_QUOTES)) return this.best(o);
    return arg.equals(CHANNEL, TICKERS) ? this.ticker(o, this.slot(o)) : RESULT.unwanted;
  }

  /** Candles, or data that is empty. */
  private tuples(): number {
    const { arg, candles } = this;
    if (candles.count === 0) return RESULT.control;
    const channel = this.candleChannels.find(arg, CHANNEL);
    if (channel === undefined) return RESULT.unwanted;
    let result = this.candle(0, channel);
    for (let row = 1; row < candles.count; row++)
      result = worse(result, this.candle(row * CANDLE_WIDTH, channel));
    return result;
  }

  /** Some channels repeat the symbol, and then it is the one that counts. */
  private slot(o: number): number {
    const { data } = this;
    return data.present(o + SYMBOL) ? this.find(data, o + SYMBOL) : this.find(this.arg, ARG_SYMBOL);
  }

  private find(fields: JsonFields, at: number): number {
    if (!fields.present(at)) return -1;
    return this.context.streams.find(fields.bytes, fields.from[at], fields.to[at]);
  }

  private trades(added: boolean): number {
    const { data } = this;
    const { count } = data;
    if (count === 0) return this.candles.count === 0 ? RESULT.control : RESULT.missingField;
    const reversed = isNewestFirst(data, ID, 0, count);
    let result: number = 0;
    for (let n = 0; n < count; n++) {
      const o = (reversed ? count - 1 - n : n) * data.width;
      const one = added ? this.aggregate(o) : this.trade(o, this.slot(o));
      result = n === 0 ? one : worse(result, one);
    }
    return result;
  }

  /**
   * The sum of several trades. A sum of one is that trade: where no sums are wanted it is stored as such, and old
   * recordings, which have no `count`, hold nothing else.
   */
  private aggregate(o: number): number {
    const { data } = this;
    const { rows } = this.context;
    const slot = this.slot(o);
    const count = data.present(o + COUNT) ? u64At(data, o + COUNT) : 1;
    const aggregates = this.aggregateSequence;
    if (count === 1 && aggregates !== undefined && slot >= 0 && this.history.isOver(slot))
      return this.sumOfOne(o, slot);
    if (!arePresent(data, o, TRADE_REQUIRED)) return RESULT.missingField;
    const sequence = aggregates ?? this.tradeSequence;
    if (slot < 0 || sequence === undefined) return RESULT.unwanted;
    if (count < 1) return RESULT.badId;
    if (aggregates === undefined && count > 1) return RESULT.unwanted;
    const table = aggregates === undefined ? TRADES : AGG_TRADES;
    const { at } = table;
    if (!rows.begin(table, slot)) return RESULT.ringFull;
    if (!rows.idAt(data, o + ID, at.trade_id)) return RESULT.badId;
    const last = u64At(data, o + ID);
    if (aggregates !== undefined && !aggregateRange(rows, count)) return RESULT.badId;
    if (!epochTime(rows, data, o + TIMESTAMP, at.trade_time, at.trade_nanos)) return RESULT.badTime;
    // on subscribing to sums the newest one is sent, however long ago it was
    if (this.history.isOld(slot)) rows.flag(REPLAYED);
    if (!tradeNumbers(rows, data, o, TRADE_NUMBERS, table)) return RESULT.badNumber;
    rows.set(at.trade_side, SIDE_OF.of(data, o + SIDE_KEY));
    rows.set(at.trade_kind, KIND_OF.of(data, o + SOURCE));
    if (aggregates === undefined) rows.flag(TRADES.missing.maker_order_id | TRADES.missing.taker_order_id);
    if (!isFresh(rows, sequence, slot, last, last - count + 1)) return RESULT.duplicate;
    rows.commit(table);
    return RESULT.rows;
  }

  /** One level of each side, none where the side is empty. */
  private best(o: number): number {
    if (!this.hasSides(o)) return RESULT.missingField;
    copyBest(this.data, o, BEST, BIDS, this.bids, ASKS, this.asks);
    return this.quotes(o, this.find(this.arg, ARG_SYMBOL));
  }

  private hasSides(o: number): boolean {
    const { kind } = this.data;
    return kind[o + ASKS] === KIND.nested && kind[o + BIDS] === KIND.nested;
  }

  private candle(at: number, { table, seconds, sequence }: Candles): number {
    const { candles } = this;
    const { rows } = this.context;
    const { bytes, from, to } = candles;
    if (!arePresent(candles, at, CANDLE_REQUIRED)) return RESULT.missingField;
    const slot = this.find(this.arg, ARG_SYMBOL);
    if (slot < 0) return RESULT.unwanted;
    if (!rows.begin(table, slot)) return RESULT.ringFull;
    if (!parseEpoch(candles, at)) return RESULT.badTime;
    const confirm = at + CANDLE_CLOSED;
    const closed =
      candles.present(confirm) && to[confirm] - from[confirm] === 1 && bytes[from[confirm]] === 0x31;
    klineTime(rows, table, TIME[0], seconds, closed);
    if (!klineNumbers(rows, candles, at, CANDLE_NUMBERS, table)) return RESULT.badNumber;
    sequence.touch(slot);
    rows.commit(table);
    return RESULT.rows;
  }

  /**
   * A change has to follow the newest one (`prevSeqId`); after maintenance the numbers go on from a smaller one. A
   * change without levels says that nothing has changed for a while.
   */
  private book(o: number): number {
    const { data, fields } = this;
    const { books } = this.context;
    const snapshot = fields.equals(ACTION, SNAPSHOT);
    if (!this.hasSides(o) || !data.present(o + TIMESTAMP)) return RESULT.missingField;
    if (!snapshot && !fields.equals(ACTION, UPDATE)) return RESULT.missingField;
    const slot = this.slot(o);
    if (slot < 0 || books === undefined) return RESULT.unwanted;
    const seq = data.present(o + SEQ) ? u64At(data, o + SEQ) : NO_SEQUENCE;
    const previous = data.present(o + PREVIOUS_SEQ) ? u64At(data, o + PREVIOUS_SEQ) : books.last(slot);
    if (!snapshot && (!books.isLive(slot) || previous !== books.last(slot))) {
      books.broken(slot, 'unknown');
      return RESULT.unsynced;
    }
    const result = seq < 0 ? RESULT.badId : this.event(o, slot, snapshot, seq);
    if (result >= RESULT.ringFull) books.broken(slot, result === RESULT.ringFull ? 'ring_full' : 'malformed');
    return result;
  }

  private event(o: number, slot: number, snapshot: boolean, seq: number): number {
    const { asks, bids, checked, data, levels } = this;
    const { from, to } = data;
    const { books } = this.context;
    const sum = data.present(o + CHECKSUM) ? signed32At(data, o + CHECKSUM) : 0;
    if (sum < 0) return RESULT.badNumber;
    if (snapshot) checked.begin(slot, sum !== 0);
    let result = checked.apply(slot, BOOK_SIDE.ask, asks, from[o + ASKS], to[o + ASKS]);
    if (result === RESULT.rows)
      result = checked.apply(slot, BOOK_SIDE.bid, bids, from[o + BIDS], to[o + BIDS]);
    if (result !== RESULT.rows) return result;
    const fits = sum === 0 || checked.agrees(slot, sum);
    const count = to[o + ASKS] - from[o + ASKS] + to[o + BIDS] - from[o + BIDS];
    // what does not fit is kept, but nothing can be built on it
    levels.begin(slot, count, snapshot, fits ? 0 : UNSYNCED);
    if (!levels.epoch(data, o + TIMESTAMP)) return RESULT.badTime;
    if (data.present(o + CHECKSUM)) levels.sentChecksum(sum);
    if (data.present(o + SEQ)) levels.sequenceNumber(seq);
    if (count === 0) result = snapshot ? levels.emptySnapshot() : RESULT.control;
    else result = levels.side(BOOK_SIDE.ask, asks, from[o + ASKS], to[o + ASKS]);
    if (result === RESULT.rows) result = levels.side(BOOK_SIDE.bid, bids, from[o + BIDS], to[o + BIDS]);
    if (result >= RESULT.ringFull) return result;
    if (snapshot) books?.snapshot(slot, seq);
    else books?.follow(slot, seq);
    if (!fits) books?.broken(slot, 'checksum');
    return result;
  }

  control(document: JsonValue): number {
    if (!isObject(document)) return RESULT.unknownKind;
    const event = stringOf(document, 'event') ?? '';
    if (event === 'subscribe') this.acknowledged(document.arg);
    else if (event === 'error') this.refused(document);
    else if (event === 'channel-conn-count-error') this.crowded(document);
    else if (event === 'notice')
      this.context.control({
        kind: 'closing',
        reason: stringOf(document, 'msg') ?? 'the exchange gave notice',
      });
    else if (!OTHER_EVENTS.has(event)) return RESULT.unknownKind;
    return RESULT.control;
  }

  private acknowledged(arg: JsonValue | undefined): void {
    if (!isObject(arg)) return;
    const native = stringOf(arg, 'instId');
    const channel = OUR_CHANNELS.get(stringOf(arg, 'channel') ?? '');
    if (native === undefined || channel === undefined) return;
    const slot = this.context.streams.slotOf(native);
    if (channel === 'agg_trades' && slot >= 0) this.history.acknowledged(slot);
    this.context.control({ kind: 'state', subscriptions: [{ channel, native }] });
  }

  /** Which argument is meant stands in the text alone. */
  private refused(document: JsonObject): void {
    const code = stringOf(document, 'code');
    const reason = `${stringOf(document, 'msg') ?? 'no reason given'} (${code ?? 'no code'})`;
    const number = Number(stringOf(document, 'id') ?? Number.NaN);
    const id = Number.isSafeInteger(number) ? number : undefined;
    const [, channel = '', native] = /channel:([^,]*),instId:(\S+) doesn't exist/.exec(reason) ?? [];
    if (code === TOO_FREQUENT) this.context.control({ kind: 'throttled', id, reason });
    else this.context.control({ kind: 'refused', id, native, channel: OUR_CHANNELS.get(channel), reason });
  }

  /** Other connections carry the channel; this one is not to. */
  private crowded(document: JsonObject): void {
    const channel = OUR_CHANNELS.get(stringOf(document, 'channel') ?? '');
    const reason = `${stringOf(document, 'connCount') ?? 'enough'} connections have the channel already`;
    if (channel !== undefined)
      this.context.control({ kind: 'refused', channel, limit: 'connections', reason });
  }

  reconnected(): void {
    this.history.reset();
  }
}

const OUR_CHANNELS = new Map(Object.entries(WIRE_CHANNELS).map(([channel, wire]) => [wire, channel]));

function request(op: string, subscriptions: readonly Subscription[], firstId: number): ControlRequest[] {
  return requestsOf([subscriptions], ARGS_PER_REQUEST, firstId, (id, covers) => {
    const args = covers.map((s) => ({ channel: WIRE_CHANNELS[s.channel], instId: s.native }));
    return JSON.stringify({ id: String(id), op, args });
  });
}

/** Our channels that a channel of theirs may be stored as: a sum of one trade is that trade. */
function channelsOf(wire: JsonValue): (string | undefined)[] {
  const ours = Object.keys(WIRE_CHANNELS).filter((channel) => WIRE_CHANNELS[channel] === wire);
  return wire === WIRE_CHANNELS.agg_trades ? [...ours, 'trades'] : [ours[0]];
}

const SAMPLES = ['BTC', 'ETH', 'SOL', 'XRP', 'ADA', 'DOGE', 'LTC', 'LINK', 'AVAX', 'DOT'];
const PUBLIC = 'public';
const BUSINESS = 'business';
const OWN_COLUMNS = ['trade_kind'];
const okx: Exchange = {
  id: 'okx',
  title: 'OKX spot',
  defaults: {
    enabled: false,
    ws_endpoint: 'wss://ws.okx.com:8443',
    rest_endpoint: 'https://openapi.okx.com',
    max_connections: 20,
    symbols_per_connection: 100,
    channels: ['ticker', 'trades'],
  },
  sampleSymbols: SAMPLES.map((base) => `${base}-USDT`),
  channels: {
    ticker: { table: MD, ids: 'none', route: PUBLIC },
    trades: { table: TRADES, ids: 'contiguous', ownColumns: OWN_COLUMNS, route: BUSINESS },
    agg_trades: { table: AGG_TRADES, ids: 'contiguous', ownColumns: OWN_COLUMNS, route: PUBLIC },
    bbo: { table: BBO, ids: 'none', route: PUBLIC },
    book: { table: BOOK, ids: 'book', route: PUBLIC },
    ...klineChannels(INTERVALS, BUSINESS),
  },
  evidence: {
    'trades agg_trades': {
      wire: '`trades-all` `trades`',
      from: 'recordings of 2021 to 2023, documentation',
      loss: 'ids that count up by one, `count` of an aggregate',
    },
    book: {
      wire: '`books`',
      from: 'recordings, all checksums recomputed',
      loss: '`prevSeqId` names the previous change; checksum until 2026',
    },
    'ticker bbo klines': { wire: '`tickers` `bbo-tbt` `candle*`', from: 'recordings, documentation' },
  },
  book: BOOK_RULE,
  limits: { requestsPerSecond: 3, requestsPerHour: 480, connectsPerMinute: 150, restPerMinute: 480 },
  backfill: BACKFILL,
  // a proxy or a replay may serve all channels at one address
  anyRoute: true,
  keepAlive: { everyMs: 20_000, onlyWhenQuiet: true, text: 'ping' },
  websocketUrl: (endpoint, route) => `${endpoint.replace(/\/+$/, '')}/ws/v5/${route ?? PUBLIC}`,
  listSymbols,
  subscribe: (subscriptions, firstId) => request('subscribe', subscriptions, firstId),
  unsubscribe: (subscriptions, firstId) => request('unsubscribe', subscriptions, firstId),
  originsOf: ({ arg }) => (isObject(arg) ? streamsNamed(channelsOf(arg.channel), [arg.instId]) : []),
  createParser: (context) => new OkxParser(context),
};

export default okx;

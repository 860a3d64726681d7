/**
 * Kraken spot, WebSocket v2. Runs in shard threads; found by its file name.
 *
 * Source: docs.kraken.com (websocket v2, book checksum) and recorded messages. Numbers are padded with zeros to the
 * precision of the pair, and checksums are made of that text. `trade_id` grows by one per pair, `side` is the taker's.
 * Books have no sequence numbers: the checksum of every event is compared with that of the book kept here, which is cut
 * to the subscribed depth after every event as Kraken does. A second subscription of `ticker` with another trigger is
 * refused on the same connection, so best quotes have connections of their own.
 */

import { parseIsoTime, TIME, TIME_RESULT } from '../base/time.js';
import { krakenChecksum } from '../book/checksum.js';
import { CheckedBooks } from '../feed/books/checked_books.js';
import {
  type Candles,
  klineChannel,
  klineChannels,
  klineNumbers,
  klineTime,
} from '../feed/channels/klines.js';
import { BOOK_SIDE, Levels } from '../feed/channels/levels.js';
import type {
  ControlRequest,
  Exchange,
  MessageParser,
  ParserContext,
  Subscription,
} from '../feed/exchange.js';
import { isObject, type JsonObject, type JsonValue, objectsOf, stringOf } from '../feed/json/document.js';
import { JsonFields, JsonNumber, KIND } from '../feed/json/fields.js';
import { JsonEither, JsonList } from '../feed/json/lists.js';
import { streamsNamed } from '../feed/origins.js';
import { byChannel, requestsOf } from '../feed/requests.js';
import type { WriteRow } from '../feed/rows/compile_row.js';
import { RESULT, worse } from '../feed/rows/result.js';
import type { RowMapping } from '../feed/rows/row_mapping.js';
import type { SymbolPlace } from '../feed/rows/template_codegen.js';
import { RowTemplates } from '../feed/rows/templates.js';
import { u64At } from '../feed/rows/values.js';
import { flag } from '../schema/flags.js';
import {
  BBO,
  BOOK,
  KLINE_INTERVALS,
  KLINES,
  type KlineInterval,
  MD,
  SIDE,
  TRADES,
} from '../schema/tables.js';
import { BACKFILL, listSymbols } from './rest/kraken.js';

/** Candles that ended earlier before they were received are not stored: on subscribing, all that are known are sent. */
const HISTORY_SECONDS = 86_400;
const ALREADY = 'Already subscribed';
const TOO_FREQUENT = 'Exceeded msg rate';
/** With 10 every level that is kept is under the checksum; 25, 100, 500 and 1000 are possible, too. */
const RULE = { depth: 10, checksum: krakenChecksum };
const SYMBOLS_PER_REQUEST = 100;
const LONGEST_MINUTES = Math.max(...Object.values(KLINE_INTERVALS)) / 60;
/** There are no candles of 3 minutes. */
const INTERVALS = (Object.keys(KLINE_INTERVALS) as KlineInterval[]).filter((name) => name !== '3m');

/** Parameters of each channel of ours; those of an acknowledgement are the same. */
const WIRE: Readonly<Record<string, Readonly<Record<string, string | number>>>> = {
  trades: { channel: 'trade' },
  ticker: { channel: 'ticker', event_trigger: 'trades' },
  bbo: { channel: 'ticker', event_trigger: 'bbo' },
  book: { channel: 'book', depth: RULE.depth },
  ...Object.fromEntries(
    INTERVALS.map((name) => [klineChannel(name), { channel: 'ohlc', interval: KLINE_INTERVALS[name] / 60 }]),
  ),
};

const KEYS = ['channel', 'type', 'data'] as const;
const [CHANNEL, TYPE, DATA] = KEYS.keys();
// biome-ignore format: a list
const ITEM_KEYS = ['symbol', 'timestamp', 'side', 'price', 'qty', 'trade_id', 'bid', 'bid_qty', 'ask', 'ask_qty',
  'last', 'volume', 'bids', 'asks', 'checksum', 'open', 'high', 'low', 'close', 'trades', 'interval_begin',
  'interval'] as const;
// biome-ignore format: a list like the one above
const [SYMBOL, TIMESTAMP, SIDE_KEY, PRICE, QTY, TRADE_ID, BID, BID_QTY, ASK, ASK_QTY, LAST, VOLUME, BIDS, ASKS,
  CHECKSUM, OPEN, HIGH, LOW, CLOSE, TRADES_COUNT, BEGIN, INTERVAL] = ITEM_KEYS.keys();
/** in the order of Levels and CheckedBooks */
const LEVEL_KEYS = ['price', 'qty'] as const;

const text = (ascii: string) => Buffer.from(ascii);
const TRADE_CHANNEL = text('trade');
const TICKER_CHANNEL = text('ticker');
const BOOK_CHANNEL = text('book');
const OHLC_CHANNEL = text('ohlc');
const HEARTBEAT = text('heartbeat');
const SNAPSHOT = text('snapshot');
/** Channels without data of ours. */
const NOTICES: ReadonlySet<string> = new Set(['status', 'heartbeat', 'instrument']);

const CANDLE = { open: OPEN, high: HIGH, low: LOW, close: CLOSE, volume: VOLUME, trades: TRADES_COUNT };
const REPLAYED = flag('replayed');
const UNSYNCED = flag('unsynced');

const TRADE: RowMapping = {
  table: TRADES,
  columns: {
    trade_id: { id: TRADE_ID },
    trade_price: { decimal: PRICE, positive: true },
    trade_size: { decimal: QTY, positive: true },
    trade_side: { text: SIDE_KEY, values: { buy: SIDE.buy, sell: SIDE.sell } },
  },
  time: { iso: TIMESTAMP },
  accept: 'contiguous',
};
const REPLAYED_TRADE: RowMapping = { ...TRADE, flags: REPLAYED };
/** Tickers had no time until 2024. */
const STATE_TIME = { iso: TIMESTAMP, orReceipt: true };
const TICKER: RowMapping = {
  table: MD,
  columns: {
    price: { decimal: LAST, positive: true },
    best_bid: { decimal: BID, zeroIsNone: true },
    best_ask: { decimal: ASK, zeroIsNone: true },
    volume: { decimal: VOLUME },
    volume_24h: { decimal: VOLUME },
  },
  time: STATE_TIME,
  accept: 'all',
};
/** The same message, subscribed with the trigger `bbo`. */
const QUOTES: RowMapping = {
  table: BBO,
  columns: {
    best_bid: { decimal: BID, zeroIsNone: true },
    best_bid_size: { decimal: BID_QTY, zeroIsNone: true },
    best_ask: { decimal: ASK, zeroIsNone: true },
    best_ask_size: { decimal: ASK_QTY, zeroIsNone: true },
  },
  time: STATE_TIME,
  accept: 'all',
};
/** Of a ticker that is no candle; each of its two readers leaves out what the other one takes. */
const FREE_OF_TICKERS = [LAST, VOLUME, BID_QTY, ASK_QTY, HIGH, LOW, TRADES_COUNT];

/** Candles of one length, with the begin of the newest of each slot. */
interface FollowedCandles extends Candles {
  newest: Float64Array;
}

class KrakenParser implements MessageParser {
  private readonly levels = new JsonFields(LEVEL_KEYS);
  private readonly items = new JsonFields(ITEM_KEYS, {
    bids: new JsonList(this.levels),
    asks: new JsonList(this.levels),
  });
  readonly fields = new JsonFields(KEYS, { data: new JsonEither(this.items) });

  readonly templates: RowTemplates;
  private readonly trade: WriteRow;
  private readonly replayedTrade: WriteRow;
  /** a ticker, as which of both tables is subscribed */
  private readonly ticker: WriteRow;
  /** by minutes */
  private readonly candles: (FollowedCandles | undefined)[] = new Array(LONGEST_MINUTES + 1).fill(undefined);
  private readonly writer: Levels;
  private readonly checked = new CheckedBooks(RULE);

  constructor(private readonly context: ParserContext) {
    const { sequences, rows } = context;
    this.templates = new RowTemplates(context, this.fields, [[this.items, FREE_OF_TICKERS]]);
    const symbol = { slots: this.items, field: SYMBOL, inRow: true };
    const row = (mapping: RowMapping, channel: string, place?: SymbolPlace) =>
      this.templates.row(mapping, this.items, sequences.get(channel), place);
    this.trade = row(TRADE, 'trades', symbol);
    // history comes once
    this.replayedTrade = row(REPLAYED_TRADE, 'trades');
    this.ticker = sequences.has('ticker') ? row(TICKER, 'ticker', symbol) : row(QUOTES, 'bbo', symbol);
    this.writer = new Levels(rows);
    for (const interval of INTERVALS) {
      const sequence = sequences.get(klineChannel(interval));
      const seconds = KLINE_INTERVALS[interval];
      const candles = { table: KLINES[interval], seconds, newest: new Float64Array(0) };
      if (sequence !== undefined) this.candles[seconds / 60] = { ...candles, sequence };
    }
  }

  emit(): number {
    const { fields, items } = this;
    if (fields.equals(CHANNEL, HEARTBEAT)) return RESULT.control;
    if (fields.kind[DATA] !== KIND.nested) return RESULT.noMatch;
    const trades = fields.equals(CHANNEL, TRADE_CHANNEL);
    const book = !trades && fields.equals(CHANNEL, BOOK_CHANNEL);
    const ticker = !trades && !book && fields.equals(CHANNEL, TICKER_CHANNEL);
    if (!trades && !book && !ticker && !fields.equals(CHANNEL, OHLC_CHANNEL)) return RESULT.noMatch;
    const snapshot = fields.equals(TYPE, SNAPSHOT);
    let result: number = RESULT.control;
    for (let row = 0; row < items.count; row++) {
      const o = row * items.width;
      const one = this.item(o, snapshot, trades, book, ticker);
      result = result === RESULT.control ? one : worse(result, one);
    }
    return result;
  }

  private item(o: number, snapshot: boolean, trades: boolean, book: boolean, ticker: boolean): number {
    const { items } = this;
    if (!items.present(o + SYMBOL)) return RESULT.missingField;
    const slot = this.context.streams.find(items.bytes, items.from[o + SYMBOL], items.to[o + SYMBOL]);
    if (slot < 0) return RESULT.unwanted;
    if (trades) return snapshot ? this.replayedTrade(o, slot) : this.trade(o, slot);
    if (book) return this.book(o, slot, snapshot);
    return ticker ? this.ticker(o, slot) : this.candle(o, slot, snapshot);
  }

  /** Kraken never says that a candle is finished: it is when the next one begins. */
  private candle(o: number, slot: number, snapshot: boolean): number {
    const { items } = this;
    const { view, from, to } = items;
    const { rows } = this.context;
    if (!items.present(o + INTERVAL) || !items.present(o + BEGIN)) return RESULT.missingField;
    const candles = this.candles[u64At(items, o + INTERVAL)];
    if (candles === undefined) return RESULT.unwanted;
    if (parseIsoTime(view, from[o + BEGIN], to[o + BEGIN]) !== TIME_RESULT.ok) return RESULT.badTime;
    const { table, seconds, sequence } = candles;
    const begin = TIME[0];
    if (slot >= candles.newest.length) this.growNewest(candles);
    if (snapshot && this.isHistory(candles, slot, begin)) return RESULT.control;
    for (let field = OPEN; field <= CLOSE; field++) if (!items.present(o + field)) return RESULT.missingField;
    if (!items.present(o + VOLUME)) return RESULT.missingField;
    if (!rows.begin(table, slot)) return RESULT.ringFull;
    klineTime(rows, table, begin, seconds, false);
    if (!klineNumbers(rows, items, o, CANDLE, table)) return RESULT.badNumber;
    if (snapshot) rows.flag(REPLAYED);
    candles.newest[slot] = Math.max(begin, candles.newest[slot]);
    sequence.touch(slot);
    rows.commit(table);
    return RESULT.rows;
  }

  /** Of the history on subscribing only what may have been missed is of use. */
  private isHistory({ newest, seconds }: FollowedCandles, slot: number, begin: number): boolean {
    const age = this.context.rows.received[0] - begin - seconds;
    return begin < newest[slot] || age > HISTORY_SECONDS;
  }

  /** Cold. */
  private growNewest(candles: FollowedCandles): void {
    const { newest } = candles;
    candles.newest = new Float64Array(this.context.streams.size);
    candles.newest.set(newest);
  }

  private book(o: number, slot: number, snapshot: boolean): number {
    const { items } = this;
    const { books } = this.context;
    if (books === undefined) return RESULT.unwanted;
    if (!snapshot && !books.isLive(slot)) {
      books.broken(slot, 'unknown');
      return RESULT.unsynced;
    }
    if (snapshot) this.checked.begin(slot, true);
    let result = this.apply(slot, BOOK_SIDE.bid, o + BIDS);
    if (result === RESULT.rows) result = this.apply(slot, BOOK_SIDE.ask, o + ASKS);
    if (result !== RESULT.rows) return this.unreadable(slot, result);
    const at = o + CHECKSUM;
    const checked = items.present(at);
    const sent = u64At(items, at);
    if (checked && sent < 0) return this.unreadable(slot, RESULT.badNumber);
    const fits = !checked || this.checked.agrees(slot, sent);
    // what does not fit is kept, but nothing can be built on it
    const count = this.levelsAt(o + BIDS) + this.levelsAt(o + ASKS);
    this.writer.begin(slot, count, snapshot, fits ? 0 : UNSYNCED);
    if (checked) this.writer.sentChecksum(sent);
    if (items.present(o + TIMESTAMP) && !this.writer.iso(items, o + TIMESTAMP))
      return this.unreadable(slot, RESULT.badTime);
    if (count === 0) result = snapshot ? this.writer.emptySnapshot() : RESULT.control;
    else result = this.write(BOOK_SIDE.bid, o + BIDS);
    if (result === RESULT.rows) result = this.write(BOOK_SIDE.ask, o + ASKS);
    if (result > RESULT.ringFull) return this.unreadable(slot, result);
    if (result === RESULT.ringFull) books.broken(slot, 'ring_full');
    else if (snapshot) books.snapshot(slot, 0);
    else if (fits) books.follow(slot, 0);
    // what is missing came before this event: the gap begins with the last one that did fit
    if (!fits) books.broken(slot, 'checksum');
    return result;
  }

  private unreadable(slot: number, result: number): number {
    this.context.books?.broken(slot, 'malformed');
    return result;
  }

  /** Levels of the side at `at`, which may be missing. */
  private levelsAt(at: number): number {
    const { kind, from, to } = this.items;
    return kind[at] === KIND.nested ? to[at] - from[at] : 0;
  }

  private apply(slot: number, side: typeof BOOK_SIDE.bid | typeof BOOK_SIDE.ask, at: number): number {
    const { checked, items, levels } = this;
    if (items.kind[at] !== KIND.nested) return RESULT.rows;
    return checked.apply(slot, side, levels, items.from[at], items.to[at]);
  }

  private write(side: number, at: number): number {
    const { items, levels, writer } = this;
    if (items.kind[at] !== KIND.nested) return RESULT.rows;
    return writer.side(side, levels, items.from[at], items.to[at]);
  }

  /** Every symbol of a request is acknowledged or refused by itself. */
  control(document: JsonValue): number {
    if (!isObject(document)) return RESULT.unknownKind;
    const method = stringOf(document, 'method');
    if (method === undefined && stringOf(document, 'error') === undefined) return this.notice(document);
    if (method === 'pong' || method === 'unsubscribe') return RESULT.control;
    if (method === 'subscribe' && document.success === true && isObject(document.result))
      this.confirmed(document.result);
    else this.refused(document);
    return RESULT.control;
  }

  /** `{"channel":"status","type":"update","data":[{"system":"online", …}]}` */
  private notice(document: JsonObject): number {
    const channel = stringOf(document, 'channel') ?? '';
    const [status] = Array.isArray(document.data) ? document.data : [];
    if (channel === 'status' && isObject(status) && stringOf(status, 'system') === 'maintenance')
      this.context.control({ kind: 'closing', reason: 'the exchange has announced maintenance' });
    return NOTICES.has(channel) ? RESULT.control : RESULT.unknownKind;
  }

  private confirmed(result: JsonObject): void {
    const native = stringOf(result, 'symbol');
    const channel = this.channelOf(result);
    if (native === undefined || channel === undefined) return;
    if (channel === 'book') this.confirmDepth(native, integerOf(result.depth));
    this.context.control({ kind: 'state', subscriptions: [{ channel, native }] });
  }

  private confirmDepth(native: string, depth: number | undefined): void {
    const slot = this.context.streams.slotOf(native);
    if (slot >= 0 && depth !== undefined && depth >= 1) this.checked.confirmed(slot, depth);
  }

  /** The channel of an acknowledgement; older ones do not name the trigger of a ticker. */
  private channelOf(result: JsonObject): string | undefined {
    const { sequences, books } = this.context;
    const ours = [...sequences.keys(), ...(books === undefined ? [] : ['book'])];
    return ours.find((channel) =>
      Object.entries(WIRE[channel]).every(([key, value]) => {
        if (key === 'depth' || result[key] === undefined) return true;
        return (typeof value === 'number' ? integerOf(result[key]) : result[key]) === value;
      }),
    );
  }

  private refused(document: JsonObject): void {
    const reason = stringOf(document, 'error') ?? 'no reason given';
    const id = integerOf(document.req_id);
    const native = stringOf(document, 'symbol');
    // asked for again because its acknowledgement was late
    if (reason === ALREADY && id !== undefined) this.context.control({ kind: 'accepted', id, native });
    else if (reason === TOO_FREQUENT) this.context.control({ kind: 'throttled', id, reason });
    else this.context.control({ kind: 'refused', id, native, whole: native === undefined, reason });
  }
}

function integerOf(value: JsonValue | undefined): number | undefined {
  const number = value instanceof JsonNumber ? Number(value.text) : value;
  return typeof number === 'number' && Number.isSafeInteger(number) ? number : undefined;
}

/** One message per channel and so many symbols; the snapshot of trades bridges a short disconnect. */
function request(
  method: 'subscribe' | 'unsubscribe',
  subscriptions: readonly Subscription[],
  firstId: number,
): ControlRequest[] {
  const snapshot = method === 'subscribe' ? { snapshot: true } : {};
  return requestsOf(byChannel(subscriptions).values(), SYMBOLS_PER_REQUEST, firstId, (id, covers) => {
    const symbol = covers.map((s) => s.native);
    const params = { ...WIRE[covers[0].channel], symbol, ...snapshot };
    return JSON.stringify({ method, params, req_id: id });
  });
}

const kraken: Exchange = {
  id: 'kraken',
  title: 'Kraken',
  defaults: {
    ws_endpoint: 'wss://ws.kraken.com',
    rest_endpoint: 'https://api.kraken.com',
    max_connections: 10,
    symbols_per_connection: 100,
    channels: ['ticker', 'trades'],
    enabled: false,
  },
  sampleSymbols: [
    'BTC/USD',
    'ETH/USD',
    'SOL/USD',
    'XRP/USD',
    'ADA/USD',
    'DOGE/USD',
    'LTC/USD',
    'LINK/USD',
    'AVAX/USD',
    'DOT/USD',
  ],
  channels: {
    ticker: { table: MD, ids: 'none' },
    trades: { table: TRADES, ids: 'contiguous' },
    bbo: { table: BBO, ids: 'none', route: 'bbo' },
    book: { table: BOOK, ids: 'book' },
    ...klineChannels(INTERVALS),
  },
  evidence: {
    trades: { wire: '`trade`', from: 'recordings of 2026' },
    book: {
      wire: '`book`',
      from: 'recordings of 2026, all checksums recomputed',
      loss: 'checksum of every event',
    },
    'ticker bbo klines': {
      wire: '`ticker` (two triggers) `ohlc`',
      from: 'single messages, documentation',
    },
  },
  book: RULE,
  // about one request a second is safe
  limits: { requestsPerSecond: 5, connectsPerMinute: 14, restPerMinute: 50 },
  backfill: BACKFILL,
  keepAlive: { everyMs: 20_000, onlyWhenQuiet: true, text: '{"method":"ping"}' },
  websocketUrl: (endpoint) => `${endpoint.replace(/\/+$/, '')}/v2`,
  listSymbols,
  subscribe: (subscriptions, firstId) => request('subscribe', subscriptions, firstId),
  unsubscribe: (subscriptions, firstId) => request('unsubscribe', subscriptions, firstId),
  originsOf: ({ channel, data }) =>
    streamsNamed(
      Object.keys(WIRE).filter((name) => WIRE[name].channel === channel),
      objectsOf(data).map(({ symbol }) => symbol),
    ),
  createParser: (context) => new KrakenParser(context),
};

export default kraken;

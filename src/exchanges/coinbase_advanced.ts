/**
 * HOT: Coinbase Advanced Trade (`advanced-trade-ws`); the same markets as Coinbase Exchange (coinbase.ts), with other
 * messages. Runs in shard threads; found by its file name.
 *
 * Batches in an envelope with a time of its own. `sequence_num` counts all frames of a connection: a gap is a lost frame
 * of any channel. `trade_id` grows by one per product, so every gap is a loss there, too; trades come with the newest
 * first and with the maker's side. `X-USDC` is another name of `X-USD`, and what is sent carries the latter.
 *
 * Source: docs.cdp.coinbase.com, advanced-trade/websocket, and recorded messages.
 */
import { SYMBOL_BYTES_MAX } from '../base/limits.js';
import { namedSide, SocketBooks } from '../feed/books/socket_books.js';
import { klineNumbers, klineTime } from '../feed/channels/klines.js';
import type { Sequence } from '../feed/continuity/sequence.js';
import type {
  ControlEvent,
  ControlRequest,
  Exchange,
  FetchJson,
  MessageParser,
  ParserContext,
  Subscription,
  SymbolInfo,
} from '../feed/exchange.js';
import { isObject, type JsonObject, type JsonValue, objectsOf, stringOf } from '../feed/json/document.js';
import { JsonFields, KIND, kindOf, textOf } from '../feed/json/fields.js';
import { JsonList } from '../feed/json/lists.js';
import type { WriteRow } from '../feed/rows/compile_row.js';
import { RESULT, worse } from '../feed/rows/result.js';
import type { RowMapping } from '../feed/rows/row_mapping.js';
import { RowTemplates } from '../feed/rows/templates.js';
import { arePresent, isNewestFirst, u64At } from '../feed/rows/values.js';
import { flag } from '../schema/flags.js';
import { BOOK, KLINE_INTERVALS, KLINES, MD, SIDE, TRADES } from '../schema/tables.js';
import { refusal, SAMPLE_SYMBOLS, subscriptionsOf, symbolOf } from './coinbase.js';
import { ADVANCED_BACKFILL, ADVANCED_HISTORY } from './rest/coinbase.js';

/** Name of each channel of ours in its subscriptions. */
const CHANNELS = { trades: 'market_trades', ticker: 'ticker', book: 'level2', klines_5m: 'candles' };
const OURS: ReadonlyMap<string, string> = new Map(
  Object.entries(CHANNELS).map(([channel, wire]): [string, string] => [wire, channel]),
);
/** Keeps a connection alive, which would be closed after a minute without messages. */
const HEARTBEATS_CHANNEL = 'heartbeats';

/** of the envelope */
const KEYS = ['channel', 'timestamp', 'sequence_num', 'events'] as const;
const [CHANNEL, TIMESTAMP, SEQUENCE_NUM, EVENTS] = KEYS.keys();
const EVENT_KEYS = ['type', 'trades', 'tickers', 'product_id', 'updates', 'candles'] as const;
const [EVENT_TYPE, TRADES_KEY, TICKERS_KEY, EVENT_PRODUCT, UPDATES, CANDLES] = EVENT_KEYS.keys();
// biome-ignore format: a list
const ITEM_KEYS = ['product_id', 'trade_id', 'side', 'size', 'price', 'time', 'best_bid', 'best_ask', 'volume_24_h'] as const;
const [PRODUCT, TRADE_ID, SIDE_KEY, SIZE, PRICE, TIME, BID, ASK, VOLUME] = ITEM_KEYS.keys();
const UPDATE_KEYS = ['side', 'price_level', 'new_quantity'] as const;
const [UPDATE_SIDE, PRICE_LEVEL, NEW_QUANTITY] = UPDATE_KEYS.keys();
const CANDLE_KEYS = ['product_id', 'start', 'high', 'low', 'open', 'close', 'volume'] as const;
const [CANDLE_PRODUCT, START, HIGH, LOW, OPEN, CLOSE, CANDLE_VOLUME] = CANDLE_KEYS.keys();

const text = (ascii: string) => Buffer.from(ascii);
const MARKET_TRADES = text('market_trades');
const TICKERS = text('ticker');
const L2_DATA = text('l2_data');
const CANDLES_CHANNEL = text('candles');
const HEARTBEATS = text('heartbeats');
/** the channels of messages, the most frequent first */
const MESSAGE_CHANNELS = [MARKET_TRADES, TICKERS, L2_DATA, CANDLES_CHANNEL, HEARTBEATS];
const SNAPSHOT = text('snapshot');
const BID_SIDE = text('bid');
const OFFER_SIDE = text('offer');
const DOLLARS = text('-USD');
const LETTER_C = 0x43;

const CANDLE_REQUIRES = [CANDLE_PRODUCT, START, HIGH, LOW, OPEN, CLOSE, CANDLE_VOLUME];
const CANDLE_NUMBERS = { open: OPEN, high: HIGH, low: LOW, close: CLOSE, volume: CANDLE_VOLUME };
const CANDLE_TABLE = KLINES['5m'];
const CANDLE_SECONDS = KLINE_INTERVALS['5m'];
const REPLAYED = flag('replayed');

const TRADE: RowMapping = {
  table: TRADES,
  columns: {
    trade_id: { id: TRADE_ID },
    trade_price: { decimal: PRICE, positive: true },
    trade_size: { decimal: SIZE, positive: true },
    // the maker's side is sent
    trade_side: { text: SIDE_KEY, values: { SELL: SIDE.buy, BUY: SIDE.sell } },
  },
  time: { iso: TIME },
  accept: 'contiguous',
};
const REPLAYED_TRADE: RowMapping = { ...TRADE, flags: REPLAYED };
const TICKER: RowMapping = {
  table: MD,
  columns: {
    price: { decimal: PRICE, positive: true },
    best_bid: { decimal: BID },
    best_ask: { decimal: ASK },
    volume_24h: { decimal: VOLUME },
  },
  time: { iso: TIMESTAMP, orReceipt: true, inEnvelope: true },
  accept: 'all',
};

class AdvancedTradeParser implements MessageParser {
  private readonly items = new JsonFields(ITEM_KEYS);
  private readonly updates = new JsonFields(UPDATE_KEYS);
  private readonly candles = new JsonFields(CANDLE_KEYS);
  private readonly events = new JsonFields(EVENT_KEYS, {
    trades: new JsonList(this.items),
    tickers: new JsonList(this.items),
    updates: new JsonList(this.updates),
    candles: new JsonList(this.candles),
  });
  readonly fields = new JsonFields(KEYS, { events: new JsonList(this.events) });
  readonly templates: RowTemplates;
  private readonly trade: WriteRow;
  private readonly replayedTrade: WriteRow;
  private readonly ticker: WriteRow;
  private readonly candleSequence: Sequence | undefined;
  private readonly books: SocketBooks;
  /** [number of the newest frame of the connection], -1 before the first */
  private readonly frame = Float64Array.of(-1);
  /** begin of the newest candle of each slot, seconds */
  private newestCandle = new Float64Array(0);
  private readonly alias = new Uint8Array(SYMBOL_BYTES_MAX);

  constructor(private readonly context: ParserContext) {
    const { fields, items } = this;
    const { sequences } = context;
    this.candleSequence = sequences.get('klines_5m');
    // the time of an envelope is that of its tickers alone
    const ignored = [[fields, [TIMESTAMP]]] as const;
    const number = { field: SEQUENCE_NUM, newest: this.frame };
    this.templates = new RowTemplates(context, fields, ignored, number);
    const symbol = { slots: items, field: PRODUCT, inRow: true };
    this.trade = this.templates.row(TRADE, items, sequences.get('trades'), symbol);
    // history comes once
    this.replayedTrade = this.templates.row(REPLAYED_TRADE, items, sequences.get('trades'));
    this.ticker = this.templates.row(TICKER, items, sequences.get('ticker'), symbol);
    this.books = new SocketBooks(context);
  }

  /** A new connection counts its frames anew. */
  reconnected(): void {
    this.frame[0] = -1;
  }

  emit(): number {
    const { fields, events } = this;
    if (fields.kind[EVENTS] !== KIND.nested) return RESULT.noMatch;
    let c = 0;
    while (c < MESSAGE_CHANNELS.length && !fields.equals(CHANNEL, MESSAGE_CHANNELS[c])) c++;
    if (c === MESSAGE_CHANNELS.length) return RESULT.noMatch;
    const channel = MESSAGE_CHANNELS[c];
    const inOrder = !fields.present(SEQUENCE_NUM) || this.countFrame(u64At(fields, SEQUENCE_NUM));
    let result: number = RESULT.control;
    if (channel === HEARTBEATS) return result;
    for (let row = 0; row < events.count; row++) {
      const one = this.event(channel, row * events.width, inOrder);
      result = result === RESULT.control ? one : worse(result, one);
    }
    return result;
  }

  /** `inOrder`: no later frame came before this one. */
  private event(channel: Uint8Array, e: number, inOrder: boolean): number {
    const snapshot = this.events.equals(e + EVENT_TYPE, SNAPSHOT);
    if (channel === MARKET_TRADES)
      return this.batch(e + TRADES_KEY, snapshot ? this.replayedTrade : this.trade);
    if (channel === TICKERS) return this.batch(e + TICKERS_KEY, this.ticker);
    return channel === L2_DATA
      ? this.book(e, snapshot, inOrder)
      : this.candleEvent(e, snapshot ? REPLAYED : 0);
  }

  /**
   * Follows the numbers of a connection's frames; false for one that a later one has overtaken. A book that could have
   * changed in a lost frame is not complete any more.
   */
  private countFrame(number: number): boolean {
    const before = this.frame[0];
    if (!(number > before)) return false;
    this.frame[0] = number;
    if (before >= 0 && number > before + 1) this.context.lost(number - before - 1);
    return true;
  }

  private slot(fields: JsonFields, at: number): number {
    const slot = this.context.streams.find(fields.bytes, fields.from[at], fields.to[at]);
    return slot >= 0 ? slot : this.slotOfAlias(fields, at);
  }

  /** A subscriber of `BTC-USDC` is sent `BTC-USD`. */
  private slotOfAlias(fields: JsonFields, at: number): number {
    const { alias } = this;
    const { bytes } = fields;
    const from = fields.from[at];
    const length = fields.to[at] - from;
    if (length <= DOLLARS.length || length >= alias.length || !fields.endsWith(at, DOLLARS)) return -1;
    for (let i = 0; i < length; i++) alias[i] = bytes[from + i];
    alias[length] = LETTER_C;
    return this.context.streams.find(alias, 0, length + 1);
  }

  /** A list of trades or tickers, of which the latter have no order by an id. */
  private batch(list: number, row: WriteRow): number {
    const { events, items } = this;
    if (events.kind[list] !== KIND.nested) return RESULT.missingField;
    const first = events.from[list];
    const behind = events.to[list];
    const reversed = row !== this.ticker && isNewestFirst(items, TRADE_ID, first, behind);
    let result: number = RESULT.control;
    for (let n = first; n < behind; n++) {
      const o = (reversed ? first + behind - 1 - n : n) * items.width;
      const known = items.present(o + PRODUCT);
      const one = known ? row(o, this.slot(items, o + PRODUCT)) : RESULT.missingField;
      result = result === RESULT.control ? one : worse(result, one);
    }
    return result;
  }

  private book(e: number, snapshot: boolean, inOrder: boolean): number {
    const { fields, events, updates, books } = this;
    const list = e + UPDATES;
    if (!events.present(e + EVENT_PRODUCT) || events.kind[list] !== KIND.nested) {
      // any of the books may have missed something
      this.context.books?.lost('malformed', true);
      return RESULT.missingField;
    }
    const slot = this.slot(events, e + EVENT_PRODUCT);
    const first = events.from[list];
    const behind = events.to[list];
    if (!inOrder && slot >= 0 && this.context.books !== undefined) return RESULT.unsynced;
    // the time of the envelope: those of single updates differ within an event and are older than its snapshot
    let result = books.begin(slot, behind - first, snapshot, fields, TIMESTAMP);
    if (result !== RESULT.rows) return result;
    if (fields.present(SEQUENCE_NUM)) books.levels.sequence(fields, SEQUENCE_NUM);
    for (let n = first; n < behind && result === RESULT.rows; n++) {
      const o = n * updates.width;
      const side = namedSide(updates, o + UPDATE_SIDE, BID_SIDE, OFFER_SIDE);
      result = books.level(side, updates, o + PRICE_LEVEL, o + NEW_QUANTITY);
    }
    return books.end(result);
  }

  /** Candles; one is finished once a later one is known. */
  private candleEvent(e: number, flags: number): number {
    const { events } = this;
    const list = e + CANDLES;
    if (events.kind[list] !== KIND.nested) return RESULT.missingField;
    const first = events.from[list];
    const behind = events.to[list];
    for (let n = first; n < behind; n++) this.noteCandle(n * this.candles.width);
    let result: number = RESULT.control;
    for (let n = first; n < behind; n++) {
      const one = this.candle(n * this.candles.width, flags);
      result = result === RESULT.control ? one : worse(result, one);
    }
    return result;
  }

  private startOf(o: number): number {
    return u64At(this.candles, o + START);
  }

  /** Keeps the begin of the newest candle of each symbol. */
  private noteCandle(o: number): void {
    const slot = this.candles.present(o + CANDLE_PRODUCT) ? this.slot(this.candles, o + CANDLE_PRODUCT) : -1;
    const known = this.newestCandle;
    if (slot >= known.length) (this.newestCandle = new Float64Array(this.context.streams.size)).set(known);
    if (slot >= 0) this.newestCandle[slot] = Math.max(this.newestCandle[slot], this.startOf(o));
  }

  private candle(o: number, flags: number): number {
    const { candles, candleSequence } = this;
    const { rows } = this.context;
    if (!arePresent(candles, o, CANDLE_REQUIRES)) return RESULT.missingField;
    const start = this.startOf(o);
    if (start < 0 || start > 0xffffffff - CANDLE_SECONDS) return RESULT.badTime;
    const slot = this.slot(candles, o + CANDLE_PRODUCT);
    if (slot < 0 || candleSequence === undefined) return RESULT.unwanted;
    if (!rows.begin(CANDLE_TABLE, slot)) return RESULT.ringFull;
    klineTime(rows, CANDLE_TABLE, start, CANDLE_SECONDS, start < this.newestCandle[slot]);
    if (!klineNumbers(rows, candles, o, CANDLE_NUMBERS, CANDLE_TABLE)) return RESULT.badNumber;
    rows.flag(flags);
    candleSequence.touch(slot);
    rows.commit(CANDLE_TABLE);
    return RESULT.rows;
  }

  control(document: JsonValue): number {
    if (!isObject(document)) return RESULT.unknownKind;
    const number = document.sequence_num;
    this.countFrame(Number(textOf(number, kindOf(number)) || -1));
    const event = readControl(document);
    if (event === undefined) return RESULT.unknownKind;
    this.context.control(event);
    return RESULT.control;
  }
}

/** `subscriptions` lists everything that is subscribed now. */
function readControl(document: JsonObject): ControlEvent | undefined {
  if (stringOf(document, 'type') === 'error') return refusal(document);
  if (stringOf(document, 'channel') !== 'subscriptions') return undefined;
  const states = objectsOf(document.events).map(({ subscriptions }) => subscriptions);
  const subscriptions = states
    .filter(isObject)
    .flatMap(Object.entries)
    .flatMap(([name, products]) => subscriptionsOf(OURS, name, products))
    // X-USDC is another name of X-USD; which of both was subscribed is not known
    .flatMap((s) => [s, { ...s, native: `${s.native}C` }]);
  return { kind: 'state', subscriptions };
}

/** One message per channel. */
function requests(type: string, subscriptions: readonly Subscription[], firstId: number): ControlRequest[] {
  return Object.entries(CHANNELS)
    .flatMap(([ours, channel]) => {
      const covers = subscriptions.filter((s) => s.channel === ours);
      const product_ids = covers.map((s) => s.native);
      return covers.length === 0 ? [] : [{ text: JSON.stringify({ type, product_ids, channel }), covers }];
    })
    .map((request, i) => ({ id: firstId + i, ...request }));
}

/** A product with an alias is another name of that one. */
async function listSymbols(fetchJson: FetchJson): Promise<SymbolInfo[]> {
  const document = await fetchJson('/api/v3/brokerage/market/products?product_type=SPOT');
  return objectsOf(isObject(document) ? document.products : undefined).flatMap((entry) => {
    const native = stringOf(entry, 'product_id') ?? '';
    if (native === '') return [];
    const listed = symbolOf(native, entry, ['price_increment', 'base_increment']);
    const closed = entry.is_disabled === true || entry.view_only === true;
    const alias = (entry.alias ?? '') !== '';
    const since = Date.parse(stringOf(entry, 'new_at') ?? '');
    const listedMs = since > 0 ? since : undefined;
    const halted = closed && listed.state !== 'delisted' ? ({ state: 'halted' } as const) : {};
    return [{ ...listed, ...halted, alias, listedMs }];
  });
}

const advanced: Exchange = {
  id: 'coinbase-advanced',
  title: 'Coinbase Advanced Trade',
  defaults: {
    ws_endpoint: 'wss://advanced-trade-ws.coinbase.com',
    rest_endpoint: 'https://api.coinbase.com',
    max_connections: 10,
    symbols_per_connection: 50,
    channels: ['ticker', 'trades'],
    enabled: false,
  },
  sampleSymbols: SAMPLE_SYMBOLS,
  channels: {
    ticker: { table: MD, ids: 'none' },
    trades: { table: TRADES, ids: 'contiguous' },
    book: { table: BOOK, ids: 'book' },
    klines_5m: { table: KLINES['5m'], ids: 'none', interval: '5m' },
  },
  evidence: {
    'trades ticker book klines_5m': {
      wire: '`market_trades` `ticker` `level2` `candles`',
      from: 'one recording of 2026',
      loss: '`sequence_num` of the connection',
    },
  },
  // eight messages a second for all connections of an address together
  limits: { requestsPerSecond: 4, connectsPerMinute: 60, restPerMinute: 300 },
  backfill: ADVANCED_BACKFILL,
  historyEndpoint: ADVANCED_HISTORY,
  keepAlive: { everyMs: 15_000, onlyWhenQuiet: true },
  websocketUrl: (endpoint) => endpoint,
  listSymbols,
  subscribe: (subscriptions, firstId) => [
    ...requests('subscribe', subscriptions, firstId),
    // last, and again with every change, which does no harm
    {
      id: firstId + subscriptions.length,
      text: JSON.stringify({ type: 'subscribe', channel: HEARTBEATS_CHANNEL }),
      covers: [],
    },
  ],
  unsubscribe: (subscriptions, firstId) => requests('unsubscribe', subscriptions, firstId),
  createParser: (context) => new AdvancedTradeParser(context),
};

export default advanced;

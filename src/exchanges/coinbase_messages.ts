/**
 * HOT: the messages of Coinbase Exchange and Coinbase Advanced Trade (coinbase.ts). Shard threads.
 *
 * `trade_id` is the same at both and grows by one per product, so every gap is a loss. Both send the maker's side with
 * a trade, and the Exchange the taker's with a ticker.
 * Exchange: `heartbeat.last_trade_id` shows a loss at the end of a stream; nothing shows a loss in a book.
 * Advanced Trade: batches in an envelope with a time of its own. `sequence_num` counts all frames of a connection, so a
 * gap is a lost frame of nobody knows which channel. Trades come with the newest first. `X-USDC` is another name of
 * `X-USD`, and what is sent carries the latter.
 */
import { SYMBOL_BYTES_MAX } from '../base/limits.js';
import type { Books } from '../feed/books/books.js';
import { klineNumbers, klineTime } from '../feed/channels/klines.js';
import { BOOK_SIDE, Levels } from '../feed/channels/levels.js';
import type { Sequence } from '../feed/continuity/sequence.js';
import type { ControlEvent, MessageParser, ParserContext } from '../feed/exchange.js';
import { isObject, type JsonObject, type JsonValue } from '../feed/json/document.js';
import { JsonFields, KIND, kindOf, textOf } from '../feed/json/fields.js';
import { JsonList, JsonTuples } from '../feed/json/lists.js';
import type { WriteRow } from '../feed/rows/compile_row.js';
import { RESULT, worse } from '../feed/rows/result.js';
import type { RowMapping } from '../feed/rows/row_mapping.js';
import type { SymbolPlace } from '../feed/rows/template_codegen.js';
import { RowTemplates } from '../feed/rows/templates.js';
import { arePresent, isNewestFirst, u64At } from '../feed/rows/values.js';
import { flag } from '../schema/flags.js';
import { KLINE_INTERVALS, KLINES, MD, SIDE, TRADES } from '../schema/tables.js';

/** of single trades and tickers, which Advanced Trade sends in lists */
const ITEM_KEYS = [
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
] as const;
/** of whole messages, which begin with the same so that both are read alike */
const KEYS = [
  ...ITEM_KEYS,
  'channel',
  'timestamp',
  'events',
  'sequence_num',
  'asks',
  'bids',
  'changes',
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
  SEQUENCE_NUM,
  ASKS,
  BIDS,
  CHANGES,
] = KEYS.keys();
const EVENT_KEYS = ['type', 'trades', 'tickers', 'product_id', 'updates', 'candles'] as const;
const [EVENT_TYPE, TRADES_KEY, TICKERS_KEY, EVENT_PRODUCT, UPDATES, CANDLES] = EVENT_KEYS.keys();
const UPDATE_KEYS = ['side', 'price_level', 'new_quantity'] as const;
const [UPDATE_SIDE, PRICE_LEVEL, NEW_QUANTITY] = UPDATE_KEYS.keys();
const CANDLE_KEYS = ['product_id', 'start', 'high', 'low', 'open', 'close', 'volume'] as const;
const [CANDLE_PRODUCT, START, HIGH, LOW, OPEN, CLOSE, CANDLE_VOLUME] = CANDLE_KEYS.keys();

const text = (ascii: string) => Buffer.from(ascii);
const MATCH = text('match');
const LAST_MATCH = text('last_match');
const TICKER_TYPE = text('ticker');
const HEARTBEAT_TYPE = text('heartbeat');
const SNAPSHOT = text('snapshot');
const L2_UPDATE = text('l2update');
const BUY = text('buy');
const SELL = text('sell');
/** Advanced Trade */
const MARKET_TRADES = text('market_trades');
const L2_DATA = text('l2_data');
const CANDLES_CHANNEL = text('candles');
const HEARTBEATS = text('heartbeats');
/** its channels, the most frequent first */
const ADVANCED = [MARKET_TRADES, TICKER_TYPE, L2_DATA, CANDLES_CHANNEL, HEARTBEATS];
const DOLLARS = text('-USD');
const LETTER_C = 0x43;
const BID_SIDE = text('bid');
const OFFER_SIDE = text('offer');

const HEARTBEAT_REQUIRES = [PRODUCT, LAST_TRADE_ID];
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
    // the maker's side is sent, by Advanced Trade in capitals
    trade_side: {
      text: SIDE_KEY,
      values: { sell: SIDE.buy, buy: SIDE.sell, SELL: SIDE.buy, BUY: SIDE.sell },
    },
    maker_order_id: { uuid: MAKER },
    taker_order_id: { uuid: TAKER },
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
    volume: { decimal: LAST_SIZE },
    last_size: { decimal: LAST_SIZE },
    volume_24h: { decimal: VOLUME },
    // here the taker's side is sent
    side: { text: SIDE_KEY, values: { buy: SIDE.buy, sell: SIDE.sell } },
  },
  time: { iso: TIME, orReceipt: true },
  accept: 'all',
};
/** Advanced Trade sends the time with the envelope alone. */
const ADVANCED_TICKER: RowMapping = {
  ...TICKER,
  columns: { ...TICKER.columns, volume_24h: { decimal: VOLUME_24_H } },
  time: { iso: TIMESTAMP, orReceipt: true, inEnvelope: true },
};
/** How the rows of an address are written. */
interface Writers {
  readonly trade: WriteRow;
  readonly replayedTrade: WriteRow;
  readonly ticker: WriteRow;
}

export class CoinbaseParser implements MessageParser {
  private readonly items = new JsonFields(ITEM_KEYS);
  private readonly updates = new JsonFields(UPDATE_KEYS);
  private readonly candles = new JsonFields(CANDLE_KEYS);
  private readonly events = new JsonFields(EVENT_KEYS, {
    trades: new JsonList(this.items),
    tickers: new JsonList(this.items),
    updates: new JsonList(this.updates),
    candles: new JsonList(this.candles),
  });
  /** price and size */
  private readonly asks = new JsonTuples(2);
  private readonly bids = new JsonTuples(2);
  /** side, price and size */
  private readonly changes = new JsonTuples(3);
  readonly fields = new JsonFields(KEYS, {
    events: new JsonList(this.events),
    asks: this.asks,
    bids: this.bids,
    changes: this.changes,
  });

  private readonly tradeSequence: Sequence | undefined;
  private readonly candleSequence: Sequence | undefined;
  readonly templates: RowTemplates;
  private readonly exchange: Writers;
  private readonly advancedTrade: Writers;
  private readonly books: Books | undefined;
  private readonly levels: Levels;
  /** [number of the newest frame of a connection to Advanced Trade], -1 before the first */
  private readonly frame = Float64Array.of(-1);
  /** begin of the newest candle of each slot, seconds */
  private newestCandle = new Float64Array(0);
  private readonly alias = new Uint8Array(SYMBOL_BYTES_MAX);

  /** `readControl`: what a document that is no data says; undefined when nothing is known about it. */
  constructor(
    private readonly context: ParserContext,
    private readonly readControl: (document: JsonObject) => ControlEvent | undefined,
  ) {
    this.tradeSequence = context.sequences.get('trades');
    this.candleSequence = context.sequences.get('klines_5m');
    // the time of an envelope is that of its tickers alone
    const ignored = [[this.fields, [TRADE_ID, TIMESTAMP]]] as const;
    const counter = { field: SEQUENCE_NUM, newest: this.frame };
    this.templates = new RowTemplates(context, this.fields, ignored, counter);
    this.exchange = this.writers(this.fields, TICKER, { slots: this.fields, field: PRODUCT });
    const product = { slots: this.items, field: PRODUCT, inRow: true };
    this.advancedTrade = this.writers(this.items, ADVANCED_TICKER, product);
    this.books = context.books;
    this.levels = new Levels(context.rows);
  }

  private writers(slots: JsonFields, ticker: RowMapping, symbol: SymbolPlace): Writers {
    const { sequences } = this.context;
    const row = (mapping: RowMapping, channel: string, place?: SymbolPlace) =>
      this.templates.row(mapping, slots, sequences.get(channel), place);
    return {
      trade: row(TRADE, 'trades', symbol),
      // history comes once
      replayedTrade: row(REPLAYED_TRADE, 'trades'),
      ticker: row(ticker, 'ticker', symbol),
    };
  }

  emit(): number {
    const { fields } = this;
    if (fields.kind[EVENTS] === KIND.nested) return this.advanced();
    if (fields.equals(TYPE, MATCH)) return this.write(fields, 0, this.exchange.trade);
    if (fields.equals(TYPE, L2_UPDATE)) return this.bookChange();
    if (fields.equals(TYPE, TICKER_TYPE)) return this.write(fields, 0, this.exchange.ticker);
    if (fields.equals(TYPE, HEARTBEAT_TYPE)) return this.heartbeat();
    if (fields.equals(TYPE, LAST_MATCH)) return this.write(fields, 0, this.exchange.replayedTrade);
    return fields.equals(TYPE, SNAPSHOT) ? this.bookSnapshot() : RESULT.noMatch;
  }

  /** A new connection counts its frames anew. */
  reconnected(): void {
    this.frame[0] = -1;
  }

  private slot(fields: JsonFields, at: number): number {
    const from = fields.from[at];
    const to = fields.to[at];
    const slot = this.context.streams.find(fields.bytes, from, to);
    return slot >= 0 ? slot : this.slotOfAlias(fields.bytes, from, to);
  }

  /** Who subscribed `BTC-USDC` is sent `BTC-USD`. */
  private slotOfAlias(bytes: Uint8Array, from: number, to: number): number {
    const { alias } = this;
    if (to - from < 5 || to - from >= alias.length || !isText(bytes, to - 4, to, DOLLARS)) return -1;
    for (let i = from; i < to; i++) alias[i - from] = bytes[i];
    alias[to - from] = LETTER_C;
    return this.context.streams.find(alias, 0, to - from + 1);
  }

  /** Most objects are one row. */
  private write(fields: JsonFields, o: number, row: WriteRow): number {
    return fields.present(o + PRODUCT) ? row(o, this.slot(fields, o + PRODUCT)) : RESULT.missingField;
  }

  /** Tells the sequence of the product's trades what the newest one is. */
  private heartbeat(): number {
    const { fields } = this;
    if (!arePresent(fields, 0, HEARTBEAT_REQUIRES)) return RESULT.control;
    const slot = this.slot(fields, PRODUCT);
    const newest = u64At(fields, LAST_TRADE_ID);
    if (slot >= 0 && newest >= 0) this.tradeSequence?.announce(slot, newest);
    return RESULT.control;
  }

  /** A book is about to be written; anything but `rows` is the end of it, else endBook() is. */
  private beginBook(slot: number, count: number, snapshot: boolean, time: number): number {
    const { books, levels, fields } = this;
    if (slot < 0 || books === undefined) return RESULT.unwanted;
    levels.begin(slot, count, snapshot);
    if (fields.present(time) && !levels.iso(fields, time))
      return this.endBook(slot, count, snapshot, RESULT.badTime);
    if (fields.present(SEQUENCE_NUM)) levels.sequence(fields, SEQUENCE_NUM);
    if (snapshot || books.isLive(slot)) return RESULT.rows;
    books.broken(slot, 'unknown');
    return RESULT.unsynced;
  }

  /** What became of the levels of a book, which is not complete any more when one could not be written. */
  private endBook(slot: number, count: number, snapshot: boolean, levels: number): number {
    let result = levels;
    if (count === 0 && result === RESULT.rows)
      result = snapshot ? this.levels.emptySnapshot() : RESULT.control;
    if (result >= RESULT.ringFull)
      this.books?.broken(slot, result === RESULT.ringFull ? 'ring_full' : 'malformed');
    else if (snapshot) this.books?.snapshot(slot, 0);
    else this.books?.follow(slot, 0);
    return result;
  }

  private level(side: number, node: JsonTuples | JsonFields, price: number, size: number): number {
    return side !== BOOK_SIDE.none && node.present(price) && node.present(size)
      ? this.levels.level(side, node, price, size)
      : this.levels.abandon(RESULT.missingField);
  }

  private bookSnapshot(): number {
    const { fields, asks, bids } = this;
    if (!fields.present(PRODUCT) || fields.kind[ASKS] !== KIND.nested || fields.kind[BIDS] !== KIND.nested)
      return RESULT.missingField;
    const slot = this.slot(fields, PRODUCT);
    const count = asks.count + bids.count;
    let result = this.beginBook(slot, count, true, TIME);
    if (result !== RESULT.rows) return result;
    for (let row = 0; row < asks.count && result === RESULT.rows; row++)
      result = this.level(BOOK_SIDE.ask, asks, row * 2, row * 2 + 1);
    for (let row = 0; row < bids.count && result === RESULT.rows; row++)
      result = this.level(BOOK_SIDE.bid, bids, row * 2, row * 2 + 1);
    return this.endBook(slot, count, true, result);
  }

  private bookChange(): number {
    const { fields, changes } = this;
    if (!fields.present(PRODUCT) || fields.kind[CHANGES] !== KIND.nested) return RESULT.missingField;
    const slot = this.slot(fields, PRODUCT);
    let result = this.beginBook(slot, changes.count, false, TIME);
    if (result !== RESULT.rows) return result;
    for (let row = 0; row < changes.count && result === RESULT.rows; row++) {
      const o = row * 3;
      const side = sideOf(changes, o, fields.bytes, BUY, SELL);
      result = this.level(side, changes, o + 1, o + 2);
    }
    return this.endBook(slot, changes.count, false, result);
  }

  /** Advanced Trade: one envelope for all channels. */
  private advanced(): number {
    const { fields, events } = this;
    let channel = 0;
    while (channel < ADVANCED.length && !fields.equals(CHANNEL, ADVANCED[channel])) channel++;
    if (channel === ADVANCED.length) return RESULT.noMatch;
    const inOrder = !fields.present(SEQUENCE_NUM) || this.countFrame(u64At(fields, SEQUENCE_NUM));
    let result: number = RESULT.control;
    if (ADVANCED[channel] === HEARTBEATS) return result;
    for (let row = 0; row < events.count; row++) {
      const e = row * this.events.width;
      const snapshot = events.equals(e + EVENT_TYPE, SNAPSHOT);
      let one: number;
      if (ADVANCED[channel] === MARKET_TRADES) one = this.trades(e, snapshot);
      else if (ADVANCED[channel] === TICKER_TYPE)
        one = this.batch(e + TICKERS_KEY, this.advancedTrade.ticker);
      else if (ADVANCED[channel] === L2_DATA) one = this.bookEvent(e, snapshot, inOrder);
      else one = this.candleEvent(e, snapshot ? REPLAYED : 0);
      result = result === RESULT.control ? one : worse(result, one);
    }
    return result;
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

  private trades(e: number, snapshot: boolean): number {
    const { trade, replayedTrade } = this.advancedTrade;
    return this.batch(e + TRADES_KEY, snapshot ? replayedTrade : trade);
  }

  /** A list of trades or tickers, of which the latter have no order by an id. */
  private batch(list: number, row: WriteRow): number {
    const { events, items } = this;
    if (events.kind[list] !== KIND.nested) return RESULT.missingField;
    const first = events.from[list];
    const behind = events.to[list];
    const reversed = row !== this.advancedTrade.ticker && isNewestFirst(items, TRADE_ID, first, behind);
    let result: number = RESULT.control;
    for (let n = first; n < behind; n++) {
      const o = (reversed ? first + behind - 1 - n : n) * this.items.width;
      const one = this.write(items, o, row);
      result = result === RESULT.control ? one : worse(result, one);
    }
    return result;
  }

  private bookEvent(e: number, snapshot: boolean, inOrder: boolean): number {
    const { fields, events, updates } = this;
    const list = e + UPDATES;
    if (!events.present(e + EVENT_PRODUCT) || events.kind[list] !== KIND.nested) {
      // nobody can tell which book has missed something
      this.books?.lost('malformed', true);
      return RESULT.missingField;
    }
    const slot = this.slot(events, e + EVENT_PRODUCT);
    const first = events.from[list];
    const behind = events.to[list];
    if (!inOrder && slot >= 0 && this.books !== undefined) return RESULT.unsynced;
    // the time of the envelope: those of single updates differ within an event and are older than its snapshot
    let result = this.beginBook(slot, behind - first, snapshot, TIMESTAMP);
    if (result !== RESULT.rows) return result;
    for (let n = first; n < behind && result === RESULT.rows; n++) {
      const o = n * this.updates.width;
      const side = sideOf(updates, o + UPDATE_SIDE, fields.bytes, BID_SIDE, OFFER_SIDE);
      result = this.level(side, updates, o + PRICE_LEVEL, o + NEW_QUANTITY);
    }
    return this.endBook(slot, behind - first, snapshot, result);
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
    const event = this.readControl(document);
    if (event === undefined) return RESULT.unknownKind;
    this.context.control(event);
    return RESULT.control;
  }
}

/** Side of a level at `at` by its name; none for anything else. */
function sideOf(
  node: JsonTuples | JsonFields,
  at: number,
  bytes: Uint8Array,
  bid: Uint8Array,
  ask: Uint8Array,
): number {
  if (node.kind[at] !== KIND.string) return BOOK_SIDE.none;
  if (isText(bytes, node.from[at], node.to[at], bid)) return BOOK_SIDE.bid;
  return isText(bytes, node.from[at], node.to[at], ask) ? BOOK_SIDE.ask : BOOK_SIDE.none;
}

function isText(bytes: Uint8Array, from: number, to: number, text: Uint8Array): boolean {
  if (to - from !== text.length) return false;
  for (let i = 0; i < text.length; i++) if (bytes[from + i] !== text[i]) return false;
  return true;
}

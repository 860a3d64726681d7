/**
 * Upbit (Korea), quotation feed v1. Runs in shard threads; found by its file name.
 *
 * Source: docs.upbit.com (websocket trade, ticker, orderbook, candle) and recorded messages. Frames are binary. A market
 * is named QUOTE-BASE. Nothing is acknowledged, and a request replaces all that were sent before on its connection.
 * `ask_bid` is the taker's side. `sequential_id` has no order and is beyond 2^53. Every order book is complete, so a
 * lost one heals with the next. An error is followed by the end of the connection. The keys of format SIMPLE are
 * read, too: proxies and recordings have them.
 */
import { randomUUID } from 'node:crypto';
import { parseUtcTime, TIME, TIME_RESULT } from '../base/time.js';
import { klineChannels, klineNumbers, klineTime } from '../feed/channels/klines.js';
import { BOOK_SIDE, Levels } from '../feed/channels/levels.js';
import type { Sequence } from '../feed/continuity/sequence.js';
import type {
  ControlRequest,
  Exchange,
  FetchJson,
  MessageParser,
  ParserContext,
  Subscription,
  SymbolInfo,
} from '../feed/exchange.js';
import { isObject, type JsonValue, stringOf } from '../feed/json/document.js';
import { JsonFields, KIND } from '../feed/json/fields.js';
import { JsonList } from '../feed/json/lists.js';
import { streamsNamed } from '../feed/origins.js';
import type { WriteRow } from '../feed/rows/compile_row.js';
import { RESULT } from '../feed/rows/result.js';
import type { RowMapping } from '../feed/rows/row_mapping.js';
import { RowTemplates } from '../feed/rows/templates.js';
import { arePresent } from '../feed/rows/values.js';
import { flag } from '../schema/flags.js';
import { BOOK, KLINE_INTERVALS, KLINES, type KlineInterval, MD, SIDE, TRADES } from '../schema/tables.js';
import { backfill } from './rest/upbit.js';

/** Candles that Upbit sends, with the name of their type. */
const CANDLES = {
  '1m': 'candle.1m',
  '3m': 'candle.3m',
  '5m': 'candle.5m',
  '15m': 'candle.15m',
  '30m': 'candle.30m',
  '1h': 'candle.60m',
  '4h': 'candle.240m',
} as const satisfies Partial<Record<KlineInterval, string>>;
const INTERVALS = Object.keys(CANDLES) as (keyof typeof CANDLES)[];

/** Type of each channel of ours in their requests. */
const WIRE_TYPES: Readonly<Record<string, string>> = {
  ticker: 'ticker',
  trades: 'trade',
  book: 'orderbook',
  ...Object.fromEntries(INTERVALS.map((interval) => [`klines_${interval}`, CANDLES[interval]])),
};

const OUR_CHANNELS = new Map(Object.entries(WIRE_TYPES).map(([channel, type]) => [type, channel]));

/** By key of format DEFAULT: that of SIMPLE, which stands as many fields behind it as there are keys. */
const NAMES = {
  type: 'ty',
  code: 'cd',
  timestamp: 'tms',
  trade_timestamp: 'ttms',
  trade_price: 'tp',
  trade_volume: 'tv',
  ask_bid: 'ab',
  sequential_id: 'sid',
  stream_type: 'st',
  acc_trade_volume_24h: 'atv24h',
  orderbook_units: 'obu',
  candle_date_time_utc: 'cdttmu',
  opening_price: 'op',
  high_price: 'hp',
  low_price: 'lp',
  candle_acc_trade_volume: 'catv',
  candle_acc_trade_price: 'catp',
} as const;
const KEYS = [...Object.keys(NAMES), ...Object.values(NAMES)];
// biome-ignore format: a list like the one above
const [TYPE, CODE, TIMESTAMP, TRADE_TIME, PRICE, SIZE, ASK_BID, ID, STREAM_TYPE, VOLUME_24H, UNITS, OPEN_TIME, OPEN,
  HIGH, LOW, VOLUME, QUOTE_VOLUME] = KEYS.keys();
/** position of the first value of format SIMPLE */
const SIMPLE = KEYS.length / 2;

/** The levels of an order book, again with both sets of keys. */
const UNIT_KEYS = ['ask_price', 'bid_price', 'ask_size', 'bid_size', 'ap', 'bp', 'as', 'bs'];
const [ASK_PRICE, BID_PRICE, ASK_SIZE, BID_SIZE] = UNIT_KEYS.keys();
const SIMPLE_UNIT = UNIT_KEYS.length / 2;

const text = (ascii: string) => Buffer.from(ascii);
const TRADE = text('trade');
const TICKER = text('ticker');
const ORDERBOOK = text('orderbook');
const SNAPSHOT = text('SNAPSHOT');
const CANDLE_TYPES = INTERVALS.map((interval) => text(CANDLES[interval]));
const CANDLE_TABLES = INTERVALS.map((interval) => KLINES[interval]);
const CANDLE_SECONDS = INTERVALS.map((interval) => KLINE_INTERVALS[interval]);

const CANDLE_REQUIRED = [CODE, OPEN_TIME, OPEN, HIGH, LOW, PRICE, VOLUME];
const UNIT_REQUIRED = [ASK_PRICE, BID_PRICE, ASK_SIZE, BID_SIZE];
const TAKER = { text: ASK_BID, values: { BID: SIDE.buy, ASK: SIDE.sell } };
const TRADE_ROW: RowMapping = {
  table: TRADES,
  columns: {
    trade_id: { id: ID },
    trade_price: { decimal: PRICE, positive: true },
    trade_size: { decimal: SIZE, positive: true },
    trade_side: TAKER,
  },
  time: { epoch: TRADE_TIME },
  accept: 'unordered',
};
/** The newest trade, sent on subscribing. */
const SNAPSHOT_ROW: RowMapping = { ...TRADE_ROW, flags: flag('replayed') };
/** There are no quotes. */
const TICKER_ROW: RowMapping = {
  table: MD,
  columns: {
    price: { decimal: PRICE, positive: true },
    volume: { decimal: VOLUME_24H },
    last_size: { decimal: SIZE },
    volume_24h: { decimal: VOLUME_24H },
    side: TAKER,
  },
  time: { epoch: TIMESTAMP },
  accept: 'all',
};
/** Values of trades and tickers that go into candles and books alone, or into the other one of the two. */
const IGNORED = [TIMESTAMP, TRADE_TIME, VOLUME_24H, OPEN, HIGH, LOW];
const CANDLE_NUMBERS = {
  open: OPEN,
  high: HIGH,
  low: LOW,
  close: PRICE,
  volume: VOLUME,
  quoteVolume: QUOTE_VOLUME,
};

/** Whether the number in bytes[from, to) is zero, however it is spelled. HOT. */
function isZero(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) {
    if (bytes[i] >= 0x31 && bytes[i] <= 0x39) return false;
    // what follows is an exponent
    if ((bytes[i] | 0x20) === 0x65) return true;
  }
  return true;
}

class UpbitParser implements MessageParser {
  private readonly units = new JsonFields(UNIT_KEYS);
  private readonly unitList = new JsonList(this.units);
  readonly fields = new JsonFields(KEYS, { orderbook_units: this.unitList, obu: this.unitList });
  readonly templates: RowTemplates;
  private readonly levels: Levels;

  private readonly trade: WriteRow;
  private readonly snapshot: WriteRow;
  private readonly ticker: WriteRow;
  private readonly bookSequence: Sequence | undefined;
  private readonly candleSequences: readonly (Sequence | undefined)[];

  constructor(private readonly context: ParserContext) {
    const { fields } = this;
    const { sequences } = context;
    this.levels = new Levels(context.rows);
    const ignored = IGNORED.flatMap((field) => [field, SIMPLE + field]);
    this.templates = new RowTemplates(context, fields, [[fields, ignored]]);
    const symbol = { slots: fields, field: CODE, inRow: true };
    const row = (mapping: RowMapping, channel: string) =>
      this.templates.row(mapping, fields, sequences.get(channel), symbol);
    this.trade = row(TRADE_ROW, 'trades');
    this.snapshot = row(SNAPSHOT_ROW, 'trades');
    this.ticker = row(TICKER_ROW, 'ticker');
    this.bookSequence = sequences.get('book');
    this.candleSequences = INTERVALS.map((interval) => sequences.get(`klines_${interval}`));
  }

  emit(): number {
    const { fields } = this;
    if (fields.present(TYPE)) return this.event(0);
    return fields.present(SIMPLE + TYPE) ? this.event(SIMPLE) : RESULT.noMatch;
  }

  /** Rows from the values that begin at `o`. */
  private event(o: number): number {
    const { fields } = this;
    if (fields.equals(o + TYPE, ORDERBOOK)) return this.book(o);
    if (fields.equals(o + TYPE, TRADE))
      return this.write(o, fields.equals(o + STREAM_TYPE, SNAPSHOT) ? this.snapshot : this.trade);
    if (fields.equals(o + TYPE, TICKER)) return this.write(o, this.ticker);
    for (let i = 0; i < CANDLE_TYPES.length; i++)
      if (fields.equals(o + TYPE, CANDLE_TYPES[i])) return this.candle(o, i);
    return RESULT.noMatch;
  }

  private slot(o: number): number {
    const { fields } = this;
    return this.context.streams.find(fields.bytes, fields.from[o + CODE], fields.to[o + CODE]);
  }

  private write(o: number, row: WriteRow): number {
    return this.fields.present(o + CODE) ? row(o, this.slot(o)) : RESULT.missingField;
  }

  /** The candle is sent again as it grows; none is ever said to be finished. */
  private candle(o: number, interval: number): number {
    const { fields } = this;
    const { rows } = this.context;
    const table = CANDLE_TABLES[interval];
    const sequence = this.candleSequences[interval];
    if (!arePresent(fields, o, CANDLE_REQUIRED)) return RESULT.missingField;
    const slot = this.slot(o);
    if (slot < 0 || sequence === undefined) return RESULT.unwanted;
    if (!rows.begin(table, slot)) return RESULT.ringFull;
    const read = parseUtcTime(fields.view, fields.from[o + OPEN_TIME], fields.to[o + OPEN_TIME]);
    if (read !== TIME_RESULT.ok) return RESULT.badTime;
    klineTime(rows, table, TIME[0], CANDLE_SECONDS[interval], false);
    if (!klineNumbers(rows, fields, o, CANDLE_NUMBERS, table)) return RESULT.badNumber;
    sequence.touch(slot);
    rows.commit(table);
    return RESULT.rows;
  }

  /** Up to 30 pairs of levels, best first; a side with fewer is filled up with levels of price 0 and size 0. */
  private book(o: number): number {
    const { fields, levels, units } = this;
    const sequence = this.bookSequence;
    if (!fields.present(o + CODE) || !fields.present(o + TIMESTAMP) || fields.kind[o + UNITS] !== KIND.nested)
      return RESULT.missingField;
    const slot = this.slot(o);
    if (slot < 0 || sequence === undefined) return RESULT.unwanted;
    const u = o === 0 ? 0 : SIMPLE_UNIT;
    const first = fields.from[o + UNITS] * units.width + u;
    const behind = fields.to[o + UNITS] * units.width + u;
    let count = 0;
    for (let at = first; at < behind; at += units.width) {
      if (!arePresent(units, at, UNIT_REQUIRED)) return RESULT.missingField;
      if (!this.isPadding(at + ASK_PRICE, at + ASK_SIZE)) count++;
      if (!this.isPadding(at + BID_PRICE, at + BID_SIZE)) count++;
    }
    levels.begin(slot, count, true);
    if (!levels.epoch(fields, o + TIMESTAMP)) return RESULT.badTime;
    let result: number = count === 0 ? levels.emptySnapshot() : RESULT.rows;
    for (let at = first; at < behind && result === RESULT.rows; at += units.width) {
      result = this.level(BOOK_SIDE.ask, at + ASK_PRICE, at + ASK_SIZE);
      if (result === RESULT.rows) result = this.level(BOOK_SIDE.bid, at + BID_PRICE, at + BID_SIZE);
    }
    if (result === RESULT.rows) sequence.touch(slot);
    return result;
  }

  private isPadding(price: number, size: number): boolean {
    const { bytes, digits, from, to } = this.units;
    if (digits[price] > 0 || digits[size] > 0) return false;
    return isZero(bytes, from[price], to[price]) && isZero(bytes, from[size], to[size]);
  }

  private level(side: number, price: number, size: number): number {
    if (this.isPadding(price, size)) return RESULT.rows;
    return this.levels.level(side, this.units, price, size);
  }

  control(document: JsonValue): number {
    if (!isObject(document)) return RESULT.unknownKind;
    if (isObject(document.error)) {
      const name = stringOf(document.error, 'name') ?? 'error';
      const message = stringOf(document.error, 'message') ?? 'no reason given';
      // the end of the connection follows; a type that is not supported stands in front of the text
      const channel = OUR_CHANNELS.get(message.split(' ')[0]);
      this.context.control({ kind: 'refused', channel, reason: `${name}: ${message}` });
      return RESULT.control;
    }
    const known = stringOf(document, 'status') !== undefined || stringOf(document, 'method') !== undefined;
    return known ? RESULT.control : RESULT.unknownKind;
  }
}

/** One request that names everything; codes of one type stand together. */
function subscribe(subscriptions: readonly Subscription[], firstId: number): ControlRequest[] {
  const codes = new Map<string, string[]>();
  for (const { channel, native } of subscriptions) {
    const type = WIRE_TYPES[channel];
    codes.set(type, [...(codes.get(type) ?? []), native]);
  }
  const types = [...codes].map(([type, natives]) => ({ type, codes: natives }));
  const request = [{ ticket: randomUUID() }, ...types, { format: 'DEFAULT' }];
  return [{ id: firstId, text: JSON.stringify(request), covers: subscriptions }];
}

async function listSymbols(fetchJson: FetchJson): Promise<SymbolInfo[]> {
  const markets = await fetchJson('/v1/market/all');
  return (Array.isArray(markets) ? markets.filter(isObject) : []).flatMap((entry) => {
    const native = stringOf(entry, 'market') ?? '';
    const dash = native.indexOf('-');
    if (dash <= 0) return [];
    const pair = { base: native.slice(dash + 1), quote: native.slice(0, dash) };
    return [{ native, ...pair, state: 'trading', status: '', tick: '', lot: '' }];
  });
}

const upbit: Exchange = {
  id: 'upbit',
  title: 'Upbit',
  defaults: {
    enabled: false,
    ws_endpoint: 'wss://api.upbit.com',
    rest_endpoint: 'https://api.upbit.com',
    max_connections: 5,
    symbols_per_connection: 200,
    channels: ['ticker', 'trades'],
  },
  sampleSymbols: [
    'KRW-BTC',
    'KRW-ETH',
    'KRW-XRP',
    'KRW-SOL',
    'KRW-DOGE',
    'KRW-ADA',
    'KRW-LINK',
    'KRW-AVAX',
    'BTC-ETH',
    'USDT-BTC',
  ],
  channels: {
    ticker: { table: MD, ids: 'none' },
    trades: { table: TRADES, ids: 'unordered' },
    book: { table: BOOK, ids: 'none' },
    ...klineChannels(INTERVALS),
  },
  evidence: {
    trades: { wire: '`trade`', from: 'recordings of 2021, messages of 2026' },
    book: {
      wire: '`orderbook`',
      from: 'recordings of 2021, documentation',
      loss: 'disconnects only; every message has the whole book',
    },
    'ticker klines': { wire: '`ticker` `candle.*`', from: 'recordings of 2021, documentation' },
  },
  // a connection may send 5 requests a second and 100 a minute
  limits: { requestsPerSecond: 1, connectsPerMinute: 240, restPerMinute: 480 },
  backfill: backfill(CANDLES),
  // `remaining-req: group=market; min=600; sec=9`: what is left of this second
  restUsage: (header) => {
    const left = /\bsec=(\d+)/.exec(header('remaining-req') ?? '')?.[1];
    return left === undefined ? undefined : { share: left === '0' ? 1 : 0, resetMs: 1000 };
  },
  // an idle connection is dropped after a minute
  keepAlive: { everyMs: 25_000, onlyWhenQuiet: false },
  acknowledges: false,
  subscribeReplacesAll: true,
  websocketUrl: (endpoint) => `${endpoint.replace(/\/+$/, '')}/websocket/v1`,
  listSymbols,
  subscribe,
  unsubscribe: () => [],
  originsOf: ({ type, ty, code, cd }) => streamsNamed([OUR_CHANNELS.get(String(type ?? ty))], [code ?? cd]),
  createParser: (context) => new UpbitParser(context),
};

export default upbit;

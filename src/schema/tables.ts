/**
 * The only place where a column is named. Ring and journal layout, file names, readers, exporters and TABLES.md
 * derive from it. The names, types and order of the files are an on-disk format: a snapshot test pins them.
 */
import type { ColumnSpec } from './columns.js';
import { deriveTable, layoutHash, type Table } from './layout.js';

const u32 = (doc: string, extra: Partial<ColumnSpec> = {}) => ({ type: 'u32', doc, ...extra }) as const;
const u64 = (doc: string, extra: Partial<ColumnSpec> = {}) => ({ type: 'u64', doc, ...extra }) as const;
const f32 = (doc: string, extra: Partial<ColumnSpec> = {}) => ({ type: 'f32', doc, ...extra }) as const;
const uuid = (doc: string, extra: Partial<ColumnSpec> = {}) => ({ type: 'uuid', doc, ...extra }) as const;

const EXACT = { exact: true } as const;
const OPTIONAL = { optional: true } as const;

const received = {
  recv_time: u32('receive time, whole seconds since 1970 UTC, taken before anything was parsed'),
  recv_nanos: u32('receive time, nanoseconds within the second'),
};
const digits = (what: string) => u64(`\`${what}\` as sent, without its point`, EXACT);
const scales = u32(
  'decimals of each such number as sent, 8 bits each from the lowest, in the order of the digits columns',
  EXACT,
);
const scales_high = u32('the same for the fifth number and those behind it', EXACT);
const flags = u32('bits as listed under Flags');
const side = "taker's side: 1 buy, 2 sell, 0 unknown";

/** Last-value ticker: Coinbase `ticker`, Binance `24hrTicker`. */
export const MD = deriveTable({
  id: 1,
  name: 'MD',
  doc: 'ticker: last price with the best quotes of that moment',
  time: ['time', 'nanos'],
  exactNumbers: ['price', 'best_bid', 'best_ask', 'volume'],
  columns: {
    time: u32('event time, whole seconds since 1970 UTC'),
    nanos: u32('event time, nanoseconds within the second'),
    price: f32('last price'),
    volume: f32(
      'Coinbase Exchange: size of the last trade, as in `last_size`; Coinbase Advanced Trade sends none, so it is missing; every other exchange: base volume of 24 hours, as in `volume_24h`',
      OPTIONAL,
    ),
    side: u32("taker's side of the last trade: 1 buy, 2 sell, 0 unknown", OPTIONAL),
    best_bid: f32('best bid price', OPTIONAL),
    best_ask: f32('best ask price', OPTIONAL),
    ...received,
    price_digits: digits('price'),
    best_bid_digits: digits('best_bid'),
    best_ask_digits: digits('best_ask'),
    volume_digits: digits('volume'),
    scales,
    flags,
    last_size: f32('size of the last trade', OPTIONAL),
    volume_24h: f32('base volume of 24 hours', OPTIONAL),
  },
});

/** Single trades. */
export const TRADES = deriveTable({
  id: 2,
  name: 'TRADES',
  doc: 'one row per trade',
  time: ['trade_time', 'trade_nanos'],
  exactNumbers: ['price', 'size'],
  columns: {
    trade_id: u64(
      "the exchange's trade id; where that is a UUID, its sequence number, which trades may share",
    ),
    trade_time: u32('time of the trade, whole seconds since 1970 UTC'),
    trade_nanos: u32('time of the trade, nanoseconds within the second'),
    trade_price: f32('price'),
    trade_size: f32('base size'),
    trade_side: u32(side),
    maker_order_id: uuid(
      'order id of the maker; a numeric id stands big-endian in the last 8 bytes',
      OPTIONAL,
    ),
    taker_order_id: uuid(
      'order id of the taker; a numeric id stands big-endian in the last 8 bytes',
      OPTIONAL,
    ),
    ...received,
    price_digits: digits('trade_price'),
    size_digits: digits('trade_size'),
    scales,
    flags,
    trade_uuid: uuid('trade id of an exchange that gives UUIDs', { own: true }),
  },
});

/** Trades that the exchange has added up; their ids are another number space than those of TRADES. */
export const AGG_TRADES = deriveTable({
  id: 5,
  name: 'AGG_TRADES',
  doc: 'one row per aggregate of the trades that one order made at one price',
  time: ['trade_time', 'trade_nanos'],
  exactNumbers: ['price', 'size'],
  columns: {
    trade_id: u64("the exchange's id of the aggregate"),
    first_trade_id: u64('id of its first trade', OPTIONAL),
    last_trade_id: u64('id of its last trade', OPTIONAL),
    trade_time: u32('time of the trade, whole seconds since 1970 UTC'),
    trade_nanos: u32('time of the trade, nanoseconds within the second'),
    trade_price: f32('price'),
    trade_size: f32('base size of all its trades'),
    trade_side: u32(side),
    ...received,
    price_digits: digits('trade_price'),
    size_digits: digits('trade_size'),
    scales,
    flags,
  },
});

/** Order books: snapshots and what changed since. */
export const BOOK = deriveTable({
  id: 6,
  name: 'BOOK',
  doc: 'one row per level of a snapshot and per changed level; size 0 removes the level',
  time: ['time', 'nanos'],
  exactNumbers: ['price', 'size'],
  columns: {
    time: u32('event time, whole seconds since 1970 UTC'),
    nanos: u32('event time, nanoseconds within the second'),
    ...received,
    seq: u64("the exchange's sequence number of the event; all rows of one event have the same", OPTIONAL),
    side: u32('side of the level: 1 bid, 2 ask, 0 in the only row of an empty snapshot'),
    price: f32('price of the level', OPTIONAL),
    size: f32('base size at this price from now on, 0 when the level is gone', OPTIONAL),
    price_digits: digits('price'),
    size_digits: digits('size'),
    scales,
    flags,
    checksum: u32(
      'checksum of the book after this event as the exchange sent it; on the last row of the event',
      OPTIONAL,
    ),
  },
});

/** Best bid and offer streams: Binance `bookTicker`. */
export const BBO = deriveTable({
  id: 3,
  name: 'BBO',
  doc: 'best bid and offer on every change',
  time: ['time', 'nanos'],
  exactNumbers: ['best_bid', 'best_bid_size', 'best_ask', 'best_ask_size'],
  columns: {
    time: u32('event time, whole seconds since 1970 UTC'),
    nanos: u32('event time, nanoseconds within the second'),
    ...received,
    update_id: u64("the exchange's order-book update id", OPTIONAL),
    best_bid: f32('best bid price', OPTIONAL),
    best_bid_size: f32('size at the best bid', OPTIONAL),
    best_ask: f32('best ask price', OPTIONAL),
    best_ask_size: f32('size at the best ask', OPTIONAL),
    best_bid_digits: digits('best_bid'),
    best_bid_size_digits: digits('best_bid_size'),
    best_ask_digits: digits('best_ask'),
    best_ask_size_digits: digits('best_ask_size'),
    scales,
    flags,
  },
});

/** Lengths of candles in seconds, by the name that tables and options use. */
export const KLINE_INTERVALS = {
  '1m': 60,
  '3m': 180,
  '5m': 300,
  '15m': 900,
  '30m': 1800,
  '1h': 3600,
  '4h': 14_400,
  '1d': 86_400,
} as const;

export type KlineInterval = keyof typeof KLINE_INTERVALS;

/** Of the rows with one open_time the last is the one that counts; those before show the candle as it grew. */
function klines(interval: string, position: number) {
  return deriveTable({
    id: 16 + position,
    name: `KLINES_${interval}`,
    doc: `candles of ${interval}: one row per update, filed under the day they open on`,
    time: ['open_time'],
    exactNumbers: [
      'open',
      'high',
      'low',
      'close',
      'volume',
      'quote_volume',
      'taker_buy_base',
      'taker_buy_quote',
    ],
    columns: {
      open_time: u32('first second of the candle since 1970 UTC'),
      close_time: u32('first second behind the candle'),
      open: f32('price of the first trade'),
      high: f32('highest price'),
      low: f32('lowest price'),
      close: f32('price of the last trade'),
      volume: f32('base volume'),
      quote_volume: f32('quote volume', OPTIONAL),
      taker_buy_base: f32('base volume of trades whose taker bought', OPTIONAL),
      taker_buy_quote: f32('quote volume of trades whose taker bought', OPTIONAL),
      trades: u32('number of trades', OPTIONAL),
      ...received,
      open_digits: digits('open'),
      high_digits: digits('high'),
      low_digits: digits('low'),
      close_digits: digits('close'),
      volume_digits: digits('volume'),
      quote_volume_digits: digits('quote_volume'),
      taker_buy_base_digits: digits('taker_buy_base'),
      taker_buy_quote_digits: digits('taker_buy_quote'),
      scales,
      scales_high,
      flags,
    },
  });
}

/** One table per interval; they differ in name and number alone. */
export const KLINES = Object.fromEntries(
  Object.keys(KLINE_INTERVALS).map((interval, position) => [interval, klines(interval, position)]),
) as Readonly<Record<KlineInterval, ReturnType<typeof klines>>>;

/** What was missed. Loss is data: the only unforgivable gap is one that is not listed. */
export const GAPS = deriveTable({
  id: 4,
  name: 'GAPS',
  doc: 'one row per gap in another table of the same symbol',
  time: ['time', 'nanos'],
  exactNumbers: [],
  columns: {
    time: u32('when the gap was established (receive clock), whole seconds since 1970 UTC'),
    nanos: u32('nanoseconds within that second'),
    table: u32('id of the table that has the gap'),
    cause: u32('why, as listed under Gap causes'),
    from_id: u64('first missing trade id; 0 where the channel has no ids'),
    to_id: u64('last missing trade id'),
    from_time: u32('receive time of the last message before the gap, seconds; 0 when there was none'),
    from_nanos: u32('nanoseconds within that second'),
    to_time: u32('receive time of the first message after the gap, seconds'),
    to_nanos: u32('nanoseconds within that second'),
    messages: u64('messages known to be missing; 0 when their number is not known'),
    flags,
  },
});

/** Why a gap exists. */
export const GAP_CAUSES = {
  unknown: {
    id: 0,
    doc: 'ids are missing although the connection was up: the exchange skipped or dropped them',
  },
  disconnect: { id: 1, doc: 'the connection was down' },
  ring_full: { id: 2, doc: 'the writer could not keep up and the ring was full' },
  downtime: { id: 3, doc: 'the logger was not running' },
  malformed: { id: 4, doc: 'messages arrived that could not be read' },
  disk: {
    id: 5,
    doc: 'rows could not be written to disk, or were lost with files that were removed: then from the start of the day on',
  },
  checksum: { id: 6, doc: 'the order book did not agree with the checksum that the exchange sent' },
  snapshot: {
    id: 7,
    doc: 'changes of an order book came before its first snapshot, which has to be asked for: of no use without it, or part of it',
  },
  unsubscribed: {
    id: 8,
    doc: 'the symbol was not captured at that time: the configuration left it out and then named it again',
  },
  clock: {
    id: 9,
    doc: 'nothing is missing: the receive clock was set back from from_time to to_time, which lies before it; times of receipt in between occur twice',
  },
  silence: {
    id: 10,
    doc: 'the stream had stopped although its symbol or its connection had not; it was subscribed again',
  },
  reset: {
    id: 11,
    doc: 'nothing is missing: the exchange began to count its ids from somewhere else between both messages; ids of before may occur again',
  },
  limit: { id: 12, doc: 'a message exceeded a limit of the logger and was not read' },
  absent: {
    id: 13,
    doc: 'of what is unrepairable: the exchange was asked for it, and its history has what is around it and not this',
  },
  out_of_reach: {
    id: 14,
    doc: 'of what is unrepairable: the history of the exchange does not reach back so far',
  },
  handover: {
    id: 15,
    doc: 'another connection has taken the order book over with a new snapshot; changes just before it may be missing',
  },
} as const;

export type GapCause = keyof typeof GAP_CAUSES;

/** What the exchange lists. The newest row holds until the next one. */
export const INSTRUMENTS = deriveTable({
  id: 7,
  name: 'INSTRUMENTS',
  doc: 'what the exchange lists of the symbol: one row when it is first seen, and one per change',
  time: ['time', 'nanos'],
  exactNumbers: ['tick_size', 'lot_size'],
  columns: {
    time: u32('when the list came that says so, whole seconds since 1970 UTC'),
    nanos: u32('nanoseconds within that second'),
    state: u32('whether it trades, as listed under Instrument states'),
    tick_size: f32('smallest step of the price', OPTIONAL),
    lot_size: f32('smallest step of the base size', OPTIONAL),
    listed_time: u32(
      'since when it is listed, as the exchange says, whole seconds since 1970 UTC; another symbol may have had the name before',
      OPTIONAL,
    ),
    tick_size_digits: digits('tick_size'),
    lot_size_digits: digits('lot_size'),
    scales,
    flags,
  },
});

/** Whether a symbol trades. */
export const INSTRUMENT_STATES = {
  unlisted: { id: 0, doc: 'not listed any more: several lists in a row have lacked it' },
  pre_trading: { id: 1, doc: 'listed, but not trading yet' },
  trading: { id: 2, doc: 'trading' },
  halted: { id: 3, doc: 'not trading now; it will or may trade again' },
  delisted: { id: 4, doc: 'still listed, but it will not trade again' },
} as const;

export type InstrumentState = keyof typeof INSTRUMENT_STATES;

export const TABLES: readonly Table[] = [
  ...[MD, TRADES, BBO, GAPS, AGG_TRADES, BOOK, INSTRUMENTS],
  ...Object.values(KLINES),
];

/** Tables that get rows when there is something to say: a day may pass without any. */
export const OCCASIONAL: ReadonlySet<Table> = new Set<Table>([GAPS, INSTRUMENTS]);

const byId = new Map(TABLES.map((t) => [t.id, t]));
const byName = new Map(TABLES.map((t) => [t.name, t]));

export function tableById(id: number): Table | undefined {
  return byId.get(id);
}

export function tableByName(name: string): Table | undefined {
  return byName.get(name);
}

/** Fingerprint of all tables. */
export const LAYOUT_HASH = layoutHash(TABLES);

export const SIDE = { unknown: 0, buy: 1, sell: 2 } as const;

export const BOOK_SIDE = { none: 0, bid: 1, ask: 2 } as const;

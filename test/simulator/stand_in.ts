/**
 * A stand-in for the logger: takes what a client received, as JSON.parse reads it, and writes the column files with
 * plain DataViews. Shares only the schema with the simulator, so that a comparison of the two means something.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeName } from '../../src/base/names.js';
import { isWrittenFor } from '../../src/schema/columns.js';
import { flag } from '../../src/schema/flags.js';
import {
  AGG_TRADES,
  BBO,
  BOOK,
  GAP_CAUSES,
  GAPS,
  KLINE_INTERVALS,
  KLINES,
  type KlineInterval,
  MD,
  type TABLES,
  TRADES,
} from '../../src/schema/tables.js';
import { columnFile, tableDirectory } from '../../src/store/disk/paths.js';
import type { Json } from './client.js';

type Table = (typeof TABLES)[number];
/** Values of a row by column; what is absent is 0, or NaN for f32. */
export type Row = Record<string, number | bigint | string>;
/** Rows by `SYMBOL TABLE`. */
export type Store = Map<string, Row[]>;

const TABLE_OF: Record<string, Table> = Object.fromEntries(
  [MD, TRADES, BBO, GAPS, AGG_TRADES, BOOK, ...Object.values(KLINES)].map((table) => [table.name, table]),
);

export function rowsOf(store: Store, symbol: string, table: string): Row[] {
  const key = `${symbol} ${table}`;
  const rows = store.get(key) ?? [];
  store.set(key, rows);
  return rows;
}

/** Digits and scales of the texts; a literal that is not there has neither. */
function literals(table: Table, columns: Record<string, string | undefined>): Row {
  const row: Row = {};
  const scales = [0, 0];
  table.exactNumbers.forEach((name, i) => {
    const text = columns[name];
    if (text === undefined) return;
    row[`${name}_digits`] = BigInt(text.replace('.', ''));
    scales[i >> 2] |= (text.split('.')[1] ?? '').length << (8 * (i & 3));
  });
  [row['scales'], row['scales_high']] = scales.map((word) => word >>> 0);
  return row;
}

/** Seconds and nanoseconds of a time in microseconds. */
function split(time_us: number): [number, number] {
  return [Math.floor(time_us / 1e6), (time_us % 1e6) * 1000];
}

function isoUs(time: string): number {
  return Date.parse(`${time.slice(0, 19)}Z`) * 1000 + Number(time.slice(20, 26));
}

function trade(
  store: Store,
  symbol: string,
  id: number,
  time_us: number,
  price: string,
  size: string,
  buy: boolean,
  extra: Row,
): void {
  const rows = rowsOf(store, symbol, 'TRADES');
  if (rows.some((row) => row['trade_id'] === BigInt(id))) return;
  const [trade_time, trade_nanos] = split(time_us);
  rows.push({
    trade_id: BigInt(id),
    trade_time,
    trade_nanos,
    trade_price: Number(price),
    trade_size: Number(size),
    trade_side: buy ? 1 : 2,
    ...literals(TRADES, { price, size }),
    ...extra,
  });
}

function coinbase(store: Store, m: Record<string, Json>, received: Row): void {
  const symbol = m['product_id'];
  if (m['type'] === 'match' || m['type'] === 'last_match') {
    trade(store, symbol, m['trade_id'], isoUs(m['time']), m['price'], m['size'], m['side'] === 'sell', {
      ...received,
      maker_order_id: m['maker_order_id'],
      taker_order_id: m['taker_order_id'],
      flags: m['type'] === 'last_match' ? flag('replayed') : 0,
    });
  } else if (m['type'] === 'ticker') {
    const [time, nanos] = split(isoUs(m['time']));
    const [price, best_bid, best_ask, volume] = [m['price'], m['best_bid'], m['best_ask'], m['last_size']];
    rowsOf(store, symbol, 'MD').push({
      time,
      nanos,
      price: Number(price),
      best_bid: Number(best_bid),
      best_ask: Number(best_ask),
      volume: Number(volume),
      last_size: Number(volume),
      volume_24h: Number(m['volume_24h']),
      side: m['side'] === 'buy' ? 1 : 2,
      ...literals(MD, { price, best_bid, best_ask, volume }),
      ...received,
    });
  } else if (m['type'] === 'snapshot') {
    const levels = (side: number, list: string[][]) =>
      list.map(([price, size]): Level => [side, price, size]);
    const time = { time: received['recv_time'], nanos: received['recv_nanos'] };
    book(store, symbol, [...levels(2, m['asks']), ...levels(1, m['bids'])], true, {
      ...time,
      ...received,
      flags: flag('no_event_time'),
    });
  } else if (m['type'] === 'l2update') {
    const [time, nanos] = split(isoUs(m['time']));
    const levels = m['changes'].map(
      ([side, price, size]: string[]): Level => [side === 'buy' ? 1 : 2, price, size],
    );
    book(store, symbol, levels, false, { time, nanos, ...received });
  }
}

/** One level of a book: side, price, size. */
type Level = readonly [side: number, price: string, size: string];

/** Rows of one event of a book. */
function book(store: Store, symbol: string, levels: readonly Level[], snapshot: boolean, extra: Row): void {
  const rows = rowsOf(store, symbol, 'BOOK');
  levels.forEach(([side, price, size], i) => {
    const first = i === 0 && snapshot ? flag('snapshot_start') : 0;
    const last = i === levels.length - 1 ? flag('event_end') : 0;
    rows.push({
      ...extra,
      side,
      price: Number(price),
      size: Number(size),
      ...literals(BOOK, { price, size }),
      flags: Number(extra['flags'] ?? 0) | first | last | (snapshot ? flag('snapshot') : 0),
    });
  });
}

function kline(
  store: Store,
  symbol: string,
  interval: string,
  open_time: number,
  texts: Row,
  extra: Row,
): void {
  const table = KLINES[interval as KlineInterval];
  const numbers = Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, Number(text)]));
  rowsOf(store, symbol, table.name).push({
    open_time,
    close_time: open_time + KLINE_INTERVALS[interval as KlineInterval],
    ...numbers,
    ...literals(table, texts as Record<string, string>),
    ...extra,
  });
}

/** What both sides of a Binance book say, bids first. */
function sides(bids: Json, asks: Json): Level[] {
  return [
    ...bids.map(([price, size]: string[]): Level => [1, price, size]),
    ...asks.map(([price, size]: string[]): Level => [2, price, size]),
  ];
}

function bookTicker(store: Store, m: Json, time: Row): void {
  rowsOf(store, m.s, 'BBO').push({
    update_id: BigInt(m.u),
    best_bid: Number(m.b),
    best_bid_size: Number(m.B),
    best_ask: Number(m.a),
    best_ask_size: Number(m.A),
    ...literals(BBO, { best_bid: m.b, best_bid_size: m.B, best_ask: m.a, best_ask_size: m.A }),
    ...time,
  });
}

/** Changes of a book wait until it was fetched; the answer comes as a message `{"rest":symbol,"depth":…}`. */
const waiting = new WeakMap<Store, Map<string, Json[] | null>>();

function depth(store: Store, symbol: string, m: Json, fetched: boolean, received: Row): void {
  const books = waiting.get(store) ?? new Map<string, Json[] | null>();
  waiting.set(store, books);
  const timed = (time_ms: number | undefined): Row => {
    if (time_ms === undefined)
      return {
        time: received['recv_time'],
        nanos: received['recv_nanos'],
        flags: flag('no_event_time'),
        ...received,
      };
    const [time, nanos] = split(time_ms * 1000);
    return { time, nanos, ...received };
  };
  const change = (event: Json) =>
    book(store, symbol, sides(event.b, event.a), false, {
      seq: BigInt(event.u),
      ...timed(event.E),
    });
  const queue = books.get(symbol);
  if (fetched) {
    // too old: changes in between are unknown
    if (queue === null || queue === undefined || queue[0].U > m.lastUpdateId + 1) return;
    book(store, symbol, sides(m.bids, m.asks), true, { seq: BigInt(m.lastUpdateId), ...timed(m.E) });
    for (const event of queue) if (event.u > m.lastUpdateId) change(event);
    listUseless(store, symbol, queue[0], m.lastUpdateId, received);
    books.set(symbol, null);
  } else if (queue === null) change(m);
  else books.set(symbol, [...(queue ?? []), m]);
}

/** What came before the book was fetched, up to the number of that, is a gap. */
function listUseless(store: Store, symbol: string, first: Json, fetched: number, received: Row): void {
  const from = first.pu === undefined ? first.U : first.pu + 1;
  if (from > fetched) return;
  rowsOf(store, symbol, 'GAPS').push({
    time: received['recv_time'],
    table: BOOK.id,
    cause: GAP_CAUSES.snapshot.id,
    from_id: BigInt(from),
    to_id: BigInt(fetched),
  });
}

/** Spot and futures: `E` is the time of the message, `T` that of a trade. */
function binance(store: Store, message: Record<string, Json>, received: Row): void {
  if (message['rest'] !== undefined) {
    depth(store, message['rest'], message['depth'], true, received);
    return;
  }
  const m = message['data'];
  if (m === undefined) return;
  const [time, nanos] = split(((m.e === 'aggTrade' ? m.T : m.E) ?? 0) * 1000);
  if (m.e === 'trade') {
    trade(store, m.s, m.t, m.T * 1000, m.p, m.q, !m.m, received);
  } else if (m.e === 'aggTrade') {
    rowsOf(store, m.s, 'AGG_TRADES').push({
      trade_id: BigInt(m.a),
      first_trade_id: BigInt(m.f),
      last_trade_id: BigInt(m.l),
      trade_time: time,
      trade_nanos: nanos,
      trade_price: Number(m.p),
      trade_size: Number(m.q),
      trade_side: m.m ? 2 : 1,
      ...literals(AGG_TRADES, { price: m.p, size: m.q }),
      ...received,
    });
  } else if (m.e === '24hrTicker') {
    rowsOf(store, m.s, 'MD').push({
      time,
      nanos,
      price: Number(m.c),
      best_bid: Number(m.b),
      best_ask: Number(m.a),
      volume: Number(m.v),
      last_size: Number(m.Q),
      volume_24h: Number(m.v),
      ...literals(MD, { price: m.c, best_bid: m.b, best_ask: m.a, volume: m.v }),
      ...received,
    });
  } else if (m.e === 'kline') {
    const { k } = m;
    const texts = {
      open: k.o,
      high: k.h,
      low: k.l,
      close: k.c,
      volume: k.v,
      quote_volume: k.q,
      taker_buy_base: k.V,
      taker_buy_quote: k.Q,
    };
    const flags = k.x ? flag('closed') : 0;
    kline(store, m.s, k.i, k.t / 1000, texts, { trades: k.n, flags, ...received });
  } else if (m.e === 'depthUpdate') {
    depth(store, m.s, m, false, received);
  } else if (m.e === 'bookTicker') {
    bookTicker(store, m, { time, nanos, ...received });
  } else if (m.e === undefined && 'u' in m) {
    bookTicker(store, m, {
      time: received['recv_time'],
      nanos: received['recv_nanos'],
      flags: flag('no_event_time'),
      ...received,
    });
  }
}

/** Seconds and nanoseconds of a RFC 3339 time with up to nine decimals. */
function isoTime(text: string): [number, number] {
  const [, whole, fraction = ''] = /^([^.]+?)(?:\.(\d+))?Z$/.exec(text)!;
  return [Date.parse(`${whole}Z`) / 1000, Number(fraction.padEnd(9, '0'))];
}

function advanced(store: Store, message: Record<string, Json>, received: Row): void {
  const snapshot = message['events']?.[0]?.type === 'snapshot';
  const flags = snapshot ? flag('replayed') : 0;
  const [time, nanos] = isoTime(message['timestamp'] ?? '1970-01-01T00:00:00Z');
  for (const event of message['events'] ?? []) {
    for (const m of [...(event.trades ?? [])].reverse()) {
      const time_us = isoUs(m.time);
      trade(store, m.product_id, m.trade_id, time_us, m.price, m.size, m.side === 'SELL', {
        flags,
        ...received,
      });
    }
    for (const m of event.tickers ?? []) {
      const [price, best_bid, best_ask] = [m.price, m.best_bid, m.best_ask];
      rowsOf(store, m.product_id, 'MD').push({
        time,
        nanos,
        price: Number(price),
        best_bid: Number(best_bid),
        best_ask: Number(best_ask),
        volume_24h: Number(m.volume_24_h),
        ...literals(MD, { price, best_bid, best_ask }),
        ...received,
      });
    }
    if (event.updates !== undefined) {
      const levels = event.updates.map(
        (u: Json): Level => [u.side === 'bid' ? 1 : 2, u.price_level, u.new_quantity],
      );
      book(store, event.product_id, levels, snapshot, { time, nanos, ...received });
    }
    for (const { product_id, start, open, high, low, close, volume } of event.candles ?? [])
      kline(
        store,
        product_id,
        '5m',
        Number(start),
        { open, high, low, close, volume },
        { flags, ...received },
      );
  }
}

const VENUES: Record<string, (store: Store, message: Record<string, Json>, received: Row) => void> = {
  coinbase,
  binance,
  'binance-futures': binance,
  'coinbase-advanced': advanced,
};

/** The rows of received texts, in order; `received_ms` is the receive time of each. */
export function store(exchange: string, texts: readonly { text: string; received_ms: number }[]): Store {
  const result: Store = new Map();
  for (const { text, received_ms } of texts) {
    const [recv_time, recv_nanos] = split(Math.floor(received_ms * 1000));
    const received = { recv_time, recv_nanos };
    VENUES[exchange](result, JSON.parse(text), received);
  }
  return result;
}

function putValue(
  view: DataView,
  at: number,
  type: string,
  value: number | bigint | string | undefined,
): void {
  if (type === 'u32') view.setUint32(at, Number(value ?? 0), true);
  else if (type === 'u64') view.setBigUint64(at, BigInt(value ?? 0), true);
  else if (type === 'f32') view.setFloat32(at, Number(value ?? Number.NaN), true);
  else if (value !== undefined) {
    const hex = String(value).replaceAll('-', '');
    for (let i = 0; i < 16; i++) view.setUint8(at + i, Number.parseInt(hex.slice(i * 2, i * 2 + 2), 16));
  }
}

/** Writes the rows as column files, each row in the files of its event's day. */
export function write(path: string, exchange: string, rows: Store, exact = true): void {
  for (const [key, all] of rows) {
    const [symbol, name] = key.split(' ');
    const table = TABLE_OF[name];
    const days = groupByDay(all, table.time[0]);
    const directory = tableDirectory(path, exchange, encodeName(symbol), name);
    mkdirSync(directory, { recursive: true });
    for (const [day, dayRows] of days) {
      for (const column of table.columns) {
        if ((column.exact && !exact) || !isWrittenFor(exchange, column)) continue;
        const view = new DataView(new ArrayBuffer(dayRows.length * column.bytes));
        dayRows.forEach((row, i) => {
          putValue(view, i * column.bytes, column.type, row[column.name]);
        });
        writeFileSync(join(directory, columnFile(column.name, day)), new Uint8Array(view.buffer));
      }
    }
  }
}

function groupByDay(rows: readonly Row[], column: string): Map<number, Row[]> {
  const days = new Map<number, Row[]>();
  for (const row of rows) {
    const day = Math.floor(Number(row[column]) / 86_400);
    const rows_of_day = days.get(day) ?? [];
    days.set(day, rows_of_day);
    rows_of_day.push(row);
  }
  return days;
}

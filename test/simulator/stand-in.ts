/**
 * A stand-in for the logger: takes what a client received, as JSON.parse reads it, and writes the column files with
 * plain DataViews. Shares only the schema with the simulator, so that a comparison of the two means something.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeName } from '../../src/base/names.js';
import { isWrittenFor } from '../../src/schema/columns.js';
import { flag } from '../../src/schema/flags.js';
import { BBO, GAPS, MD, type TABLES, TRADES } from '../../src/schema/tables.js';
import { columnFile, tableDirectory } from '../../src/store/paths.js';
import type { Json } from './client.js';

type Table = (typeof TABLES)[number];
/** Values of a row by column; what is absent is 0, or NaN for f32. */
export type Row = Record<string, number | bigint | string>;
/** Rows by `SYMBOL TABLE`. */
export type Store = Map<string, Row[]>;

const TABLE_OF: Record<string, Table> = { MD, TRADES, BBO, GAPS };

export function rowsOf(store: Store, symbol: string, table: string): Row[] {
  const key = `${symbol} ${table}`;
  const rows = store.get(key) ?? [];
  store.set(key, rows);
  return rows;
}

function literals(table: Table, columns: Record<string, string>): Row {
  const row: Row = {};
  let scales = 0;
  table.literals.forEach((name, i) => {
    const text = columns[name];
    row[`${name}_digits`] = BigInt(text.replace('.', ''));
    scales |= (text.split('.')[1] ?? '').length << (8 * i);
  });
  row['scales'] = scales >>> 0;
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
  }
}

function binance(store: Store, message: Record<string, Json>, received: Row): void {
  const m = message['data'];
  if (m === undefined) return;
  if (m.e === 'trade') {
    trade(store, m.s, m.t, m.T * 1000, m.p, m.q, !m.m, received);
  } else if (m.e === '24hrTicker') {
    const [time, nanos] = split(m.E * 1000);
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
  } else if (m.e === undefined && 'u' in m) {
    rowsOf(store, m.s, 'BBO').push({
      time: received['recv_time'],
      nanos: received['recv_nanos'],
      update_id: BigInt(m.u),
      best_bid: Number(m.b),
      best_bid_size: Number(m.B),
      best_ask: Number(m.a),
      best_ask_size: Number(m.A),
      ...literals(BBO, { best_bid: m.b, best_bid_size: m.B, best_ask: m.a, best_ask_size: m.A }),
      ...received,
    });
  }
}

/** The rows of received texts, in order; `received_ms` is the receive time of each. */
export function store(exchange: string, texts: readonly { text: string; received_ms: number }[]): Store {
  const result: Store = new Map();
  for (const { text, received_ms } of texts) {
    const [recv_time, recv_nanos] = split(Math.floor(received_ms * 1000));
    const received = { recv_time, recv_nanos };
    (exchange === 'coinbase' ? coinbase : binance)(result, JSON.parse(text), received);
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
    days.set(day, [...(days.get(day) ?? []), row]);
  }
  return days;
}

/**
 * Rows in the words of the corpus' expectations, so that the two can be compared event by event: all levels of an order
 * book are one event, and best quotes are a book of one level.
 */
import assert from 'node:assert/strict';
import { type DecodedRow, decimalText } from '../../src/schema/codec.js';
import { type FlagName, flag } from '../../src/schema/flags.js';
import { AGG_TRADES, BBO, BOOK_SIDE, MD, TRADES } from '../../src/schema/tables.js';
import type { Expected } from './corpus.js';

export type EventTexts = Record<string, unknown>;

export function isFlagged(row: DecodedRow, name: FlagName): boolean {
  return (Number(row.values.flags) & flag(name)) !== 0;
}

/** The text of a literal, and its f32 beside it; null when it is missing. */
function literal(
  row: DecodedRow,
  value: string,
  digits: string,
  position: number,
  missing = 0,
): string | null {
  const { values } = row;
  if ((Number(values.flags) & missing) !== 0) {
    assert.ok(Number.isNaN(values[value]), `${value} is NaN when it is missing`);
    return null;
  }
  const scales = Number(position < 4 ? values.scales : values.scales_high);
  const text = decimalText(values[`${digits}_digits`] as bigint, (scales >>> (8 * (position & 3))) & 255);
  assert.equal(values[value], Math.fround(Number(text)), `${value} as f32`);
  return text;
}

function timeOf(seconds: unknown, nanos: unknown): string {
  return String(BigInt(Number(seconds)) * 1_000_000_000n + BigInt(Number(nanos)));
}

function tradeOf(row: DecodedRow): EventTexts {
  const { values } = row;
  const ids =
    row.table === AGG_TRADES.name
      ? { count: String((values.last_trade_id as bigint) - (values.first_trade_id as bigint) + 1n) }
      : {};
  return {
    kind: 'trade',
    trade_id: String(values.trade_id),
    time_ns: timeOf(values.trade_time, values.trade_nanos),
    price: literal(row, 'trade_price', 'price', 0),
    size: literal(row, 'trade_size', 'size', 1),
    side: ['unknown', 'buy', 'sell'][Number(values.trade_side)],
    ...ids,
  };
}

function tickerOf(row: DecodedRow): EventTexts {
  const { values } = row;
  const { missing } = MD;
  return {
    kind: 'ticker',
    time_ns: timeOf(values.time, values.nanos),
    last_price: literal(row, 'price', 'price', 0),
    best_bid: literal(row, 'best_bid', 'best_bid', 1, missing.best_bid),
    best_ask: literal(row, 'best_ask', 'best_ask', 2, missing.best_ask),
    volume: literal(row, 'volume', 'volume', 3, missing.volume),
    last_size: values.last_size,
  };
}

function quotesOf(row: DecodedRow): EventTexts {
  const { values } = row;
  const { missing } = BBO;
  const side = (name: 'best_bid' | 'best_ask', position: number) => {
    const price = literal(row, name, name, position, missing[name]);
    const size = literal(row, `${name}_size`, `${name}_size`, position + 1, missing[`${name}_size`]);
    return price === null ? [] : [[price, size]];
  };
  return {
    kind: 'book',
    time_ns: timeOf(values.time, values.nanos),
    is_snapshot: true,
    bids: side('best_bid', 0),
    asks: side('best_ask', 2),
    seq: (Number(values.flags) & missing.update_id) !== 0 ? undefined : String(values.update_id),
    checksum: undefined,
  };
}

function klineOf(row: DecodedRow): EventTexts {
  const { values } = row;
  const numbers = ['open', 'high', 'low', 'close', 'volume'];
  return {
    kind: 'kline',
    interval: row.table.replace('KLINES_', ''),
    open_time_ns: timeOf(values.open_time, 0),
    ...Object.fromEntries(numbers.map((name, i) => [name, literal(row, name, name, i)])),
    closed: isFlagged(row, 'closed'),
  };
}

/** The rows of an order book, which make one event. */
function bookOf(rows: readonly DecodedRow[], missing: Readonly<Record<string, number>>): EventTexts {
  const [{ values: first }] = rows;
  const { values: last } = rows.at(-1) as DecodedRow;
  const snapshot = isFlagged(rows[0], 'snapshot');
  rows.forEach((row, i) => {
    assert.equal(isFlagged(row, 'snapshot'), snapshot);
    assert.equal(isFlagged(row, 'snapshot_start'), snapshot && i === 0);
    assert.equal(isFlagged(row, 'event_end'), i === rows.length - 1);
  });
  const side = (wanted: number) =>
    rows
      .filter((row) => Number(row.values.side) === wanted)
      .map((row) => [literal(row, 'price', 'price', 0), literal(row, 'size', 'size', 1)]);
  const has = (name: string) => (Number(last.flags) & missing[name]) === 0;
  return {
    kind: 'book',
    time_ns: timeOf(first.time, first.nanos),
    is_snapshot: snapshot,
    bids: side(BOOK_SIDE.bid),
    asks: side(BOOK_SIDE.ask),
    seq: has('seq') ? String(last.seq) : undefined,
    checksum: has('checksum') ? String(Number(last.checksum) | 0) : undefined,
  };
}

/** The rows of one message as events. */
export function eventsOf(
  rows: readonly DecodedRow[],
  symbols: readonly string[],
  bookMissing: Readonly<Record<string, number>>,
): EventTexts[] {
  const events: EventTexts[] = [];
  let levels: DecodedRow[] = [];
  for (const row of rows) {
    const symbol = symbols[row.stream];
    if (row.table === TRADES.name || row.table === AGG_TRADES.name) events.push({ symbol, ...tradeOf(row) });
    else if (row.table === MD.name) events.push({ symbol, ...tickerOf(row) });
    else if (row.table === BBO.name) events.push({ symbol, ...quotesOf(row) });
    else if (row.table !== 'BOOK') events.push({ symbol, ...klineOf(row) });
    else {
      levels.push(row);
      if (!isFlagged(row, 'event_end')) continue;
      events.push({ symbol, ...bookOf(levels, bookMissing) });
      levels = [];
    }
  }
  assert.equal(levels.length, 0, 'an event of a book has an end');
  return events;
}

/** An exponent form as the plain number that the digits columns hold. */
function plain(text: unknown): unknown {
  const [, integer, fraction = '', exponent] = /^(\d+)(?:\.(\d+))?[eE]([+-]?\d+)$/.exec(String(text)) ?? [];
  if (integer === undefined) return text;
  const decimals = fraction.length - Number(exponent);
  const digits = `${integer}${fraction}`;
  if (decimals <= 0) return String(BigInt(digits + '0'.repeat(-decimals)));
  const padded = digits.padStart(decimals + 1, '0');
  const at = padded.length - decimals;
  return `${String(BigInt(padded.slice(0, at)))}.${padded.slice(at)}`;
}

const levelTexts = (levels: unknown) => (levels as unknown[][]).map((level) => level.map(plain));

/** An expectation with the same keys as what eventsOf() makes of rows; `counted`: trades with the number they stand for. */
export function expectedOf(e: Expected, counted: boolean): EventTexts {
  const { symbol, kind } = e;
  if (kind === 'trade') {
    const { trade_id, time_ns, side } = e;
    const trade = { symbol, kind, trade_id, time_ns, price: plain(e.price), size: plain(e.size), side };
    return counted ? { ...trade, count: e.count ?? '1' } : trade;
  }
  if (kind === 'ticker') {
    const { time_ns, last_price, best_bid, best_ask, volume } = e;
    const last_size = Math.fround(Number(e.last_size));
    return { symbol, kind, time_ns, last_price, best_bid, best_ask, volume, last_size };
  }
  if (kind === 'book') {
    const { time_ns, is_snapshot, seq, checksum } = e;
    const [bids, asks] = [levelTexts(e.bids), levelTexts(e.asks)];
    return { symbol, kind, time_ns, is_snapshot, bids, asks, seq, checksum };
  }
  const { interval, open_time_ns, open, high, low, close, volume, closed = false } = e;
  return { symbol, kind, interval, open_time_ns, open, high, low, close, volume, closed };
}

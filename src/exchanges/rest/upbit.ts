/**
 * What Upbit has missed: the trades of the last seven days, day by day, from the newest to the oldest. A page ends in
 * front of an id, the first one of a day with the day, or with the second in which the gap ends. Candles by time. Used by
 * upbit.ts.
 */
import { type BackfillRecipe, isWanted, type PageRequest } from '../../feed/exchange.js';
import { type JsonObject, objectsOf, stringOf } from '../../feed/json/document.js';
import { JsonNumber } from '../../feed/json/fields.js';
import { KLINE_INTERVALS, type KlineInterval } from '../../schema/tables.js';

const PAGE_ROWS = 500;
const DAYS_MAX = 7;
const DAY_SECONDS = 86_400;
/** Pages begin so much behind the gap: the clocks of both sides may differ. */
const MARGIN_SECONDS = 5;

/** As `trade` sends it. */
function trade(row: JsonObject): JsonObject {
  const { market, timestamp, trade_price, trade_volume, ask_bid, sequential_id } = row;
  const values = { trade_price, trade_volume, ask_bid, sequential_id };
  return { type: 'trade', code: market, trade_timestamp: timestamp, ...values, stream_type: 'REALTIME' };
}

/** The second that the first page ends with. */
function endOf({ seconds, nowSeconds }: PageRequest): number {
  return Math.min(seconds + MARGIN_SECONDS, nowSeconds);
}

/** A cursor is the days since then, and the id in front of which the page ends. */
function placeOf(request: PageRequest): { readonly day: number; readonly id: string } {
  const [day, id = ''] = request.cursor?.split(' ') ?? [String(Math.floor(endOf(request) / DAY_SECONDS))];
  return { day: Number(day), id };
}

function path(native: string, request: PageRequest): string {
  const { day, id } = placeOf(request);
  const daysAgo = Math.floor(request.nowSeconds / DAY_SECONDS) - day;
  const query = new URLSearchParams({ market: native, count: String(PAGE_ROWS) });
  if (daysAgo > 0) query.set('days_ago', String(daysAgo));
  if (id !== '') query.set('cursor', id);
  else if (request.cursor === undefined)
    query.set('to', new Date(endOf(request) * 1000).toISOString().slice(11, 19));
  return `/v1/trades/ticks?${query}`;
}

/** Whether a cursor leads over midnight by itself is not documented: behind an empty page comes the day before. */
function nextOf(rows: readonly JsonObject[], request: PageRequest): string | undefined {
  const { day } = placeOf(request);
  const last = rows.at(-1)?.sequential_id;
  if (last !== undefined) return `${day} ${last instanceof JsonNumber ? last.text : last}`;
  const daysAgo = Math.floor(request.nowSeconds / DAY_SECONDS) - day;
  return daysAgo < DAYS_MAX ? String(day - 1) : undefined;
}

const trades: BackfillRecipe = {
  channel: 'trades',
  pages: 'down',
  path,
  messages: (document, _, request) => {
    if (!Array.isArray(document)) return undefined;
    const rows = objectsOf(document);
    return { messages: rows.map(trade), cursor: nextOf(rows, request) };
  },
};

const CANDLE_ROWS = 200;
const isoSeconds = (seconds: number) => `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;

/** As `candle` sends it. */
function candle(type: string, row: JsonObject): JsonObject {
  const { market, candle_date_time_utc, opening_price, high_price, low_price, trade_price } = row;
  const { candle_acc_trade_volume, candle_acc_trade_price } = row;
  const prices = { opening_price, high_price, low_price, trade_price };
  const volumes = { candle_acc_trade_volume, candle_acc_trade_price };
  return { type, code: market, candle_date_time_utc, ...prices, ...volumes, stream_type: 'REALTIME' };
}

/** Candles by time, from the newest to the oldest; none where nothing was traded. `type`: their name, e.g. candle.1m. */
function candles(interval: KlineInterval, type: string): BackfillRecipe {
  const candleSeconds = KLINE_INTERVALS[interval];
  return {
    channel: `klines_${interval}`,
    pages: 'down',
    candleSeconds,
    path: (native, { cursor, untilSeconds }) => {
      const query = new URLSearchParams({ market: native, to: cursor ?? isoSeconds(untilSeconds) });
      return `/v1/candles/minutes/${candleSeconds / 60}?${query}&count=${CANDLE_ROWS}`;
    },
    messages: (document, _, request) => {
      if (!Array.isArray(document)) return undefined;
      const rows = objectsOf(document);
      const opens = rows.map((row) => Date.parse(`${stringOf(row, 'candle_date_time_utc')}Z`) / 1000);
      const messages = rows.filter((_, i) => isWanted(opens[i], request)).map((row) => candle(type, row));
      const oldest = opens.at(-1);
      return oldest === undefined || rows.length < CANDLE_ROWS || oldest <= request.seconds
        ? { messages }
        : { messages, cursor: isoSeconds(oldest) };
    },
  };
}

/** `types`: candles as the exchange names them. */
export function backfill(types: Readonly<Partial<Record<KlineInterval, string>>>): readonly BackfillRecipe[] {
  const named = Object.entries(types) as [KlineInterval, string][];
  return [trades, ...named.map(([interval, type]) => candles(interval, type))];
}

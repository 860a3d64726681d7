/**
 * What Binance has missed: trades and aggregate trades by their ids, candles by time, from the oldest to the newest.
 * Single trades of the futures are for those with a key. Used by binance.ts.
 */
import { type BackfillRecipe, isWanted } from '../../feed/exchange.js';
import { type JsonObject, type JsonValue, objectsOf } from '../../feed/json/document.js';
import { kindOf, textOf } from '../../feed/json/fields.js';
import { KLINE_INTERVALS, type KlineInterval } from '../../schema/tables.js';

const PAGE_ROWS = 1000;

/** As `<symbol>@trade` sends it. */
function trade(native: string, { id, price, qty, time, isBuyerMaker }: JsonObject): JsonObject {
  return { e: 'trade', E: time, s: native, t: id, p: price, q: qty, T: time, m: isBuyerMaker };
}

/** As `<symbol>@aggTrade` sends it. */
function aggregate(native: string, { a, p, q, f, l, T, m }: JsonObject): JsonObject {
  return { e: 'aggTrade', E: T, s: native, a, p, q, f, l, T, m };
}

function recipe(
  channel: string,
  path: string,
  message: (native: string, row: JsonObject) => JsonObject,
): BackfillRecipe {
  return {
    channel,
    pages: 'up',
    path: (native, { id }) => `${path}?symbol=${encodeURIComponent(native)}&fromId=${id}&limit=${PAGE_ROWS}`,
    messages: (document, native) =>
      Array.isArray(document)
        ? { messages: objectsOf(document).map((row) => message(native, row)) }
        : undefined,
  };
}

/** Places in a row of candles: begin, open, high, low, close, volume, end, quote volume, trades, and those of takers. */
function candle(native: string, interval: string, row: JsonValue[]): JsonObject {
  const [t, o, h, l, c, v, T, q, n, V, Q] = row;
  return {
    e: 'kline',
    E: T,
    s: native,
    k: { t, T, s: native, i: interval, o, c, h, l, v, n, x: true, q, V, Q },
  };
}

/** Candles by time, from the oldest to the newest. */
function candles(interval: KlineInterval, path: string): BackfillRecipe {
  const candleSeconds = KLINE_INTERVALS[interval];
  return {
    channel: `klines_${interval}`,
    pages: 'up',
    candleSeconds,
    path: (native, { cursor, seconds, untilSeconds }) =>
      `${path}?symbol=${encodeURIComponent(native)}&interval=${interval}&startTime=${cursor ?? seconds * 1000}&endTime=${untilSeconds * 1000 - 1}&limit=${PAGE_ROWS}`,
    messages: (document, native, request) => {
      if (!Array.isArray(document)) return undefined;
      const rows = document.filter((row) => Array.isArray(row));
      const opens = rows.map(([open]) => Number(textOf(open, kindOf(open))));
      const messages = rows
        .filter((_, i) => isWanted(opens[i] / 1000, request))
        .map((row) => candle(native, interval, row));
      const last = opens.at(-1);
      return rows.length < PAGE_ROWS || last === undefined
        ? { messages }
        : { messages, cursor: String(last + candleSeconds * 1000) };
    },
  };
}

const INTERVALS = Object.keys(KLINE_INTERVALS) as KlineInterval[];

export const SPOT_BACKFILL: readonly BackfillRecipe[] = [
  recipe('trades', '/api/v3/historicalTrades', trade),
  recipe('agg_trades', '/api/v3/aggTrades', aggregate),
  ...INTERVALS.map((interval) => candles(interval, '/api/v3/klines')),
];

/** Of aggregate trades the last 48 hours. */
export const FUTURES_BACKFILL: readonly BackfillRecipe[] = [
  recipe('agg_trades', '/fapi/v1/aggTrades', aggregate),
  ...INTERVALS.map((interval) => candles(interval, '/fapi/v1/klines')),
];

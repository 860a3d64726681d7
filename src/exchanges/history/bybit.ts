/**
 * What Bybit has missed: the newest trades, 60 of spot and 1000 of a contract, which is seconds of a busy market. There
 * are no pages and no ids that count up. Candles go back for years. Used by bybit.ts.
 */
import { type BackfillRecipe, isWanted } from '../../feed/exchange.js';
import { isObject, type JsonObject, type JsonValue, objectsOf } from '../../feed/json/document.js';
import { kindOf, textOf } from '../../feed/json/fields.js';
import { KLINE_INTERVALS, type KlineInterval } from '../../schema/tables.js';

const ROWS_MAX = 1000;

/** As `publicTrade` sends it. */
function trade(native: string, row: JsonObject): JsonObject {
  const { execId, time, price, size, side, seq } = row;
  const data = { i: execId, T: time, s: native, p: price, v: size, S: side, seq };
  return { topic: `publicTrade.${native}`, type: 'snapshot', ts: time, data: [data] };
}

/** What a good answer lists. */
function listOf(document: JsonValue): JsonValue[] | undefined {
  if (!isObject(document)) return undefined;
  const { retCode, result } = document;
  if (textOf(retCode, kindOf(retCode)) !== '0' || !isObject(result)) return undefined;
  return Array.isArray(result.list) ? result.list : undefined;
}

function trades(category: string): BackfillRecipe {
  return {
    channel: 'trades',
    pages: 'newest',
    path: (native) =>
      `/v5/market/recent-trade?category=${category}&symbol=${encodeURIComponent(native)}&limit=${ROWS_MAX}`,
    messages: (document, native) => {
      const list = listOf(document);
      return list && { messages: objectsOf(list).map((row) => trade(native, row)) };
    },
  };
}

/** As `kline` sends it. */
function candle(native: string, interval: string, row: JsonValue[]): JsonObject {
  const [start, open, high, low, close, volume, turnover] = row;
  const data = { start, interval, open, close, high, low, volume, turnover, confirm: true };
  return { topic: `kline.${interval}.${native}`, type: 'snapshot', ts: start, data: [data] };
}

/** Candles by time, from the newest to the oldest; `interval`: as the exchange names it. */
function candles(category: string, name: KlineInterval, interval: string): BackfillRecipe {
  return {
    channel: `klines_${name}`,
    pages: 'down',
    candleSeconds: KLINE_INTERVALS[name],
    path: (native, { cursor, seconds, untilSeconds }) =>
      `/v5/market/kline?category=${category}&symbol=${encodeURIComponent(native)}&interval=${interval}&start=${seconds * 1000}&end=${cursor ?? untilSeconds * 1000 - 1}&limit=${ROWS_MAX}`,
    messages: (document, native, request) => {
      const rows = listOf(document)?.filter((row) => Array.isArray(row));
      if (rows === undefined) return undefined;
      const messages = rows
        .filter(([start]) => isWanted(Number(start) / 1000, request))
        .map((row) => candle(native, interval, row));
      const oldest = Number(rows.at(-1)?.[0]);
      return rows.length < ROWS_MAX ? { messages } : { messages, cursor: String(oldest - 1) };
    },
  };
}

/** `category`: spot or linear; `intervals`: candles as the exchange names them. */
export function backfill(
  category: string,
  intervals: Readonly<Record<KlineInterval, string>>,
): readonly BackfillRecipe[] {
  const names = Object.keys(intervals) as KlineInterval[];
  return [trades(category), ...names.map((name) => candles(category, name, intervals[name]))];
}

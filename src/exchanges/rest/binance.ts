/**
 * The REST interface of Binance, spot and USD-M futures: what `exchangeInfo` lists, the weight of requests, and what was
 * missed: trades and aggregate trades by their ids, candles by time, from the oldest to the newest. Single trades of the
 * futures are for those with a key. Used by binance.ts.
 */
import {
  type BackfillRecipe,
  type FetchJson,
  isWanted,
  type RestUsage,
  type SymbolInfo,
  type SymbolState,
} from '../../feed/exchange.js';
import {
  isObject,
  type JsonObject,
  type JsonValue,
  millisOf,
  objectsOf,
  stringOf,
} from '../../feed/json/document.js';
import { kindOf, textOf } from '../../feed/json/fields.js';
import { KLINE_INTERVALS, type KlineInterval } from '../../schema/tables.js';

/** Of both interfaces. What is none of these is an interruption: BREAK, HALT, CANCEL_ONLY, SETTLING … */
const STATES: Readonly<Record<string, SymbolState>> = {
  TRADING: 'trading',
  PRE_TRADING: 'pre_trading',
  PENDING_TRADING: 'pre_trading',
  DELIVERED: 'delisted',
  CLOSE: 'delisted',
};

/** What both interfaces list; dated futures carry their date in the quote, so that their names stay apart. */
export async function listSymbols(fetchJson: FetchJson, path: string): Promise<SymbolInfo[]> {
  const info = await fetchJson(path);
  const symbols = isObject(info) && Array.isArray(info.symbols) ? info.symbols.filter(isObject) : [];
  return symbols.filter((s) => typeof s.symbol === 'string' && s.symbol !== '').map(symbolOf);
}

function symbolOf(entry: JsonObject): SymbolInfo {
  const native = stringOf(entry, 'symbol') ?? '';
  const date = /_\d+$/.exec(native)?.[0] ?? '';
  const status = stringOf(entry, 'status') ?? '';
  const filters = Array.isArray(entry.filters) ? entry.filters.filter(isObject) : [];
  const step = (type: string, key: string) =>
    stringOf(filters.find(({ filterType }) => filterType === type) ?? {}, key) ?? '';
  return {
    native,
    base: stringOf(entry, 'baseAsset') ?? '',
    quote: `${stringOf(entry, 'quoteAsset') ?? ''}${date}`,
    state: STATES[status] ?? 'halted',
    status,
    tick: step('PRICE_FILTER', 'tickSize'),
    lot: step('LOT_SIZE', 'stepSize'),
    // of futures alone
    listedMs: millisOf(entry, 'onboardDate'),
  };
}

const MINUTE_MS = 60_000;

/** Requests have weights, which count until the minute of the clock is over. */
export function usageOf(weightMax: number): RestUsage {
  return (header, nowMs) => {
    const used = Number(header('x-mbx-used-weight-1m') ?? header('x-mbx-used-weight'));
    return Number.isFinite(used)
      ? { share: used / weightMax, resetMs: MINUTE_MS - (nowMs % MINUTE_MS) }
      : undefined;
  };
}

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

/**
 * What Bybit lists, spot and linear contracts: `instruments-info`. What Bybit has missed: the newest trades, 60 of spot
 * and 1000 of a contract, which is seconds of a busy market. There are no pages and no ids that count up. Candles go
 * back for years. Used by bybit.ts.
 */
import { LoggerError } from '../../base/errors.js';
import {
  type BackfillRecipe,
  type FetchJson,
  isWanted,
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

const STATES: Readonly<Record<string, SymbolState>> = {
  Trading: 'trading',
  PreLaunch: 'pre_trading',
  Delivering: 'halted',
  Closed: 'delisted',
};

/** An endless chain of pages would be a mistake of theirs. */
const PAGES_MAX = 100;

/** Contracts that do not trade yet are listed apart, those on spot are not listed at all. */
export async function listSymbols(fetchJson: FetchJson, category: string): Promise<SymbolInfo[]> {
  const trading = await listPages(fetchJson, category, '');
  if (category === 'spot') return trading;
  return [...trading, ...(await listPages(fetchJson, category, '&status=PreLaunch'))];
}

async function listPages(fetchJson: FetchJson, category: string, filter: string): Promise<SymbolInfo[]> {
  const symbols: SymbolInfo[] = [];
  let cursor: string | undefined = '';
  for (let page = 0; cursor !== undefined; page++) {
    if (page === PAGES_MAX)
      throw new LoggerError('REST_FAILED', `the list of ${category} symbols has no end`);
    // the cursor comes encoded
    const paging = cursor === '' ? '' : `&cursor=${cursor}`;
    const answer = await fetchJson(
      `/v5/market/instruments-info?category=${category}&limit=1000${filter}${paging}`,
    );
    const result = isObject(answer) && isObject(answer.result) ? answer.result : undefined;
    if (result === undefined || !Array.isArray(result.list)) {
      const reason = isObject(answer) ? stringOf(answer, 'retMsg') : undefined;
      throw new LoggerError('REST_FAILED', `the list of ${category} symbols: ${reason ?? 'no list'}`);
    }
    symbols.push(...result.list.filter(isObject).flatMap(symbolOf));
    cursor = stringOf(result, 'nextPageCursor') || undefined;
  }
  return symbols;
}

function symbolOf(entry: JsonObject): SymbolInfo[] {
  const native = stringOf(entry, 'symbol') ?? '';
  if (native === '') return [];
  // a contract that ends on a day is not the market of its coins: BTCUSDT-25DEC26
  const dash = native.indexOf('-');
  const end = dash < 0 ? '' : native.slice(dash);
  const status = stringOf(entry, 'status') ?? '';
  const sizes = isObject(entry.lotSizeFilter) ? entry.lotSizeFilter : {};
  const prices = isObject(entry.priceFilter) ? entry.priceFilter : {};
  return [
    {
      native,
      base: stringOf(entry, 'baseCoin') ?? '',
      quote: `${stringOf(entry, 'quoteCoin') ?? ''}${end}`,
      state: STATES[status] ?? 'halted',
      status,
      tick: stringOf(prices, 'tickSize') ?? '',
      lot: stringOf(sizes, 'qtyStep') ?? stringOf(sizes, 'basePrecision') ?? '',
      // of contracts alone
      listedMs: millisOf(entry, 'launchTime'),
    },
  ];
}

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

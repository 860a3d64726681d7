/**
 * What Kraken lists: `AssetPairs`, by the names of WebSocket v2. What Kraken has missed: all trades since 2013, by
 * time, from the oldest to the newest. There is no query by id, so pages begin a little in front of the gap; `last`
 * says where the next one begins. Used by kraken.ts.
 */
import { LoggerError } from '../../base/errors.js';
import type { BackfillRecipe, FetchJson, HistoryPage, SymbolInfo, SymbolState } from '../../feed/exchange.js';
import { isObject, type JsonObject, type JsonValue, stringOf } from '../../feed/json/document.js';
import { JsonNumber, kindOf, textOf } from '../../feed/json/fields.js';

/** The older interfaces, REST among them, call these two by other names. */
const NAMES: Readonly<Record<string, string>> = { XBT: 'BTC', XDG: 'DOGE' };

/** What is none of these restricts orders, but the market goes on: limit_only, post_only, reduce_only. */
const STATES: Readonly<Record<string, SymbolState>> = {
  work_in_progress: 'pre_trading',
  maintenance: 'halted',
  cancel_only: 'halted',
  delisted: 'delisted',
};

function symbolOf(pair: JsonObject): SymbolInfo | undefined {
  const { wsname, lot_decimals } = pair;
  if (typeof wsname !== 'string' || !/^[^/]+\/[^/]+$/.test(wsname)) return undefined;
  const [base, quote] = wsname.split('/').map((name) => NAMES[name] ?? name);
  const status = stringOf(pair, 'status') ?? 'online';
  const decimals = Number(lot_decimals);
  return {
    native: `${base}/${quote}`,
    ...{ base, quote, status },
    state: STATES[status] ?? 'trading',
    tick: stringOf(pair, 'tick_size') ?? '',
    lot: decimals >= 0 && decimals <= 20 ? (10 ** -decimals).toFixed(decimals) : '',
  };
}

/** Errors come with HTTP status 200. */
export async function listSymbols(fetchJson: FetchJson): Promise<SymbolInfo[]> {
  const answer = await fetchJson('/0/public/AssetPairs');
  const pairs = isObject(answer) ? answer.result : undefined;
  if (!isObject(answer) || !isObject(pairs)) {
    const errors = isObject(answer) && Array.isArray(answer.error) ? answer.error.join(', ') : 'no pairs';
    throw new LoggerError('REST_FAILED', `GET /0/public/AssetPairs of Kraken: ${errors}`);
  }
  return Object.values(pairs)
    .filter(isObject)
    .map(symbolOf)
    .filter((symbol) => symbol !== undefined);
}

const PAGE_ROWS = 1000;
const SIDES: Readonly<Record<string, string>> = { b: 'buy', s: 'sell' };
const MICROS_PER_SECOND = 1_000_000;
const NANOS_AGAIN = 1000n;

/** REST has the time as a float of seconds, whose digits behind the microseconds are noise. */
function microsOf(seconds: JsonValue | undefined): number {
  return seconds instanceof JsonNumber ? Math.round(Number(seconds.text) * MICROS_PER_SECOND) : 0;
}

function isoTime(micros: number): string {
  const whole = Math.floor(micros / MICROS_PER_SECOND);
  const rest = String(micros - whole * MICROS_PER_SECOND).padStart(6, '0');
  return `${new Date(whole * 1000).toISOString().slice(0, 19)}.${rest}Z`;
}

/** `[price, volume, time, side, type, misc, trade_id]` as `trade` sends it; undefined for what is no such list. */
function trade(native: string, row: JsonValue): JsonObject | undefined {
  if (!Array.isArray(row)) return undefined;
  const [price, qty, time, side, , , trade_id] = row;
  const micros = microsOf(time);
  if (!(micros > 0) || typeof side !== 'string') return undefined;
  const data = { symbol: native, side: SIDES[side] ?? '', price, qty, trade_id, timestamp: isoTime(micros) };
  return { channel: 'trade', type: 'update', data: [data] };
}

/**
 * Where the next page begins, nanoseconds since 1970: a little in front of the last row, for whether the moment itself
 * belongs to the page is not documented. `last` is missing now and then.
 */
function cursorOf(last: JsonValue | undefined, rows: readonly JsonValue[]): string {
  const row = rows.at(-1);
  const nanos = textOf(last, kindOf(last)) || `${Array.isArray(row) ? microsOf(row[2]) : 0}000`;
  return /^\d+$/.test(nanos) ? String(BigInt(nanos) - NANOS_AGAIN) : nanos;
}

function messages(document: JsonValue, native: string): HistoryPage | undefined {
  if (!isObject(document) || !Array.isArray(document.error) || document.error.length > 0) return undefined;
  const { result } = document;
  if (!isObject(result)) return undefined;
  // the pair may have any of its names
  const rows = Object.entries(result).find(([key]) => key !== 'last')?.[1];
  if (!Array.isArray(rows)) return undefined;
  const read = rows.map((row) => trade(native, row));
  if (read.includes(undefined)) return undefined;
  return { messages: read as JsonObject[], cursor: cursorOf(result.last, rows) };
}

const trades: BackfillRecipe = {
  channel: 'trades',
  pages: 'up',
  path: (native, { cursor, seconds }) => {
    const since = cursor ?? `${Math.max(0, seconds)}000000000`;
    return `/0/public/Trades?pair=${encodeURIComponent(native)}&since=${since}&count=${PAGE_ROWS}`;
  },
  messages,
};

export const BACKFILL = [trades];

/**
 * What Kraken has missed: all trades since 2013, by time, from the oldest to the newest. There is no query by id, so pages
 * begin a little in front of the gap; `last` says where the next one begins. Used by kraken.ts.
 */
import type { BackfillRecipe, HistoryPage } from '../../feed/exchange.js';
import { isObject, type JsonObject, type JsonValue } from '../../feed/json/document.js';
import { JsonNumber, kindOf, textOf } from '../../feed/json/fields.js';

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

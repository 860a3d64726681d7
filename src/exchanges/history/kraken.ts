/**
 * What Kraken has missed: all trades since 2013, by time, from the oldest to the newest. There is no query by id, so pages
 * begin a little in front of the gap; `last` says where the next one begins. Used by kraken.ts.
 */
import type { BackfillRecipe } from '../../feed/exchange.js';
import { isObject, type JsonObject, type JsonValue } from '../../feed/json/document.js';
import { JsonNumber } from '../../feed/json/fields.js';

const PAGE_ROWS = 1000;
const SIDES: Readonly<Record<string, string>> = { b: 'buy', s: 'sell' };
const MICROS_PER_SECOND = 1_000_000;

/** REST has the time as a float of seconds, whose digits behind the microseconds are noise. */
function isoTime(seconds: string): string {
  const micros = Math.round(Number(seconds) * MICROS_PER_SECOND);
  const whole = Math.floor(micros / MICROS_PER_SECOND);
  const rest = String(micros - whole * MICROS_PER_SECOND).padStart(6, '0');
  return `${new Date(whole * 1000).toISOString().slice(0, 19)}.${rest}Z`;
}

/** `[price, volume, time, side, type, misc, trade_id]` as `trade` sends it; undefined for what is no such list. */
function trade(native: string, row: JsonValue): JsonObject | undefined {
  if (!Array.isArray(row)) return undefined;
  const [price, qty, time, side, , , trade_id] = row;
  const seconds = time instanceof JsonNumber ? time.text : '';
  if (!(Number(seconds) > 0) || typeof side !== 'string') return undefined;
  const data = { symbol: native, side: SIDES[side] ?? '', price, qty, trade_id, timestamp: isoTime(seconds) };
  return { channel: 'trade', type: 'update', data: [data] };
}

const trades: BackfillRecipe = {
  channel: 'trades',
  pages: 'up',
  path: (native, { cursor, seconds }) =>
    `/0/public/Trades?pair=${encodeURIComponent(native)}&since=${cursor ?? `${Math.max(0, seconds)}000000000`}&count=${PAGE_ROWS}`,
  messages: (document, native) => {
    const result =
      isObject(document) && Array.isArray(document.error) && document.error.length === 0
        ? document.result
        : undefined;
    if (!isObject(result)) return undefined;
    const rows = Object.entries(result).find(([key]) => key !== 'last')?.[1];
    if (!Array.isArray(rows)) return undefined;
    const messages = rows.map((row) => trade(native, row));
    if (messages.includes(undefined)) return undefined;
    const { last } = result;
    return {
      messages: messages as JsonObject[],
      cursor: last instanceof JsonNumber ? last.text : String(last ?? ''),
    };
  },
};

export const BACKFILL = [trades];

/**
 * What Upbit has missed: the trades of the last seven days, day by day, from the newest to the oldest. A page ends in
 * front of an id, the first one of a day with the day, or with the second in which the gap ends. Used by upbit.ts.
 */
import type { BackfillRecipe, PageRequest } from '../../feed/exchange.js';
import { type JsonObject, objectsOf } from '../../feed/json/document.js';
import { JsonNumber } from '../../feed/json/fields.js';

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

export const BACKFILL = [trades];

/**
 * What Binance has missed: trades and aggregate trades by their ids, from the oldest to the newest. Single trades of the
 * futures are for those with a key. Used by binance.ts.
 */
import type { BackfillRecipe } from '../../feed/exchange.js';
import { type JsonObject, objectsOf } from '../../feed/json/document.js';

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

export const SPOT_BACKFILL: readonly BackfillRecipe[] = [
  recipe('trades', '/api/v3/historicalTrades', trade),
  recipe('agg_trades', '/api/v3/aggTrades', aggregate),
];

/** The last 48 hours. */
export const FUTURES_BACKFILL: readonly BackfillRecipe[] = [
  recipe('agg_trades', '/fapi/v1/aggTrades', aggregate),
];

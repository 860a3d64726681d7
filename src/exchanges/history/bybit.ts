/**
 * What Bybit has missed: the newest trades, 60 of spot and 1000 of a contract, which is seconds of a busy market. There
 * are no pages and no ids that count up. Used by bybit.ts.
 */
import type { BackfillRecipe } from '../../feed/exchange.js';
import { isObject, type JsonObject, objectsOf } from '../../feed/json/document.js';
import { kindOf, textOf } from '../../feed/json/fields.js';

const ROWS_MAX = 1000;

/** As `publicTrade` sends it. */
function trade(native: string, row: JsonObject): JsonObject {
  const { execId, time, price, size, side, seq } = row;
  const data = { i: execId, T: time, s: native, p: price, v: size, S: side, seq };
  return { topic: `publicTrade.${native}`, type: 'snapshot', ts: time, data: [data] };
}

/** `category`: spot or linear. */
export function backfill(category: string): readonly BackfillRecipe[] {
  return [
    {
      channel: 'trades',
      pages: 'newest',
      path: (native) =>
        `/v5/market/recent-trade?category=${category}&symbol=${encodeURIComponent(native)}&limit=${ROWS_MAX}`,
      messages: (document, native) => {
        if (!isObject(document)) return undefined;
        const { retCode, result } = document;
        if (textOf(retCode, kindOf(retCode)) !== '0' || !isObject(result) || !Array.isArray(result.list))
          return undefined;
        return { messages: objectsOf(result.list).map((row) => trade(native, row)) };
      },
    },
  ];
}

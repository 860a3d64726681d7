/**
 * What both addresses of Coinbase have missed: all trades there ever were, by their ids, from the newest to the oldest.
 * `before` would give the newest trades behind an id, not those that follow it, so pages go down. Used by coinbase.ts.
 */
import type { BackfillRecipe } from '../feed/exchange.js';
import { type JsonObject, objectsOf } from '../feed/json/document.js';

const PAGE_ROWS = 1000;
/** Advanced Trade has no pages of its own; the trades of the Exchange are the same. */
const EXCHANGE_REST = 'https://api.exchange.coinbase.com';

/** As `matches` sends it. */
function match(native: string, { trade_id, side, size, price, time }: JsonObject): JsonObject {
  return { type: 'match', product_id: native, trade_id, side, size, price, time };
}

function recipe(product: (native: string) => string): BackfillRecipe {
  return {
    channel: 'trades',
    pages: 'down',
    path: (native, { id }) =>
      `/products/${encodeURIComponent(product(native))}/trades?limit=${PAGE_ROWS}&after=${id}`,
    messages: (document, native) =>
      Array.isArray(document) ? { messages: objectsOf(document).map((row) => match(native, row)) } : undefined,
  };
}

export const EXCHANGE_BACKFILL = [recipe((native) => native)];

/** X-USDC is another name of X-USD. */
export const ADVANCED_BACKFILL = [
  { ...recipe((native) => native.replace(/-USDC$/, '-USD')), endpoint: EXCHANGE_REST },
];

/**
 * What both addresses of Coinbase have missed: all trades there ever were, by their ids, from the newest to the oldest.
 * `before` would give the newest trades behind an id, not those that follow it, so pages go down. Used by coinbase.ts and
 * coinbase_advanced.ts.
 */
import type { BackfillRecipe } from '../../feed/exchange.js';
import { type JsonObject, objectsOf } from '../../feed/json/document.js';

const PAGE_ROWS = 1000;
/** Advanced Trade has no pages of its own; the trades of the Exchange are the same. */
const EXCHANGE_REST = 'https://api.exchange.coinbase.com';

function recipe(
  product: (native: string) => string,
  message: (native: string, row: JsonObject) => JsonObject,
): BackfillRecipe {
  return {
    channel: 'trades',
    pages: 'down',
    path: (native, { id }) =>
      `/products/${encodeURIComponent(product(native))}/trades?limit=${PAGE_ROWS}&after=${id}`,
    messages: (document, native) =>
      Array.isArray(document)
        ? { messages: objectsOf(document).map((row) => message(native, row)) }
        : undefined,
  };
}

/** As `matches` sends it. */
function match(native: string, { trade_id, side, size, price, time }: JsonObject): JsonObject {
  return { type: 'match', product_id: native, trade_id, side, size, price, time };
}

/** As `market_trades` sends it. */
function marketTrade(native: string, { trade_id, side, size, price, time }: JsonObject): JsonObject {
  const trade = { product_id: native, trade_id, price, size, time, side: String(side).toUpperCase() };
  return { channel: 'market_trades', events: [{ type: 'update', trades: [trade] }] };
}

export const EXCHANGE_BACKFILL = [recipe((native) => native, match)];

/** X-USDC is another name of X-USD. */
const marketTrades = recipe((native) => native.replace(/-USDC$/, '-USD'), marketTrade);
export const ADVANCED_BACKFILL = [{ ...marketTrades, endpoint: EXCHANGE_REST }];

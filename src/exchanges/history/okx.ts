/**
 * What OKX has missed: the single trades of the last three months, by their ids, from the newest to the oldest. `before`
 * alone would give the newest page. Sums of trades are not kept. Used by okx.ts.
 */
import type { BackfillRecipe } from '../../feed/exchange.js';
import { isObject, objectsOf } from '../../feed/json/document.js';

const PAGE_ROWS = 100;

const trades: BackfillRecipe = {
  channel: 'trades',
  pages: 'down',
  path: (native, { id }) =>
    `/api/v5/market/history-trades?instId=${encodeURIComponent(native)}&type=1&after=${id}&limit=${PAGE_ROWS}`,
  messages: (document, native) => {
    if (!isObject(document) || document.code !== '0' || !Array.isArray(document.data)) return undefined;
    const arg = { channel: 'trades-all', instId: native };
    return { messages: objectsOf(document.data).map((row) => ({ arg, data: [row] })) };
  },
};

export const BACKFILL = [trades];

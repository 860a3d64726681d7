/** What Binance lists, spot and USD-M futures: `exchangeInfo`. Used by binance.ts. */
import type { FetchJson, SymbolInfo, SymbolState } from '../feed/exchange.js';
import { isObject, type JsonObject, stringOf } from '../feed/json/document.js';

/** Of both interfaces. What is none of these is an interruption: BREAK, HALT, CANCEL_ONLY, SETTLING … */
const STATES: Readonly<Record<string, SymbolState>> = {
  TRADING: 'trading',
  PRE_TRADING: 'pre_trading',
  PENDING_TRADING: 'pre_trading',
  DELIVERED: 'delisted',
  CLOSE: 'delisted',
};

/** What both interfaces list; dated futures carry their date in the quote, so that their names stay apart. */
export async function listSymbols(fetchJson: FetchJson, path: string): Promise<SymbolInfo[]> {
  const info = await fetchJson(path);
  const symbols = isObject(info) && Array.isArray(info.symbols) ? info.symbols.filter(isObject) : [];
  return symbols.filter((s) => typeof s.symbol === 'string' && s.symbol !== '').map(symbolOf);
}

function symbolOf(entry: JsonObject): SymbolInfo {
  const native = stringOf(entry, 'symbol') ?? '';
  const date = /_\d+$/.exec(native)?.[0] ?? '';
  const status = stringOf(entry, 'status') ?? '';
  const filters = Array.isArray(entry.filters) ? entry.filters.filter(isObject) : [];
  const step = (type: string, key: string) =>
    stringOf(filters.find(({ filterType }) => filterType === type) ?? {}, key) ?? '';
  return {
    native,
    base: stringOf(entry, 'baseAsset') ?? '',
    quote: `${stringOf(entry, 'quoteAsset') ?? ''}${date}`,
    state: STATES[status] ?? 'halted',
    status,
    tick: step('PRICE_FILTER', 'tickSize'),
    lot: step('LOT_SIZE', 'stepSize'),
  };
}

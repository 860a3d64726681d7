/** REST of Binance, spot and USD-M futures: what `exchangeInfo` lists, and the weight of requests. Used by binance.ts. */
import type { FetchJson, RestUsage, SymbolInfo, SymbolState } from '../feed/exchange.js';
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

const MINUTE_MS = 60_000;

/** Requests have weights, which count until the minute of the clock is over. */
export function usageOf(weightMax: number): RestUsage {
  return (header, nowMs) => {
    const used = Number(header('x-mbx-used-weight-1m') ?? header('x-mbx-used-weight'));
    return Number.isFinite(used)
      ? { share: used / weightMax, resetMs: MINUTE_MS - (nowMs % MINUTE_MS) }
      : undefined;
  };
}

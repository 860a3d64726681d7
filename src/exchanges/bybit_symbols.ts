/** What Bybit lists, spot and linear contracts: `instruments-info`. Used by bybit.ts. */
import { LoggerError } from '../base/errors.js';
import type { FetchJson, SymbolInfo, SymbolState } from '../feed/exchange.js';
import { isObject, type JsonObject, stringOf } from '../feed/json/document.js';

const STATES: Readonly<Record<string, SymbolState>> = {
  Trading: 'trading',
  PreLaunch: 'pre_trading',
  Delivering: 'halted',
  Closed: 'delisted',
};

/** An endless chain of pages would be a mistake of theirs. */
const PAGES_MAX = 100;

/** Contracts that do not trade yet are listed apart, those on spot are not listed at all. */
export async function listSymbols(fetchJson: FetchJson, category: string): Promise<SymbolInfo[]> {
  const trading = await listPages(fetchJson, category, '');
  if (category === 'spot') return trading;
  return [...trading, ...(await listPages(fetchJson, category, '&status=PreLaunch'))];
}

async function listPages(fetchJson: FetchJson, category: string, filter: string): Promise<SymbolInfo[]> {
  const symbols: SymbolInfo[] = [];
  let cursor: string | undefined = '';
  for (let page = 0; cursor !== undefined; page++) {
    if (page === PAGES_MAX)
      throw new LoggerError('REST_FAILED', `the list of ${category} symbols has no end`);
    // the cursor comes encoded
    const paging = cursor === '' ? '' : `&cursor=${cursor}`;
    const answer = await fetchJson(
      `/v5/market/instruments-info?category=${category}&limit=1000${filter}${paging}`,
    );
    const result = isObject(answer) && isObject(answer.result) ? answer.result : undefined;
    if (result === undefined || !Array.isArray(result.list)) {
      const reason = isObject(answer) ? stringOf(answer, 'retMsg') : undefined;
      throw new LoggerError('REST_FAILED', `the list of ${category} symbols: ${reason ?? 'no list'}`);
    }
    symbols.push(...result.list.filter(isObject).flatMap(symbolOf));
    cursor = stringOf(result, 'nextPageCursor') || undefined;
  }
  return symbols;
}

function symbolOf(entry: JsonObject): SymbolInfo[] {
  const native = stringOf(entry, 'symbol') ?? '';
  if (native === '') return [];
  // a contract that ends on a day is not the market of its coins: BTCUSDT-25DEC26
  const dash = native.indexOf('-');
  const end = dash < 0 ? '' : native.slice(dash);
  const status = stringOf(entry, 'status') ?? '';
  const sizes = isObject(entry.lotSizeFilter) ? entry.lotSizeFilter : {};
  const prices = isObject(entry.priceFilter) ? entry.priceFilter : {};
  return [
    {
      native,
      base: stringOf(entry, 'baseCoin') ?? '',
      quote: `${stringOf(entry, 'quoteCoin') ?? ''}${end}`,
      state: STATES[status] ?? 'halted',
      status,
      tick: stringOf(prices, 'tickSize') ?? '',
      lot: stringOf(sizes, 'qtyStep') ?? stringOf(sizes, 'basePrecision') ?? '',
    },
  ];
}

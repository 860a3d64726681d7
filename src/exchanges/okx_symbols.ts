/** What OKX lists: `instruments`. Used by okx.ts. */
import type { FetchJson, SymbolInfo, SymbolState } from '../feed/exchange.js';
import { isObject, stringOf } from '../feed/json/document.js';

const INSTRUMENT_KEYS = ['instId', 'baseCcy', 'quoteCcy', 'state', 'tickSz', 'lotSz'];
/** What is none of these is an interruption: suspend, rebase, settling … */
const STATES: Readonly<Record<string, SymbolState>> = {
  live: 'trading',
  post_only: 'trading',
  preopen: 'pre_trading',
  expired: 'delisted',
};

export async function listSymbols(fetchJson: FetchJson): Promise<SymbolInfo[]> {
  const answer = await fetchJson('/api/v5/public/instruments?instType=SPOT');
  const instruments = isObject(answer) && Array.isArray(answer.data) ? answer.data.filter(isObject) : [];
  return instruments.flatMap((entry) => {
    const [native, base, quote, status, tick, lot] = INSTRUMENT_KEYS.map((key) => stringOf(entry, key) ?? '');
    if (native === '' || status === 'test') return [];
    return [{ native, base, quote, status, tick, lot, state: STATES[status] ?? 'halted' }];
  });
}

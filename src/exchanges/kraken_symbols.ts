/** What Kraken lists: `AssetPairs`, by the names of WebSocket v2. Used by kraken.ts. */
import { LoggerError } from '../base/errors.js';
import type { FetchJson, SymbolInfo, SymbolState } from '../feed/exchange.js';
import { isObject, type JsonObject, stringOf } from '../feed/json/document.js';

/** The older interfaces, REST among them, call these two by other names. */
const NAMES: Readonly<Record<string, string>> = { XBT: 'BTC', XDG: 'DOGE' };

/** What is none of these restricts orders, but the market goes on: limit_only, post_only, reduce_only. */
const STATES: Readonly<Record<string, SymbolState>> = {
  work_in_progress: 'pre_trading',
  maintenance: 'halted',
  cancel_only: 'halted',
  delisted: 'delisted',
};

function symbolOf(pair: JsonObject): SymbolInfo | undefined {
  const { wsname, lot_decimals } = pair;
  if (typeof wsname !== 'string' || !/^[^/]+\/[^/]+$/.test(wsname)) return undefined;
  const [base, quote] = wsname.split('/').map((name) => NAMES[name] ?? name);
  const status = stringOf(pair, 'status') ?? 'online';
  const decimals = Number(lot_decimals);
  return {
    native: `${base}/${quote}`,
    ...{ base, quote, status },
    state: STATES[status] ?? 'trading',
    tick: stringOf(pair, 'tick_size') ?? '',
    lot: decimals >= 0 && decimals <= 20 ? (10 ** -decimals).toFixed(decimals) : '',
  };
}

/** Errors come with HTTP status 200. */
export async function listSymbols(fetchJson: FetchJson): Promise<SymbolInfo[]> {
  const answer = await fetchJson('/0/public/AssetPairs');
  const pairs = isObject(answer) ? answer.result : undefined;
  if (!isObject(answer) || !isObject(pairs)) {
    const errors = isObject(answer) && Array.isArray(answer.error) ? answer.error.join(', ') : 'no pairs';
    throw new LoggerError('REST_FAILED', `GET /0/public/AssetPairs of Kraken: ${errors}`);
  }
  return Object.values(pairs)
    .filter(isObject)
    .map(symbolOf)
    .filter((symbol) => symbol !== undefined);
}

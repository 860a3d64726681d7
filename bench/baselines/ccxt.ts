/** Baseline: `ccxt` pro, its own client and handlers, with a caller that waits for trades. It stores nothing. */
import ccxt, { type Exchange } from 'ccxt';
import { Count, task } from './client.js';

const CLIENTS: Readonly<Record<string, { readonly name: string; readonly config: object }>> = {
  binance: { name: 'binance', config: { options: { fetchMarkets: { types: ['spot'] } } } },
  // it wants a key before it sends anything; any will do
  coinbase: {
    name: 'coinbaseexchange',
    config: { apiKey: 'key', secret: 'c2VjcmV0', password: 'word' },
  },
};

/** Puts the server's addresses in place of the exchange's in every URL. */
function rebased(urls: unknown): unknown {
  if (typeof urls === 'string')
    return urls.replace(/^wss:\/\/[^/]+/, task.ws).replace(/^https:\/\/[^/]+/, task.rest);
  if (typeof urls !== 'object' || urls === null) return urls;
  return Object.fromEntries(Object.entries(urls).map(([key, value]) => [key, rebased(value)]));
}

type Parse = (...parameters: unknown[]) => { readonly amount: number };

const { name, config } = CLIENTS[task.exchange];
const classes = ccxt.pro as unknown as Readonly<Record<string, new (config: object) => Exchange>>;
const exchange = new classes[name](config);
exchange.urls.api = rebased(exchange.urls.api) as typeof exchange.urls.api;
// names and fees of currencies: no part of market data
exchange.has['fetchCurrencies'] = false;
await exchange.loadHttpProxyAgent();
await exchange.loadMarkets();

let ended = false;
const count = new Count(() => {
  const ended_ms = performance.now();
  ended = true;
  count.result(ended_ms);
  process.exit();
});
// the caller is told of the newest trades of one symbol; what its handler made is counted here, one by one
const handlers = exchange as unknown as { parseWsTrade: Parse };
const parse = handlers.parseWsTrade.bind(exchange);
handlers.parseWsTrade = (...parameters) => {
  const trade = parse(...parameters);
  if (!ended) count.trade(trade.amount);
  return trade;
};
const symbols = task.symbols.map((native) => exchange.safeMarket(native).symbol as string);
while (!ended) await exchange.watchTradesForSymbols(symbols);

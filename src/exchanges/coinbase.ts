/**
 * Coinbase Exchange (`ws-feed`) and Coinbase Advanced Trade (`advanced-trade-ws`): two addresses of the same markets.
 * Runs in shard threads; found by its file name. What their messages mean is in coinbase_messages.ts.
 *
 * Source: docs.cdp.coinbase.com, exchange/websocket-feed and advanced-trade/websocket, and recorded messages.
 */
import type {
  ControlEvent,
  ControlRequest,
  Exchange,
  FetchJson,
  ParserContext,
  Subscription,
  SymbolInfo,
} from '../feed/exchange.js';
import { isObject, type JsonObject, type JsonValue, objectsOf, stringOf } from '../feed/json/document.js';
import { BOOK, KLINES, MD, TRADES } from '../schema/tables.js';
import { CoinbaseParser } from './coinbase_messages.js';

/** Name of each channel of ours in their subscriptions. */
const EXCHANGE_CHANNELS = { trades: 'matches', ticker: 'ticker', book: 'level2_batch' };
const ADVANCED_CHANNELS = {
  trades: 'market_trades',
  ticker: 'ticker',
  book: 'level2',
  klines_5m: 'candles',
};
/** Our channels by every name that acknowledgements use. */
const OURS: ReadonlyMap<string, string> = new Map([
  ...[EXCHANGE_CHANNELS, ADVANCED_CHANNELS].flatMap((names) =>
    Object.entries(names).map(([channel, wire]): [string, string] => [wire, channel]),
  ),
  ['level2_50', 'book'],
]);
/** Carries last_trade_id once a second and keeps a quiet connection alive. */
const HEARTBEAT = 'heartbeat';
/** The same for a connection to Advanced Trade, which would be closed after a minute without messages. */
const HEARTBEATS_CHANNEL = 'heartbeats';

/** `subscriptions` lists everything that is subscribed now; `error` may name a product in its reason. */
function readControl(document: JsonObject): ControlEvent | undefined {
  const type = stringOf(document, 'type');
  if (type === 'error') {
    const parts = [stringOf(document, 'message'), stringOf(document, 'reason')];
    const reason = parts.filter((part) => part !== undefined).join(': ') || 'no reason given';
    return { kind: 'refused', native: /(\S+) is not a valid product/.exec(reason)?.[1], reason };
  }
  if (type === 'subscriptions') {
    const lists = objectsOf(document.channels);
    return confirmed(
      lists.map(({ name, product_ids }) => [name, product_ids]),
      [''],
    );
  }
  if (stringOf(document, 'channel') !== 'subscriptions') return undefined;
  const states = objectsOf(document.events).map(({ subscriptions }) => subscriptions);
  // X-USDC is another name of X-USD; which of both stands here is not known
  return confirmed(states.filter(isObject).flatMap(Object.entries), ['', 'C']);
}

/** The state that lists of products by channel stand for; every name counts with each of the endings. */
function confirmed(
  lists: readonly (readonly [name: JsonValue, products: JsonValue])[],
  endings: readonly string[],
): ControlEvent {
  const subscriptions = lists.flatMap(([name, products]) => {
    const channel = typeof name === 'string' ? OURS.get(name) : undefined;
    if (channel === undefined || !Array.isArray(products)) return [];
    return products
      .filter((product) => typeof product === 'string')
      .flatMap((product) => endings.map((ending) => ({ channel, native: product + ending })));
  });
  return { kind: 'state', subscriptions };
}

/** Subscriptions by the channels that their symbols want, so that each message covers as much as possible. */
function byChannels(subscriptions: readonly Subscription[]): Subscription[][] {
  const byProduct = new Map<string, Subscription[]>();
  for (const s of subscriptions) byProduct.set(s.native, [...(byProduct.get(s.native) ?? []), s]);
  const groups = new Map<string, Subscription[]>();
  for (const group of byProduct.values()) {
    const key = group
      .map((s) => s.channel)
      .sort()
      .join();
    groups.set(key, [...(groups.get(key) ?? []), ...group]);
  }
  return [...groups.values()];
}

function distinct(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}

/** The Exchange: one message per set of channels; there are no request ids. */
function exchangeRequest(
  type: string,
  subscriptions: readonly Subscription[],
  firstId: number,
): ControlRequest[] {
  return byChannels(subscriptions).map((covers, i) => {
    const channels = distinct(covers.map((s) => s.channel))
      .sort()
      .map((channel) => EXCHANGE_CHANNELS[channel as keyof typeof EXCHANGE_CHANNELS]);
    const product_ids = distinct(covers.map((s) => s.native));
    return {
      id: firstId + i,
      text: JSON.stringify({ type, product_ids, channels: [...channels, HEARTBEAT] }),
      covers,
    };
  });
}

/** Advanced Trade: one message per channel. */
function advancedRequest(
  type: string,
  subscriptions: readonly Subscription[],
  firstId: number,
): ControlRequest[] {
  return Object.entries(ADVANCED_CHANNELS)
    .flatMap(([ours, channel]) => {
      const covers = subscriptions.filter((s) => s.channel === ours);
      const product_ids = covers.map((s) => s.native);
      return covers.length === 0 ? [] : [{ text: JSON.stringify({ type, product_ids, channel }), covers }];
    })
    .map((request, i) => ({ id: firstId + i, ...request }));
}

/** The id decides: BTCAUCTION-USD has the base currency BTC. */
function symbolOf(native: string): SymbolInfo {
  const dash = native.lastIndexOf('-');
  return { native, base: native.slice(0, dash), quote: native.slice(dash + 1) };
}

async function exchangeSymbols(fetchJson: FetchJson): Promise<SymbolInfo[]> {
  return objectsOf(await fetchJson('/products'))
    .filter((p) => p.status === 'online' && p.trading_disabled !== true && typeof p.id === 'string')
    .map((p) => symbolOf(p.id as string));
}

/** Every market once: a product with an alias is another name of that one. */
async function advancedSymbols(fetchJson: FetchJson): Promise<SymbolInfo[]> {
  const document = await fetchJson('/api/v3/brokerage/market/products?product_type=SPOT');
  return objectsOf(isObject(document) ? document.products : undefined)
    .filter((p) => p.status === 'online' && typeof p.product_id === 'string' && (p.alias ?? '') === '')
    .filter((p) => p.trading_disabled !== true && p.is_disabled !== true && p.view_only !== true)
    .map((p) => symbolOf(p.product_id as string));
}

/** What both addresses have in common. */
const COMMON = {
  sampleSymbols: [
    'BTC-USD',
    'ETH-USD',
    'SOL-USD',
    'XRP-USD',
    'ADA-USD',
    'DOGE-USD',
    'LTC-USD',
    'LINK-USD',
    'AVAX-USD',
    'DOT-USD',
  ],
  keepAlive: { everyMs: 15_000, onlyWhenQuiet: true },
  websocketUrl: (endpoint: string) => endpoint,
  createParser: (context: ParserContext) => new CoinbaseParser(context, readControl),
};
const CONNECTIONS = { max_connections: 10, symbols_per_connection: 50 };

const coinbase: Exchange = {
  ...COMMON,
  id: 'coinbase',
  title: 'Coinbase Exchange',
  defaults: {
    ws_endpoint: 'wss://ws-feed.exchange.coinbase.com',
    rest_endpoint: 'https://api.exchange.coinbase.com',
    ...CONNECTIONS,
    channels: ['ticker', 'trades'],
  },
  channels: {
    ticker: { table: MD, ids: 'none' },
    trades: { table: TRADES, ids: 'contiguous' },
    book: { table: BOOK, ids: 'book', lossInvisible: true },
  },
  limits: { requestsPerSecond: 8, connectsPerMinute: 240 },
  listSymbols: exchangeSymbols,
  subscribe: (subscriptions, firstId) => exchangeRequest('subscribe', subscriptions, firstId),
  unsubscribe: (subscriptions, firstId) => exchangeRequest('unsubscribe', subscriptions, firstId),
};

const advanced: Exchange = {
  ...COMMON,
  id: 'coinbase-advanced',
  title: 'Coinbase Advanced Trade',
  defaults: {
    ws_endpoint: 'wss://advanced-trade-ws.coinbase.com',
    rest_endpoint: 'https://api.coinbase.com',
    ...CONNECTIONS,
    channels: ['ticker', 'trades'],
    enabled: false,
  },
  channels: {
    ticker: { table: MD, ids: 'none' },
    trades: { table: TRADES, ids: 'contiguous' },
    book: { table: BOOK, ids: 'book' },
    klines_5m: { table: KLINES['5m'], ids: 'none', interval: '5m' },
  },
  // eight messages a second for all connections of an address together
  limits: { requestsPerSecond: 4, connectsPerMinute: 60 },
  listSymbols: advancedSymbols,
  subscribe: (subscriptions, firstId) => [
    ...advancedRequest('subscribe', subscriptions, firstId),
    // last, and again with every change, which does no harm
    {
      id: firstId + subscriptions.length,
      text: JSON.stringify({ type: 'subscribe', channel: HEARTBEATS_CHANNEL }),
      covers: [],
    },
  ],
  unsubscribe: (subscriptions, firstId) => advancedRequest('unsubscribe', subscriptions, firstId),
};

export default [coinbase, advanced];

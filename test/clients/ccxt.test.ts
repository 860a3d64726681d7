/** The simulated exchanges seen by `ccxt`: markets over REST, trades and order books over WebSocket. */
import assert from 'node:assert/strict';
import ccxt, { type Exchange } from 'ccxt';
import { earlierMs, IDS_PER_MS, PUBLISH_MS } from '../../src/simulator/venues/upbit/trades.js';
import { decimalOf, type Trade } from './ledger.js';
import { type Client, clientTests, type Endpoint, type Taking } from './venue.js';

interface CcxtVenue extends Taking {
  /** class in ccxt.pro */
  readonly client: string;
  readonly config?: Readonly<Record<string, unknown>>;
  /** parameters of watchOrderBook */
  readonly book_params?: Readonly<Record<string, unknown>>;
  readonly book_limit?: number;
  /** mends what is broken in the client; its markets are loaded */
  readonly prepare?: (exchange: Exchange) => void;
}

const TRADES_MAX = 1_000_000;

/** Puts the simulator's address in place of the exchange's in every URL. */
function rebased(urls: unknown, endpoint: Endpoint): unknown {
  if (typeof urls === 'string')
    return urls.replace(/^wss:\/\/[^/]+/, endpoint.ws).replace(/^https:\/\/[^/]+/, endpoint.rest);
  if (typeof urls !== 'object' || urls === null) return urls;
  return Object.fromEntries(Object.entries(urls).map(([key, value]) => [key, rebased(value, endpoint)]));
}

async function connect(venue: CcxtVenue, endpoint: Endpoint, symbols: readonly string[]): Promise<Client> {
  const classes = ccxt.pro as unknown as Readonly<Record<string, new (config: object) => Exchange>>;
  const exchange = new classes[venue.client]({ ...venue.config });
  exchange.urls.api = rebased(exchange.urls.api, endpoint) as typeof exchange.urls.api;
  exchange.options['tradesLimit'] = TRADES_MAX;
  // names and fees of currencies: no part of market data
  exchange.has['fetchCurrencies'] = false;
  await exchange.loadHttpProxyAgent();
  await exchange.loadMarkets();
  venue.prepare?.(exchange);
  const errors: unknown[] = [];
  const changes = new Map<string, number>();
  let closing = false;
  const unified = (symbol: string) => exchange.safeMarket(symbol).symbol as string;
  const repeat = async (watch: () => Promise<unknown>, done: () => void) => {
    try {
      while (!closing) {
        await watch();
        done();
      }
    } catch (error) {
      if (!closing) errors.push(error);
    }
  };
  for (const native of symbols) {
    const symbol = unified(native);
    if (venue.trades !== undefined)
      void repeat(
        () => exchange.watchTrades(symbol),
        () => {},
      );
    if (venue.book === true) {
      const { book_limit, book_params } = venue;
      void repeat(
        () => exchange.watchOrderBook(symbol, book_limit, { ...book_params }),
        () => changes.set(native, (changes.get(native) ?? 0) + 1),
      );
    }
  }
  return {
    errors,
    seen: (native) => {
      const symbol = unified(native);
      // its caches are arrays of classes of their own
      const trades = [...((exchange.trades[symbol] ?? []) as CcxtTrade[])];
      const book = exchange.orderbooks[symbol];
      const side = (levels: [number, number][]) => [...levels].map(([price, size]) => [price, size] as const);
      return {
        trades: trades.map(tradeOf),
        book: book === undefined ? undefined : { bids: side(book.bids), asks: side(book.asks) },
        changes: changes.get(native) ?? 0,
      };
    },
    close: async () => {
      closing = true;
      await exchange.close();
    },
  };
}

interface CcxtTrade {
  readonly id: string;
  readonly price: number;
  readonly amount: number;
  readonly side: 'buy' | 'sell';
  readonly timestamp: number;
}

function tradeOf({ id, price, amount, side, timestamp }: CcxtTrade): Trade {
  return { id, price: decimalOf(price), size: decimalOf(amount), side, time_us: timestamp * 1000 };
}

/** ccxt keeps milliseconds. */
const common = { trades: 'trades', book: true, time_unit_us: 1000 } as const;
/** What ccxt wants before it signs a request; the simulator looks at none of it. */
const credentials = { apiKey: 'key', secret: 'c2VjcmV0', password: 'word' };

/**
 * Kraken's checksums are of texts with all their decimals, and ccxt has numbers there, for which its check throws. With
 * the spelling of the exchange in their place it compares its book with the checksum of every event.
 */
function spellLikeKraken(exchange: Exchange): void {
  const ticks = ['BTC/USD', 'ETH/USD'].map((symbol) => exchange.market(symbol)?.precision.price);
  const decimals = [-Math.log10(ticks[0] as number), 8];
  assert.ok(Number.isInteger(decimals[0]) && ticks[0] === ticks[1]);
  let spelled = 0;
  Object.assign(exchange, {
    // asked for price and size in turn
    formatNumber: (value: number) =>
      value
        .toFixed(decimals[spelled++ % 2])
        .replace('.', '')
        .replace(/^0+/, ''),
  });
}

const VENUES: Readonly<Record<string, CcxtVenue | string>> = {
  coinbase: {
    ...common,
    client: 'coinbaseexchange',
    config: credentials,
    // the channel without a login
    book_params: { channels: ['level2_batch'] },
  },
  'coinbase-advanced': {
    ...common,
    client: 'coinbase',
    // the exchange sends the maker's side, ccxt passes it on as the taker's
    misread: (trade) => ({ ...trade, side: trade.side === 'buy' ? 'sell' : 'buy' }),
  },
  binance: {
    ...common,
    client: 'binance',
    config: { options: { fetchMarkets: { types: ['spot'] } } },
  },
  'binance-futures': {
    ...common,
    client: 'binanceusdm',
    trades: 'agg_trades',
    // the tape that the exchange documents
    config: { options: { watchTrades: { name: 'aggTrade' } } },
  },
  kraken: {
    ...common,
    client: 'kraken',
    config: { options: { watchOrderBook: { checksum: true } } },
    prepare: spellLikeKraken,
  },
  bybit: {
    ...common,
    client: 'bybit',
    config: { options: { fetchMarkets: { types: ['spot'] } } },
    book_limit: 50,
  },
  'bybit-linear': {
    ...common,
    client: 'bybit',
    config: { options: { fetchMarkets: { types: ['linear'] } } },
    book_limit: 50,
  },
  okx: {
    ...common,
    client: 'okx',
    trades: 'agg_trades',
    config: { options: { fetchMarkets: { types: ['spot'] } } },
  },
  upbit: {
    ...common,
    client: 'upbit',
    config: { options: { watchOrderBook: { limit: 30 } } },
    // ccxt takes the time of publication for that of the trade
    misread: (trade) => {
      const early_ms = earlierMs(Number(BigInt(trade.id) % BigInt(IDS_PER_MS)));
      return { ...trade, time_us: trade.time_us + (PUBLISH_MS + early_ms) * 1000 };
    },
    resent: true,
  },
};

clientTests('ccxt', VENUES, connect);

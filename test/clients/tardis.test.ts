/** The simulated exchanges seen by `tardis-dev`: its normalized trades and changes of books in real time. */
import { type BookChange, type Exchange, normalizeBookChanges, normalizeTrades, streamNormalized } from 'tardis-dev';
import handy from 'tardis-dev/dist/handy.js';
import { type Book, decimalOf, type Trade } from './account.js';
import { type Client, clientTest, type Taking } from './venue.js';

interface TardisVenue extends Taking {
  /** its name of the exchange */
  readonly client: Exchange;
  /** path and query that its real-time feed has */
  readonly path: string;
  /** the REST address built into it, and what the simulator has there */
  readonly rest?: readonly [string, string];
}

/** Its books are changes: applied as its documentation says, amount 0 removes. */
class BookOfChanges {
  readonly #bids = new Map<number, number>();
  readonly #asks = new Map<number, number>();
  known = false;
  changes = 0;

  apply({ isSnapshot, bids, asks }: BookChange): void {
    if (isSnapshot) {
      this.#bids.clear();
      this.#asks.clear();
      this.known = true;
    }
    this.changes++;
    for (const [side, levels] of [
      [this.#bids, bids],
      [this.#asks, asks],
    ] as const) {
      for (const { price, amount } of levels) {
        if (amount === 0) side.delete(price);
        else side.set(price, amount);
      }
    }
  }

  get book(): Book | undefined {
    if (!this.known) return undefined;
    return {
      bids: [...this.#bids].sort(([a], [b]) => b - a),
      asks: [...this.#asks].sort(([a], [b]) => a - b),
    };
  }
}

/** The address of its feed is an environment variable, that of REST is not. */
function pointAt(venue: TardisVenue, endpoint: { ws: string; rest: string }): void {
  const variable = `WSS_URL_${venue.client.toUpperCase().replaceAll('-', '_')}`;
  process.env[variable] = `${endpoint.ws}${venue.path}`;
  if (venue.rest === undefined) return;
  const [from, to] = venue.rest;
  const module = handy as { httpClient: typeof handy.httpClient };
  module.httpClient = handy.httpClient.extend({
    hooks: {
      beforeRequest: [
        (options) => {
          const url = options.url.href.replace(from, `${endpoint.rest}${to}`);
          options.agent = { http: undefined };
          options.url = new URL(url);
        },
      ],
    },
  });
}

async function connect(venue: TardisVenue, endpoint: { ws: string; rest: string }): Promise<Client> {
  pointAt(venue, endpoint);
  const errors: unknown[] = [];
  const trades = new Map<string, Trade[]>(venue.symbols.map((symbol) => [symbol, []]));
  const books = new Map(venue.symbols.map((symbol) => [symbol, new BookOfChanges()]));
  const options = {
    exchange: venue.client,
    symbols: [...venue.symbols],
    onError: (error: Error) => void errors.push(error),
  };
  const messages = streamNormalized(
    options,
    ...(venue.trades === undefined ? [] : [normalizeTrades]),
    ...(venue.book === true ? [normalizeBookChanges] : []),
  );
  let closing = false;
  const reading = (async () => {
    for await (const message of messages) {
      if (closing) break;
      if (message.type === 'book_change') books.get(message.symbol)?.apply(message);
      else if (message.type === 'trade') {
        const { id, price, amount, side, timestamp, symbol } = message;
        trades.get(symbol)?.push({
          id: id as string,
          price: decimalOf(price),
          size: decimalOf(amount),
          side: side === 'unknown' ? '' : side,
          time_us: timestamp.valueOf() * 1000 + ((timestamp as { μs?: number }).μs ?? 0),
        });
      }
    }
  })();
  reading.catch((error) => errors.push(error));
  return {
    errors,
    seen: (symbol) => ({
      trades: trades.get(symbol) ?? [],
      book: books.get(symbol)?.book,
      changes: books.get(symbol)?.changes ?? 0,
    }),
    // the stream ends with its process; it has no other end while no message comes
    close: async () => {
      closing = true;
    },
  };
}

const common = { trades: 'trades', book: true, time_unit_us: 1 } as const;

const VENUES: Readonly<Record<string, TardisVenue>> = {
  coinbase: { ...common, client: 'coinbase', symbols: ['BTC-USD', 'ETH-USD'], path: '' },
  binance: {
    ...common,
    client: 'binance',
    symbols: ['BTCUSDT', 'ETHUSDT'],
    path: '/stream?timeUnit=microsecond',
    rest: ['https://api.binance.com/api/v1', '/api/v3'],
  },
  'binance-futures': {
    ...common,
    client: 'binance-futures',
    symbols: ['BTCUSDT', 'ETHUSDT'],
    path: '/stream',
    rest: ['https://fapi.binance.com/fapi/v1', '/fapi/v1'],
    time_unit_us: 1000,
  },
};

for (const [exchange, venue] of Object.entries(VENUES))
  clientTest(`tardis-dev ${venue.client}`, exchange, venue, (_, endpoint) => connect(venue, endpoint));

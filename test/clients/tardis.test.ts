/** The simulated exchanges seen by `tardis-dev`: its normalized trades and changes of books in real time. */
import {
  type BookChange,
  type Exchange,
  normalizeBookChanges,
  normalizeTrades,
  streamNormalized,
} from 'tardis-dev';
import handy from 'tardis-dev/dist/handy.js';
import { RealTimeFeedBase } from 'tardis-dev/dist/realtimefeeds/realtimefeed.js';
import { type Book, decimalOf, type Trade } from './ledger.js';
import { type Client, clientTests, type Endpoint, type Taking } from './venue.js';

interface TardisVenue extends Taking {
  /** its name of the exchange */
  readonly client: Exchange;
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

/** Where the simulator is, by the client's name of the exchange; its feeds have their addresses built in. */
const endpoints = new Map<string, { ws: string; rest: string }>();

interface Feed {
  readonly _exchange: string;
  readonly wssURL: string;
}

/** Keeps path and query of the address, which belong to the protocol. */
(RealTimeFeedBase.prototype as unknown as { getWebSocketUrl: unknown }).getWebSocketUrl =
  async function urlAt(this: Feed): Promise<string> {
    return this.wssURL.replace(/^wss:\/\/[^/?]+/, endpoints.get(this._exchange)?.ws as string);
  };

function pointAt(venue: TardisVenue, endpoint: Endpoint): void {
  endpoints.set(venue.client, endpoint);
  if (venue.rest === undefined) return;
  const [from, to] = venue.rest;
  (handy as { httpClient: typeof handy.httpClient }).httpClient = handy.httpClient.extend({
    hooks: {
      beforeRequest: [
        (options) => {
          options.url = new URL(options.url.href.replace(from, `${endpoint.rest}${to}`));
        },
      ],
    },
  });
}

async function connect(venue: TardisVenue, endpoint: Endpoint, symbols: readonly string[]): Promise<Client> {
  pointAt(venue, endpoint);
  const errors: unknown[] = [];
  const trades = new Map<string, Trade[]>(symbols.map((symbol) => [symbol, []]));
  const books = new Map(symbols.map((symbol) => [symbol, new BookOfChanges()]));
  const options = {
    exchange: venue.client,
    symbols: [...symbols],
    withDisconnectMessages: true,
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
      if (message.type === 'disconnect') errors.push(new Error(`${venue.client} disconnected`));
      else if (message.type === 'book_change') books.get(message.symbol)?.apply(message);
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
    // the stream can end when something comes, at the latest the end of the connection
    close: async () => {
      closing = true;
    },
  };
}

const common = { trades: 'trades', book: true, time_unit_us: 1 } as const;

const VENUES: Readonly<Record<string, TardisVenue | string>> = {
  coinbase: { ...common, client: 'coinbase' },
  binance: {
    ...common,
    client: 'binance',
    rest: ['https://api.binance.com/api/v1', '/api/v3'],
  },
  'binance-futures': {
    ...common,
    client: 'binance-futures',
    rest: ['https://fapi.binance.com/fapi/v1', '/fapi/v1'],
    time_unit_us: 1000,
  },
  kraken: 'it speaks the WebSocket v1 of Kraken only',
  'coinbase-advanced': 'it does not know Coinbase Advanced Trade',
  bybit: { ...common, client: 'bybit-spot', time_unit_us: 1000 },
  'bybit-linear': { ...common, client: 'bybit', time_unit_us: 1000 },
  okx: { ...common, client: 'okex', time_unit_us: 1000 },
  upbit: {
    ...common,
    client: 'upbit',
    time_unit_us: 1000,
    // JSON.parse rounds ids above 2^53
    misread: (trade) => ({ ...trade, id: String(Number(trade.id)) }),
  },
};

clientTests('tardis-dev', VENUES, connect);

/**
 * Public REST calls of Upbit: markets, trades by time and cursor, order books.
 * Runs in the simulator process; used by protocol.ts.
 */
import { ASK, BID } from '../../market/book.js';
import { catalogue, type Listing } from '../../market/catalogue.js';
import type { SymbolMarket } from '../../market/market.js';
import {
  decimalText,
  json,
  type RestAnswer,
  type RestRequest,
  TokenBucket,
  type VenueView,
} from '../../server/protocol.js';
import { pageText, readPageRequest } from './pages.js';

const RULES = {
  quotes: ['KRW', 'BTC', 'USDT'],
  join: '-',
  size_scale: (usd: number) => Math.min(8, Math.max(0, Math.ceil(Math.log10(usd)) + 3)),
  first_trade_id: 900_000_000,
  unicode: false,
};
const LEVELS_MAX = 30;
const BOOKS = '/v1/orderbook';
const TICKS = '/v1/trades/ticks';
const PATHS = ['/v1/market/all', BOOKS, TICKS];
const MISSING = 'Missing request parameter error. Check the required parameters!';

/** The first `count` markets, which are named QUOTE-BASE. */
export function listMarkets(count: number): Listing[] {
  return catalogue(RULES, count).map((listing) => ({ ...listing, name: `${listing.quote}-${listing.base}` }));
}

const error = (status: number, message: string): RestAnswer =>
  json({ error: { name: status, message } }, status);

export class UpbitRest {
  readonly #venue: VenueView;
  /** one per group of calls */
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(venue: VenueView) {
    this.#venue = venue;
  }

  answer({ path, query, now_ms }: RestRequest): RestAnswer {
    const [, version, group] = path.split('/');
    let bucket = this.#buckets.get(group);
    if (bucket === undefined) {
      bucket = new TokenBucket({ burst: 10, per_s: 10 }, now_ms);
      this.#buckets.set(group, bucket);
    }
    if (version !== 'v1' || !PATHS.includes(path))
      return json({ error: { name: 'not_found', message: 'no Route matched with those values' } }, 404);
    if (!bucket.take(now_ms)) return error(429, 'Too many API requests.');
    if (path === TICKS) return this.#trades(query, now_ms);
    return path === BOOKS ? this.#books(query, now_ms) : this.#markets();
  }

  #markets(): RestAnswer {
    return json(
      this.#venue.listings.map(({ name, base }) => ({
        market: name,
        korean_name: `${base} 코인`,
        english_name: base,
      })),
    );
  }

  #trades(query: URLSearchParams, now_ms: number): RestAnswer {
    const name = query.get('market')?.toUpperCase();
    if (name === undefined) return error(400, MISSING);
    const symbol = this.#venue.symbols.get(name);
    if (symbol === undefined) return error(404, 'Code not found');
    const request = readPageRequest(query, now_ms);
    if (request === undefined) return error(400, 'Invalid parameter. Check the given value!');
    return { ...json([]), body: pageText(symbol, request) };
  }

  #books(query: URLSearchParams, now_ms: number): RestAnswer {
    const names = query.get('markets')?.toUpperCase().split(',');
    if (names === undefined) return error(400, MISSING);
    const symbols = names.map((name) => this.#venue.symbols.get(name));
    if (symbols.includes(undefined)) return error(404, 'Code not found');
    const count = Math.min(Number(query.get('count') ?? LEVELS_MAX), LEVELS_MAX);
    return json((symbols as SymbolMarket[]).map((symbol) => bookOf(symbol, count, now_ms)));
  }
}

function bookOf({ listing, book }: SymbolMarket, count: number, now_ms: number): Record<string, unknown> {
  const price = (side: number, rank: number) =>
    rank < book.count(side) ? Number(decimalText(book.price(side, rank), listing.price_scale)) : 0;
  const size = (side: number, rank: number) =>
    rank < book.count(side) ? Number(decimalText(book.size(side, rank), listing.size_scale)) : 0;
  return {
    market: listing.name,
    timestamp: Math.floor(now_ms),
    orderbook_units: Array.from({ length: count }, (_, rank) => ({
      ask_price: price(ASK, rank),
      bid_price: price(BID, rank),
      ask_size: size(ASK, rank),
      bid_size: size(BID, rank),
    })),
    level: 0,
  };
}

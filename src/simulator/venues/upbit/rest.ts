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
import { candlesDown } from '../../server/rest.js';
import { pageText, readPageRequest } from './pages.js';

const RULES = {
  quotes: ['KRW', 'BTC', 'USDT'],
  join: '-',
  size_scale: (usd: number) => Math.min(8, Math.max(0, Math.ceil(Math.log10(usd)) + 3)),
  first_trade_id: 900_000_000,
  unicode: false,
};
const LEVELS_MAX = 30;
const CANDLES_MAX = 200;
/** Candles by how many minutes long they are. */
const UNITS: Readonly<Record<string, string>> = {
  ...{ 1: '1m', 3: '3m', 5: '5m', 15: '15m', 30: '30m', 60: '1h', 240: '4h' },
};
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
    const minutes = /^\/v1\/candles\/minutes\/(\d{1,3})$/.exec(path)?.[1];
    if (version !== 'v1' || !(PATHS.includes(path) || minutes !== undefined))
      return json({ error: { name: 'not_found', message: 'no Route matched with those values' } }, 404);
    if (!bucket.take(now_ms)) return error(429, 'Too many API requests.');
    if (minutes !== undefined) return this.#candles(query, minutes, now_ms);
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

  /** Finished candles in front of a moment, the newest first; none where nothing was traded. */
  #candles(query: URLSearchParams, minutes: string, now_ms: number): RestAnswer {
    const symbol = this.#venue.symbols.get(query.get('market') ?? '');
    if (symbol === undefined) return error(404, 'Code not found');
    const to_s = query.has('to') ? Date.parse(query.get('to') ?? '') / 1000 : now_ms / 1000;
    const count = Math.min(Number(query.get('count') ?? 1), CANDLES_MAX);
    const found = candlesDown(symbol, UNITS[minutes] ?? '', 0, to_s - 1, count);
    if (Number.isNaN(to_s) || !(count >= 1) || found === undefined)
      return error(400, 'Invalid parameter. Check the given value!');
    const { name, price_scale, size_scale } = symbol.listing;
    const number = (units: number, scale: number) => Number(decimalText(units, scale));
    return json(
      found.map((at) => ({
        market: name,
        candle_date_time_utc: new Date(at('open_time') * 1000).toISOString().slice(0, 19),
        opening_price: number(at('open'), price_scale),
        high_price: number(at('high'), price_scale),
        low_price: number(at('low'), price_scale),
        trade_price: number(at('close'), price_scale),
        timestamp: Math.floor(at('last_time_us') / 1000),
        candle_acc_trade_price: number(at('quote_volume'), symbol.candles.quote_scale),
        candle_acc_trade_volume: number(at('volume'), size_scale),
        unit: Number(minutes),
      })),
    );
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

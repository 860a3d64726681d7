/**
 * Public REST calls of Coinbase Advanced Trade: products with their USDC aliases, trades, books, time. Trades by id are
 * those of Coinbase Exchange, whose calls are answered here, too.
 * Runs in the simulator process; used by advanced.ts.
 */
import { ASK, BID } from '../../market/book.js';
import type { Listing } from '../../market/catalogue.js';
import { BUY, type SymbolMarket } from '../../market/market.js';
import {
  decimalText,
  decodePath,
  integerParameter,
  json,
  type RestAnswer,
  type RestRequest,
  type VenueView,
} from '../../server/protocol.js';
import { levelRows, tradesDown, VenueRest } from '../../server/rest.js';
import { CoinbaseRest, isDelisted, isoMicros } from './exchange_rest.js';

const BASE = '/api/v3/brokerage';
const SIZE_DECIMALS = 8;
const TRADES_MAX = 100;
const LEVELS_MAX = 1000;

function notFound(product: string): RestAnswer {
  return json({ error: 'NOT_FOUND', message: `Product ${product} not supported` }, 404);
}

function productOf(listing: Listing, symbol: SymbolMarket | undefined, alias = ''): Record<string, unknown> {
  const { name, base, quote, price_scale, size_scale, price_ticks, closed } = listing;
  const id = alias === '' ? name : alias;
  const aliased = quote === 'USD' && alias === '';
  const tick = decimalText(1, price_scale);
  return {
    product_id: id,
    price: decimalText(symbol?.last_price ?? price_ticks, price_scale),
    base_increment: decimalText(1, size_scale),
    quote_increment: tick,
    quote_min_size: '1',
    quote_max_size: '150000000',
    base_min_size: decimalText(1, size_scale),
    base_max_size: '3400',
    watched: false,
    is_disabled: false,
    new: false,
    status: isDelisted(name) ? 'delisted' : 'online',
    cancel_only: false,
    limit_only: false,
    post_only: false,
    trading_disabled: closed === true,
    auction_mode: false,
    product_type: 'SPOT',
    quote_currency_id: alias === '' ? quote : 'USDC',
    base_currency_id: base,
    alias: alias === '' ? '' : name,
    alias_to: aliased ? [`${base}-USDC`] : [],
    view_only: false,
    price_increment: tick,
    display_name: id,
    product_venue: 'CBE',
    new_at: '2023-01-01T00:00:00Z',
  };
}

export class AdvancedRest extends VenueRest {
  readonly #exchange: CoinbaseRest;

  constructor(venue: VenueView) {
    super(venue, { burst: 15, per_s: 10 });
    this.#exchange = new CoinbaseRest(venue);
  }

  override answer(request: RestRequest): RestAnswer {
    return request.path.startsWith(BASE) ? super.answer(request) : this.#exchange.answer(request);
  }

  protected override limited(): RestAnswer {
    return json({ errors: [{ id: 'rate_limit_exceeded', message: 'Too many requests' }] }, 429);
  }

  protected override route({ path, query, now_ms }: RestRequest): RestAnswer {
    const parts = path.slice(BASE.length).split('/').filter(Boolean);
    if (parts[0] === 'time')
      return json({ iso: new Date(now_ms).toISOString(), epochSeconds: String(Math.floor(now_ms / 1000)) });
    if (parts[0] !== 'market') return json({ error: 'NOT_FOUND' }, 404);
    if (parts[1] === 'product_book') return this.#book(query, now_ms);
    if (parts[1] !== 'products' || parts.length > 4) return json({ error: 'NOT_FOUND' }, 404);
    if (parts.length === 2) return this.#products(query);
    const name = decodePath(parts[2]);
    const listing = this.#listing(name);
    if (listing === undefined) return notFound(name);
    const symbol = this.venue.symbols.get(listing.name);
    if (parts.length === 3) return json(productOf(listing, symbol, listing.name === name ? '' : name));
    return parts[3] === 'ticker' && symbol !== undefined ? this.#trades(symbol, query) : notFound(name);
  }

  #listing(name: string): Listing | undefined {
    const names = [name, name.replace(/-USDC$/, '-USD')];
    return this.venue.listings.find((listing) => names.includes(listing.name));
  }

  #products(query: URLSearchParams): RestAnswer {
    const { listings, symbols } = this.venue;
    if ((query.get('product_type') ?? 'SPOT') !== 'SPOT') return json({ products: [], num_products: 0 });
    const products = listings.flatMap((listing) => {
      const symbol = symbols.get(listing.name);
      const alias = `${listing.base}-USDC`;
      const real = listings.some(({ name }) => name === alias);
      const row = productOf(listing, symbol);
      return listing.quote !== 'USD' || real ? [row] : [row, productOf(listing, symbol, alias)];
    });
    const offset = integerParameter(query, 'offset') ?? 0;
    const limit = integerParameter(query, 'limit') ?? products.length;
    return json({ products: products.slice(offset, offset + limit), num_products: products.length });
  }

  #trades(symbol: SymbolMarket, query: URLSearchParams): RestAnswer {
    const limit = integerParameter(query, 'limit') ?? TRADES_MAX;
    if (Number.isNaN(limit) || limit > LEVELS_MAX) return json({ error: 'INTERNAL' }, 500);
    const { price_scale, size_scale, name } = symbol.listing;
    const { last_id } = symbol;
    const trades = tradesDown(symbol, last_id, last_id - Math.min(limit, TRADES_MAX) + 1).map((trade) => ({
      trade_id: String(trade.id),
      product_id: name,
      price: decimalText(trade.price_ticks, price_scale),
      size: decimalText(trade.size_lots, size_scale),
      time: isoMicros(trade.time_us),
      side: trade.side === BUY ? 'SELL' : 'BUY',
      bid: '',
      ask: '',
      exchange: 'coinbase',
    }));
    return json({
      trades,
      best_bid: decimalText(symbol.bid, price_scale),
      best_ask: decimalText(symbol.ask, price_scale),
    });
  }

  /** A look at the book; not meant to build one from. */
  #book(query: URLSearchParams, now_ms: number): RestAnswer {
    const name = query.get('product_id') ?? '';
    const symbol = this.venue.symbols.get(this.#listing(name)?.name ?? '');
    if (symbol === undefined) return notFound(name);
    const limit = Math.min(integerParameter(query, 'limit') ?? LEVELS_MAX, LEVELS_MAX);
    const { price_scale, size_scale } = symbol.listing;
    const levels = symbol.levels();
    const [bids, asks] = [BID, ASK].map((side) =>
      levelRows(levels, side, limit, (price, size) => ({
        price: decimalText(price, price_scale),
        size: decimalText(size, size_scale, SIZE_DECIMALS),
      })),
    );
    return json({ pricebook: { product_id: name, bids, asks, time: isoMicros(now_ms * 1000) } });
  }
}

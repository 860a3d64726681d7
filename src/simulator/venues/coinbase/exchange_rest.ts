/**
 * Public REST calls of Coinbase Exchange: products, trades by id with the paging quirks of the real one, time.
 * Runs in the simulator process; used by exchange.ts.
 */
import { IsoTime } from '../../market/bytes.js';
import { catalogue, type Listing } from '../../market/catalogue.js';
import { BUY, type PastTrade, type SymbolMarket } from '../../market/market.js';
import {
  decimalText,
  decodePath,
  integerParameter,
  json,
  type RestAnswer,
  type RestRequest,
  type VenueView,
} from '../../server/protocol.js';
import { tradesDown, VenueRest } from '../../server/rest.js';

const SIZE_DECIMALS = 8;
const iso = new IsoTime();
const scratch = new DataView(new ArrayBuffer(64));

/** `2026-08-25T03:35:57.198335Z` of microseconds since 1970 UTC. */
export function isoMicros(time_us: number): string {
  const end = iso.put(scratch, 0, time_us);
  return Buffer.from(scratch.buffer, 0, end).toString('latin1');
}

/** Listed, but gone. */
const DELISTED = ['BTC-USDC', 'ETH-USDC', 'REP-USD'];
/** Listed, but closed for trading. */
const HALTED = ['WLUNA-USD'];

export function isDelisted(name: string): boolean {
  return DELISTED.includes(name);
}

const RULES = {
  quotes: ['USD', 'EUR', 'GBP', 'USDT', 'BTC'],
  join: '-',
  size_scale: (usd: number) => Math.min(8, Math.max(0, Math.ceil(Math.log10(usd)) + 3)),
  first_trade_id: 1_087_500_000,
  unicode: false,
};

/** The first `count` products that trade, and some that do not. */
export function listProducts(count: number): Listing[] {
  const open = catalogue(RULES, count);
  const closed = [...DELISTED, ...HALTED].map((name, i): Listing => {
    const [base, quote] = name.split('-');
    return { ...open[0], name, base, quote, rank: count + i, closed: true };
  });
  return [...open, ...closed.filter(({ name }) => !open.some((listing) => listing.name === name))];
}

function productOf(listing: Listing): Record<string, unknown> {
  const delisted = isDelisted(listing.name);
  return {
    id: listing.name,
    base_currency: listing.base,
    quote_currency: listing.quote,
    quote_increment: decimalText(1, listing.price_scale),
    base_increment: decimalText(1, listing.size_scale),
    display_name: listing.name,
    min_market_funds: '1',
    margin_enabled: false,
    post_only: false,
    limit_only: false,
    cancel_only: false,
    status: delisted ? 'delisted' : 'online',
    status_message: '',
    trading_disabled: listing.closed === true,
    fx_stablecoin: false,
    max_slippage_percentage: '0.02000000',
    auction_mode: false,
    high_bid_limit_percentage: '',
  };
}

const PAGE_MAX = 1000;

function tradeRow(trade: PastTrade, listing: Listing): Record<string, unknown> {
  return {
    trade_id: trade.id,
    side: trade.side === BUY ? 'sell' : 'buy',
    size: decimalText(trade.size_lots, listing.size_scale, SIZE_DECIMALS),
    price: decimalText(trade.price_ticks, listing.price_scale),
    time: isoMicros(trade.time_us),
  };
}

/** A page of trades, newest first, from `newest` down to `oldest`. */
function tradesPage(symbol: SymbolMarket, newest: number, oldest: number): RestAnswer {
  const rows = tradesDown(symbol, newest, oldest).map((trade) => tradeRow(trade, symbol.listing));
  const headers: Record<string, string> = {};
  if (rows.length > 0) {
    headers['cb-before'] = String(rows[0]['trade_id']);
    headers['cb-after'] = String(rows[rows.length - 1]['trade_id']);
  }
  return json(rows, 200, headers);
}

/** One client address: requests are counted in a token bucket. */
export class CoinbaseRest extends VenueRest {
  /** first pages without parameters, as the content delivery network keeps them */
  readonly #cached = new Map<string, { until_ms: number; answer: RestAnswer }>();

  constructor(venue: VenueView) {
    super(venue, { burst: 15, per_s: 10 });
  }

  protected override limited(): RestAnswer {
    return json({ message: 'Public rate limit exceeded' }, 429);
  }

  protected override route({ path, query, now_ms }: RestRequest): RestAnswer {
    const parts = path.split('/').filter((part) => part !== '');
    if (path === '/time')
      return json({ iso: `${new Date(now_ms).toISOString()}`, epoch: Math.floor(now_ms) / 1000 });
    if (parts[0] !== 'products' || parts.length > 3) return json({ message: 'NotFound' }, 404);
    if (parts.length === 1)
      return json(this.venue.listings.map(productOf), 200, { 'cache-control': 'max-age=5' });
    const listing = this.venue.listings.find(({ name }) => name === decodePath(parts[1]));
    if (listing === undefined) return json({ message: 'NotFound' }, 404);
    if (parts.length === 2) return json(productOf(listing));
    if (parts[2] !== 'trades') return json({ message: 'NotFound' }, 404);
    const symbol = this.venue.symbols.get(listing.name);
    return symbol === undefined ? json([]) : this.#trades(symbol, query, now_ms);
  }

  #trades(symbol: SymbolMarket, query: URLSearchParams, now_ms: number): RestAnswer {
    const limit = integerParameter(query, 'limit') ?? PAGE_MAX;
    const before = integerParameter(query, 'before');
    const after = integerParameter(query, 'after');
    if (Number.isNaN(limit) || limit < 1 || limit > PAGE_MAX) return json({ message: 'Invalid limit' }, 400);
    if (Number.isNaN(before ?? 0)) return json({ message: 'Invalid before' }, 400);
    if (Number.isNaN(after ?? 0)) return json({ message: 'Invalid after' }, 400);
    if (after !== undefined) {
      const newest = Math.min(after - 1, symbol.last_id);
      return tradesPage(symbol, newest, Math.max(1, newest - limit + 1));
    }
    const newest = symbol.last_id;
    // quirk: `before` gives the newest trades above it, not the ones that follow it
    if (before !== undefined) return tradesPage(symbol, newest, Math.max(before + 1, newest - limit + 1));
    const key = `${symbol.listing.name} ${limit}`;
    const cached = this.#cached.get(key);
    if (cached !== undefined && now_ms < cached.until_ms) return cached.answer;
    const answer = tradesPage(symbol, newest, Math.max(1, newest - limit + 1));
    this.#cached.set(key, { until_ms: now_ms + this.venue.timings.stale_page_ms, answer });
    return answer;
  }
}

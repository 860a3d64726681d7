/**
 * Public REST calls of Binance spot: symbols, trades, time, with request weights and error bodies.
 * Runs in the simulator process; used by binance.ts.
 */
import type { Listing } from './catalogue.js';
import { type PastTrade, SELL, type SymbolMarket } from './market.js';
import {
  decimalText,
  integerParameter,
  json,
  type RestAnswer,
  type RestRequest,
  type VenueView,
} from './protocol.js';

const WEIGHT_MAX = 6000;
const MINUTE_MS = 60_000;
const PAGE_MAX = 1000;
const PAGE_DEFAULT = 500;
const DECIMALS = 8;

const WEIGHTS: Readonly<Record<string, number>> = {
  '/api/v3/ping': 1,
  '/api/v3/time': 1,
  '/api/v3/exchangeInfo': 20,
  '/api/v3/trades': 25,
  '/api/v3/historicalTrades': 25,
};

/** Time of a trade (`T`), one millisecond before it is published (`E`). */
export function tradeTimeMs(time_us: number): number {
  return Math.floor(time_us / 1000) - 1;
}

function failure(code: number, msg: string, status = 400, headers: Record<string, string> = {}): RestAnswer {
  return json({ code, msg }, status, headers);
}

function mandatory(name: string): RestAnswer {
  return failure(-1102, `Mandatory parameter '${name}' was not sent, was empty/null, or malformed.`);
}

function illegal(name: string, range: string): RestAnswer {
  return failure(-1100, `Illegal characters found in parameter '${name}'; legal range is '${range}'.`);
}

/** Price × size, cut to 8 decimals. */
function quoteQuantity(trade: PastTrade, listing: Listing): string {
  const scale = listing.price_scale + listing.size_scale;
  let product = BigInt(trade.price_ticks) * BigInt(trade.size_lots);
  if (scale < DECIMALS) product *= 10n ** BigInt(DECIMALS - scale);
  else product /= 10n ** BigInt(scale - DECIMALS);
  const digits = product.toString().padStart(DECIMALS + 1, '0');
  return `${digits.slice(0, -DECIMALS)}.${digits.slice(-DECIMALS)}`;
}

function tradeRow(trade: PastTrade, listing: Listing): Record<string, unknown> {
  return {
    id: trade.id,
    price: decimalText(trade.price_ticks, listing.price_scale, DECIMALS),
    qty: decimalText(trade.size_lots, listing.size_scale, DECIMALS),
    quoteQty: quoteQuantity(trade, listing),
    time: tradeTimeMs(trade.time_us),
    isBuyerMaker: trade.side === SELL,
    isBestMatch: true,
  };
}

function symbolInfo(listing: Listing): Record<string, unknown> {
  const tick = decimalText(1, listing.price_scale, DECIMALS);
  const lot = decimalText(1, listing.size_scale, DECIMALS);
  return {
    symbol: listing.name,
    status: listing.closed === true ? 'BREAK' : 'TRADING',
    baseAsset: listing.base,
    baseAssetPrecision: 8,
    quoteAsset: listing.quote,
    quotePrecision: 8,
    quoteAssetPrecision: 8,
    baseCommissionPrecision: 8,
    quoteCommissionPrecision: 8,
    orderTypes: ['LIMIT', 'LIMIT_MAKER', 'MARKET', 'STOP_LOSS_LIMIT', 'TAKE_PROFIT_LIMIT'],
    icebergAllowed: true,
    ocoAllowed: true,
    quoteOrderQtyMarketAllowed: true,
    isSpotTradingAllowed: true,
    isMarginTradingAllowed: true,
    filters: [
      { filterType: 'PRICE_FILTER', minPrice: tick, maxPrice: '1000000.00000000', tickSize: tick },
      { filterType: 'LOT_SIZE', minQty: lot, maxQty: '9000000.00000000', stepSize: lot },
      {
        filterType: 'NOTIONAL',
        minNotional: '5.00000000',
        applyMinToMarket: true,
        maxNotional: '9000000.00000000',
        applyMaxToMarket: false,
        avgPriceMins: 5,
      },
    ],
    permissions: [],
    permissionSets: [['SPOT', 'MARGIN']],
    defaultSelfTradePreventionMode: 'NONE',
    allowedSelfTradePreventionModes: ['NONE'],
  };
}

/** One client address: weights are counted per minute. */
export class BinanceRest {
  readonly #venue: VenueView;
  readonly #listings: ReadonlyMap<string, Listing>;
  #minute = 0;
  #weight = 0;

  constructor(venue: VenueView) {
    this.#venue = venue;
    this.#listings = new Map(venue.listings.map((listing) => [listing.name, listing]));
  }

  answer(request: RestRequest): RestAnswer {
    const weight = WEIGHTS[request.path];
    if (weight === undefined) return { status: 404, headers: { 'content-type': 'text/html' }, body: '' };
    const minute = Math.floor(request.now_ms / MINUTE_MS);
    if (minute !== this.#minute) [this.#minute, this.#weight] = [minute, 0];
    this.#weight += weight;
    const used = { 'x-mbx-used-weight': String(this.#weight), 'x-mbx-used-weight-1m': String(this.#weight) };
    if (this.#weight > WEIGHT_MAX) {
      const wait_s = Math.ceil(((minute + 1) * MINUTE_MS - request.now_ms) / 1000);
      return failure(
        -1003,
        `Too much request weight used; current limit is ${WEIGHT_MAX} request weight per 1 MINUTE. Please use WebSocket Streams for live updates to avoid polling the API.`,
        429,
        { ...used, 'retry-after': String(wait_s) },
      );
    }
    const answer = this.#route(request);
    return { ...answer, headers: { ...answer.headers, ...used } };
  }

  #route({ path, query, now_ms }: RestRequest): RestAnswer {
    if (path === '/api/v3/ping') return json({});
    if (path === '/api/v3/time') return json({ serverTime: Math.floor(now_ms) });
    if (path === '/api/v3/exchangeInfo') return this.#exchangeInfo(query, now_ms);
    const name = query.get('symbol');
    if (name === null || name === '') return mandatory('symbol');
    if (!this.#listings.has(name)) return failure(-1121, 'Invalid symbol.');
    const symbol = this.#venue.symbols.get(name);
    return symbol === undefined ? json([]) : this.#trades(symbol, query, path.endsWith('/historicalTrades'));
  }

  #exchangeInfo(query: URLSearchParams, now_ms: number): RestAnswer {
    let names: unknown = query.has('symbol') ? [query.get('symbol')] : [...this.#listings.keys()];
    const list = query.get('symbols');
    if (list !== null) {
      if (query.has('symbol')) return failure(-1128, 'Combination of optional parameters invalid.');
      try {
        names = JSON.parse(list);
      } catch {
        names = undefined;
      }
      if (!Array.isArray(names) || !names.every((name) => typeof name === 'string'))
        return illegal('symbols', '^\\["[\\w\\-._]{1,50}"(,"[\\w\\-._]{1,50}"){0,}\\]$');
    }
    const listings = (names as string[]).map((name) => this.#listings.get(name));
    if (listings.includes(undefined)) return failure(-1121, 'Invalid symbol.');
    return json({
      timezone: 'UTC',
      serverTime: Math.floor(now_ms),
      rateLimits: [
        { rateLimitType: 'REQUEST_WEIGHT', interval: 'MINUTE', intervalNum: 1, limit: WEIGHT_MAX },
        { rateLimitType: 'RAW_REQUESTS', interval: 'MINUTE', intervalNum: 5, limit: 300_000 },
      ],
      exchangeFilters: [],
      symbols: listings.map((listing) => symbolInfo(listing as Listing)),
    });
  }

  #trades(symbol: SymbolMarket, query: URLSearchParams, historical: boolean): RestAnswer {
    const limit = integerParameter(query, 'limit') ?? PAGE_DEFAULT;
    if (Number.isNaN(limit)) return illegal('limit', '^[0-9]{1,20}$');
    if (limit === 0) return failure(-1130, "Data sent for parameter 'limit' is not valid.");
    const count = Math.min(limit, PAGE_MAX);
    const from = historical ? integerParameter(query, 'fromId') : undefined;
    if (Number.isNaN(from ?? 0)) return illegal('fromId', '^[0-9]{1,20}$');
    const first = from ?? Math.max(1, symbol.last_id - count + 1);
    const rows: Record<string, unknown>[] = [];
    for (let id = first; id <= symbol.last_id && rows.length < count; id++) {
      const trade = symbol.past(id) ?? symbol.past((id = symbol.oldest_kept));
      if (trade !== undefined) rows.push(tradeRow(trade, symbol.listing));
    }
    return json(rows);
  }
}

/**
 * What Binance spot lists, and the limits of its REST calls.
 * Runs in the simulator process; used by spot.ts.
 */

import { catalogue, type Listing } from '../../market/catalogue.js';
import { decimalText } from '../../server/protocol.js';
import { Numbers } from './numbers.js';
import type { RestRules } from './rest.js';

const WEIGHTS: Readonly<Record<string, number>> = {
  ping: 1,
  time: 1,
  exchangeInfo: 20,
  trades: 25,
  historicalTrades: 25,
  aggTrades: 4,
  klines: 2,
};
/** Most levels for a weight. */
const DEPTH_WEIGHTS = [
  [100, 5],
  [500, 25],
  [1000, 50],
  [5000, 250],
] as const;
const DEPTH_DEFAULT = 100;
const DEPTH_MAX = 5000;

function depthWeight(query: URLSearchParams): number {
  const limit = Number(query.get('limit') ?? DEPTH_DEFAULT);
  return DEPTH_WEIGHTS.find(([most]) => limit <= most)?.[1] ?? 250;
}

function symbolInfo(listing: Listing): Record<string, unknown> {
  const tick = decimalText(1, listing.price_scale, 8);
  const lot = decimalText(1, listing.size_scale, 8);
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

export const REST_RULES: RestRules = {
  base: '/api/v3',
  weight_max: 6000,
  weightOf: (call, query) => (call === 'depth' ? depthWeight(query) : WEIGHTS[call]),
  numbers: new Numbers(8),
  decimals: 8,
  depth_default: DEPTH_DEFAULT,
  depthAllowed: (limit) => limit <= DEPTH_MAX,
  timed_books: false,
  symbolInfo,
  rawId: (id) => id,
  tradeExtra: { isBestMatch: true },
  aggregateExtra: () => ({ M: true }),
};

const RULES = {
  quotes: ['USDT', 'FDUSD', 'BTC', 'EUR', 'TRY'],
  join: '',
  size_scale: (usd: number) => Math.min(5, Math.max(0, Math.ceil(Math.log10(usd)))),
  first_trade_id: 6_407_000_000,
  unicode: true,
};
const CLOSED = ['LUNAUSDT', 'BCCBTC'];

/** The first `count` symbols that trade, and some that do not. */
export function listSymbols(count: number): Listing[] {
  const open = catalogue(RULES, count);
  const closed = CLOSED.map((name, i): Listing => {
    const quote = RULES.quotes.find((asset) => name.endsWith(asset)) ?? 'USDT';
    return {
      ...open[0],
      name,
      base: name.slice(0, -quote.length),
      quote,
      rank: count + i,
      closed: true,
    };
  });
  return [...open, ...closed];
}

/**
 * Public REST calls of Kraken: pairs with their three older names, trades by time, time and status. Errors have the
 * status 200.
 * Runs in the simulator process; used by protocol.ts.
 */
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
import { VenueRest } from '../../server/rest.js';

/** Quantities are padded to this many decimals. */
export const SIZE_DECIMALS = 8;
const TRADES_MAX = 1000;
const BASE = '/0/public/';
/** REST pads prices to at least so many decimals, unlike the WebSocket. */
const PRICE_DECIMALS_MIN = 5;
const OLD_NAMES: Readonly<Record<string, string>> = { BTC: 'XBT', DOGE: 'XDG' };
/** Listed, but not open. */
const CLOSED = 'WLUNA/USD';

const old = (asset: string) => OLD_NAMES[asset] ?? asset;
const ok = (result: unknown) => json({ error: [], result });
const failed = (...error: string[]) => json({ error });

/** The first `count` pairs that trade, and one that does not. */
export function listPairs(count: number): Listing[] {
  const rules = {
    quotes: ['USD', 'EUR', 'USDT', 'BTC'],
    join: '/',
    size_scale: (usd: number) => (usd > 1000 ? 8 : usd > 1 ? 5 : 2),
    first_trade_id: 109_116_693,
    unicode: false,
  };
  const listings = catalogue(rules, count);
  const [base, quote] = CLOSED.split('/');
  return [...listings, { ...listings[0], name: CLOSED, base, quote, closed: true }];
}

function pairOf({ base, quote, price_scale, closed }: Listing): [string, Record<string, unknown>] {
  const altname = old(base) + old(quote);
  return [
    altname,
    {
      altname,
      wsname: `${old(base)}/${old(quote)}`,
      aclass_base: 'currency',
      base: old(base),
      aclass_quote: 'currency',
      quote: old(quote),
      lot: 'unit',
      cost_decimals: 5,
      pair_decimals: price_scale,
      lot_decimals: SIZE_DECIMALS,
      lot_multiplier: 1,
      leverage_buy: [],
      leverage_sell: [],
      fees: [],
      fees_maker: [],
      fee_volume_currency: 'ZUSD',
      margin_call: 80,
      margin_stop: 40,
      ordermin: '0.00005',
      costmin: '0.5',
      tick_size: decimalText(1, price_scale),
      status: closed === true ? 'cancel_only' : 'online',
      execution_venue: 'international',
    },
  ];
}

export class KrakenRest extends VenueRest {
  constructor(venue: VenueView) {
    super(venue, { burst: 15, per_s: 1 });
  }

  protected override limited(): RestAnswer {
    return failed('EGeneral:Too many requests');
  }

  protected override route({ path, query, now_ms }: RestRequest): RestAnswer {
    if (!path.startsWith(BASE)) return json({ error: ['EGeneral:Unknown method'] }, 404);
    switch (path.slice(BASE.length)) {
      case 'Time':
        return ok({ unixtime: Math.floor(now_ms / 1000), rfc1123: new Date(now_ms).toUTCString() });
      case 'SystemStatus':
        return ok({ status: 'online', timestamp: `${new Date(now_ms).toISOString().slice(0, 19)}Z` });
      case 'AssetPairs':
        return ok(Object.fromEntries(this.venue.listings.map(pairOf)));
      case 'Trades':
        return this.#trades(query);
      default:
        return failed('EGeneral:Unknown method');
    }
  }

  #symbol(pair: string): SymbolMarket | undefined {
    const listing = this.venue.listings.find(
      ({ name, base, quote }) => name === pair || old(base) + old(quote) === pair,
    );
    return listing === undefined ? undefined : this.venue.symbols.get(listing.name);
  }

  /** Ascending from the first trade behind `since`, nanoseconds since 1970. */
  #trades(query: URLSearchParams): RestAnswer {
    const pair = decodePath(query.get('pair') ?? '');
    const symbol = this.#symbol(pair);
    const count = integerParameter(query, 'count') ?? TRADES_MAX;
    const since = query.get('since') ?? '';
    if (symbol === undefined) return failed('EQuery:Unknown asset pair');
    if (!(count >= 1 && count <= TRADES_MAX) || !/^\d{0,20}$/.test(since))
      return failed('EGeneral:Invalid arguments');
    const since_us = Number(BigInt(since === '' ? 0 : since) / 1000n);
    const first = firstBehind(symbol, since_us);
    const rows = Array.from({ length: Math.min(count, symbol.last_id - first + 1) }, (_, i) =>
      symbol.past(first + i),
    );
    const trades = rows.filter((row) => row !== undefined);
    const last = trades.at(-1);
    return ok({
      [pair]: trades.map((trade) => tradeRow(trade, symbol.listing)),
      last: last === undefined ? since : `${last.time_us}000`,
    });
  }
}

/** The first id of the simulation whose trade is younger. */
function firstBehind(symbol: SymbolMarket, since_us: number): number {
  let [low, high] = [symbol.oldest_kept, symbol.last_id + 1];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if ((symbol.past(middle)?.time_us ?? 0) > since_us) high = middle;
    else low = middle + 1;
  }
  return low;
}

function tradeRow(
  { price_ticks, size_lots, time_us, side, id }: PastTrade,
  { price_scale, size_scale }: Listing,
) {
  return [
    decimalText(price_ticks, price_scale, Math.max(price_scale, PRICE_DECIMALS_MIN)),
    decimalText(size_lots, size_scale, SIZE_DECIMALS),
    time_us / 1e6,
    side === BUY ? 'b' : 's',
    'l',
    '',
    id,
  ];
}

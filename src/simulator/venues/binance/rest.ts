/**
 * Public REST calls of Binance, spot and futures: symbols, trades, aggregate trades, books, time, with request weights
 * and error bodies. Runs in the simulator process; used by spot.ts and futures.ts.
 */

import { ASK, BID, type Levels } from '../../market/book.js';
import type { Listing } from '../../market/catalogue.js';
import type { Frame } from '../../market/frame.js';
import { type PastTrade, SELL, type SymbolMarket } from '../../market/market.js';
import {
  decimalText,
  integerParameter,
  json,
  type RestAnswer,
  type RestRequest,
  type VenueView,
} from '../../server/protocol.js';
import { candlesDown, levelRows } from '../../server/rest.js';
import { klineRow } from './klines.js';
import type { Numbers } from './numbers.js';

const MINUTE_MS = 60_000;
const PAGE_MAX = 1000;
const PAGE_DEFAULT = 500;

/** In what spot and futures differ. */
export interface RestRules {
  /** `/api/v3` */
  readonly base: string;
  /** weight of a minute */
  readonly weight_max: number;
  /** weight of a call by its name; undefined when there is no such call */
  weightOf(call: string, query: URLSearchParams): number | undefined;
  readonly numbers: Numbers;
  /** zeros are appended to prices and sizes up to so many decimals */
  readonly decimals: number;
  readonly depth_default: number;
  /** levels that may be asked for */
  depthAllowed(limit: number): boolean;
  /** keys of the answer for a book, between lastUpdateId and bids, and the event time in microseconds */
  readonly timed_books: boolean;
  symbolInfo(listing: Listing): Record<string, unknown>;
  /** raw trade id as this exchange counts it */
  rawId(id: number): number;
  /** keys that its trades have besides the common ones */
  readonly tradeExtra: Record<string, unknown>;
  /** keys that its aggregate trades have besides the common ones */
  aggregateExtra(size: string): Record<string, unknown>;
}

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

const DECIMALS = 8;

/** Price × size, cut to 8 decimals. */
function quoteQuantity(trade: PastTrade, listing: Listing): string {
  const scale = listing.price_scale + listing.size_scale;
  let product = BigInt(trade.price_ticks) * BigInt(trade.size_lots);
  if (scale < DECIMALS) product *= 10n ** BigInt(DECIMALS - scale);
  else product /= 10n ** BigInt(scale - DECIMALS);
  const digits = product.toString().padStart(DECIMALS + 1, '0');
  return `${digits.slice(0, -DECIMALS)}.${digits.slice(-DECIMALS)}`;
}

/** One client address: weights are counted per minute. */
export class BinanceRest {
  readonly #rules: RestRules;
  readonly #venue: VenueView;
  #minute = 0;
  #weight = 0;

  constructor(rules: RestRules, venue: VenueView) {
    this.#rules = rules;
    this.#venue = venue;
  }

  get #listings(): ReadonlyMap<string, Listing> {
    return new Map(this.#venue.listings.map((listing) => [listing.name, listing]));
  }

  answer(request: RestRequest): RestAnswer {
    const { base, weight_max } = this.#rules;
    const call = request.path.startsWith(`${base}/`) ? request.path.slice(base.length + 1) : '';
    const weight = this.#rules.weightOf(call, request.query);
    if (weight === undefined) return { status: 404, headers: { 'content-type': 'text/html' }, body: '' };
    const minute = Math.floor(request.now_ms / MINUTE_MS);
    if (minute !== this.#minute) [this.#minute, this.#weight] = [minute, 0];
    this.#weight += weight;
    const used = { 'x-mbx-used-weight': String(this.#weight), 'x-mbx-used-weight-1m': String(this.#weight) };
    if (this.#weight > weight_max) {
      const wait_s = Math.ceil(((minute + 1) * MINUTE_MS - request.now_ms) / 1000);
      return failure(
        -1003,
        `Too much request weight used; current limit is ${weight_max} request weight per 1 MINUTE. Please use WebSocket Streams for live updates to avoid polling the API.`,
        429,
        { ...used, 'retry-after': String(wait_s) },
      );
    }
    const answer = this.#route(call, request);
    return { ...answer, headers: { ...answer.headers, ...used } };
  }

  #route(call: string, { query, now_ms }: RestRequest): RestAnswer {
    if (call === 'ping') return json({});
    if (call === 'time') return json({ serverTime: Math.floor(now_ms) });
    if (call === 'exchangeInfo') return this.#exchangeInfo(query, now_ms);
    const name = query.get('symbol');
    if (name === null || name === '') return mandatory('symbol');
    if (!this.#listings.has(name)) return failure(-1121, 'Invalid symbol.');
    const symbol = this.#venue.symbols.get(name);
    if (symbol === undefined) return json([]);
    if (call === 'depth') return this.#depth(symbol, query, now_ms);
    if (call === 'aggTrades') return this.#aggregates(symbol, query);
    if (call === 'klines') return this.#klines(symbol, query, now_ms);
    return this.#trades(symbol, query, call === 'historicalTrades');
  }

  #exchangeInfo(query: URLSearchParams, now_ms: number): RestAnswer {
    const known = this.#listings;
    let names: unknown = query.has('symbol') ? [query.get('symbol')] : [...known.keys()];
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
    const listings = (names as string[]).map((name) => known.get(name));
    if (listings.includes(undefined)) return failure(-1121, 'Invalid symbol.');
    return json({
      timezone: 'UTC',
      serverTime: Math.floor(now_ms),
      rateLimits: [
        {
          rateLimitType: 'REQUEST_WEIGHT',
          interval: 'MINUTE',
          intervalNum: 1,
          limit: this.#rules.weight_max,
        },
        { rateLimitType: 'RAW_REQUESTS', interval: 'MINUTE', intervalNum: 5, limit: 300_000 },
      ],
      exchangeFilters: [],
      symbols: listings.map((listing) => this.#rules.symbolInfo(listing as Listing)),
    });
  }

  /** Number of rows asked for, or what is wrong with it. */
  #limit(query: URLSearchParams): number | RestAnswer {
    const limit = integerParameter(query, 'limit') ?? PAGE_DEFAULT;
    if (Number.isNaN(limit)) return illegal('limit', '^[0-9]{1,20}$');
    if (limit === 0) return failure(-1130, "Data sent for parameter 'limit' is not valid.");
    return Math.min(limit, PAGE_MAX);
  }

  #trades(symbol: SymbolMarket, query: URLSearchParams, historical: boolean): RestAnswer {
    const count = this.#limit(query);
    if (typeof count !== 'number') return count;
    const from = historical ? integerParameter(query, 'fromId') : undefined;
    if (Number.isNaN(from ?? 0)) return illegal('fromId', '^[0-9]{1,20}$');
    const first = from ?? symbol.last_id - count + 1;
    const rows: Record<string, unknown>[] = [];
    for (
      let id = Math.max(1, first - symbol.page_overlap);
      id <= symbol.last_id && rows.length < count;
      id++
    ) {
      const trade = symbol.past(id) ?? symbol.past((id = symbol.oldest_kept));
      if (trade !== undefined) rows.push(this.#tradeRow(trade, symbol.listing));
    }
    return json(rows);
  }

  #tradeRow(trade: PastTrade, listing: Listing): Record<string, unknown> {
    return {
      id: this.#rules.rawId(trade.id),
      price: this.#price(trade.price_ticks, listing),
      qty: this.#size(trade.size_lots, listing),
      quoteQty: quoteQuantity(trade, listing),
      time: tradeTimeMs(trade.time_us),
      isBuyerMaker: trade.side === SELL,
      ...this.#rules.tradeExtra,
    };
  }

  #price(ticks: number, { price_scale }: Listing): string {
    return decimalText(ticks, price_scale, Math.max(price_scale, this.#rules.decimals));
  }

  #size(lots: number, { size_scale }: Listing): string {
    return decimalText(lots, size_scale, Math.max(size_scale, this.#rules.decimals));
  }

  #aggregates(symbol: SymbolMarket, query: URLSearchParams): RestAnswer {
    const count = this.#limit(query);
    if (typeof count !== 'number') return count;
    const from = integerParameter(query, 'fromId');
    if (Number.isNaN(from ?? 0)) return illegal('fromId', '^[0-9]{1,20}$');
    const { aggregates } = symbol;
    const first = Math.max(aggregates.oldest_kept, from ?? aggregates.id - count + 1);
    const rows: Record<string, unknown>[] = [];
    for (let id = first; id <= aggregates.id && rows.length < count; id++) {
      const row = this.#aggregateRow(symbol, id);
      if (row !== undefined) rows.push(row);
    }
    return json(rows);
  }

  #aggregateRow(symbol: SymbolMarket, id: number): Record<string, unknown> | undefined {
    const first = symbol.aggregates.firstIdOf(id);
    const last = symbol.aggregates.lastIdOf(id);
    if (first === undefined || last === undefined) return undefined;
    let lots = 0;
    for (let trade = first; trade <= last; trade++) {
      if (!symbol.seek(trade)) return undefined;
      lots += symbol.seen.size;
    }
    const { price, side, time_us } = symbol.seen;
    const size = this.#size(lots, symbol.listing);
    const { rawId, aggregateExtra } = this.#rules;
    return {
      a: id,
      p: this.#price(price, symbol.listing),
      q: size,
      f: rawId(first),
      l: rawId(last),
      T: tradeTimeMs(time_us),
      m: side === SELL,
      ...aggregateExtra(size),
    };
  }

  #klines(symbol: SymbolMarket, query: URLSearchParams, now_ms: number): RestAnswer {
    const count = this.#limit(query);
    if (typeof count !== 'number') return count;
    const from = integerParameter(query, 'startTime') ?? 0;
    const to = integerParameter(query, 'endTime') ?? now_ms;
    if (Number.isNaN(from)) return illegal('startTime', '^[0-9]{1,20}$');
    if (Number.isNaN(to)) return illegal('endTime', '^[0-9]{1,20}$');
    const { listing, candles } = symbol;
    const { quote_scale } = candles;
    const texts = {
      price: (ticks: number) => this.#price(ticks, listing),
      size: (lots: number) => this.#size(lots, listing),
      quote: (units: number) => decimalText(units, quote_scale, Math.max(quote_scale, this.#rules.decimals)),
    };
    const name = query.get('interval') ?? '';
    const found = candlesDown(symbol, name, from / 1000, to / 1000, Number.POSITIVE_INFINITY);
    if (found === undefined) return failure(-1120, 'Invalid interval.');
    return json(
      found
        .reverse()
        .slice(0, count)
        .map((at) => klineRow(at, texts)),
    );
  }

  #depth(symbol: SymbolMarket, query: URLSearchParams, now_ms: number): RestAnswer {
    const limit = integerParameter(query, 'limit') ?? this.#rules.depth_default;
    if (Number.isNaN(limit)) return illegal('limit', '^[0-9]{1,20}$');
    if (limit === 0 || !this.#rules.depthAllowed(limit))
      return failure(-1130, "Data sent for parameter 'limit' is not valid.");
    let answer: Record<string, unknown> = {};
    this.#venue.fetchBook(symbol, (levels, frame) => {
      const time_ms = Math.floor(now_ms);
      const times = this.#rules.timed_books ? { E: time_ms, T: time_ms } : {};
      frame.event.setId(levels.id);
      if (this.#rules.timed_books) frame.event.setTime(time_ms * 1000);
      const [bids, asks] = [BID, ASK].map((side) => this.#side(symbol, levels, frame, side, limit));
      answer = { lastUpdateId: levels.id, ...times, bids, asks };
    });
    return json(answer);
  }

  #side(symbol: SymbolMarket, levels: Levels, frame: Frame, side: number, limit: number): string[][] {
    const { numbers } = this.#rules;
    return levelRows(levels, side, limit, (price, size) => {
      numbers.setPrice(frame.event, 0, price, symbol.listing);
      numbers.setSize(frame.event, 1, size, symbol.listing);
      frame.recordLevel(side + 1);
      return [this.#price(price, symbol.listing), this.#size(size, symbol.listing)];
    });
  }
}

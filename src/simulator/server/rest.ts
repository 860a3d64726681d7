/**
 * What the REST sides of all venues have in common: a limit of requests, pages of trades and levels of books; a venue's
 * own says how calls are named and answers written. Runs in the simulator process.
 */
import type { Levels } from '../market/book.js';
import { CANDLE_AT } from '../market/candles.js';
import { INTERVALS } from '../market/channels.js';
import type { PastTrade, SymbolMarket } from '../market/market.js';
import {
  type RateLimit,
  type RestAnswer,
  type RestRequest,
  TokenBucket,
  type VenueView,
} from './protocol.js';

export abstract class VenueRest {
  readonly #bucket: TokenBucket;

  constructor(
    protected readonly venue: VenueView,
    limit: RateLimit,
  ) {
    this.#bucket = new TokenBucket(limit, 0);
  }

  answer(request: RestRequest): RestAnswer {
    return this.#bucket.take(request.now_ms) ? this.route(request) : this.limited();
  }

  /** The answer to a request within the limit. */
  protected abstract route(request: RestRequest): RestAnswer;
  /** The answer to one beyond it. */
  protected abstract limited(): RestAnswer;
}

/** The trades of a page that are still known, from id `newest` down to `oldest`; a fault may add some in front. */
export function tradesDown(symbol: SymbolMarket, newest: number, oldest: number): PastTrade[] {
  const trades: PastTrade[] = [];
  for (let id = Math.min(newest + symbol.page_overlap, symbol.last_id); id >= Math.max(1, oldest); id--) {
    const trade = symbol.past(id);
    if (trade !== undefined) trades.push(trade);
  }
  return trades;
}

/** A finished candle: its words by name. */
export type PastCandle = (word: keyof typeof CANDLE_AT) => number;

/** Finished candles of an interval that begin from `from_s` to `to_s`, newest first; undefined for no interval. */
export function candlesDown(
  { candles }: SymbolMarket,
  name: string,
  from_s: number,
  to_s: number,
  count: number,
): PastCandle[] | undefined {
  const interval = (INTERVALS as readonly string[]).indexOf(name);
  if (interval < 0) return undefined;
  return Array.from(
    { length: candles.kept(interval) },
    (_, age): PastCandle =>
      (word) =>
        candles.wordAt(interval, age, CANDLE_AT[word]),
  )
    .filter((at) => at('open_time') >= from_s && at('open_time') <= to_s)
    .slice(0, count);
}

/** The best `limit` levels of a side, each as `row` writes its price and size. */
export function levelRows<T>(
  levels: Pick<Levels, 'count' | 'price' | 'size'>,
  side: number,
  limit: number,
  row: (price: number, size: number, rank: number) => T,
): T[] {
  return Array.from({ length: Math.min(limit, levels.count(side)) }, (_, rank) =>
    row(levels.price(side, rank), levels.size(side, rank), rank),
  );
}

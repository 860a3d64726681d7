/**
 * Public REST calls of Bybit v5: instruments with the paging of the linear list, the newest trades, books, time.
 * Runs in the simulator process; used by protocol.ts.
 */
import { ASK, BID } from '../../market/book.js';
import { catalogue, type Listing } from '../../market/catalogue.js';
import { BUY, type SymbolMarket } from '../../market/market.js';
import {
  decimalText,
  integerParameter,
  json,
  type RestAnswer,
  type RestRequest,
  type VenueView,
} from '../../server/protocol.js';
import { candlesDown, levelRows, tradesDown, VenueRest } from '../../server/rest.js';
import { sequenceOf, spotText, uuidText } from './ids.js';

/** Candles by the name of their period. */
const PERIODS: Readonly<Record<string, string>> = {
  ...{ 1: '1m', 3: '3m', 5: '5m', 15: '15m', 30: '30m', 60: '1h', 240: '4h', D: '1d' },
};
const TRADES_DEFAULT = { spot: 60, linear: 500 };

const RULES = {
  quotes: ['USDT', 'USDC', 'EUR', 'BTC'],
  join: '',
  size_scale: (usd: number) => Math.min(6, Math.max(0, Math.ceil(Math.log10(usd)) + 2)),
  first_trade_id: 1_189_000_000,
  unicode: false,
};
const LINEAR_RULES = { ...RULES, quotes: ['USDT', 'USDC'], first_trade_id: 760_000_000 };
const PRELAUNCH = 'NEWUSDT';
const TRADES_MAX = { spot: 60, linear: 1000 };
const PAGE_MAX = 1000;
const PAGE_DEFAULT = 500;
const LEVELS_MAX = 200;

export function listSpot(count: number): Listing[] {
  return catalogue(RULES, count);
}

/** Contracts in USDC end with PERP; one more has not begun to trade. */
export function listLinear(count: number): Listing[] {
  const open = catalogue(LINEAR_RULES, count).map((listing) =>
    listing.quote === 'USDC' ? { ...listing, name: `${listing.base}PERP` } : listing,
  );
  return [...open, { ...open[0], name: PRELAUNCH, base: 'NEW', quote: 'USDT', rank: count, closed: true }];
}

export class BybitRest extends VenueRest {
  readonly #category: 'spot' | 'linear';

  constructor(venue: VenueView, category: 'spot' | 'linear') {
    super(venue, { burst: 600, per_s: 120 });
    this.#category = category;
  }

  protected override limited(): RestAnswer {
    return json({ retCode: 10006, retMsg: 'access too frequent' }, 403);
  }

  protected override route({ path, query, now_ms }: RestRequest): RestAnswer {
    const answer = (result: unknown, retCode = 0, retMsg = 'OK') =>
      json({ retCode, retMsg, result, retExtInfo: {}, time: Math.floor(now_ms) });
    const call = /^\/v5\/market\/([a-z-]+)$/.exec(path)?.[1];
    if (call === 'time') return answer({ timeSecond: String(Math.floor(now_ms / 1000)) });
    if (call === undefined || !['instruments-info', 'recent-trade', 'orderbook', 'kline'].includes(call))
      return json({ retCode: 10001, retMsg: 'not found' }, 404);
    if (query.get('category') !== this.#category)
      return answer({}, 10001, 'params error: Category is invalid');
    if (call === 'instruments-info') return answer(this.#instruments(query));
    const symbol = this.venue.symbols.get(query.get('symbol') ?? '');
    if (symbol === undefined) return answer({}, 10001, 'params error: Symbol Invalid');
    if (call === 'orderbook') return answer(bookOf(symbol, query, now_ms));
    if (call === 'recent-trade') return answer(this.#trades(symbol, query));
    const candles = this.#candles(symbol, query, now_ms);
    return candles === undefined ? answer({}, 10001, 'Invalid period!') : answer(candles);
  }

  #instruments(query: URLSearchParams): Record<string, unknown> {
    const status = query.get('status') ?? 'Trading';
    const listed = this.venue.listings.filter(({ closed }) => (status === 'Trading') === (closed !== true));
    const entries = listed.map((listing) => this.#instrumentOf(listing, status));
    const category = this.#category;
    if (category === 'spot') return { category, list: entries };
    const limit = Math.min(integerParameter(query, 'limit') ?? PAGE_DEFAULT, PAGE_MAX);
    const from = Number(/^first=(\d+)$/.exec(query.get('cursor') ?? '')?.[1] ?? 0);
    const behind = from + limit;
    const nextPageCursor = behind < entries.length ? encodeURIComponent(`first=${behind}`) : '';
    return { category, list: entries.slice(from, behind), nextPageCursor };
  }

  #instrumentOf({ name, base, quote, price_scale, size_scale }: Listing, status: string): unknown {
    const common = { symbol: name, baseCoin: base, quoteCoin: quote, status };
    const priceFilter = { tickSize: decimalText(1, price_scale) };
    const lot = decimalText(1, size_scale);
    return this.#category === 'spot'
      ? { ...common, innovation: '0', lotSizeFilter: { basePrecision: lot }, priceFilter }
      : {
          ...common,
          contractType: 'LinearPerpetual',
          settleCoin: quote,
          launchTime: '1585526400000',
          deliveryTime: '0',
          priceFilter,
          lotSizeFilter: { qtyStep: lot },
        };
  }

  /** Finished candles between two moments, the newest first. */
  #candles(
    symbol: SymbolMarket,
    query: URLSearchParams,
    now_ms: number,
  ): Record<string, unknown> | undefined {
    const { name, price_scale, size_scale } = symbol.listing;
    const limit = Math.min(integerParameter(query, 'limit') ?? 200, PAGE_MAX);
    const [start = 0, end = now_ms] = ['start', 'end'].map((at) => integerParameter(query, at));
    const interval = PERIODS[query.get('interval') ?? ''] ?? '';
    const list = candlesDown(symbol, interval, start / 1000, end / 1000, limit)?.map((at) => [
      String(at('open_time') * 1000),
      ...(['open', 'high', 'low', 'close'] as const).map((price) => decimalText(at(price), price_scale)),
      decimalText(at('volume'), size_scale),
      decimalText(at('quote_volume'), symbol.candles.quote_scale),
    ]);
    return list && { symbol: name, category: this.#category, list };
  }

  #trades(symbol: SymbolMarket, query: URLSearchParams): Record<string, unknown> {
    const category = this.#category;
    const limit = Math.min(
      integerParameter(query, 'limit') ?? TRADES_DEFAULT[category],
      TRADES_MAX[category],
    );
    const { name, price_scale, size_scale } = symbol.listing;
    const list = tradesDown(symbol, symbol.last_id, symbol.last_id - limit + 1).map((trade) => ({
      execId: category === 'spot' ? spotText(trade.id) : uuidText(symbol, trade.id),
      symbol: name,
      price: decimalText(trade.price_ticks, price_scale),
      size: decimalText(trade.size_lots, size_scale),
      side: trade.side === BUY ? 'Buy' : 'Sell',
      time: String(Math.floor(trade.time_us / 1000)),
      isBlockTrade: false,
      isRPITrade: false,
      seq: String(sequenceOf(symbol, trade.id)),
    }));
    return { category, list };
  }
}

function bookOf(symbol: SymbolMarket, query: URLSearchParams, now_ms: number): Record<string, unknown> {
  const { book, listing } = symbol;
  const limit = Math.min(integerParameter(query, 'limit') ?? 25, LEVELS_MAX);
  const levels = (side: number) =>
    levelRows(book, side, limit, (price, size) => [
      decimalText(price, listing.price_scale),
      decimalText(size, listing.size_scale),
    ]);
  const { sequence: seq, book_events: u } = symbol;
  return { s: listing.name, b: levels(BID), a: levels(ASK), ts: Math.floor(now_ms), u, seq };
}

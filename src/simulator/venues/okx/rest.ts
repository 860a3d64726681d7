/**
 * Public REST calls of OKX: instruments, trades by id with the paging of the real one, books, time.
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
  trimmedText,
  type VenueView,
} from '../../server/protocol.js';
import { candlesDown, levelRows, tradesDown, VenueRest } from '../../server/rest.js';

const RULES = {
  quotes: ['USDT', 'USDC', 'BTC', 'EUR', 'USD'],
  join: '-',
  size_scale: (usd: number) => Math.min(8, Math.max(0, Math.ceil(Math.log10(usd)) + 3)),
  first_trade_id: 1_062_000_000,
  unicode: false,
};
const SUSPENDED = 'LUNC-EUR';
const TRADES_MAX = 500;
const PAGE_MAX = 100;
const LEVELS_MAX = 400;

/** The first `count` instruments that trade, and one that does not. */
export function listInstruments(count: number): Listing[] {
  const open = catalogue(RULES, count);
  const [base, quote] = SUSPENDED.split('-');
  return [...open, { ...open[0], name: SUSPENDED, base, quote, rank: count, closed: true }];
}

function instrumentOf({
  name,
  base,
  quote,
  price_scale,
  size_scale,
  closed,
}: Listing): Record<string, unknown> {
  return {
    alias: '',
    baseCcy: base,
    category: '1',
    ctVal: '',
    instFamily: '',
    instId: name,
    instType: 'SPOT',
    listTime: '1611907686000',
    lotSz: decimalText(1, size_scale),
    minSz: decimalText(1, size_scale),
    quoteCcy: quote,
    settleCcy: '',
    state: closed === true ? 'suspend' : 'live',
    tickSz: decimalText(1, price_scale),
    uly: '',
    upcChg: [],
  };
}

/** Trades from `newest` down to `oldest`, newest first. */
function tradesOf(symbol: SymbolMarket, newest: number, oldest: number): Record<string, unknown>[] {
  const { name, price_scale, size_scale } = symbol.listing;
  return tradesDown(symbol, newest, oldest).map((trade) => ({
    instId: name,
    side: trade.side === BUY ? 'buy' : 'sell',
    sz: trimmedText(trade.size_lots, size_scale),
    source: '0',
    px: trimmedText(trade.price_ticks, price_scale),
    tradeId: String(trade.id),
    ts: String(Math.floor(trade.time_us / 1000)),
  }));
}

const good = (data: unknown[]): RestAnswer => json({ code: '0', msg: '', data });
const bad = (code: string, msg: string, status = 200): RestAnswer => json({ code, data: [], msg }, status);

export class OkxRest extends VenueRest {
  constructor(venue: VenueView) {
    super(venue, { burst: 20, per_s: 10 });
  }

  protected override limited(): RestAnswer {
    return json({ msg: 'Too Many Requests', code: '50011' }, 429);
  }

  protected override route({ path, query, now_ms }: RestRequest): RestAnswer {
    if (path === '/api/v5/public/time') return good([{ ts: String(Math.floor(now_ms)) }]);
    if (path === '/api/v5/public/instruments') return this.#instruments(query);
    const symbol = this.venue.symbols.get(query.get('instId') ?? '');
    const known = ['trades', 'history-trades', 'history-candles', 'books'].find(
      (call) => path === `/api/v5/market/${call}`,
    );
    if (known === undefined) return bad('50026', 'System error. Try again later.', 404);
    if (symbol === undefined)
      return bad('51001', "Instrument ID, Instrument ID code, or Spread ID doesn't exist.");
    if (known === 'books') return this.#book(symbol, query);
    if (known === 'history-candles') return this.#candles(symbol, query);
    return known === 'trades' ? this.#newest(symbol, query) : this.#history(symbol, query);
  }

  #instruments(query: URLSearchParams): RestAnswer {
    if (query.get('instType') !== 'SPOT') return bad('51000', 'Parameter instType error', 400);
    const wanted = query.get('instId');
    const listed = this.venue.listings.filter(({ name }) => wanted === null || name === wanted);
    return good(listed.map(instrumentOf));
  }

  /** Finished candles between two moments, the newest first. */
  #candles(symbol: SymbolMarket, query: URLSearchParams): RestAnswer {
    const limit = Math.min(integerParameter(query, 'limit') ?? PAGE_MAX, PAGE_MAX);
    const after = integerParameter(query, 'after') ?? Number.MAX_SAFE_INTEGER;
    const before = integerParameter(query, 'before') ?? 0;
    if (!(limit >= 1) || Number.isNaN(after + before)) return bad('51000', 'Parameter error', 400);
    const { price_scale, size_scale } = symbol.listing;
    const { quote_scale } = symbol.candles;
    const name = (query.get('bar') ?? '1m').replace(/utc$/, '').toLowerCase();
    const found = candlesDown(symbol, name, (before + 1) / 1000, (after - 1) / 1000, limit);
    if (found === undefined) return bad('51000', 'Parameter bar error', 400);
    return good(
      found.map((at) => [
        String(at('open_time') * 1000),
        ...(['open', 'high', 'low', 'close'] as const).map((price) => trimmedText(at(price), price_scale)),
        decimalText(at('volume'), size_scale),
        decimalText(at('quote_volume'), quote_scale),
        decimalText(at('quote_volume'), quote_scale),
        '1',
      ]),
    );
  }

  #newest(symbol: SymbolMarket, query: URLSearchParams): RestAnswer {
    const limit = integerParameter(query, 'limit') ?? PAGE_MAX;
    if (!(limit >= 1)) return bad('51000', 'Parameter limit error', 400);
    const { last_id } = symbol;
    return good(tradesOf(symbol, last_id, last_id - Math.min(limit, TRADES_MAX) + 1));
  }

  /** `after` goes back from an id; `before` alone gives the newest page above one. */
  #history(symbol: SymbolMarket, query: URLSearchParams): RestAnswer {
    const limit = Math.min(integerParameter(query, 'limit') ?? PAGE_MAX, PAGE_MAX);
    const after = integerParameter(query, 'after');
    const before = integerParameter(query, 'before');
    if (!(limit >= 1) || Number.isNaN(after ?? 0) || Number.isNaN(before ?? 0))
      return bad('51000', 'Parameter error', 400);
    const newest = after === undefined ? symbol.last_id : Math.min(after - 1, symbol.last_id);
    return good(tradesOf(symbol, newest, Math.max(newest - limit + 1, (before ?? 0) + 1)));
  }

  #book(symbol: SymbolMarket, query: URLSearchParams): RestAnswer {
    const size = Math.min(integerParameter(query, 'sz') ?? 1, LEVELS_MAX);
    if (!(size >= 1)) return bad('51000', 'Parameter sz error', 400);
    const { book, listing } = symbol;
    const levels = (side: number) =>
      levelRows(book, side, size, (price, lots) => [
        trimmedText(price, listing.price_scale),
        trimmedText(lots, listing.size_scale),
        '0',
        '1',
      ]);
    const ts = String(Math.floor(symbol.last_time_us / 1000));
    return good([{ asks: levels(ASK), bids: levels(BID), ts, seqId: symbol.update_id }]);
  }
}

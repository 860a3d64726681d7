/**
 * Binance spot as its clients see it: market streams (raw and combined) and the public REST calls.
 * HOT: compose() runs per message. Runs in the simulator process; used by venue.ts through protocol.ts.
 */
import type { EventValues } from './account.js';
import { BinanceRest, tradeTimeMs } from './binance-rest.js';
import { powerOfTen, putApproximate, putDecimalPadded, putText, putUint, Text } from './bytes.js';
import { catalogue, type Listing } from './catalogue.js';
import type { Channel } from './channels.js';
import { SELL, type SymbolMarket } from './market.js';
import { decodePath, type Link, type Session, type VenueProtocol, type VenueView } from './protocol.js';

const DECIMALS = 8;
const STREAM = new Text('{"stream":"');
const AT_TRADE = new Text('@trade","data":');
const AT_TICKER = new Text('@ticker","data":');
const AT_BOOK = new Text('@bookTicker","data":');
const TRADE = new Text('{"e":"trade","E":');
const TICKER = new Text('{"e":"24hrTicker","E":');
const SYMBOL = new Text(',"s":"');
const ID = new Text('","t":');
const PRICE = new Text(',"p":"');
const SIZE = new Text('","q":"');
const TIME = new Text('","T":');
const SELLER = new Text(',"m":true,"M":true}');
const BUYER = new Text(',"m":false,"M":true}');
const BOOK = new Text('{"u":');
const BID = new Text('","b":"');
const BID_SIZE = new Text('","B":"');
const ASK = new Text('","a":"');
const ASK_SIZE = new Text('","A":"');
const END = new Text('"}');
const CHANGE = new Text('","p":"');
const CHANGE_PERCENT = new Text('","P":"');
const AVERAGE = new Text('","w":"');
const FIRST = new Text('","x":"');
const CLOSE = new Text('","c":"');
const LAST_SIZE = new Text('","Q":"');
const OPEN = new Text('","o":"');
const HIGH = new Text('","h":"');
const LOW = new Text('","l":"');
const VOLUME = new Text('","v":"');
const QUOTE_VOLUME = new Text('","q":"');
const OPEN_TIME = new Text('","O":');
const CLOSE_TIME = new Text(',"C":');
const FIRST_ID = new Text(',"F":');
const LAST_ID = new Text(',"L":');
const COUNT = new Text(',"n":');
const DAY_MS = 86_400_000;
const DAY_TRADES = 550_000;
const BRACE = 125;
const MINUS = 45;

function putPrice(out: DataView, at: number, ticks: number, listing: Listing): number {
  return putDecimalPadded(out, at, ticks, listing.price_scale, DECIMALS);
}

function putSize(out: DataView, at: number, lots: number, listing: Listing): number {
  return putDecimalPadded(out, at, lots, listing.size_scale, DECIMALS);
}

function setPrice(event: EventValues, index: number, ticks: number, listing: Listing): void {
  event.set(index, ticks * powerOfTen(DECIMALS - listing.price_scale), DECIMALS);
}

function setSize(event: EventValues, index: number, lots: number, listing: Listing): void {
  event.set(index, lots * powerOfTen(DECIMALS - listing.size_scale), DECIMALS);
}

function composeTrade(s: SymbolMarket, out: DataView, at: number, now_us: number, e: EventValues): number {
  const time_ms = tradeTimeMs(s.last_time_us);
  let p = putUint(out, putText(out, at, TRADE), Math.floor(now_us / 1000));
  p = putText(out, putText(out, p, SYMBOL), s.name_text);
  p = putUint(out, putText(out, p, ID), s.last_id);
  p = putPrice(out, putText(out, p, PRICE), s.last_price, s.listing);
  p = putSize(out, putText(out, p, SIZE), s.last_size, s.listing);
  p = putUint(out, putText(out, p, TIME), time_ms);
  p = putText(out, p, s.last_side === SELL ? SELLER : BUYER);
  e.setId(s.last_id);
  e.number = s.last_id;
  e.side = s.last_side;
  e.setTime(time_ms * 1000);
  setPrice(e, 0, s.last_price, s.listing);
  setSize(e, 1, s.last_size, s.listing);
  return p;
}

function putSignedPrice(out: DataView, at: number, ticks: number, listing: Listing): number {
  if (ticks >= 0) return putPrice(out, at, ticks, listing);
  out.setUint8(at, MINUS);
  return putPrice(out, at + 1, -ticks, listing);
}

function putPercent(out: DataView, at: number, change: number, open: number): number {
  const thousandths = Math.floor((Math.abs(change) / open) * 1e5);
  if (change < 0 && thousandths > 0) out.setUint8(at++, MINUS);
  return putDecimalPadded(out, at, thousandths, 3, 3);
}

function composeTicker(s: SymbolMarket, out: DataView, at: number, now_us: number, e: EventValues): number {
  const now_ms = Math.floor(now_us / 1000);
  const change = s.last_price - s.open;
  const average = Math.floor((s.last_price + s.open) / 2);
  const price = average / powerOfTen(s.listing.price_scale);
  let p = putUint(out, putText(out, at, TICKER), now_ms);
  p = putText(out, putText(out, p, SYMBOL), s.name_text);
  p = putSignedPrice(out, putText(out, p, CHANGE), change, s.listing);
  p = putPercent(out, putText(out, p, CHANGE_PERCENT), change, s.open);
  p = putPrice(out, putText(out, p, AVERAGE), average, s.listing);
  p = putPrice(out, putText(out, p, FIRST), s.open, s.listing);
  p = putPrice(out, putText(out, p, CLOSE), s.last_price, s.listing);
  p = putSize(out, putText(out, p, LAST_SIZE), s.last_size, s.listing);
  p = putPrice(out, putText(out, p, BID), s.bid, s.listing);
  p = putSize(out, putText(out, p, BID_SIZE), s.bid_size, s.listing);
  p = putPrice(out, putText(out, p, ASK), s.ask, s.listing);
  p = putSize(out, putText(out, p, ASK_SIZE), s.ask_size, s.listing);
  p = putPrice(out, putText(out, p, OPEN), s.open, s.listing);
  p = putPrice(out, putText(out, p, HIGH), s.high, s.listing);
  p = putPrice(out, putText(out, p, LOW), s.low, s.listing);
  p = putSize(out, putText(out, p, VOLUME), s.volume, s.listing);
  p = putApproximate(
    out,
    putText(out, p, QUOTE_VOLUME),
    (s.volume / powerOfTen(s.listing.size_scale)) * price,
  );
  p = putUint(out, putText(out, p, OPEN_TIME), now_ms - DAY_MS);
  p = putUint(out, putText(out, p, CLOSE_TIME), now_ms);
  p = putUint(out, putText(out, p, FIRST_ID), Math.max(1, s.last_id - DAY_TRADES));
  p = putUint(out, putText(out, p, LAST_ID), s.last_id);
  p = putUint(out, putText(out, p, COUNT), Math.min(s.last_id, DAY_TRADES + 1));
  out.setUint8(p++, BRACE);
  e.setTime(now_ms * 1000);
  setPrice(e, 0, s.last_price, s.listing);
  setPrice(e, 1, s.bid, s.listing);
  setPrice(e, 2, s.ask, s.listing);
  setSize(e, 3, s.volume, s.listing);
  setSize(e, 4, s.last_size, s.listing);
  setSize(e, 5, s.volume, s.listing);
  return p;
}

function composeBook(s: SymbolMarket, out: DataView, at: number, e: EventValues): number {
  let p = putUint(out, putText(out, at, BOOK), s.update_id);
  p = putText(out, putText(out, p, SYMBOL), s.name_text);
  p = putPrice(out, putText(out, p, BID), s.bid, s.listing);
  p = putSize(out, putText(out, p, BID_SIZE), s.bid_size, s.listing);
  p = putPrice(out, putText(out, p, ASK), s.ask, s.listing);
  p = putSize(out, putText(out, p, ASK_SIZE), s.ask_size, s.listing);
  p = putText(out, p, END);
  e.setId(s.update_id);
  setPrice(e, 0, s.bid, s.listing);
  setSize(e, 1, s.bid_size, s.listing);
  setPrice(e, 2, s.ask, s.listing);
  setSize(e, 3, s.ask_size, s.listing);
  return p;
}

const STREAM_CHANNELS = new Map<string, Channel>([
  ['trade', 'trades'],
  ['ticker', 'ticker'],
  ['bookTicker', 'bbo'],
]);
const METHODS = ['SUBSCRIBE', 'UNSUBSCRIBE', 'LIST_SUBSCRIPTIONS', 'SET_PROPERTY', 'GET_PROPERTY'];
const STREAMS_MAX = 1024;
const MESSAGES_PER_S = 5;
const STREAM_NAME = /^![A-Za-z0-9_]+(@[A-Za-z0-9_]+)*$|^[^\s@!]+@[A-Za-z0-9_]+(@[A-Za-z0-9+:]+)*$/;

type RequestId = number | string | null;

function isRequestId(id: unknown): id is RequestId | undefined {
  return id === undefined || id === null || Number.isInteger(id) || /^[A-Za-z0-9-]{1,36}$/.test(String(id));
}

class BinanceSession implements Session {
  readonly #venue: VenueView;
  readonly #link: Link;
  readonly #streams = new Set<string>();
  /** when the last messages came, oldest first */
  readonly #messages_ms: number[] = [];
  #pinged_ms: number;
  #answered_ms: number;

  constructor(venue: VenueView, link: Link, path: string, query: string, now_ms: number) {
    this.#venue = venue;
    this.#link = link;
    this.#pinged_ms = now_ms;
    this.#answered_ms = now_ms;
    link.wrapped = path === '/stream';
    const named =
      path === '/stream'
        ? (new URLSearchParams(query).get('streams') ?? '')
        : decodePath(path.slice('/ws'.length));
    this.#add(named.split('/').filter(Boolean));
  }

  get active(): boolean {
    return this.#streams.size > 0;
  }

  ping(now_ms: number): void {
    this.#counts(now_ms);
  }

  pong(now_ms: number): void {
    if (this.#counts(now_ms)) this.#answered_ms = now_ms;
  }

  tick(now_ms: number): void {
    const { ping_ms, pong_deadline_ms } = this.#venue.timings;
    if (ping_ms === 0) return;
    if (now_ms - this.#answered_ms >= pong_deadline_ms) {
      this.#link.end(1008, 'Pong timeout');
    } else if (now_ms - this.#pinged_ms >= ping_ms) {
      this.#pinged_ms = now_ms;
      this.#link.ping(String(Math.floor(now_ms)));
    }
  }

  message(text: string, now_ms: number): void {
    if (!this.#counts(now_ms)) return;
    let request: unknown;
    try {
      request = JSON.parse(text);
    } catch {
      this.#error(3, 'Invalid JSON: expected value at line 1 column 1');
      return;
    }
    if (typeof request !== 'object' || request === null || !('method' in request)) {
      this.#error(2, `Invalid request: missing field \`method\` at line 1 column ${text.length}`);
      return;
    }
    const { method, params, id } = request as { method: unknown; params?: unknown; id?: unknown };
    if (!METHODS.includes(String(method))) {
      const known = METHODS.map((name) => `\`${name}\``).join(', ');
      this.#error(
        2,
        `Invalid request: unknown variant \`${String(method)}\`, expected one of ${known} at line 1 column 28`,
      );
    } else if (!isRequestId(id)) {
      this.#error(2, 'Invalid request: request ID must be an unsigned integer');
    } else {
      this.#request(String(method), Array.isArray(params) ? params : [], id ?? null);
    }
  }

  #request(method: string, params: readonly unknown[], id: RequestId): void {
    if (method === 'LIST_SUBSCRIPTIONS') this.#reply([...this.#streams], id);
    else if (method === 'GET_PROPERTY' || method === 'SET_PROPERTY') this.#property(method, params, id);
    else if (!params.every((name) => typeof name === 'string' && STREAM_NAME.test(name))) {
      this.#error(2, 'Invalid request: invalid stream', id);
    } else if (method === 'SUBSCRIBE') {
      const names = params as string[];
      const added = names.filter((name) => !this.#streams.has(name));
      if (this.#streams.size + new Set(added).size > STREAMS_MAX) {
        this.#error(4, 'Too many subscriptions', id);
        return;
      }
      this.#reply(null, id);
      this.#add(added);
    } else {
      this.#remove(params as string[]);
      this.#reply(null, id);
    }
  }

  #property(method: string, params: readonly unknown[], id: RequestId): void {
    const setting = method === 'SET_PROPERTY';
    if (params.length > (setting ? 2 : 1)) this.#error(2, 'Invalid request: too many parameters', id);
    else if (typeof params[0] !== 'string')
      this.#error(2, 'Invalid request: property name must be a string', id);
    else if (params[0] !== 'combined') this.#error(0, 'Unknown property', id);
    else if (!setting) this.#reply(this.#link.wrapped, id);
    else if (typeof params[1] !== 'boolean') this.#error(1, 'Invalid value type: expected Boolean', id);
    else {
      this.#link.wrapped = params[1];
      this.#reply(null, id);
    }
  }

  /** Whether the message is within the limit; closes the connection otherwise. */
  #counts(now_ms: number): boolean {
    while (this.#messages_ms.length > 0 && now_ms - this.#messages_ms[0] >= 1000) this.#messages_ms.shift();
    this.#messages_ms.push(now_ms);
    if (this.#messages_ms.length <= MESSAGES_PER_S) return true;
    this.#link.end(1008, 'Too many requests');
    return false;
  }

  #streamOf(name: string): [SymbolMarket, Channel] | undefined {
    const [symbol, kind] = name.split('@');
    const channel = STREAM_CHANNELS.get(kind);
    // an upper-case name is acknowledged and stays silent, like an unknown one
    const market =
      symbol === symbol.toLowerCase() ? this.#venue.symbols.get(symbol.toUpperCase()) : undefined;
    return channel === undefined || market === undefined ? undefined : [market, channel];
  }

  #add(names: readonly string[]): void {
    for (const name of names) {
      if (this.#streams.has(name)) continue;
      this.#streams.add(name);
      const stream = this.#streamOf(name);
      if (stream !== undefined) this.#link.subscribe(...stream);
    }
  }

  #remove(names: readonly string[]): void {
    for (const name of names) {
      if (!this.#streams.delete(name)) continue;
      const stream = this.#streamOf(name);
      if (stream !== undefined) this.#link.unsubscribe(...stream);
    }
  }

  #reply(result: unknown, id: RequestId): void {
    this.#link.send(JSON.stringify({ result, id }));
  }

  #error(code: number, msg: string, id?: RequestId): void {
    this.#link.send(JSON.stringify({ error: { code, msg }, id }));
  }
}

const RULES = {
  quotes: ['USDT', 'FDUSD', 'BTC', 'EUR', 'TRY'],
  join: '',
  size_scale: (usd: number) => Math.min(5, Math.max(0, Math.ceil(Math.log10(usd)))),
  first_trade_id: 6_407_000_000,
  unicode: true,
};
const CLOSED = ['LUNAUSDT', 'BCCBTC'];

export const binance: VenueProtocol = {
  id: 'binance',
  channels: ['trades', 'ticker', 'bbo'],
  timings: {
    subscribe_deadline_ms: 0,
    heartbeat_ms: 0,
    ping_ms: 20_000,
    pong_deadline_ms: 60_000,
    stale_page_ms: 0,
    idle_ms: 0,
  },
  connection_limit: { burst: 300, per_s: 1 },
  listings(count) {
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
  },
  accepts: (path) => path === '/stream' || path === '/ws' || path.startsWith('/ws/'),
  open: (venue, link, path, query, now_ms) => new BinanceSession(venue, link, path, query, now_ms),
  compose(channel, symbol, frame) {
    const { view: out, event, now_us } = frame;
    let p = putText(out, putText(out, frame.start, STREAM), symbol.lower_text);
    p = putText(out, p, channel === 'trades' ? AT_TRADE : channel === 'ticker' ? AT_TICKER : AT_BOOK);
    const inner = p;
    if (channel === 'trades') p = composeTrade(symbol, out, p, now_us, event);
    else if (channel === 'ticker') p = composeTicker(symbol, out, p, now_us, event);
    else p = composeBook(symbol, out, p, event);
    frame.record();
    frame.setInner(inner, p);
    out.setUint8(p++, BRACE);
    return p;
  },
  rest(venue) {
    const rest = new BinanceRest(venue);
    return (request) => rest.answer(request);
  },
  shutdownNotice(wrapped, now_ms) {
    const data = { e: 'serverShutdown', E: Math.floor(now_ms) };
    return JSON.stringify(wrapped ? { stream: '!serverShutdown', data } : data);
  },
  slow_consumer: { code: 1008, reason: '' },
  planned_close: { code: 1001, reason: '' },
  symbolOf: (raw) => /"s":"([^"]+)"/.exec(raw)?.[1],
};

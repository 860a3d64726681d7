/**
 * The control side of an OKX connection: subscriptions acknowledged or refused argument by argument, text pings, signs
 * of life of quiet books, and the close of a connection that nothing was sent on for half a minute.
 * Runs in the simulator process; used by protocol.ts.
 */
import { type Channel, INTERVALS, klineChannel } from '../../market/channels.js';
import type { SymbolMarket } from '../../market/market.js';
import { hashText } from '../../market/random.js';
import type { Denial } from '../../server/denials.js';
import { type Link, TokenBucket, type VenueView } from '../../server/protocol.js';
import { parseObject, VenueSession } from '../../server/session.js';

const PUBLIC = '/ws/v5/public';
const BUSINESS = '/ws/v5/business';
export const PATHS: readonly string[] = [PUBLIC, BUSINESS];
/** Names of the channels of candles, in the order of INTERVALS. */
export const CANDLE_CHANNELS = [
  'candle1m',
  'candle3m',
  'candle5m',
  'candle15m',
  'candle30m',
  'candle1H',
  'candle4H',
  'candle1Dutc',
];
const CHANNELS: Readonly<Record<string, ReadonlyMap<string, Channel>>> = {
  [PUBLIC]: new Map<string, Channel>([
    ['trades', 'agg_trades'],
    ['tickers', 'ticker'],
    ['bbo-tbt', 'bbo'],
    ['books', 'book'],
  ]),
  [BUSINESS]: new Map<string, Channel>([
    ['trades-all', 'trades'],
    ...INTERVALS.map((interval, i): [string, Channel] => [CANDLE_CHANNELS[i], klineChannel(interval)]),
  ]),
};
/** Channels whose present state, or last trade, is sent on subscribing. */
const STATES: readonly Channel[] = ['ticker', 'book', 'agg_trades'];
/** Requests to subscribe or unsubscribe, per connection. */
const REQUESTS_PER_HOUR = 480;
const NO_DATA = { code: 4004, reason: 'No data received in 30s.' };

export function noticeText(connId = 'a4d3ae55'): string {
  return `{"event":"notice","code":"64008","msg":"The connection will soon be closed for a service upgrade. Please reconnect.","connId":"${connId}"}`;
}

/** A change that says that nothing has changed since the change before it. */
function unchanged(symbol: SymbolMarket, now_ms: number): string {
  const arg = { channel: 'books', instId: symbol.listing.name };
  const { book_last_id: seqId } = symbol;
  const data = { asks: [], bids: [], ts: String(Math.floor(now_ms)), checksum: 0, seqId, prevSeqId: seqId };
  return JSON.stringify({ arg, action: 'update', data: [data] });
}

/** The newest change of a book on this connection: its number, and since when nothing has come. */
interface Quiet {
  id: number;
  since_ms: number;
}

interface Argument {
  readonly channel?: unknown;
  readonly instId?: unknown;
}

export class OkxSession extends VenueSession {
  readonly #path: string;
  readonly #requests: TokenBucket;
  readonly #conn_id: string;
  readonly #books = new Map<SymbolMarket, Quiet>();
  #ever = false;

  constructor(venue: VenueView, link: Link, path: string, now_ms: number) {
    super(venue, link, now_ms);
    this.#path = path;
    this.#requests = new TokenBucket({ burst: REQUESTS_PER_HOUR, per_s: REQUESTS_PER_HOUR / 3600 }, now_ms);
    this.#conn_id = hashText(`${path} ${now_ms}`).toString(16).padStart(8, '0');
  }

  message(text: string, now_ms: number): void {
    if (text === 'ping') {
      this.link.send('pong');
      return;
    }
    const request = parseObject(text);
    if (request === undefined) {
      this.#error(undefined, `Illegal request: ${text}`, '60012');
      return;
    }
    const { id, op, args } = request;
    if (op !== 'subscribe' && op !== 'unsubscribe') this.#error(id, `Invalid op: ${String(op)}`, '60019');
    else if (!Array.isArray(args)) this.#error(id, `Invalid request: ${text}`, '60012');
    else if (this.venue.denials.throttles() || !this.#requests.take(now_ms))
      this.#error(id, 'Requests too frequent', '60014');
    else for (const arg of args as Argument[]) this.#argument(id, op, arg, now_ms);
  }

  #argument(id: unknown, op: 'subscribe' | 'unsubscribe', arg: Argument, now_ms: number): void {
    const channel = CHANNELS[this.#path].get(String(arg.channel));
    const symbol = this.venue.symbols.get(String(arg.instId));
    const denial = channel === undefined || symbol === undefined ? 'unknown' : this.#denial(symbol, channel);
    if (op === 'subscribe' && (denial === 'login' || denial === 'anonymous')) {
      this.#error(id, 'Please log in', '60011');
      return;
    }
    if (op === 'subscribe' && denial === 'connections') {
      const connCount = String(this.venue.carrying(channel as Channel));
      this.link.send(
        JSON.stringify({
          event: 'channel-conn-count-error',
          channel: arg.channel,
          connCount,
          connId: this.#conn_id,
        }),
      );
      return;
    }
    if (channel === undefined || symbol === undefined || (op === 'subscribe' && denial === 'unknown')) {
      const what = `channel:${String(arg.channel)},instId:${String(arg.instId)}`;
      const advice = 'Please use the correct URL, channel and parameters referring to API document.';
      this.#error(id, `Subscribe failed, wrong URL or ${what} doesn't exist. ${advice}`, '60018');
      return;
    }
    const acknowledgement = JSON.stringify({ id, event: op, arg, connId: this.#conn_id });
    const key = `${channel} ${symbol.listing.name}`;
    if (op === 'unsubscribe') {
      this.stop(key, symbol, channel);
      if (channel === 'book') this.#books.delete(symbol);
      this.link.send(acknowledgement);
      return;
    }
    this.#ever = true;
    this.link.cork(() => {
      this.link.send(acknowledgement);
      // a second subscription is acknowledged and gets nothing new
      if (!this.begin(key, symbol, channel)) return;
      if (STATES.includes(channel)) this.link.snapshot(symbol, channel);
      if (channel === 'book') this.#books.set(symbol, { id: symbol.book_last_id, since_ms: now_ms });
    });
  }

  #denial(symbol: SymbolMarket, channel: Channel): Denial | undefined {
    const held = [...this.subscribed].filter((key) => key.startsWith(`${channel} `)).length;
    return this.venue.denials.of(symbol.listing.name, channel, held, this.venue.carrying(channel));
  }

  #error(id: unknown, msg: string, code: string): void {
    const named = id === undefined ? {} : { id };
    this.link.send(JSON.stringify({ ...named, event: 'error', msg, code, connId: this.#conn_id }));
  }

  tick(now_ms: number): void {
    const silent = this.isIdle(now_ms, Math.max(this.link.sent_ms, this.opened_ms));
    if (silent || (!this.#ever && this.isLate(now_ms))) this.link.end(NO_DATA.code, NO_DATA.reason);
    else for (const [symbol, quiet] of this.#books) this.#keepAlive(symbol, quiet, now_ms);
  }

  /** A book that has not changed for a while says so. */
  #keepAlive(symbol: SymbolMarket, quiet: Quiet, now_ms: number): void {
    if (quiet.id === symbol.book_last_id) {
      if (now_ms - quiet.since_ms < this.venue.timings.heartbeat_ms) return;
      this.link.send(unchanged(symbol, now_ms));
    }
    quiet.id = symbol.book_last_id;
    quiet.since_ms = now_ms;
  }
}

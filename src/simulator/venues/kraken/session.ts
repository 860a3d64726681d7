/**
 * The control side of a Kraken connection: an acknowledgement or an error for every symbol of a request, in front of the
 * first data; a status at the beginning, heartbeats when nothing else is sent.
 * Runs in the simulator process; used by protocol.ts.
 */
import { KLINE_INTERVALS } from '../../../schema/tables.js';
import { type Channel, INTERVALS, klineChannel } from '../../market/channels.js';
import type { SymbolMarket } from '../../market/market.js';
import { type Link, TokenBucket, type VenueView } from '../../server/protocol.js';
import { parseObject, textsOf, VenueSession } from '../../server/session.js';

const DEPTHS = [10, 25, 100, 500, 1000];
const TRADES_HISTORY = 50;
const CANDLES_HISTORY = 12;
const MESSAGES = { burst: 50, per_s: 50 };
/** Minutes that can be subscribed; those that are no channel of the simulator stay silent. */
const MINUTES = [1, 5, 15, 30, 60, 240, 1440, 10_080, 21_600];

interface Params {
  readonly channel?: unknown;
  readonly symbol?: unknown;
  readonly snapshot?: unknown;
  readonly depth?: unknown;
  readonly interval?: unknown;
  readonly event_trigger?: unknown;
}

interface Wanted {
  /** what cannot be subscribed twice on a connection */
  readonly feed: string;
  readonly channel: Channel | undefined;
  readonly history: number;
  readonly depth?: number;
  /** members of an acknowledgement in the order of their names */
  readonly echo: Readonly<Record<string, unknown>>;
}

function microseconds(now_ms: number, more: number): string {
  return new Date(now_ms).toISOString().replace('Z', `${String(more).padStart(3, '0')}Z`);
}

/** What is asked for, or the text of the error. */
function wantedOf(params: Params): Wanted | string {
  const { channel, depth = 10, interval = 1, event_trigger = 'trades' } = params;
  const snapshot = params.snapshot ?? channel !== 'trade';
  switch (channel) {
    case 'trade':
      return { feed: 'trade', channel: 'trades', history: TRADES_HISTORY, echo: { channel, snapshot } };
    case 'ticker': {
      if (event_trigger !== 'trades' && event_trigger !== 'bbo') return 'Malformed request';
      const ours = event_trigger === 'bbo' ? 'bbo' : 'ticker';
      return { feed: 'ticker', channel: ours, history: 1, echo: { channel, event_trigger, snapshot } };
    }
    case 'book':
      if (!DEPTHS.includes(depth as number)) return 'Subscription depth not supported';
      return {
        feed: 'book',
        channel: 'book',
        history: 1,
        depth: depth as number,
        echo: { channel, depth, snapshot },
      };
    case 'ohlc': {
      if (!MINUTES.includes(interval as number)) return 'Subscription ohlc interval not supported';
      const name = INTERVALS.find((one) => KLINE_INTERVALS[one] === (interval as number) * 60);
      return {
        feed: `ohlc ${interval}`,
        channel: name === undefined ? undefined : klineChannel(name),
        history: CANDLES_HISTORY,
        echo: { channel, interval, snapshot },
      };
    }
    default:
      return 'Malformed request';
  }
}

/** With an id beyond 2^63, as they are. */
export function statusText(system: 'online' | 'maintenance'): string {
  return `{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"${system}","api_version":"v2","connection_id":18125794168470749634,"upcoming_maintenance":[],"emergency":[]}]}`;
}

/** The keys of subscriptions are `feed symbol`. */
export class KrakenSession extends VenueSession {
  readonly #messages: TokenBucket;

  constructor(venue: VenueView, link: Link, now_ms: number) {
    super(venue, link, now_ms);
    this.#messages = new TokenBucket(MESSAGES, now_ms);
    link.send(statusText('online'));
  }

  tick(now_ms: number): void {
    const { heartbeat_ms } = this.venue.timings;
    if (this.active) {
      if (now_ms - this.link.sent_ms >= heartbeat_ms) this.link.send('{"channel":"heartbeat"}');
    } else if (this.isIdle(now_ms, this.heard_ms)) this.link.end(1000, '');
  }

  message(text: string, now_ms: number): void {
    this.heard_ms = now_ms;
    const { method, params, req_id } = parseObject(text) ?? {};
    const id = Number.isSafeInteger(req_id) ? { req_id } : {};
    const throttled = method === 'subscribe' && this.venue.denials.throttles();
    if (throttled || !this.#messages.take(now_ms))
      this.#error({ error: 'Exceeded msg rate', method, ...id }, now_ms);
    else if (method === 'ping') this.#answer({ method: 'pong', ...id }, now_ms);
    else if (method === 'subscribe' || method === 'unsubscribe')
      this.#change(method, (params ?? {}) as Params, id, now_ms);
    else this.#error({ error: 'Malformed request', method: 'error', ...id }, now_ms);
  }

  #change(method: 'subscribe' | 'unsubscribe', params: Params, id: object, now_ms: number): void {
    if (params.channel === 'instrument') {
      this.#answer(
        { method, ...id, result: { channel: 'instrument', snapshot: true }, success: true },
        now_ms,
      );
      return;
    }
    const wanted = wantedOf(params);
    const names = textsOf(params.symbol);
    if (wanted === 'Malformed request' || names.length === 0) {
      this.#error({ error: 'Malformed request', method: 'error', ...id }, now_ms);
      return;
    }
    for (const name of names) {
      const symbol = this.venue.symbols.get(name);
      const refused = this.#refusal(method, wanted, name, symbol);
      if (refused !== undefined) this.#error({ error: refused, method, ...id, symbol: name }, now_ms);
      else if (typeof wanted !== 'string' && symbol !== undefined)
        this.#accept(method, wanted, symbol, id, now_ms);
    }
  }

  #refusal(
    method: string,
    wanted: Wanted | string,
    name: string,
    symbol: SymbolMarket | undefined,
  ): string | undefined {
    if (!/^[^/]+\/[^/]+$/.test(name)) return `Currency pair not in ISO 4217-A3 format ${name}`;
    if (symbol === undefined) return `Currency pair not supported ${name}`;
    if (typeof wanted === 'string') return wanted;
    const { channel } = wanted;
    if (channel !== undefined && this.venue.denials.of(name, channel) !== undefined)
      return `Currency pair not supported ${name}`;
    const there = this.subscribed.has(`${wanted.feed} ${name}`);
    if (method === 'subscribe' && there) return 'Already subscribed';
    return method === 'unsubscribe' && !there ? 'Subscription Not Found' : undefined;
  }

  #accept(
    method: 'subscribe' | 'unsubscribe',
    { feed, channel, history, depth, echo }: Wanted,
    symbol: SymbolMarket,
    id: object,
    now_ms: number,
  ): void {
    const { name } = symbol.listing;
    this.#answer({ method, ...id, result: { ...echo, symbol: name }, success: true }, now_ms);
    const key = `${feed} ${name}`;
    if (channel === undefined) {
      // acknowledged, and silent
      if (method === 'subscribe') this.subscribed.add(key);
      else this.subscribed.delete(key);
      return;
    }
    if (method === 'unsubscribe') {
      this.stop(key, symbol, channel);
      return;
    }
    this.begin(key, symbol, channel, depth === undefined ? undefined : { window: depth, truncates: true });
    if (echo.snapshot === true) this.link.snapshot(symbol, channel, history);
  }

  #answer(answer: object, now_ms: number): void {
    const times = { time_in: microseconds(now_ms, 99), time_out: microseconds(now_ms, 140) };
    this.link.send(JSON.stringify({ ...answer, ...times }));
  }

  /** Its members are sorted. */
  #error(answer: Record<string, unknown>, now_ms: number): void {
    const { symbol, ...rest } = answer;
    this.#answer({ ...rest, success: false, ...(symbol === undefined ? {} : { symbol }) }, now_ms);
  }
}

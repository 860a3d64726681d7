/**
 * The contract between the simulator and the wire protocol of one exchange. A protocol file knows names, texts and
 * rules of its exchange; the rest of the simulator knows sockets, time and the market.
 * Runs in the simulator process.
 */
import type { EventValues } from './account.js';
import type { Slab } from './bytes.js';
import type { Listing } from './catalogue.js';
import type { Channel } from './channels.js';
import type { SymbolMarket } from './market.js';

/** Periods and limits that tests shorten. */
export interface VenueTimings {
  /** a client that has not subscribed by then is closed; 0 = never */
  readonly subscribe_deadline_ms: number;
  readonly heartbeat_ms: number;
  /** between the server's ping frames; 0 = none */
  readonly ping_ms: number;
  readonly pong_deadline_ms: number;
  /** how old the cached first page of trades may be; 0 = no cache */
  readonly stale_page_ms: number;
}

/** New connections or REST requests: `burst` at once, then `per_s`. */
export interface RateLimit {
  readonly burst: number;
  readonly per_s: number;
}

/** What a session may do with its connection. */
export interface Link {
  /** whether data frames go out with their wrapper (Binance combined streams) */
  wrapped: boolean;
  send(text: string): void;
  /** Several sends in one write. */
  cork(sends: () => void): void;
  ping(payload: string): void;
  end(code: number, reason: string): void;
  subscribe(symbol: SymbolMarket, channel: Channel): void;
  unsubscribe(symbol: SymbolMarket, channel: Channel): void;
  /** Sends the current ticker of a symbol to this connection alone, as an event of the account. */
  sendTicker(symbol: SymbolMarket): void;
}

/** The state of one connection on the side of the exchange. */
export interface Session {
  message(text: string, now_ms: number): void;
  ping(now_ms: number): void;
  pong(now_ms: number): void;
  /** Called about ten times a second. */
  tick(now_ms: number): void;
  /** Whether the client has asked for anything: who gets the frames of a recording. */
  readonly active: boolean;
}

export interface RestRequest {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly now_ms: number;
}

export interface RestAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What a protocol sees of its exchange. */
export interface VenueView {
  readonly timings: VenueTimings;
  readonly listings: readonly Listing[];
  /** symbols that trade, by native name */
  readonly symbols: ReadonlyMap<string, SymbolMarket>;
}

export interface VenueProtocol {
  readonly id: string;
  /** which data channels the exchange has, of those of channels.ts */
  readonly channels: readonly Channel[];
  readonly timings: VenueTimings;
  readonly connection_limit: RateLimit;
  /** The first `count` symbols that trade; a protocol adds closed ones itself. */
  listings(count: number): Listing[];
  /** Whether a WebSocket may be opened at this path. */
  accepts(path: string): boolean;
  open(venue: VenueView, link: Link, path: string, query: string, now_ms: number): Session;
  /** Writes the frame of the symbol's newest event into the slot, and its values into `event`. HOT. */
  compose(
    channel: Channel,
    symbol: SymbolMarket,
    now_us: number,
    slab: Slab,
    slot: number,
    event: EventValues,
  ): void;
  /** REST of the exchange, with its own rate limit. */
  rest(venue: VenueView): (request: RestRequest) => RestAnswer;
  /** Announcement of a shutdown, for exchanges that send one. */
  shutdownNotice?(wrapped: boolean, now_ms: number): string;
  /** What the exchange sends before it drops a client that reads too slowly, and how it closes. */
  readonly slow_consumer: { readonly text?: string; readonly code: number; readonly reason: string };
  /** Code and reason of the planned close after 24 hours. */
  readonly planned_close: { readonly code: number; readonly reason: string };
  /** Native symbol of a recorded frame, when it has one. */
  symbolOf(raw: string): string | undefined;
}

/** Tokens that come back with time. */
export class TokenBucket {
  readonly #limit: RateLimit;
  #tokens: number;
  #at_ms: number;

  constructor(limit: RateLimit, now_ms: number) {
    this.#limit = limit;
    this.#tokens = limit.burst;
    this.#at_ms = now_ms;
  }

  take(now_ms: number): boolean {
    const back = ((now_ms - this.#at_ms) / 1000) * this.#limit.per_s;
    this.#tokens = Math.min(this.#limit.burst, this.#tokens + back);
    this.#at_ms = now_ms;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}

export function json(value: unknown, status = 200, headers: Record<string, string> = {}): RestAnswer {
  return {
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(value),
  };
}

/** `units` × 10^-`scale` as text with exactly `decimals` decimals (at least `scale`). */
export function decimalText(units: number, scale: number, decimals = scale): string {
  const digits = String(units).padStart(scale + 1, '0');
  const whole = digits.slice(0, digits.length - scale);
  const fraction = digits.slice(digits.length - scale).padEnd(decimals, '0');
  return fraction === '' ? whole : `${whole}.${fraction}`;
}

/** A query parameter as a non-negative integer; undefined when absent, NaN when it is something else. */
export function integerParameter(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  return /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
}

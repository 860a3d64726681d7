/**
 * The contract between the simulator and the wire protocol of one exchange. A protocol file knows names, texts and
 * rules of its exchange; the rest of the simulator knows sockets, time and the market.
 * Runs in the simulator process.
 */
import type { BookShape, Levels } from '../market/book.js';
import { powerOfTen, type Slab, trimmedScale } from '../market/bytes.js';
import type { Listing } from '../market/catalogue.js';
import type { Channel } from '../market/channels.js';
import type { Frame } from '../market/frame.js';
import type { SymbolMarket } from '../market/market.js';
import type { Denials } from './denials.js';

/** Periods and limits that tests shorten. */
export interface VenueTimings {
  /** a client that has not subscribed by then is closed; 0 = never */
  readonly subscribe_deadline_ms: number;
  /** of connections, or of books that do not change (OKX); 0 = none */
  readonly heartbeat_ms: number;
  /** between the server's ping frames; 0 = none */
  readonly ping_ms: number;
  readonly pong_deadline_ms: number;
  /** how old the cached first page of trades may be; 0 = no cache */
  readonly stale_page_ms: number;
  /** a client that has sent nothing for so long is dropped; 0 = never */
  readonly idle_ms: number;
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
  /** frames numbered so far, for exchanges that count per connection; send() and stamp() take the next one */
  sequence: number;
  /** when anything was sent last */
  readonly sent_ms: number;
  send(text: string): void;
  /** A text in a binary frame. */
  sendBinary(text: string): void;
  /** Several sends in one write. */
  cork(sends: () => void): void;
  /** Runs `action` after `delay_ms`, unless the connection is gone by then. */
  later(delay_ms: number, action: () => void): void;
  ping(payload: string): void;
  end(code: number, reason: string): void;
  /** Drops the connection without a close frame. */
  abort(): void;
  /** `shape` counts for the first subscription of the symbol's book in a simulation; all others get the same book. */
  subscribe(symbol: SymbolMarket, channel: Channel, shape?: BookShape): void;
  unsubscribe(symbol: SymbolMarket, channel: Channel): void;
  /**
   * Sends the state of a channel to this connection alone, composed with `frame.snapshot` set. Book: all levels, in the
   * ledger as a snapshot. Ticker and bbo: the current values, an event of the ledger. Trades: the newest `count`,
   * aggregate trades: the one that was sent last, already in the ledger. Candles: the newest `count` with the current
   * one, in the ledger as history. Before the first subscription of the channel call subscribe(), so that the ledger
   * has begun.
   */
  snapshot(symbol: SymbolMarket, channel: Channel, count?: number): void;
}

/** The state of one connection on the side of the exchange; sessions extend VenueSession (session.ts). */
export interface Session {
  message(text: string, now_ms: number): void;
  ping(now_ms: number): void;
  pong(now_ms: number): void;
  /** Called about ten times a second. */
  tick(now_ms: number): void;
  /** Whether the client has subscribed to anything: it then gets the frames of a recording. */
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

/** The REST side of an exchange; most extend VenueRest (rest.ts). */
export interface RestSide {
  answer(request: RestRequest): RestAnswer;
}

/** What a protocol sees of its exchange. */
export interface VenueView {
  readonly timings: VenueTimings;
  readonly listings: readonly Listing[];
  /** symbols that trade, by native name */
  readonly symbols: ReadonlyMap<string, SymbolMarket>;
  /** subscriptions that are to be refused */
  readonly denials: Denials;
  /** how many connections carry a channel */
  carrying(channel: Channel): number;
  /**
   * The book for an answer over REST (out of date when a fault says so), in the ledger level by level: `fill` fills
   * `frame.event` and calls `frame.recordLevel()` for every level of the answer.
   */
  fetchBook(symbol: SymbolMarket, fill: (levels: Levels, frame: Frame) => void): void;
}

export interface VenueProtocol {
  readonly id: string;
  /** which data channels the exchange has, of those of market/channels.ts */
  readonly channels: readonly Channel[];
  readonly timings: VenueTimings;
  readonly connection_limit: RateLimit;
  /** its books carry checksums, which a fault can make wrong */
  readonly checksums?: boolean;
  /** data frames are binary */
  readonly binary?: boolean;
  /** most trades in one frame, by channel; 1 when it does not say */
  readonly batch?: Partial<Readonly<Record<Channel, number>>>;
  /** a batch has its newest trade first */
  readonly newest_first?: boolean;
  /** trades sent as history on subscribing, so that the ledger knows them; 1 when it does not say */
  readonly history?: number;
  /** the book of a symbol that is fetched over REST before its first subscription */
  readonly fetched_shape?: BookShape;
  /** after a reset of the book its next event is a snapshot (Bybit `u` 1) */
  readonly resets_with_snapshot?: boolean;
  /** The first `count` symbols that trade; a protocol adds closed ones itself. */
  listings(count: number): Listing[];
  /** Whether a WebSocket may be opened at this path. */
  accepts(path: string): boolean;
  open(venue: VenueView, link: Link, path: string, query: string, now_ms: number): Session;
  /**
   * Writes the frame of the symbol's newest events from `frame.start` on, calls `frame.record()` for each of them, and
   * answers the position behind the frame. HOT.
   */
  compose(channel: Channel, symbol: SymbolMarket, frame: Frame): number;
  /**
   * For exchanges whose frames differ between connections: writes what belongs to this one in front of the frame's
   * inner part (setInner) and answers the first byte. HOT.
   */
  stamp?(slab: Slab, slot: number, link: Link): number;
  /** REST of the exchange, with its own rate limit. */
  rest(venue: VenueView): RestSide;
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

/** The same without zeros at its end. */
export function trimmedText(units: number, scale: number): string {
  const left = trimmedScale(units, scale);
  return decimalText(units / powerOfTen(scale - left), left);
}

/** A part of a URL path without its %HH; as it is when they are malformed. */
export function decodePath(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A query parameter as a non-negative integer; undefined when absent, NaN when it is something else. */
export function integerParameter(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  return /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
}

/**
 * What the sessions of all venues have in common; a venue's session says what its messages mean.
 * Runs in the simulator process.
 */
import type { BookShape } from '../market/book.js';
import type { Channel } from '../market/channels.js';
import type { SymbolMarket } from '../market/market.js';
import type { Link, Session, VenueView } from './protocol.js';

/** The value of a JSON text; undefined when it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The same of an object. */
export function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  const value = parseJson(text);
  const is_object = typeof value === 'object' && value !== null && !Array.isArray(value);
  return is_object ? (value as Record<string, unknown>) : undefined;
}

/** The texts in a list; none when it is no list. */
export function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
}

/** Something that is sent at regular intervals; after a stall it does not make up for what it left out. */
export class Periodic {
  #due_ms: number;

  constructor(
    private readonly period_ms: number,
    now_ms: number,
  ) {
    this.#due_ms = now_ms + period_ms;
  }

  isDue(now_ms: number): boolean {
    if (now_ms < this.#due_ms) return false;
    this.#due_ms = now_ms + this.period_ms - ((now_ms - this.#due_ms) % this.period_ms);
    return true;
  }
}

export abstract class VenueSession implements Session {
  /** what is subscribed, by the keys that the venue distinguishes */
  protected readonly subscribed = new Set<string>();
  /** when the client sent something that counts as a sign of life */
  protected heard_ms: number;

  constructor(
    protected readonly venue: VenueView,
    protected readonly link: Link,
    protected readonly opened_ms: number,
  ) {
    this.heard_ms = opened_ms;
  }

  abstract message(text: string, now_ms: number): void;
  abstract tick(now_ms: number): void;
  ping(_now_ms: number): void {}
  pong(_now_ms: number): void {}

  get active(): boolean {
    return this.subscribed.size > 0;
  }

  /** Begins the data of a subscription; false when there is one of this key. */
  protected begin(key: string, symbol: SymbolMarket, channel: Channel, shape?: BookShape): boolean {
    if (this.subscribed.has(key)) return false;
    this.subscribed.add(key);
    this.link.subscribe(symbol, channel, shape);
    return true;
  }

  /** Ends the data of a subscription; false when there is none of this key. */
  protected stop(key: string, symbol: SymbolMarket, channel: Channel): boolean {
    if (!this.subscribed.delete(key)) return false;
    this.link.unsubscribe(symbol, channel);
    return true;
  }

  /** Whether the time in which a client must subscribe is over. */
  protected isLate(now_ms: number): boolean {
    const { subscribe_deadline_ms } = this.venue.timings;
    return subscribe_deadline_ms > 0 && now_ms - this.opened_ms >= subscribe_deadline_ms;
  }

  /** Whether nothing has happened since `since_ms` for so long that the venue ends the connection. */
  protected isIdle(now_ms: number, since_ms: number): boolean {
    const { idle_ms } = this.venue.timings;
    return idle_ms > 0 && now_ms - since_ms >= idle_ms;
  }
}

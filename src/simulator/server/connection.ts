/**
 * One WebSocket connection on the side of the exchange: its queue of frames within a batch, its subscriptions, its
 * backlog. HOT: enqueue() per frame, flush() per batch.
 * Runs in the simulator process; made by venue.ts, filled by engine.ts.
 */
import type { Socket } from '../../server/contract.js';
import type { BookShape } from '../market/book.js';
import { SLOTS, type Slab } from '../market/bytes.js';
import type { Channel } from '../market/channels.js';
import type { SymbolMarket } from '../market/market.js';
import { nowMs } from './clock.js';
import type { Link, Session, VenueProtocol } from './protocol.js';

/** Bytes that may wait for a client before the market waits for it. */
const BACKLOG_BYTES = 256 * 1024;

/** A symbol whose events go to connections. */
export type VenueSymbol = SymbolMarket<Connection>;

/** What makes the events: it learns what a connection listens to. */
export interface Events {
  listen(symbol: VenueSymbol, channel: Channel, connection: Connection, shape?: BookShape): void;
  unlisten(symbol: VenueSymbol, channel: Channel, connection: Connection): void;
  /** The state of a channel for one connection, see Link.snapshot(). */
  snapshot(symbol: VenueSymbol, channel: Channel, connection: Connection, count: number): void;
}

export class Connection implements Link {
  readonly #socket: Socket;
  readonly #events: Events;
  readonly #protocol: VenueProtocol;
  readonly #binary: boolean;
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #queue = new Int32Array(SLOTS * 4);
  readonly #channels = new Map<VenueSymbol, Set<Channel>>();
  readonly #send_queued: () => void;
  #slab: Slab | undefined;
  /** texts held back during a stall */
  #held: { text: string; binary: boolean }[] | undefined;
  session: Session | undefined;
  queued = 0;
  wrapped = false;
  sequence = 0;
  readonly opened_ms = nowMs();
  sent_ms = this.opened_ms;
  /** its end has been announced */
  announced = false;
  closed = false;
  /** symbols with at least one data channel */
  readonly symbols: VenueSymbol[] = [];

  constructor(socket: Socket, events: Events, protocol: VenueProtocol) {
    this.#socket = socket;
    this.#events = events;
    this.#protocol = protocol;
    this.#binary = protocol.binary === true;
    this.#send_queued = () => this.#sendQueued();
  }

  enqueue(slot: number): void {
    this.#queue[this.queued++] = slot;
  }

  /** Swaps the two newest frames of the batch. */
  swapLast(): void {
    if (this.queued < 2) return;
    const last = this.#queue[this.queued - 1];
    this.#queue[this.queued - 1] = this.#queue[this.queued - 2];
    this.#queue[this.queued - 2] = last;
  }

  /** Writes the queued frames of the slab. */
  flush(slab: Slab): void {
    if (!this.closed) {
      this.#sent();
      this.#slab = slab;
      this.#socket.cork(this.#send_queued);
    }
    this.queued = 0;
  }

  get backlog_bytes(): number {
    return this.#socket.backlog_bytes;
  }

  /** Whether the client has so much unread that the market waits for it. */
  get behind(): boolean {
    return this.backlog_bytes > BACKLOG_BYTES;
  }

  send(text: string): void {
    this.#sendText(text, false);
  }

  sendBinary(text: string): void {
    this.#sendText(text, true);
  }

  #sendText(text: string, binary: boolean): void {
    if (this.#held !== undefined) this.#held.push({ text, binary });
    else {
      this.#sent();
      this.#socket.send(text, binary);
    }
  }

  #sent(): void {
    this.sent_ms = nowMs();
  }

  sendFrame(bytes: Uint8Array, binary: boolean): void {
    this.#socket.send(bytes, binary);
  }

  cork(sends: () => void): void {
    this.#socket.cork(sends);
  }

  later(delay_ms: number, action: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, delay_ms);
    this.#timers.add(timer);
  }

  ping(payload: string): void {
    this.#socket.ping(payload);
  }

  end(code: number, reason: string): void {
    this.#socket.end(code, reason);
  }

  /** Ends without a close frame. */
  abort(): void {
    this.#socket.abort();
  }

  hold(): void {
    this.#held ??= [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const { text, binary } of held) this.#sendText(text, binary);
  }

  subscribe(market: SymbolMarket, channel: Channel, shape?: BookShape): void {
    const symbol = market as VenueSymbol;
    const channels = this.#channels.get(symbol) ?? new Set();
    if (channels.has(channel)) return;
    channels.add(channel);
    if (!this.#channels.has(symbol)) {
      this.#channels.set(symbol, channels);
      this.symbols.push(symbol);
    }
    this.#events.listen(symbol, channel, this, shape);
  }

  unsubscribe(market: SymbolMarket, channel: Channel): void {
    const symbol = market as VenueSymbol;
    const channels = this.#channels.get(symbol);
    if (channels === undefined || !channels.delete(channel)) return;
    this.#events.unlisten(symbol, channel, this);
    if (channels.size > 0) return;
    this.#channels.delete(symbol);
    this.symbols.splice(this.symbols.indexOf(symbol), 1);
  }

  snapshot(symbol: SymbolMarket, channel: Channel, count = 1): void {
    if (!this.closed) this.#events.snapshot(symbol as VenueSymbol, channel, this, count);
  }

  /** The symbol is not traded any more. */
  drop(symbol: VenueSymbol): void {
    for (const channel of [...(this.#channels.get(symbol) ?? [])]) this.unsubscribe(symbol, channel);
  }

  carries(channel: Channel): boolean {
    return [...this.#channels.values()].some((channels) => channels.has(channel));
  }

  /** The socket is gone. */
  forget(): void {
    this.closed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    for (const [symbol, channels] of this.#channels) {
      for (const channel of channels) this.#events.unlisten(symbol, channel, this);
    }
    this.#channels.clear();
    this.symbols.length = 0;
  }

  #sendQueued(): void {
    const slab = this.#slab!;
    const { stamp } = this.#protocol;
    for (let i = 0; i < this.queued; i++) {
      const slot = this.#queue[i];
      let bytes: Uint8Array;
      if (stamp !== undefined) {
        const from = stamp(slab, slot, this);
        bytes = slab.part(from, slab.start(slot) + slab.inner_from[slot] + slab.inner_bytes[slot] - from);
      } else {
        const whole = this.wrapped || slab.inner_bytes[slot] === slab.length[slot];
        bytes = whole ? slab.frame(slot) : slab.inner(slot);
      }
      this.#socket.send(bytes, this.#binary);
    }
  }
}

/**
 * Makes the data messages of one exchange: picks a symbol, steps its market, composes the frame and queues it for
 * everybody who listens, in batches that are written per connection at once. Paces on an absolute schedule and waits
 * for slow readers; nothing is dropped silently.
 * HOT: #event() runs per message. Runs in the simulator process; started by venue.ts.
 */

import type { BookShape, Levels } from '../market/book.js';
import { SLOTS, Slab } from '../market/bytes.js';
import { CHANNEL_BITS, CHANNELS, type Channel, KLINE_CHANNELS } from '../market/channels.js';
import { Frame } from '../market/frame.js';
import { LEDGER_FLAGS, LedgerStream } from '../market/ledger.js';
import { Random } from '../market/random.js';
import type { Connection, Events, VenueSymbol } from './connection.js';
import type { Faults } from './faults.js';
import type { VenueProtocol } from './protocol.js';

export interface EngineOptions {
  readonly protocol: VenueProtocol;
  readonly symbols: readonly VenueSymbol[];
  readonly faults: Faults;
  readonly seed: number;
  /** weights of the channels, in the order of CHANNELS */
  readonly mix: readonly number[];
  /** whether every channel that began goes on without listeners; otherwise the market waits for them */
  readonly runs_alone: boolean;
  readonly ledger_directory: string | undefined;
  /** microseconds since 1970 UTC */
  readonly clock_us: () => number;
}

/** Counted per channel, in the order of market/channels.ts. */
export interface EngineTotals {
  readonly events: Float64Array;
  readonly delivered: Float64Array;
  readonly undelivered: Float64Array;
}

const FIRST_KLINES = CHANNELS.indexOf(KLINE_CHANNELS[0]);
const PICK_TRIES = 8;
/** Channels whose snapshot is of events that are in the ledger already. */
const RESENT: readonly Channel[] = ['trades', 'agg_trades'];
/** Changes of the book that an event of it adds to those of trades and quotes. */
const BOOK_STEPS_MAX = 6;
/** A level or a trade of a snapshot is shorter. */
const PART_BYTES = 384;
const SNAPSHOT_BYTES_MIN = 256 * 1024;

export class Engine implements Events {
  readonly #options: EngineOptions;
  readonly #slab = new Slab();
  readonly #frame = new Frame(this.#slab);
  /** for snapshots, which are longer than any slot; made when there is one */
  #snapshots: Slab | undefined;
  readonly #random: Random;
  readonly #touched: Connection[] = [];
  readonly #open: VenueSymbol[] = [];
  readonly #streams = new Map<Channel, (LedgerStream | undefined)[]>();
  readonly totals: EngineTotals = {
    events: new Float64Array(CHANNELS.length),
    delivered: new Float64Array(CHANNELS.length),
    undelivered: new Float64Array(CHANNELS.length),
  };
  readonly #mix_bits: number;
  /** reads too slowly and shares symbols with others */
  #waiting: Connection | undefined;
  #now_us = 0;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#mix_bits = options.mix.reduce((bits, weight, i) => (weight > 0 ? bits | (1 << i) : bits), 0);
    this.#random = new Random(options.seed);
    for (const channel of CHANNELS) this.#streams.set(channel, []);
  }

  /** Whether any symbol has something to send. */
  get ready(): boolean {
    return this.#open.length > 0;
  }

  /** A connection begins to listen. */
  listen(symbol: VenueSymbol, channel: Channel, connection: Connection, shape: BookShape = {}): void {
    this.#start(symbol, channel, shape);
    if (channel === 'book' && (shape.tag ?? 0) !== symbol.book.tag) return;
    if (this.#options.faults.isMuted(symbol.listing.name, channel)) return;
    symbol.listeners[channel].push(connection);
    symbol.listened |= CHANNEL_BITS[channel];
    this.#admit(symbol);
  }

  unlisten(symbol: VenueSymbol, channel: Channel, connection: Connection): void {
    const listeners = symbol.listeners[channel];
    const at = listeners.indexOf(connection);
    if (at >= 0) listeners.splice(at, 1);
    if (listeners.length === 0) symbol.listened &= ~CHANNEL_BITS[channel];
    if (this.#bits(symbol) === 0 && this.#open.includes(symbol))
      this.#open.splice(this.#open.indexOf(symbol), 1);
  }

  /** Nobody hears of the channel any more, until it is subscribed anew; its events go on. */
  mute(symbol: VenueSymbol, channel: Channel): void {
    for (const connection of [...symbol.listeners[channel]]) this.unlisten(symbol, channel, connection);
  }

  snapshot(symbol: VenueSymbol, channel: Channel, connection: Connection, count: number): void {
    this.#now_us = this.#options.clock_us();
    this.#start(symbol, channel, {});
    const frame = this.#frame;
    const slab = this.#largeSlab(symbol, count);
    this.#use(slab, 0);
    frame.snapshot = true;
    frame.count = count;
    this.#compose(symbol, channel, 1, channel.startsWith('klines_') ? LEDGER_FLAGS.history : 0);
    connection.enqueue(0);
    connection.flush(slab);
  }

  /** Room for a frame with all levels of a book or so many trades. */
  #largeSlab(symbol: VenueSymbol, count: number): Slab {
    const parts = symbol.book.count(0) + symbol.book.count(1) + count;
    const bytes = Math.max(SNAPSHOT_BYTES_MIN, parts * PART_BYTES);
    if (this.#snapshots === undefined || this.#snapshots.bytes.length < bytes)
      this.#snapshots = new Slab(1, bytes);
    return this.#snapshots;
  }

  /** The book as an answer over REST gives it goes into the ledger; `fill` records its levels. */
  fetchBook(symbol: VenueSymbol, stale: boolean, fill: (levels: Levels, frame: Frame) => void): void {
    const frame = this.#frame;
    this.#now_us = this.#options.clock_us();
    this.#start(symbol, 'book', this.#options.protocol.fetched_shape ?? {});
    const levels = symbol.levels(stale);
    this.#use(this.#slab, 0);
    this.#begin(symbol, 'book', 1, LEDGER_FLAGS.fetched);
    frame.whole = true;
    fill(levels, frame);
    this.#end(symbol, 'book', levels.hash);
  }

  /**
   * Makes up to `count` events; returns how many. Fewer mean that readers are behind or that there are none. At most
   * SLOTS events per call, most of them for one connection, so that they leave in one write.
   */
  burst(count: number): number {
    if (this.#waiting?.behind) return 0;
    this.#waiting = undefined;
    const lead = this.#pickLead();
    if (lead === undefined) return 0;
    this.#now_us = this.#options.clock_us();
    const pool = homeOf(lead)?.symbols;
    const wanted = Math.min(count, pool === undefined ? 1 : SLOTS);
    let slot = 0;
    let made = 0;
    let halted = 0;
    while (slot < wanted) {
      const symbol = pool === undefined ? lead : pool[this.#random.below(pool.length)];
      if ((slot & 15) === 15) this.#now_us = this.#options.clock_us();
      const bits = this.#bits(symbol);
      if (bits === 0 && symbol.halted && ++halted < SLOTS) continue;
      if (bits === 0) break;
      const channel = this.#step(symbol, this.#pickChannel(symbol, bits));
      slot = this.#options.faults.armed
        ? this.#faulty(symbol, channel, slot)
        : this.#event(symbol, channel, slot, 1, 0);
      made = slot;
    }
    for (let i = 0; i < this.#touched.length; i++) {
      this.#touched[i].flush(this.#slab);
      if (this.#touched.length > 1 && this.#touched[i].behind) this.#waiting = this.#touched[i];
    }
    this.#touched.length = 0;
    return made;
  }

  flushLedger(): void {
    for (const streams of this.#streams.values()) for (const stream of streams) stream?.flush();
  }

  /** A symbol whose listener reads fast enough; undefined when there is none. */
  #pickLead(): VenueSymbol | undefined {
    for (let i = 0; i < PICK_TRIES && this.#open.length > 0; i++) {
      const symbol = this.#open[this.#random.below(this.#open.length)];
      const home = homeOf(symbol);
      if (home === undefined || !home.behind) return symbol;
    }
    return undefined;
  }

  /** A symbol that is halted sends nothing, whoever listens. */
  halt(symbol: VenueSymbol, halted: boolean): void {
    symbol.halted = halted;
    const at = this.#open.indexOf(symbol);
    if (halted && at >= 0) this.#open.splice(at, 1);
    else if (!halted) this.#admit(symbol);
  }

  #bits(symbol: VenueSymbol): number {
    if (symbol.halted) return 0;
    return this.#mix_bits & (this.#options.runs_alone ? symbol.started : symbol.listened);
  }

  /** Smooth weighted round robin per symbol, so that its course does not depend on the others. */
  #pickChannel(symbol: VenueSymbol, bits: number): Channel {
    const owed = symbol.owed & symbol.started;
    if (owed !== 0) return CHANNELS[31 - Math.clz32(owed)];
    const { mix } = this.#options;
    const { credit } = symbol;
    let best = -1;
    let total = 0;
    for (let i = 0; i < mix.length; i++) {
      if ((bits & (1 << i)) === 0) continue;
      credit[i] += mix[i];
      total += mix[i];
      if (best < 0 || credit[i] > credit[best]) best = i;
    }
    credit[best] -= total;
    return CHANNELS[best];
  }

  /**
   * Lets the market go on so that the channel has something to send; answers the channel that has. Trades are made for
   * the trades channel; without one, they are made here for the other channels.
   */
  #step(symbol: VenueSymbol, channel: Channel): Channel {
    const frame = this.#frame;
    frame.count = 1;
    if (channel === 'trades') {
      const most = this.#options.protocol.batch?.[channel] ?? 1;
      if (most > 1) frame.count += this.#random.below(most);
      for (let i = 0; i < frame.count; i++) symbol.trade(this.#now_us);
    } else if (channel === 'bbo') {
      symbol.quote();
    } else if (channel === 'book') {
      symbol.changeBook(1 + this.#random.below(BOOK_STEPS_MAX));
    } else {
      const traded = (symbol.started & CHANNEL_BITS.trades) !== 0;
      if (channel === 'ticker') {
        if (!traded) symbol.trade(this.#now_us);
      } else if (!this.#take(symbol, channel)) {
        if (traded) return this.#step(symbol, 'trades');
        symbol.trade(this.#now_us);
        this.#take(symbol, channel);
      }
    }
    return channel;
  }

  /** Whether the channel has something to send without another trade. */
  #take(symbol: VenueSymbol, channel: Channel): boolean {
    return channel === 'agg_trades'
      ? symbol.takeAggregate()
      : symbol.rollCandle(KLINE_CHANNELS.indexOf(channel as (typeof KLINE_CHANNELS)[number]), this.#now_us);
  }

  #use(slab: Slab, slot: number): void {
    const frame = this.#frame;
    frame.slab = slab;
    frame.view = slab.view;
    frame.slot = slot;
    frame.start = slab.start(slot);
    frame.snapshot = false;
  }

  #begin(symbol: VenueSymbol, channel: Channel, delivered: number, flags: number): void {
    const frame = this.#frame;
    frame.now_us = this.#now_us;
    frame.events = 0;
    frame.delivered = delivered;
    frame.flags = flags;
    frame.stream = this.#isResent(channel) ? undefined : this.#streams.get(channel)![symbol.index];
    const restarted = this.#options.protocol.resets_with_snapshot === true && symbol.book_events === 1;
    frame.whole = channel === 'book' && (frame.snapshot || symbol.book.whole || restarted);
    frame.window = symbol.book.truncated_to;
    frame.event.clear();
  }

  #end(symbol: VenueSymbol, channel: Channel, book_hash: number): void {
    const { events, delivered, flags, stream } = this.#frame;
    if (channel === 'book' && events > 0) stream?.endEvent(book_hash);
    const index = CHANNELS.indexOf(channel);
    if ((flags & LEDGER_FLAGS.history) === 0 && !this.#isResent(channel)) {
      this.totals.events[index] += events;
      this.totals.delivered[index] += events * delivered;
      if (delivered === 0) this.totals.undelivered[index] += events;
    }
    this.#frame.corrupt = false;
    if (index >= FIRST_KLINES && !this.#frame.snapshot) symbol.candleSent(index - FIRST_KLINES);
  }

  #isResent(channel: Channel): boolean {
    return this.#frame.snapshot && RESENT.includes(channel);
  }

  /** Composes the frame that #use() has chosen a place for. */
  #compose(symbol: VenueSymbol, channel: Channel, delivered: number, flags: number): void {
    const frame = this.#frame;
    const { protocol } = this.#options;
    this.#begin(symbol, channel, delivered, flags);
    frame.slab.inner_bytes[frame.slot] = -1;
    const end = protocol.compose(channel, symbol, frame);
    frame.slab.finish(frame.slot, end);
    if (frame.slab.inner_bytes[frame.slot] < 0) frame.setInner(frame.start, end);
    this.#end(symbol, channel, symbol.book.hash);
    if (channel === 'book' && !frame.snapshot) symbol.book.settle();
  }

  /** Composes into `slot`, queues `copies` for every listener, records; returns the next slot. */
  #event(symbol: VenueSymbol, channel: Channel, slot: number, copies: number, flags: number): number {
    const listeners = symbol.listeners[channel];
    const frame = this.#frame;
    this.#use(this.#slab, slot);
    const unordered = frame.count > 1 && this.#options.protocol.newest_first === true;
    this.#compose(
      symbol,
      channel,
      listeners.length * copies,
      unordered ? flags | LEDGER_FLAGS.reordered : flags,
    );
    for (let i = 0; i < listeners.length; i++) {
      for (let copy = 0; copy < copies; copy++) this.#queue(listeners[i], slot);
    }
    return slot + 1;
  }

  #queue(connection: Connection, slot: number): void {
    if (connection.queued === 0) this.#touched.push(connection);
    connection.enqueue(slot);
  }

  #faulty(symbol: VenueSymbol, channel: Channel, slot: number): number {
    const fault = this.#options.faults.of(symbol.listing.name, channel);
    if (fault === 'drop') {
      // a frame that is lost on the way had its number
      for (const connection of symbol.listeners[channel]) connection.sequence++;
      return this.#event(symbol, channel, slot, 0, 0);
    }
    if (fault === 'duplicate') return this.#event(symbol, channel, slot, 2, 0);
    this.#frame.corrupt = fault === 'corrupt';
    if (fault !== 'reorder' || slot + 1 >= SLOTS) return this.#event(symbol, channel, slot, 1, 0);
    const { reordered } = LEDGER_FLAGS;
    this.#event(symbol, channel, slot, 1, reordered);
    const next = this.#step(symbol, channel);
    this.#event(symbol, next, slot + 1, 1, next === channel ? reordered : 0);
    if (next === channel) for (const connection of symbol.listeners[channel]) connection.swapLast();
    return slot + 2;
  }

  /** Begins a channel: from here on its events are in the ledger, with or without listeners. */
  #start(symbol: VenueSymbol, channel: Channel, shape: BookShape): void {
    if ((symbol.started & CHANNEL_BITS[channel]) !== 0) return;
    symbol.begin(channel, shape);
    this.#admit(symbol);
    const { ledger_directory, protocol } = this.#options;
    if (ledger_directory === undefined) return;
    const { name } = symbol.listing;
    const stream = new LedgerStream(ledger_directory, protocol.id, name, channel);
    this.#streams.get(channel)![symbol.index] = stream;
    if (!RESENT.includes(channel)) return;
    this.#now_us = this.#options.clock_us();
    const history = channel === 'trades' ? (protocol.history ?? 1) : 1;
    this.#use(this.#largeSlab(symbol, history), 0);
    this.#frame.count = history;
    this.#compose(symbol, channel, 0, LEDGER_FLAGS.history);
  }

  #admit(symbol: VenueSymbol): void {
    if (this.#bits(symbol) !== 0 && !this.#open.includes(symbol)) this.#open.push(symbol);
  }
}

/** The connection whose other symbols share a write with this one. */
function homeOf(symbol: VenueSymbol): Connection | undefined {
  for (let i = 0; i < CHANNELS.length; i++) {
    const listeners = symbol.listeners[CHANNELS[i]];
    if (listeners.length > 0) return listeners[0];
  }
  return undefined;
}

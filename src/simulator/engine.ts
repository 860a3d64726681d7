/**
 * Makes the data messages of one exchange: picks a symbol, steps its market, composes the frame and queues it for
 * everybody who listens, in batches that are written per connection at once. Paces on an absolute schedule and waits
 * for slow readers; nothing is dropped silently.
 * HOT: #event() runs per message. Runs in the simulator process; started by venue.ts.
 */
import { ACCOUNT_FLAGS, AccountStream, EventValues } from './account.js';
import { SLOTS, Slab } from './bytes.js';
import { CHANNELS, type Channel, channelBit } from './channels.js';
import type { Connection } from './connection.js';
import type { Faults } from './faults.js';
import type { SymbolMarket } from './market.js';
import type { VenueProtocol } from './protocol.js';
import { Random } from './random.js';

export type VenueSymbol = SymbolMarket<Connection>;

export interface EngineOptions {
  readonly protocol: VenueProtocol;
  readonly symbols: readonly VenueSymbol[];
  readonly faults: Faults;
  readonly seed: number;
  /** weights of the channels, in the order of channels.ts */
  readonly mix: readonly number[];
  /** whether every channel that began goes on without listeners; otherwise the market waits for them */
  readonly runs_alone: boolean;
  readonly account_directory: string | undefined;
  /** microseconds since 1970 UTC */
  readonly clock_us: () => number;
}

/** Counted per channel, in the order of channels.ts. */
export interface EngineTotals {
  readonly events: Float64Array;
  readonly delivered: Float64Array;
  readonly undelivered: Float64Array;
}

const PICK_TRIES = 8;

export class Engine {
  readonly #options: EngineOptions;
  readonly #slab = new Slab();
  readonly #event_values = new EventValues();
  readonly #random: Random;
  readonly #touched: Connection[] = [];
  readonly #open: VenueSymbol[] = [];
  readonly #streams = new Map<Channel, (AccountStream | undefined)[]>();
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
  listen(symbol: VenueSymbol, channel: Channel, connection: Connection): void {
    this.#start(symbol, channel);
    symbol.listeners[channel].push(connection);
    symbol.listened |= channelBit(channel);
    this.#admit(symbol);
  }

  unlisten(symbol: VenueSymbol, channel: Channel, connection: Connection): void {
    const listeners = symbol.listeners[channel];
    const at = listeners.indexOf(connection);
    if (at >= 0) listeners.splice(at, 1);
    if (listeners.length === 0) symbol.listened &= ~channelBit(channel);
    if (this.#bits(symbol) === 0 && this.#open.includes(symbol))
      this.#open.splice(this.#open.indexOf(symbol), 1);
  }

  /** Sends the symbol's current state on a channel to one connection, as an event of its own. */
  single(symbol: VenueSymbol, channel: Channel, connection: Connection): void {
    this.#now_us = this.#options.clock_us();
    this.#start(symbol, channel);
    this.#compose(symbol, channel, 0);
    connection.enqueue(0);
    this.#count(symbol, channel, 1, 0);
    connection.flush(this.#slab);
  }

  /**
   * Makes up to `count` events; returns how many. Fewer than asked for means that readers are behind or that nobody
   * listens. At most SLOTS events per call, most of them for one connection, so that they leave in one write.
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
    while (slot < wanted) {
      const symbol = pool === undefined ? lead : pool[this.#random.below(pool.length)];
      if ((slot & 15) === 15) this.#now_us = this.#options.clock_us();
      const bits = this.#bits(symbol);
      if (bits === 0) break;
      const channel = this.#pickChannel(symbol, bits);
      this.#step(symbol, channel);
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

  flushAccount(): void {
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

  #bits(symbol: VenueSymbol): number {
    return this.#mix_bits & (this.#options.runs_alone ? symbol.started : symbol.listened);
  }

  /** Smooth weighted round robin per symbol, so that its course does not depend on the others. */
  #pickChannel(symbol: VenueSymbol, bits: number): Channel {
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

  #step(symbol: VenueSymbol, channel: Channel): void {
    if (channel === 'trades') symbol.trade(this.#now_us);
    else if (channel === 'bbo') symbol.quote();
    // without a trades channel nobody else makes the trades a ticker tells about
    else if ((symbol.started & channelBit('trades')) === 0) symbol.trade(this.#now_us);
  }

  #compose(symbol: VenueSymbol, channel: Channel, slot: number): void {
    this.#options.protocol.compose(channel, symbol, this.#now_us, this.#slab, slot, this.#event_values);
  }

  /** Composes into `slot`, queues `copies` for every listener, records; returns the next slot. */
  #event(symbol: VenueSymbol, channel: Channel, slot: number, copies: number, flags: number): number {
    this.#compose(symbol, channel, slot);
    const listeners = symbol.listeners[channel];
    for (let i = 0; i < listeners.length; i++) {
      for (let copy = 0; copy < copies; copy++) this.#queue(listeners[i], slot);
    }
    this.#count(symbol, channel, listeners.length * copies, flags);
    return slot + 1;
  }

  #queue(connection: Connection, slot: number): void {
    if (connection.queued === 0) this.#touched.push(connection);
    connection.enqueue(slot);
  }

  #count(symbol: VenueSymbol, channel: Channel, delivered: number, flags: number): void {
    const index = CHANNELS.indexOf(channel);
    this.totals.events[index]++;
    this.totals.delivered[index] += delivered;
    if (delivered === 0) this.totals.undelivered[index]++;
    this.#streams.get(channel)![symbol.index]?.record(this.#event_values, this.#now_us, delivered, flags);
  }

  #faulty(symbol: VenueSymbol, channel: Channel, slot: number): number {
    const fault = this.#options.faults.of(symbol.listing.name, channel);
    if (fault === 'drop') return this.#event(symbol, channel, slot, 0, 0);
    if (fault === 'duplicate') return this.#event(symbol, channel, slot, 2, 0);
    if (fault !== 'reorder' || slot + 1 >= SLOTS) return this.#event(symbol, channel, slot, 1, 0);
    const { reordered } = ACCOUNT_FLAGS;
    this.#event(symbol, channel, slot, 1, reordered);
    this.#step(symbol, channel);
    this.#event(symbol, channel, slot + 1, 1, reordered);
    for (const connection of symbol.listeners[channel]) connection.swapLast();
    return slot + 2;
  }

  /** Begins a channel: from here on its events are in the account, whoever listens. */
  #start(symbol: VenueSymbol, channel: Channel): void {
    const bit = channelBit(channel);
    if ((symbol.started & bit) !== 0) return;
    symbol.started |= bit;
    this.#admit(symbol);
    const { account_directory, protocol } = this.#options;
    if (account_directory === undefined) return;
    const { name } = symbol.listing;
    const stream = new AccountStream(account_directory, protocol.id, name, channel);
    this.#streams.get(channel)![symbol.index] = stream;
    if (channel !== 'trades') return;
    this.#compose(symbol, channel, 0);
    stream.record(this.#event_values, this.#options.clock_us(), 0, ACCOUNT_FLAGS.history);
  }

  #admit(symbol: VenueSymbol): void {
    if (this.#bits(symbol) !== 0 && !this.#open.includes(symbol)) this.#open.push(symbol);
  }
}

/** The connection whose other symbols share a write with this one. */
function homeOf(symbol: VenueSymbol): Connection | undefined {
  const { trades, ticker, bbo } = symbol.listeners;
  return trades[0] ?? ticker[0] ?? bbo[0];
}

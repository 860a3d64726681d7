/**
 * The shard threads and the sessions that they host: plans them, starts them, watches them, starts them again when they
 * end, changes their symbols, and ends them. Main thread.
 */
import { availableParallelism } from 'node:os';
import type { Logger } from 'pino';
import { SHARD_HANG_SECS } from '../base/limits.js';
import type { Config } from '../config/options.js';
import { CounterReader, createCounters } from '../counters/counters.js';
import { DRAIN_COUNTERS, SESSION_COUNTERS, SHARD_COUNTERS } from '../counters/declarations.js';
import { Backoff } from '../feed/connection/backoff.js';
import { STATES } from '../feed/connection/state.js';
import type { Exchange, Limit } from '../feed/exchange.js';
import {
  assignShards,
  routesOf,
  type SessionPlan,
  shardCount,
  wantedChannels,
  weightOf,
} from '../feed/plan.js';
import type { StreamSpec } from '../feed/rows/streams.js';
import type { ShardReport } from '../feed/shard.js';
import { createRing, isDrained } from '../ring/layout.js';
import type { WriterRing, WriterStream } from '../store/writer/writer.js';
import type { StreamDirectory } from './discovery.js';
import { Heartbeat } from './heartbeat.js';
import { Latencies } from './latencies.js';
import { Rates } from './rates.js';
import { filesPerSymbol, type SessionResources } from './session_init.js';
import {
  keyOf,
  nameOf,
  ringWords,
  routeKey,
  type SessionSlot,
  type ShardSlot,
  stopShard,
  writerStreams,
} from './slots.js';
import type { SessionStatus, ShardStatus } from './snapshot.js';
import { startShard } from './threads.js';
import type { WriterLink } from './writer_link.js';

const RESTART_FIRST_MS = 1000;
const RESTART_LONGEST_MS = 30_000;
/** A thread that worked for so long is restarted with the shortest delay again. */
const RESTART_HEALTHY_MS = 60_000;

/** The connections that an exchange needs. */
export interface ExchangePlan {
  readonly exchange: Exchange;
  readonly sessions: readonly SessionPlan[];
}

export interface FleetOptions {
  readonly config: Config;
  readonly resources: SessionResources;
  readonly directory: StreamDirectory;
  readonly doorbell: SharedArrayBuffer;
  readonly writer: WriterLink;
  readonly log: Logger;
}

export class Fleet {
  readonly latencies = new Latencies();
  private readonly shards: ShardSlot[] = [];
  private readonly changed = new Map<string, () => void>();
  /** by exchange: changes of its symbols, one after the other */
  private readonly turns = new Map<Exchange, Promise<void>>();
  /** by exchange and address: symbols that fit on a connection, where the exchange has shown its limit */
  private readonly streamsMax = new Map<string, number>();
  private opening: Promise<void> = Promise.resolve();
  /** symbols that a shard may have to carry besides those it begins with */
  private streamsLater = 0;
  private stopping = false;

  constructor(private readonly options: FleetOptions) {}

  private get sessions(): SessionSlot[] {
    return this.shards.flatMap((shard) => shard.sessions);
  }

  /** Makes room for all connections, and for so many symbols that may follow; no thread starts yet. */
  plan(planned: readonly ExchangePlan[], later = 0): void {
    const sessions = planned.flatMap(({ exchange, sessions }) =>
      sessions.map((plan) => ({ exchange, plan, weight: weightOf(exchange, plan) })),
    );
    const { workers } = this.options.config.feed;
    const shards = shardCount(workers, sessions.length, availableParallelism());
    this.streamsLater = Math.ceil(later / Math.max(1, shardCount(workers, later, availableParallelism())));
    const streams = new Array<number>(shards).fill(0);
    const assigned = assignShards(
      sessions.map(({ weight }) => weight),
      shards,
    );
    for (const [i, shard] of assigned.entries()) streams[shard] += sessions[i].plan.symbols.length;
    for (const count of streams) this.addShard(count);
    for (const [i, { exchange, plan }] of sessions.entries()) {
      const streams = plan.symbols.map((native) => this.options.directory.stream(exchange, native));
      this.addSession(this.shards[assigned[i]], exchange, plan, streams);
    }
  }

  private addShard(streams: number): ShardSlot {
    const memory = createCounters(SHARD_COUNTERS);
    const drain = createCounters(DRAIN_COUNTERS);
    const slot: ShardSlot = {
      shard: this.shards.length,
      ring: createRing(ringWords(streams + this.streamsLater)),
      drain,
      memory,
      counters: new CounterReader(SHARD_COUNTERS, memory),
      drained: new CounterReader(DRAIN_COUNTERS, drain),
      sessions: [],
      backoff: new Backoff(RESTART_FIRST_MS, RESTART_LONGEST_MS),
      heartbeat: new Heartbeat(true),
      startedMs: 0,
      thread: undefined,
      restarts: 0,
    };
    this.shards.push(slot);
    return slot;
  }

  private addSession(
    shard: ShardSlot,
    exchange: Exchange,
    plan: SessionPlan,
    streams: StreamSpec[],
  ): SessionSlot {
    const counters = createCounters(SESSION_COUNTERS);
    const slot: SessionSlot = {
      exchange,
      init: this.options.resources.init(exchange, plan, streams, counters),
      shard,
      weight: weightOf(exchange, plan),
      createdMs: Date.now(),
      streams,
      refusals: [],
      silentStreams: [],
      counters: new CounterReader(SESSION_COUNTERS, counters),
      rates: new Rates(),
    };
    shard.sessions.push(slot);
    this.latencies.add(exchange.id, slot.init.latency);
    return slot;
  }

  /** Rings in the order of the shards: their numbers are those of the rings. */
  get rings(): WriterRing[] {
    return this.shards.map(({ ring, drain }) => ({ ring, drain }));
  }

  get streams(): WriterStream[] {
    return this.sessions.flatMap((slot) => writerStreams(slot, slot.streams));
  }

  start(): void {
    for (const shard of this.shards) this.startShard(shard);
  }

  private startShard(slot: ShardSlot): void {
    const { log, doorbell } = this.options;
    const sessions = slot.sessions.map(({ init, streams }) => ({ ...init, streams }));
    const thread = startShard({
      shard: slot.shard,
      ring: slot.ring,
      doorbell,
      counters: slot.memory,
      sessions,
    });
    slot.thread = thread;
    slot.startedMs = performance.now();
    slot.heartbeat.reset(true);
    thread.onReport((report) => this.take(report));
    thread.onEnd((reason) => {
      slot.thread = undefined;
      for (const session of slot.sessions) session.silentStreams = [];
      // what was requested will not be answered any more
      for (const { init } of slot.sessions) this.changed.get(keyOf(init))?.();
      if (this.stopping) return;
      if (performance.now() - slot.startedMs > RESTART_HEALTHY_MS) slot.backoff.reset();
      const delay = slot.backoff.next();
      slot.restarts++;
      log.error({ shard: slot.shard, reason, restart_in_ms: Math.round(delay) }, 'a shard thread has ended');
      void this.restartShard(slot, delay);
    });
  }

  private take(report: ShardReport): void {
    if (report.kind === 'log')
      this.options.log[report.level]({ connection: `${report.exchange}-${report.session}` }, report.text);
    else if (report.kind === 'changed') this.changed.get(keyOf(report))?.();
    else {
      const slot = this.sessions.find(
        ({ init }) => report.kind !== 'stopped' && keyOf(init) === keyOf(report),
      );
      if (slot === undefined) return;
      if (report.kind === 'refusals') slot.refusals = report.refusals;
      else if (report.kind === 'silent') slot.silentStreams = report.streams;
      else if (report.kind === 'surplus')
        void this.inTurn(slot.exchange, () => this.relocate(slot, report.natives, report.limit));
    }
  }

  /** What the dead thread had published is stored first: the new one continues behind it. */
  private async restartShard(slot: ShardSlot, delayMs: number): Promise<void> {
    const { writer, directory } = this.options;
    await Promise.all([new Promise((resolve) => setTimeout(resolve, delayMs)), writer.store(slot.shard)]);
    if (this.stopping) return;
    for (const session of slot.sessions)
      session.streams = session.streams.map((spec) => directory.resumed(session.exchange, spec, 'downtime'));
    this.startShard(slot);
  }

  /** Once a second: latencies, rates, and threads that hang. */
  watch(): void {
    const now = performance.now();
    this.latencies.sample();
    for (const shard of this.shards) {
      for (const { counters, rates } of shard.sessions) {
        const { messages, rows } = counters.read();
        rates.add(now, messages, rows);
      }
      const { thread } = shard;
      if (thread === undefined || shard.heartbeat.sample(shard.counters.read().heartbeat) < SHARD_HANG_SECS)
        continue;
      this.options.log.error({ shard: shard.shard }, 'a shard thread hangs');
      shard.heartbeat.reset(true);
      thread.terminate();
    }
  }

  filesPerDay(): number {
    return this.sessions.reduce(
      (files, { exchange, init, streams }) => files + streams.length * filesPerSymbol(exchange, init),
      0,
    );
  }

  /** Reads every counter once. */
  status(): SessionStatus[] {
    return this.sessions.map(
      ({ init, shard, streams, silentStreams, rates, createdMs, refusals, counters: reader }) => {
        const counters = reader.read();
        const { ring_fill, heartbeat } = shard.counters.read();
        return {
          session: init.session,
          shard: shard.shard,
          exchange: init.exchange,
          ...{ createdMs, refusals, silentStreams },
          route: init.connection.route,
          state: STATES[shard.thread === undefined ? 0 : counters.state],
          symbols: streams.length,
          messagesPerSecond: rates.first,
          rowsPerSecond: rates.second,
          counters,
          ringFill: ring_fill,
          turns: heartbeat,
          restarts: shard.restarts,
        };
      },
    );
  }

  shardStatus(): ShardStatus[] {
    return this.shards.map(({ counters, drained }) => ({
      counters: counters.read(),
      drained: drained.read(),
    }));
  }

  /** Captures these symbols of an exchange and no others, without touching connections that keep theirs. */
  changeSymbols(exchange: Exchange, symbols: readonly string[]): Promise<void> {
    return this.inTurn(exchange, () => this.changeNow(exchange, symbols));
  }

  private inTurn(exchange: Exchange, act: () => Promise<void>): Promise<void> {
    const before = this.turns.get(exchange) ?? Promise.resolve();
    const done = before.then(act);
    this.turns.set(
      exchange,
      done.catch(() => undefined),
    );
    return done;
  }

  private async changeNow(exchange: Exchange, symbols: readonly string[]): Promise<void> {
    const { channels } = wantedChannels(exchange, this.options.config.exchanges[exchange.id]);
    for (const [route, carried] of routesOf(exchange, channels))
      await this.changeRoute(exchange, route, carried, symbols);
  }

  /**
   * Every connection keeps its symbols; the new ones fill what has room, and then new connections. What goes is refused
   * by its session before anything is taken up, and what comes back continues behind what is in the files by then.
   */
  private async changeRoute(
    exchange: Exchange,
    route: string | undefined,
    channels: readonly string[],
    symbols: readonly string[],
  ): Promise<void> {
    const wanted = new Set(symbols);
    const slots = this.sessions.filter((s) => s.exchange === exchange && s.init.connection.route === route);
    const captured = new Set(slots.flatMap((slot) => slot.streams.map((s) => s.native)));
    await Promise.all(
      slots.map((slot) =>
        this.release(
          slot,
          slot.streams.filter((s) => !wanted.has(s.native)),
        ),
      ),
    );
    const fresh = symbols.filter((native) => !captured.has(native));
    await this.storeReturning(exchange, fresh, slots);
    await this.place(exchange, fresh, slots, channels, route);
  }

  /**
   * Symbols that a connection has no room for go to others: to new ones when its streams are too many, and that is
   * remembered; to those that there are when the connections that carry a channel are.
   */
  private async relocate(slot: SessionSlot, natives: readonly string[], limit: Limit): Promise<void> {
    const { exchange, init } = slot;
    const streams = slot.streams.filter(({ native }) => natives.includes(native));
    const others = this.sessions.filter(
      (s) => s !== slot && s.exchange === exchange && s.init.connection.route === init.connection.route,
    );
    const left = slot.streams.length - streams.length;
    if (streams.length === 0 || this.stopping) return;
    if (limit === 'streams' ? left === 0 || !this.hasRoomFor(exchange) : others.length === 0) return;
    if (limit === 'streams') this.streamsMax.set(routeKey(slot), left);
    await this.release(slot, streams);
    await this.storeReturning(exchange, natives, [slot]);
    const moving = streams.map(({ native }) => native);
    if (limit === 'streams') await this.place(exchange, moving, others, init.channels, init.connection.route);
    else
      for (const [i, other] of others.entries())
        await this.takeUp(other, moving.splice(0, Math.ceil(moving.length / (others.length - i))));
  }

  private hasRoomFor({ id }: Exchange): boolean {
    const { max_connections, redundancy } = this.options.config.exchanges[id];
    return (this.sessions.filter((s) => s.exchange.id === id).length + 1) * redundancy <= max_connections;
  }

  /** Symbols on connections that have room for them, and then on new ones while there may be any. */
  private async place(
    exchange: Exchange,
    natives: string[],
    slots: readonly SessionSlot[],
    channels: readonly string[],
    route: string | undefined,
  ): Promise<void> {
    const most = this.roomOn(exchange, route);
    for (const slot of slots) await this.takeUp(slot, natives.splice(0, most - slot.streams.length));
    while (natives.length > 0 && this.hasRoomFor(exchange)) {
      const session = this.sessions.filter((s) => s.exchange === exchange).length;
      const symbols = natives.splice(0, most);
      await this.open(exchange, { exchange: exchange.id, session, symbols, channels, route });
    }
    if (natives.length > 0)
      this.options.log.error(
        { exchange: exchange.id, symbols: natives },
        'max_connections is reached, so these symbols are not captured',
      );
  }

  /** Symbols that one connection may carry: as configured, or as the exchange has shown. */
  private roomOn({ id }: Exchange, route: string | undefined): number {
    const configured = this.options.config.exchanges[id].symbols_per_connection;
    return Math.min(configured, this.streamsMax.get(`${id} ${route}`) ?? configured);
  }

  /** Lets symbols of a session go; resolves when it stores nothing of them any more. */
  private async release(slot: SessionSlot, gone: readonly StreamSpec[]): Promise<void> {
    if (gone.length === 0) return;
    slot.streams = slot.streams.filter((spec) => !gone.includes(spec));
    await this.change(
      slot,
      [],
      gone.map(({ stream }) => stream),
    );
    this.options.log.info({ connection: nameOf(slot), removed: gone.length }, 'symbols changed');
  }

  /** What symbols that come back had before has to be in the files, where the next session finds it. */
  private async storeReturning(
    exchange: Exchange,
    natives: readonly string[],
    slots: readonly SessionSlot[],
  ): Promise<void> {
    const { writer } = this.options;
    if (!natives.some((native) => this.knows(exchange, native))) return;
    await Promise.all([...new Set(slots.map(({ shard }) => shard.shard))].map((ring) => writer.store(ring)));
  }

  /** Whether the symbol is captured, or was. */
  knows(exchange: Exchange, native: string): boolean {
    return this.options.directory.find(exchange, native) !== undefined;
  }

  /** The stream of any symbol, which the writer knows from then on; undefined as long as no symbol has a ring. */
  async streamOf(exchange: Exchange, native: string): Promise<number | undefined> {
    const { directory, writer } = this.options;
    const known = directory.find(exchange, native);
    if (known !== undefined || this.shards.length === 0) return known?.stream;
    const { stream, directory: folder } = directory.stream(exchange, native);
    await writer.announce([], [{ stream, exchange: exchange.id, directory: folder, ring: 0 }]);
    return stream;
  }

  private async takeUp(slot: SessionSlot, natives: readonly string[]): Promise<void> {
    if (natives.length === 0) return;
    const { directory, writer, log } = this.options;
    const added = natives.map((native) => directory.again(slot.exchange, native));
    slot.streams.push(...added);
    await writer.announce([], writerStreams(slot, added));
    await this.change(slot, added, []);
    log.info({ connection: nameOf(slot), added: added.length }, 'symbols changed');
  }

  /** Resolves when the session has made the change, or its thread has ended and starts again with it. */
  private change(slot: SessionSlot, added: readonly StreamSpec[], removed: readonly number[]): Promise<void> {
    const { thread } = slot.shard;
    if (thread === undefined) return Promise.resolve();
    const { exchange, session } = slot.init;
    return new Promise((resolve) => {
      const key = keyOf(slot.init);
      this.changed.set(key, () => {
        this.changed.delete(key);
        resolve();
      });
      thread.send({ kind: 'change', exchange, session, added, removed });
    });
  }

  /** A connection more, on a thread of its own or on the one that has the least to do. */
  private open(exchange: Exchange, plan: SessionPlan): Promise<void> {
    // a shard that is about to start, for another exchange perhaps, starts with the sessions that it has then
    const done = this.opening.then(() => this.openNow(exchange, plan));
    this.opening = done.catch(() => undefined);
    return done;
  }

  private async openNow(exchange: Exchange, plan: SessionPlan): Promise<void> {
    const { config, directory, writer } = this.options;
    const count = shardCount(config.feed.workers, this.sessions.length + 1, availableParallelism());
    const isNew = count > this.shards.length;
    const shard = isNew ? this.addShard(plan.symbols.length) : this.lightest();
    const streams = plan.symbols.map((native) => directory.again(exchange, native));
    const slot = this.addSession(shard, exchange, plan, streams);
    const rings = isNew ? [{ ring: shard.ring, drain: shard.drain }] : [];
    await writer.announce(rings, writerStreams(slot, slot.streams));
    if (isNew) this.startShard(shard);
    else shard.thread?.send({ kind: 'open', session: slot.init });
  }

  private lightest(): ShardSlot {
    const load = ({ sessions }: ShardSlot) => sessions.reduce((sum, { weight }) => sum + weight, 0);
    return this.shards.reduce((least, shard) => (load(shard) < load(least) ? shard : least));
  }

  /** Whether every row that was published is in the durable journal, for the next start to redo. */
  journaled(): boolean {
    return this.shards.every(({ ring, drained }) => {
      const { rows_drained, rows_durable } = drained.read();
      return isDrained(ring) && rows_drained === rows_durable;
    });
  }

  /** Closes every connection; resolves when the threads are gone. */
  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all(this.shards.map(({ thread }) => stopShard(thread)));
  }
}

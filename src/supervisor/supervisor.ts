/**
 * The main thread's part: allocates everything that is shared, starts the threads, watches and restarts them, applies
 * a new configuration, and ends all of it in order. It never touches a row.
 */
import type { Logger } from 'pino';
import { EXIT, LoggerError, messageOf } from '../base/errors.js';
import { SHARD_HANG_SECS, WRITER_HANG_SECS, WRITER_STOP_MS_MAX } from '../base/limits.js';
import type { Config } from '../config/options.js';
import { CounterReader, createCounters } from '../counters/counters.js';
import { DRAIN_COUNTERS, SHARD_COUNTERS, WRITER_COUNTERS } from '../counters/declarations.js';
import { createHistogram, quantiles } from '../counters/histogram.js';
import { Backoff } from '../feed/connection/backoff.js';
import { STATES } from '../feed/connection/state.js';
import type { Exchange } from '../feed/exchange.js';
import { routesOf, type ShardPlan, wantedChannels } from '../feed/plan.js';
import type { StreamSpec } from '../feed/rows/streams.js';
import type { ShardInit } from '../feed/shard.js';
import { createDoorbell, DOORBELL, isDrained } from '../ring/layout.js';
import { DiskIo } from '../store/disk/io.js';
import { journalFolder } from '../store/journal/start.js';
import { CASES, worries } from '../store/recovery/cases.js';
import { recover } from '../store/recovery/recovery.js';
import type { WriterRing, WriterStream } from '../store/writer/writer.js';
import type { SymbolMapper } from '../symbols/mapper.js';
import { planOf, resolveSymbols, StreamDirectory } from './discovery.js';
import { DiskWatch } from './disk.js';
import { Heartbeat } from './heartbeat.js';
import { Quiet, SAMPLE_MS } from './quiet.js';
import { Rates } from './rates.js';
import { descriptorBudget, journalOf, readCa, writable } from './resources.js';
import { Sealing } from './sealing.js';
import { filesPerSymbol, ShardResources, tablesOf } from './shard_init.js';
import { diskSilentSecs, readinessOf, type Snapshot, silenceText, writerWaits } from './status.js';
import { type ShardThread, startShard, startWriter, type WriterThread } from './threads.js';

/** Threads that hang and room on the disk are looked at in every so many samples: once a second. */
const WATCH_SAMPLES = 1000 / SAMPLE_MS;
/** A connection that does not close in this time is cut. */
const SHARD_STOP_MS_MAX = 1500;
const RESTART_FIRST_MS = 1000;
const RESTART_LONGEST_MS = 30_000;
/** A thread that worked for so long is restarted with the shortest delay again. */
const RESTART_HEALTHY_MS = 60_000;
const STORED_POLL_MS = 50;

/** A shard with everything that outlives its thread. */
interface ShardSlot {
  readonly exchange: Exchange;
  readonly init: ShardInit;
  streams: StreamSpec[];
  readonly drain: SharedArrayBuffer;
  readonly counters: CounterReader<typeof SHARD_COUNTERS>;
  readonly drained: CounterReader<typeof DRAIN_COUNTERS>;
  readonly rates: Rates;
  readonly backoff: Backoff;
  readonly heartbeat: Heartbeat;
  /** monotonic ms */
  startedMs: number;
  thread: ShardThread | undefined;
  restarts: number;
}

export interface SupervisorOptions {
  readonly config: Config;
  readonly exchanges: readonly Exchange[];
  readonly mapper: SymbolMapper;
  readonly log: Logger;
  /** the process cannot go on: the writer is gone or hangs */
  readonly fatal: (exitStatus: number) => void;
}

export class Supervisor {
  private config: Config;
  private readonly exchanges: readonly Exchange[];
  private readonly log: Logger;
  private readonly directory: StreamDirectory;
  private readonly doorbell = createDoorbell();
  private readonly writerCounters = createCounters(WRITER_COUNTERS);
  private readonly writerReader = new CounterReader(WRITER_COUNTERS, this.writerCounters);
  private readonly writerLatency = createHistogram();
  private readonly resources: ShardResources;
  private readonly slots: ShardSlot[] = [];
  private readonly ca: string | undefined;
  private writer: WriterThread | undefined;
  private sampler: NodeJS.Timeout | undefined;
  private readonly startedMs: number;
  private readonly disk: DiskWatch;
  private readonly sealing: Sealing;
  private stopping = false;
  private latest: Snapshot;
  private readonly waitingAdds: (() => void)[] = [];
  private readonly quiet = new Quiet();
  private samples = 0;

  constructor(private readonly options: SupervisorOptions) {
    this.config = options.config;
    this.exchanges = options.exchanges;
    this.log = options.log;
    this.directory = new StreamDirectory(this.config.logger.data_path, options.mapper);
    this.ca = readCa(this.config.websocket.ca_file);
    this.resources = new ShardResources(this.config, this.ca, this.doorbell);
    this.disk = new DiskWatch(this.config.logger.data_path, (disk) =>
      this.log[disk.level === 'ok' ? 'info' : 'warn'](disk, `room on the disk: ${disk.level}`),
    );
    const cover = (request: number) => this.writer?.send({ kind: 'cover', request });
    this.sealing = new Sealing({ config: this.config, log: this.log, cover });
    this.startedMs = Date.now();
    this.latest = this.look();
  }

  /** Resolves symbols, plans shards and starts every thread; throws a LoggerError before anything has started. */
  async start(): Promise<void> {
    const enabled = this.exchanges.filter((exchange) => this.config.exchanges[exchange.id].enabled);
    if (enabled.length === 0)
      throw new LoggerError(
        'CONFIG_INVALID',
        'no exchange is enabled; set enabled = true in one of [exchanges.*]',
      );
    this.recover();
    const planned = await Promise.all(
      enabled.map(async (exchange) => {
        const symbols = await resolveSymbols(exchange, this.config, this.ca, this.options.mapper);
        return { exchange, shards: planOf(exchange, this.config, symbols) };
      }),
    );
    for (const { exchange, shards } of planned) {
      for (const plan of shards) this.createSlot(exchange, plan);
      this.log.info({ exchange: exchange.id, connections: shards.length }, 'planned');
    }
    this.quiet.start(performance.now());
    await this.startWriter();
    for (const slot of this.slots) this.startShard(slot);
    this.sampler = setInterval(() => this.sample(), SAMPLE_MS);
    this.latest = this.look();
  }

  /** Column files are brought in order before anything looks at them. Throws DISK_WRITE when that cannot be. */
  private recover(): void {
    const { data_path } = this.config.logger;
    const { findings, clean, quarantine, milliseconds, ...done } = writable(data_path, () => {
      const io = new DiskIo();
      const result = recover(io, data_path);
      if (this.config.journal.enabled) io.makeFolder(journalFolder(data_path));
      return result;
    });
    if (quarantine !== undefined)
      this.log.error({ quarantine, lost_rows: done.lostRows }, 'what could not be used is in quarantine');
    const told = this.config.journal.enabled ? findings.filter(worries) : [];
    for (const { label, text } of told) this.log.warn({ case: label }, `${CASES[label].doc}: ${text}`);
    if (clean) return;
    for (const { label, text } of findings) this.log.info({ case: label }, text);
    this.log.info({ ...done, milliseconds: Math.round(milliseconds) }, 'recovered from the journal');
  }

  private createSlot(exchange: Exchange, plan: ShardPlan): ShardSlot {
    const streams = plan.symbols.map((native) => this.directory.stream(exchange, native));
    const counters = createCounters(SHARD_COUNTERS);
    const drain = createCounters(DRAIN_COUNTERS);
    const slot: ShardSlot = {
      exchange,
      init: this.resources.init(exchange, plan, streams, counters),
      streams,
      drain,
      counters: new CounterReader(SHARD_COUNTERS, counters),
      drained: new CounterReader(DRAIN_COUNTERS, drain),
      rates: new Rates(),
      backoff: new Backoff(RESTART_FIRST_MS, RESTART_LONGEST_MS),
      heartbeat: new Heartbeat(true),
      startedMs: 0,
      thread: undefined,
      restarts: 0,
    };
    this.slots.push(slot);
    return slot;
  }

  /** Resolves when the writer can take rows. */
  private startWriter(): Promise<void> {
    const { logger } = this.config;
    const writer = startWriter({
      dataPath: logger.data_path,
      flushIntervalMs: logger.flush_interval_secs * 1000,
      rowsPerTableDay: logger.buffer_size,
      exact: logger.exact,
      descriptorsMax: descriptorBudget(),
      journal: journalOf(this.config),
      rings: this.slots.map(writerRing),
      streams: this.slots.flatMap((slot) => this.writerStreams(slot, slot.streams)),
      doorbell: this.doorbell,
      counters: this.writerCounters,
      latency: this.writerLatency,
    });
    this.writer = writer;
    writer.onEnd((reason) => {
      if (this.stopping) return;
      // its state is half applied: the process must end and start again
      this.log.fatal({ reason }, 'the writer has died');
      this.options.fatal(EXIT.internal);
    });
    return new Promise((ready) => {
      writer.onReport((report) => {
        if (report.kind === 'log') this.log[report.level]({ thread: 'writer' }, report.text);
        else if (report.kind === 'added') this.waitingAdds.shift()?.();
        else if (report.kind === 'ready') ready();
        else if (report.kind === 'covered') this.sealing.covered(report.request);
        else if (report.kind === 'fatal') {
          this.log.fatal(report.text);
          this.options.fatal(report.status);
        }
      });
    });
  }

  private writerStreams(slot: ShardSlot, streams: readonly StreamSpec[]): WriterStream[] {
    const tables = tablesOf(slot.exchange, slot.init).map(({ id }) => id);
    const ring = this.slots.indexOf(slot);
    return streams.map(({ stream, exchange, directory }) => ({ stream, exchange, directory, ring, tables }));
  }

  private startShard(slot: ShardSlot): void {
    const name = `${slot.init.exchange}-${slot.init.shard}`;
    const thread = startShard({ ...slot.init, streams: slot.streams });
    slot.thread = thread;
    slot.startedMs = performance.now();
    slot.heartbeat.reset(true);
    thread.onReport((report) => {
      if (report.kind === 'log') this.log[report.level]({ thread: name }, report.text);
    });
    thread.onEnd((reason) => {
      slot.thread = undefined;
      if (this.stopping) return;
      if (performance.now() - slot.startedMs > RESTART_HEALTHY_MS) slot.backoff.reset();
      const delay = slot.backoff.next();
      slot.restarts++;
      this.log.error({ thread: name, reason, restart_in_ms: Math.round(delay) }, 'a shard thread has ended');
      void this.restartShard(slot, delay);
    });
  }

  /** What the dead thread had published is stored first: the new one continues behind it. */
  private async restartShard(slot: ShardSlot, delayMs: number): Promise<void> {
    await Promise.all([new Promise((resolve) => setTimeout(resolve, delayMs)), this.stored(slot)]);
    if (this.stopping) return;
    slot.streams = slot.streams.map((spec) => ({
      ...spec,
      ...this.directory.resume(slot.exchange, spec.directory),
    }));
    this.startShard(slot);
  }

  /** Waits until everything in a ring that nobody fills is in the files; not for ever, if the disk refuses. */
  private async stored(slot: ShardSlot): Promise<void> {
    const deadline = performance.now() + this.config.logger.flush_interval_secs * 2000;
    const ring = this.slots.indexOf(slot);
    while (!this.stopping && performance.now() < deadline) {
      const { rows_drained, rows_written } = slot.drained.read();
      // in this order: the writer counts what it takes before it releases it
      if (isDrained(slot.init.ring) && rows_drained === rows_written) return;
      this.writer?.send({ kind: 'flush', ring });
      await new Promise((resolve) => setTimeout(resolve, STORED_POLL_MS));
    }
  }

  private sample(): void {
    this.quiet.sample(this.writerReader.read());
    this.latest = this.look();
    const waits = writerWaits(this.latest) ? 1 : 0;
    Atomics.store(new Int32Array(this.doorbell), DOORBELL.disk_waits, waits);
    if (++this.samples % WATCH_SAMPLES === 0 && !this.stopping) this.watch();
  }

  /** Once a second: rates, threads that hang, and room on the disk. */
  private watch(): void {
    for (const slot of this.slots) {
      const { messages, rows } = slot.counters.read();
      slot.rates.add(performance.now(), messages, rows);
      if (
        slot.thread === undefined ||
        slot.heartbeat.sample(slot.counters.read().heartbeat) < SHARD_HANG_SECS
      )
        continue;
      this.log.error({ thread: `${slot.init.exchange}-${slot.init.shard}` }, 'a shard thread hangs');
      slot.heartbeat.reset(true);
      slot.thread.terminate();
    }
    const { writer } = this.latest;
    if (diskSilentSecs(this.latest) >= WRITER_HANG_SECS) {
      this.log.fatal(`${silenceText(this.latest)} for ${WRITER_HANG_SECS} s`);
      this.options.fatal(EXIT.internal);
    }
    this.sealing.watch(readinessOf(this.latest).ready);
    this.disk.look(writer.bytes_written * 64, this.filesPerDay());
  }

  private filesPerDay(): number {
    return this.slots.reduce(
      (files, { exchange, init, streams }) => files + streams.length * filesPerSymbol(exchange, init),
      0,
    );
  }

  /** Reads every counter once. */
  private look(): Snapshot {
    const now = performance.now();
    const writer = this.writerReader.read();
    const shards = this.slots.map((slot) => {
      const counters = slot.counters.read();
      return {
        shard: slot.init.shard,
        exchange: slot.init.exchange,
        state: STATES[slot.thread === undefined ? 0 : counters.state],
        symbols: slot.streams.length,
        messagesPerSecond: slot.rates.first,
        rowsPerSecond: slot.rates.second,
        counters,
        drain: slot.drained.read(),
        restarts: slot.restarts,
      };
    });
    const dropped = shards.reduce((n, shard) => n + shard.counters.dropped, writer.dropped_rows);
    const ids = [...new Set(shards.map((shard) => shard.exchange))];
    const latencyOf = (id: string) =>
      quantiles(this.slots.filter((s) => s.init.exchange === id).map((s) => s.init.latency));
    return {
      nowMs: Date.now(),
      startedMs: this.startedMs,
      shards,
      writer,
      ...this.quiet.look(now, writer, dropped),
      flushIntervalSecs: this.config.logger.flush_interval_secs,
      disk: this.disk.state,
      sealer: this.sealing.counters(),
      latency: Object.fromEntries(ids.map((id) => [id, latencyOf(id)])),
      writerLatency: quantiles([this.writerLatency]),
    };
  }

  /** The state of everything, a fraction of a second old. */
  snapshot(): Snapshot {
    return this.latest;
  }

  /** Takes over what may change at run time: symbols, without touching connections that keep theirs. */
  async reload(config: Config): Promise<void> {
    for (const exchange of this.exchanges) {
      if (!this.config.exchanges[exchange.id].enabled) continue;
      try {
        const symbols = await resolveSymbols(exchange, config, this.ca, this.options.mapper);
        planOf(exchange, config, symbols);
        await this.changeSymbols(exchange, symbols);
      } catch (error) {
        this.log.error({ exchange: exchange.id }, `symbols stay as they are: ${messageOf(error)}`);
      }
    }
    this.config = {
      ...this.config,
      exchanges: Object.fromEntries(
        Object.entries(this.config.exchanges).map(([id, section]) => [
          id,
          { ...section, symbols: config.exchanges[id].symbols },
        ]),
      ),
    };
  }

  private async changeSymbols(exchange: Exchange, symbols: readonly string[]): Promise<void> {
    const { channels } = wantedChannels(exchange, this.config.exchanges[exchange.id]);
    for (const [route, carried] of routesOf(exchange, channels))
      await this.changeRoute(exchange, route, carried, symbols);
  }

  /** Every connection keeps its symbols; the new ones fill what has room, and then new connections. */
  private async changeRoute(
    exchange: Exchange,
    route: string | undefined,
    channels: readonly string[],
    symbols: readonly string[],
  ): Promise<void> {
    const wanted = new Set(symbols);
    const slots = this.slots.filter((s) => s.exchange === exchange && s.init.connection.route === route);
    const captured = new Set(slots.flatMap((slot) => slot.streams.map((s) => s.native)));
    const fresh = symbols.filter((native) => !captured.has(native));
    const perConnection = this.config.exchanges[exchange.id].symbols_per_connection;
    for (const slot of slots) {
      const removed = slot.streams.filter((s) => !wanted.has(s.native));
      slot.streams = slot.streams.filter((s) => wanted.has(s.native));
      const added = fresh
        .splice(0, perConnection - slot.streams.length)
        .map((native) => this.directory.stream(exchange, native));
      if (added.length + removed.length === 0) continue;
      slot.streams.push(...added);
      await this.announce([], this.writerStreams(slot, added));
      slot.thread?.send({ kind: 'change', added, removed: removed.map((s) => s.stream) });
      this.log.info(
        { exchange: exchange.id, shard: slot.init.shard, added: added.length, removed: removed.length },
        'symbols changed',
      );
    }
    while (fresh.length > 0) {
      const shard = this.slots.filter((s) => s.exchange === exchange).length;
      const plan = { exchange: exchange.id, shard, symbols: fresh.splice(0, perConnection), channels, route };
      const slot = this.createSlot(exchange, plan);
      await this.announce([writerRing(slot)], this.writerStreams(slot, slot.streams));
      this.startShard(slot);
    }
  }

  /** The writer must know a stream before its first row. */
  private announce(rings: readonly WriterRing[], streams: readonly WriterStream[]): Promise<void> {
    return new Promise((resolve) => {
      this.waitingAdds.push(resolve);
      this.writer?.send({ kind: 'add', rings, streams });
    });
  }

  /** Closes sockets, drains rings, writes everything; answers whether every row is in its file or in the journal. */
  async stop(): Promise<boolean> {
    this.stopping = true;
    await Promise.all([this.sealing.stop(), ...this.slots.map((slot) => stopShard(slot.thread))]);
    const complete = await this.stopWriter();
    clearInterval(this.sampler);
    this.latest = this.look();
    return complete;
  }

  /** Whether the durable journal holds every row, for the next start to redo. */
  private journaled(): boolean {
    const kept =
      this.config.journal.enabled &&
      this.slots.every(({ init, drained }) => {
        const { rows_drained, rows_durable } = drained.read();
        return isDrained(init.ring) && rows_drained === rows_durable;
      });
    if (kept)
      this.log.warn(
        'the disk takes too long; every row is in the journal, and the next start redoes what is missing',
      );
    return kept;
  }

  /** Waits for as long as rows go on reaching the disk. */
  private stopWriter(): Promise<boolean> {
    return new Promise((resolve) => {
      let written = -1;
      const watch = setInterval(() => {
        const { rows_written } = this.writerReader.read();
        if (rows_written === written) done(this.journaled());
        written = rows_written;
      }, WRITER_STOP_MS_MAX);
      const done = (complete: boolean) => {
        clearInterval(watch);
        resolve(complete);
      };
      this.writer?.onEnd(() => {
        const { stopped, dropped_rows } = this.writerReader.read();
        done(stopped !== 0 && dropped_rows === 0);
      });
      this.writer?.send({ kind: 'stop' });
    });
  }
}

function stopShard(thread: ShardThread | undefined): Promise<void> {
  if (thread === undefined) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(() => thread.terminate(), SHARD_STOP_MS_MAX);
    thread.onEnd(() => {
      clearTimeout(timer);
      resolve();
    });
    thread.send({ kind: 'stop' });
  });
}

function writerRing(slot: ShardSlot): WriterRing {
  return { ring: slot.init.ring, drain: slot.drain };
}

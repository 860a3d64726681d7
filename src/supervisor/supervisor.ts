/**
 * The main thread's part: brings the files in order, resolves symbols, starts writer and shards, watches them, applies a
 * new configuration, and ends all of it in order. It never touches a row of a market.
 */
import type { Logger } from 'pino';
import { EXIT, LoggerError } from '../base/errors.js';
import { WRITER_HANG_SECS } from '../base/limits.js';
import type { Config } from '../config/options.js';
import type { Exchange } from '../feed/exchange.js';
import { createJsonParser } from '../feed/json/document.js';
import { createDoorbell, DOORBELL } from '../ring/layout.js';
import { DiskIo } from '../store/disk/io.js';
import { journalFolder } from '../store/journal/start.js';
import { CASES, worries } from '../store/recovery/cases.js';
import { recover } from '../store/recovery/recovery.js';
import type { SymbolMapper } from '../symbols/mapper.js';
import { planOf, StreamDirectory } from './discovery.js';
import { DiskWatch } from './disk.js';
import { Fleet } from './fleet.js';
import { diskSilentSecs, silenceText, writerWaits } from './health_rules.js';
import { InstrumentHistory } from './instrument_history.js';
import { readCa, writable } from './resources.js';
import { SealLink } from './seal_link.js';
import { SessionResources } from './session_init.js';
import type { Snapshot } from './snapshot.js';
import { SAMPLE_MS, Staleness } from './staleness.js';
import { readinessOf } from './status.js';
import { SymbolWatch } from './symbol_watch.js';
import { WriterLink } from './writer_link.js';

/** Threads that hang and room on the disk are looked at in every so many samples: once a second. */
const WATCH_SAMPLES = 1000 / SAMPLE_MS;

export interface SupervisorOptions {
  readonly config: Config;
  readonly exchanges: readonly Exchange[];
  readonly mapper: SymbolMapper;
  readonly log: Logger;
  /** the process cannot go on: the writer is gone or hangs */
  readonly fatal: (exitStatus: number) => void;
}

export class Supervisor {
  private readonly config: Config;
  private readonly log: Logger;
  private readonly doorbell = createDoorbell();
  private readonly doorbellWords = new Int32Array(this.doorbell);
  private readonly enabled: readonly Exchange[];
  private readonly resources: SessionResources;
  private readonly writer: WriterLink;
  private readonly fleet: Fleet;
  private symbols: SymbolWatch | undefined;
  private readonly histories: ReadonlyMap<Exchange, InstrumentHistory>;
  private readonly disk: DiskWatch;
  private readonly sealing: SealLink;
  private sampler: NodeJS.Timeout | undefined;
  private readonly startedMs: number;
  private connectingMs: number;
  private stopping = false;
  private stopped = false;
  private latest: Snapshot;
  private readonly staleness = new Staleness();
  private samples = 0;

  constructor(private readonly options: SupervisorOptions) {
    const { config, exchanges, mapper, log, fatal } = options;
    const { doorbell } = this;
    this.config = config;
    this.log = log;
    this.enabled = exchanges.filter(({ id }) => config.exchanges[id].enabled);
    this.resources = new SessionResources(config, readCa(config.websocket.ca_file));
    this.writer = new WriterLink({
      ...{ config, doorbell, log, fatal },
      exchanges: this.enabled.map(({ id }) => id),
      covered: (request) => this.sealing.covered(request),
    });
    this.fleet = new Fleet({
      ...{ config, doorbell, log, writer: this.writer },
      directory: new StreamDirectory(config.logger.data_path, mapper),
      resources: this.resources,
    });
    this.histories = new Map(this.enabled.map((exchange) => [exchange, this.historyOf(exchange)]));
    this.disk = new DiskWatch(config.logger.data_path, (disk) =>
      log[disk.level === 'ok' ? 'info' : 'warn'](disk, `room on the disk: ${disk.level}`),
    );
    this.sealing = new SealLink({ config, log, cover: (request) => this.writer.cover(request) });
    this.startedMs = Date.now();
    this.connectingMs = this.startedMs;
    this.latest = this.takeSnapshot();
  }

  /**
   * Plans what the configuration names and starts every thread; what depends on what an exchange lists is taken up when
   * it has. Throws a LoggerError before anything has started.
   */
  async start(): Promise<void> {
    const { enabled, fleet, writer } = this;
    if (enabled.length === 0)
      throw new LoggerError(
        'CONFIG_INVALID',
        'no exchange is enabled; set enabled = true in one of [exchanges.*]',
      );
    // what is not compiled fails here, not in one thread after the other
    createJsonParser(this.config.logger.parser);
    this.recover();
    const symbols = this.watchSymbols();
    const planned = enabled.map((exchange) => ({
      exchange,
      sessions: planOf(exchange, this.config, symbols.initial(exchange)),
    }));
    fleet.plan(planned, symbols.later());
    for (const { exchange, sessions } of planned)
      this.log.info({ exchange: exchange.id, connections: sessions.length }, 'planned');
    this.staleness.start(performance.now());
    await writer.start(fleet.rings, fleet.streams);
    this.connectingMs = Date.now();
    fleet.start();
    symbols.start();
    this.sampler = setInterval(() => this.sample(), SAMPLE_MS);
    this.latest = this.takeSnapshot();
  }

  private historyOf(exchange: Exchange): InstrumentHistory {
    const { fleet, writer } = this;
    return new InstrumentHistory({ exchange, dataPath: this.config.logger.data_path, fleet, writer });
  }

  private watchSymbols(): SymbolWatch {
    const { config, log } = this;
    this.symbols = new SymbolWatch({
      ...{ config, log, exchanges: this.enabled, mapper: this.options.mapper },
      rest: (exchange) => this.resources.rest(exchange),
      capture: (exchange, symbols) => this.fleet.changeSymbols(exchange, symbols),
      record: async (exchange, symbols, seenMs) => this.histories.get(exchange)?.take(symbols, seenMs),
    });
    return this.symbols;
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

  private sample(): void {
    const writer = this.writer.read();
    this.staleness.sample(writer);
    const waits = writerWaits({ writer, writerQuietSecs: this.staleness.writerSecs });
    Atomics.store(this.doorbellWords, DOORBELL.disk_waits, waits ? 1 : 0);
    if (++this.samples % WATCH_SAMPLES === 0 && !this.stopping) this.watch();
  }

  /** Once a second: rates, threads that hang, and room on the disk. */
  private watch(): void {
    this.fleet.watch();
    this.latest = this.takeSnapshot();
    if (diskSilentSecs(this.latest) >= WRITER_HANG_SECS) {
      this.log.fatal(`${silenceText(this.latest)} for ${WRITER_HANG_SECS} s`);
      this.options.fatal(EXIT.internal);
    }
    this.sealing.watch(readinessOf(this.latest).ready);
    this.disk.sample(this.latest.writer.bytes_written * 64, this.fleet.filesPerDay());
  }

  /** Reads every counter once. */
  private takeSnapshot(): Snapshot {
    const { fleet } = this;
    const writer = this.writer.read();
    const sessions = fleet.status();
    const dropped = sessions.reduce((n, { counters }) => n + counters.dropped, writer.dropped_rows);
    return {
      nowMs: Date.now(),
      startedMs: this.startedMs,
      connectingMs: this.connectingMs,
      sessions,
      closedHosts: this.resources.closed(),
      symbols: this.symbols?.status() ?? {},
      shards: fleet.shardStatus(),
      writer,
      stored: this.writer.readStored(),
      ...this.staleness.times(performance.now(), writer, dropped),
      flushIntervalSecs: this.config.logger.flush_interval_secs,
      disk: this.disk.state,
      sealer: this.sealing.counters(),
      latency: fleet.latencies.total(),
      recentLatency: fleet.latencies.recent(),
      writerLatency: this.writer.latency(),
    };
  }

  /** The state of everything, a fraction of a second old. */
  snapshot(): Snapshot {
    const isOld = Date.now() - this.latest.nowMs >= SAMPLE_MS;
    // after the end it stays as it was then
    if (isOld && !this.stopped) this.latest = this.takeSnapshot();
    return this.latest;
  }

  /** Takes over what may change at run time: symbols, without touching connections that keep theirs. */
  async reload(config: Config): Promise<void> {
    await this.symbols?.change(config);
  }

  /** Closes sockets, drains rings, writes everything; answers whether every row is in its file or in the journal. */
  async stop(): Promise<boolean> {
    this.stopping = true;
    this.symbols?.stop();
    await Promise.all([this.sealing.stop(), this.fleet.stop()]);
    const complete = await this.writer.stop(() => this.journaled());
    clearInterval(this.sampler);
    this.latest = this.takeSnapshot();
    this.stopped = true;
    return complete;
  }

  /** Whether the durable journal holds every row, for the next start to redo. */
  private journaled(): boolean {
    const kept = this.config.journal.enabled && this.fleet.journaled();
    if (kept)
      this.log.warn(
        'the disk takes too long; every row is in the journal, and the next start redoes what is missing',
      );
    return kept;
  }
}

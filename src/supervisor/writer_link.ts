/**
 * The supervisor's end of the writer: starts its thread, announces rings and streams, requests what is due, and ends
 * it. Main thread.
 */
import type { Logger } from 'pino';
import { EXIT } from '../base/errors.js';
import { WRITER_STOP_MS_MAX } from '../base/limits.js';
import type { Config } from '../config/options.js';
import { CounterReader, createCounters } from '../counters/counters.js';
import { STORED_COUNTERS, WRITER_COUNTERS } from '../counters/declarations.js';
import { createHistogram, type Quantiles, quantiles } from '../counters/histogram.js';
import type { WriterReport, WriterRing, WriterStream } from '../store/writer/writer.js';
import { descriptorBudget, journalOf } from './resources.js';
import { startWriter, type WriterThread } from './threads.js';

export interface WriterLinkOptions {
  readonly config: Config;
  readonly exchanges: readonly string[];
  readonly doorbell: SharedArrayBuffer;
  readonly log: Logger;
  /** the process cannot go on without the writer */
  readonly fatal: (exitStatus: number) => void;
  /** the checkpoint that was asked for with this number is there */
  readonly covered: (request: number) => void;
}

export class WriterLink {
  private readonly counters = createCounters(WRITER_COUNTERS);
  private readonly reader = new CounterReader(WRITER_COUNTERS, this.counters);
  private readonly histogram = createHistogram();
  private readonly storedCounters: ReadonlyMap<string, SharedArrayBuffer>;
  private readonly storedReaders: ReadonlyMap<string, CounterReader<typeof STORED_COUNTERS>>;
  private thread: WriterThread | undefined;
  private readonly announced: (() => void)[] = [];
  private readonly stores = new Map<number, () => void>();
  private storeRequests = 0;
  private stopping = false;

  constructor(private readonly options: WriterLinkOptions) {
    this.storedCounters = new Map(options.exchanges.map((id) => [id, createCounters(STORED_COUNTERS)]));
    this.storedReaders = new Map(
      [...this.storedCounters].map(([id, memory]) => [id, new CounterReader(STORED_COUNTERS, memory)]),
    );
  }

  /** Resolves when the writer can take rows. */
  start(rings: readonly WriterRing[], streams: readonly WriterStream[]): Promise<void> {
    const { config, doorbell, log, fatal } = this.options;
    const { logger } = config;
    const thread = startWriter({
      dataPath: logger.data_path,
      flushIntervalMs: logger.flush_interval_secs * 1000,
      rowsPerTableDay: logger.buffer_size,
      exact: logger.exact,
      descriptorsMax: descriptorBudget(),
      journal: journalOf(config),
      rings,
      streams,
      doorbell,
      counters: this.counters,
      stored: this.storedCounters,
      latency: this.histogram,
    });
    this.thread = thread;
    thread.onEnd((reason) => {
      if (this.stopping) return;
      // its state is half applied: the process must end and start again
      log.fatal({ reason }, 'the writer has died');
      fatal(EXIT.internal);
    });
    return new Promise((ready) => thread.onReport((report) => this.take(report, ready)));
  }

  private take(report: WriterReport, ready: () => void): void {
    const { log, fatal, covered } = this.options;
    if (report.kind === 'log') log[report.level]({ thread: 'writer' }, report.text);
    else if (report.kind === 'added') this.announced.shift()?.();
    else if (report.kind === 'stored') this.stores.get(report.request)?.();
    else if (report.kind === 'ready') ready();
    else if (report.kind === 'covered') covered(report.request);
    else if (report.kind === 'fatal') {
      log.fatal(report.text);
      fatal(report.status);
    }
  }

  /** The writer must know a ring and a stream before their first row. */
  announce(rings: readonly WriterRing[], streams: readonly WriterStream[]): Promise<void> {
    return new Promise((resolve) => {
      this.announced.push(resolve);
      this.thread?.send({ kind: 'add', rings, streams });
    });
  }

  /**
   * Has everything that stands in a ring now written to the column files. Resolves when it is there, and after two flush
   * intervals in any case, should the disk refuse.
   */
  store(ring: number): Promise<void> {
    const request = this.storeRequests++;
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.stores.delete(request);
        resolve();
      };
      const timer = setTimeout(done, this.options.config.logger.flush_interval_secs * 2000);
      this.stores.set(request, done);
      this.thread?.send({ kind: 'store', ring, request });
    });
  }

  /** Has rows of INSTRUMENTS written, of streams that it knows. */
  writeInstruments(records: readonly Uint32Array[]): void {
    this.thread?.send({ kind: 'instruments', records });
  }

  /** Asks for a checkpoint that covers what the files hold now. */
  cover(request: number): void {
    this.thread?.send({ kind: 'cover', request });
  }

  read() {
    return this.reader.read();
  }

  /** What the column files hold, by exchange. */
  readStored() {
    return Object.fromEntries([...this.storedReaders].map(([id, reader]) => [id, reader.read()]));
  }

  latency(): Quantiles {
    return quantiles([this.histogram]);
  }

  /**
   * Ends the writer and waits for as long as rows go on reaching the disk. Answers whether everything is in its file, or
   * what `journaled` says when the disk takes too long.
   */
  stop(journaled: () => boolean): Promise<boolean> {
    this.stopping = true;
    return new Promise((resolve) => {
      let written = -1;
      const watch = setInterval(() => {
        const { rows_written } = this.read();
        if (rows_written === written) done(journaled());
        written = rows_written;
      }, WRITER_STOP_MS_MAX);
      const done = (complete: boolean) => {
        clearInterval(watch);
        resolve(complete);
      };
      this.thread?.onEnd(() => {
        const { stopped, dropped_rows } = this.read();
        done(stopped !== 0 && dropped_rows === 0);
      });
      this.thread?.send({ kind: 'stop' });
    });
  }
}

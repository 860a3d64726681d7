/**
 * The sink threads: starts one per section `[sinks.*]`, starts it again when it has ended, follows a changed
 * configuration, and ends all of them when everything that they could deliver is durable. Main thread. Capture needs none
 * of it: whatever happens to a sink is shown and logged, and costs disk.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import { SINK_STOP_MS_MAX } from '../base/limits.js';
import type { Config } from '../config/options.js';
import type { SinkConfig } from '../config/sinks.js';
import { CounterReader, createCounters } from '../counters/counters.js';
import { SINK_COUNTERS, type WRITER_COUNTERS } from '../counters/declarations.js';
import type { SinkReport } from '../delivery/thread.js';
import { Backoff } from '../feed/connection/backoff.js';
import { DiskIo } from '../store/disk/io.js';
import { cutOff, readCursors, releaseSink } from '../store/journal/cursors.js';
import { createProgress, ProgressReader } from '../store/journal/progress.js';
import { journalFolder } from '../store/journal/start.js';
import type { SymbolMapper } from '../symbols/mapper.js';
import type { SinkStatus } from './snapshot.js';
import { type SinkThread, startSink } from './threads.js';

const RESTART_FIRST_MS = 1000;
const RESTART_LONGEST_MS = 60_000;
/** A thread that worked for so long is restarted with the shortest delay again. */
const RESTART_HEALTHY_MS = 60_000;

/** A sink with everything that outlives its thread. */
interface SinkSlot {
  readonly name: string;
  config: SinkConfig;
  readonly memory: SharedArrayBuffer;
  readonly counters: CounterReader<typeof SINK_COUNTERS>;
  readonly backoff: Backoff;
  thread: SinkThread | undefined;
  restart: NodeJS.Timeout | undefined;
  startedMs: number;
  restarts: number;
  /** why nothing is delivered */
  trouble: string | undefined;
  /** it is not started again */
  ending: boolean;
}

export interface SinksOptions {
  readonly config: Config;
  readonly mapper: SymbolMapper;
  readonly log: Logger;
}

export class Sinks {
  /** how far the journal is, written by the writer */
  readonly progress = createProgress();
  private readonly reader = new ProgressReader(this.progress);
  private readonly slots = new Map<string, SinkSlot>();
  private readonly journal: string;

  constructor(private readonly options: SinksOptions) {
    this.journal = journalFolder(options.config.logger.data_path);
  }

  /** Behind the start of the writer: there is a journal, and it is known how far it is. */
  start(): void {
    const { sinks } = this.options.config;
    this.releaseOthers(sinks);
    for (const [name, config] of Object.entries(sinks)) this.add(name, config);
  }

  /** What is kept for sinks that the configuration does not name any more. */
  private releaseOthers(sinks: Config['sinks']): void {
    const io = new DiskIo();
    for (const cursor of readCursors(io, this.journal)) {
      if (cursor.sink in sinks) continue;
      cutOff(io, this.journal, cursor);
      this.options.log.warn(
        { sink: cursor.sink },
        'is not in the configuration any more: the journal is not kept for it; should it come back, it begins with what was received since',
      );
    }
  }

  private add(name: string, config: SinkConfig): void {
    const memory = createCounters(SINK_COUNTERS);
    const slot: SinkSlot = {
      ...{ name, config, memory, counters: new CounterReader(SINK_COUNTERS, memory) },
      backoff: new Backoff(RESTART_FIRST_MS, RESTART_LONGEST_MS),
      ...{
        thread: undefined,
        restart: undefined,
        startedMs: 0,
        restarts: 0,
        trouble: undefined,
        ending: false,
      },
    };
    this.slots.set(name, slot);
    this.startThread(slot);
  }

  private startThread(slot: SinkSlot): void {
    const { options, progress } = this;
    const { name, config, memory } = slot;
    const thread = startSink({
      ...{ name, config, progress, counters: memory },
      dataPath: options.config.logger.data_path,
      symbols: symbolNames(options.mapper),
    });
    slot.thread = thread;
    slot.startedMs = performance.now();
    thread.onReport((report) => this.take(slot, report));
    thread.onEnd((reason) => {
      slot.thread = undefined;
      if (!slot.ending) this.startAgain(slot, reason);
    });
  }

  private take(slot: SinkSlot, report: SinkReport): void {
    if (report.kind === 'trouble') slot.trouble = report.reason;
    else this.options.log[report.level]({ sink: slot.name }, report.text);
  }

  private startAgain(slot: SinkSlot, reason: string): void {
    if (performance.now() - slot.startedMs > RESTART_HEALTHY_MS) slot.backoff.reset();
    const delay = slot.backoff.next();
    slot.restarts++;
    slot.trouble = `its thread has ended: ${reason.split('\n', 1)[0]}`;
    this.options.log.error(
      { sink: slot.name, reason, restart_in_ms: Math.round(delay) },
      'a sink thread has ended',
    );
    slot.restart = setTimeout(() => this.startThread(slot), delay);
  }

  /** Begins, ends and begins again what the configuration says. */
  async reload({ sinks }: Config): Promise<void> {
    const { slots } = this;
    const gone = [...slots.values()].filter(({ name, config }) => sinks[name]?.type !== config.type);
    const changed = [...slots.values()].filter(
      (slot) => !gone.includes(slot) && !isDeepStrictEqual(slot.config, sinks[slot.name]),
    );
    await Promise.all([...gone, ...changed].map((slot) => this.end(slot)));
    const io = new DiskIo();
    for (const { name } of gone) {
      slots.delete(name);
      releaseSink(io, this.journal, name);
    }
    for (const slot of changed) {
      slot.config = sinks[slot.name] as SinkConfig;
      slot.ending = false;
      slot.trouble = undefined;
      this.startThread(slot);
    }
    for (const [name, config] of Object.entries(sinks)) if (!slots.has(name)) this.add(name, config);
  }

  /** Behind the end of the writer: everything is durable. Resolves when no thread is left. */
  async stop(): Promise<void> {
    await Promise.all([...this.slots.values()].map((slot) => this.end(slot)));
  }

  /** Lets a sink deliver what it can, for a limited time. */
  private end(slot: SinkSlot): Promise<void> {
    const { thread } = slot;
    slot.ending = true;
    clearTimeout(slot.restart);
    if (thread === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(() => thread.terminate(), SINK_STOP_MS_MAX);
      thread.onEnd(() => {
        clearTimeout(timer);
        resolve();
      });
      thread.send({ kind: 'stop' });
    });
  }

  /** `writer`: how many rows a block of the journal has on average. */
  status(writer: { readonly [K in keyof typeof WRITER_COUNTERS]: number }): SinkStatus[] {
    const rowsPerBlock = writer.rows_drained / Math.max(1, writer.journal_blocks);
    const nowSecs = Date.now() / 1000;
    return [...this.slots.values()].map(({ name, config, counters: reader, trouble, restarts }) => {
      const counters = reader.read();
      const blocks = (this.reader.durable() - counters.position) >>> 0;
      const oldest = counters.waiting_since || (blocks === 0 ? 0 : counters.delivered_until);
      return {
        ...{ name, type: config.type, trouble, restarts, counters },
        lagRows: Math.round(blocks * rowsPerBlock),
        lagSecs: oldest === 0 ? 0 : Math.max(0, nowSecs - oldest),
      };
    });
  }
}

function symbolNames(mapper: SymbolMapper): Map<string, Map<string, string>> {
  const names = new Map<string, Map<string, string>>();
  for (const { normalized, natives } of mapper.list())
    for (const [exchange, known] of Object.entries(natives))
      for (const native of known) {
        if (!names.has(exchange)) names.set(exchange, new Map());
        names.get(exchange)?.set(native, normalized);
      }
  return names;
}

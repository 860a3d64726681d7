/**
 * The writer of a capture without its thread and without shards: the measurement puts rows into the rings and lets
 * it take its turns. Its clock runs as fast as it is told to.
 */
import type { MessagePort } from 'node:worker_threads';
import { monotonicMs } from '../src/base/clock.js';
import { createCounters } from '../src/counters/counters.js';
import { DRAIN_COUNTERS, WRITER, WRITER_COUNTERS } from '../src/counters/declarations.js';
import { createHistogram } from '../src/counters/histogram.js';
import { createDoorbell, createRing } from '../src/ring/layout.js';
import { RingProducer } from '../src/ring/producer.js';
import { type Column, isWrittenFor } from '../src/schema/columns.js';
import type { Table } from '../src/schema/layout.js';
import { MD, TRADES } from '../src/schema/tables.js';
import type { StoreIo } from '../src/store/disk/io.js';
import { tableDirectory } from '../src/store/disk/paths.js';
import { makeDayFiles } from '../src/store/writer/day_files.js';
import { Writer, type WriterInit } from '../src/store/writer/writer.js';
import { putRow } from './rows.js';

const EXCHANGE = 'bench';
/** Every stream has them, as with the channels of trades and tickers. */
export const RIG_TABLES: readonly Table[] = [TRADES, MD];
/** A journal that no checkpoint shortens while it is measured. */
export const RIG_JOURNAL = {
  syncMs: 200,
  segmentBytes: 64 << 20,
  bytesMax: 1e12,
  freeBytesMin: 0,
  checkpointMs: 1e9,
};
const DAY_MS = 86_400_000;

/** A writer that is never stopped and that receives no commands. */
class DrivenWriter extends Writer {
  override doWork(): number {
    return super.doWork();
  }

  protected override receive(): undefined {
    return undefined;
  }

  protected override post(): void {}
}

export interface RigOptions extends Pick<WriterInit, 'dataPath' | 'descriptorsMax' | 'exact' | 'journal'> {
  readonly io: StoreIo;
  readonly symbols: number;
  readonly connections: number;
  readonly ringWords: number;
  readonly flushIntervalMs: number;
}

const STUCK_MS_MAX = 20_000;
/** As the option `buffer_size` is by default. */
const ROWS_PER_TABLE_DAY = 8192;

export class WriterRig {
  readonly day = Math.floor(Date.now() / DAY_MS);
  /** put so far; also the number of the next row */
  rows = 0;
  private readonly producers: readonly RingProducer[];
  private readonly counters = createCounters(WRITER_COUNTERS);
  private readonly counts = new Uint32Array(this.counters);
  private readonly writer: DrivenWriter;
  private aheadMs = 0;

  constructor(private readonly options: RigOptions) {
    const { symbols, connections, ringWords } = options;
    const doorbell = createDoorbell();
    const rings = Array.from({ length: connections }, () => createRing(ringWords));
    this.producers = rings.map((ring) => new RingProducer(ring, doorbell));
    const init: WriterInit = {
      ...options,
      rowsPerTableDay: ROWS_PER_TABLE_DAY,
      rings: rings.map((ring) => ({ ring, drain: createCounters(DRAIN_COUNTERS) })),
      streams: Array.from({ length: symbols }, (_, stream) => ({
        stream,
        exchange: EXCHANGE,
        directory: directoryOf(stream),
        symbol: directoryOf(stream),
        ring: stream % connections,
      })),
      doorbell,
      counters: this.counters,
      stored: new Map(),
      latency: createHistogram(),
    };
    const noPort = undefined as unknown as MessagePort;
    this.writer = new DrivenWriter(init, noPort, options.io, () => monotonicMs() + this.aheadMs);
  }

  /** Puts the next row of a stream into its ring; false when that is full. */
  put(stream: number, table: Table): boolean {
    const producer = this.producers[stream % this.producers.length];
    if (!putRow(producer, table, stream, this.day, this.rows)) return false;
    this.rows++;
    return true;
  }

  publish(): void {
    for (const producer of this.producers) producer.publish();
  }

  /** One turn of the writer; answers the number of words that it took. */
  turn(): number {
    return this.writer.doWork();
  }

  /** Lets the writer's clock go on. */
  pass(ms: number): void {
    this.aheadMs += ms;
  }

  /** Takes everything that was published. */
  drain(): void {
    while (this.turn() > 0);
  }

  /** Makes everything that waits due and takes turns until it is in the files. */
  flush(): void {
    this.pass(this.options.flushIntervalMs);
    let { written } = this;
    let movedMs = monotonicMs();
    while (written < this.rows) {
      this.turn();
      if (this.written > written) {
        written = this.written;
        movedMs = monotonicMs();
      } else if (monotonicMs() - movedMs > STUCK_MS_MAX)
        throw new Error(`${this.rows - written} rows do not come to the files`);
    }
  }

  /** Rows in the column files. */
  get written(): number {
    return this.counts[WRITER.rows_written];
  }
}

const directoryOf = (stream: number) => `SYMBOL${stream}`;

/** Columns that the rig's rows have on disk. */
export function columnsOf(table: Table, exact: boolean): readonly Column[] {
  return table.columns.filter((column) => (exact || !column.exact) && isWrittenFor(EXCHANGE, column));
}

/** Makes the column files of today as a capture does before it begins; answers their number. */
export function makeFiles(io: StoreIo, dataPath: string, symbols: number, exact: boolean): number {
  const day = Math.floor(Date.now() / DAY_MS);
  for (let stream = 0; stream < symbols; stream++) {
    for (const table of RIG_TABLES) {
      const folder = tableDirectory(dataPath, EXCHANGE, directoryOf(stream), table.name);
      makeDayFiles(io, { table, exchange: EXCHANGE, folder }, day, exact);
    }
  }
  return symbols * RIG_TABLES.reduce((sum, table) => sum + columnsOf(table, exact).length, 0);
}

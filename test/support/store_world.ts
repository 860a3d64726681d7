/**
 * Rings with synthetic records in front of a real Writer on any StoreIo. Every value of a row is a function of its
 * stream, number and place, so what must be in the files is known without the store.
 */
import type { MessagePort } from 'node:worker_threads';
import { createCounters } from '../../src/counters/counters.js';
import { DRAIN, DRAIN_COUNTERS, WRITER_COUNTERS } from '../../src/counters/declarations.js';
import { createHistogram } from '../../src/counters/histogram.js';
import { writeText } from '../../src/feed/rows/texts.js';
import { createDoorbell, createRing, HEAD_WORD, isDrained } from '../../src/ring/layout.js';
import { RingProducer } from '../../src/ring/producer.js';
import { DAY_WORD, HEADER_WORDS, STREAM_WORD, type Table } from '../../src/schema/layout.js';
import { GAPS, TRADES } from '../../src/schema/tables.js';
import { TEXT_KIND } from '../../src/schema/text.js';
import type { StoreIo } from '../../src/store/disk/io.js';
import type { Journal } from '../../src/store/journal/journal.js';
import type {
  WriterCommand,
  WriterInit,
  WriterReport,
  WriterStream,
} from '../../src/store/writer/messages.js';
import { Writer } from '../../src/store/writer/writer.js';

export const DATA = '/data';
export const FIRST_DAY = 20_000;

/** Streams with their table and ring; exchange x is on ring 0, y on ring 1. */
export const STREAMS: readonly (WriterStream & { readonly table: Table })[] = [
  { stream: 0, exchange: 'x', directory: 'A', symbol: 'A', ring: 0, table: TRADES },
  { stream: 1, exchange: 'x', directory: 'B', symbol: 'B', ring: 0, table: GAPS },
  { stream: 2, exchange: 'y', directory: 'A', symbol: 'A', ring: 1, table: TRADES },
];
export const RINGS = 2;

/** Something that went into a ring. */
export interface Item {
  readonly kind: 'row' | 'literal' | 'rejected';
  readonly stream: number;
  readonly day: number;
  /** number of the row within its stream, or of the text */
  readonly n: number;
  /** words of the ring up to its end */
  readonly position: number;
}

/** The value of one word of a row. */
export function wordOf(stream: number, n: number, word: number): number {
  let hash = Math.imul(stream + 1, 0x9e3779b1) ^ Math.imul(n + 1, 0x85ebca6b) ^ Math.imul(word, 0xc2b2ae35);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (hash ^ (hash >>> 12)) >>> 0;
}

/** Text of a literal or a refused message; some are longer than a sector. */
export function textOf(kind: string, n: number): string {
  return `${kind} ${n} ${'é'.repeat(n % 7 === 0 ? 300 : n % 5)}`;
}

/** A writer whose turns a test takes, without a thread. */
export class TestWriter extends Writer {
  readonly reports: WriterReport[] = [];
  readonly commands: WriterCommand[] = [];

  constructor(init: WriterInit, io: StoreIo, nowMs: () => number) {
    super(init, undefined as unknown as MessagePort, io, nowMs);
  }

  override doWork(): number {
    return super.doWork();
  }

  override finish(): void {
    super.finish();
  }

  get theJournal(): Journal {
    return this.journal as Journal;
  }

  protected override receive(): WriterCommand | undefined {
    return this.commands.shift();
  }

  protected override post(report: WriterReport): void {
    // the constructor of Writer may report before the list exists
    this.reports?.push(report);
  }
}

/** The column with the receive time of a row, which World.receivedSeconds sets. */
export function receivedWord({ at }: Table): number {
  return at['recv_time'] ?? (at['time'] as number);
}

export interface WorldOptions {
  readonly dataPath?: string;
  readonly syncMs?: number;
  readonly segmentBytes?: number;
  readonly bytesMax?: number;
  readonly freeBytesMin?: number;
  readonly progress?: SharedArrayBuffer;
  readonly checkpointMs?: number;
  readonly flushIntervalMs?: number;
  readonly rowsPerTableDay?: number;
  readonly journal?: boolean;
  readonly streams?: readonly WriterStream[];
  readonly exact?: boolean;
  readonly ringWords?: number;
}

/** One life of a process: rings, producers, writer. */
export class World {
  /** receive time of the rows that follow; undefined: as random as all their values */
  receivedSeconds: number | undefined;
  readonly writer: TestWriter;
  readonly producers: RingProducer[];
  readonly items: Item[][] = Array.from({ length: RINGS }, () => []);
  readonly drains = Array.from({ length: RINGS }, () => createCounters(DRAIN_COUNTERS));
  readonly counters = createCounters(WRITER_COUNTERS);
  readonly doorbell = createDoorbell();
  private readonly positions = new Array<number>(RINGS).fill(0);
  private readonly rings: SharedArrayBuffer[];

  constructor(
    io: StoreIo,
    readonly clock: { ms: number },
    private readonly numbers: number[],
    options: WorldOptions = {},
  ) {
    this.rings = Array.from({ length: RINGS }, () => createRing(options.ringWords ?? 2048));
    this.producers = this.rings.map((ring) => new RingProducer(ring, this.doorbell));
    const journal = {
      syncMs: options.syncMs ?? 200,
      segmentBytes: options.segmentBytes ?? 1 << 20,
      bytesMax: options.bytesMax ?? 1 << 30,
      freeBytesMin: options.freeBytesMin ?? 0,
      progress: options.progress,
      checkpointMs: options.checkpointMs ?? 60_000,
    };
    this.writer = new TestWriter(
      {
        dataPath: options.dataPath ?? DATA,
        flushIntervalMs: options.flushIntervalMs ?? 1000,
        rowsPerTableDay: options.rowsPerTableDay ?? 8,
        exact: options.exact ?? false,
        descriptorsMax: 4,
        journal: options.journal === false ? undefined : journal,
        rings: this.rings.map((ring, i) => ({ ring, drain: this.drains[i] as SharedArrayBuffer })),
        streams: options.streams ?? STREAMS,
        doorbell: this.doorbell,
        counters: this.counters,
        stored: new Map(),
        latency: createHistogram(),
      },
      io,
      () => clock.ms,
    );
  }

  /** Puts a row into its ring; false when there is no room. */
  row(stream: number, day: number): boolean {
    const { table, ring } = STREAMS[stream] as (typeof STREAMS)[number];
    const producer = this.producers[ring] as RingProducer;
    const at = producer.claim(table.words);
    if (at < 0) return false;
    const n = this.numbers[stream]++;
    producer.u32[at] = table.headerWord;
    producer.u32[at + STREAM_WORD] = stream;
    producer.u32[at + DAY_WORD] = day;
    for (let word = HEADER_WORDS; word < table.words; word++)
      producer.u32[at + word] = wordOf(stream, n, word);
    if (this.receivedSeconds !== undefined) producer.u32[at + receivedWord(table)] = this.receivedSeconds;
    this.commit(ring, at, table.words, { kind: 'row', stream, day, n });
    return true;
  }

  /** A text of the newest row of a stream, or a refused message. */
  text(kind: 'literal' | 'rejected', stream: number, day: number, n: number): boolean {
    const { table, ring } = STREAMS[stream] as (typeof STREAMS)[number];
    const producer = this.producers[ring] as RingProducer;
    let at = -1;
    let words = 0;
    const sink = {
      u32: producer.u32,
      f32: producer.f32,
      claim: (wanted: number) => (at = producer.claim(wanted)),
      commit: (claimed: number) => (words = claimed),
    };
    const written = writeText(sink, {
      kind: TEXT_KIND[kind],
      stream,
      day,
      tableId: kind === 'literal' ? table.id : 0,
      detail: 3,
      text: textOf(kind, n),
    });
    if (written) this.commit(ring, at, words, { kind, stream, day, n });
    return written;
  }

  private commit(ring: number, at: number, words: number, item: Omit<Item, 'position'>): void {
    const producer = this.producers[ring] as RingProducer;
    producer.commit(words);
    // positions count padding at the end of the ring as well
    const before = this.positions[ring] as number;
    const start = before % producer.capacity;
    const padding = at === 0 && start !== 0 ? producer.capacity - start : 0;
    const position = before + padding + words;
    this.positions[ring] = position;
    (this.items[ring] as Item[]).push({ ...item, position });
  }

  publish(): void {
    for (const producer of this.producers) producer.publish();
  }

  /** Whether the writer has given back everything that was published; a stop waits for it. */
  get drained(): boolean {
    return this.rings.every((ring) => isDrained(ring));
  }

  /** Takes turns until the rings are empty, and ends the writer: everything is durable and in its files. */
  finish(): void {
    for (; !this.drained; this.clock.ms += 50) this.writer.doWork();
    this.writer.finish();
  }

  /** Items of a ring whose place the writer has given back. */
  released(ring: number): number {
    const head = Atomics.load(new Int32Array(this.rings[ring] as SharedArrayBuffer), HEAD_WORD);
    return (this.items[ring] as Item[]).filter(({ position }) => position <= head).length;
  }

  /** Rows of a ring that were said to be durable. */
  durableRows(ring: number): number {
    return new Uint32Array(this.drains[ring] as SharedArrayBuffer)[DRAIN.rows_durable] as number;
  }
}

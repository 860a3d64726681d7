/**
 * The writer: takes blocks of records from the rings in turn, stages them by table-day and appends them to the column
 * files before they are older than the flush interval. It owns its thread and blocks in system calls as it likes; the
 * rings are what keeps the shards going meanwhile. It knows nothing of sockets, and nothing that reads the files can
 * slow it down. drain() is HOT.
 */
import { constants } from 'node:os';
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { monotonicMs, WallClock } from '../base/clock.js';
import { messageOf } from '../base/errors.js';
import { DRAIN, WRITER } from '../counters/declarations.js';
import { HistogramWriter } from '../counters/histogram.js';
import { RingConsumer } from '../ring/consumer.js';
import { DOORBELL } from '../ring/layout.js';
import {
  DAY_WORD,
  PADDING_TABLE_ID,
  recordTableId,
  recordWords,
  STREAM_WORD,
  type Table,
} from '../schema/layout.js';
import { TABLES } from '../schema/tables.js';
import { TEXT_AT, TEXT_KIND, TEXT_TABLE_ID } from '../schema/text.js';
import { FilePool } from './files.js';
import type { StoreIo } from './io.js';
import { tableDirectory } from './paths.js';
import { RejectedLog } from './rejected.js';
import { TableDay } from './tableday.js';
import { Tomorrow } from './tomorrow.js';

/** Longest sleep: the bound on how long a row waits in a ring that nobody fills. */
const SLEEP_MS = 5;
/** Words taken from one ring before the next has its turn. */
const TURN_WORDS = 64 * 1024;
/** Flushing goes on for so long before the rings are looked at again. */
const FLUSH_SLICE_MS = 4;
/** The same once rows are older than they should ever become. */
const LATE_FLUSH_SLICE_MS = 20;
/** Part of the flush interval after which a table-day is due; the rest is for the flush itself. */
const DUE_PART = 0.8;
const HOUSEKEEPING_MS = 100;
/** A table-day without new rows gives its descriptors and memory back. */
const IDLE_MS = 60_000;
/** Waiting rows of all table-days together; beyond it the oldest are written early, and rings wait when that fails. */
const STAGED_BYTES_MAX = 256 * 1024 * 1024;
const RETRY_MS = 500;
const TABLE_SLOTS = 256;

/** A stream as the writer needs it. */
export interface WriterStream {
  readonly stream: number;
  readonly exchange: string;
  readonly directory: string;
  readonly ring: number;
  /** ids of the tables that its channels fill */
  readonly tables: readonly number[];
}

export interface WriterRing {
  readonly ring: SharedArrayBuffer;
  readonly drain: SharedArrayBuffer;
}

export interface WriterInit {
  readonly dataPath: string;
  readonly flushIntervalMs: number;
  readonly rowsPerTableDay: number;
  readonly exact: boolean;
  readonly descriptorsMax: number;
  readonly rings: readonly WriterRing[];
  readonly streams: readonly WriterStream[];
  readonly doorbell: SharedArrayBuffer;
  readonly counters: SharedArrayBuffer;
  /** receive to drained from the ring, µs */
  readonly latency: SharedArrayBuffer;
}

/** Supervisor to writer. */
export type WriterCommand =
  | { readonly kind: 'stop' }
  /** write what waits of one ring without regard to its age */
  | { readonly kind: 'flush'; readonly ring: number }
  | {
      readonly kind: 'add';
      readonly rings: readonly WriterRing[];
      readonly streams: readonly WriterStream[];
    };

/** Writer to supervisor. */
export type WriterReport =
  | { readonly kind: 'stopped' }
  /** the files of today are there, rows can come */
  | { readonly kind: 'ready' }
  /** an `add` has been carried out */
  | { readonly kind: 'added' }
  | { readonly kind: 'log'; readonly level: 'info' | 'warn' | 'error'; readonly text: string };

const tables: (Table | undefined)[] = Array.from({ length: TABLE_SLOTS }, (_, id) =>
  TABLES.find((t) => t.id === id),
);

export class Writer {
  private readonly rings: RingConsumer[] = [];
  private readonly drains: Uint32Array[] = [];
  private readonly streams: (WriterStream | undefined)[] = [];
  /** newest table-day of each stream and table, by stream × TABLES.length + position of the table */
  private readonly current: (TableDay | undefined)[] = [];
  private readonly tableDays = new Map<string, TableDay>();
  /** table-days in the order in which their oldest waiting row came; entries of rows that were written early are stale */
  private readonly dirty: { readonly tableDay: TableDay; readonly sinceMs: number }[] = [];
  private readonly counters: Uint32Array;
  private readonly latency: HistogramWriter;
  private readonly clock = new WallClock();
  private readonly doorbell: Int32Array;
  private readonly files: FilePool;
  private readonly rejected: RejectedLog;
  private readonly tomorrow: Tomorrow;
  private readonly dueMs: number;
  private stagedBytes = 0;
  private failingUntilMs = 0;
  private housekeepingMs = 0;
  private stopping = false;

  constructor(
    private readonly init: WriterInit,
    private readonly port: MessagePort,
    io: StoreIo,
  ) {
    this.counters = new Uint32Array(init.counters);
    this.latency = new HistogramWriter(init.latency);
    this.doorbell = new Int32Array(init.doorbell);
    this.dueMs = init.flushIntervalMs * DUE_PART;
    this.files = new FilePool(io, init.descriptorsMax, () => this.counters[WRITER.files_opened]++);
    this.rejected = new RejectedLog(init.dataPath, this.files);
    this.tomorrow = new Tomorrow(io, init.exact);
    this.add(init.rings, init.streams);
  }

  private add(rings: readonly WriterRing[], streams: readonly WriterStream[]): void {
    for (const { ring, drain } of rings) {
      this.rings.push(new RingConsumer(ring));
      this.drains.push(new Uint32Array(drain));
    }
    for (const stream of streams) this.streams[stream.stream] = stream;
  }

  /** Runs until a stop command has been carried out: everything published is in the files then. */
  run(): void {
    this.prepare();
    this.port.postMessage({ kind: 'ready' } satisfies WriterReport);
    while (!this.stopping || this.backlog() > 0) {
      const drained = this.drainAll();
      this.flushDue();
      this.counters[WRITER.heartbeat]++;
      const now = monotonicMs();
      if (now - this.housekeepingMs > HOUSEKEEPING_MS) this.housekeeping(now);
      if (drained === 0) this.sleep();
    }
    this.finish();
  }

  /**
   * Creates today's files before the first row: thousands of new files cost seconds, which rows in a ring should not
   * have to wait for. What fails here fails again, and is reported, when there are rows.
   */
  private prepare(): void {
    const day = Math.floor(Date.now() / 86_400_000);
    try {
      for (const spec of this.streams) {
        for (const id of spec?.tables ?? []) {
          this.tableDay(
            (spec as WriterStream).stream,
            tables[id] as Table,
            day,
            (spec as WriterStream).ring,
          ).create();
        }
      }
    } catch (error) {
      this.log('warn', `cannot create the files of today: ${messageOf(error)}`);
    }
  }

  private backlog(): number {
    return this.rings.reduce((words, ring) => words + ring.backlog(), 0);
  }

  private sleep(): void {
    const seen = Atomics.load(this.doorbell, DOORBELL.rings);
    Atomics.store(this.doorbell, DOORBELL.sleeping, 1);
    Atomics.wait(this.doorbell, DOORBELL.rings, seen, SLEEP_MS);
    Atomics.store(this.doorbell, DOORBELL.sleeping, 0);
  }

  /** One turn over all rings; answers the number of words taken. */
  private drainAll(): number {
    let words = 0;
    for (let ring = 0; ring < this.rings.length; ring++) {
      if (this.stagedBytes >= STAGED_BYTES_MAX && !this.relieve()) break;
      words += this.drain(ring);
    }
    return words;
  }

  /** Stages one run of records of one ring. */
  private drain(ringIndex: number): number {
    const ring = this.rings[ringIndex];
    const available = ring.take();
    if (available === 0) return 0;
    const end = ring.start + available;
    const stop = Math.min(end, ring.start + TURN_WORDS);
    const words = ring.u32;
    let index = ring.start;
    let rows = 0;
    this.recordLatency(words, index);
    while (index < stop) {
      const header = words[index];
      const id = recordTableId(header);
      if (id === PADDING_TABLE_ID) {
        index = end;
        break;
      }
      if (id === TEXT_TABLE_ID) this.stageText(words, index);
      else if (this.stageRow(words, index, tables[id] as Table, ringIndex)) rows++;
      else break;
      index += recordWords(header);
    }
    this.counters[WRITER.rows_drained] += rows;
    this.drains[ringIndex][DRAIN.rows_drained] += rows;
    ring.release(index - ring.start);
    return index - ring.start;
  }

  /** How long the oldest row of the run has waited since it was received. */
  private recordLatency(words: Uint32Array, index: number): void {
    const table = tables[recordTableId(words[index])];
    if (table?.at.recv_time === undefined) return;
    const { now } = this.clock;
    this.clock.read();
    const secs = now[0] - words[index + table.at.recv_time];
    const nanos = now[1] - words[index + table.at.recv_nanos];
    this.latency.record(secs * 1e6 + nanos / 1000, 1);
  }

  /** False when there is no room and the disk refuses: the row waits in the ring. */
  private stageRow(words: Uint32Array, index: number, table: Table, ring: number): boolean {
    const tableDay = this.tableDay(words[index + STREAM_WORD], table, words[index + DAY_WORD], ring);
    if (tableDay.full && !this.flush(tableDay)) return false;
    if (!tableDay.waiting) this.markDirty(tableDay);
    const before = tableDay.bytes;
    tableDay.stage(words, index);
    this.stagedBytes += tableDay.bytes - before;
    return true;
  }

  private markDirty(tableDay: TableDay): void {
    tableDay.sinceMs = monotonicMs();
    this.dirty.push({ tableDay, sinceMs: tableDay.sinceMs });
  }

  private tableDay(stream: number, table: Table, day: number, ring: number): TableDay {
    const slot = stream * TABLES.length + TABLES.indexOf(table);
    const current = this.current[slot];
    if (current !== undefined && current.key.day === day) return current;
    return this.otherDay(slot, stream, table, day, ring);
  }

  /** The first row of a day, or a late one of an earlier day. */
  private otherDay(slot: number, stream: number, table: Table, day: number, ring: number): TableDay {
    const name = `${slot} ${day}`;
    let tableDay = this.tableDays.get(name);
    if (tableDay === undefined) {
      const spec = this.streams[stream];
      if (spec === undefined)
        throw new Error(`assertion failed: stream ${stream} was announced to the writer`);
      const folder = tableDirectory(this.init.dataPath, spec.exchange, spec.directory, table.name);
      tableDay = new TableDay(
        { table, stream, day, ring, folder },
        this.init.rowsPerTableDay,
        this.init.exact,
        this.files,
      );
      this.tableDays.set(name, tableDay);
    }
    if (this.current[slot] === undefined || (this.current[slot] as TableDay).key.day < day)
      this.current[slot] = tableDay;
    return tableDay;
  }

  private stageText(words: Uint32Array, index: number): void {
    const stream = words[index + STREAM_WORD];
    const bytes = new Uint8Array(
      words.buffer,
      words.byteOffset + (index + TEXT_AT.text) * 4,
      words[index + TEXT_AT.bytes],
    );
    const text = Buffer.from(bytes).toString('utf8');
    if (words[index + TEXT_AT.kind] === TEXT_KIND.rejected) {
      this.rejected.stage(
        (this.streams[stream] as WriterStream).exchange,
        words[index + DAY_WORD],
        words[index + TEXT_AT.detail],
        text,
      );
      return;
    }
    const table = tables[words[index + TEXT_AT.table]] as Table;
    const slot = stream * TABLES.length + TABLES.indexOf(table);
    const tableDay = this.tableDays.get(`${slot} ${words[index + DAY_WORD]}`);
    if (tableDay === undefined) return;
    if (!tableDay.waiting) this.markDirty(tableDay);
    tableDay.stageLiteral(words[index + TEXT_AT.detail], text);
  }

  /** Writes what is due, a slice at a time so that the rings do not wait. */
  private flushDue(): void {
    const started = monotonicMs();
    const late = this.dirty.length > 0 && started - this.dirty[0].sinceMs > this.init.flushIntervalMs;
    const slice = late ? LATE_FLUSH_SLICE_MS : FLUSH_SLICE_MS;
    while (this.dirty.length > 0 && started - this.dirty[0].sinceMs > this.dueMs) {
      if (!this.flushOldest() || monotonicMs() - started > slice) return;
    }
  }

  private flushRing(ring: number): void {
    for (const tableDay of this.tableDays.values())
      if (tableDay.key.ring === ring && tableDay.staged > 0 && !this.flush(tableDay)) return;
  }

  /** False when the disk refuses. */
  private flushOldest(): boolean {
    const { tableDay, sinceMs } = this.dirty[0];
    if (tableDay.waiting && tableDay.sinceMs === sinceMs && !this.flush(tableDay)) return false;
    this.dirty.shift();
    return true;
  }

  /** Writes one table-day; false when the disk refused and the rows wait on. */
  private flush(tableDay: TableDay): boolean {
    const { staged } = tableDay;
    if (monotonicMs() < this.failingUntilMs) return false;
    try {
      const { recv_time } = tableDay.key.table.at;
      const newest = recv_time === undefined || staged === 0 ? 0 : tableDay.newest(recv_time);
      const bytes = tableDay.flush();
      tableDay.lastUsedMs = monotonicMs();
      this.flushed(tableDay, staged, bytes, newest);
      return true;
    } catch (error) {
      this.diskFailed(error, tableDay);
      return false;
    }
  }

  private flushed(tableDay: TableDay, rows: number, bytes: number, newest: number): void {
    const { counters } = this;
    counters[WRITER.rows_written] += rows;
    counters[WRITER.bytes_written] += Math.ceil(bytes / 64);
    counters[WRITER.flushes]++;
    const drain = this.drains[tableDay.key.ring];
    drain[DRAIN.rows_written] += rows;
    drain[DRAIN.bytes_written] += Math.ceil(bytes / 64);
    if (newest > drain[DRAIN.last_row]) drain[DRAIN.last_row] = newest;
    if (counters[WRITER.disk_failing] === 1) {
      counters[WRITER.disk_failing] = 0;
      this.log('info', 'the disk takes writes again');
    }
  }

  private diskFailed(error: unknown, tableDay: TableDay): void {
    const { counters } = this;
    const code = (error as NodeJS.ErrnoException).code ?? '';
    counters[WRITER.disk_errors]++;
    counters[WRITER.last_error] = (constants.errno as Readonly<Record<string, number>>)[code] ?? 0;
    this.failingUntilMs = monotonicMs() + RETRY_MS;
    if (counters[WRITER.disk_failing] === 1) return;
    counters[WRITER.disk_failing] = 1;
    this.log(
      'error',
      `cannot write to ${tableDay.key.folder}: ${messageOf(error)}; rows are kept and it is tried again every ${RETRY_MS} ms`,
    );
  }

  /** Too much memory waits: writes the oldest early. False when the disk refuses. */
  private relieve(): boolean {
    while (this.dirty.length > 0 && this.stagedBytes >= STAGED_BYTES_MAX / 2) {
      const { tableDay } = this.dirty[0];
      if (!this.flushOldest()) return false;
      this.rest(tableDay);
    }
    return true;
  }

  private rest(tableDay: TableDay): void {
    const before = tableDay.bytes;
    tableDay.rest();
    this.stagedBytes += tableDay.bytes - before;
  }

  private housekeeping(now: number): void {
    this.housekeepingMs = now;
    for (
      let got = receiveMessageOnPort(this.port);
      got !== undefined;
      got = receiveMessageOnPort(this.port)
    ) {
      const command = got.message as WriterCommand;
      if (command.kind === 'stop') this.stopping = true;
      else if (command.kind === 'flush') this.flushRing(command.ring);
      else {
        this.add(command.rings, command.streams);
        this.port.postMessage({ kind: 'added' } satisfies WriterReport);
      }
    }
    this.counters[WRITER.buffered_rows] =
      this.counters[WRITER.rows_drained] - this.counters[WRITER.rows_written];
    if (now >= this.failingUntilMs) {
      this.guard('refused messages', () => this.rejected.flush());
      this.guard("tomorrow's files", () => this.tomorrow.turn(Date.now(), this.tableDays.values()));
    }
    this.restIdle(now);
  }

  private restIdle(now: number): void {
    for (const [name, tableDay] of this.tableDays) {
      if (tableDay.waiting || now - tableDay.lastUsedMs < IDLE_MS || tableDay.lastUsedMs === 0) continue;
      this.rest(tableDay);
      const slot = Number(name.split(' ')[0]);
      if (this.current[slot] !== tableDay) this.tableDays.delete(name);
      tableDay.lastUsedMs = 0;
    }
  }

  private guard(what: string, act: () => void): void {
    try {
      act();
    } catch (error) {
      this.counters[WRITER.disk_errors]++;
      this.log('error', `cannot write ${what}: ${messageOf(error)}`);
    }
  }

  /** The end of a stop: everything that waits goes to the files, whatever its age. */
  private finish(): void {
    this.failingUntilMs = 0;
    for (const tableDay of this.tableDays.values()) {
      if (tableDay.waiting && !this.flush(tableDay)) this.lost(tableDay);
      tableDay.rest();
    }
    this.guard('refused messages', () => this.rejected.flush());
    this.rejected.close();
    this.counters[WRITER.buffered_rows] = 0;
    this.counters[WRITER.stopped] = 1;
    this.port.postMessage({ kind: 'stopped' } satisfies WriterReport);
  }

  private lost(tableDay: TableDay): void {
    this.failingUntilMs = 0;
    this.counters[WRITER.dropped_rows] += tableDay.staged;
    this.log(
      'error',
      `${tableDay.staged} rows of ${tableDay.key.folder} could not be written before the end`,
    );
  }

  private log(level: 'info' | 'warn' | 'error', text: string): void {
    this.port.postMessage({ kind: 'log', level, text } satisfies WriterReport);
  }
}

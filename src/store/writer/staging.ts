/**
 * The rows that were taken from the rings and wait for their column files: by table-day, written when they are due,
 * when a table-day is full, or when too much memory waits. Writer thread only; take() is HOT, once per row.
 */
import { assert, messageOf } from '../../base/errors.js';
import { DRAIN, STORED, WRITER } from '../../counters/declarations.js';
import { type DecodedText, decodeRecord } from '../../schema/codec.js';
import {
  DAY_WORD,
  PADDING_TABLE_ID,
  recordTableId,
  recordWords,
  STREAM_WORD,
  type Table,
} from '../../schema/layout.js';
import { GAPS, TABLES } from '../../schema/tables.js';
import { TEXT_KIND, TEXT_TABLE_ID } from '../../schema/text.js';
import { Damaged } from '../columns/found_files.js';
import { RejectedLog } from '../columns/rejected.js';
import { RowArena } from '../columns/row_arena.js';
import { TableDay, type TableDayKey, type TableDayOptions } from '../columns/table_day.js';
import type { DiskHealth } from '../disk/disk_health.js';
import { type FilePool, FilesGone } from '../disk/file_pool.js';
import { isOfPath } from '../disk/io.js';
import { tableDirectory } from '../disk/paths.js';
import type { Quarantine } from '../disk/quarantine.js';
import type { RejectedState, States } from '../journal/states.js';
import type { WriterStream } from './messages.js';

/** Flushing goes on for so long before the rings are looked at again. */
const FLUSH_SLICE_MS = 4;
/** The same once rows are older than they should ever become. */
const LATE_FLUSH_SLICE_MS = 20;
/** Part of the flush interval after which a table-day is due; the rest is for the flush itself. */
const DUE_PART = 0.8;
/** A table-day without new rows gives its descriptors back, and unused memory goes, too. */
const IDLE_MS = 60_000;
/** Table-days that are opened before what was taken goes to the journal, gaps apart: each costs dozens of system calls. */
const OPENED_PER_TAKE = 8;
const TABLE_SLOTS = 256;
/** Of a stream and table: the newest day and the list of its rows. */
const SLOT_WORDS = 2;
const NO_DAY = -1;

/** Tables by their id. */
const TABLE_BY_ID: readonly (Table | undefined)[] = Array.from({ length: TABLE_SLOTS }, (_, id) =>
  TABLES.find((t) => t.id === id),
);

/** By id: position in TABLES. */
const POSITIONS = Uint8Array.from({ length: TABLE_SLOTS }, (_, id) =>
  Math.max(
    0,
    TABLES.findIndex((t) => t.id === id),
  ),
);

export interface StagingOptions {
  readonly dataPath: string;
  readonly flushIntervalMs: number;
  readonly rowsPerTableDay: number;
  /** memory for waiting rows of all table-days together; rings wait when the disk does not relieve it */
  readonly stagedBytesMax: number;
  readonly exact: boolean;
  readonly files: FilePool;
  readonly journaled: boolean;
  readonly quarantine: Quarantine;
  readonly counters: Uint32Array;
  /** blocks of STORED_COUNTERS by exchange */
  readonly stored: ReadonlyMap<string, SharedArrayBuffer>;
  readonly disk: DiskHealth;
  readonly nowMs: () => number;
}

/** What the journal must know. */
export interface StagingEvents {
  /** a table-day was opened; its rows come next */
  readonly opened: (tableDay: TableDay) => void;
  /** rows that were found and could not stay are in the quarantine (tableDay.lost) */
  readonly lost: (tableDay: TableDay) => void;
  readonly openedRejected: (state: RejectedState) => void;
  /** what stood in the place of a file is in the quarantine */
  readonly setAside: (path: string) => void;
  /** files of a table-day are about to be written; throws when that must not be */
  readonly beforeFlush: (tableDay: TableDay) => void;
  /** whether beforeFlush() would not have to wait */
  readonly flushable: (tableDay: TableDay) => boolean;
  /** the first row of a day */
  readonly dayBegan: () => void;
}

export interface StagedSnapshot {
  readonly states: States;
  /** whether the files hold all of it */
  readonly reached: () => boolean;
}

export class Staging {
  readonly rejected: RejectedLog;
  private readonly waiting = new RowArena();
  private readonly streams: (WriterStream | undefined)[] = [];
  private readonly drains: Uint32Array[] = [];
  private readonly stored: ReadonlyMap<string, Uint32Array>;
  /** newest table-day of each stream and table, at stream × TABLES.length + position of the table */
  private slots = new Int32Array(0);
  /** by list */
  private readonly listed: (TableDay | undefined)[] = [];
  private readonly tableDays = new Map<string, TableDay>();
  /** table-days in the order in which their oldest waiting row came; entries of rows that were written early are stale */
  private readonly dirty: { readonly tableDay: TableDay; readonly sinceMs: number }[] = [];
  private readonly dueMs: number;
  private readonly rowsMax: number;
  private readonly tableDayOptions: TableDayOptions;
  private newestDay = 0;
  private openedNow = 0;
  private restedMs = 0;

  constructor(
    private readonly options: StagingOptions,
    private readonly events: StagingEvents,
  ) {
    const { dataPath, files, journaled, quarantine, exact } = options;
    this.dueMs = options.flushIntervalMs * DUE_PART;
    this.rowsMax = options.rowsPerTableDay;
    this.stored = new Map([...options.stored].map(([id, memory]) => [id, new Uint32Array(memory)]));
    this.rejected = new RejectedLog(dataPath, files, quarantine, {
      opened: events.openedRejected,
      setAside: events.setAside,
    });
    this.tableDayOptions = {
      rowsMax: options.rowsPerTableDay,
      exact,
      journaled,
      quarantine,
      files,
      waiting: this.waiting,
    };
  }

  addRing(drain: Uint32Array): void {
    this.drains.push(drain);
  }

  addStream(stream: WriterStream): void {
    this.streams[stream.stream] = stream;
    const end = (stream.stream + 1) * TABLES.length * SLOT_WORDS;
    if (end <= this.slots.length) return;
    const slots = new Int32Array(2 * end).fill(NO_DAY);
    slots.set(this.slots);
    this.slots = slots;
  }

  /** Stages whole records of words[from, to) of a ring until one has no room; answers the end of what it has staged. */
  take(words: Uint32Array, from: number, to: number, ring: number): number {
    let rows = 0;
    let at = from;
    let least = -1;
    this.openedNow = 0;
    while (at < to) {
      if (this.openedNow >= OPENED_PER_TAKE) {
        if (least < 0) least = behindGaps(words, at, to);
        if (at >= least) break;
      }
      const id = recordTableId(words[at]);
      const size = recordWords(words[at]);
      if (id === PADDING_TABLE_ID || at + size > to) break;
      if (id === TEXT_TABLE_ID) {
        if (!this.text(words, at)) break;
      } else if (this.row(words, at, ring)) rows++;
      else break;
      at += size;
    }
    this.options.counters[WRITER.rows_drained] += rows;
    this.drains[ring][DRAIN.rows_drained] += rows;
    return at;
  }

  /** False when there is no room and the disk refuses: the row waits in the ring. */
  row(words: Uint32Array, index: number, ring: number): boolean {
    const slot = words[index + STREAM_WORD] * TABLES.length + POSITIONS[recordTableId(words[index])];
    const day = words[index + DAY_WORD];
    const { slots, waiting } = this;
    let list = slots[slot * SLOT_WORDS + 1];
    if (slots[slot * SLOT_WORDS] !== day) list = this.otherDay(words, index, slot, day, ring);
    if (list < 0) return false;
    if (waiting.rows(list) >= this.rowsMax && !this.flushReady(this.of(list))) return false;
    if (waiting.rows(list) === 0) this.markDirty(this.of(list));
    waiting.stage(list, words, index, recordWords(words[index]));
    if (ring !== waiting.ring(list)) this.of(list).cameFrom(ring);
    return true;
  }

  private of(list: number): TableDay {
    return this.listed[list] as TableDay;
  }

  private markDirty(tableDay: TableDay): void {
    tableDay.sinceMs = this.options.nowMs();
    this.dirty.push({ tableDay, sinceMs: tableDay.sinceMs });
  }

  /** The first row of a day, or a late one of an earlier day; -1 when the disk refuses to be looked at. */
  private otherDay(words: Uint32Array, index: number, slot: number, day: number, ring: number): number {
    const name = `${slot} ${day}`;
    const table = TABLE_BY_ID[recordTableId(words[index])] as Table;
    const tableDay =
      this.tableDays.get(name) ?? this.openTableDay(name, words[index + STREAM_WORD], table, day, ring);
    if (tableDay === undefined) return -1;
    const { slots } = this;
    if (slots[slot * SLOT_WORDS] < day) {
      slots[slot * SLOT_WORDS] = day;
      slots[slot * SLOT_WORDS + 1] = tableDay.list;
    }
    return tableDay.list;
  }

  private openTableDay(
    name: string,
    stream: number,
    table: Table,
    day: number,
    ring: number,
  ): TableDay | undefined {
    const { exchange, directory } = this.announced(stream);
    const folder = tableDirectory(this.options.dataPath, exchange, directory, table.name);
    if (this.options.disk.refuses('columns')) return undefined;
    this.openedNow++;
    const tableDay = new TableDay({ table, exchange, directory, day, ring, folder }, this.tableDayOptions);
    try {
      openOrSetAside(tableDay);
    } catch (error) {
      this.options.disk.failed('columns', error, folder);
      return undefined;
    }
    this.tableDays.set(name, tableDay);
    this.listed[tableDay.list] = tableDay;
    this.events.opened(tableDay);
    if (tableDay.lost !== undefined) this.events.lost(tableDay);
    if (day > this.newestDay) {
      if (this.newestDay > 0) this.events.dayBegan();
      this.newestDay = day;
    }
    return tableDay;
  }

  /** A stream by its number. */
  announced(stream: number): WriterStream {
    const spec = this.streams[stream];
    assert(spec !== undefined, `stream ${stream} was announced to the writer`);
    return spec;
  }

  /** Stages a text record; false when the disk refuses and it waits in the ring. */
  text(words: Uint32Array, index: number): boolean {
    const { kind, stream, day, tableId, detail, text } = decodeRecord(words, index) as DecodedText;
    if (kind === TEXT_KIND.rejected) return this.rejectedText(stream, day, detail, text);
    const slot = stream * TABLES.length + POSITIONS[tableId];
    const tableDay = this.tableDays.get(`${slot} ${day}`);
    if (tableDay === undefined) return true;
    if (!tableDay.waiting) this.markDirty(tableDay);
    tableDay.stageLiteral(detail, text);
    return true;
  }

  private rejectedText(stream: number, day: number, reason: number, text: string): boolean {
    const { disk } = this.options;
    const { exchange } = this.announced(stream);
    if (disk.refuses('refused messages')) return false;
    try {
      this.rejected.stage(exchange, day, reason, text);
      return true;
    } catch (error) {
      disk.failed('refused messages', error, exchange);
      return false;
    }
  }

  /**
   * Writes what is due, a slice at a time so that the rings do not wait; answers whether more is due. `pressed`: much
   * waits in the rings, where it can be lost; what is late here is in the journal.
   */
  flushDue(pressed: boolean): boolean {
    const started = this.options.nowMs();
    const late = this.dirty.length > 0 && started - this.dirty[0].sinceMs > this.options.flushIntervalMs;
    const slice = late && !pressed ? LATE_FLUSH_SLICE_MS : FLUSH_SLICE_MS;
    while (this.dirty.length > 0 && started - this.dirty[0].sinceMs > this.dueMs) {
      if (!this.flushOldest()) return false;
      if (this.options.nowMs() - started > slice) return true;
    }
    return false;
  }

  /** False when the disk refuses, or the journal is not so far yet. */
  private flushOldest(): boolean {
    const { tableDay, sinceMs } = this.dirty[0];
    const due = tableDay.waiting && tableDay.sinceMs === sinceMs;
    if (due && !this.flushReady(tableDay)) return false;
    this.dirty.shift();
    return true;
  }

  /** Writes one table-day unless that would have to wait for the journal; false when its rows wait on. */
  private flushReady(tableDay: TableDay): boolean {
    return this.events.flushable(tableDay) && this.flush(tableDay);
  }

  /** Writes one table-day; false when the disk refused and the rows wait on. */
  private flush(tableDay: TableDay): boolean {
    const { disk } = this.options;
    const { staged } = tableDay;
    if (disk.refuses('columns')) return false;
    try {
      const byRing = tableDay.waitingByRing();
      this.events.beforeFlush(tableDay);
      const { recv_time } = tableDay.key.table.at;
      const newest = recv_time === undefined || staged === 0 ? 0 : tableDay.newest(recv_time);
      const bytes = tableDay.flush();
      tableDay.lastUsedMs = this.options.nowMs();
      this.flushed(tableDay, byRing, staged, bytes, newest);
      return true;
    } catch (error) {
      this.flushFailed(tableDay, error);
      return false;
    }
  }

  /** What one table-day alone cannot use goes the way of files that were removed. */
  private flushFailed(tableDay: TableDay, error: unknown): void {
    const { folder } = tableDay.key;
    const alone = isOfPath(error) && tableDay.unusable === undefined;
    if (alone) tableDay.unusable = error;
    this.options.disk.failed('columns', alone ? new FilesGone(folder, messageOf(error)) : error, folder);
  }

  private flushed(
    { key }: TableDay,
    byRing: ReadonlyMap<number, number>,
    rows: number,
    bytes: number,
    newest: number,
  ): void {
    const { counters, disk } = this.options;
    const units = Math.ceil(bytes / 64);
    counters[WRITER.rows_written] += rows;
    counters[WRITER.bytes_written] += units;
    counters[WRITER.flushes]++;
    for (const [ring, part] of byRing) this.drains[ring][DRAIN.rows_written] += part;
    const stored = this.stored.get(key.exchange);
    if (stored !== undefined) {
      stored[STORED.rows_written] += rows;
      stored[STORED.bytes_written] += units;
      if (newest > stored[STORED.last_row]) stored[STORED.last_row] = newest;
    }
    disk.worked('columns');
  }

  /** Every table-day that is known. */
  opened(): Iterable<TableDay> {
    return this.tableDays.values();
  }

  get openedCount(): number {
    return this.tableDays.size;
  }

  /** Writes what waits, of one ring or of all; false when the disk refuses. */
  flushNow(ring?: number): boolean {
    for (const tableDay of this.tableDays.values()) {
      const wanted = ring === undefined || tableDay.waitingByRing().has(ring);
      if (wanted && tableDay.waiting && !this.flush(tableDay)) return false;
    }
    return true;
  }

  /** The stream and ring of a table-day that is known. */
  streamOf({ exchange, directory }: TableDayKey): WriterStream {
    const found = this.streams.find((s) => s?.exchange === exchange && s.directory === directory);
    assert(found !== undefined, `${exchange} ${directory} was announced to the writer`);
    return found;
  }

  /** Writes everything whatever its age and answers the table-days that could not be written. */
  flushAll(): TableDay[] {
    return [...this.tableDays.values()].filter((tableDay) => {
      this.options.disk.retryNow();
      const left = tableDay.waiting && !this.flush(tableDay);
      tableDay.rest();
      return left;
    });
  }

  flushRejected(): boolean {
    const { disk } = this.options;
    if (disk.refuses('refused messages')) return false;
    try {
      this.rejected.flush();
      disk.worked('refused messages');
      return true;
    } catch (error) {
      disk.failed('refused messages', error, this.options.dataPath);
      return false;
    }
  }

  /** Memory in which rows wait. */
  get bytes(): number {
    return this.waiting.bytes;
  }

  get overfull(): boolean {
    return this.bytes >= this.options.stagedBytesMax;
  }

  /** Too much memory is held: writes the oldest early. False when that cannot be now. */
  relieve(): boolean {
    while (this.dirty.length > 0 && this.bytes >= this.options.stagedBytesMax / 2)
      if (!this.flushOldest()) return false;
    return true;
  }

  restIdle(now: number): void {
    if (now - this.restedMs < IDLE_MS) return;
    this.restedMs = now;
    this.waiting.rest();
    for (const [name, tableDay] of this.tableDays) {
      if (tableDay.waiting || now - tableDay.lastUsedMs < IDLE_MS || tableDay.lastUsedMs === 0) continue;
      tableDay.rest();
      tableDay.lastUsedMs = 0;
      const slot = Number(name.split(' ')[0]);
      if (this.slots[slot * SLOT_WORDS + 1] === tableDay.list) continue;
      this.tableDays.delete(name);
      this.listed[tableDay.list] = undefined;
    }
  }

  /** What all files hold when everything that waits is written, and the way to learn when they do. */
  snapshot(): StagedSnapshot {
    const tableDays = [...this.tableDays.values()].map((tableDay) => ({ tableDay, state: tableDay.state() }));
    const rejected = this.rejected.states();
    return {
      states: { tableDays: tableDays.map(({ state }) => state), rejected },
      reached: () =>
        this.rejected.reached(rejected) && tableDays.every(({ tableDay, state }) => tableDay.reached(state)),
    };
  }
}

/** Files that cannot be gone on with stop nothing but themselves. */
function openOrSetAside(tableDay: TableDay): void {
  try {
    tableDay.open();
  } catch (error) {
    if (!(error instanceof Damaged)) throw error;
    tableDay.setAside(error);
  }
}

/**
 * Where the last row of GAPS among words[from, to) ends. It follows the rows that show its gap: a kill that leaves them
 * in the journal and not it would leave a gap in a table without ids that nothing tells of any more.
 */
function behindGaps(words: Uint32Array, from: number, to: number): number {
  let end = from;
  for (let at = from; at < to && recordTableId(words[at]) !== PADDING_TABLE_ID; at += recordWords(words[at]))
    if (recordTableId(words[at]) === GAPS.id) end = at + recordWords(words[at]);
  return end;
}

/** Rows among the records words[from, to). */
export function countRows(words: Uint32Array, from: number, to: number): number {
  let rows = 0;
  for (let index = from; index < to; index += recordWords(words[index])) {
    const id = recordTableId(words[index]);
    if (id === PADDING_TABLE_ID) break;
    if (TABLE_BY_ID[id] !== undefined) rows++;
  }
  return rows;
}

/** Receive time of the record at `index` in ms since 1970, or 0 when it has none. */
export function receivedMs(words: Uint32Array, index: number): number {
  const at = TABLE_BY_ID[recordTableId(words[index])]?.at;
  if (at?.recv_time === undefined) return 0;
  return words[index + at.recv_time] * 1000 + words[index + at.recv_nanos] / 1e6;
}

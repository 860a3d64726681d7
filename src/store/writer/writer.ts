/**
 * The writer: takes blocks of records from the rings in turn, appends them to the journal, stages them by table-day and
 * appends them to the column files before they are older than the flush interval. A ring gets its words back when the
 * journal has them. It owns its thread and blocks in system calls as it likes; the rings are what keeps the shards
 * going meanwhile. It knows nothing of sockets, and nothing that reads the files can slow it down. drain() is HOT.
 */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { monotonicMs, WallClock } from '../../base/clock.js';
import { EXIT } from '../../base/errors.js';
import { STAGED_BYTES_MAX } from '../../base/limits.js';
import { DRAIN, STOPPED, WRITER } from '../../counters/declarations.js';
import { HistogramWriter } from '../../counters/histogram.js';
import type { LostRows } from '../columns/lost_rows.js';
import type { TableDay } from '../columns/table_day.js';
import { DiskHealth, DiskUnreliable, type Log } from '../disk/disk_health.js';
import { FilePool } from '../disk/file_pool.js';
import type { StoreIo } from '../disk/io.js';
import { isoDay } from '../disk/paths.js';
import { Quarantine, quarantineName } from '../disk/quarantine.js';
import { BLOCK_KIND, type StreamEntry } from '../journal/format.js';
import type { Journal } from '../journal/journal.js';
import { ProgressWriter } from '../journal/progress.js';
import { journalFolder } from '../journal/start.js';
import { encodeStates, type RejectedState, type TableDayState } from '../journal/states.js';
import { Checkpointer } from './checkpointer.js';
import { NextDayFiles } from './day_files.js';
import { Durability } from './durability.js';
import { Losses, NotedLosses } from './losses.js';
import type {
  WriterCommand,
  WriterInit,
  WriterJournal,
  WriterReport,
  WriterRing,
  WriterStream,
} from './messages.js';
import { RemovedFiles } from './removed_files.js';
import { RingIntake } from './ring_intake.js';
import { Sleep } from './sleep.js';
import { countRows, Staging } from './staging.js';
import { StoreRequests } from './store_requests.js';
import { LongestAge } from './windows.js';

export type { WriterCommand, WriterInit, WriterReport, WriterRing, WriterStream } from './messages.js';

/** A turn that found less than this is followed by a sleep: a few large writes cost less than many small ones. */
const QUIET_WORDS = 8 * 1024;
/** Rings that were found fuller than one turn can empty are gone on with for so long. */
const DRAIN_SLICE_MS = 10;
const HOUSEKEEPING_MS = 100;
/** A disk that refuses for so long after a stop will not take what waits in the rings any more. */
const STOP_MS_MAX = 4000;

export class Writer {
  protected readonly journal: Journal | undefined;
  private readonly durability: Durability | undefined;
  private readonly checkpointer: Checkpointer | undefined;
  private readonly staging: Staging;
  private readonly disk: DiskHealth;
  private readonly rings: RingIntake[] = [];
  private readonly drains: Uint32Array[] = [];
  private readonly streams: StreamEntry[] = [];
  private readonly counters: Uint32Array;
  private readonly latency: HistogramWriter;
  private readonly sleep: Sleep;
  private readonly quarantine: Quarantine;
  private readonly losses: Losses;
  private readonly noted: NotedLosses | undefined;
  private uncommitted = false;
  private readonly ringWait = new LongestAge();
  private readonly unjournaled = new LongestAge();
  private readonly clock = new WallClock();
  private readonly nextDay: NextDayFiles;
  private readonly removedFiles: RemovedFiles;
  private firstRing = 0;
  /** opened since the last block, to be noted in the journal before their first row */
  private readonly openedTableDays: { readonly tableDay: TableDay; readonly state: TableDayState }[] = [];
  private readonly openedRejected: RejectedState[] = [];
  private rejectedBase = 0;
  private readonly stores = new StoreRequests(this.rings);
  private housekeepingMs = 0;
  /** more is due to be flushed than one turn could do, and more waits in the rings than it could take */
  private behind = false;
  private pressed = false;
  private stopping = false;
  private stopMs = 0;

  constructor(
    private readonly init: WriterInit,
    private readonly port: MessagePort,
    private readonly io: StoreIo,
    private readonly nowMs: () => number = monotonicMs,
  ) {
    const counters = (this.counters = new Uint32Array(init.counters));
    this.latency = new HistogramWriter(init.latency);
    this.sleep = new Sleep(init.doorbell, () => this.backlog());
    const log: Log = (level, text) => this.post({ kind: 'log', level, text });
    const disk = (this.disk = new DiskHealth(counters, log, nowMs));
    const { dataPath, journal } = init;
    this.quarantine = new Quarantine(io, dataPath, quarantineName(Date.now()));
    this.losses = new Losses(counters, this.drains);
    const files = new FilePool(io, init.descriptorsMax, () => counters[WRITER.files_opened]++);
    this.staging = new Staging(
      {
        ...init,
        stagedBytesMax: STAGED_BYTES_MAX,
        files,
        journaled: journal !== undefined,
        quarantine: this.quarantine,
        counters,
        disk,
        nowMs,
      },
      {
        opened: (tableDay) => this.noteBase(tableDay),
        lost: (tableDay) => this.lost(tableDay),
        openedRejected: (state) => this.openedRejected.push(state),
        setAside: (path) =>
          log(
            'error',
            `${path} is no file of ours; it is in ${this.quarantine.folder}, and a new one is begun`,
          ),
        beforeFlush: (tableDay) => this.beforeFlush(tableDay),
        flushable: (tableDay) => this.flushable(tableDay),
        dayBegan: () => this.checkpointer?.hasten(),
      },
    );
    this.nextDay = new NextDayFiles(io, init.exact);
    this.add(init.rings, init.streams);
    if (journal !== undefined) {
      const { drains } = this;
      const streams = () => this.streams;
      const progress = journal.progress && new ProgressWriter(journal.progress);
      const shared = { io, dataPath, drains, counters, progress, disk, log, nowMs };
      this.durability = new Durability({ ...shared, journal, streams });
      this.journal = this.durability.journal;
      this.checkpointer = this.startCheckpoints(this.journal, journal, progress, log);
      this.noted = new NotedLosses(io, journalFolder(dataPath), this.losses);
      this.noted.add(init.streams);
    }
    const { staging, checkpointer, drains } = this;
    this.removedFiles = new RemovedFiles({
      ...{ io, dataPath, staging, journal: this.journal, checkpointer, counters, drains, disk, log },
      begunAgain: (tableDay) => this.noteBase(tableDay),
      append: (record) => this.appendRecords(record, 0, record.length, 0),
    });
  }

  private startCheckpoints(
    journal: Journal,
    options: WriterJournal,
    progress: ProgressWriter | undefined,
    log: Log,
  ): Checkpointer {
    const { io, counters, disk, nowMs } = this;
    const { dataPath } = this.init;
    const checkpointer = new Checkpointer(journal, this.staging, {
      io,
      dataPath,
      folder: journalFolder(dataPath),
      intervalMs: options.checkpointMs,
      journalBytesMax: options.bytesMax,
      freeBytesMin: options.freeBytesMin,
      ...{ counters, progress, disk, log, nowMs },
    });
    checkpointer.start();
    return checkpointer;
  }

  private add(rings: readonly WriterRing[], streams: readonly WriterStream[]): void {
    for (const { ring, drain } of rings) {
      this.rings.push(new RingIntake(ring, this.rings.length));
      this.drains.push(new Uint32Array(drain));
      this.staging.addRing(this.drains[this.drains.length - 1]);
    }
    const entries = streams.map(
      ({ stream, exchange, directory, symbol }) => [stream, exchange, directory, symbol] as const,
    );
    for (const stream of streams) this.staging.addStream(stream);
    this.noted?.add(streams);
    this.streams.push(...entries);
    if (this.journal === undefined || entries.length === 0) return;
    this.appendJson(BLOCK_KIND.streams, entries);
  }

  /** Runs until a stop command has been carried out: everything published is in the files then. */
  run(): void {
    try {
      this.post({ kind: 'ready' });
      while (!this.stopping || (this.backlog() > 0 && !this.givesUp())) {
        const words = this.doWork();
        if (this.behind || this.pressed || words >= QUIET_WORDS) continue;
        this.sleep.after(words, this.durability?.pending() === true);
      }
      this.finish();
    } catch (error) {
      if (!(error instanceof DiskUnreliable)) throw error;
      this.post({ kind: 'fatal', status: EXIT.ioError, text: error.message });
    }
  }

  private makeNextDayFiles(): void {
    const { disk } = this;
    if (disk.refuses("tomorrow's files")) return;
    try {
      this.nextDay.doWork(Date.now(), this.staging.opened());
      disk.worked("tomorrow's files");
    } catch (error) {
      disk.failed("tomorrow's files", error, this.init.dataPath);
    }
  }

  /** Everything that is due once; answers the number of words taken from the rings. */
  protected doWork(): number {
    // before what was removed is begun again nothing is taken and nothing is written
    const whole = !this.disk.isFailing('files') || this.removedFiles.doWork();
    const drained = whole ? this.drainAll() : 0;
    this.behind = whole && this.staging.flushDue(this.pressed);
    this.counters[WRITER.heartbeat]++;
    const now = this.nowMs();
    this.durability?.doWork(now);
    if (now - this.housekeepingMs > HOUSEKEEPING_MS) this.housekeeping(now);
    return drained;
  }

  private backlog(): number {
    return this.rings.reduce((words, { ring }) => words + ring.backlog(), 0);
  }

  private givesUp(): boolean {
    return this.counters[WRITER.disk_failing] === 1 && this.nowMs() - this.stopMs > STOP_MS_MAX;
  }

  /** Takes what is there; answers the number of words. A pass leaves much behind when it had files to look for. */
  private drainAll(): number {
    const started = this.nowMs();
    let words = 0;
    do {
      const taken = this.drainOnce();
      words += taken;
      this.pressed = taken > 0 && this.backlog() >= QUIET_WORDS;
    } while (this.pressed && this.nowMs() - started < DRAIN_SLICE_MS);
    return words;
  }

  /** One pass over all rings; answers the number of words taken. */
  private drainOnce(): number {
    if (!this.commit()) return 0;
    const { rings, staging } = this;
    this.listLosses();
    this.clock.read();
    let words = 0;
    for (let n = 0; n < rings.length; n++) {
      if (staging.overfull && !staging.relieve()) break;
      if (this.durability?.full()) break;
      // not always the same ring first when there is not room for all
      words += this.drain(rings[(this.firstRing + n) % rings.length]);
    }
    this.firstRing++;
    this.commit();
    return words;
  }

  /** Rows that cannot stay in their files: logged at once, and listed at the next turn. */
  private lost({ key, lost }: TableDay): void {
    const { rows, why } = lost as LostRows;
    const { exchange, directory, table, day } = key;
    const what = rows === 0 ? 'what is behind is in' : `listed in GAPS are ${rows} rows, which are in`;
    const text = `${exchange} ${directory} ${table.name} ${isoDay(day)}: ${why}; ${what} ${this.quarantine.folder}, the day goes on without them`;
    this.post({ kind: 'log', level: 'error', text });
    this.losses.add(this.staging.streamOf(key), key, lost as LostRows);
  }

  private listLosses(): void {
    this.losses.stage(this.staging, (record) => {
      this.appendRecords(record, 0, record.length, 0);
      this.uncommitted = true;
    });
  }

  /** Stages one run of records of one ring and appends it to the journal. */
  private drain(intake: RingIntake): number {
    const words = intake.take(this.staging);
    if (intake.receivedMs > 0) this.ringWait.seen(this.wallMs() - intake.receivedMs);
    if (words === 0) return 0;
    this.uncommitted = true;
    const { ring, from, to, wrapped } = intake;
    if (to > from) this.appendRecords(ring.u32, from, to, wrapped);
    return words;
  }

  private appendRecords(words: Uint32Array, from: number, to: number, wrapped: number): void {
    const { journal } = this;
    if (journal === undefined) return;
    this.appendBases();
    this.durability?.appending();
    journal.appendRecords(words, from, to, wrapped);
  }

  private appendJson(kind: number, value: unknown): void {
    this.durability?.appending();
    this.journal?.appendJson(kind, value);
    this.uncommitted = true;
  }

  private noteBase(tableDay: TableDay): void {
    this.openedTableDays.push({ tableDay, state: tableDay.state() });
  }

  /** Tells the journal what was opened, before the first row of it. */
  private appendBases(): void {
    const { openedTableDays, openedRejected, journal } = this;
    if (journal === undefined || openedTableDays.length + openedRejected.length === 0) return;
    const tableDays = openedTableDays.map(({ state }) => state);
    this.appendJson(BLOCK_KIND.bases, encodeStates({ tableDays, rejected: openedRejected }));
    for (const { tableDay } of openedTableDays) tableDay.baseSequence = journal.sequence;
    if (openedRejected.length > 0) this.rejectedBase = journal.sequence;
    openedTableDays.length = openedRejected.length = 0;
  }

  /** Files are written only when it is durable what they held before: recovery must know which to cut. */
  private beforeFlush(tableDay: TableDay): void {
    this.appendBases();
    if (this.journal !== undefined && tableDay.baseSequence > this.journal.synced) this.journal.sync();
  }

  private flushable(tableDay: TableDay): boolean {
    this.appendBases();
    return this.durability?.reached(tableDay.baseSequence) ?? true;
  }

  /** Hands what was taken to the journal's file and gives the words back to the rings; false when the disk refuses. */
  private commit(): boolean {
    if (!this.uncommitted) return true;
    const { journal, disk } = this;
    if (journal !== undefined) {
      if (disk.refuses('journal')) return false;
      try {
        journal.write();
        disk.worked('journal');
      } catch (error) {
        disk.failed('journal', error, journalFolder(this.init.dataPath));
        return false;
      }
    }
    this.uncommitted = false;
    this.clock.read();
    const now = this.wallMs();
    for (const intake of this.rings) {
      if (intake.taken === 0) continue;
      intake.release();
      if (intake.receivedMs === 0) continue;
      this.latency.record((now - intake.receivedMs) * 1000, 1);
      this.unjournaled.seen(now - intake.receivedMs);
    }
    return true;
  }

  /** ms since 1970 by the last look at the clock */
  private wallMs(): number {
    return this.clock.now[0] * 1000 + this.clock.now[1] / 1e6;
  }

  protected receive(): WriterCommand | undefined {
    return receiveMessageOnPort(this.port)?.message;
  }

  protected post(report: WriterReport): void {
    this.port.postMessage(report);
  }

  private housekeeping(now: number): void {
    this.housekeepingMs = now;
    for (let command = this.receive(); command !== undefined; command = this.receive())
      this.carryOut(command);
    const { counters, journal, staging } = this;
    counters[WRITER.buffered_rows] = counters[WRITER.rows_drained] - counters[WRITER.rows_written];
    counters[WRITER.ring_wait_ms] = this.ringWait.read(now);
    counters[WRITER.unjournaled_ms] = this.unjournaled.read(now);
    counters[WRITER.quarantined] = Math.ceil(this.quarantine.bytes / 64);
    if (journal !== undefined) {
      counters[WRITER.journal_size] = Math.ceil(journal.bytes / 65_536);
      counters[WRITER.unsynced_ms] = this.durability?.unsyncedMs(now) ?? 0;
    }
    if (!this.disk.isFailing('files')) this.removedFiles.sample();
    if (this.disk.isFailing('files')) return;
    if (journal === undefined || journal.synced >= this.rejectedBase) staging.flushRejected();
    this.stores.doWork(
      (ring) => staging.flushNow(ring),
      (request) => this.post({ kind: 'stored', request }),
    );
    staging.restIdle(now);
    this.forgetListed();
    this.makeNextDayFiles();
    this.checkpointer?.doWork();
    if (journal !== undefined) this.disk.attempt('journal', this.init.dataPath, () => journal.doWork());
  }

  private forgetListed(): void {
    const { journal } = this;
    if (journal !== undefined)
      this.disk.attempt('journal', this.init.dataPath, () => this.noted?.doWork(journal));
  }

  private carryOut(command: WriterCommand): void {
    if (command.kind === 'stop') {
      this.stopping = true;
      this.stopMs = this.nowMs();
    } else if (command.kind === 'store') this.stores.add(command.ring, command.request);
    else if (command.kind === 'cover')
      this.checkpointer?.cover(() => this.post({ kind: 'covered', request: command.request }));
    else {
      this.add(command.rings, command.streams);
      this.post({ kind: 'added' });
    }
  }

  /** The end of a stop: everything that waits goes to the files, whatever its age. */
  protected finish(): void {
    const { counters, staging } = this;
    this.removedFiles.sample(true);
    this.disk.retryNow();
    if (this.disk.isFailing('files')) this.removedFiles.doWork();
    this.listLosses();
    const journaled = this.durability !== undefined && this.commit() && this.durability.complete();
    if (journaled) this.forgetListed();
    const unwritten = staging.flushAll();
    const complete = staging.flushRejected() && unwritten.length === 0;
    staging.rejected.close();
    this.countNotKept(journaled, unwritten);
    this.countLeft();
    if (!complete) this.reportUnwritten(unwritten.length);
    const ended = complete && journaled && this.endJournal();
    counters[WRITER.buffered_rows] = 0;
    counters[WRITER.stopped] = ended || this.journal === undefined ? STOPPED.complete : STOPPED.redo;
    this.post({ kind: 'stopped' });
  }

  /** Rows that neither this end nor the next start brings to the files. */
  private countNotKept(journaled: boolean, unwritten: readonly TableDay[]): void {
    if (journaled) return;
    const lost =
      this.journal === undefined
        ? unwritten.reduce((rows, { staged }) => rows + staged, 0)
        : // what is in the files but not in the journal is cut off by the next start
          this.drains.reduce(
            (rows, drain) => rows + ((drain[DRAIN.rows_drained] - drain[DRAIN.rows_durable]) >>> 0),
            0,
          );
    this.counters[WRITER.dropped_rows] += lost;
  }

  private reportUnwritten(tableDays: number): void {
    const lost = this.counters[WRITER.dropped_rows];
    const kept = this.journal === undefined ? '' : ', the others are in the journal for the next start';
    const text = `${tableDays} table-days could not be written before the end: ${lost} rows are lost${kept}`;
    this.post({ kind: 'log', level: 'error', text });
  }

  /** False when the next start has something to redo. */
  private endJournal(): boolean {
    try {
      if (this.checkpointer?.end()) return true;
      const text =
        'the disk is too slow for a last checkpoint; every row is in the journal, and the next start redoes those behind the checkpoint before';
      this.post({ kind: 'log', level: 'warn', text });
    } catch (error) {
      this.disk.failed('checkpoint', error, journalFolder(this.init.dataPath));
    }
    return false;
  }

  /** Rows that are still in the rings: the disk has refused to the end. */
  private countLeft(): void {
    for (const intake of this.rings) {
      const { ring } = intake;
      // what was taken is staged and was counted there
      intake.release();
      for (let words = ring.take(); words > 0; words = ring.take()) {
        this.counters[WRITER.dropped_rows] += countRows(ring.u32, ring.start, ring.start + words);
        ring.release(words);
      }
    }
  }
}

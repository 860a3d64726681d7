/**
 * When the journal is made durable, and what is durable then. The calls run in the background (journal.ts): of the rows
 * that were drained, those count that were in the journal when the call began. Writer thread only; doWork() is called
 * once per turn and does nothing most of the time.
 */
import { DRAIN, WRITER } from '../../counters/declarations.js';
import type { DiskHealth, Log } from '../disk/disk_health.js';
import type { StoreIo } from '../disk/io.js';
import type { StreamEntry } from '../journal/format.js';
import { Journal, type JournalEvent } from '../journal/journal.js';
import type { ProgressWriter } from '../journal/progress.js';
import { journalFolder, startOfJournal } from '../journal/start.js';
import type { WriterJournal } from './messages.js';

/** A process that was stopped for a while was not kept by the disk: no more than this counts between two looks. */
const LOOK_MS_MAX = 200;

export interface DurabilityOptions {
  readonly io: StoreIo;
  readonly dataPath: string;
  readonly journal: WriterJournal;
  /** streams known now */
  readonly streams: () => readonly StreamEntry[];
  /** counters of every ring */
  readonly drains: readonly Uint32Array[];
  readonly counters: Uint32Array;
  /** who follows the journal sees it there */
  readonly progress: ProgressWriter | undefined;
  readonly disk: DiskHealth;
  readonly log: Log;
  readonly nowMs: () => number;
}

export class Durability {
  readonly journal: Journal;
  private readonly folder: string;
  /** by ring: rows that will be durable when the call that runs has ended */
  private readonly covered: number[] = [];
  /** monotonic ms of the oldest block that no call covers, and of the oldest that one does */
  private sinceMs = 0;
  private coveredSinceMs = 0;
  private hurried = false;
  private crowded = false;
  private looked: object | undefined;
  private lookedMs = 0;
  private runningMs = 0;

  constructor(private readonly options: DurabilityOptions) {
    const { io, dataPath, journal, streams } = options;
    this.folder = journalFolder(dataPath);
    const event = (event: JournalEvent, amount: number) => this.event(event, amount);
    const start = startOfJournal(io, dataPath);
    this.journal = new Journal(
      io,
      this.folder,
      { segmentBytes: journal.segmentBytes, streams, event, poisoned: (why) => this.poisoned(why) },
      start,
    );
    options.progress?.durable(this.journal.synced);
  }

  private event(event: JournalEvent, amount: number): void {
    const { counters, drains } = this.options;
    if (event === 'wrote') counters[WRITER.journal_written] += Math.ceil(amount / 64);
    else if (event === 'poisoned') {
      counters[WRITER.journal_poisoned]++;
      if (this.coveredSinceMs > 0) this.sinceMs = this.coveredSinceMs;
    } else if (event === 'covered') {
      this.coveredSinceMs = this.sinceMs;
      for (let ring = 0; ring < drains.length; ring++) this.covered[ring] = drains[ring][DRAIN.rows_drained];
    } else {
      this.coveredSinceMs = 0;
      this.options.progress?.durable(this.journal.synced);
      counters[WRITER.journal_syncs]++;
      counters[WRITER.journal_sync_us] = Math.round(amount * 1000);
      // a ring may have been added meanwhile
      for (let ring = 0; ring < this.covered.length; ring++)
        drains[ring][DRAIN.rows_durable] = this.covered[ring];
    }
  }

  private poisoned(why: string): void {
    const text = `the journal could not be made durable once: ${why}; its last blocks go to a new segment, and a second failure ends the process`;
    this.options.log('warn', text);
  }

  /** A block is about to be appended. */
  appending(): void {
    if (this.journal.uncoveredBytes === 0) this.sinceMs = this.options.nowMs();
    this.options.counters[WRITER.journal_blocks]++;
  }

  /** Whether a call runs or will be due. */
  pending(): boolean {
    return this.journal.underWay !== undefined || this.journal.uncoveredBytes > 0;
  }

  /** Whether the rings have to wait: too much is not durable yet. */
  full(): boolean {
    const { crowded } = this.journal;
    if (crowded && !this.crowded) this.options.counters[WRITER.journal_waits]++;
    this.crowded = crowded;
    return crowded;
  }

  /** Whether a block is durable; when it is not, the next call comes soon. */
  reached(sequence: number): boolean {
    if (sequence <= this.journal.synced) return true;
    this.hurried = true;
    return false;
  }

  /** Takes note of a call that has ended and begins the next one when it is due. */
  doWork(now: number): void {
    const { journal, options } = this;
    const begins = this.due(now) || options.disk.isFailing('journal');
    if (begins || journal.underWay !== undefined) this.attempt(() => this.goOn(now, begins));
    options.counters[WRITER.journal_sync_running_ms] = this.running(now);
  }

  private goOn(now: number, begins: boolean): void {
    const { journal } = this;
    for (let first = begins; journal.settle() && (first || this.due(now)); first = false) {
      this.hurried = false;
      journal.startSync();
    }
  }

  private due(now: number): boolean {
    const { journal, hurried, options } = this;
    if (!journal.steady) return true;
    if (journal.uncoveredBytes === 0) return false;
    return hurried || journal.crowded || now - this.sinceMs >= options.journal.syncMs;
  }

  /** For how long the call that runs has been running, in ms. */
  private running(now: number): number {
    const { underWay } = this.journal;
    const passed = Math.min(now - this.lookedMs, LOOK_MS_MAX);
    this.runningMs = underWay === undefined || underWay !== this.looked ? 0 : this.runningMs + passed;
    this.looked = underWay;
    this.lookedMs = now;
    return Math.round(this.runningMs);
  }

  /** Makes everything durable before it returns; false when the disk refuses. */
  complete(): boolean {
    return this.attempt(() => this.journal.sync());
  }

  private attempt(act: () => void): boolean {
    const { disk } = this.options;
    if (disk.refuses('journal')) return false;
    try {
      act();
      if (this.journal.underWay === undefined) disk.worked('journal');
      return true;
    } catch (error) {
      disk.failed('journal', error, this.folder);
      return false;
    }
  }

  /** Age in ms of the oldest row that a power cut would cost. */
  unsyncedMs(now: number): number {
    const { unsyncedBytes, uncoveredBytes } = this.journal;
    if (unsyncedBytes === 0) return 0;
    return now - (uncoveredBytes < unsyncedBytes ? this.coveredSinceMs : this.sinceMs);
  }
}

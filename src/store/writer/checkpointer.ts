/**
 * Takes checkpoints while capture goes on, in five steps: asks for a new segment; when it is there, notes what the
 * files hold at that block; waits until the ordinary flushes have brought them there and begins to make the file system
 * durable; when that has ended, writes the checkpoint; when that is durable, removes segments. What is flushed
 * meanwhile may be durable or not: the checkpoint does not count on it. Writer thread only; all steps run between two
 * turns over the rings.
 */
import { LAST_CHECKPOINT_MS_MAX } from '../../base/limits.js';
import { WRITER } from '../../counters/declarations.js';
import { type DiskHealth, DiskUnreliable, type Log } from '../disk/disk_health.js';
import { type StoreIo, wasTried } from '../disk/io.js';
import { Replacement } from '../disk/replacement.js';
import { checkpointBytes, writeCheckpoint } from '../journal/checkpoint.js';
import { cursorPath, cutOff, readCursors, removableUpTo } from '../journal/cursors.js';
import { CHECKPOINT_FILE } from '../journal/format.js';
import type { Journal } from '../journal/journal.js';
import type { ProgressWriter } from '../journal/progress.js';
import { NO_STATES, type States } from '../journal/states.js';
import type { StagedSnapshot, Staging } from './staging.js';

export interface CheckpointerOptions {
  readonly io: StoreIo;
  readonly dataPath: string;
  readonly folder: string;
  readonly intervalMs: number;
  readonly journalBytesMax: number;
  readonly freeBytesMin: number;
  readonly counters: Uint32Array;
  /** who follows the journal sees it there */
  readonly progress: ProgressWriter | undefined;
  readonly disk: DiskHealth;
  readonly log: Log;
  readonly nowMs: () => number;
}

/** A sink that lags no further holds so little that its end would not make room. */
const HELD_SEGMENTS_MIN = 4;
/** How often the end of a sync is looked for when there is nothing else to do. */
const SYNC_POLL_MS = 5;

interface Begun {
  readonly sequence: number;
  readonly segment: number;
  readonly snapshot: StagedSnapshot;
}

export class Checkpointer {
  /** a new segment was asked for */
  private rotating = false;
  private begun: Begun | undefined;
  /** monotonic ms at which the running sync began; undefined while none runs */
  private syncingSinceMs: number | undefined;
  private replacement: Replacement | undefined;
  private nextMs: number;
  /** newest block that a checkpoint covers */
  private covered: number;
  private coveredSegment = 0;
  /** sinks whose cursor cannot be read */
  private readonly toldCursors = new Set<string>();
  private waiting: { readonly sequence: number; readonly tell: () => void } | undefined;

  constructor(
    private readonly journal: Journal,
    private readonly staging: Staging,
    private readonly options: CheckpointerOptions,
  ) {
    this.covered = journal.sequence;
    this.nextMs = options.nowMs() + options.intervalMs;
  }

  /** Marks the first segment of this process, so that its loss would be noticed. */
  start(): void {
    this.journal.sync();
    this.write(this.journal.sequence, this.journal.currentSegment, NO_STATES);
  }

  /** A new day begins: what the old one holds should be safe soon. */
  hasten(): void {
    this.nextMs = 0;
  }

  /**
   * Calls back when a checkpoint covers everything that was taken from the rings up to now; only the latest caller is.
   */
  cover(tell: () => void): void {
    this.waiting = { sequence: this.journal.sequence, tell };
    this.hasten();
  }

  private tellCovered(): void {
    if (this.waiting === undefined || this.covered < this.waiting.sequence) return;
    this.waiting.tell();
    this.waiting = undefined;
  }

  /** Goes on as far as is possible now. */
  doWork(): void {
    this.tellCovered();
    const { disk, folder, nowMs } = this.options;
    const due = nowMs() >= this.nextMs && this.journal.sequence > this.covered;
    if (!due && this.begun === undefined && !disk.isFailing('checkpoint')) return;
    if (disk.refuses('checkpoint')) return;
    try {
      if (this.begun === undefined) {
        if (!this.begin()) return;
      } else if (this.replacement !== undefined) {
        if (!this.replaced(this.replacement)) return;
        this.complete(this.begun);
      } else if (this.syncingSinceMs !== undefined) {
        if (!this.syncEnded()) return;
        this.replacement = this.replace(this.begun);
        if (this.replaced(this.replacement)) this.complete(this.begun);
      } else if (this.isReached(this.begun)) this.beginSync();
      else return;
      disk.worked('checkpoint');
    } catch (error) {
      disk.failed('checkpoint', error, folder);
    }
  }

  /** False until the new segment is there. */
  private begin(): boolean {
    if (!this.rotating) this.journal.startRotation();
    this.rotating = true;
    const { steady, sequence, currentSegment } = this.journal;
    if (!steady) return false;
    this.rotating = false;
    this.begun = { sequence, segment: currentSegment, snapshot: this.staging.snapshot() };
    return true;
  }

  /** Files and journal hold what was noted: a sink reads up to the checkpoint from the journal. */
  private isReached({ sequence, snapshot }: Begun): boolean {
    return this.journal.synced >= sequence && snapshot.reached();
  }

  /** The files are durable: the checkpoint that says so takes its place, in the background. */
  private replace({ sequence, segment, snapshot }: Begun): Replacement {
    const { io, folder } = this.options;
    const { segmentsUsed } = this.journal;
    const bytes = checkpointBytes({ sequence, segment, segmentsUsed, states: snapshot.states });
    return new Replacement(io, folder, CHECKPOINT_FILE, bytes, this.journal);
  }

  private replaced(replacement: Replacement): boolean {
    try {
      return replacement.doWork();
    } catch (error) {
      // it is written anew behind another sync of the file system
      replacement.abandon();
      this.replacement = undefined;
      throw error;
    }
  }

  private complete({ sequence, segment }: Begun): void {
    this.wrote(sequence, segment);
    this.replacement = this.begun = undefined;
    this.nextMs = this.options.nowMs() + this.options.intervalMs;
    this.removeSegments();
    this.limitSize();
  }

  /** Everything is in its files: what comes next goes to a new segment, and a recovery begins there. */
  beginAgain(): void {
    const { io, dataPath, nowMs, intervalMs } = this.options;
    // one that runs began before the files were made again
    this.syncWithin(Number.POSITIVE_INFINITY);
    this.giveUp();
    this.rotating = false;
    this.journal.rotate();
    this.syncing(() => io.syncFs(dataPath));
    this.syncEnds();
    this.write(this.journal.sequence, this.journal.currentSegment, this.staging.snapshot().states);
    this.nextMs = nowMs() + intervalMs;
    this.removeSegments();
  }

  /** Whatever has been begun does not become a checkpoint. */
  private giveUp(): void {
    this.journal.settle(true);
    this.replacement?.abandon();
    this.replacement = this.begun = undefined;
  }

  /**
   * The last checkpoint, when every row is in its files: the next start has nothing to do. False when the disk takes
   * too long for it; then the journal stays, and the next start redoes what is behind the checkpoint before.
   */
  end(): boolean {
    this.journal.sync();
    this.giveUp();
    const { sequence } = this.journal;
    const deadline = this.options.nowMs() + LAST_CHECKPOINT_MS_MAX;
    // one that runs began before the last rows were written
    if (!this.syncWithin(deadline)) return false;
    this.beginSync();
    if (!this.syncWithin(deadline)) return false;
    this.write(sequence, 0, NO_STATES);
    this.journal.close(this.removable());
    return true;
  }

  private beginSync(): void {
    const { io, dataPath, nowMs } = this.options;
    this.syncing(() => io.beginSyncFs(dataPath));
    this.syncingSinceMs = nowMs();
  }

  private syncEnded(): boolean {
    const { io, counters, nowMs } = this.options;
    const since = this.syncingSinceMs as number;
    if (!this.syncing(() => io.syncFsEnded())) return false;
    this.syncEnds();
    counters[WRITER.checkpoint_ms] = Math.round(nowMs() - since);
    return true;
  }

  private syncEnds(): void {
    this.syncingSinceMs = undefined;
    this.options.counters[WRITER.checkpoint_syncs] = 0;
  }

  private syncing<R>(act: () => R): R {
    this.options.counters[WRITER.checkpoint_syncs] = 1;
    try {
      return act();
    } catch (error) {
      this.syncEnds();
      // what the kernel could not write it now takes for written: only a redo writes it again
      if (wasTried(error)) throw new DiskUnreliable(`the column files cannot be made durable: ${error}`);
      throw error;
    }
  }

  /** Waits for the running sync; false when it has not ended by then. */
  private syncWithin(deadlineMs: number): boolean {
    const pause = new Int32Array(new SharedArrayBuffer(4));
    while (this.syncingSinceMs !== undefined && !this.syncEnded()) {
      if (this.options.nowMs() > deadlineMs) return false;
      Atomics.wait(pause, 0, 0, SYNC_POLL_MS);
    }
    return true;
  }

  private write(sequence: number, segment: number, states: States): void {
    const { io, folder } = this.options;
    writeCheckpoint(io, folder, { sequence, segment, segmentsUsed: this.journal.segmentsUsed, states });
    this.wrote(sequence, segment);
  }

  private wrote(sequence: number, segment: number): void {
    this.covered = sequence;
    this.coveredSegment = segment;
    this.options.counters[WRITER.checkpoints]++;
    this.options.progress?.checkpoint(sequence);
  }

  /** The segment that the checkpoint names stays. */
  private removeSegments(): void {
    this.journal.removeUpTo(this.removable(), this.coveredSegment);
  }

  private removable(): number {
    const cursors = readCursors(this.options.io, this.options.folder);
    for (const { sink, damaged } of cursors) {
      if (!damaged || this.toldCursors.has(sink)) continue;
      this.toldCursors.add(sink);
      const path = cursorPath(this.options.folder, sink);
      this.options.log(
        'warn',
        `${path} is no {"position": n}: the journal is kept for it until it is mended or removed`,
      );
    }
    return removableUpTo(this.covered, cursors);
  }

  /** No sink may fill the disk: beyond a limit the slowest one loses its claim. */
  private limitSize(): void {
    const { io, dataPath, journalBytesMax, freeBytesMin } = this.options;
    while (this.journal.bytes > journalBytesMax)
      if (!this.cutOffSlowest(`the journal has reached its limit of ${journalBytesMax} bytes`)) return;
    // room comes back a little at a time: one per checkpoint
    if (this.journal.segmentsHeld <= HELD_SEGMENTS_MIN) return;
    const free = io.freeBytes(dataPath);
    if (free < freeBytesMin)
      this.cutOffSlowest(`the disk has ${free} bytes left, and ${freeBytesMin} are to stay free`);
  }

  /** False when no sink holds anything. */
  private cutOffSlowest(why: string): boolean {
    const { io, folder, counters, log } = this.options;
    const cursors = readCursors(io, folder).filter(({ position }) => position < this.covered);
    if (cursors.length === 0) return false;
    const slowest = cursors.reduce((a, b) => (b.position < a.position ? b : a));
    cutOff(io, folder, slowest);
    counters[WRITER.cursors_cut_off]++;
    log(
      'error',
      `${why}: the sink ${slowest.sink} is cut off at block ${slowest.position} of ${this.covered}; ` +
        'what it missed is in the column files',
    );
    this.removeSegments();
    return true;
  }
}

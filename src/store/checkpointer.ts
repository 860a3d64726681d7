/**
 * Takes checkpoints while capture goes on, in three steps: begins a new segment and notes what the files hold at that
 * block; waits until the ordinary flushes have brought them there; makes the file system durable and writes the
 * checkpoint. Only then are segments removed. Writer thread only; all steps run between two turns over the rings.
 */
import { WRITER } from '../counters/declarations.js';
import { writeCheckpoint } from './checkpoint.js';
import { cutOff, readCursors, removableUpTo } from './cursors.js';
import { type DiskHealth, DiskUnreliable, type Log } from './disk_health.js';
import { type StoreIo, wasTried } from './io.js';
import type { Journal } from './journal.js';
import type { StagedSnapshot, Staging } from './staging.js';
import { NO_STATES, type States } from './states.js';

export interface CheckpointerOptions {
  readonly io: StoreIo;
  readonly dataPath: string;
  readonly folder: string;
  readonly intervalMs: number;
  readonly journalBytesMax: number;
  readonly counters: Uint32Array;
  readonly disk: DiskHealth;
  readonly log: Log;
  readonly nowMs: () => number;
}

interface Begun {
  readonly sequence: number;
  readonly segment: number;
  readonly snapshot: StagedSnapshot;
}

export class Checkpointer {
  private begun: Begun | undefined;
  private nextMs: number;
  /** newest block that a checkpoint covers */
  private covered: number;
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
    this.journal.write();
    this.write(this.journal.sequence, this.journal.currentSegment, NO_STATES);
  }

  /** A new day begins: what the old one holds should be safe soon. */
  hasten(): void {
    this.nextMs = 0;
  }

  /** Tells when a checkpoint covers everything that was taken from the rings up to now; only the latest who asks is told. */
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
  turn(): void {
    this.tellCovered();
    const { disk, folder, nowMs } = this.options;
    const due = nowMs() >= this.nextMs && this.journal.sequence > this.covered;
    if (!due && this.begun === undefined && !disk.isFailing('checkpoint')) return;
    if (disk.refuses('checkpoint')) return;
    try {
      if (this.begun === undefined) this.begin();
      else if (!this.begun.snapshot.reached()) return;
      else this.complete(this.begun);
      disk.worked('checkpoint');
    } catch (error) {
      disk.failed('checkpoint', error, folder);
    }
  }

  private begin(): void {
    this.journal.rotate();
    const { sequence, currentSegment } = this.journal;
    this.begun = { sequence, segment: currentSegment, snapshot: this.staging.snapshot() };
  }

  private complete({ sequence, segment, snapshot }: Begun): void {
    this.syncFiles();
    this.write(sequence, segment, snapshot.states);
    this.begun = undefined;
    this.nextMs = this.options.nowMs() + this.options.intervalMs;
    this.journal.removeUpTo(this.removable());
    this.limitSize();
  }

  /** Everything is in its files: what comes next goes to a new segment, and a recovery begins there. */
  beginAgain(): void {
    const { nowMs, intervalMs } = this.options;
    this.begun = undefined;
    this.journal.rotate();
    this.syncFiles();
    this.write(this.journal.sequence, this.journal.currentSegment, this.staging.snapshot().states);
    this.nextMs = nowMs() + intervalMs;
    this.journal.removeUpTo(this.removable());
  }

  /** The last checkpoint, when every row is in its files: the next start has nothing to do. */
  end(): void {
    this.journal.sync();
    const { sequence } = this.journal;
    this.syncFiles();
    this.write(sequence, 0, NO_STATES);
    this.journal.close(this.removable());
  }

  private syncFiles(): void {
    const { io, dataPath, counters } = this.options;
    const started = performance.now();
    counters[WRITER.checkpoint_syncs] = 1;
    try {
      io.syncFs(dataPath);
    } catch (error) {
      // what the kernel could not write it now takes for written: only a redo writes it again
      if (wasTried(error)) throw new DiskUnreliable(`the column files cannot be made durable: ${error}`);
      throw error;
    } finally {
      counters[WRITER.checkpoint_syncs] = 0;
    }
    counters[WRITER.checkpoint_ms] = Math.round(performance.now() - started);
  }

  private write(sequence: number, segment: number, states: States): void {
    const { io, folder, counters } = this.options;
    writeCheckpoint(io, folder, { sequence, segment, segmentsUsed: this.journal.segmentsUsed, states });
    this.covered = sequence;
    counters[WRITER.checkpoints]++;
  }

  private removable(): number {
    return removableUpTo(this.covered, readCursors(this.options.io, this.options.folder));
  }

  /** No sink may fill the disk: beyond the limit the slowest one loses its claim. */
  private limitSize(): void {
    const { io, folder, journalBytesMax, counters, log } = this.options;
    while (this.journal.bytes > journalBytesMax) {
      const cursors = readCursors(io, folder).filter(({ position }) => position < this.covered);
      if (cursors.length === 0) return;
      const slowest = cursors.reduce((a, b) => (b.position < a.position ? b : a));
      cutOff(io, folder, slowest);
      counters[WRITER.cursors_cut_off]++;
      log(
        'error',
        `the journal has reached its limit of ${journalBytesMax} bytes: the sink ${slowest.sink} is cut off at block ` +
          `${slowest.position} of ${this.covered}; what it missed is in the column files`,
      );
      this.journal.removeUpTo(this.removable());
    }
  }
}

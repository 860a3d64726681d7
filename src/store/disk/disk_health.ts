/**
 * What the writer knows about the disk: which of its parts it refuses, when that is tried again, and the counters and
 * log lines that report it. Writer thread only.
 */
import { errnoOf, messageOf } from '../../base/errors.js';
import { WRITER } from '../../counters/declarations.js';
import { FilesGone } from './file_pool.js';

/** Something that was reported as on disk is not, or it is unknown what is: the process must end and recover. */
export class DiskUnreliable extends Error {}

export type DiskPart =
  | 'columns'
  | 'journal'
  | 'checkpoint'
  | 'refused messages'
  | "tomorrow's files"
  /** files in use were removed; nothing is written before new ones are begun (writer/removed_files.ts) */
  | 'files';
export type Log = (level: 'info' | 'warn' | 'error', text: string) => void;

const RETRY_MS = 500;

export class DiskHealth {
  /** parts that are refused, with the time of the next try */
  private readonly failing = new Map<DiskPart, number>();

  constructor(
    private readonly counters: Uint32Array,
    private readonly log: Log,
    private readonly nowMs: () => number,
  ) {}

  /** Whether a part was refused so lately that it is not tried again yet. */
  refuses(part: DiskPart): boolean {
    const until = this.failing.get(part);
    return until !== undefined && this.nowMs() < until;
  }

  isFailing(part: DiskPart): boolean {
    return this.failing.has(part);
  }

  /** A call has failed and nothing was forgotten; throws on what no second try can mend. */
  failed(tried: DiskPart, error: unknown, path: string): void {
    if (error instanceof DiskUnreliable) throw error;
    const part = error instanceof FilesGone ? 'files' : tried;
    // an error without a code is a mistake of ours
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    const { counters } = this;
    counters[WRITER.disk_errors]++;
    counters[WRITER.last_error] = errnoOf(error);
    const known = this.failing.has(part);
    this.failing.set(part, this.nowMs() + RETRY_MS);
    counters[WRITER.disk_failing] = 1;
    if (known) return;
    if (part === 'files') counters[WRITER.removals]++;
    this.log(
      'error',
      `${part}: cannot write to ${path}: ${messageOf(error)}; what waits is kept and tried again every ${RETRY_MS} ms`,
    );
  }

  worked(part: DiskPart): void {
    if (this.failing.size === 0 || !this.failing.delete(part)) return;
    this.counters[WRITER.disk_failing] = this.failing.size > 0 ? 1 : 0;
    this.log('info', `${part}: the disk takes writes again`);
  }

  /** Does what can wait: what the disk refuses is tried again later. */
  attempt(part: DiskPart, path: string, act: () => void): void {
    if (this.refuses(part)) return;
    try {
      act();
    } catch (error) {
      this.failed(part, error, path);
    }
  }

  /** At the end there is no later. */
  retryNow(): void {
    for (const part of this.failing.keys()) this.failing.set(part, 0);
  }
}

/**
 * Room on the file system of the data directory, and for how long it lasts at the present rate, so that a full disk
 * announces itself a day ahead. Main thread, once a second; the call itself runs on the thread pool, because a file
 * system may hang.
 */
import { statfs } from 'node:fs/promises';

export type DiskLevel = 'ok' | 'warn' | 'degraded' | 'unhealthy';

export interface DiskState {
  readonly free_bytes: number;
  /** null where the file system has no fixed number of files */
  readonly free_inodes: number | null;
  /** null when nothing is being used up, or nothing is known yet */
  readonly runway_seconds: number | null;
  readonly level: DiskLevel;
}

/** Runway in seconds below which a level begins. */
const LEVELS: readonly (readonly [DiskLevel, number])[] = [
  ['unhealthy', 300],
  ['degraded', 3600],
  ['warn', 86_400],
];
const SPACING_MS = 5000;
const WINDOW_MS = 600_000;
/** A shorter time shows bursts, not a rate. */
const KNOWN_MS = 60_000;
const DAY_SECS = 86_400;

export function levelOf(runwaySecs: number): DiskLevel {
  return LEVELS.find(([, below]) => runwaySecs < below)?.[0] ?? 'ok';
}

/**
 * For how many seconds `free` lasts: at the rate at which it went down, or at which we ourselves wrote, whichever is
 * larger, over the last minutes.
 */
export class Runway {
  private readonly samples: { readonly ms: number; readonly free: number; readonly written: number }[] = [];

  /** Takes free and written bytes at a monotonic time; answers seconds, Infinity when nothing points to an end. */
  add(ms: number, free: number, written: number): number {
    const { samples } = this;
    const last = samples.at(-1);
    if (last === undefined || ms - last.ms >= SPACING_MS) samples.push({ ms, free, written });
    while (samples.length > 1 && ms - samples[1].ms >= WINDOW_MS) samples.shift();
    const [oldest] = samples;
    if (free === 0) return 0;
    if (ms - oldest.ms < KNOWN_MS) return Number.POSITIVE_INFINITY;
    const used = Math.max(oldest.free - free, written - oldest.written);
    return used <= 0 ? Number.POSITIVE_INFINITY : (free * (ms - oldest.ms)) / 1000 / used;
  }
}

/** Files are created once a day: for how many seconds `free` of them last at `perDay`, from `nowMs` (wall clock). */
export function inodeRunway(free: number, perDay: number, nowMs: number): number {
  if (perDay === 0) return Number.POSITIVE_INFINITY;
  const untilMidnight = DAY_SECS - (Math.floor(nowMs / 1000) % DAY_SECS);
  return free === 0 ? 0 : untilMidnight + Math.floor(free / perDay) * DAY_SECS;
}

export class DiskWatch {
  private readonly runway = new Runway();
  private asking = false;
  private current: DiskState | undefined;

  constructor(
    private readonly dataPath: string,
    private readonly changed: (state: DiskState) => void,
  ) {}

  /** What was seen last; undefined before the first answer. */
  get state(): DiskState | undefined {
    return this.current;
  }

  /** Looks again, unless the last look has not come back; `filesPerDay`: column files of one day. */
  look(bytesWritten: number, filesPerDay: number): void {
    if (this.asking) return;
    this.asking = true;
    statfs(this.dataPath)
      .then(({ bavail, bsize, files, ffree }) => {
        const free = bavail * bsize;
        const bytes = this.runway.add(performance.now(), free, bytesWritten);
        const inodes = files === 0 ? Number.POSITIVE_INFINITY : inodeRunway(ffree, filesPerDay, Date.now());
        this.take(free, files === 0 ? null : ffree, Math.min(bytes, inodes));
      })
      // a directory that is gone is made again by whoever writes to it
      .catch(() => {})
      .finally(() => {
        this.asking = false;
      });
  }

  private take(free_bytes: number, free_inodes: number | null, runway: number): void {
    const before = this.current?.level ?? 'ok';
    const runway_seconds = Number.isFinite(runway) ? Math.floor(runway) : null;
    this.current = { free_bytes, free_inodes, runway_seconds, level: levelOf(runway) };
    if (this.current.level !== before) this.changed(this.current);
  }
}

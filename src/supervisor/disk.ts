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
  /** the same in words */
  readonly forecast: string | null;
  readonly level: DiskLevel;
}

/** A level begins when the room lasts for less than `belowSecs` at the rate of the last `windowSecs`. */
export const DISK_LEVELS = {
  unhealthy: { belowSecs: 300, windowSecs: 300 },
  degraded: { belowSecs: 3600, windowSecs: 600 },
  warn: { belowSecs: 86_400, windowSecs: 3600 },
} as const satisfies Partial<Record<DiskLevel, { belowSecs: number; windowSecs: number }>>;

const LEVELS = Object.entries(DISK_LEVELS) as [
  keyof typeof DISK_LEVELS,
  { belowSecs: number; windowSecs: number },
][];
const WINDOW_MS_MAX = Math.max(...LEVELS.map(([, { windowSecs }]) => windowSecs)) * 1000;
const SPACING_MS = 5000;
const DAY_SECS = 86_400;
/** What is further away than this is not worth a word. */
const FORECAST_SECS_MAX = 365 * DAY_SECS;

/** What is looked at each time. */
export interface Room {
  /** bytes */
  readonly free: number;
  /** bytes that new files take when they are made, per file; 0 where their number is not known */
  readonly block: number;
  /** files that can still be made */
  readonly files: number;
  /** bytes that we ourselves have written since the start */
  readonly written: number;
}

export interface Forecast {
  /** Infinity when nothing points to an end */
  readonly seconds: number;
  readonly level: DiskLevel;
}

export function levelOf(runwaySecs: number): DiskLevel {
  return LEVELS.find(([, { belowSecs }]) => runwaySecs < belowSecs)?.[0] ?? 'ok';
}

/**
 * For how long bytes last. Each level looks at a window of its own, the longer the further ahead it speaks. What a
 * window used up is what went from the free bytes, less the first block of new files, or what we ourselves wrote,
 * whichever is larger. The rate is that of the whole window or of its newer half, whichever is lower: a burst is in one
 * of them only.
 */
export class Runway {
  private readonly samples: (Room & { readonly ms: number })[] = [];

  /** Takes what is free at a monotonic time. */
  add(ms: number, room: Room): Forecast {
    const { samples } = this;
    const last = samples.at(-1);
    if (last === undefined || ms - last.ms >= SPACING_MS) samples.push({ ms, ...room });
    while (samples.length > 1 && ms - samples[1].ms >= WINDOW_MS_MAX) samples.shift();
    if (room.free === 0) return { seconds: 0, level: 'unhealthy' };
    let seconds = Number.POSITIVE_INFINITY;
    for (const [level, { belowSecs, windowSecs }] of LEVELS) {
      const seen = (ms - samples[0].ms) / 1000;
      // a window that has not been seen to its end counts as idle before, and less than a fifth of it says nothing
      if (seen < windowSecs / 5) break;
      const lasts = room.free / this.rate(ms, room, windowSecs);
      if (lasts < belowSecs) return { seconds: lasts, level };
      if (seen >= windowSecs) seconds = lasts;
    }
    return { seconds, level: 'ok' };
  }

  /** Bytes a second. */
  private rate(ms: number, room: Room, windowSecs: number): number {
    return Math.min(
      ...[windowSecs, windowSecs / 2].map((secs) => this.usedSince(ms - secs * 1000, room) / secs),
    );
  }

  private usedSince(ms: number, { free, files, written }: Room): number {
    const then = this.samples.find((sample) => sample.ms >= ms) ?? this.samples[this.samples.length - 1];
    const newFiles = Math.max(0, then.files - files) * then.block;
    return Math.max(0, then.free - free - newFiles, written - then.written);
  }
}

/** Files are created once a day: for how many seconds `free` of them last at `perDay`, from `nowMs` (wall clock). */
export function inodeRunway(free: number, perDay: number, nowMs: number): number {
  if (perDay === 0) return Number.POSITIVE_INFINITY;
  const untilMidnight = DAY_SECS - (Math.floor(nowMs / 1000) % DAY_SECS);
  return free === 0 ? 0 : untilMidnight + Math.floor(free / perDay) * DAY_SECS;
}

/** A duration as a person says it. */
export function durationText(seconds: number): string {
  const units = [
    ['day', DAY_SECS],
    ['hour', 3600],
    ['minute', 60],
  ] as const;
  const [name, size] = units.find(([, size]) => seconds === size || seconds >= size * 1.5) ?? units[2];
  const count = Math.max(1, Math.round(seconds / size));
  return `${count} ${name}${count === 1 ? '' : 's'}`;
}

/** What the figures mean, in words; null when nothing points to an end. */
export function forecastText(bytesSecs: number, filesSecs: number): string | null {
  if (bytesSecs <= 0) return 'the disk is full';
  if (filesSecs <= 0) return 'the file system has no room for another file';
  if (Math.min(bytesSecs, filesSecs) >= FORECAST_SECS_MAX) return null;
  if (filesSecs < bytesSecs)
    return `no room for the files of another day in about ${durationText(filesSecs)}`;
  return `the disk will be full in about ${durationText(bytesSecs)} at the present rate`;
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
  sample(written: number, filesPerDay: number): void {
    if (this.asking) return;
    this.asking = true;
    statfs(this.dataPath)
      .then(({ bavail, bsize, files, ffree }) => {
        const counted = files !== 0;
        const room = { free: bavail * bsize, block: counted ? bsize : 0, files: ffree, written };
        const bytes = this.runway.add(performance.now(), room);
        const inodes = counted ? inodeRunway(ffree, filesPerDay, Date.now()) : Number.POSITIVE_INFINITY;
        this.take(room.free, counted ? ffree : null, bytes, inodes);
      })
      // a directory that is gone is made again by the first write to it
      .catch(() => {})
      .finally(() => {
        this.asking = false;
      });
  }

  private take(free_bytes: number, free_inodes: number | null, bytes: Forecast, inodes: number): void {
    const before = this.current?.level ?? 'ok';
    const runway = Math.min(bytes.seconds, inodes);
    this.current = {
      free_bytes,
      free_inodes,
      runway_seconds: Number.isFinite(runway) ? Math.floor(runway) : null,
      forecast: forecastText(bytes.seconds, inodes),
      level: inodes < bytes.seconds ? levelOf(inodes) : bytes.level,
    };
    if (this.current.level !== before) this.changed(this.current);
  }
}

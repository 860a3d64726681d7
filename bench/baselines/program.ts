/**
 * Programs that take trades from the benchmark's server, as processes: start, count of CPU by the kernel, end. All
 * threads of a program and its children count, from the end of the warm-up on.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

/** Ticks of /proc per second; the same on every Linux that Node runs on. */
const TICKS_PER_S = 100;
const LOOK_MS = 100;
/** A program of which nothing came for so long is stuck: an error is better than to wait without end. */
const WAIT_MS_MAX = 240_000;

/** Fields of /proc/PID/stat behind the name, which may hold anything. */
function statOf(pid: number | 'self'): string[] {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}

const UTIME = 11;
const CUTIME = 13;

function ticksUs(fields: readonly string[], from: number): number {
  return ((Number(fields[from]) + Number(fields[from + 1])) / TICKS_PER_S) * 1e6;
}

/** Microseconds of CPU of all children of this process that have ended, with theirs. */
function cpuOfEnded(): number {
  return ticksUs(statOf('self'), CUTIME);
}

/** Microseconds of CPU of each thread that runs, to the nanosecond; none where the kernel does not tell. */
function threadTimes(pid: number): Map<string, number> {
  const times = new Map<string, number>();
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      const [nanos] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ');
      times.set(thread, Number(nanos) / 1000);
    } catch {
      // it has just ended, or there are no such files
    }
  }
  return times;
}

/** What a process had used at some moment. */
export interface Moment {
  readonly cpu_us: number;
  readonly threads: ReadonlyMap<string, number>;
}

/**
 * Microseconds of CPU between two moments: by its threads, because a program that does little may use less than a tick;
 * in ticks when a thread has ended meanwhile, whose time is known to the process alone.
 */
export function cpuBetween(before: Moment, after: Moment): number {
  const known = [...before.threads.keys()].every((thread) => after.threads.has(thread));
  if (!known || after.threads.size === 0) return after.cpu_us - before.cpu_us;
  let used_us = 0;
  for (const [thread, time_us] of after.threads) used_us += time_us - (before.threads.get(thread) ?? 0);
  return used_us;
}

/** A number in /proc/PID/status; 0 when the process has ended. */
function statusOf(pid: number, key: 'VmHWM' | 'Threads'): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    return Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** What a whole process has used. */
export interface Usage {
  readonly cpu_us: number;
  /** largest resident memory that was seen */
  readonly rss_bytes: number;
}

/** A process that writes lines of JSON to stdout. */
export class Program<Line> {
  readonly child: ChildProcess;
  readonly lines: Line[] = [];
  private readonly waiting = new Set<() => void>();
  private stderr = '';
  private exit: { code: number | null; signal: string | null } | undefined;
  private rss_bytes = 0;
  private readonly timer: NodeJS.Timeout;

  constructor(
    readonly name: string,
    command: readonly string[],
    signal: AbortSignal,
    env: Readonly<Record<string, string | undefined>> = {},
  ) {
    const [file, ...args] = command;
    this.child = spawn(file, args, { stdio: 'pipe', env: { ...process.env, ...env } });
    const wake = () => {
      for (const look of this.waiting) look();
    };
    createInterface({ input: this.child.stdout! }).on('line', (line) => {
      if (line.startsWith('{')) this.lines.push(JSON.parse(line));
      wake();
    });
    this.child.stderr?.on('data', (chunk) => {
      this.stderr = `${this.stderr}${chunk}`.slice(-4000);
    });
    this.child.on('error', (error) => {
      this.stderr += error.message;
      this.exit = { code: 127, signal: null };
      wake();
    });
    // an order to a program that has just ended: its end is reported where it is awaited
    this.child.stdin?.on('error', () => {});
    this.child.on('close', (code, ended) => {
      this.exit = { code, signal: ended };
      clearInterval(this.timer);
      signal.removeEventListener('abort', this.kill);
      wake();
    });
    signal.addEventListener('abort', this.kill);
    this.timer = setInterval(() => this.look(), LOOK_MS);
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Microseconds of CPU so far, with its threads and ended children. */
  cpu(): number {
    const fields = statOf(this.pid);
    return ticksUs(fields, UTIME) + ticksUs(fields, CUTIME);
  }

  moment(): Moment {
    return { cpu_us: this.cpu(), threads: threadTimes(this.pid) };
  }

  threads(): number {
    return statusOf(this.pid, 'Threads');
  }

  /** Largest resident memory that was seen. */
  rss(): number {
    this.look();
    return this.rss_bytes;
  }

  private readonly kill = () => void this.child.kill('SIGKILL');

  private look(): void {
    this.rss_bytes = Math.max(this.rss_bytes, statusOf(this.pid, 'VmHWM') * 1024);
  }

  /** Waits until `probe` finds something in the lines; throws when the program ends before. */
  line<Found>(probe: (line: Line) => Found | undefined, from = 0): Promise<Found> {
    return this.until(() => {
      for (const line of this.lines.slice(from)) {
        const found = probe(line);
        if (found !== undefined) return found;
      }
      return undefined;
    });
  }

  private until<Found>(probe: () => Found | undefined, ms_max = WAIT_MS_MAX): Promise<Found> {
    return new Promise((resolve, reject) => {
      const fail = (what: string) => reject(new Error(`${this.name} ${what}: ${this.stderr}`));
      const timer = setTimeout(() => {
        this.waiting.delete(look);
        fail(`did not answer for ${ms_max / 1000} s`);
      }, ms_max);
      const look = () => {
        const found = probe();
        if (found === undefined && this.exit === undefined) return;
        this.waiting.delete(look);
        clearTimeout(timer);
        if (found !== undefined) resolve(found);
        else fail(`ended with ${this.exit?.code ?? this.exit?.signal}`);
      };
      this.waiting.add(look);
      look();
    });
  }

  /** Throws when the program ends before it is asked to, or what is waited for does not come within `ms_max`. */
  failed(ms_max?: number): Promise<never> {
    return this.until<never>(() => undefined, ms_max);
  }

  order(order: object): void {
    this.child.stdin?.write(`${JSON.stringify(order)}\n`);
  }

  /** Ends the program and answers what it has used since `cpu_us`; no other child may end meanwhile. */
  async ended(end: () => void, cpu_us: number): Promise<Usage> {
    const before_us = cpuOfEnded();
    this.look();
    end();
    const { code, signal } = await this.until(() => this.exit);
    if (code !== 0) throw new Error(`${this.name} ended with ${code ?? signal}: ${this.stderr}`);
    return { cpu_us: cpuOfEnded() - before_us - cpu_us, rss_bytes: this.rss_bytes };
  }

  /** Ends it whatever it does. */
  async destroy(): Promise<void> {
    if (this.exit !== undefined) return;
    this.kill();
    await this.until(() => this.exit);
  }
}

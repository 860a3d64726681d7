/**
 * The real programs as processes: a simulator, and loggers that capture from it. For tests of what happens to whole
 * processes; everything goes through the command line, signals and HTTP, as it does in production.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { after } from 'node:test';

const CLI = resolve('dist/src/cli.js');

const running = new Set<ChildProcess>();
const cleanups: (() => void)[] = [];

after(async () => {
  const ended = [...running].map((child) => once(child, 'exit'));
  for (const child of running) child.kill('SIGKILL');
  await Promise.all(ended);
  for (const clean of cleanups.reverse()) clean();
});

/** Runs when the tests of the file are over and no process is left; what was asked for last comes first. */
export function afterProcesses(clean: () => void): void {
  cleanups.push(clean);
}

/** A folder that is removed when the tests of the file are over. */
export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `logger-${name}-`));
  afterProcesses(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function sleep(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}

/** The library that fakes the clock of a process; undefined where it is not installed. */
export const FAKETIME = ['x86_64', 'aarch64']
  .map((cpu) => `/usr/lib/${cpu}-linux-gnu/faketime/libfaketimeMT.so.1`)
  .find((path) => existsSync(path));

/** Environment of a process whose wall clock is another one; see faketime(1) for the variables. */
export function fakeClock(variables: Readonly<Record<string, string>>): Record<string, string> {
  return {
    LD_PRELOAD: FAKETIME ?? '',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    FAKETIME_NO_CACHE: '1',
    ...variables,
  };
}

/** Waits until `probe` answers something; it may throw meanwhile. Fails after `seconds`. */
export async function until<T>(
  what: string,
  probe: () => Promise<T> | T,
  seconds = 60,
): Promise<NonNullable<T>> {
  const deadline = performance.now() + seconds * 1000;
  let last: unknown;
  while (performance.now() < deadline) {
    try {
      const value = await probe();
      if (value) return value;
    } catch (error) {
      last = error;
    }
    await sleep(20);
  }
  throw new Error(`waited ${seconds} s in vain until ${what}`, { cause: last });
}

function track<C extends ChildProcess>(child: C): C {
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

export interface SimulatorProcess {
  readonly exchanges: Readonly<Record<string, { ws: string; rest: string }>>;
  readonly ledger: string;
  /** certificate to trust, with TLS */
  readonly ca?: string;
  fault(request: Readonly<Record<string, unknown>>): Promise<void>;
  /** Ends the markets and leaves the connections open. */
  finish(): Promise<void>;
  /** totals of what was sent; the ledger files are complete up to then */
  summary(): Promise<{ exchanges: Record<string, { sent: number; finished: boolean }> }>;
  stop(): Promise<void>;
}

/** Starts `logger simulate` with a ledger in `ledger`; throws what it has printed when it ends before it listens. */
export async function startSimulatorProcess(
  ledger: string,
  flags: readonly string[],
  exchanges = 'coinbase,binance',
  env: Readonly<Record<string, string>> = {},
): Promise<SimulatorProcess> {
  const child = track(
    spawn(
      process.execPath,
      [CLI, 'simulate', '--quiet', '--ledger', ledger, '--exchanges', exchanges, ...flags],
      { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } },
    ),
  );
  let printed = '';
  child.stderr.on('data', (chunk) => {
    printed += chunk;
    process.stderr.write(chunk);
  });
  const ended = once(child, 'close').then(([code, signal]) => {
    throw new Error(`the simulator ended with ${code ?? signal}: ${printed}`);
  });
  // it ends later, too, when nobody waits for a line
  ended.catch(() => {});
  const lines = once(createInterface(child.stdout), 'line');
  const [line] = (await Promise.race([lines, ended])) as [string];
  const { exchanges: endpoints, control, ca } = JSON.parse(line);
  const post = (path: string, body: unknown) =>
    fetch(`${control}${path}`, { method: 'POST', body: JSON.stringify(body) });
  return {
    exchanges: endpoints,
    ledger,
    ca,
    finish: async () => void (await post('/finish', {})),
    fault: async (request) => {
      const answer = await post('/fault', request);
      if (answer.status !== 200) throw new Error(await answer.text());
    },
    summary: async () =>
      (await (await fetch(`${control}/ledger`)).json()) as Awaited<ReturnType<SimulatorProcess['summary']>>,
    stop: async () => {
      const ended = once(child, 'exit');
      await post('/stop', {});
      await ended;
    },
  };
}

export interface LoggerOptions {
  /** folder for the configuration; the data directory is `data` in it unless named */
  readonly folder: string;
  readonly dataPath?: string;
  readonly flushSecs?: number;
  readonly bufferSize?: number;
  readonly symbolsPerConnection?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** lines for the sections of exchanges, by id */
  readonly exchangeLines?: Readonly<Record<string, readonly string[]>>;
  /** lines for the sections of sinks, by name */
  readonly sinkLines?: Readonly<Record<string, readonly string[]>>;
  /** flags of Node before the program */
  readonly nodeFlags?: readonly string[];
  /** a program in front of Node, e.g. strace with its flags */
  readonly wrapper?: readonly string[];
  /** JavaScript that is loaded into the main thread and gets messages */
  readonly preload?: string;
}

export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly [key: string]: unknown;
}

export interface LoggerProcess {
  readonly child: ChildProcess;
  readonly lines: readonly LogLine[];
  readonly exited: Promise<{ code: number | null; signal: string | null }>;
  /** text of everything written to stderr */
  stderr(): string;
  /** Waits for a log line whose message matches. */
  logged(message: RegExp): Promise<LogLine>;
  /** body of GET /health */
  health(): Promise<Health>;
  /** Waits until every connection is up. */
  ready(): Promise<void>;
  /** Waits until no more rows arrive; heartbeats never end. */
  quiet(): Promise<void>;
  /** SIGTERM; answers the exit status. */
  stop(): Promise<number | null>;
  kill(): Promise<void>;
}

export interface Health {
  readonly status: string;
  readonly reasons: readonly string[];
  readonly disk?: {
    readonly free_bytes: number;
    readonly runway_seconds: number | null;
    readonly forecast: string | null;
    readonly level: string;
  };
  readonly writer: {
    readonly rows_written: number;
    readonly rows_waiting: number;
    readonly disk_errors: number;
    readonly rows_removed: number;
  };
  readonly checksums: {
    readonly table_days_sealed: number;
    readonly table_days_waiting: number;
    readonly passes: number;
    readonly failures: number;
  };
  readonly sinks: Readonly<
    Record<
      string,
      {
        readonly trouble: string | null;
        readonly from_files: boolean;
        readonly lag_rows: number;
        readonly lag_seconds: number;
        readonly rows_delivered: number;
        readonly dead_letters: number;
        readonly errors: number;
        readonly cut_offs: number;
        readonly restarts: number;
      }
    >
  >;
  readonly exchanges: Readonly<
    Record<
      string,
      {
        readonly connected: boolean;
        readonly rows_written: number;
        readonly messages_dropped: number;
        readonly gaps: number;
        readonly duplicates: number;
        readonly rows_repaired: number;
        readonly connections: readonly {
          readonly shard: number;
          readonly state: string;
          readonly restarts: number;
          readonly messages: number;
          readonly reconnects: number;
          readonly ring_fill: number;
        }[];
      }
    >
  >;
}

/** The configuration of a logger that captures everything a simulator offers. */
export function writeConfig(options: LoggerOptions, simulator: SimulatorProcess): string {
  const { folder, flushSecs = 1, bufferSize = 8192, symbolsPerConnection = 10 } = options;
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'logger.toml');
  // the first two are captured unless a configuration says otherwise
  const known = new Set(['coinbase', 'binance', ...Object.keys(simulator.exchanges)]);
  const sections = [...known].map((id) => {
    const endpoint = simulator.exchanges[id];
    if (endpoint === undefined) return `[exchanges.${id}]\nenabled = false\n`;
    return `[exchanges.${id}]\nenabled = true\nws_endpoint = "${endpoint.ws}"\nrest_endpoint = "${endpoint.rest}"\nmax_connections = 20\nsymbols_per_connection = ${symbolsPerConnection}\n${(options.exchangeLines?.[id] ?? []).join('\n')}\n`;
  });
  for (const [name, lines] of Object.entries(options.sinkLines ?? {}))
    sections.push(`[sinks.${name}]\n${lines.join('\n')}\n`);
  writeFileSync(
    file,
    `[logger]\ndata_path = ${JSON.stringify(options.dataPath ?? join(folder, 'data'))}\nflush_interval_secs = ${flushSecs}\nbuffer_size = ${bufferSize}\n[http]\nport = 0\n[websocket]\ninitial_retry_delay_secs = 0.1\nmax_retry_delay_secs = 0.5\n${simulator.ca === undefined ? '' : `ca_file = "${simulator.ca}"\n`}${sections.join('')}`,
  );
  return file;
}

/** Starts `logger run` on what the simulator offers. */
export function startLoggerProcess(options: LoggerOptions, simulator: SimulatorProcess): LoggerProcess {
  const config = writeConfig(options, simulator);
  const preload = options.preload === undefined ? [] : ['--import', options.preload];
  const line = [
    ...(options.wrapper ?? []),
    process.execPath,
    ...(options.nodeFlags ?? []),
    ...preload,
    CLI,
    'run',
    '--config',
    config,
  ];
  return startLoggerLine(line, { env: options.env, ipc: preload.length > 0 });
}

/** Starts a logger by a whole command line. */
export function startLoggerLine(
  [program, ...args]: readonly string[],
  {
    env = {},
    cwd,
    ipc = false,
  }: { env?: Readonly<Record<string, string>>; cwd?: string; ipc?: boolean } = {},
): LoggerProcess {
  const child = track(
    spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe', ...(ipc ? ['ipc' as const] : [])],
      env: { ...process.env, ...env },
      cwd,
    }),
  );
  const lines: LogLine[] = [];
  let stderr = '';
  createInterface(child.stdout as NodeJS.ReadableStream).on('line', (line) => {
    if (line.startsWith('{')) lines.push(JSON.parse(line));
  });
  child.stderr?.on('data', (chunk) => {
    stderr += chunk;
  });
  const exited = once(child, 'exit').then(([code, signal]) => ({ code, signal }));
  const tail = () => [stderr, ...lines.slice(-5).map((line) => JSON.stringify(line))].join('\n');
  const ended = exited.then(({ code, signal }) => {
    throw new Error(`the logger ended with ${code ?? signal}:\n${tail()}`);
  });
  ended.catch(() => {});
  const logged = (message: RegExp) =>
    Promise.race([ended, until(`${message} was logged`, () => lines.find(({ msg }) => message.test(msg)))]);
  const url = async () => /health at (\S+)/.exec((await logged(/health at/)).msg)?.[1] as string;
  const health = async () => (await (await fetch(await url())).json()) as Health;
  return {
    child,
    lines,
    exited,
    stderr: () => stderr,
    logged,
    health,
    ready: async () => {
      const address = (await url()).replace('/health', '/ready');
      await until('every connection is up', async () => (await fetch(address)).status === 200);
    },
    quiet: async () => {
      const rows = async () =>
        Object.values((await health()).exchanges).reduce((n, e) => n + e.rows_written, 0);
      let before = -1;
      for (let now = await rows(); now !== before; now = await rows()) {
        before = now;
        // rows are written once a second, and the counters behind /health are read once a second
        await sleep(2200);
      }
    },
    stop: async () => {
      child.kill('SIGTERM');
      return (await exited).code;
    },
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

interface Ended {
  readonly status: number;
  /** everything that it printed */
  readonly text: string;
}

/** Runs a program of ours to its end. */
export function runProgram(...args: readonly string[]): Promise<Ended> {
  return runProgramIn('.', ...args);
}

/** The same in another working directory. */
export async function runProgramIn(cwd: string, ...args: readonly string[]): Promise<Ended> {
  const child = track(spawn(process.execPath, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] }));
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += chunk));
  const [status] = await once(child, 'close');
  return { status, text };
}

/** What is wrong with the data directory in the eyes of `logger verify`; '' when nothing is. */
export async function verifyProblems(dataPath: string): Promise<string> {
  const { status, text } = await runProgram(CLI, 'verify', '--data', dataPath);
  return status === 0 ? '' : text;
}

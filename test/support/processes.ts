/**
 * The program as processes: a simulator, a logger that captures from it, and what a test wants to know of both.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import type { Endpoints } from '../../src/simulator/simulator.js';

const CLI = resolve('dist/src/cli.js');
const ENV = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('LOGGER__')));

/** A folder that is gone after the test. */
export function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'logger-test-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export class SimulatorProcess {
  private constructor(
    private readonly child: ChildProcess,
    readonly endpoints: Endpoints,
  ) {}

  static async start(t: TestContext, args: readonly string[]): Promise<SimulatorProcess> {
    const child = spawn(process.execPath, [CLI, 'simulate', '--quiet', ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: ENV,
    });
    t.after(() => child.kill('SIGKILL'));
    for await (const line of createInterface({ input: child.stdout }))
      return new SimulatorProcess(child, JSON.parse(line));
    throw new Error('the simulator ended before it was ready');
  }

  async post(path: string, body?: unknown): Promise<void> {
    const response = await fetch(this.endpoints.control + path, {
      method: 'POST',
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    assert.equal(response.status, 200, await response.text());
  }

  /** Ends the process; its account is complete then. */
  async stop(): Promise<void> {
    const ended = once(this.child, 'exit');
    await this.post('/stop');
    await ended;
  }
}

export interface Health {
  readonly status: string;
  readonly connections: { readonly up: number; readonly total: number };
  readonly messages_dropped: number;
  readonly exchanges: Readonly<
    Record<
      string,
      {
        readonly rows_written: number;
        readonly gaps: number;
        readonly connections: readonly {
          readonly state: string;
          readonly messages: number;
          readonly reconnects: number;
        }[];
      }
    >
  >;
}

/** Configuration for capturing from a simulator; `extra` goes into the section of each exchange. */
export function configFor(
  endpoints: Endpoints,
  dataPath: string,
  extra: Readonly<Record<string, readonly string[]>> = {},
): string {
  const lines = [
    '[logger]',
    `data_path = "${dataPath}"`,
    'flush_interval_secs = 1',
    ...(extra.logger ?? []),
    '[http]',
    'port = 0',
  ];
  lines.push('[websocket]', 'initial_retry_delay_secs = 0.2', ...(extra.websocket ?? []));
  if (endpoints.ca !== undefined) lines.push(`ca_file = "${endpoints.ca}"`);
  for (const id of ['binance', 'coinbase']) {
    const at = endpoints.exchanges[id];
    lines.push(`[exchanges.${id}]`);
    if (at === undefined) lines.push('enabled = false');
    else lines.push(`ws_endpoint = "${at.ws}"`, `rest_endpoint = "${at.rest}"`, ...(extra[id] ?? []));
  }
  return `${lines.join('\n')}\n`;
}

export class LoggerProcess {
  readonly lines: string[] = [];
  private healthUrl = '';

  private constructor(readonly child: ChildProcess) {}

  /** Starts `logger run`; resolves when it says where its health address is. */
  static async start(t: TestContext, folder: string, config: string): Promise<LoggerProcess> {
    const file = join(folder, 'logger.toml');
    writeFileSync(file, config);
    const child = spawn(process.execPath, [CLI, 'run', '--config', file], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: ENV,
    });
    t.after(() => child.kill('SIGKILL'));
    const logger = new LoggerProcess(child);
    const ready = new Promise<void>((resolve, reject) => {
      child.on('exit', (code) => reject(new Error(`logger ended with ${code}: ${logger.lines.join('\n')}`)));
      for (const stream of [child.stdout, child.stderr]) {
        createInterface({ input: stream }).on('line', (line) => {
          logger.lines.push(line);
          const url = /health at (http:[^"]+)/.exec(line);
          if (url === null) return;
          logger.healthUrl = url[1];
          resolve();
        });
      }
    });
    await ready;
    return logger;
  }

  async health(): Promise<Health> {
    return (await (await fetch(this.healthUrl)).json()) as Health;
  }

  /** Polls /health until it satisfies `condition`. */
  async until(what: string, condition: (health: Health) => boolean, timeoutMs = 30_000): Promise<Health> {
    const end = performance.now() + timeoutMs;
    for (;;) {
      const health = await this.health();
      if (condition(health)) return health;
      assert.ok(
        performance.now() < end,
        `${what} within ${timeoutMs} ms; health is ${JSON.stringify(health)}\n${this.lines.join('\n')}`,
      );
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** Waits until no more rows arrive; heartbeats never end. */
  async quiet(): Promise<void> {
    const rows = async () =>
      Object.values((await this.health()).exchanges).reduce((n, e) => n + e.rows_written, 0);
    let before = -1;
    for (let now = await rows(); now !== before; now = await rows()) {
      before = now;
      // rows are written once a second, and the counters behind /health are read once a second
      await new Promise((resolve) => setTimeout(resolve, 2200));
    }
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    const ended = once(this.child, 'exit');
    this.child.kill(signal);
    const [code] = await ended;
    return code;
  }
}

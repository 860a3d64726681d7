/**
 * `logger demo`: the built-in simulator as a process of its own, the logger capturing all of it, a live table, and at
 * the end an account: every event that was sent against every row on disk.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Command } from 'commander';
import { LoggerError } from '../base/errors.js';
import { loadConfig } from '../config/load.js';
import type { Exchange } from '../feed/exchange.js';
import { channelOptions } from '../feed/plan.js';
import type { Table } from '../schema/layout.js';
import { compareAccount, formatComparison } from '../simulator/compare.js';
import type { Endpoints } from '../simulator/simulator.js';
import { DataLock } from '../supervisor/lock.js';
import type { Supervisor } from '../supervisor/supervisor.js';
import { type Capture, createLog, startCapture, stopRequested } from './capture.js';
import { examples, secondsOption, wholeNumber } from './common.js';
import { exchangeDefaults } from './exchanges.js';
import { LiveTable } from './live-table.js';

/** Marks a data folder as the demo's own, which the next demo may empty. */
const MARKER = '.demo';
/** The capture is complete when no row has come for so long; heartbeats never end. */
const QUIET_MS = 2000;
const LOOK_MS = 125;
const QUIET_MS_MAX = 10_000;

interface DemoOptions {
  readonly seconds?: number;
  readonly symbols: number;
  readonly rate: number;
  readonly data: string;
  readonly port: number;
  readonly tls?: boolean;
}

interface SimulatorProcess {
  readonly endpoints: Endpoints;
  readonly child: ChildProcess;
}

/** An empty folder of the demo's own: what an earlier demo left is removed, anything else is left alone. */
async function prepareData(path: string): Promise<void> {
  mkdirSync(path, { recursive: true });
  // a logger that is at work there keeps its files
  (await DataLock.take(path)).release();
  if (readdirSync(path).length > 0) {
    if (!existsSync(join(path, MARKER))) {
      throw new LoggerError(
        'USAGE',
        `${path} holds data that is not a demo's; name another folder with --data`,
      );
    }
    rmSync(path, { recursive: true });
  }
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, MARKER), 'The next `logger demo` empties this folder.\n');
}

/** Starts the simulator in its own process group, so that Ctrl+C reaches this process alone. */
async function startSimulatorProcess(
  options: DemoOptions,
  exchanges: readonly string[],
  account: string,
): Promise<SimulatorProcess> {
  const args = ['simulate', '--quiet', '--account', account, '--exchanges', exchanges.join()];
  args.push('--symbols', String(options.symbols), '--rate', String(options.rate));
  if (options.tls) args.push('--tls');
  const cli = new URL('../cli.js', import.meta.url).pathname;
  const child = spawn(process.execPath, [cli, ...args], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  process.on('exit', () => child.kill('SIGKILL'));
  for await (const line of createInterface({ input: child.stdout })) {
    return { endpoints: JSON.parse(line) as Endpoints, child };
  }
  throw new LoggerError('DEPENDENCY_MISSING', 'the simulator did not start; see its message above');
}

/** Every channel that options may name; of those that fill the same table, the first. */
function channelsOf(channels: Exchange['channels']): string[] {
  const tables = new Set<Table>();
  return channelOptions({ channels }).filter((name) => {
    const table = channels[name]?.table;
    if (table === undefined) return true;
    const first = !tables.has(table);
    tables.add(table);
    return first;
  });
}

/** The configuration of the demo: the defaults, with the simulator in place of the exchanges. */
function demoConfig(
  options: DemoOptions,
  endpoints: Endpoints,
  exchanges: readonly Exchange[],
  folder: string,
) {
  const lines = [
    '[logger]',
    `data_path = ${JSON.stringify(options.data)}`,
    'log_level = "warn"',
    '[http]',
    `port = ${options.port}`,
  ];
  if (endpoints.ca !== undefined) lines.push('[websocket]', `ca_file = ${JSON.stringify(endpoints.ca)}`);
  for (const { id, channels } of exchanges) {
    const { ws, rest } = endpoints.exchanges[id];
    lines.push(
      `[exchanges.${id}]`,
      `ws_endpoint = "${ws}"`,
      `rest_endpoint = "${rest}"`,
      'enabled = true',
      `channels = ${JSON.stringify(channelsOf(channels))}`,
    );
  }
  const file = join(folder, 'demo.toml');
  writeFileSync(file, `${lines.join('\n')}\n`);
  return loadConfig(file, exchangeDefaults(exchanges), {});
}

/** Waits until everything that was on its way has arrived. */
async function quiet(supervisor: Supervisor): Promise<void> {
  const total = () => supervisor.snapshot().shards.reduce((n, shard) => n + shard.counters.rows, 0);
  const end = performance.now() + QUIET_MS_MAX;
  let [seen, since] = [-1, performance.now()];
  while (performance.now() < end && (performance.now() - since < QUIET_MS || seen !== total())) {
    if (seen !== total()) [seen, since] = [total(), performance.now()];
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

async function control(endpoints: Endpoints, path: string): Promise<void> {
  const response = await fetch(`${endpoints.control}${path}`, { method: 'POST' });
  if (!response.ok)
    throw new LoggerError('REST_FAILED', `the simulator answered ${response.status} to ${path}`);
}

async function capture(
  options: DemoOptions,
  exchanges: readonly Exchange[],
  { endpoints }: SimulatorProcess,
  folder: string,
): Promise<void> {
  const config = demoConfig(options, endpoints, exchanges, folder);
  process.stdout.write('making the files of today and connecting …\n');
  const running: Capture = await startCapture(config, exchanges, createLog('warn'));
  const out = process.stdout;
  out.write(
    `capturing into ${options.data}, health at ${running.http.url}/health${options.seconds ? '' : ', Ctrl+C to stop'}\n`,
  );
  const table = new LiveTable(out, () => running.supervisor.snapshot());
  out.write(`stopping: ${await stopRequested(options.seconds)}\n`);
  table.stop();
  await control(endpoints, '/finish');
  await quiet(running.supervisor);
  const complete = await running.stop();
  await control(endpoints, '/stop');
  if (!complete)
    throw new LoggerError('DISK_WRITE', 'not every row could be written before the end; see the log');
}

async function demo(exchanges: readonly Exchange[], options: DemoOptions): Promise<void> {
  await prepareData(options.data);
  const folder = mkdtempSync(join(tmpdir(), 'logger-demo-'));
  const account = join(folder, 'account');
  try {
    const simulator = await startSimulatorProcess(
      options,
      exchanges.map(({ id }) => id),
      account,
    );
    await capture(options, exchanges, simulator, folder);
    const comparison = compareAccount(account, options.data);
    process.stdout.write(`\nsent by the simulator, against rows on disk\n${formatComparison(comparison)}\n`);
    if (!comparison.ok) throw new LoggerError('DIFFERENCES_FOUND', 'the files differ from what was sent');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  process.exit();
}

export function demoCommand(exchanges: readonly Exchange[]): Command {
  return new Command('demo')
    .description('capture from the built-in simulator, with a live table and a closing account')
    .addOption(secondsOption())
    .option('--symbols <n>', 'symbols per exchange', wholeNumber, 500)
    .option('--rate <n>', 'messages per second and exchange', wholeNumber, 5000)
    .option('--data <path>', 'data folder; emptied when an earlier demo made it', 'data')
    .option('--port <n>', 'port of the health address; 0 takes any free one', wholeNumber, 9090)
    .option('--tls', 'encrypted connections')
    .action((options: DemoOptions) => demo(exchanges, options))
    .addHelpText(
      'after',
      examples('logger demo', 'logger demo --seconds 20 --rate 20000', 'npm start -- --seconds 20'),
    );
}

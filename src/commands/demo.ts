/**
 * `logger demo`: the built-in simulator as a process of its own, the logger capturing all of it, a live table, and at
 * the end a comparison: every event that was sent against every row on disk.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { Command } from 'commander';
import { LoggerError, messageOf } from '../base/errors.js';
import { loadConfig } from '../config/load.js';
import { loadExchanges } from '../exchanges/index.js';
import type { Exchange } from '../feed/exchange.js';
import { channelOptions } from '../feed/plan.js';
import type { Table } from '../schema/layout.js';
import {
  type ChannelComparison,
  compareSymbol,
  comparisonOf,
  formatComparison,
  symbolsToCompare,
} from '../simulator/compare/compare.js';
import type { Endpoints } from '../simulator/simulator.js';
import type { SessionStatus } from '../supervisor/snapshot.js';
import type { Supervisor } from '../supervisor/supervisor.js';
import { createTextLog, startCapture, stopRequested } from './capture.js';
import { examples, exitStatuses, secondsOption, wholeNumber } from './common.js';
import { emptyFolder, removeAside } from './demo_folder.js';
import { exchangeDefaults } from './exchanges.js';
import { LiveTable } from './live_table.js';
import { Progress } from './progress.js';
import { SimulatorProcess } from './simulator_process.js';

/** Configuration and ledger, within the data folder while the demo runs; no exchange has such a name. */
const OWN_FOLDER = '.simulation';
/** Candles of each symbol: more of them are more files to make before the first row. */
const KLINE_INTERVALS = ['1m', '5m'];
/** A machine that is slow or busy may need so long for the first rows after its time is over. */
const FIRST_ROWS_MS_MAX = 120_000;
/** Everything has arrived when no row has come for so long; heartbeats never end. */
const QUIET_MS = 600;
const QUIET_TURNS = 2;
const QUIET_MS_MAX = 10_000;
const LOOK_MS = 100;

interface DemoOptions {
  readonly seconds?: number;
  readonly symbols: number;
  readonly rate: number;
  readonly data: string;
  readonly port: number;
  readonly tls?: boolean;
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
function demoConfig(options: DemoOptions, endpoints: Endpoints, exchanges: readonly Exchange[]) {
  const lines = [
    '[logger]',
    `data_path = ${JSON.stringify(options.data)}`,
    'flush_interval_secs = 1',
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
      `kline_intervals = ${JSON.stringify(KLINE_INTERVALS)}`,
    );
  }
  const file = join(options.data, OWN_FOLDER, 'demo.toml');
  writeFileSync(file, `${lines.join('\n')}\n`);
  return loadConfig(file, { exchanges: exchangeDefaults(exchanges), sinks: [] }, {});
}

/** Waits until every exchange has rows on disk: a comparison with nothing would say nothing. Throws ENDED_EARLY. */
async function firstRows(supervisor: Supervisor): Promise<void> {
  const missing = () =>
    Object.entries(supervisor.snapshot().stored)
      .filter(([, { rows_written }]) => rows_written === 0)
      .map(([exchange]) => exchange);
  const end = performance.now() + FIRST_ROWS_MS_MAX;
  for (let left = missing(); left.length > 0; left = missing()) {
    if (performance.now() > end)
      throw new LoggerError('ENDED_EARLY', `nothing of ${left.join(', ')} has reached the disk in time`);
    await sleep(LOOK_MS);
  }
}

/** Waits until everything that was on its way has arrived: no row has come while every session has looked for more. */
async function quiet(supervisor: Supervisor): Promise<void> {
  const rows = (sessions: readonly SessionStatus[]) =>
    sessions.reduce((n, { counters }) => n + counters.rows, 0);
  const end = performance.now() + QUIET_MS_MAX;
  let [last, since] = [supervisor.snapshot().sessions, performance.now()];
  while (performance.now() < end) {
    await sleep(LOOK_MS);
    const { sessions } = supervisor.snapshot();
    if (rows(sessions) !== rows(last)) [last, since] = [sessions, performance.now()];
    const turned = sessions.every(({ turns }, i) => turns >= last[i].turns + QUIET_TURNS);
    if (turned && performance.now() - since >= QUIET_MS) return;
  }
}

/** Starts the simulator of all exchanges, with a ledger in `ledger`. */
function startSimulator(options: DemoOptions, exchanges: readonly Exchange[], ledger: string) {
  const ids = exchanges.map(({ id }) => id).join();
  const sizes = ['--symbols', String(options.symbols), '--rate', String(options.rate)];
  return SimulatorProcess.start([
    ...['--ledger', ledger, '--exchanges', ids],
    ...sizes,
    ...(options.tls ? ['--tls'] : []),
  ]);
}

/** Captures until it is to stop; behind it every row is on disk and the ledger is complete. */
async function capture(
  options: DemoOptions,
  exchanges: readonly Exchange[],
  simulator: SimulatorProcess,
  table: LiveTable,
  stopping: Promise<string>,
): Promise<void> {
  const config = demoConfig(options, simulator.endpoints, exchanges);
  table.print('connecting …\n');
  const log = createTextLog('warn', (text) => table.print(text));
  const running = await startCapture(config, exchanges, log);
  const end = options.seconds === undefined ? ', Ctrl+C to stop' : '';
  table.print(`capturing into ${options.data}, health at ${running.http.url}/health${end}\n`);
  table.start(() => running.supervisor.snapshot());
  // not before: making files and removing others is slower than one after the other
  removeAside(options.data).catch((error) =>
    table.print(`what an earlier demo left cannot be removed: ${messageOf(error)}\n`),
  );
  const reason = await stopping;
  if (options.seconds !== undefined) await firstRows(running.supervisor);
  table.stop();
  table.print(`stopping: ${reason}; writing what is on its way …\n`);
  await simulator.finish();
  await quiet(running.supervisor);
  if (!(await running.stop()))
    throw new LoggerError('DISK_WRITE', 'not every row could be written before the end; see the log');
  await simulator.stop();
}

/** Compares symbol by symbol, so that signals are heard meanwhile. */
async function compare(ledger: string, dataPath: string): Promise<void> {
  const symbols = symbolsToCompare(ledger, dataPath);
  process.stdout.write(`comparing ${symbols.length} symbols with what was sent …\n`);
  const progress = new Progress(process.stderr, symbols.length, 'symbols');
  const channels: ChannelComparison[] = [];
  for (const symbol of symbols) {
    channels.push(...compareSymbol(ledger, dataPath, symbol));
    progress.add(1);
    await turn();
  }
  progress.end();
  const comparison = comparisonOf(channels);
  process.stdout.write(`\nsent by the simulator, against rows on disk\n${formatComparison(comparison)}\n`);
  if (!comparison.ok) throw new LoggerError('DIFFERENCES_FOUND', 'the files differ from what was sent');
}

async function demo(exchanges: readonly Exchange[], options: DemoOptions): Promise<void> {
  const stopping = stopRequested(options.seconds);
  const table = new LiveTable(process.stdout);
  try {
    const isLeft = await emptyFolder(options.data);
    if (isLeft) table.print('what an earlier demo left is put aside, and removed while this one runs\n');
    const own = join(options.data, OWN_FOLDER);
    const ledger = join(own, 'ledger');
    mkdirSync(own);
    const simulator = await startSimulator(options, exchanges, ledger);
    await Promise.race([simulator.died, capture(options, exchanges, simulator, table, stopping)]);
    await compare(ledger, options.data);
    rmSync(own, { recursive: true });
  } finally {
    // once the error has been reported: threads that are at work keep no command that has failed
    setImmediate(() => process.exit());
  }
}

export function demoCommand(): Command {
  return new Command()
    .addOption(secondsOption())
    .option('--symbols <n>', 'symbols per exchange', wholeNumber, 24)
    .option('--rate <n>', 'messages per second and exchange', wholeNumber, 300)
    .option('--data <path>', 'data folder; emptied when an earlier demo made it', 'data')
    .option('--port <n>', 'port of the health address; 0 takes any free one', wholeNumber, 9090)
    .option('--tls', 'encrypted connections')
    .action(async (options: DemoOptions) => demo(await loadExchanges(), options))
    .addHelpText(
      'after',
      exitStatuses(
        { ok: 'every row on disk is what was sent', failed: 'rows differ, or a part failed' },
        'locked',
      ) +
        `\n--seconds counts from the start of the command; the ledger takes a few more. It stops at the earliest when every\nexchange has rows on disk. Exchanges that send the same\ndata over several channels are captured over the first.\n${examples(
          'logger demo',
          'logger demo --seconds 60 --symbols 100 --rate 2000',
          'npm start -- --seconds 20',
        )}`,
    );
}

/** Sinks of whole processes: what arrives is compared with the column files, row by row and value by value. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { compareDelivered, comparisonText, deliveredLines } from '../support/delivered.js';
import { channelsOf, EXCHANGES } from '../support/fixtures.js';
import {
  type LoggerOptions,
  type LoggerProcess,
  type SimulatorProcess,
  startLoggerProcess,
  startSimulatorProcess,
  temporaryFolder,
  until,
  writeConfig,
} from '../support/processes.js';
import { sqliteLines } from '../support/sqlite_rows.js';

const ALL = EXCHANGES.map(({ id }) => id).join(',');
/** Every exchange with all of its tables. */
const EXCHANGE_LINES = Object.fromEntries(
  EXCHANGES.map((exchange) => [exchange.id, [`channels = ${JSON.stringify(channelsOf(exchange))}`]]),
);
const KILLS = 3;

interface Scene {
  readonly data: string;
  readonly files: string;
  readonly database: string;
  readonly options: LoggerOptions;
}

const jsonl = (folder: string, ...lines: readonly string[]) => [
  'type = "jsonl"',
  `path = ${JSON.stringify(folder)}`,
  'batch_secs = 0.2',
  'rotate_bytes = 100000',
  ...lines,
];
const sqlite = (path: string) => ['type = "sqlite"', `path = ${JSON.stringify(path)}`, 'batch_secs = 0.2'];

function sceneOf(name: string, more: Readonly<Record<string, readonly string[]>> = {}): Scene {
  const folder = temporaryFolder(name);
  const files = join(folder, 'files');
  const database = join(folder, 'rows.sqlite');
  const sinkLines = { files: jsonl(files), database: sqlite(database), ...more };
  return {
    ...{ data: join(folder, 'data'), files, database },
    options: { folder, exchangeLines: EXCHANGE_LINES, sinkLines },
  };
}

/** Waits until sinks have delivered everything that is durable. */
async function drained(logger: LoggerProcess, ...names: readonly string[]): Promise<void> {
  await until(
    'nothing is left to deliver',
    async () => {
      const { sinks } = await logger.health();
      return names.every((name) => sinks[name]?.lag_rows === 0 && sinks[name]?.from_files === false);
    },
    600,
  );
}

function expectAll({ data, files, database }: Scene): void {
  const fromFiles = compareDelivered(data, deliveredLines(files, 'files'));
  assert.equal(comparisonText(fromFiles), '');
  const fromDatabase = compareDelivered(data, sqliteLines(database));
  assert.equal(comparisonText(fromDatabase), '');
  assert.ok(fromFiles.rows > 1000);
}

/** Lets everything come to its end: the market, the sinks, of which `more` are others, and the processes; compares. */
async function finish(
  scene: Scene,
  simulator: SimulatorProcess,
  logger: LoggerProcess,
  ...more: readonly string[]
): Promise<void> {
  await simulator.finish();
  await logger.quiet();
  await drained(logger, 'files', 'database', ...more);
  assert.equal(await logger.stop(), 0, logger.stderr());
  await simulator.stop();
  expectAll(scene);
}

const cursors = (data: string) => readdirSync(join(data, 'journal', 'cursors')).sort();

test('every row of nine exchanges and all tables arrives once, with the values of the column files', async () => {
  const scene = sceneOf('sinks', {
    some: jsonl('', 'tables = ["TRADES", "GAPS"]', 'symbols = ["base:BTC"]'),
  });
  const some = join(scene.options.folder, 'some');
  const sinkLines = {
    ...scene.options.sinkLines,
    some: jsonl(some, 'tables = ["TRADES", "GAPS"]', 'symbols = ["base:BTC"]', 'compression = "none"'),
  };
  const simulator = await startSimulatorProcess(
    join(scene.options.folder, 'ledger'),
    ['--symbols', '2', '--rate', '100'],
    ALL,
  );
  const logger = startLoggerProcess({ ...scene.options, sinkLines }, simulator);
  await logger.ready();
  const rows = async (name: string) => (await logger.health()).sinks[name]?.rows_delivered ?? 0;
  await until('rows are delivered', async () => (await rows('files')) > 10_000);
  await simulator.fault({ kind: 'cut', connections: 'all' });
  const before = await rows('files');
  await until('more rows are delivered', async () => (await rows('files')) > before + 5000);
  await finish(scene, simulator, logger, 'some');
  const lines = deliveredLines(some, 'some');
  const names = new Map(
    lines.map((line) => [`${line['exchange']} ${line['native']}`, String(line['symbol'])]),
  );
  const isWanted = (row: Readonly<Record<string, unknown>>) =>
    ['TRADES', 'GAPS'].includes(String(row['table'])) && names.has(`${row['exchange']} ${row['native']}`);
  assert.equal(comparisonText(compareDelivered(scene.data, lines, isWanted)), '');
  assert.deepEqual([...new Set([...names.values()].map((symbol) => symbol.split('-')[0]))], ['BTC']);
});

test('a logger that is killed again and again delivers every row once', async () => {
  const scene = sceneOf('sinks-kill');
  const simulator = await startSimulatorProcess(
    join(scene.options.folder, 'ledger'),
    ['--symbols', '2', '--rate', '200'],
    'coinbase,binance,kraken',
  );
  for (let kill = 0; kill < KILLS; kill++) {
    const logger = startLoggerProcess(scene.options, simulator);
    await logger.ready();
    const delivered = async () => (await logger.health()).sinks['files']?.rows_delivered ?? 0;
    await until('rows are delivered', async () => (await delivered()) > 2000);
    await logger.kill();
  }
  const logger = startLoggerProcess(scene.options, simulator);
  await logger.ready();
  await finish(scene, simulator, logger);
});

test('a sink that comes with SIGHUP has everything from the first row on; one that goes leaves nothing behind', async () => {
  const scene = sceneOf('sinks-reload');
  const { database: _, ...first } = scene.options.sinkLines ?? {};
  const simulator = await startSimulatorProcess(
    join(scene.options.folder, 'ledger'),
    ['--symbols', '2', '--rate', '200'],
    'coinbase,upbit',
  );
  const logger = startLoggerProcess({ ...scene.options, sinkLines: first }, simulator);
  await logger.ready();
  const rows = async (name: string) => (await logger.health()).sinks[name]?.rows_delivered ?? 0;
  await until('rows are delivered', async () => (await rows('files')) > 3000);
  const late = jsonl(join(scene.options.folder, 'late'), 'from = "now"');
  writeConfig({ ...scene.options, sinkLines: { ...scene.options.sinkLines, late } }, simulator);
  logger.child.kill('SIGHUP');
  await until(
    'the new sinks deliver',
    async () => (await rows('database')) > 3000 && (await rows('late')) > 0,
  );
  writeConfig(scene.options, simulator);
  logger.child.kill('SIGHUP');
  await until('the sink is gone', async () => !('late' in (await logger.health()).sinks));
  await until('its cursor is gone', () => !cursors(scene.data).some((name) => name.startsWith('late')));
  await finish(scene, simulator, logger);
  const seen = deliveredLines(join(scene.options.folder, 'late'), 'late').length;
  assert.ok(seen > 0 && seen < deliveredLines(scene.files, 'files').length);
});

test('a target that cannot be written costs no row and stops nothing; it gets all of them when it can', async () => {
  const scene = sceneOf('sinks-dead');
  // a file in the place of the folder
  writeFileSync(scene.files, '');
  const simulator = await startSimulatorProcess(
    join(scene.options.folder, 'ledger'),
    ['--symbols', '2', '--rate', '200'],
    'coinbase',
  );
  const logger = startLoggerProcess(scene.options, simulator);
  await logger.ready();
  await until(
    'the other sink delivers',
    async () => ((await logger.health()).sinks['database']?.rows_delivered ?? 0) > 2000,
  );
  const { status, reasons, sinks, exchanges } = await logger.health();
  assert.equal(status, 'degraded');
  assert.match(reasons.join('\n'), /^sink files: .*EEXIST/m);
  assert.equal(sinks['files']?.rows_delivered, 0);
  assert.equal(exchanges['coinbase']?.messages_dropped, 0);
  rmSync(scene.files);
  mkdirSync(scene.files);
  await until(
    'it delivers',
    async () => ((await logger.health()).sinks['files']?.rows_delivered ?? 0) > 2000,
  );
  assert.equal((await logger.health()).sinks['files']?.trouble, null);
  await finish(scene, simulator, logger);
  assert.ok(!existsSync(join(scene.data, 'dead_letters')));
});

/** Parquet files of whole processes: read by programs of others, compared with the column files value by value. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import parquet from '../../src/sinks/parquet.js';
import { batchOf, tradesOf } from '../support/batches.js';
import { compareDelivered, comparisonText } from '../support/delivered.js';
import { channelsOf, EXCHANGES } from '../support/fixtures.js';
import {
  type LoggerProcess,
  startLoggerProcess,
  startSimulatorProcess,
  temporaryFolder,
  until,
} from '../support/processes.js';

const MODULES = ['pyarrow', 'duckdb', 'pandas'];
const LACKING =
  spawnSync('python3', ['-c', `import ${MODULES.join(', ')}`]).status !== 0 &&
  `python3 with ${MODULES.join(', ')} is not installed here`;

const ALL = EXCHANGES.map(({ id }) => id).join(',');
const EXCHANGE_LINES = Object.fromEntries(
  EXCHANGES.map((exchange) => [exchange.id, [`channels = ${JSON.stringify(channelsOf(exchange))}`]]),
);

function sinkLines(path: string, more: readonly string[] = []): string[] {
  return ['type = "parquet"', `path = ${JSON.stringify(path)}`, 'batch_secs = 0.2', ...more];
}

function python(args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync('python3', args, { encoding: 'utf8', maxBuffer: 2 ** 30 });
  assert.equal(status, 0, stderr);
  return stdout;
}

type Line = Readonly<Record<string, unknown>>;

/** Every row of the files, as pyarrow reads them. */
function readRows(path: string): Line[] {
  const lines = python(['test/support/read_parquet.py', path]).split('\n');
  return lines.filter((line) => line !== '').map((line) => wholeSeconds(JSON.parse(line)));
}

/** Parquet has one kind of time: columns of whole seconds have nanoseconds there, which are none. */
function wholeSeconds(line: Record<string, unknown>): Line {
  for (const name of ['open_time', 'close_time', 'listed_time'])
    if (typeof line[name] === 'string') line[name] = line[name].replace('.000000000Z', 'Z');
  return line;
}

function filesIn(path: string): string[] {
  return existsSync(path) ? readdirSync(path, { recursive: true }).map(String) : [];
}

function complete(path: string): string[] {
  return filesIn(path).filter((name) => name.endsWith('.parquet'));
}

/** Places whose rows are not in a file yet. */
const waiting = (path: string) => filesIn(path).filter((name) => name.endsWith('.rows')).length;

const sinkOf = async (logger: LoggerProcess) => (await logger.health()).sinks['files'];

test('every row of nine exchanges and all tables is in a file that other programs read, once and exact', {
  skip: LACKING,
}, async () => {
  const folder = temporaryFolder('parquet');
  const path = join(folder, 'files');
  const flags = ['--symbols', '2', '--rate', '60'];
  const simulator = await startSimulatorProcess(join(folder, 'ledger'), flags, ALL);
  const sink = sinkLines(path, ['rotate_rows = 2000', 'rotate_secs = 5', 'row_group_rows = 700']);
  const options = { folder, exchangeLines: EXCHANGE_LINES, sinkLines: { files: sink } };
  const logger = startLoggerProcess(options, simulator);
  await until('rows are delivered', async () => (await sinkOf(logger)).rows_delivered > 20_000, 300);
  const lost = { kind: 'drop', exchange: 'coinbase', channel: 'trades', symbol: 'BTC-USD', count: 1 };
  await simulator.fault(lost);
  await until('gaps are delivered', () => complete(path).some((name) => name.includes('table=GAPS')), 180);
  await simulator.finish();
  await logger.quiet();
  await until('nothing is left', async () => (await sinkOf(logger)).lag_rows === 0);
  await until('all rows are in files', () => waiting(path) === 0, 180);
  assert.equal(await logger.stop(), 0, logger.stderr());
  await simulator.stop();
  const comparison = compareDelivered(join(folder, 'data'), readRows(path));
  assert.equal(comparisonText(comparison), '');
  assert.ok(comparison.rows > 20_000);
});

test('a logger that is killed again and again leaves no broken file, no row out and none twice', {
  skip: LACKING,
}, async () => {
  const folder = temporaryFolder('parquet-kills');
  const path = join(folder, 'files');
  const flags = ['--symbols', '3', '--rate', '300'];
  const simulator = await startSimulatorProcess(join(folder, 'ledger'), flags, 'coinbase,binance');
  const sink = sinkLines(path, ['rotate_rows = 200', 'rotate_secs = 1', 'row_group_rows = 100']);
  const options = { folder, exchangeLines: EXCHANGE_LINES, sinkLines: { files: sink } };
  for (let kills = 0; kills < 5; kills++) {
    const before = complete(path).length;
    const logger = startLoggerProcess(options, simulator);
    await until('files are written', () => complete(path).length > before + 10);
    await logger.kill();
  }
  const logger = startLoggerProcess(options, simulator);
  await until('it captures', async () => (await sinkOf(logger)).rows_delivered > 0);
  await simulator.finish();
  await logger.quiet();
  await until('nothing is left', async () => (await sinkOf(logger)).lag_rows === 0);
  await until('all rows are in files', () => waiting(path) === 0, 180);
  assert.equal(await logger.stop(), 0, logger.stderr());
  await simulator.stop();
  for (const name of complete(path))
    assert.equal(readFileSync(join(path, name)).toString('latin1', 0, 4), 'PAR1');
  const comparison = compareDelivered(join(folder, 'data'), readRows(path));
  assert.equal(comparisonText(comparison), '');
});

/** What DuckDB and pandas make of the files: names of types, and sums that text would not give. */
const READERS = `
import sys, duckdb, pandas
path = sys.argv[1]
files = duckdb.sql(f"from read_parquet('{path}/**/*.parquet', hive_partitioning = true)")
print(dict(zip(files.columns, map(str, files.types))))
print(files.aggregate("exchange, symbol, date::text, count(*)::int, sum(trade_price)::text, sum(trade_price_f64)").fetchall())
print(files.filter("trade_price > 1000.5").aggregate("count(*)").fetchall())
frame = pandas.read_parquet(path)
print(len(frame), frame["trade_time"].dtype, frame["trade_price_f64"].dtype, frame["trade_id"].dtype, frame["trade_price"].sum())
`;

test('the end of a sink makes files, in which databases and data frames see numbers and times', {
  skip: LACKING,
}, async () => {
  const path = temporaryFolder('parquet-readers');
  const settings = Object.fromEntries(
    Object.entries(parquet.options).map(([name, option]) => [name, option.default]),
  );
  const context = { name: 'files', dataPath: path, state: undefined, log: () => {}, refuse: () => {} };
  const sink = await parquet.open({ ...settings, path } as Parameters<typeof parquet.open>[0], context);
  const place = tradesOf('kraken', 'BTC%2FUSD', 'BTC-USD');
  await sink.deliver(batchOf(Array.from({ length: 10 }, (_, row) => ({ place, row }))));
  await sink.flush();
  await sink.close();
  assert.deepEqual(complete(path), [
    'exchange=kraken/symbol=BTC-USD/table=TRADES/date=2026-11-21/BTC%2FUSD.0000000000-0000000009.parquet',
  ]);
  const [types, sums, above, frame] = python(['-c', READERS, path]).trim().split('\n');
  for (const type of [
    "'trade_id': 'UBIGINT'",
    "'trade_time': 'TIMESTAMPTZ_NS'",
    "'trade_price': 'DECIMAL(38,18)'",
    "'trade_price_f64': 'DOUBLE'",
    "'trade_side': 'VARCHAR'",
    "'date': 'DATE'",
  ])
    assert.ok(types.includes(type), types);
  assert.equal(sums, "[('kraken', 'BTC-USD', '2026-11-21', 10, '10004.500000000000000000', 10004.5)]");
  assert.equal(above, '[(4,)]');
  assert.equal(frame, '10 datetime64[ns, UTC] float64 uint64 10004.500000000000000000');
});

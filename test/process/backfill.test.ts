/**
 * What was missed is fetched, as whole processes: dropped trades, a cut connection and a stopped logger leave gaps that
 * the simulator's REST interface closes. At the end every trade that was sent is on disk exactly once.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { EXIT } from '../../src/base/errors.js';
import { runGaps } from '../../src/commands/gaps.js';
import { compareLedger, formatComparison } from '../../src/simulator/compare/compare.js';
import { startFastClock } from '../support/fast_clock.js';
import { textOf } from '../support/printed.js';
import {
  FAKETIME,
  type SimulatorProcess,
  sleep,
  startLoggerProcess,
  startSimulatorProcess,
  temporaryFolder,
  until,
  verifyProblems,
} from '../support/processes.js';

interface ListedGap {
  readonly exchange: string;
  readonly table: string;
  readonly state: string;
  readonly cause: string;
  readonly missing: number;
  readonly repaired: number;
}

/** What `logger gaps --json` lists of the tables of trades. */
async function gapsOf(data: string, exchange: string, table = 'TRADES'): Promise<ListedGap[]> {
  const text = await textOf((stream) => runGaps({ exchange, table }, { data, json: true }, stream));
  return JSON.parse(text);
}

/** Single trades of the futures are for those with a key. */
const channelOf = (id: string) => (id === 'binance-futures' ? 'agg_trades' : 'trades');
const tableOf = (id: string) => channelOf(id).toUpperCase();

const CLOSED_SECS = 180;

/** Waits until gaps with these causes are listed, and every one is closed. */
async function untilClosed(
  data: string,
  exchange: string,
  causes: readonly string[],
  table = 'TRADES',
): Promise<ListedGap[]> {
  const closed = async () => {
    const gaps = await gapsOf(data, exchange, table);
    const found = causes.every((cause) => gaps.some((gap) => gap.cause === cause));
    if (!found || gaps.some(({ state }) => state === 'open'))
      throw new Error(JSON.stringify(gaps, undefined, 1));
    return gaps;
  };
  return until<ListedGap[]>(`gaps of ${exchange} are closed: ${causes}`, closed, CLOSED_SECS);
}

/** Waits until what was missed behind a cut and a stop is repaired, of every exchange. */
async function areRepaired(data: string, exchanges: readonly string[]): Promise<void> {
  for (const id of exchanges) {
    const gaps = await untilClosed(data, id, ['disconnect', 'downtime'], tableOf(id));
    assert.deepEqual(
      gaps.filter(({ state }) => state !== 'repaired'),
      [],
      id,
    );
  }
}

const skip = FAKETIME === undefined ? 'libfaketime is not installed' : false;

/** Every event that the simulator sent is on disk, and none is only listed. */
async function isWhole(simulator: SimulatorProcess, data: string): Promise<void> {
  await simulator.stop();
  const comparison = compareLedger(simulator.ledger, data);
  const listed = comparison.channels.reduce((sum, channel) => sum + channel.listed, 0);
  assert.ok(comparison.ok && listed === 0, formatComparison(comparison));
  assert.equal(await verifyProblems(data), '');
}

test('binance: dropped, cut and stopped, and every trade is there once', async () => {
  const folder = temporaryFolder('backfill');
  const data = join(folder, 'data');
  const flags = ['--symbols', '4', '--rate', '800'];
  const simulator = await startSimulatorProcess(join(folder, 'ledger'), flags, 'binance');
  const options = { folder, exchangeLines: { binance: ['channels = ["trades", "agg_trades"]'] } };
  const first = startLoggerProcess(options, simulator);
  await first.ready();
  await until('rows are written', async () => (await first.health()).writer.rows_written > 1000);
  await simulator.fault({ kind: 'drop', count: 25 });
  await simulator.fault({ kind: 'drop', count: 5, channel: 'agg_trades' });
  await untilClosed(data, 'binance', ['unknown']);
  await simulator.fault({ kind: 'cut', connections: 'all' });
  await untilClosed(data, 'binance', ['unknown', 'disconnect']);
  assert.equal(await first.stop(), EXIT.ok);
  await sleep(2000);
  const second = startLoggerProcess(options, simulator);
  await second.ready();
  const gaps = await untilClosed(data, 'binance', ['unknown', 'disconnect', 'downtime']);
  assert.deepEqual(new Set(gaps.map(({ state }) => state)), new Set(['repaired']));
  for (const { missing, repaired } of gaps) assert.equal(repaired, missing);
  assert.ok(gaps.some(({ cause, missing }) => cause === 'downtime' && missing > 50));
  await until('aggregate trades are repaired', async () => {
    const sums = await gapsOf(data, 'binance', 'AGG_TRADES');
    return sums.some(({ cause }) => cause === 'downtime') && sums.every(({ state }) => state === 'repaired');
  });
  assert.equal(await second.stop(), EXIT.ok);
  await simulator.stop();
  const comparison = compareLedger(simulator.ledger, data);
  assert.ok(comparison.ok, formatComparison(comparison));
  assert.equal(
    comparison.channels.reduce((sum, { listed }) => sum + listed, 0),
    0,
    formatComparison(comparison),
  );
  assert.equal(await verifyProblems(data), '');
});

/** Cuts every connection for a while, stops and starts again: what was missed meanwhile is fetched. */
async function cutAndStopped(exchanges: readonly string[], rate: number): Promise<void> {
  const folder = temporaryFolder('backfill-venues');
  const data = join(folder, 'data');
  const flags = ['--symbols', '2', '--rate', String(rate)];
  const simulator = await startSimulatorProcess(join(folder, 'ledger'), flags, exchanges.join());
  const exchangeLines = Object.fromEntries(exchanges.map((id) => [id, [`channels = ["${channelOf(id)}"]`]]));
  const options = { folder, exchangeLines };
  const first = startLoggerProcess(options, simulator);
  await first.ready();
  await until(
    'rows are written',
    async () => (await first.health()).writer.rows_written > 25 * exchanges.length,
  );
  // no venue takes a connection meanwhile
  await simulator.fault({ kind: 'refuse', seconds: 1.5 });
  await simulator.fault({ kind: 'cut', connections: 'all' });
  for (const id of exchanges) await untilClosed(data, id, ['disconnect'], tableOf(id));
  assert.equal(await first.stop(), EXIT.ok);
  await sleep(1500);
  const second = startLoggerProcess(options, simulator);
  await second.ready();
  await areRepaired(data, exchanges);
  assert.equal(await second.stop(), EXIT.ok);
  await isWhole(simulator, data);
}

test('every venue that has pages: cut and stopped, and every trade is there once', () =>
  // some send their last hundred trades on subscribing: more than these are missed
  cutAndStopped(['binance-futures', 'coinbase', 'coinbase-advanced', 'kraken', 'okx', 'upbit'], 300));

test('down for five minutes of a clock that runs fast, and every trade is there once', { skip }, async () => {
  const [speed, minutes] = [20, 5];
  const folder = temporaryFolder('backfill-long');
  const data = join(folder, 'data');
  const exchanges = ['binance', 'kraken'];
  const clock = await startFastClock(speed, 1);
  const flags = ['--symbols', '2', '--rate', '300'];
  const simulator = await startSimulatorProcess(join(folder, 'ledger'), flags, exchanges.join(), clock.env);
  const exchangeLines = Object.fromEntries(exchanges.map((id) => [id, ['channels = ["trades"]']]));
  const options = { folder, exchangeLines, env: clock.env };
  const first = startLoggerProcess(options, simulator);
  await first.ready();
  await until('rows are written', async () => (await first.health()).writer.rows_written > 1000);
  assert.equal(await first.stop(), EXIT.ok);
  const stopped = clock.now();
  await until('it has been down for long', () => clock.now() - stopped > minutes * 60_000);
  const second = startLoggerProcess(options, simulator);
  await second.ready();
  for (const id of exchanges) {
    const gaps = await untilClosed(data, id, ['downtime']);
    assert.deepEqual(
      gaps.filter(({ state }) => state !== 'repaired'),
      [],
      id,
    );
  }
  assert.equal(await second.stop(), EXIT.ok);
  await isWhole(simulator, data);
});

test('Bybit: what is missed within its last trades is there once', () =>
  cutAndStopped(['bybit', 'bybit-linear'], 5));

/** A minute ends while nothing is connected: its candle has to be fetched. */
test('candles that ended while the connection was down are fetched', async () => {
  const folder = temporaryFolder('backfill-candles');
  const data = join(folder, 'data');
  const exchanges = ['binance', 'binance-futures', 'bybit', 'bybit-linear', 'okx', 'upbit'];
  const simulator = await startSimulatorProcess(
    join(folder, 'ledger'),
    ['--symbols', '2', '--rate', '40'],
    exchanges.join(),
  );
  const lines = ['channels = ["klines"]', 'kline_intervals = ["1m", "3m"]'];
  const options = { folder, exchangeLines: Object.fromEntries(exchanges.map((id) => [id, lines])) };
  const logger = startLoggerProcess(options, simulator);
  await logger.ready();
  await until('rows are written', async () => (await logger.health()).writer.rows_written > 50);
  await until('a minute is about to end', () => new Date().getUTCSeconds() === 57, 70);
  await simulator.fault({ kind: 'refuse', seconds: 5 });
  await simulator.fault({ kind: 'cut', connections: 'all' });
  for (const id of exchanges) {
    await until(`a candle of each symbol of ${id} was fetched`, async () => {
      const gaps = await gapsOf(data, id, 'KLINES_1m');
      return gaps.length >= 2 && gaps.every(({ state, repaired }) => state === 'repaired' && repaired === 1);
    });
  }
  assert.equal(await logger.stop(), EXIT.ok);
  await simulator.stop();
  const comparison = compareLedger(simulator.ledger, data);
  assert.ok(comparison.ok, formatComparison(comparison));
  assert.equal(await verifyProblems(data), '');
});

test('a gap that is open when the logger stops is repaired after its next start, by ids and by time', async () => {
  const folder = temporaryFolder('backfill-open');
  const data = join(folder, 'data');
  const exchanges = ['binance', 'upbit'];
  const flags = ['--symbols', '2', '--rate', '40'];
  const simulator = await startSimulatorProcess(join(folder, 'ledger'), flags, exchanges.join());
  const exchangeLines = Object.fromEntries(exchanges.map((id) => [id, ['channels = ["trades"]']]));
  const first = startLoggerProcess({ folder, exchangeLines }, simulator);
  await first.ready();
  await until('rows are written', async () => (await first.health()).writer.rows_written > 100);
  await simulator.fault({ kind: 'http', target: 'rest', status: 503, seconds: 600 });
  await simulator.fault({ kind: 'refuse', seconds: 1.5 });
  await simulator.fault({ kind: 'cut', connections: 'all' });
  for (const id of exchanges)
    await until(`gaps of ${id} are open`, async () => {
      const gaps = await gapsOf(data, id);
      return gaps.filter(({ state, cause }) => state === 'open' && cause === 'disconnect').length >= 2;
    });
  assert.equal(await first.stop(), EXIT.ok);
  await simulator.fault({ kind: 'http', target: 'rest', status: 503, seconds: 0 });
  const second = startLoggerProcess({ folder, exchangeLines }, simulator);
  await second.ready();
  await areRepaired(data, exchanges);
  assert.equal(await second.stop(), EXIT.ok);
  await isWhole(simulator, data);
});

/**
 * Kraken from the simulator's socket to the column files, as processes, with every channel: each event is on disk once
 * or listed, and the books made of their rows are those of the simulator, also behind a disconnect and a wrong checksum.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { compareAccount, formatComparison } from '../../src/simulator/compare/compare.js';
import {
  startLoggerProcess,
  startSimulatorProcess,
  temporaryFolder,
  until,
  verifyProblems,
} from '../support/processes.js';

const CHANNELS = [
  'channels = ["ticker", "trades", "bbo", "book", "klines"]',
  'kline_intervals = ["1m", "5m", "1h"]',
];

test('every event of Kraken is stored once or listed, and every book is right', async () => {
  const folder = temporaryFolder('kraken');
  const [account, data] = [join(folder, 'account'), join(folder, 'data')];
  const flags = ['--symbols', '12', '--rate', '3000', '--mix', '4:2:2:0:6:1'];
  const simulator = await startSimulatorProcess(account, flags, 'kraken');
  const logger = startLoggerProcess(
    { folder, symbolsPerConnection: 6, exchangeLines: { kraken: CHANNELS } },
    simulator,
  );
  await logger.ready();
  const kraken = async () => (await logger.health()).exchanges.kraken;
  const written = async (rows: number) => {
    const before = (await kraken()).rows_written;
    await until(`${rows} rows are written`, async () => (await kraken()).rows_written > before + rows);
  };
  await written(10_000);
  await simulator.fault({ kind: 'corrupt', channel: 'book', count: 5 });
  await until('books were asked for again', async () => (await kraken()).gaps > 0);
  await written(5000);
  await simulator.fault({ kind: 'cut', connections: 'all' });
  await until('every connection has been lost', async () =>
    (await kraken()).connections.every((c) => c.reconnects > 0),
  );
  await logger.ready();
  await written(10_000);
  await simulator.finish();
  await logger.quiet();
  assert.equal(await logger.stop(), 0, logger.stderr());
  await simulator.stop();
  const comparison = compareAccount(account, data);
  assert.ok(comparison.ok, formatComparison(comparison));
  const channels = new Set(comparison.channels.filter((c) => c.on_disk > 0).map((c) => c.channel));
  for (const channel of ['trades', 'ticker', 'bbo', 'book', 'klines_1m', 'klines_5m', 'klines_1h'])
    assert.ok(channels.has(channel as never), `${channel} is on disk`);
  assert.equal(await verifyProblems(data), '');
});

test('changes that the exchange drops leave no wrong book behind', async () => {
  const folder = temporaryFolder('kraken-drop');
  const [account, data] = [join(folder, 'account'), join(folder, 'data')];
  const simulator = await startSimulatorProcess(account, ['--symbols', '4', '--rate', '2000'], 'kraken');
  const exchangeLines = { kraken: ['channels = ["book"]'] };
  const logger = startLoggerProcess({ folder, exchangeLines }, simulator);
  await logger.ready();
  const kraken = async () => (await logger.health()).exchanges.kraken;
  await simulator.fault({ kind: 'drop', channel: 'book', count: 20 });
  await until('books were asked for again', async () => (await kraken()).gaps > 3);
  const { rows_written } = await kraken();
  await until('more rows are written', async () => (await kraken()).rows_written > rows_written + 5000);
  await simulator.finish();
  await logger.quiet();
  assert.equal(await logger.stop(), 0, logger.stderr());
  await simulator.stop();
  const comparison = compareAccount(account, data);
  for (const { wrong_books, books, different, unexpected, repeated } of comparison.channels) {
    assert.ok(books > 100);
    assert.deepEqual(
      [wrong_books, different, unexpected, repeated],
      [0, 0, 0, 0],
      formatComparison(comparison),
    );
  }
  const sum = (pick: 'listed' | 'missing') => comparison.channels.reduce((n, one) => n + one[pick], 0);
  // without sequence numbers a lost change that the next one makes up for cannot be seen
  assert.ok(sum('listed') > sum('missing'), formatComparison(comparison));
  assert.equal(await verifyProblems(data), '');
});

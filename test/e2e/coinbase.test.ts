/**
 * Every channel of Coinbase Exchange and Coinbase Advanced Trade from the simulator's socket to the column files, as
 * processes, with a forced disconnect and frames that are lost on the way: every event is stored once or listed, and the
 * order books on disk are those of the simulator.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { compareLedger, formatComparison } from '../../src/simulator/compare/compare.js';
import {
  startLoggerProcess,
  startSimulatorProcess,
  temporaryFolder,
  until,
  verifyProblems,
} from '../support/processes.js';

const EXCHANGES = ['coinbase', 'coinbase-advanced'] as const;

test('every event of all channels is stored once or listed, and the books on disk are right', async () => {
  const folder = temporaryFolder('coinbase');
  const [ledger, data] = [join(folder, 'ledger'), join(folder, 'data')];
  const simulator = await startSimulatorProcess(
    ledger,
    ['--symbols', '12', '--rate', '3000'],
    EXCHANGES.join(),
  );
  const candles = 'kline_intervals = ["1m", "5m"]';
  const exchangeLines = {
    coinbase: ['channels = ["ticker", "trades", "book", "klines"]', candles],
    'coinbase-advanced': ['channels = ["ticker", "trades", "book", "klines"]', candles],
  };
  const logger = startLoggerProcess({ folder, symbolsPerConnection: 6, exchangeLines }, simulator);
  const grown = async (rows: number) => {
    const before = (await logger.health()).exchanges;
    await until(`${rows} more rows of each are written`, async () => {
      const { exchanges } = await logger.health();
      return EXCHANGES.every((id) => exchanges[id].rows_written > before[id].rows_written + rows);
    });
  };
  await logger.ready();
  await grown(4000);
  await simulator.fault({ kind: 'cut', connections: 'all' });
  await until('every connection has been lost', async () => {
    const { exchanges } = await logger.health();
    return EXCHANGES.every((id) => exchanges[id].connections.every((c) => c.reconnects > 0));
  });
  await logger.ready();
  await grown(4000);
  const { gaps } = (await logger.health()).exchanges['coinbase-advanced'];
  await simulator.fault({ kind: 'drop', exchange: 'coinbase-advanced', symbol: 'BTC-USD', count: 1 });
  await logger.logged(/missing in the numbering of the connection/);
  await until('its trades and all six books of the connection are complete again', async () => {
    const { exchanges } = await logger.health();
    return exchanges['coinbase-advanced'].gaps >= gaps + 7;
  });
  await grown(4000);
  await simulator.finish();
  await logger.quiet();
  assert.equal(await logger.stop(), 0, logger.stderr());
  await simulator.stop();
  const comparison = compareLedger(ledger, data);
  assert.ok(comparison.ok, formatComparison(comparison));
  for (const exchange of EXCHANGES) {
    const channels = comparison.channels.filter((c) => c.exchange === exchange && c.on_disk > 0);
    const names = [...new Set(channels.map(({ channel }) => channel))].sort();
    const wanted = ['book', ...(exchange === 'coinbase' ? [] : ['klines_5m']), 'ticker', 'trades'];
    assert.deepEqual(names, wanted, `channels of ${exchange} on disk`);
    assert.ok(
      channels.some(({ listed }) => listed > 0),
      'the disconnect lost events, and GAPS lists them',
    );
  }
  assert.equal(await verifyProblems(data), '');
});

/**
 * Every channel of an exchange from the simulator's socket to the column files, as processes, with a forced disconnect
 * and, where books come as changes, a lost one and, where their numbers begin anew, a restart of the exchange's books:
 * every event is stored once or listed, and the order books on disk are those of the simulator.
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

const CHANNELS: Readonly<Record<string, readonly string[]>> = {
  bybit: ['ticker', 'trades', 'bbo', 'book', 'klines'],
  'bybit-linear': ['ticker', 'trades', 'bbo', 'book', 'klines'],
  okx: ['ticker', 'trades', 'bbo', 'agg_trades', 'book', 'klines'],
  upbit: ['ticker', 'trades', 'book', 'klines'],
  binance: ['ticker', 'trades', 'bbo', 'agg_trades', 'book', 'klines'],
  'binance-futures': ['ticker', 'trades', 'bbo', 'agg_trades', 'book', 'klines'],
};
/** Here every message has the whole book. */
const WHOLE_BOOKS = ['upbit'];
const RESTARTED_BOOKS = ['bybit', 'bybit-linear'];

for (const [id, channels] of Object.entries(CHANNELS)) {
  test(`${id}: every event of all channels is stored once or listed, and the books on disk are right`, async () => {
    const folder = temporaryFolder(id);
    const [account, data] = [join(folder, 'account'), join(folder, 'data')];
    const simulator = await startSimulatorProcess(account, ['--symbols', '12', '--rate', '4000'], id);
    const exchangeLines = {
      [id]: [`channels = ${JSON.stringify(channels)}`, 'kline_intervals = ["1m", "5m"]'],
    };
    const logger = startLoggerProcess({ folder, symbolsPerConnection: 6, exchangeLines }, simulator);
    const health = async () => (await logger.health()).exchanges[id];
    const grown = async (rows: number) => {
      const { rows_written } = await health();
      await until(
        `${rows} more rows are written`,
        async () => (await health()).rows_written > rows_written + rows,
      );
    };
    await logger.ready();
    await grown(5000);
    await simulator.fault({ kind: 'cut', connections: 'all' });
    await until('every connection has been lost', async () =>
      (await health()).connections.every((c) => c.reconnects > 0),
    );
    await logger.ready();
    await grown(5000);
    if (!WHOLE_BOOKS.includes(id)) {
      const { gaps } = await health();
      await simulator.fault({ kind: 'drop', exchange: id, channel: 'book', count: 1 });
      await until(
        'the book that missed a change is complete again',
        async () => (await health()).gaps > gaps,
      );
    }
    if (RESTARTED_BOOKS.includes(id)) await simulator.fault({ kind: 'reset-book', exchange: id });
    await grown(5000);
    await simulator.finish();
    await logger.quiet();
    assert.equal(await logger.stop(), 0, logger.stderr());
    await simulator.stop();
    const comparison = compareAccount(account, data);
    assert.ok(comparison.ok, formatComparison(comparison));
    const stored = comparison.channels.filter(({ on_disk }) => on_disk > 0);
    const names = new Set(stored.map(({ channel }) => channel));
    const wanted = [...channels.filter((name) => name !== 'klines'), 'klines_1m', 'klines_5m'];
    assert.deepEqual([...names].sort(), [...wanted].sort());
    assert.ok(
      stored.some(({ listed }) => listed > 0),
      'the disconnect lost events, and GAPS lists them',
    );
    assert.equal(await verifyProblems(data), '');
  });
}

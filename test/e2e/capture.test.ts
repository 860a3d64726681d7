/**
 * From the simulator's socket to the column files, as processes: every event that was sent is on disk once with its
 * exact values, over plain and encrypted connections, with a forced disconnect in the middle whose losses are listed.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { compareAccount, formatComparison } from '../../src/simulator/compare.js';
import { configFor, LoggerProcess, SimulatorProcess, temporaryFolder } from '../support/processes.js';

const BINANCE = ['symbols_per_connection = 20', 'channels = ["ticker", "trades", "bbo"]'];
const COINBASE = ['symbols_per_connection = 20'];

describe('capture', { concurrency: 1 }, () => {
  for (const transport of ['plain', 'tls']) {
    it(`stores every event once over ${transport} connections, and lists what a disconnect lost`, async (t) => {
      const folder = temporaryFolder(t);
      const [account, data] = [join(folder, 'account'), join(folder, 'data')];
      const tls = transport === 'tls' ? ['--tls'] : [];
      const simulator = await SimulatorProcess.start(t, [
        '--symbols',
        '40',
        '--rate',
        '2000',
        '--account',
        account,
        ...tls,
      ]);
      const logger = await LoggerProcess.start(
        t,
        folder,
        configFor(simulator.endpoints, data, { binance: BINANCE, coinbase: COINBASE }),
      );
      const written = (id: string, rows: number) =>
        logger.until(`${rows} rows of ${id}`, (health) => health.exchanges[id].rows_written > rows);
      await logger.until('every connection is up', ({ connections }) => connections.up === 4);
      await written('binance', 2000);
      await simulator.post('/fault', { kind: 'cut', connections: 'all' });
      await logger.until('every connection has come back', ({ connections, exchanges }) => {
        const reconnects = Object.values(exchanges).flatMap((e) => e.connections.map((c) => c.reconnects));
        return connections.up === 4 && reconnects.every((n) => n > 0);
      });
      const { exchanges } = await logger.health();
      await written('coinbase', exchanges.coinbase.rows_written + 2000);
      await simulator.post('/finish');
      await logger.quiet();
      assert.equal(await logger.stop(), 0, logger.lines.join('\n'));
      await simulator.stop();
      const comparison = compareAccount(account, data);
      assert.ok(comparison.ok, formatComparison(comparison));
      const listed = comparison.channels.reduce((n, channel) => n + channel.listed, 0);
      const stored = comparison.channels.reduce((n, channel) => n + channel.on_disk, 0);
      assert.ok(stored > 4000, 'there was something to compare');
      assert.ok(listed > 0, 'the disconnect lost events, and GAPS lists them');
    });
  }

  it('ends within two seconds with fifteen connections, and at once at the second signal', async (t) => {
    const folder = temporaryFolder(t);
    const simulator = await SimulatorProcess.start(t, ['--symbols', '15', '--rate', '1000']);
    const extra = ['symbols_per_connection = 1', 'max_connections = 15', 'symbols = "all"'];
    const config = configFor(simulator.endpoints, join(folder, 'data'), {
      binance: [...extra, 'enabled = false'],
      coinbase: extra,
    });
    const logger = await LoggerProcess.start(t, folder, config);
    await logger.until('every connection is up', ({ connections }) => connections.up === 15);
    assert.equal(await logger.stop(), 0);
    const hanging = await LoggerProcess.start(t, folder, config);
    hanging.child.kill('SIGTERM');
    await once(hanging.child.stdout as Readable, 'data');
    assert.equal(await hanging.stop('SIGTERM'), 1, 'the second signal does not wait');
  });
});

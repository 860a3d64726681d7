/**
 * From the simulator's socket to the column files, as processes: every event that was sent is on disk once with its
 * exact values, over plain and encrypted connections, with a forced disconnect in the middle whose losses are listed.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { test } from 'node:test';
import { compareLedger, formatComparison } from '../../src/simulator/compare/compare.js';
import {
  startLoggerProcess,
  startSimulatorProcess,
  temporaryFolder,
  until,
  verifyProblems,
} from '../support/processes.js';

const ALL_CHANNELS = ['channels = ["ticker", "trades", "bbo"]'];

for (const transport of ['plain', 'tls']) {
  test(`every event is stored once over ${transport} connections, and what a disconnect lost is listed`, async () => {
    const folder = temporaryFolder(`capture-${transport}`);
    const [ledger, data] = [join(folder, 'ledger'), join(folder, 'data')];
    const tls = transport === 'tls' ? ['--tls'] : [];
    const simulator = await startSimulatorProcess(ledger, ['--symbols', '40', '--rate', '2000', ...tls]);
    const options = { folder, symbolsPerConnection: 20, exchangeLines: { binance: ALL_CHANNELS } };
    const logger = startLoggerProcess(options, simulator);
    const written = (id: string, rows: number) =>
      until(
        `${rows} rows of ${id} are written`,
        async () => (await logger.health()).exchanges[id].rows_written > rows,
      );
    await logger.ready();
    await written('binance', 2000);
    await simulator.fault({ kind: 'cut', connections: 'all' });
    await until('every connection has been lost', async () => {
      const { exchanges } = await logger.health();
      return Object.values(exchanges).every((e) => e.connections.every((c) => c.reconnects > 0));
    });
    await logger.ready();
    const { exchanges } = await logger.health();
    await written('coinbase', exchanges.coinbase.rows_written + 2000);
    await simulator.finish();
    await logger.quiet();
    assert.equal(await logger.stop(), 0, logger.stderr());
    await simulator.stop();
    const comparison = compareLedger(ledger, data);
    assert.ok(comparison.ok, formatComparison(comparison));
    const sum = (pick: 'listed' | 'on_disk') =>
      comparison.channels.reduce((n, channel) => n + channel[pick], 0);
    assert.ok(sum('on_disk') > 4000, 'there was something to compare');
    assert.ok(sum('listed') > 0, 'the disconnect lost events, and GAPS lists them');
    assert.equal(await verifyProblems(data), '');
  });
}

test('fifteen connections end cleanly at a signal, and at once at the second one', async () => {
  const folder = temporaryFolder('stop');
  const simulator = await startSimulatorProcess(
    join(folder, 'ledger'),
    ['--symbols', '15', '--rate', '1000'],
    'coinbase',
  );
  const options = { folder, symbolsPerConnection: 1 };
  const logger = startLoggerProcess(options, simulator);
  await logger.ready();
  assert.equal(await logger.stop(), 0);
  const hasty = startLoggerProcess(options, simulator);
  await hasty.ready();
  hasty.child.kill('SIGTERM');
  await once(hasty.child.stdout as Readable, 'data');
  hasty.child.kill('SIGTERM');
  assert.equal((await hasty.exited).code, 1, 'the second signal does not wait');
});

/**
 * Books of Kraken whose changes are lost on the way, from the simulator's socket to the column files, as processes: there
 * are no numbers that would show it, but every message has a checksum.
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

test('changes that the exchange drops leave no wrong book behind', async () => {
  const folder = temporaryFolder('kraken-drop');
  const [ledger, data] = [join(folder, 'ledger'), join(folder, 'data')];
  const simulator = await startSimulatorProcess(ledger, ['--symbols', '4', '--rate', '2000'], 'kraken');
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
  const comparison = compareLedger(ledger, data);
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

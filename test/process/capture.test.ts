/** The whole way once: what the simulator sent is on disk, through an orderly stop and a start after it. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { EXIT } from '../../src/base/errors.js';
import { compareLedger, formatComparison } from '../../src/simulator/compare/compare.js';
import {
  sleep,
  startLoggerProcess,
  startSimulatorProcess,
  temporaryFolder,
  until,
  verifyProblems,
} from '../support/processes.js';

test('two runs with a pause: every event is there once, or listed as missed', async () => {
  const folder = temporaryFolder('capture');
  const simulator = await startSimulatorProcess(join(folder, 'ledger'), [
    '--symbols',
    '12',
    '--rate',
    '2000',
  ]);
  const first = startLoggerProcess({ folder }, simulator);
  await first.ready();
  const second = startLoggerProcess({ folder }, simulator);
  assert.equal((await second.exited).code, EXIT.locked);
  assert.match(second.stderr(), new RegExp(`in use by process ${first.child.pid}, running since`));
  await until('rows are written', async () => (await first.health()).writer.rows_written > 3000);
  assert.equal(await first.stop(), EXIT.ok);
  await sleep(300);
  const third = startLoggerProcess({ folder }, simulator);
  await third.ready();
  await until('rows are written', async () => (await third.health()).writer.rows_written > 3000);
  assert.equal(await third.stop(), EXIT.ok);
  await simulator.stop();
  const comparison = compareLedger(simulator.ledger, join(folder, 'data'));
  assert.ok(comparison.ok, formatComparison(comparison));
  assert.ok(comparison.channels.some(({ listed }) => listed > 0));
  assert.equal(await verifyProblems(join(folder, 'data')), '');
});

test('a connection that breaks: both tables list the gap, and every row stays whole', async () => {
  const folder = temporaryFolder('cut');
  const simulator = await startSimulatorProcess(join(folder, 'ledger'), ['--symbols', '6', '--rate', '1000']);
  const logger = startLoggerProcess({ folder }, simulator);
  await logger.ready();
  for (let cut = 1; cut <= 3; cut++) {
    await simulator.fault({ kind: 'cut' });
    // all six symbols miss tickers; that a symbol misses no trade while its connection comes back may be
    await until('gaps of both tables are listed', async () => {
      const { binance, coinbase } = (await logger.health()).exchanges;
      return Math.min(binance.gaps, coinbase.gaps) > cut * 6 + cut;
    });
  }
  assert.equal(await logger.stop(), EXIT.ok);
  await simulator.stop();
  const comparison = compareLedger(simulator.ledger, join(folder, 'data'));
  assert.ok(comparison.ok, formatComparison(comparison));
  assert.equal(await verifyProblems(join(folder, 'data')), '');
});

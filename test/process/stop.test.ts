/** SIGTERM under load: everything received is written, within the time that a service manager grants. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { EXIT } from '../../src/base/errors.js';
import { compareAccount, formatComparison } from '../../src/simulator/compare/compare.js';
import { FAULTS, SABOTEUR, sabotage } from '../support/faults.js';
import { startLoggerProcess, startSimulatorProcess, temporaryFolder, until } from '../support/processes.js';

const STOP_MS_MAX = 8000;
const STOPS = 3;

test('SIGTERM at full load: status 0, nothing lost, every time', async () => {
  const folder = temporaryFolder('stop');
  const simulator = await startSimulatorProcess(join(folder, 'account'), [
    '--symbols',
    '20',
    '--rate',
    '10000',
  ]);
  for (let stop = 0; stop < STOPS; stop++) {
    const logger = startLoggerProcess({ folder, flushSecs: 5 }, simulator);
    await logger.ready();
    // most of what was received waits for its flush
    await until('rows wait', async () => (await logger.health()).writer.rows_waiting > 10_000);
    const asked = performance.now();
    assert.equal(await logger.stop(), EXIT.ok, logger.stderr());
    assert.ok(performance.now() - asked < STOP_MS_MAX);
    assert.equal(logger.lines.at(-1)?.rows_lost, 0);
  }
  await simulator.stop();
  const comparison = compareAccount(simulator.account, join(folder, 'data'));
  assert.ok(comparison.ok, formatComparison(comparison));
});

test('a second SIGTERM ends what does not stop', async () => {
  const folder = temporaryFolder('stop');
  const simulator = await startSimulatorProcess(join(folder, 'account'), ['--symbols', '2', '--rate', '100']);
  const logger = startLoggerProcess({ folder, preload: SABOTEUR }, simulator);
  await logger.ready();
  sabotage(logger, 'writer', FAULTS.hangs);
  logger.child.kill('SIGTERM');
  await logger.logged(/^stopping/);
  logger.child.kill('SIGTERM');
  assert.deepEqual(await logger.exited, { code: EXIT.failed, signal: null });
});

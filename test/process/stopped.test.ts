/** A process that stood for longer than the exchange may be silent, as when its virtual machine is paused. */
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

const MESSAGE_TIMEOUT_SECS = 1.5;
const STOPS = 3;

test('a process that stood reads what waits for it before it judges the exchange', async () => {
  const folder = temporaryFolder('stood');
  const simulator = await startSimulatorProcess(join(folder, 'ledger'), ['--symbols', '4', '--rate', '300']);
  const logger = startLoggerProcess(
    {
      folder,
      env: {
        LOGGER__WEBSOCKET__MESSAGE_TIMEOUT_SECS: String(MESSAGE_TIMEOUT_SECS),
        LOGGER__WEBSOCKET__ACK_TIMEOUT_SECS: String(MESSAGE_TIMEOUT_SECS),
      },
    },
    simulator,
  );
  await logger.ready();
  const rows = async () => (await logger.health()).writer.rows_written;
  for (let stop = 0; stop < STOPS; stop++) {
    const before = await rows();
    await until('rows are written', async () => (await rows()) > before + 300);
    logger.child.kill('SIGSTOP');
    await sleep(MESSAGE_TIMEOUT_SECS * 2000);
    logger.child.kill('SIGCONT');
  }
  const before = await rows();
  await until('rows are written', async () => (await rows()) > before + 300);
  for (const [id, exchange] of Object.entries((await logger.health()).exchanges)) {
    const reconnects = exchange.connections.map((connection) => connection.reconnects);
    assert.ok(
      reconnects.every((count) => count === 0),
      `${id} has reconnected: ${reconnects}`,
    );
    assert.equal(exchange.gaps, 0, `${id} has lost something`);
  }
  assert.equal(await logger.stop(), EXIT.ok, logger.stderr());
  await simulator.stop();
  const comparison = compareLedger(simulator.ledger, join(folder, 'data'));
  assert.ok(comparison.ok, formatComparison(comparison));
  assert.equal(await verifyProblems(join(folder, 'data')), '');
});

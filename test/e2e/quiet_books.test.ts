/**
 * Order books of OKX that do not change: the exchange says so now and then, which is no row, and which tells of a change
 * that was lost as the last one before the silence.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { BOOK } from '../../src/schema/tables.js';
import { compareLedger, formatComparison } from '../../src/simulator/compare/compare.js';
import { readGaps } from '../../src/simulator/compare/gap_list.js';
import { startSimulator } from '../../src/simulator/simulator.js';
import {
  afterProcesses,
  type SimulatorProcess,
  startLoggerProcess,
  temporaryFolder,
  until,
  verifyProblems,
} from '../support/processes.js';

/** So slow that nothing is sent any more. */
const STANDSTILL = { kind: 'slow', rate: 1e-6, seconds: 3600 } as const;

test('signs of life of quiet books are no rows, and show that a last change was lost', async () => {
  const folder = temporaryFolder('okx-quiet');
  const [ledger, data] = [join(folder, 'ledger'), join(folder, 'data')];
  const { simulator, endpoints } = await startSimulator({
    exchanges: ['okx'],
    symbols: 4,
    rate: 500,
    mix: [0, 0, 0, 0, 1],
    ledger_directory: ledger,
    timings: { heartbeat_ms: 200 },
  });
  afterProcesses(() => simulator.stop());
  const exchangeLines = { okx: ['channels = ["book"]'] };
  const logger = startLoggerProcess({ folder, exchangeLines }, endpoints as unknown as SimulatorProcess);
  await logger.ready();
  const okx = async () => (await logger.health()).exchanges.okx;
  const messages = async () => (await okx()).connections.reduce((sum, { messages }) => sum + messages, 0);
  await until('rows are written', async () => (await okx()).rows_written > 2000);
  simulator.fault(STANDSTILL);
  await logger.quiet();
  const quiet = await okx();
  const heard = await messages();
  await until('signs of life', async () => (await messages()) > heard + 20);
  assert.deepEqual(
    [(await okx()).rows_written, (await okx()).gaps],
    [quiet.rows_written, quiet.gaps],
    'they are neither rows nor gaps',
  );
  // what was sent last is what is lost
  simulator.fault({ kind: 'drop', channel: 'book', symbol: 'BTC-USDT', probability: 1 });
  simulator.fault({ kind: 'slow', rate: 50, seconds: 3600 });
  await until('changes are lost', () => simulator.totals().exchanges.okx.channels.book.undelivered > 0);
  simulator.fault(STANDSTILL);
  await until('the gap is listed', async () => (await okx()).gaps > quiet.gaps);
  simulator.finish();
  await logger.quiet();
  assert.equal(await logger.stop(), 0, logger.stderr());
  simulator.stop();
  const comparison = compareLedger(ledger, data);
  assert.ok(comparison.ok, formatComparison(comparison));
  assert.ok(readGaps(data, 'okx', 'BTC-USDT').has(BOOK.id));
  assert.equal(await verifyProblems(data), '');
});

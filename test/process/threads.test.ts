/** Threads that throw, end, hang or run out of memory, in the real program; each fault in a shard of its own. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { EXIT } from '../../src/base/errors.js';
import { compareLedger, formatComparison } from '../../src/simulator/compare/compare.js';
import { FAULTS, SABOTEUR, sabotage } from '../support/faults.js';
import {
  startLoggerProcess,
  startSimulatorProcess,
  temporaryFolder,
  until,
  verifyProblems,
} from '../support/processes.js';

test('shards that fail in any way are started again and go on; the other exchange does not notice', async () => {
  const folder = temporaryFolder('threads');
  const faults = Object.entries(FAULTS);
  const flags = ['--symbols', String(faults.length), '--rate', '500'];
  const simulator = await startSimulatorProcess(join(folder, 'ledger'), flags);
  const logger = startLoggerProcess(
    {
      ...{ folder, symbolsPerConnection: 1, preload: SABOTEUR },
      env: { LOGGER__FEED__WORKERS: 'per-connection' },
    },
    simulator,
  );
  await logger.ready();
  const shards = async () => (await logger.health()).exchanges.coinbase.connections;
  for (const [n, { shard }] of (await shards()).entries()) sabotage(logger, `shard-${shard}`, faults[n][1]);
  for (const [shard, [fault]] of faults.entries()) {
    const active = await until(`a shard that ${fault} is started again`, async () => {
      const { restarts, state, messages } = (await shards())[shard];
      return restarts === 1 && state === 'ACTIVE' ? { messages } : undefined;
    });
    // what was missed shows at the first message after it
    await until('it goes on', async () => (await shards())[shard].messages > active.messages + 20);
  }
  const { binance } = (await logger.health()).exchanges;
  const states = binance.connections.map((shard) => `${shard.state} ${shard.restarts}`);
  assert.deepEqual(new Set(states), new Set(['ACTIVE 0']));
  assert.equal(binance.gaps, 0);
  assert.equal(await logger.stop(), EXIT.ok);
  await simulator.stop();
  const data = join(folder, 'data');
  const comparison = compareLedger(simulator.ledger, data);
  assert.ok(comparison.ok, formatComparison(comparison));
  assert.equal(await verifyProblems(data), '');
});

for (const thread of ['writer', 'sync']) {
  test(`a ${thread} thread that throws ends the process, and the next one goes on`, async () => {
    const folder = temporaryFolder(thread);
    const simulator = await startSimulatorProcess(join(folder, 'ledger'), [
      '--symbols',
      '4',
      '--rate',
      '500',
    ]);
    const logger = startLoggerProcess({ folder, preload: SABOTEUR }, simulator);
    await logger.ready();
    await until('rows are written', async () => (await logger.health()).writer.rows_written > 300);
    // its loop never comes to timers or promises: what it calls must throw
    sabotage(logger, thread, `Atomics.wait = () => { throw new Error('sabotage'); }`);
    assert.deepEqual(await logger.exited, { code: EXIT.internal, signal: null });
    const next = startLoggerProcess({ folder }, simulator);
    await next.ready();
    await until('rows are written', async () => (await next.health()).writer.rows_written > 300);
    assert.equal(await next.stop(), EXIT.ok);
    assert.equal(await verifyProblems(join(folder, 'data')), '');
  });
}

/** The newest rows are taken as they come, and asked for from another thread. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { RecentRowsClient } from '../../src/delivery/recent_rows_channel.js';
import { startLoggerProcess, startSimulatorProcess, temporaryFolder, until } from '../support/processes.js';

test('another thread asks, several questions at once, and hears when nobody answers', async (t) => {
  const worker = new Worker(new URL('./memory_thread.js', import.meta.url));
  await once(worker, 'message');
  const client = new RecentRowsClient('recent');
  t.after(() => client.close());
  const asked = [{ limit: 2 }, { limit: 9, symbol: 'BTC-USD' }, { limit: 9, exchange: 'kraken' }];
  const answers = await Promise.all(asked.map((query) => client.ask(query)));
  const rows = answers.map((lines) => lines.map((line) => JSON.parse(line).row));
  assert.deepEqual(rows, [[3, 4], [2, 3, 4], []]);
  const ended = once(worker, 'exit');
  worker.postMessage('end');
  assert.deepEqual(await ended, [0]);
  const late = new RecentRowsClient('recent', 10);
  t.after(() => late.close());
  await assert.rejects(late.ask({ limit: 1 }), /the sink recent does not answer/);
  const closed = client.ask({ limit: 1 });
  client.close();
  await assert.rejects(closed, /the sink recent is not asked any more/);
});

test('a logger keeps them on a thread of its own', async () => {
  const folder = temporaryFolder('memory');
  const flags = ['--symbols', '2', '--rate', '100'];
  const simulator = await startSimulatorProcess(join(folder, 'ledger'), flags, 'coinbase');
  const logger = startLoggerProcess({ folder, sinkLines: { recent: ['type = "memory"'] } }, simulator);
  const delivered = async () => (await logger.health()).sinks['recent'].rows_delivered;
  await until('rows are taken', async () => (await delivered()) > 500);
  assert.equal((await logger.health()).sinks['recent'].trouble, null);
  assert.equal(await logger.stop(), 0, logger.stderr());
  await simulator.stop();
});

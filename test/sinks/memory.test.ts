/** The newest rows are asked for from another thread. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { RecentRowsClient } from '../../src/delivery/recent_rows_channel.js';

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

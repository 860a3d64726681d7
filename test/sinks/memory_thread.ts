/** A thread with the sink `memory` that has taken a few rows, for memory.test.ts; it ends when it is told so. */
import { parentPort } from 'node:worker_threads';
import memory from '../../src/sinks/memory.js';
import { batchOf, tradesOf } from '../support/batches.js';

const place = tradesOf('coinbase', 'BTC-USD', 'BTC-USD');
const received = Math.floor(Date.now() / 1000);
const context = { name: 'recent', dataPath: '', state: undefined, log: () => {}, refuse: () => {} };
const sink = await memory.open({ rows_per_symbol: 3, rows_total: 10, minutes: 60 }, context);
await sink.deliver(batchOf(Array.from({ length: 5 }, (_, row) => ({ place, row, received }))));
await sink.flush();
parentPort?.once('message', async () => {
  await sink.close();
  parentPort?.close();
});
parentPort?.postMessage('ready');

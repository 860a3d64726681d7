/** Entry point of the thread that fills a ring for the stage `ring`, as a shard does. */
import { parentPort, workerData } from 'node:worker_threads';
import { RingProducer } from '../src/ring/producer.js';
import { TRADES } from '../src/schema/tables.js';
import { putRow } from './rows.js';

export interface RingThreadInit {
  readonly ring: SharedArrayBuffer;
  readonly doorbell: SharedArrayBuffer;
  /** one word that becomes 1 when the rows are wanted; the thread says that it waits with a message */
  readonly start: SharedArrayBuffer;
  readonly rows: number;
  readonly rowsPerPublish: number;
}

const { ring, doorbell, start, rows, rowsPerPublish } = workerData as RingThreadInit;
const producer = new RingProducer(ring, doorbell);
parentPort?.postMessage('waits');
Atomics.wait(new Int32Array(start), 0, 0);
for (let n = 0; n < rows; ) {
  if (putRow(producer, TRADES, 0, 0, n)) n++;
  else producer.publish();
  if (n % rowsPerPublish === 0) producer.publish();
}
producer.publish();

/** A thread for pacing.test.ts that asks for connection attempts as fast as it can. */
import { parentPort, workerData } from 'node:worker_threads';
import { reserve } from '../../../src/feed/connection/pacing.js';

const { pacing, perMinute, attempts } = workerData as {
  pacing: SharedArrayBuffer;
  perMinute: number;
  attempts: number;
};
const times: number[] = [];
for (let i = 0; i < attempts; i++) {
  const wait = reserve(pacing, perMinute);
  times.push(Number(process.hrtime.bigint() / 1_000_000n) + wait);
}
parentPort?.postMessage(times);

/** Entry point of a shard thread. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { loadExchange } from '../src/exchanges/index.js';
import { Shard, type ShardInit } from '../src/feed/shard.js';

const init = workerData as ShardInit;
new Shard(await loadExchange(init.exchange), init, parentPort as MessagePort).start();

/** Entry point of a shard thread. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { loadExchange } from '../src/exchanges/index.js';
import { Shard, type ShardInit } from '../src/feed/shard.js';

const init = workerData as ShardInit;
const shard = new Shard(init, parentPort as MessagePort, loadExchange);
for (const session of init.sessions) await shard.open(session);

/** Entry point of a sink thread. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { runSink, type SinkInit } from '../src/delivery/thread.js';
import { loadSinkType } from '../src/sinks/index.js';
import { DiskIo } from '../src/store/disk/io.js';

const init = workerData as SinkInit;
await runSink(init, parentPort as MessagePort, new DiskIo(), await loadSinkType(init.config.type));

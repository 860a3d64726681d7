/** Entry point of the sealer thread. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { DiskIo } from '../src/store/disk/io.js';
import { type SealerInit, SealerThread } from '../src/store/seal/thread.js';

await new SealerThread(workerData as SealerInit, parentPort as MessagePort, new DiskIo()).run();

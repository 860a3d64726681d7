/** Entry point of the sync thread. */
import { workerData } from 'node:worker_threads';
import { serveFileSyncs } from '../src/store/disk/file_sync.js';

serveFileSyncs(workerData as SharedArrayBuffer);

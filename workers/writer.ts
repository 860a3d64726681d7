/** Entry point of the writer thread. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { BackgroundSync } from '../src/store/disk/background_sync.js';
import { FileSync } from '../src/store/disk/file_sync.js';
import { DiskIo } from '../src/store/disk/io.js';
import { Writer, type WriterReport } from '../src/store/writer/writer.js';

const { init, syncWord, fileSyncWords } = workerData;
const port = parentPort as MessagePort;
const sync = new BackgroundSync(syncWord, () => port.postMessage({ kind: 'sync' } satisfies WriterReport));

new Writer(init, port, new DiskIo(sync, new FileSync(fileSyncWords))).run();

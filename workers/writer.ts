/** Entry point of the writer thread. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { DiskIo } from '../src/store/io.js';
import { Writer, type WriterInit } from '../src/store/writer.js';

new Writer(workerData as WriterInit, parentPort as MessagePort, new DiskIo()).run();

/**
 * Loaded in front of `logger run`, which is unchanged but for its writer thread: stamped_writer.ts stands in for it and
 * leaves the times of its writes to the journal in a file.
 */

import { syncBuiltinESMExports } from 'node:module';
import threads, { type WorkerOptions } from 'node:worker_threads';

/** Name of the file for the stamps, in the environment. */
export const STAMPS_ENV = 'BENCH_JOURNAL_STAMPS';
/** inode of the file, its size behind the write, microseconds since 1970 */
export const STAMP_NUMBERS = 3;
const WRITER = /\/workers\/writer\.js$/;

if (threads.isMainThread && process.env[STAMPS_ENV] !== undefined) {
  const { Worker } = threads;
  threads.Worker = class extends Worker {
    constructor(file: string | URL, options?: WorkerOptions) {
      super(WRITER.test(String(file)) ? new URL('./stamped_writer.js', import.meta.url) : file, options);
    }
  };
  syncBuiltinESMExports();
}

/**
 * The one place that knows how to start threads. Main thread only.
 */
import { Worker } from 'node:worker_threads';
import type { ShardCommand, ShardInit, ShardReport } from '../feed/shard.js';
import { createSyncWord, runSync } from '../store/background_sync.js';
import type { SealerCommand, SealerInit, SealerReport } from '../store/sealer_thread.js';
import type { WriterCommand, WriterInit, WriterReport } from '../store/writer.js';

/** A thread with the messages that go to it and come from it. */
export interface Thread<Command, Report> {
  send(command: Command): void;
  onReport(handler: (report: Report) => void): void;
  /** once, with the reason, when the thread has ended for whatever cause */
  onEnd(handler: (reason: string) => void): void;
  terminate(): void;
}

/** Heap of one thread: far above what a shard needs, so that only a leak ever meets it. */
const HEAP_MB_MAX = 256;

function start<Command, Report>(file: string, name: string, workerData: unknown): Thread<Command, Report> {
  const worker = new Worker(new URL(`../../workers/${file}.js`, import.meta.url), {
    workerData,
    name,
    // threads inherit neither debugger nor preloaded modules of the main thread
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB_MAX },
  });
  let failure = '';
  worker.on('error', (error) => {
    failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
  });
  return {
    send: (command) => worker.postMessage(command),
    onReport: (handler) => worker.on('message', handler),
    onEnd: (handler) => worker.on('exit', (code) => handler(failure === '' ? `exit ${code}` : failure)),
    terminate: () => void worker.terminate(),
  };
}

export type ShardThread = Thread<ShardCommand, ShardReport>;
export type WriterThread = Thread<WriterCommand, WriterReport>;
export type SealerThread = Thread<SealerCommand, SealerReport>;

export function startShard(init: ShardInit): ShardThread {
  return start('shard', `${init.exchange}-${init.shard}`, init);
}

export function startWriter(init: WriterInit): WriterThread {
  const syncWord = createSyncWord();
  const thread: WriterThread = start('writer', 'writer', { init, syncWord });
  thread.onReport((report) => {
    if (report.kind === 'sync') runSync(init.dataPath, syncWord);
  });
  return thread;
}

export function startSealer(init: SealerInit): SealerThread {
  return start('sealer', 'sealer', init);
}

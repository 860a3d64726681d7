/**
 * The one place that knows how to start threads. Main thread only.
 */
import { Worker } from 'node:worker_threads';
import type { SinkCommand, SinkInit, SinkReport } from '../delivery/thread.js';
import type { ShardCommand, ShardInit, ShardReport } from '../feed/shard.js';
import { createSyncWord, runSync } from '../store/disk/background_sync.js';
import { createFileSyncWords } from '../store/disk/file_sync.js';
import type { SealerCommand, SealerInit, SealerReport } from '../store/seal/thread.js';
import type { WriterCommand, WriterInit, WriterReport } from '../store/writer/writer.js';

/** A thread with the messages that go to it and come from it. */
export interface Thread<Command, Report> {
  send(command: Command): void;
  onReport(handler: (report: Report) => void): void;
  /** once, with the reason, when the thread has ended for whatever cause */
  onEnd(handler: (reason: string) => void): void;
  terminate(): void;
}

/** Heap of one thread: far above what it needs, so that only a leak ever meets it; a shard's grows with its sessions. */
const HEAP_MB_MAX = 256;
const HEAP_MB_PER_SESSION = 4;
/** Space for new objects. Little is made once a thread is warm, and what is reserved for it is used sooner or later. */
const YOUNG_HEAP_MB_MAX = 8;

function start<Command, Report>(
  file: string,
  name: string,
  workerData: unknown,
  heapMbMax = HEAP_MB_MAX,
): Thread<Command, Report> {
  const worker = new Worker(new URL(`../../workers/${file}.js`, import.meta.url), {
    workerData,
    name,
    // threads inherit neither debugger nor preloaded modules of the main thread
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: heapMbMax, maxYoungGenerationSizeMb: YOUNG_HEAP_MB_MAX },
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
export type SinkThread = Thread<SinkCommand, SinkReport>;

export function startShard(init: ShardInit): ShardThread {
  const heapMbMax = HEAP_MB_MAX + HEAP_MB_PER_SESSION * init.sessions.length;
  return start('shard', `shard-${init.shard}`, init, heapMbMax);
}

/** The writer with the thread that syncs its journal; where one of them ends, the other is of no use. */
export function startWriter(init: WriterInit): WriterThread {
  const syncWord = createSyncWord();
  const fileSyncWords = createFileSyncWords();
  const sync: Thread<never, never> = start('sync', 'sync', fileSyncWords);
  const writer: WriterThread = start('writer', 'writer', { init, syncWord, fileSyncWords });
  writer.onReport((report) => {
    if (report.kind === 'sync') runSync(init.dataPath, syncWord);
  });
  writer.onEnd(() => sync.terminate());
  return {
    ...writer,
    onEnd: (handler) => {
      writer.onEnd(handler);
      sync.onEnd((reason) => handler(`its sync thread: ${reason}`));
    },
  };
}

export function startSealer(init: SealerInit): SealerThread {
  return start('sealer', 'sealer', init);
}

export function startSink(init: SinkInit): SinkThread {
  return start('sink', `sink-${init.name}`, init);
}

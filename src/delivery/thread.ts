/** A sink on a thread of its own: options and messages around a runner. */
import type { MessagePort } from 'node:worker_threads';
import { parseBeginning } from '../config/beginning.js';
import type { SinkConfig } from '../config/sinks.js';
import type { StoreIo } from '../store/disk/io.js';
import { ProgressReader } from '../store/journal/progress.js';
import { filterOf } from './filter.js';
import { Runner } from './runner.js';
import type { SinkType } from './sink.js';

export interface SinkInit {
  readonly name: string;
  readonly config: SinkConfig;
  readonly dataPath: string;
  readonly progress: SharedArrayBuffer;
  readonly counters: SharedArrayBuffer;
  /** normalized names of symbols, by exchange and native name */
  readonly symbols: ReadonlyMap<string, ReadonlyMap<string, string>>;
}

/** Supervisor to sink. */
export interface SinkCommand {
  /** deliver what is there and end */
  readonly kind: 'stop';
}

/** Sink to supervisor. `trouble`: why nothing is delivered, undefined when it is again. */
export type SinkReport =
  | { readonly kind: 'trouble'; readonly reason: string | undefined }
  | { readonly kind: 'log'; readonly level: 'info' | 'warn' | 'error'; readonly text: string };

/** Runs until the supervisor ends it. */
export async function runSink(init: SinkInit, port: MessagePort, io: StoreIo, type: SinkType): Promise<void> {
  const { name, config, dataPath, symbols } = init;
  const post = (report: SinkReport) => port.postMessage(report);
  const runner = new Runner({
    ...{ name, io, dataPath },
    from: parseBeginning(config.from) ?? 'start',
    filter: filterOf(config),
    names: (exchange, native) => symbols.get(exchange)?.get(native),
    batch: { rows: config.batch_rows, bytes: config.batch_bytes, secs: config.batch_secs },
    progress: new ProgressReader(init.progress),
    counters: new Uint32Array(init.counters),
    open: (context) => type.open(config as never, context),
    log: (level, text) => post({ kind: 'log', level, text }),
    trouble: (reason) => post({ kind: 'trouble', reason }),
  });
  port.on('message', () => runner.stop());
  await runner.run();
  port.close();
}

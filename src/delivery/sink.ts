/**
 * What a sink is: one file `sinks/<type>.ts` with `export default defineSink(…)`. docs/internals/delivery.md tells how to
 * write one.
 *
 * Order of calls, one at a time: open(), then deliver() any number of times, flush() now and then, close() at the end. A
 * batch counts as delivered when a flush() after it has resolved; only then is the cursor written. When deliver() or
 * flush() fails, close() follows, and after a pause open() and every batch again that no flush() has covered: delivery is
 * at least once. It is exactly once
 *
 *   - where a row replaces itself: its place and number name it for good (fields.ts, ROW_KEY)
 *   - where the target keeps `batch.cursor` in the transaction of the rows, and open() answers it as `cursor`
 *   - where what stands behind the last flush can be taken back: what flush() answers is `context.state` of the next
 *     open()
 *
 * Each sink has a thread of its own. It may take as long as it likes: capture never waits for it, and what it has not
 * delivered stays in the journal.
 */
import type { Option } from '../config/kinds.js';
import type { Options } from '../config/options.js';
import type { SinkKind } from '../config/sinks.js';
import type { Batch } from './batch.js';
import type { RecordView } from './record_view.js';

/** The values of declared options. */
export type OptionValues<O extends Options> = {
  readonly [K in keyof O]: O[K] extends Option<infer T> ? T : never;
};

export interface SinkContext {
  /** of the section `[sinks.<name>]` */
  readonly name: string;
  readonly dataPath: string;
  /** what the last flush() has answered that counts; undefined for a sink that begins anew */
  readonly state: unknown;
  log(level: 'info' | 'warn' | 'error', text: string): void;
  /**
   * A row that the target can never take: it goes to the dead letters with the reason and counts as delivered. Called
   * within deliver() or flush().
   */
  refuse(row: RecordView, reason: string): void;
}

export interface Sink {
  /**
   * `batch.cursor` of the last batch that the target holds, when it keeps that; null when it holds nothing yet. It goes
   * before our own cursor: delivery goes on behind what the target has, or begins again when that is too long ago
   */
  readonly cursor?: string | null;
  /** Takes the rows of a batch, which is used again after this has resolved or failed. */
  deliver(batch: Batch): Promise<void> | void;
  /** Resolves when everything delivered is safe. What it answers is kept with the cursor; it must be JSON. */
  flush(): Promise<unknown> | unknown;
  /** Lets go of everything; what was not flushed is not delivered. */
  close(): Promise<void> | void;
}

export interface SinkType<O extends Options = Options> {
  /** what it is, one sentence */
  readonly doc: string;
  /** besides those that every sink has (config/sink_options.ts) */
  readonly options: O;
  /** sizes of a batch that suit the target; users may say otherwise */
  readonly batch?: Partial<SinkKind['batch']>;
  /** where a new one begins unless it is told otherwise; "start" when absent */
  readonly from?: SinkKind['from'];
  /**
   * Connects to the target, makes what it needs there and sees to it that nothing stands there that no flush() has
   * covered. Throws what a person can act on.
   */
  open(options: OptionValues<O>, context: SinkContext): Promise<Sink> | Sink;
}

export function defineSink<const O extends Options>(type: SinkType<O>): SinkType<O> {
  return type;
}

/**
 * Brings rows from the journal to one target, for as long as the sink exists: fills batches, delivers them, has them made
 * safe, and only then moves the cursor. What was delivered and is not safe yet stays in memory, so that it can be delivered
 * again after an error. Sink threads.
 */
import { setImmediate, setTimeout } from 'node:timers/promises';
import { monotonicMs } from '../base/clock.js';
import { messageOf } from '../base/errors.js';
import type { Beginning } from '../config/beginning.js';
import { SINK } from '../counters/declarations.js';
import type { StoreIo } from '../store/disk/io.js';
import type { Checkpoint } from '../store/journal/checkpoint.js';
import type { ProgressReader } from '../store/journal/progress.js';
import { journalFolder } from '../store/journal/start.js';
import { TailLost } from '../store/journal/tail.js';
import { Batch } from './batch.js';
import {
  agreed,
  behind,
  CursorFiles,
  cursorText,
  parseCursor,
  positionOf,
  type Resumed,
  type SinkCursor,
} from './cursor.js';
import { DeadLetters } from './dead_letters.js';
import type { Filter } from './filter.js';
import type { SymbolNames } from './place.js';
import type { Sink, SinkContext } from './sink.js';
import { SinkSource } from './sink_source.js';
import type { Position } from './source.js';

/** Batches that may be delivered and not safe; a flush follows the last one. */
const UNSAFE_BATCHES_MAX = 4;
/** First and longest pause before a target is tried again. */
const RETRY_MS = 250;
const RETRY_MS_MAX = 30_000;
/** A cursor that passes rows of others is written so often; and requests to rewind are looked for. */
const CURSOR_MS = 1000;

export interface RunnerOptions {
  readonly name: string;
  readonly io: StoreIo;
  readonly dataPath: string;
  readonly from: Beginning;
  readonly filter: Filter;
  readonly names: SymbolNames;
  readonly batch: { readonly rows: number; readonly bytes: number; readonly secs: number };
  readonly progress: ProgressReader;
  readonly counters: Uint32Array;
  readonly open: (context: SinkContext) => Promise<Sink> | Sink;
  readonly log: SinkContext['log'];
  /** why nothing is delivered; undefined when it is */
  readonly trouble: (reason: string | undefined) => void;
}

export class Runner {
  private readonly files: CursorFiles;
  private readonly deadLetters: DeadLetters;
  private cursor: SinkCursor | undefined;
  private checkpoint: Checkpoint | undefined;
  private source: SinkSource | undefined;
  private sink: Sink | undefined;
  private filling = new Batch();
  private fillingSinceMs = 0;
  /** delivered, or to be delivered again, the oldest first */
  private readonly unsafe: Batch[] = [];
  /** of these, batches that the open target has taken */
  private taken = 0;
  private readonly spare: Batch[] = [];
  private flushedMs = 0;
  private cursorMs = 0;
  private failures = 0;
  private told = '';
  private stopping = false;

  constructor(private readonly options: RunnerOptions) {
    const { io, dataPath, name } = options;
    this.files = new CursorFiles(io, journalFolder(dataPath), name);
    this.deadLetters = new DeadLetters(io, dataPath, name);
  }

  /** Until stop(). */
  async run(): Promise<void> {
    let goesOn = true;
    while (goesOn) {
      try {
        goesOn = await this.turn();
      } catch (error) {
        goesOn = await this.failed(error);
      }
    }
    await this.closeSink();
    this.source?.close();
  }

  /** Delivers what is durable and ends; an error meanwhile ends it at once. */
  stop(): void {
    this.stopping = true;
  }

  /** False when there is nothing more to do. */
  private async turn(): Promise<boolean> {
    await this.prepare();
    await this.redeliver();
    const isDry = this.read();
    const isDue = monotonicMs() - this.fillingSinceMs >= this.options.batch.secs * 1000;
    if (this.filling.rows > 0 && (!isDry || isDue || this.stopping)) await this.deliver();
    if (this.isFlushDue(isDry)) await this.flush();
    this.passRows();
    if (this.stopping && isDry) return this.unsafe.length > 0;
    if (isDry) await this.options.progress.rest(this.restMs());
    // messages have their turn
    else await setImmediate();
    return true;
  }

  /** Cursor, target and source, in this order. */
  private async prepare(): Promise<void> {
    const request = monotonicMs() - this.cursorMs >= CURSOR_MS ? this.files.rewind() : undefined;
    if (request !== undefined) await this.beginAgain(request, () => this.files.rewound());
    if (this.cursor === undefined) this.takeCursor(this.files.resume() ?? this.begin(this.options.from));
    while (this.sink === undefined) await this.openSink();
    this.source ??= this.openSource(this.cursor as SinkCursor, this.checkpoint as Checkpoint);
  }

  private begin(from: Beginning): Resumed {
    const { files, options } = this;
    return files.begin(files.beginning(from), () => options.progress.durable());
  }

  private takeCursor({ cursor, checkpoint }: Resumed): void {
    this.cursor = cursor;
    this.checkpoint = checkpoint;
    this.showCursor(cursor);
  }

  private async openSink(): Promise<void> {
    const { name, dataPath, open, log } = this.options;
    const { state } = this.cursor as SinkCursor;
    this.taken = 0;
    this.deadLetters.forget();
    const refuse: SinkContext['refuse'] = (row, reason) => this.deadLetters.add(row, reason);
    this.sink = await open({ name, dataPath, state, log, refuse });
    await this.adopt(this.sink.cursor);
  }

  /** What the target says that it holds is not delivered again, and what it does not hold any more is. */
  private async adopt(held: string | null | undefined): Promise<void> {
    if (held === undefined) return;
    const at = this.unsafe.findIndex((batch) => batch.cursor === held);
    if (at >= 0) {
      this.taken = at + 1;
      return;
    }
    const theirs = held === null ? undefined : parseCursor(parseJson(held));
    const found = agreed(this.cursor as SinkCursor, theirs, this.options.from);
    if (found === this.cursor) return;
    // a server may have lost what it had acknowledged, also while we run
    this.forgetRows();
    if (!('from' in found)) this.cursor = found;
    else {
      this.options.log(
        'warn',
        'the target lacks what was delivered; it is delivered again from the column files',
      );
      await this.beginAgain(found.from, () => {});
    }
  }

  private openSource(cursor: SinkCursor, checkpoint: Checkpoint): SinkSource {
    const { io, dataPath, filter, names, progress } = this.options;
    const durable = () => progress.durable();
    return new SinkSource({ io, dataPath, filter, names, durable }, cursor, checkpoint);
  }

  /** Batches that the target has not taken since it was opened. */
  private async redeliver(): Promise<void> {
    while (this.taken < this.unsafe.length) {
      this.options.counters[SINK.retries]++;
      await (this.sink as Sink).deliver(this.unsafe[this.taken]);
      this.taken++;
    }
  }

  /** As fill(); after an error everything behind the cursor is read again. */
  private read(): boolean {
    try {
      return this.fill();
    } catch (error) {
      this.forgetRows();
      throw error;
    }
  }

  private forgetRows(): void {
    this.source?.close();
    this.source = undefined;
    for (const batch of [this.filling, ...this.unsafe]) batch.clear();
    this.spare.push(...this.unsafe.splice(0));
    this.taken = 0;
  }

  /** Takes rows up to the size of a batch; whether there are no more now. */
  private fill(): boolean {
    const { filling, source, options } = this;
    const { rows, bytes } = options.batch;
    if (source === undefined) return true;
    while (filling.rows < rows && filling.bytes < bytes) {
      if (!this.fillOne(source)) return this.isDry(source);
    }
    // only where a cursor can stand
    while (source.position === undefined) this.fillOne(source);
    return false;
  }

  private fillOne(source: SinkSource): boolean {
    const view = source.next();
    if (view === undefined) return false;
    if (this.filling.rows === 0) this.fillingSinceMs = monotonicMs();
    this.filling.add(view);
    this.showWaiting();
    return true;
  }

  private isDry({ position }: SinkSource): boolean {
    return position === undefined || position.block >= this.options.progress.durable();
  }

  private async deliver(): Promise<void> {
    const batch = this.filling;
    batch.position = this.source?.position as Position;
    batch.number = (this.unsafe.at(-1)?.number ?? (this.cursor as SinkCursor).batches) + 1;
    batch.cursor = cursorText(this.behindBatch(batch));
    this.unsafe.push(batch);
    this.filling = this.spare.pop() ?? new Batch();
    await (this.sink as Sink).deliver(batch);
    this.taken++;
  }

  private behindBatch({ position, newestSeconds, number }: Batch): SinkCursor {
    const { state: _, ...cursor } = this.cursor as SinkCursor;
    const received = this.receivedBehind(position, newestSeconds);
    return { ...movedTo(cursor, position), received, batches: number };
  }

  /** Files are read day by day: before all of them were read nothing is known of what is missing. */
  private receivedBehind(position: Position, newest: number): number {
    return position.columns === undefined ? Math.max(newest, this.cursor?.received ?? 0) : 0;
  }

  private isFlushDue(isDry: boolean): boolean {
    if (this.unsafe.length === 0) return false;
    const late = monotonicMs() - this.flushedMs >= this.options.batch.secs * 1000;
    return isDry || late || this.unsafe.length >= UNSAFE_BATCHES_MAX;
  }

  private async flush(): Promise<void> {
    const { counters } = this.options;
    const state = await (this.sink as Sink).flush();
    const refused = this.deadLetters.waiting;
    this.deadLetters.flush();
    const last = this.unsafe[this.unsafe.length - 1];
    this.moveCursor({ ...this.behindBatch(last), state });
    for (const batch of this.unsafe) {
      counters[SINK.delivered_rows] += batch.rows;
      counters[SINK.batches]++;
      batch.clear();
    }
    counters[SINK.delivered_rows] -= refused;
    counters[SINK.dead_letters] += refused;
    this.spare.push(...this.unsafe.splice(0));
    this.taken = 0;
    // the cursor was moved while the batches could still be needed again
    this.showWaiting();
    this.flushedMs = monotonicMs();
    this.worked();
  }

  /** Where all rows are others', or none came, the cursor moves on all the same. */
  private passRows(): void {
    if (monotonicMs() - this.cursorMs < CURSOR_MS) return;
    const position = this.source?.position;
    if (this.unsafe.length > 0 || this.filling.rows > 0 || position === undefined) return;
    this.cursorMs = monotonicMs();
    const cursor = this.cursor as SinkCursor;
    const { block, columns } = positionOf(cursor);
    if (block !== position.block || (columns === undefined) !== (position.columns === undefined))
      this.moveCursor(movedTo(cursor, position));
  }

  private moveCursor(cursor: SinkCursor): void {
    this.cursor = this.atNewestCheckpoint(cursor);
    this.files.write(this.cursor);
    this.cursorMs = monotonicMs();
    this.showCursor(this.cursor);
  }

  /** The journal in front of a checkpoint that was passed is not held any more. */
  private atNewestCheckpoint(cursor: SinkCursor): SinkCursor {
    const { position, delivered, columns } = cursor;
    const newest = this.options.progress.checkpoint();
    if (columns !== undefined || newest <= position || newest > delivered) return cursor;
    const checkpoint = this.files.takeCheckpoint(delivered);
    if (checkpoint === undefined) return cursor;
    this.checkpoint = checkpoint;
    this.source?.passed(checkpoint);
    return { ...cursor, position: checkpoint.sequence };
  }

  private showCursor({ delivered, columns, received }: SinkCursor): void {
    const { counters } = this.options;
    counters[SINK.position] = delivered;
    counters[SINK.from_files] = columns === undefined ? 0 : 1;
    if (received > 0) counters[SINK.delivered_until] = received;
    this.showWaiting();
  }

  private showWaiting(): void {
    const [oldest = this.filling] = this.unsafe;
    this.options.counters[SINK.waiting_since] = oldest.oldestSeconds;
  }

  private restMs(): number {
    const { filling, options } = this;
    if (filling.rows === 0) return CURSOR_MS;
    const due = this.fillingSinceMs + options.batch.secs * 1000 - monotonicMs();
    return Math.min(CURSOR_MS, Math.max(1, due));
  }

  /** False when the sink ends. */
  private async failed(error: unknown): Promise<boolean> {
    await this.closeSink();
    if (error instanceof TailLost && this.cursor !== undefined) {
      const { options, cursor } = this;
      options.counters[SINK.cut_offs]++;
      options.log(
        'error',
        `cut off: ${error.message}; what was received since is delivered again from the column files`,
      );
      await this.beginAgain(behind(cursor), () => {});
      return !this.stopping;
    }
    this.options.counters[SINK.errors]++;
    this.tell(messageOf(error));
    if (this.stopping) return false;
    await setTimeout(Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** this.failures++));
    return true;
  }

  /** Forgets everything and begins; `done`: the new cursor is durable. */
  private async beginAgain(from: Beginning, done: () => void): Promise<void> {
    await this.closeSink();
    this.forgetRows();
    const { progress } = this.options;
    this.takeCursor(this.files.begin(from, () => progress.durable(), this.cursor?.state));
    done();
  }

  private tell(reason: string): void {
    if (reason === this.told) return;
    this.told = reason;
    this.options.trouble(reason);
    this.options.log('warn', `nothing is delivered: ${reason}; it is tried again`);
  }

  private worked(): void {
    this.failures = 0;
    if (this.told === '') return;
    this.told = '';
    this.options.trouble(undefined);
    this.options.log('info', 'rows are delivered again');
  }

  private async closeSink(): Promise<void> {
    const { sink } = this;
    this.sink = undefined;
    try {
      await sink?.close();
    } catch {
      // what failed before is what counts
    }
  }
}

function movedTo<C extends SinkCursor>(cursor: C, { block, columns }: Position): C {
  return { ...cursor, delivered: block, columns };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

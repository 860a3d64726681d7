/** Where the rows of a sink come from: the column files first, if it begins there, and then the journal, without a seam. */
import type { StoreIo } from '../store/disk/io.js';
import type { Checkpoint } from '../store/journal/checkpoint.js';
import { journalFolder } from '../store/journal/start.js';
import { JournalTail } from '../store/journal/tail.js';
import { ColumnLimits } from './column_limits.js';
import { ColumnSource } from './column_source.js';
import type { SinkCursor } from './cursor.js';
import type { Filter } from './filter.js';
import type { SymbolNames } from './place.js';
import type { RecordView } from './record_view.js';
import type { ColumnPosition, Position, RecordSource } from './source.js';
import { TailSource } from './tail_source.js';

export interface SinkSourceOptions {
  readonly io: StoreIo;
  readonly dataPath: string;
  readonly filter: Filter;
  readonly names: SymbolNames;
  /** newest durable block of the journal */
  readonly durable: () => number;
}

export class SinkSource implements RecordSource {
  private limits: ColumnLimits | undefined;
  private columns: ColumnSource | undefined;
  private tail: TailSource | undefined;

  constructor(
    private readonly options: SinkSourceOptions,
    private readonly cursor: SinkCursor,
    private readonly checkpoint: Checkpoint,
  ) {
    if (cursor.columns === undefined) this.tail = this.openTail();
    else this.columns = this.openColumns(cursor.columns);
  }

  get position(): Position | undefined {
    return (this.columns ?? this.tail)?.position;
  }

  next(): RecordView | undefined {
    const view = this.columns?.next();
    if (view !== undefined) return view;
    if (this.columns !== undefined) this.joinTail();
    return this.tail?.next();
  }

  private openColumns(from: ColumnPosition | null): ColumnSource {
    const { dataPath, filter, names } = this.options;
    const limits = new ColumnLimits(this.checkpoint, this.journalTail());
    this.limits = limits;
    return new ColumnSource({
      ...{ dataPath, filter, names, from, since: this.cursor.since, block: this.checkpoint.sequence },
      rowsOf: (tableDay) => limits.rowsOf(tableDay),
    });
  }

  private joinTail(): void {
    this.closeColumns();
    this.tail = this.openTail();
  }

  private openTail(): TailSource {
    const { filter, names } = this.options;
    const { delivered, since } = this.cursor;
    return new TailSource({
      ...{ filter, names, delivered, since, checkpoint: this.checkpoint, tail: this.journalTail() },
    });
  }

  private journalTail(): JournalTail {
    const { io, dataPath, durable } = this.options;
    return new JournalTail(io, journalFolder(dataPath), this.checkpoint.sequence, durable);
  }

  /** A later checkpoint is what the sink counts from. */
  passed(checkpoint: Checkpoint): void {
    this.tail?.forget(checkpoint);
  }

  private closeColumns(): void {
    this.columns?.close();
    this.limits?.close();
    this.columns = this.limits = undefined;
  }

  close(): void {
    this.closeColumns();
    this.tail?.close();
    this.tail = undefined;
  }
}

/** The contract of what rows come from: the column files or the journal. */
import type { RecordView } from './record_view.js';

/** How far rows of the column files were delivered: all table-days before this one, and of it the rows before `row`. */
export interface ColumnPosition {
  readonly day: number;
  readonly exchange: string;
  readonly directory: string;
  readonly table: string;
  readonly row: number;
}

/** How far a source has come; a source that begins there shows everything behind it. */
export interface Position {
  /** the last block of the journal */
  readonly block: number;
  /** while rows come from the column files: how far; null before the first. The journal follows behind `block` */
  readonly columns?: ColumnPosition | null;
}

export interface RecordSource {
  /** The next row; undefined when there is none now. The view is valid until the next call. */
  next(): RecordView | undefined;
  /** Behind the row that was shown last; undefined where nobody can begin again: within a block of the journal. */
  readonly position: Position | undefined;
  close(): void;
}

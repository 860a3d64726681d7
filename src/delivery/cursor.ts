/**
 * The cursor of a sink: where it goes on after whatever ended it. It holds the journal from the last checkpoint that the
 * sink has passed, because that says how many rows every table-day had: from there the sink counts, and shows what is
 * behind `delivered`.
 *
 * A sink without a cursor begins where it is told to: at the first day on disk, at a time, or now. It claims the journal
 * before it reads the checkpoint, so that nothing behind that can go. Sink threads.
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { LoggerError } from '../base/errors.js';
import { type Beginning, parseBeginning } from '../config/beginning.js';
import { readWhole, type StoreIo } from '../store/disk/io.js';
import { type Checkpoint, parseCheckpoint } from '../store/journal/checkpoint.js';
import { cursorPath, readCursorFile, removeCursorFile, writeCursorFile } from '../store/journal/cursors.js';
import { CHECKPOINT_FILE } from '../store/journal/format.js';
import type { ColumnPosition, Position } from './source.js';

/** Rows that another ring has held back are received before rows that are in front of them in the journal. */
const CUT_OFF_MARGIN_SECS = 600;

export interface SinkCursor {
  /** the journal is held behind this block, that of the checkpoint */
  readonly position: number;
  /** the last block that was delivered */
  readonly delivered: number;
  /** as long as rows come from the column files: how far; null before the first */
  readonly columns?: ColumnPosition | null;
  /** what the cursor of one beginning says is nothing to another */
  readonly run: string;
  /** rows received before are not delivered, seconds since 1970; 0: all are */
  readonly since: number;
  /** batches that were delivered in this run */
  readonly batches: number;
  /** receive time of the newest row that was delivered, seconds since 1970 */
  readonly received: number;
  /** what the target wants to have back */
  readonly state?: unknown;
}

export function cursorText(cursor: SinkCursor): string {
  return JSON.stringify(cursor);
}

/** The cursor that a text holds; undefined for anything else. */
export function parseCursor(value: unknown): SinkCursor | undefined {
  const cursor = value as SinkCursor | undefined;
  const isOne =
    typeof cursor?.run === 'string' &&
    Number.isSafeInteger(cursor.delivered) &&
    Number.isSafeInteger(cursor.position) &&
    cursor.position <= cursor.delivered;
  return isOne ? cursor : undefined;
}

/** A cursor with the checkpoint from which the sink counts. */
export interface Resumed {
  readonly cursor: SinkCursor;
  readonly checkpoint: Checkpoint;
}

export class CursorFiles {
  constructor(
    private readonly io: StoreIo,
    private readonly journal: string,
    private readonly sink: string,
  ) {}

  /** The cursor with its checkpoint, as it was left; undefined when the sink has to begin. */
  resume(): Resumed | undefined {
    const cursor = parseCursor(readCursorFile(this.io, this.journal, this.sink, 'cursor'));
    const checkpoint = this.checkpointAt(cursorPath(this.journal, this.sink, 'checkpoint'));
    // a crash between both leaves the newer checkpoint with the older cursor
    const fits =
      cursor !== undefined &&
      checkpoint !== undefined &&
      checkpoint.sequence >= cursor.position &&
      checkpoint.sequence <= cursor.delivered;
    return fits ? { cursor, checkpoint } : undefined;
  }

  /** Begins. `durable`: the newest durable block; `state`: what the target wants to have back from before. */
  begin(from: Beginning, durable: () => number, state = this.lostState()): Resumed {
    const run = randomUUID();
    const claim = { position: 0, delivered: 0, columns: null, run, since: 0, batches: 0, received: 0, state };
    this.write(claim);
    const checkpoint = this.takeCheckpoint(Number.POSITIVE_INFINITY);
    if (checkpoint === undefined)
      throw new LoggerError('DATA_UNREADABLE', `${this.journal} has no checkpoint`, { retryable: true });
    const position = checkpoint.sequence;
    const delivered = from === 'now' ? durable() : position;
    const since = typeof from === 'object' ? from.since : 0;
    const cursor = { ...claim, position, delivered, since };
    const begun = from === 'now' ? { ...cursor, columns: undefined } : cursor;
    this.write(begun);
    removeCursorFile(this.io, this.journal, this.sink, 'cutOff');
    return { cursor: begun, checkpoint };
  }

  /** Where a sink begins that has no cursor: behind what it had when it was cut off, or where it is told to. */
  beginning(from: Beginning): Beginning {
    const lost = this.lost();
    return lost === undefined ? from : behind(lost);
  }

  private lost(): SinkCursor | undefined {
    return parseCursor(readCursorFile(this.io, this.journal, this.sink, 'cutOff'));
  }

  private lostState(): unknown {
    return this.lost()?.state;
  }

  /** Copies the checkpoint if it is not beyond a block; undefined when it is. */
  takeCheckpoint(upTo: number): Checkpoint | undefined {
    const { io, journal, sink } = this;
    const path = join(journal, CHECKPOINT_FILE);
    const checkpoint = this.checkpointAt(path);
    if (checkpoint === undefined || checkpoint.sequence > upTo) return undefined;
    // it may have been replaced meanwhile: what is copied is what was read
    writeCursorFile(io, journal, sink, 'checkpoint', checkpoint.bytes);
    return checkpoint;
  }

  private checkpointAt(path: string): (Checkpoint & { readonly bytes: Buffer }) | undefined {
    const bytes = readWhole(this.io, path);
    const checkpoint = bytes === undefined ? undefined : parseCheckpoint(bytes);
    return checkpoint === undefined || checkpoint === 'damaged'
      ? undefined
      : { ...checkpoint, bytes: bytes as Buffer };
  }

  write(cursor: SinkCursor): void {
    writeCursorFile(this.io, this.journal, this.sink, 'cursor', Buffer.from(cursorText(cursor)));
  }

  /** The cursor without its checkpoint, for who only looks. */
  read(): SinkCursor | undefined {
    return parseCursor(readCursorFile(this.io, this.journal, this.sink, 'cursor'));
  }

  /** Whether the writer has taken the cursor away. */
  isCutOff(): boolean {
    return this.lost() !== undefined;
  }

  /** Where the sink was asked to begin again; undefined when it was not. */
  rewind(): Beginning | undefined {
    const text = this.rewindText();
    return text === undefined ? undefined : parseBeginning(text);
  }

  rewindText(): string | undefined {
    const { io, journal, sink } = this;
    if (io.sizeOf(cursorPath(journal, sink, 'rewind')) < 0) return undefined;
    const request = readCursorFile(io, journal, sink, 'rewind') as { readonly to?: unknown } | undefined;
    return request === undefined ? undefined : String(request.to);
  }

  /** From any process: the sink looks for it once a second. */
  askToRewind(to: string): void {
    writeCursorFile(this.io, this.journal, this.sink, 'rewind', Buffer.from(JSON.stringify({ to })));
  }

  rewound(): void {
    removeCursorFile(this.io, this.journal, this.sink, 'rewind');
  }
}

/** What a sink that has lost its place in the journal begins with: some rows come again, and none is left out. */
export function behind({ received, since }: SinkCursor): Beginning {
  return received === 0
    ? since === 0
      ? 'start'
      : { since }
    : { since: Math.max(since, received - CUT_OFF_MARGIN_SECS) };
}

/**
 * Where to go on with a target that keeps cursors and holds `theirs`: behind it, where the journal and the files have what
 * follows; otherwise a beginning.
 */
export function agreed(
  ours: SinkCursor,
  theirs: SinkCursor | undefined,
  from: Beginning,
): SinkCursor | { readonly from: Beginning } {
  if (theirs === undefined) return ours.batches === 0 ? ours : { from };
  // what it holds is of an earlier run; its rows are replaced
  if (theirs.run !== ours.run || theirs.batches === ours.batches) return ours;
  const { delivered, columns, received, batches } = theirs;
  const isHeld = theirs.position === ours.position || (columns === undefined && delivered >= ours.position);
  return isHeld ? { ...ours, delivered, columns, received, batches } : { from: behind(theirs) };
}

/** How far a cursor is. */
export function positionOf({ delivered, columns }: SinkCursor): Position {
  return { block: delivered, columns };
}

/**
 * Rows of GAPS that the writer itself has to write: what it found damaged when it opened a table-day, and what a recovery
 * has cut off. They are written at the next turn (own_rows.ts). Writer thread only.
 */
import { WallClock } from '../../base/clock.js';
import { WRITER } from '../../counters/declarations.js';
import { gapRecord } from '../../schema/gap.js';
import { tableByName } from '../../schema/tables.js';
import { gapsOf, type LostRows } from '../columns/lost_rows.js';
import type { TableDayKey } from '../columns/table_day.js';
import type { StoreIo } from '../disk/io.js';
import type { Journal } from '../journal/journal.js';
import { keepLosses, type NotedLoss, readLosses } from '../journal/losses.js';
import type { WriterStream } from './messages.js';
import type { OwnRows } from './own_rows.js';

export class Losses {
  private readonly clock = new WallClock();

  constructor(
    private readonly counters: Uint32Array,
    private readonly rows: OwnRows,
  ) {}

  /** Rows of the files of a table-day are in the quarantine and not in its files any more. */
  add({ stream, ring }: WriterStream, key: TableDayKey, lost: LostRows): void {
    const { counters, clock, rows } = this;
    counters[WRITER.damages]++;
    counters[WRITER.damaged_rows] += lost.rows;
    clock.read();
    for (const gap of gapsOf(key, lost, clock.now))
      rows.addGap(gapRecord(stream, gap, clock.now).record, ring);
  }

  /** Rows that a recovery has cut off, of streams that are captured; answers those of the others. */
  addNoted(noted: readonly NotedLoss[], streams: readonly WriterStream[]): NotedLoss[] {
    this.clock.read();
    return noted.filter((loss) => {
      const { exchange, directory } = loss;
      const stream = streams.find((s) => s.exchange === exchange && s.directory === directory);
      const table = tableByName(loss.table);
      if (stream === undefined || table === undefined) return true;
      const [[fromSeconds, fromNanos], [toSeconds, toNanos]] = [loss.from, loss.to];
      const times = { fromSeconds, fromNanos, toSeconds, toNanos };
      // their ids, if they have any, are in the gap between the last row and the next
      const gap = {
        tableId: table.id,
        cause: 'disk',
        fromId: 0,
        toId: 0,
        ...times,
        messages: loss.rows,
      } as const;
      this.rows.addGap(gapRecord(stream.stream, gap, this.clock.now).record, stream.ring);
      return false;
    });
  }

  get empty(): boolean {
    return !this.rows.hasGaps;
  }
}

/** What recoveries have noted: listed when its stream is captured, forgotten when the rows of GAPS are durable. */
export class NotedLosses {
  /** of streams that are not captured so far */
  private left: readonly NotedLoss[];
  private state: 'idle' | 'waits' | 'staged' = 'idle';
  /** block of the journal that has the last of the rows */
  private sequence = 0;

  constructor(
    private readonly io: StoreIo,
    private readonly folder: string,
    private readonly losses: Losses,
  ) {
    this.left = readLosses(io, folder);
  }

  /** These streams are captured from now on. */
  add(streams: readonly WriterStream[]): void {
    const before = this.left.length;
    if (before > 0) this.left = this.losses.addNoted(this.left, streams);
    if (this.left.length < before) this.state = 'waits';
  }

  /** Goes on as far as is possible now; throws what the disk says. */
  doWork({ sequence, synced }: Journal): void {
    if (this.state === 'waits' && this.losses.empty) {
      this.state = 'staged';
      this.sequence = sequence;
    }
    if (this.state !== 'staged' || synced < this.sequence) return;
    keepLosses(this.io, this.folder, this.left);
    this.state = 'idle';
  }
}

/**
 * Rows of GAPS that the writer itself has to write: what it found damaged when it opened a table-day. They take the way
 * of rows from a ring, through the journal, at the next turn. Writer thread only.
 */
import { WallClock } from '../../base/clock.js';
import { DRAIN, WRITER } from '../../counters/declarations.js';
import { gapRecord } from '../../schema/gap.js';
import { gapsOf, type LostRows } from '../columns/lost_rows.js';
import type { TableDayKey } from '../columns/table_day.js';
import type { WriterStream } from './messages.js';
import type { Staging } from './staging.js';

export class Losses {
  private readonly clock = new WallClock();
  private readonly waiting: { readonly record: Uint32Array; readonly ring: number }[] = [];

  constructor(
    private readonly counters: Uint32Array,
    private readonly drains: readonly Uint32Array[],
  ) {}

  /** Rows of the files of a table-day are in the quarantine and not in its files any more. */
  add({ stream, ring }: WriterStream, key: TableDayKey, lost: LostRows): void {
    const { counters, clock, waiting } = this;
    counters[WRITER.damages]++;
    counters[WRITER.damaged_rows] += lost.rows;
    clock.read();
    for (const gap of gapsOf(key, lost, clock.now))
      waiting.push({ record: gapRecord(stream, gap, clock.now).record, ring });
  }

  /** Stages what waits and hands each record to the journal; what finds no room waits on. */
  stage(staging: Staging, append: (record: Uint32Array) => void): void {
    const { waiting, counters, drains } = this;
    while (waiting.length > 0) {
      const { record, ring } = waiting[0];
      if (!staging.row(record, 0, ring)) return;
      waiting.shift();
      append(record);
      counters[WRITER.rows_drained]++;
      drains[ring][DRAIN.rows_drained]++;
    }
  }
}

/**
 * Tomorrow's column files, created during the last minutes before midnight UTC, a few per turn: the first rows of a
 * day would otherwise create tens of thousands of files at once, seconds in which the rings only fill. Writer thread.
 */
import { join } from 'node:path';
import { GAPS } from '../schema/tables.js';
import { openWithFolder, type StoreIo } from './io.js';
import { columnFile } from './paths.js';
import type { TableDayKey } from './tableday.js';

/** When it begins, before midnight. */
export const PREPARE_SECS = 600;
/** Files per turn; at ten turns a second 32,000 files take less than three minutes. */
const FILES_PER_TURN = 20;
const DAY_SECS = 86_400;

export class Tomorrow {
  private day = -1;
  private readonly queue: string[] = [];
  /** folders whose files are there or in the queue */
  private readonly prepared = new Set<string>();

  constructor(
    private readonly io: StoreIo,
    private readonly exact: boolean,
  ) {}

  /** Creates the next few files for the table-days of today. `nowMs`: wall clock. Throws what the disk says. */
  turn(nowMs: number, tableDays: Iterable<{ readonly key: TableDayKey }>): void {
    const seconds = Math.floor(nowMs / 1000);
    if (DAY_SECS - (seconds % DAY_SECS) > PREPARE_SECS) return;
    const today = Math.floor(seconds / DAY_SECS);
    if (today !== this.day) {
      this.day = today;
      this.queue.length = 0;
      this.prepared.clear();
    }
    // a symbol may have its first row of the day within these minutes
    if (this.queue.length === 0) for (const { key } of tableDays) if (key.day === today) this.prepare(key);
    for (const path of this.queue.splice(0, FILES_PER_TURN)) this.io.close(openWithFolder(this.io, path));
  }

  /** A day may pass without a hole: GAPS gets its files when there is something to say. */
  private prepare({ table, day, folder }: TableDayKey): void {
    if (table === GAPS || this.prepared.has(folder)) return;
    this.prepared.add(folder);
    for (const column of table.columns)
      if (this.exact || !column.exact) this.queue.push(join(folder, columnFile(column.name, day + 1)));
  }
}

/**
 * Column files made ahead of their first row: a new day would make all of them at once, and thousands of new files cost
 * seconds in which the rings would only fill. So tomorrow's are made during the last minutes before midnight UTC. Those
 * of a capture that starts are made with their first rows, which come one after the other. Writer thread.
 */
import { join } from 'node:path';
import { isWrittenFor } from '../../schema/columns.js';
import { OCCASIONAL } from '../../schema/tables.js';
import { foreignFolder } from '../columns/found_files.js';
import type { TableDayKey } from '../columns/table_day.js';
import { isOfPath, openWithFolder, type StoreIo } from '../disk/io.js';
import { columnFile } from '../disk/paths.js';

/** When tomorrow's begin, before midnight. */
export const PREPARE_SECS = 600;
/** Files per turn; at ten turns a second 32,000 files take less than three minutes. */
const FILES_PER_TURN = 20;
const DAY_SECS = 86_400;

/** Where the files of a table lie, whatever the day. */
export type DayFilesKey = Pick<TableDayKey, 'table' | 'exchange' | 'folder'>;

/** Paths of the column files of a table-day that has no rows yet; none when it has begun and keeps its columns. */
function filesToMake(io: StoreIo, key: DayFilesKey, day: number, exact: boolean): string[] {
  const { table, exchange, folder } = key;
  const paths = table.columns
    .filter((column) => (exact || !column.exact) && isWrittenFor(exchange, column))
    .map((column) => join(folder, columnFile(column.name, day)));
  return io.sizeOf(paths[0]) > 0 ? [] : paths;
}

/** Makes the files of one table-day; throws what the disk says. */
export function makeDayFiles(io: StoreIo, key: DayFilesKey, day: number, exact: boolean): void {
  if (foreignFolder(io, key.folder) !== undefined) return;
  for (const path of filesToMake(io, key, day, exact)) io.close(openWithFolder(io, path));
}

export class NextDayFiles {
  private day = -1;
  private readonly queue: string[] = [];
  /** folders whose files are there or in the queue */
  private readonly prepared = new Set<string>();

  constructor(
    private readonly io: StoreIo,
    private readonly exact: boolean,
  ) {}

  /** Creates the next few files for the table-days of today. `nowMs`: wall clock. Throws what the disk says. */
  doWork(nowMs: number, tableDays: Iterable<{ readonly key: TableDayKey }>): void {
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
    for (const path of this.queue.splice(0, FILES_PER_TURN)) this.make(path);
  }

  private make(path: string): void {
    try {
      this.io.close(openWithFolder(this.io, path));
    } catch (error) {
      // its table-day deals with it at its first row
      if (!isOfPath(error)) throw error;
    }
  }

  /** A day may pass without a gap: GAPS and its like get their files when there is something to say. */
  private prepare(key: TableDayKey): void {
    const { table, day, folder } = key;
    if (OCCASIONAL.has(table) || this.prepared.has(folder)) return;
    this.prepared.add(folder);
    if (foreignFolder(this.io, folder) !== undefined) return;
    this.queue.push(...filesToMake(this.io, key, day + 1, this.exact));
  }
}

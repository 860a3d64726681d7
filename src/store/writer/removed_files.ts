/**
 * What the writer does when its files are removed: a table, a symbol, an exchange, the journal, or the whole data
 * directory. It looks for them several times a second, at up to LOOKED_AT_MAX of them, and nothing is written behind
 * the end of a file that is not there. What is gone begins again: a table-day at row 0 with the rows that wait, so that
 * its columns are whole; the rows it had become a row of GAPS with cause `disk`; the journal goes on with a new
 * segment, and a checkpoint makes a recovery begin there. Meanwhile the rings keep what comes in. Writer thread only.
 *
 * All of it may fail half-way and is then tried again: a table-day is reset in one step with the note of its loss.
 */
import { basename, dirname, join } from 'node:path';
import { WallClock } from '../../base/clock.js';
import { DRAIN, WRITER } from '../../counters/declarations.js';
import { gapRecord } from '../../schema/gap.js';
import { GAPS } from '../../schema/tables.js';
import { gapsOf } from '../columns/lost_rows.js';
import type { TableDay } from '../columns/table_day.js';
import { type DiskHealth, DiskUnreliable, type Log } from '../disk/disk_health.js';
import { FilesGone } from '../disk/file_pool.js';
import type { StoreIo } from '../disk/io.js';
import { Quarantine, quarantineName } from '../disk/quarantine.js';
import { readCheckpoint, writeCheckpoint } from '../journal/checkpoint.js';
import { CHECKPOINT_FILE } from '../journal/format.js';
import type { Journal } from '../journal/journal.js';
import { listSegments } from '../journal/reader.js';
import { journalFolder } from '../journal/start.js';
import { NO_STATES } from '../journal/states.js';
import type { Checkpointer } from './checkpointer.js';
import type { WriterStream } from './messages.js';
import type { Staging } from './staging.js';

/** Calls of look() in which every table-day is looked at once, while there are few. */
const LOOKS_PER_PASS = 4;
/** Table-days looked at in one call: what is done for nothing must not grow with the number of symbols. */
const LOOKED_AT_MAX = 16;

export interface RemovedFilesOptions {
  readonly io: StoreIo;
  readonly dataPath: string;
  readonly staging: Staging;
  readonly journal: Journal | undefined;
  readonly checkpointer: Checkpointer | undefined;
  readonly counters: Uint32Array;
  readonly drains: readonly Uint32Array[];
  readonly disk: DiskHealth;
  readonly log: Log;
  /** a table-day begins at row 0 again: who follows the journal counts on from what it has now */
  readonly begunAgain: (tableDay: TableDay) => void;
  /** a row of GAPS that was staged goes to the journal as well */
  readonly append: (record: Uint32Array) => void;
}

/** A row of GAPS that is on its way to its file. */
interface Listed {
  readonly stream: WriterStream;
  readonly day: number;
  readonly record: Uint32Array;
  staged: boolean;
}

export class RemovedFiles {
  private pass: TableDay[] = [];
  private passes = 0;
  private readonly clock = new WallClock();
  /** every loss of this process: its row of GAPS may be lost in turn */
  private readonly listed: Listed[] = [];

  constructor(private readonly options: RemovedFilesOptions) {}

  /** Looks at a part of the files, with `all` at every one of them; what is gone is reported as a failure of the disk. */
  sample(all = false): void {
    const path = this.find(all);
    if (path !== undefined) this.options.disk.failed('files', new FilesGone(path), path);
  }

  private find(all: boolean): string | undefined {
    const { io, dataPath, journal, staging } = this.options;
    const folder = journalFolder(dataPath);
    if (journal?.isGone() || (journal !== undefined && io.sizeOf(join(folder, CHECKPOINT_FILE)) < 0))
      return folder;
    if (all) {
      const gone = [...staging.opened()].find((tableDay) => tableDay.isAnyGone());
      return gone?.key.folder ?? staging.rejected.gone()[0];
    }
    if (this.pass.length === 0) {
      this.pass = [...staging.opened()];
      this.passes++;
      const [rejected] = staging.rejected.gone();
      if (rejected !== undefined) return rejected;
    }
    const share = Math.ceil(staging.openedCount / LOOKS_PER_PASS);
    const part = this.pass.splice(0, Math.min(share, LOOKED_AT_MAX));
    return part.find((tableDay) => tableDay.isGone(this.passes))?.key.folder;
  }

  /** Begins again what is gone; answers whether everything is in order. */
  doWork(): boolean {
    const { disk, dataPath } = this.options;
    if (disk.refuses('files')) return false;
    try {
      this.beginAllAgain();
      disk.worked('files');
      return true;
    } catch (error) {
      disk.failed('files', error, dataPath);
      return false;
    }
  }

  private beginAllAgain(): void {
    const { io, dataPath, staging, journal, checkpointer } = this.options;
    // the supervisor makes it again and takes its lock
    if (!io.list(dirname(dataPath)).includes(basename(dataPath))) throw new FilesGone(dataPath);
    if (journal !== undefined) this.beginJournalAgain(journal);
    const quarantine = new Quarantine(io, dataPath, quarantineName(Date.now()));
    const gone = [...staging.opened()].filter((tableDay) => tableDay.isAnyGone());
    let rows = 0;
    for (const tableDay of gone) {
      rows += tableDay.written;
      this.beginAgain(tableDay, quarantine);
    }
    for (const path of staging.rejected.gone()) staging.rejected.beginAgain(path, quarantine);
    this.stageListed();
    if (!staging.flushNow()) throw new FilesGone(dataPath);
    checkpointer?.beginAgain();
    if (gone.length > 0)
      this.options.log(
        'error',
        `the files of ${gone.length} table-days are gone or cannot be used: ${rows} rows are lost and listed in GAPS; new files are begun`,
      );
  }

  /** Numbers go on; another journal in its place cannot be explained. */
  private beginJournalAgain(journal: Journal): void {
    const { io, dataPath } = this.options;
    const folder = journalFolder(dataPath);
    const found = readCheckpoint(io, folder);
    const segments = listSegments(io, folder);
    if (found !== undefined && !journal.isGone()) return;
    const highest = Math.max(0, ...segments);
    const ours = found === undefined || (found !== 'damaged' && found.segmentsUsed <= journal.segmentsUsed);
    if (!ours || highest > journal.segmentsUsed)
      throw new DiskUnreliable(`another journal stands in ${folder}`);
    io.makeFolder(folder);
    // what was not synced is in memory, and in the column files before the next segment begins
    const { sequence, segmentsUsed } = journal;
    writeCheckpoint(io, folder, { sequence, segment: 0, segmentsUsed, states: NO_STATES });
  }

  private beginAgain(tableDay: TableDay, quarantine: Quarantine): void {
    const { staging, counters } = this.options;
    const { written, ids } = tableDay;
    const { table, day } = tableDay.key;
    const { clock } = this;
    clock.read();
    const known: [number, number][] = ids?.known ? [[ids.min, ids.max]] : [];
    const gaps = gapsOf(tableDay.key, { rows: written, ids: known }, tableDay.firstWaiting() ?? clock.now);
    tableDay.beginAgain(quarantine);
    this.options.begunAgain(tableDay);
    counters[WRITER.removed_rows] += written;
    const stream = staging.streamOf(tableDay.key);
    // what was listed there is listed again
    if (table === GAPS)
      for (const entry of this.listed) if (entry.stream === stream && entry.day === day) entry.staged = false;
    for (const gap of gaps)
      this.listed.push({ stream, ...gapRecord(stream.stream, gap, clock.now), staged: false });
  }

  private stageListed(): void {
    const { staging, counters, drains } = this.options;
    for (const entry of this.listed) {
      if (entry.staged) continue;
      const { ring } = entry.stream;
      if (!staging.row(entry.record, 0, ring)) throw new FilesGone(entry.stream.directory);
      this.options.append(entry.record);
      entry.staged = true;
      counters[WRITER.rows_drained]++;
      (drains[ring] as Uint32Array)[DRAIN.rows_drained]++;
    }
  }
}

/**
 * A folder of Parquet files that grows: rows are staged by place, and become a file when there are enough of them or the
 * oldest has waited for long enough. What has been delivered is what the folder holds, by place and number, so a row that
 * comes again is passed over, whatever crashed in between. Sink threads.
 */
import { dirname, join } from 'node:path';
import { monotonicMs } from '../../base/clock.js';
import { LoggerError } from '../../base/errors.js';
import { DiskIo, readWhole, replaceFile, type StoreIo } from '../../store/disk/io.js';
import type { Batch } from '../batch.js';
import { type Place, tableDayKey } from '../place.js';
import { ParquetFile, type ParquetFormat } from './file.js';
import { completeRows, fileName, placeFolder, type RowRange } from './folder.js';
import { BlockBuffer, StagedRows } from './staged_rows.js';

const STAGING = '.staging';
const OWNER = 'sink';
/** From so many files on one sync of the file system costs less than one of each. */
const SYNC_EACH_MAX = 64;

export interface StoreOptions {
  readonly root: string;
  /** the sink that the folder belongs to */
  readonly owner: string;
  readonly format: ParquetFormat;
  readonly rotateRows: number;
  readonly rotateMs: number;
}

/** A place of which rows are waiting, or were there when its folder was read. */
interface Slot {
  readonly key: string;
  readonly complete: readonly RowRange[];
  staged: StagedRows | undefined;
}

export class ParquetStore {
  private readonly staging: string;
  private readonly slots = new Map<string, Slot>();
  /** written to since the last sync */
  private readonly dirty = new Set<StagedRows>();
  private readonly buffer = new BlockBuffer();
  private readonly durableFolders = new Set<string>();

  constructor(
    private readonly options: StoreOptions,
    private readonly io: StoreIo = new DiskIo(),
  ) {
    this.staging = join(options.root, STAGING);
    this.ensureFolder(this.staging);
    this.claim();
    for (const name of io.list(this.staging)) this.takeUp(name);
  }

  /** Makes a folder and those above it. A name that was there need not have been durable, so it is made so once. */
  private ensureFolder(folder: string): void {
    const { io, durableFolders } = this;
    const parent = dirname(folder);
    const isOurs = folder.startsWith(this.options.root);
    if (durableFolders.has(folder) || (!isOurs && io.kindOf(folder) === 'folder')) return;
    this.ensureFolder(parent);
    io.makeFolder(folder);
    io.syncFolder(parent);
    durableFolders.add(folder);
  }

  /** Two sinks would write the same rows twice. */
  private claim(): void {
    const { io } = this;
    const { root, owner } = this.options;
    const found = readWhole(io, join(this.staging, OWNER))?.toString('utf8');
    if (found !== undefined && found !== owner)
      throw new LoggerError(
        'CONFIG_INVALID',
        `${root} belongs to the sink ${found}; give ${owner} a path of its own`,
      );
    if (found !== undefined) return;
    replaceFile(io, this.staging, OWNER, Buffer.from(owner));
  }

  /** What a stop has left. */
  private takeUp(name: string): void {
    const { io } = this;
    const { root } = this.options;
    const path = join(this.staging, name);
    if (StagedRows.isUnfinished(name)) io.unlink(path);
    if (!StagedRows.isOne(name)) return;
    const staged = StagedRows.open(io, path);
    const complete = staged === undefined ? [] : completeRows(io, root, staged.place);
    if (staged === undefined) io.unlink(path);
    // its file was complete, only this was not removed yet
    else if (holds(complete, staged.range.first)) this.replaced(staged);
    else this.goOn(staged, complete);
  }

  private goOn(staged: StagedRows, complete: readonly RowRange[]): void {
    const key = keyOf(staged.place);
    this.slots.set(key, { key, complete, staged });
    this.dirty.add(staged);
  }

  /** Takes the rows of a batch but those that are there. */
  add(batch: Batch): void {
    const places = new Map<Place, number[]>();
    batch.each(({ place }, index) => {
      const indexes = places.get(place);
      if (indexes === undefined) places.set(place, [index]);
      else indexes.push(index);
    });
    for (const [place, indexes] of places) this.addRows(batch, place, indexes);
  }

  private addRows(batch: Batch, place: Place, indexes: readonly number[]): void {
    let run: number[] = [];
    let next = -1;
    for (const index of indexes) {
      const { row } = batch.at(index);
      if (this.isThere(place, row)) continue;
      if (row !== next) {
        this.append(batch, place, run);
        run = [];
      }
      run.push(index);
      next = row + 1;
    }
    this.append(batch, place, run);
  }

  private isThere(place: Place, row: number): boolean {
    const { complete, staged } = this.slotOf(place);
    return holds(complete, row) || (staged !== undefined && holds([staged.range], row));
  }

  private slotOf(place: Place): Slot {
    const key = keyOf(place);
    let slot = this.slots.get(key);
    if (slot === undefined) {
      slot = { key, complete: completeRows(this.io, this.options.root, place), staged: undefined };
      this.slots.set(key, slot);
    }
    return slot;
  }

  /** Consecutive rows. */
  private append(batch: Batch, place: Place, indexes: readonly number[]): void {
    if (indexes.length === 0) return;
    const { row } = batch.at(indexes[0]);
    const staged = this.stagedFor(place, row);
    this.dirty.add(staged);
    staged.append(this.buffer, batch, indexes);
    if (staged.rows >= this.options.rotateRows) this.complete(this.slotOf(place));
  }

  private stagedFor(place: Place, row: number): StagedRows {
    const before = this.slotOf(place);
    const { staged } = before;
    if (staged !== undefined && staged.next === row && staged.place.exact === place.exact) return staged;
    this.complete(before);
    return (this.slotOf(place).staged = StagedRows.begin(this.io, this.staging, place, row));
  }

  /** Makes everything durable that was added. */
  sync(): void {
    const { io } = this;
    if (this.dirty.size > SYNC_EACH_MAX) io.syncFs(this.staging);
    else if (this.dirty.size > 0) {
      for (const staged of this.dirty) staged.sync();
      io.syncFolder(this.staging);
    }
    this.dirty.clear();
  }

  /** Makes files of what has waited for long enough, for about so long; false when there is more. */
  completeDue(nowMs: number, budgetMs: number): boolean {
    const { rotateMs } = this.options;
    const due = [...this.slots.values()].filter(({ staged }) => {
      const age = nowMs - (staged?.begunMs ?? 0);
      // a clock that was set back does not keep rows waiting
      return age >= rotateMs || age < 0;
    });
    const end = monotonicMs() + budgetMs;
    for (const slot of due) {
      if (monotonicMs() > end) return false;
      this.complete(slot);
    }
    return true;
  }

  completeAll(): void {
    for (const slot of this.slots.values()) this.complete(slot);
  }

  /** The place is read anew when its next row comes. */
  private complete({ key, staged }: Slot): void {
    if (staged !== undefined) {
      this.write(staged);
      this.dirty.delete(staged);
    }
    this.slots.delete(key);
  }

  private write(staged: StagedRows): void {
    const { io } = this;
    const { root, format } = this.options;
    const { place, range, unfinishedPath } = staged;
    // of an attempt that failed
    if (io.sizeOf(unfinishedPath) >= 0) io.unlink(unfinishedPath);
    const file = new ParquetFile(io, unfinishedPath, place, format);
    try {
      staged.each((view) => file.add(view));
      file.finish();
    } finally {
      file.close();
    }
    const folder = placeFolder(root, place);
    // somebody may have taken it away
    if (io.kindOf(folder) !== 'folder') this.durableFolders.clear();
    this.ensureFolder(folder);
    io.rename(unfinishedPath, join(folder, fileName(place, range)));
    this.replaced(staged);
  }

  /** A file has the rows; they are let go when its name is durable. */
  private replaced(staged: StagedRows): void {
    const folder = placeFolder(this.options.root, staged.place);
    this.ensureFolder(folder);
    this.io.syncFolder(folder);
    staged.remove();
  }
}

function keyOf({ exchange, directory, table, day }: Place): string {
  return tableDayKey(exchange, directory, table.name, day);
}

function holds(ranges: readonly RowRange[], row: number): boolean {
  return ranges.some(({ first, last }) => row >= first && row <= last);
}

/**
 * A folder of Parquet files that grows: rows are staged by place, and become a file when there are enough of them or the
 * oldest has waited for long enough. What has been delivered is what the folder holds, by place and number, so a row that
 * comes again is passed over, whatever crashed in between. Sink threads.
 */
import { dirname, join } from 'node:path';
import { monotonicMs } from '../../base/clock.js';
import { DiskIo, type StoreIo, withFile } from '../../store/disk/io.js';
import type { Batch } from '../batch.js';
import { type Place, tableDayKey } from '../place.js';
import { ParquetFile, type ParquetFormat } from './file.js';
import { completeRows, fileName, placeFolder, type RowRange } from './folder.js';
import { FolderOwner, type OwnerState } from './owner.js';
import { BlockBuffer, StagedRows } from './staged_rows.js';

const STAGING = '.staging';
const SYNC_EACH_MAX = 64;
/** Files that are made together and share what makes them durable. */
const FILES_AT_ONCE = 256;

export interface StoreOptions {
  readonly root: string;
  /** name of the sink */
  readonly sink: string;
  /** what the last sync() has answered that counts */
  readonly state: unknown;
  readonly format: ParquetFormat;
  readonly rotateRows: number;
  readonly rotateMs: number;
  /** more files than that are made durable together */
  readonly syncEachMax?: number;
}

/** A place of which rows are waiting, or were there when its folder was read. */
interface Slot {
  readonly key: string;
  readonly complete: readonly RowRange[];
  staged: StagedRows | undefined;
}

export class ParquetStore {
  private readonly staging: string;
  private readonly owner: FolderOwner;
  /** the highest folder that is ours to make: the root, or one above it that was not there */
  private readonly top: string;
  private readonly slots = new Map<string, Slot>();
  /** written to since the last sync */
  private readonly dirty = new Set<StagedRows>();
  private readonly buffer = new BlockBuffer();
  /** whose names are durable */
  private readonly durableFolders = new Set<string>();

  constructor(
    private readonly options: StoreOptions,
    private readonly io: StoreIo = new DiskIo(),
  ) {
    this.staging = join(options.root, STAGING);
    this.top = options.root;
    while (io.kindOf(dirname(this.top)) !== 'folder') this.top = dirname(this.top);
    io.makeFolder(this.staging);
    this.syncFolders(this.staging);
    this.owner = new FolderOwner(io, this.staging, options.sink, options.state);
    for (const name of io.list(this.staging)) this.takeUp(name);
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
    else if (holds(complete, staged.range.first)) this.letGo([staged]);
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
    let slot = this.slotOf(place);
    let run: number[] = [];
    let next = -1;
    for (const index of indexes) {
      const { row } = batch.at(index);
      if (isThere(slot, row)) continue;
      if (row !== next) {
        this.append(batch, place, run);
        slot = this.slotOf(place);
        run = [];
      }
      run.push(index);
      next = row + 1;
    }
    this.append(batch, place, run);
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
    if (staged.rows >= this.options.rotateRows) this.complete([this.slotOf(place)]);
  }

  private stagedFor(place: Place, row: number): StagedRows {
    const before = this.slotOf(place);
    const { staged } = before;
    if (staged !== undefined && staged.next === row && staged.place.exact === place.exact) return staged;
    this.complete([before]);
    return (this.slotOf(place).staged = StagedRows.begin(this.io, this.staging, place, row));
  }

  /** Makes everything durable that was added; answers what is to be kept with the cursor. */
  sync(): OwnerState {
    if (this.dirty.size > 0) {
      this.syncFiles([...this.dirty].map(({ path }) => path));
      this.io.syncFolder(this.staging);
      this.dirty.clear();
    }
    return this.owner.flushed();
  }

  private syncFiles(paths: readonly string[]): void {
    const { io } = this;
    if (this.areMany(paths)) io.syncFs(this.staging);
    else for (const path of paths) withFile(io, io.openExisting(path), (fd) => io.fdatasync(fd));
  }

  /** One sync of the file system costs less than one of each. */
  private areMany(files: readonly unknown[]): boolean {
    return files.length > (this.options.syncEachMax ?? SYNC_EACH_MAX);
  }

  /** Makes files of what has waited for long enough, for about so long; the rest has to wait for the next call. */
  completeDue(nowMs: number, budgetMs: number): void {
    const { rotateMs } = this.options;
    const due = [...this.slots.values()].filter(({ staged }) => {
      const age = nowMs - (staged?.begunMs ?? 0);
      // a clock that was set back does not keep rows waiting
      return age >= rotateMs || age < 0;
    });
    const end = monotonicMs() + budgetMs;
    for (let at = 0; at < due.length && monotonicMs() < end; at += FILES_AT_ONCE)
      this.complete(due.slice(at, at + FILES_AT_ONCE));
  }

  completeAll(): void {
    this.completeDue(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY);
  }

  /** Makes files of what these places have; each is read anew when its next row comes. */
  private complete(slots: readonly Slot[]): void {
    const all = slots.map(({ staged }) => staged).filter((staged) => staged !== undefined);
    for (const staged of all) this.write(staged);
    this.syncFiles(all.map(({ unfinishedPath }) => unfinishedPath));
    for (const staged of all) this.rename(staged);
    this.letGo(all);
    for (const { key } of slots) this.slots.delete(key);
  }

  private write(staged: StagedRows): void {
    const { io } = this;
    const { place, unfinishedPath } = staged;
    // of an attempt that failed
    if (io.sizeOf(unfinishedPath) >= 0) io.unlink(unfinishedPath);
    const file = new ParquetFile(io, unfinishedPath, place, this.options.format);
    try {
      staged.each((view) => file.add(view));
      file.finish();
    } finally {
      file.close();
    }
  }

  private rename(staged: StagedRows): void {
    const { io } = this;
    const { place, range, unfinishedPath } = staged;
    const folder = this.folderOf(staged);
    io.makeFolder(folder);
    io.rename(unfinishedPath, join(folder, fileName(place, range)));
  }

  private folderOf({ place }: StagedRows): string {
    return placeFolder(this.options.root, place);
  }

  /** Files have these rows; they are let go when the names of those are durable. */
  private letGo(all: readonly StagedRows[]): void {
    const { io } = this;
    const folders = new Set(all.map((staged) => this.folderOf(staged)));
    if (this.areMany(all)) io.syncFs(this.options.root);
    else for (const folder of folders) this.syncFolders(folder);
    for (const staged of all) {
      io.unlink(staged.path);
      this.dirty.delete(staged);
    }
  }

  /** The names in a folder, its own name and those above it. One that was there need not have been durable. */
  private syncFolders(folder: string): void {
    const { io, durableFolders } = this;
    io.syncFolder(folder);
    for (let at = folder; !durableFolders.has(at) && at !== dirname(this.top); at = dirname(at)) {
      io.syncFolder(dirname(at));
      durableFolders.add(at);
    }
  }
}

function keyOf({ exchange, directory, table, day }: Place): string {
  return tableDayKey(exchange, directory, table.name, day);
}

function isThere({ complete, staged }: Slot, row: number): boolean {
  return holds(complete, row) || (staged !== undefined && holds([staged.range], row));
}

function holds(ranges: readonly RowRange[], row: number): boolean {
  return ranges.some(({ first, last }) => row >= first && row <= last);
}

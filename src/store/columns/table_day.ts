/**
 * The rows of one symbol, table and day on their way to their column files. Rows wait as records (row_arena.ts) and
 * are transposed into columns when they are written. Used by the writer, and by recovery for what the journal holds.
 *
 * Everything is written at the place that its row number says, so writing the same rows again changes nothing.
 */
import type { Column } from '../../schema/columns.js';
import type { FilePool, PooledFile } from '../disk/file_pool.js';
import { withFile } from '../disk/io.js';
import { literalsFile } from '../disk/paths.js';
import type { Quarantine } from '../disk/quarantine.js';
import type { TableDayState } from '../journal/states.js';
import { type Damaged, type FilesKey, findFiles, pathOf } from './found_files.js';
import { ID_COLUMN, IdRange } from './id_range.js';
import { type LostRows, lostRows, setFilesAside, textsOfRows } from './lost_rows.js';
import type { RowArena } from './row_arena.js';
import { beginBatch, columnStart, transpose } from './transpose.js';

export interface TableDayKey extends FilesKey {
  /** folder name of the symbol */
  readonly directory: string;
  /** index of the ring of its first row; most have no other, but every connection of a symbol writes its GAPS */
  readonly ring: number;
}

export interface TableDayOptions {
  /** rows that wait at most */
  readonly rowsMax: number;
  /** whether a day that begins now has the exact columns */
  readonly exact: boolean;
  /** a journal vouches for the files: what does not fit together was not left by a crash */
  readonly journaled: boolean;
  readonly quarantine: Quarantine;
  readonly files: FilePool;
  readonly waiting: RowArena;
}

interface UsedColumn {
  readonly column: Column;
  readonly path: string;
  readonly file: PooledFile;
}

export class TableDay {
  /** rows in the column files */
  written = 0;
  /** its rows that wait */
  readonly list: number;
  /** monotonic ms when the oldest waiting row was staged */
  sinceMs = 0;
  lastUsedMs = 0;
  /** block of the journal that says what the files held; they are not written before it is durable */
  baseSequence = 0;
  /** ids of the rows in the files, for tables that have any */
  readonly ids: IdRange | undefined;
  /** rows that were found and could not stay when it was opened */
  lost: LostRows | undefined;
  /** what the system answered when its files could not be used while others can; undefined when they can */
  unusable: unknown;
  /** waiting rows of other rings than the first, by ring */
  private readonly others = new Map<number, number>();
  private opened = false;
  private columns: readonly UsedColumn[] = [];
  /** the same without their files */
  private values: readonly Column[] = [];
  private readonly texts: string[] = [];
  /** bytes in the side-car, and of texts that wait */
  private textBytes = 0;
  private waitingTextBytes = 0;
  private readonly textPath: string;
  private readonly textFile: PooledFile;

  constructor(
    readonly key: TableDayKey,
    private readonly options: TableDayOptions,
  ) {
    this.ids = IdRange.of(key.table);
    this.list = options.waiting.addList(key.ring);
    this.textPath = `${key.folder}/${literalsFile(key.day)}`;
    this.textFile = options.files.file(this.textPath);
  }

  /** rows waiting */
  get staged(): number {
    return this.options.waiting.rows(this.list);
  }

  get full(): boolean {
    return this.staged >= this.options.rowsMax;
  }

  /** Something waits to be written. */
  get waiting(): boolean {
    return this.staged > 0 || this.texts.length > 0;
  }

  /** Copies a record; the caller has seen that it is not full. */
  stage(words: Uint32Array, index: number): void {
    this.options.waiting.stage(this.list, words, index, this.key.table.words);
  }

  /** The row staged last came from this ring, which is not the first. */
  cameFrom(ring: number): void {
    this.others.set(ring, (this.others.get(ring) ?? 0) + 1);
  }

  /** Waiting rows by ring; the first ring is always named. */
  waitingByRing(): ReadonlyMap<number, number> {
    let first = this.staged;
    for (const rows of this.others.values()) first -= rows;
    return new Map([[this.key.ring, first], ...this.others]);
  }

  /** Text of a number of the newest row. */
  stageLiteral(column: number, text: string): void {
    this.open();
    const row = this.written + this.staged - 1;
    const line = `${JSON.stringify({ row, column: this.key.table.columns[column]?.name, text })}\n`;
    this.texts.push(line);
    this.waitingTextBytes += Buffer.byteLength(line);
  }

  /** A word of the newest staged row. */
  newest(word: number): number {
    return this.options.waiting.newest(this.list, this.key.table.words, word);
  }

  /**
   * Finds how many rows the files hold. A table-day keeps the set of columns it began with: `exact` may have changed
   * since. What stands behind the shortest column is no whole row and is cut off; a copy goes to the quarantine. Throws
   * Damaged for files that cannot be gone on with.
   */
  open(): void {
    if (this.opened) return;
    const { files, quarantine } = this.options;
    const found = findFiles(files.io, this.key, this.options);
    this.use(found.columns.map(({ name }) => name));
    this.written = found.rows;
    this.textBytes = found.textBytes;
    if (found.ragged) this.cutTorn(found.longest, quarantine);
    else if (found.longest === 0) this.lost = this.movedRows();
    if (this.written > 0 && this.ids !== undefined)
      this.ids.addFile(files.io, pathOf(this.key, ID_COLUMN), this.written);
  }

  private cutTorn(longest: number, quarantine: Quarantine): void {
    const { io } = this.options.files;
    const { key, written } = this;
    const what = longest > written ? `have ${written} to ${longest} rows` : `end within row ${written}`;
    this.lost = lostRows(io, key, written, `its columns ${what}`);
    this.textBytes = textsOfRows(io, this.textPath, written);
    this.cut(quarantine);
  }

  /** Rows that went to the quarantine with a folder above, when another table-day was opened. */
  private movedRows(): LostRows | undefined {
    const { files, quarantine } = this.options;
    const folder = quarantine.placeOf(this.key.folder);
    if (folder === undefined) return undefined;
    const lost = lostRows(files.io, { ...this.key, folder }, 0, `a folder above it is none of ours`);
    return lost.rows === 0 ? undefined : lost;
  }

  /** Its files cannot be gone on with: they go to the quarantine, and the day is begun anew. Throws as open() does. */
  setAside(damage: Damaged): void {
    const { files, quarantine } = this.options;
    const lost = lostRows(files.io, this.key, 0, damage.message);
    setFilesAside(files.io, quarantine, this.key);
    this.open();
    this.lost = lost;
  }

  /** Takes over what a journal says that the files held, whatever stands in them. */
  begin(state: TableDayState): void {
    this.use(state.columns);
    this.written = state.rows;
    this.textBytes = state.textBytes;
  }

  /**
   * After accepted damage: counts only rows that every column has. What stands behind is to be cut off before anything
   * is written over it.
   */
  shorten(): void {
    const { io } = this.options.files;
    const rows = this.columns.map(({ column, path }) =>
      Math.floor(Math.max(0, io.sizeOf(path)) / column.bytes),
    );
    this.written = Math.min(this.written, ...rows);
    this.textBytes = Math.min(this.textBytes, textsOfRows(io, this.textPath, this.written));
  }

  private use(names: readonly string[]): void {
    this.columns = this.key.table.columns
      .filter((column) => names.includes(column.name))
      .map((column) => {
        const path = pathOf(this.key, column.name);
        return { column, path, file: this.options.files.file(path) };
      });
    this.values = this.columns.map(({ column }) => column);
    this.opened = true;
  }

  /** What the files hold when everything that waits is written. */
  state(): TableDayState {
    this.open();
    const { exchange, directory, table, day } = this.key;
    return {
      exchange,
      directory,
      table: table.name,
      day,
      rows: this.written + this.staged,
      textBytes: this.textBytes + this.waitingTextBytes,
      columns: this.columns.map(({ column }) => column.name),
    };
  }

  /** Whether the files hold everything that `state` says. */
  reached(state: TableDayState): boolean {
    return this.written >= state.rows && this.textBytes >= state.textBytes;
  }

  /** Every file with the bytes it must hold and those it has, -1 without a file. */
  files(): { readonly path: string; readonly bytes: number; readonly size: number }[] {
    this.open();
    const { io } = this.options.files;
    const columns = this.columns.map(({ column, path }) => ({ path, bytes: this.written * column.bytes }));
    return [...columns, { path: this.textPath, bytes: this.textBytes }].map((file) => ({
      ...file,
      size: io.sizeOf(file.path),
    }));
  }

  /** Whole rows that stand behind the last one, in the longest column. */
  rowsBehind(): number {
    const { io } = this.options.files;
    const rows = this.columns.map(({ column, path }) => Math.floor(io.sizeOf(path) / column.bytes));
    return Math.max(0, ...rows.map((count) => count - this.written));
  }

  /** Receive time of the last row in the files as [seconds, nanoseconds]; undefined where there is none. */
  lastReceived(): readonly [number, number] | undefined {
    const seconds = this.lastWord('recv_time');
    const nanos = this.lastWord('recv_nanos');
    return seconds === undefined || nanos === undefined ? undefined : [seconds, nanos];
  }

  private lastWord(name: string): number | undefined {
    const used = this.columns.find(({ column }) => column.name === name);
    if (used === undefined || this.written === 0) return undefined;
    const { io } = this.options.files;
    const word = Buffer.alloc(4);
    return withFile(io, io.openToRead(used.path), (fd) =>
      io.read(fd, word, 0, (this.written - 1) * 4) === 4 ? word.readUInt32LE() : undefined,
    );
  }

  /** Cuts off what stands behind the last row, with a copy in the quarantine; answers the number of bytes. */
  cut(quarantine: Quarantine): number {
    let cut = 0;
    for (const { path, bytes, size } of this.files()) {
      if (size <= bytes) continue;
      quarantine.keepTail(path, bytes);
      this.options.files.truncate(path, bytes);
      cut += size - bytes;
    }
    return cut;
  }

  /**
   * Writes all waiting rows and answers the number of bytes. When a call fails nothing is forgotten: the rows stay
   * and the next flush writes them to the same place.
   */
  flush(): number {
    this.open();
    // texts first: a reader of a flagged row finds its text
    const textBytes = this.writeTexts();
    const bytes = this.writeColumns(this.staged);
    this.textBytes += textBytes;
    this.waitingTextBytes = this.texts.length = 0;
    return bytes;
  }

  private writeColumns(rows: number): number {
    if (rows === 0) return 0;
    const values = this.transposed(rows);
    let bytes = 0;
    for (const { column, file } of this.columns) {
      const from = columnStart(column, rows);
      const size = rows * column.bytes;
      file.write(values, from, from + size, this.written * column.bytes);
      bytes += size;
    }
    if (this.ids !== undefined) this.addIds(this.ids);
    this.written += rows;
    this.options.waiting.clear(this.list);
    this.others.clear();
    return bytes;
  }

  /** The columns of all waiting rows, in memory that the next call uses again. */
  private transposed(rows: number): Uint8Array {
    const { list, values } = this;
    const { words } = this.key.table;
    const batch = beginBatch(rows, words);
    let done = 0;
    this.options.waiting.visit(list, words, (records, from, count) => {
      transpose(records, from, count, words, values, done, rows);
      done += count;
    });
    return batch;
  }

  private addIds(ids: IdRange): void {
    const { words } = this.key.table;
    this.options.waiting.visit(this.list, words, (records, from, rows) =>
      ids.addRecords(records, from, rows, words),
    );
  }

  private writeTexts(): number {
    if (this.texts.length === 0) return 0;
    const bytes = Buffer.from(this.texts.join(''));
    this.textFile.write(bytes, 0, bytes.length, this.textBytes);
    return bytes.length;
  }

  /** Whether a file does not hold what was written: looks at one column, another one with each `step`. */
  isGone(step: number): boolean {
    if (this.written === 0) return false;
    const { column, path } = this.columns[step % this.columns.length];
    return this.options.files.io.sizeOf(path) < this.written * column.bytes;
  }

  /** Looks at every file. */
  isAnyGone(): boolean {
    if (this.unusable !== undefined) return true;
    return this.opened && this.files().some(({ bytes, size }) => bytes > 0 && size < bytes);
  }

  /** Receive time of the oldest waiting row as [seconds, nanoseconds]; undefined when none waits. */
  firstWaiting(): readonly [number, number] | undefined {
    const { recv_time, recv_nanos } = this.key.table.at;
    if (this.staged === 0 || recv_time === undefined) return undefined;
    const { waiting } = this.options;
    return [waiting.oldest(this.list, recv_time), waiting.oldest(this.list, recv_nanos)];
  }

  /**
   * Its files are gone or cannot be used: what waits goes to new ones, from row 0 on. What is left of the old ones is set
   * aside.
   */
  beginAgain(quarantine: Quarantine): void {
    this.rest();
    setFilesAside(this.options.files.io, quarantine, this.key);
    this.unusable = undefined;
    const texts = this.texts.splice(0).map((line) => JSON.parse(line) as { row: number });
    for (const text of texts.filter(({ row }) => row >= this.written))
      this.texts.push(`${JSON.stringify({ ...text, row: text.row - this.written })}\n`);
    this.waitingTextBytes = this.texts.reduce((sum, line) => sum + Buffer.byteLength(line), 0);
    this.written = this.textBytes = 0;
    this.ids?.clear();
  }

  /** Gives descriptors back; rows that wait are kept. */
  rest(): void {
    for (const { file } of this.columns) file.close();
    this.textFile.close();
  }
}

/**
 * The rows of one symbol, table and day on their way to their column files. Rows wait as records, side by side as they
 * came, and are transposed into columns when they are written: one or two cache lines per row however many symbols
 * there are. Used by the writer, and by recovery for what the journal holds; stage() is HOT, once per row.
 *
 * Everything is written at the place that its row number says, so writing the same rows again changes nothing.
 */
import { COLUMN_TYPES, type Column, isWrittenFor } from '../schema/columns.js';
import type { Table } from '../schema/layout.js';
import type { FilePool, PooledFile } from './files.js';
import { ID_COLUMN, IdRange } from './id_range.js';
import { columnFile, literalsFile } from './paths.js';
import type { Quarantine } from './quarantine.js';
import type { TableDayState } from './states.js';

const FIRST_ROWS = 32;

const COLUMN_WORDS_MAX = Math.max(...Object.values(COLUMN_TYPES).map((type) => type.words));
/** One column of one batch, shared by all table-days: they are flushed one after the other. */
let columnWords = new Uint32Array(0);
let columnBytes = new Uint8Array(columnWords.buffer);

export interface TableDayKey {
  readonly table: Table;
  readonly exchange: string;
  /** folder name of the symbol */
  readonly directory: string;
  readonly day: number;
  /** index of the ring of its first row; most have no other, but every connection of a symbol writes its GAPS */
  readonly ring: number;
  readonly folder: string;
}

export interface TableDayOptions {
  /** rows that wait at most */
  readonly rowsMax: number;
  /** whether a day that begins now has the exact columns */
  readonly exact: boolean;
  /** a journal vouches for the files: what does not fit together was not left by a crash */
  readonly quarantine: Quarantine | undefined;
  readonly files: FilePool;
}

interface UsedColumn {
  readonly column: Column;
  readonly path: string;
  readonly file: PooledFile;
}

export class TableDay {
  /** rows in the column files */
  written = 0;
  /** rows waiting */
  staged = 0;
  /** monotonic ms when the oldest waiting row was staged */
  sinceMs = 0;
  lastUsedMs = 0;
  /** block of the journal that says what the files held; they are not written before it is durable */
  baseSequence = 0;
  /** ids of the rows in the files, for tables that have any */
  readonly ids: IdRange | undefined;
  /** waiting rows of other rings than the first, by ring */
  private readonly others = new Map<number, number>();
  private records = new Uint32Array(0);
  private capacity = 0;
  private opened = false;
  private columns: readonly UsedColumn[] = [];
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
    this.textPath = `${key.folder}/${literalsFile(key.day)}`;
    this.textFile = options.files.file(this.textPath);
  }

  get full(): boolean {
    return this.staged >= this.options.rowsMax;
  }

  /** Something waits to be written. */
  get waiting(): boolean {
    return this.staged > 0 || this.texts.length > 0;
  }

  /** Memory it holds for waiting rows. */
  get bytes(): number {
    return this.records.byteLength;
  }

  /** Copies a record; the caller has seen that it is not full. Answers how much its memory grew. */
  stage(words: Uint32Array, index: number): number {
    const grown = this.staged === this.capacity ? this.grow() : 0;
    const size = this.key.table.words;
    const { records } = this;
    let to = this.staged * size;
    for (let from = index; from < index + size; from++) records[to++] = words[from];
    this.staged++;
    return grown;
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

  private grow(): number {
    const before = this.bytes;
    this.capacity = Math.min(this.options.rowsMax, Math.max(FIRST_ROWS, this.capacity * 2));
    const grown = new Uint32Array(this.capacity * this.key.table.words);
    grown.set(this.records);
    this.records = grown;
    return this.bytes - before;
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
    return this.records[(this.staged - 1) * this.key.table.words + word];
  }

  /**
   * Finds how many rows the files hold. A table-day keeps the set of columns it began with: `exact` or the tables may
   * have changed since. What stands behind the shortest column is no whole row and is cut off; where a journal is kept
   * no crash leaves such a thing, and a copy goes to the quarantine.
   */
  open(): void {
    if (this.opened) return;
    const { io } = this.options.files;
    const sizes = new Map(
      this.key.table.columns.map((c) => [c.name, Math.max(0, io.sizeOf(this.pathOf(c)))]),
    );
    const sizeOf = (column: Column) => sizes.get(column.name) as number;
    const rowsOf = (column: Column) => Math.floor(sizeOf(column) / column.bytes);
    this.use(this.columnsBegun(rowsOf).map((column) => column.name));
    this.written = Math.min(...this.columns.map(({ column }) => rowsOf(column)));
    this.textBytes = Math.max(0, io.sizeOf(this.textPath));
    const ragged = this.columns.some(({ column }) => sizeOf(column) !== this.written * column.bytes);
    if (ragged) this.cut(this.options.quarantine);
    const ids = this.columns.find(({ column }) => column.name === ID_COLUMN);
    if (this.written > 0 && ids !== undefined) this.ids?.addFile(io, ids.path, this.written);
  }

  private pathOf(column: Column): string {
    return `${this.key.folder}/${columnFile(column.name, this.key.day)}`;
  }

  private columnsBegun(rowsOf: (column: Column) => number): readonly Column[] {
    const columns = this.key.table.columns.filter((column) => isWrittenFor(this.key.exchange, column));
    const plain = columns.filter((column) => !column.exact);
    const begun = columns.filter((column) => rowsOf(column) > 0);
    if (begun.length === 0) return this.options.exact ? columns : plain;
    if (this.options.quarantine !== undefined) return begun;
    const complete = plain.every((column) => rowsOf(column) > 0);
    return (complete ? begun.some((column) => column.exact) : this.options.exact) ? columns : plain;
  }

  /** Takes over what a journal says that the files held, whatever stands in them. */
  begin(state: TableDayState): void {
    this.use(state.columns);
    this.written = state.rows;
    this.textBytes = state.textBytes;
  }

  /** After accepted damage: counts only rows that every column has. */
  shorten(): void {
    const rows = this.columns.map(({ column, path }) =>
      Math.floor(Math.max(0, this.options.files.io.sizeOf(path)) / column.bytes),
    );
    this.written = Math.min(this.written, ...rows);
    this.textBytes = Math.min(this.textBytes, Math.max(0, this.options.files.io.sizeOf(this.textPath)));
  }

  private use(names: readonly string[]): void {
    this.columns = this.key.table.columns
      .filter((column) => names.includes(column.name))
      .map((column) => {
        const path = this.pathOf(column);
        return { column, path, file: this.options.files.file(path) };
      });
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

  /** Cuts off what stands behind the last row; answers the number of bytes. */
  cut(quarantine: Quarantine | undefined): number {
    let cut = 0;
    for (const { path, bytes, size } of this.files()) {
      if (size <= bytes) continue;
      quarantine?.keepTail(path, bytes);
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
    const { io } = this.options.files;
    this.expectWhole();
    let bytes = 0;
    // texts first: whoever reads a flagged row finds its text
    this.flushTexts();
    for (const { column, file } of this.columns) {
      const values = this.transpose(column);
      file.with((fd) => io.write(fd, values, 0, this.staged * column.bytes, this.written * column.bytes));
      bytes += this.staged * column.bytes;
    }
    this.ids?.addRecords(this.records, this.staged, this.key.table.words);
    this.written += this.staged;
    this.staged = 0;
    this.others.clear();
    return bytes;
  }

  /** The values of one column of all waiting rows, in memory that the next call uses again. */
  private transpose(column: Column): Uint8Array {
    const { records, staged } = this;
    const { word, words } = column;
    const size = this.key.table.words;
    const end = word + staged * size;
    if (columnWords.length < staged * words) {
      columnWords = new Uint32Array(this.options.rowsMax * COLUMN_WORDS_MAX);
      columnBytes = new Uint8Array(columnWords.buffer);
    }
    const values = columnWords;
    let to = 0;
    if (words === 1) for (let from = word; from < end; from += size) values[to++] = records[from];
    else
      for (let from = word; from < end; from += size)
        for (let part = from; part < from + words; part++) values[to++] = records[part];
    return columnBytes;
  }

  private flushTexts(): void {
    if (this.texts.length === 0) return;
    const bytes = Buffer.from(this.texts.join(''));
    this.textFile.with((fd) => this.options.files.io.write(fd, bytes, 0, bytes.length, this.textBytes));
    this.textBytes += bytes.length;
    this.waitingTextBytes = 0;
    this.texts.length = 0;
  }

  /** Behind the end of a file that somebody removed, a write would leave zeros that look like rows. */
  private expectWhole(): void {
    for (const { column, file } of this.columns) file.expect(this.written * column.bytes);
    this.textFile.expect(this.textBytes);
  }

  /** Whether a file does not hold what was written: looks at one column, another one with each `step`. */
  isGone(step: number): boolean {
    if (this.written === 0) return false;
    const { column, path } = this.columns[step % this.columns.length];
    return this.options.files.io.sizeOf(path) < this.written * column.bytes;
  }

  /** Looks at every file. */
  isAnyGone(): boolean {
    return this.opened && this.files().some(({ bytes, size }) => bytes > 0 && size < bytes);
  }

  /** Receive time of the oldest waiting row as [seconds, nanoseconds]; undefined when none waits. */
  firstWaiting(): readonly [number, number] | undefined {
    const { recv_time, recv_nanos } = this.key.table.at;
    if (this.staged === 0 || recv_time === undefined) return undefined;
    return [this.records[recv_time], this.records[recv_nanos]];
  }

  /** Its files are gone: what waits goes to new ones, from row 0 on. What is left of the old ones is set aside. */
  beginAgain(quarantine: Quarantine): void {
    for (const { file } of this.columns) file.close();
    this.textFile.close();
    for (const { path, size } of this.files()) if (size >= 0) quarantine.move(path);
    const texts = this.texts.splice(0).map((line) => JSON.parse(line) as { row: number });
    for (const text of texts.filter(({ row }) => row >= this.written))
      this.texts.push(`${JSON.stringify({ ...text, row: text.row - this.written })}\n`);
    this.waitingTextBytes = this.texts.reduce((sum, line) => sum + Buffer.byteLength(line), 0);
    this.written = this.textBytes = 0;
    this.ids?.clear();
  }

  /** Gives descriptors and memory back; rows that wait are kept. */
  rest(): void {
    for (const { file } of this.columns) file.close();
    this.textFile.close();
    if (this.staged > 0) return;
    this.records = new Uint32Array(0);
    this.capacity = 0;
  }
}

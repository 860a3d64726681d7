/**
 * The rows of one symbol, table and day on their way to their column files. Rows wait as records, side by side as they
 * came, and are transposed into columns when they are written: one or two cache lines per row however many symbols
 * there are. Writer thread only; stage() is HOT, once per row.
 */
import { join } from 'node:path';
import { COLUMN_TYPES, type Column } from '../schema/columns.js';
import type { Table } from '../schema/layout.js';
import type { FilePool, PooledFile } from './files.js';
import { columnFile, literalsFile } from './paths.js';

const FIRST_ROWS = 32;

const COLUMN_WORDS_MAX = Math.max(...Object.values(COLUMN_TYPES).map((type) => type.words));
/** One column of one batch, shared by all table-days: they are flushed one after the other. */
let columnWords = new Uint32Array(0);
let columnBytes = new Uint8Array(columnWords.buffer);

export interface TableDayKey {
  readonly table: Table;
  readonly stream: number;
  readonly day: number;
  /** index of the ring its rows come from */
  readonly ring: number;
  readonly folder: string;
}

export class TableDay {
  /** rows in the column files */
  written = 0;
  /** rows waiting */
  staged = 0;
  /** monotonic ms when the oldest waiting row was staged */
  sinceMs = 0;
  lastUsedMs = 0;
  private records = new Uint32Array(0);
  private capacity = 0;
  private opened = false;
  private columns: readonly { readonly column: Column; readonly file: PooledFile }[] = [];
  /** side-car lines; `row` counts from the rows in the files, -1 is the last of them */
  private readonly texts: { readonly row: number; readonly column: string; readonly text: string }[] = [];
  private textBytes = 0;
  private readonly textFile: PooledFile;

  constructor(
    readonly key: TableDayKey,
    private readonly rowsMax: number,
    private readonly exact: boolean,
    private readonly files: FilePool,
  ) {
    this.textFile = files.file(join(key.folder, literalsFile(key.day)));
  }

  get full(): boolean {
    return this.staged >= this.rowsMax;
  }

  /** Whether a flush has something to write: rows, or the text of a row that was written before its text came. */
  get waiting(): boolean {
    return this.staged > 0 || this.texts.length > 0;
  }

  /** Memory it holds for waiting rows. */
  get bytes(): number {
    return this.records.byteLength;
  }

  /** Copies a record; the caller has seen that it is not full. */
  stage(words: Uint32Array, index: number): void {
    if (this.staged === this.capacity) this.grow();
    const size = this.key.table.words;
    const { records } = this;
    let to = this.staged * size;
    for (let from = index; from < index + size; from++) records[to++] = words[from];
    this.staged++;
  }

  private grow(): void {
    this.capacity = Math.min(this.rowsMax, Math.max(FIRST_ROWS, this.capacity * 2));
    const grown = new Uint32Array(this.capacity * this.key.table.words);
    grown.set(this.records);
    this.records = grown;
  }

  /** Text of a number of the newest row. */
  stageLiteral(column: number, text: string): void {
    this.texts.push({ row: this.staged - 1, column: this.key.table.columns[column]?.name ?? '', text });
  }

  /** A word of the newest staged row. */
  newest(word: number): number {
    return this.records[(this.staged - 1) * this.key.table.words + word];
  }

  /**
   * Finds how many rows the files hold. A table-day keeps the set of columns it began with: `exact` may have been
   * switched since. What a killed process left half-written behind the shortest column is cut off.
   */
  open(): void {
    if (this.opened) return;
    const { table, folder, day } = this.key;
    const pathOf = (column: Column) => join(folder, columnFile(column.name, day));
    const sizes = new Map(table.columns.map((column) => [column.name, this.files.io.sizeOf(pathOf(column))]));
    const rowsOf = (column: Column) =>
      Math.floor(Math.max(0, sizes.get(column.name) as number) / column.bytes);
    const plain = table.columns.filter((column) => !column.exact);
    const begun = Math.min(...plain.map(rowsOf)) > 0;
    const exact = begun ? table.columns.some((column) => column.exact && rowsOf(column) > 0) : this.exact;
    const used = exact ? table.columns : plain;
    this.written = Math.min(...used.map(rowsOf));
    this.columns = used.map((column) => ({ column, file: this.files.file(pathOf(column)) }));
    for (const { column, file } of this.columns) {
      const bytes = this.written * column.bytes;
      if ((sizes.get(column.name) as number) > bytes) file.with((fd) => this.files.io.truncate(fd, bytes));
    }
    this.textBytes = Math.max(0, this.files.io.sizeOf(join(folder, literalsFile(day))));
    this.opened = true;
  }

  /** Creates the files that are not there yet. */
  create(): void {
    this.open();
    for (const { file } of this.columns) file.with(() => undefined);
  }

  /**
   * Writes all waiting rows and answers the number of bytes. When a call fails nothing is forgotten: the rows stay
   * and the next flush writes them to the same place.
   */
  flush(): number {
    this.open();
    const { io } = this.files;
    let bytes = 0;
    // texts first: whoever reads a flagged row finds its text
    this.flushTexts();
    if (this.staged === 0) return 0;
    for (const { column, file } of this.columns) {
      const values = this.transpose(column);
      file.with((fd) => io.write(fd, values, 0, this.staged * column.bytes, this.written * column.bytes));
      bytes += this.staged * column.bytes;
    }
    this.written += this.staged;
    this.staged = 0;
    return bytes;
  }

  /** The values of one column of all waiting rows, in memory that the next call uses again. */
  private transpose(column: Column): Uint8Array {
    const { records, staged } = this;
    const size = this.key.table.words;
    if (columnWords.length < staged * column.words) {
      columnWords = new Uint32Array(this.rowsMax * COLUMN_WORDS_MAX);
      columnBytes = new Uint8Array(columnWords.buffer);
    }
    let to = 0;
    for (let row = 0, from = column.word; row < staged; row++, from += size) {
      for (let word = 0; word < column.words; word++) columnWords[to++] = records[from + word];
    }
    return columnBytes;
  }

  private flushTexts(): void {
    if (this.texts.length === 0) return;
    const lines = this.texts.map((line) => JSON.stringify({ ...line, row: this.written + line.row }));
    const bytes = Buffer.from(`${lines.join('\n')}\n`);
    this.textFile.with((fd) => this.files.io.write(fd, bytes, 0, bytes.length, this.textBytes));
    this.textBytes += bytes.length;
    this.texts.length = 0;
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

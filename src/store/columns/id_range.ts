/**
 * Lowest and highest trade id of a table-day, so that it is known what is lost when its files are. Writer thread;
 * addRecords() is HOT, once per row when it is written.
 */
import type { Table } from '../../schema/layout.js';
import { type StoreIo, withFile } from '../disk/io.js';

export const ID_COLUMN = 'trade_id';
export const ID_BYTES = 8;
const TWO_32 = 4294967296;
/** Ids come a little out of order: so many at each end of a file are looked at. */
const ROWS_LOOKED_AT = 4096;

export class IdRange {
  min = Number.POSITIVE_INFINITY;
  max = 0;

  /** Of tables whose rows have ids. */
  static of(table: Table): IdRange | undefined {
    const word = table.at[ID_COLUMN];
    return word === undefined ? undefined : new IdRange(word);
  }

  private constructor(private readonly word: number) {}

  /** Ids beyond 2^53 have lost their last digits and are not used. */
  get known(): boolean {
    return this.max > 0 && this.max <= Number.MAX_SAFE_INTEGER;
  }

  private add(id: number): void {
    if (id < this.min) this.min = id;
    if (id > this.max) this.max = id;
  }

  /** Takes in `rows` records of `size` words each from records[from] on. */
  addRecords(records: Uint32Array, from: number, rows: number, size: number): void {
    for (let row = 0, at = from + this.word; row < rows; row++, at += size)
      this.add(records[at] + records[at + 1] * TWO_32);
  }

  /** Takes in what stands at both ends of the column file of an earlier run. */
  addFile(io: StoreIo, path: string, rows: number): void {
    withFile(io, io.openToRead(path), (fd) => {
      for (const from of [0, Math.max(0, rows - ROWS_LOOKED_AT)]) {
        const bytes = Buffer.alloc(Math.min(rows, ROWS_LOOKED_AT) * ID_BYTES);
        const end = io.read(fd, bytes, 0, from * ID_BYTES) - ID_BYTES;
        for (let at = 0; at <= end; at += ID_BYTES)
          this.add(bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * TWO_32);
      }
    });
  }

  clear(): void {
    this.min = Number.POSITIVE_INFINITY;
    this.max = 0;
  }
}

/**
 * HOT: the texts of numbers that do not fit their columns, behind the row they belong to (schema/text.ts). Shard threads;
 * one exchange sends such a number in every candle.
 */
import { TEXT_BYTES_MAX } from '../../base/limits.js';
import type { Table } from '../../schema/layout.js';
import { TEXT_KIND } from '../../schema/text.js';
import { type RowSink, writeTextBytes } from './texts.js';

/** Words of a row, at most one of each is the value of a number. */
const WORDS_MAX = 256;

export class Sidecar {
  /** texts of the row that is being written */
  count = 0;
  /** word of the column, and where the text stands in the message */
  private readonly words = new Uint8Array(WORDS_MAX);
  private readonly from = new Int32Array(WORDS_MAX);
  private readonly to = new Int32Array(WORDS_MAX);

  /** The text of the number in the column at `word`: bytes[from, to) of the message that becomes the row. */
  add(word: number, from: number, to: number): void {
    const n = this.count++;
    this.words[n] = word;
    this.from[n] = from;
    this.to[n] = Math.min(to, from + TEXT_BYTES_MAX);
  }

  /** Writes them behind the row, which has been committed. */
  commit(sink: RowSink, table: Table, stream: number, day: number, bytes: Uint8Array): void {
    const { columns } = table;
    for (let n = 0; n < this.count; n++) {
      let column = 0;
      while (columns[column].word !== this.words[n]) column++;
      writeTextBytes(sink, TEXT_KIND.literal, stream, day, table.id, column, bytes, this.from[n], this.to[n]);
    }
  }
}

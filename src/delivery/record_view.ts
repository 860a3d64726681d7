/**
 * A row as a source shows it: a view that the next row uses again, so that nothing is made per row. Values are read by
 * the word of their column (`table.at.price`); fields.ts reads them as what they mean.
 */
import { flag } from '../schema/flags.js';
import type { Place } from './place.js';

const SIDECAR = flag('literal_in_sidecar');

export class RecordView {
  /** Set by the source before anyone sees the view. */
  place!: Place;
  /**
   * its number within the table-day: with the place it names the row for good, in the column files as well as in the
   * journal
   */
  row = 0;
  /** texts of numbers that fit no digits, by index of the column; only where the row has such a number */
  texts: ReadonlyMap<number, string> | undefined;
  private words = new Uint32Array(0);
  private floats = new Float32Array(0);
  private at = 0;

  /** Shows the record at words[at]. */
  show(words: Uint32Array<ArrayBuffer>, at: number, place: Place, row: number): void {
    if (words.buffer !== this.words.buffer)
      this.floats = new Float32Array(words.buffer, 0, words.buffer.byteLength >>> 2);
    this.words = words;
    this.at = at;
    this.place = place;
    this.row = row;
    this.texts = undefined;
  }

  u32(word: number): number {
    return this.words[this.at + word];
  }

  f32(word: number): number {
    return this.floats[this.at + word];
  }

  /** Makes a BigInt; u32(word) and u32(word + 1) are the low and the high half without one. */
  u64(word: number): bigint {
    return (BigInt(this.u32(word + 1)) << 32n) | BigInt(this.u32(word));
  }

  /** Whether the message lacked the column. */
  isMissing(mask: number): boolean {
    return mask !== 0 && (this.flags & mask) !== 0;
  }

  get flags(): number {
    return this.u32(this.place.table.at['flags']);
  }

  /** Whether texts are to be looked for. */
  get hasTexts(): boolean {
    return (this.flags & SIDECAR) !== 0;
  }

  /** Receive time in seconds since 1970; of a gap, when it was established. */
  get receivedSeconds(): number {
    const { at } = this.place.table;
    return this.u32(at['recv_time'] ?? at['time']);
  }

  /** Copies the record to words[to). */
  copyTo(words: Uint32Array, to: number): void {
    const { at, words: from } = this;
    const size = this.place.table.words;
    for (let word = 0; word < size; word++) words[to + word] = from[at + word];
  }
}

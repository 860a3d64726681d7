/**
 * Rows on their way to a target: copies of their records, in memory that the next batch uses again. A batch ends where a
 * cursor can stand, so it may be somewhat larger than what was asked for. Nothing is made per row but for texts of numbers
 * that fit no column.
 */
import type { Place } from './place.js';
import { RecordView } from './record_view.js';
import type { Position } from './source.js';

const FIRST_WORDS = 16 * 1024;
const FIRST_ROWS = 1024;

export class Batch {
  /** rows in it */
  rows = 0;
  /** among the batches of a run, from 1 on */
  number = 0;
  /** behind its last row */
  position: Position = { block: 0 };
  /**
   * the cursor when the batch is safe, as text: for a target that keeps it with the rows, in one transaction. Whoever
   * finds it there again when the target is opened goes on behind it
   */
  cursor = '';
  /** receive times of its oldest and newest row, seconds since 1970; 0 without rows */
  oldestSeconds = 0;
  newestSeconds = 0;
  private words = new Uint32Array(FIRST_WORDS);
  private wordsUsed = 0;
  private starts = new Uint32Array(FIRST_ROWS);
  private numbers = new Uint32Array(FIRST_ROWS);
  private readonly places: Place[] = [];
  private readonly texts = new Map<number, ReadonlyMap<number, string>>();
  private readonly view = new RecordView();

  /** Of the records, without what the target makes of them. */
  get bytes(): number {
    return this.wordsUsed * 4;
  }

  clear(): void {
    this.rows = this.wordsUsed = this.oldestSeconds = this.newestSeconds = 0;
    this.places.length = 0;
    this.texts.clear();
  }

  add(view: RecordView): void {
    const { rows, wordsUsed } = this;
    const size = view.place.table.words;
    if (wordsUsed + size > this.words.length) this.words = grown(this.words);
    if (rows === this.starts.length) {
      this.starts = grown(this.starts);
      this.numbers = grown(this.numbers);
    }
    view.copyTo(this.words, wordsUsed);
    this.starts[rows] = wordsUsed;
    this.numbers[rows] = view.row;
    this.places.push(view.place);
    if (view.texts !== undefined) this.texts.set(rows, view.texts);
    const seconds = view.receivedSeconds;
    if (rows === 0 || seconds < this.oldestSeconds) this.oldestSeconds = seconds;
    if (seconds > this.newestSeconds) this.newestSeconds = seconds;
    this.wordsUsed += size;
    this.rows++;
  }

  /** The row with this index; the view is valid until the next call. */
  at(index: number): RecordView {
    const { view } = this;
    view.show(this.words, this.starts[index], this.places[index], this.numbers[index]);
    view.texts = this.texts.get(index);
    return view;
  }

  /** Shows every row in order; each view is valid until the next one. */
  each(visit: (view: RecordView, index: number) => void): void {
    for (let index = 0; index < this.rows; index++) visit(this.at(index), index);
  }
}

function grown(words: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(2 * words.length);
  larger.set(words);
  return larger;
}

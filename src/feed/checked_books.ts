/**
 * HOT: the order books of a connection whose exchange may send checksums, kept to compare with: once per event, in
 * shard threads. Books that come without a checksum are not kept.
 */
import { LevelBook } from '../book/level_book.js';
import { RESULT } from './exchange.js';
import { type BOOK_SIDE, isLevel } from './levels.js';
import type { JsonTuples } from './lists.js';

export class CheckedBooks {
  /** by slot */
  private readonly books: (LevelBook | undefined)[] = [];

  /** `sum`: checksum of a book as u32. */
  constructor(private readonly sum: (book: LevelBook) => number) {}

  /** A snapshot begins; `kept`: it has a checksum. */
  begin(slot: number, kept: boolean): void {
    const book = this.bookOf(slot);
    if (book !== undefined && kept) book.clear();
    else if (book !== undefined || kept) this.replace(slot, kept);
  }

  /** Cold. */
  private replace(slot: number, kept: boolean): void {
    while (this.books.length <= slot) this.books.push(undefined);
    this.books[slot] = kept ? new LevelBook() : undefined;
  }

  private bookOf(slot: number): LevelBook | undefined {
    return slot < this.books.length ? this.books[slot] : undefined;
  }

  /** Applies the levels [first, behind) of one side: RESULT.rows, or what is wrong with the first that is none. */
  apply(
    slot: number,
    side: typeof BOOK_SIDE.bid | typeof BOOK_SIDE.ask,
    tuples: JsonTuples,
    first: number,
    behind: number,
  ): number {
    const book = this.bookOf(slot);
    if (book === undefined) return RESULT.rows;
    const { bytes, from, to, width } = tuples;
    for (let row = first; row < behind; row++) {
      const at = row * width;
      if (!isLevel(tuples, at)) return RESULT.missingField;
      const size = at + 1;
      const price = tuples.plainValue(at);
      if (!book.set(side, bytes, from[at], to[at], from[size], to[size], price, tuples.plainValue(size)))
        return RESULT.badNumber;
    }
    return RESULT.rows;
  }

  /** Whether the book has this checksum, as far as it is kept. */
  agrees(slot: number, checksum: number): boolean {
    const book = this.bookOf(slot);
    return book === undefined || this.sum(book) === checksum;
  }
}

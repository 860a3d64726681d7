/**
 * HOT: events of order books whose exchange sends checksums, in shard threads: their rows, and the book that they make,
 * kept to compare with.
 */
import { LevelBook } from '../book/level_book.js';
import { RESULT, worse } from './exchange.js';
import type { BOOK_SIDE, Levels } from './levels.js';
import type { JsonTuples } from './lists.js';

export class CheckedBooks {
  /** by slot; undefined for books that come without a checksum: they would be kept for nothing */
  private readonly books: (LevelBook | undefined)[] = [];

  /** `sum`: checksum of a book as u32. */
  constructor(
    private readonly levels: Levels,
    private readonly sum: (book: LevelBook) => number,
  ) {}

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

  /** The levels [first, behind) of one side as rows; `result` is that of the levels before. */
  side(
    slot: number,
    side: typeof BOOK_SIDE.bid | typeof BOOK_SIDE.ask,
    tuples: JsonTuples,
    first: number,
    behind: number,
    result: number,
  ): number {
    const { bytes, from, to, width } = tuples;
    const book = this.bookOf(slot);
    for (let row = first; row < behind; row++) {
      const price = row * width;
      const size = price + 1;
      const one =
        tuples.present(price) && tuples.present(size)
          ? this.levels.level(side, bytes, from[price], to[price], from[size], to[size])
          : RESULT.missingField;
      if (one === RESULT.rows) book?.set(side, bytes, from[price], to[price], from[size], to[size]);
      result = worse(one, result);
    }
    return result;
  }

  /** Whether the book has this checksum, as far as it is kept. */
  agrees(slot: number, checksum: number): boolean {
    const book = this.bookOf(slot);
    return book === undefined || this.sum(book) === checksum >>> 0;
  }
}

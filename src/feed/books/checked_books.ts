/**
 * HOT: the order books of a connection whose exchange may send checksums, kept to compare with: once per event, in
 * shard threads. Books that come without a checksum are not kept.
 *
 *   if (snapshot) checked.begin(slot, true);
 *   let result = checked.apply(slot, BOOK_SIDE.bid, levels, firstBid, behindBids);
 *   …
 *   const fits = checked.agrees(slot, sum);
 */
import { assert } from '../../base/errors.js';
import { CHECKED_LEVELS_MAX } from '../../base/limits.js';
import { LevelBook } from '../../book/level_book.js';
import type { BookRule } from '../../book/rules.js';
import { type BOOK_SIDE, isLevel } from '../channels/levels.js';
import type { JsonSlots } from '../json/slots.js';
import { RESULT } from '../rows/result.js';

export class CheckedBooks {
  /** by slot */
  private readonly books: (LevelBook | undefined)[] = [];
  /** by slot: levels per side that the exchange has confirmed; 0: all */
  private readonly depths: number[] = [];

  private readonly sum: (book: LevelBook) => number;
  private readonly depth: number;

  constructor({ depth, checksum }: BookRule) {
    assert(checksum !== undefined, 'books are kept for their checksums');
    this.sum = checksum;
    this.depth = depth;
  }

  /** Cold: how many levels per side the exchange has confirmed. */
  confirmed(slot: number, depth: number): void {
    while (this.depths.length <= slot) this.depths.push(this.depth);
    this.depths[slot] = depth;
  }

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

  /** Applies the levels [first, behind), price and size first, of one side: RESULT.rows, or what is wrong with the first that is none. */
  apply(
    slot: number,
    side: typeof BOOK_SIDE.bid | typeof BOOK_SIDE.ask,
    levels: JsonSlots,
    first: number,
    behind: number,
  ): number {
    const book = this.bookOf(slot);
    if (book === undefined) return RESULT.rows;
    if (behind - first > CHECKED_LEVELS_MAX || book.side(side).count > CHECKED_LEVELS_MAX)
      return RESULT.tooLarge;
    const { bytes, digits, from, to, width } = levels;
    for (let row = first; row < behind; row++) {
      const at = row * width;
      if (!isLevel(levels, at)) return RESULT.missingField;
      const size = at + 1;
      const price = levels.plainValue(at);
      if (!book.set(side, bytes, from[at], to[at], from[size], to[size], price, digits[size]))
        return RESULT.badNumber;
    }
    const depth = slot < this.depths.length ? this.depths[slot] : this.depth;
    if (depth > 0) book.trim(depth);
    return RESULT.rows;
  }

  /** Whether the book has this checksum, as far as it is kept. */
  agrees(slot: number, checksum: number): boolean {
    const book = this.bookOf(slot);
    return book === undefined || this.sum(book) === checksum;
  }
}

/**
 * HOT: order books whose snapshot and changes come over the same connection, without numbers by which a lost change
 * would show: once per event, in shard threads. The exchange gives the levels of an event one by one:
 *
 *   let result = books.begin(slot, count, snapshot, fields, TIME);
 *   if (result !== RESULT.rows) return result;
 *   for (…; result === RESULT.rows; …) result = books.level(side, values, price, size);
 *   return books.end(result);
 */
import { BOOK_SIDE, Levels } from '../channels/levels.js';
import type { ParserContext } from '../exchange.js';
import type { JsonFields } from '../json/fields.js';
import type { JsonSlots } from '../json/slots.js';
import { RESULT } from '../rows/result.js';
import type { Books } from './books.js';

/** Side of the level whose side is named in value `at`; none for anything but these two names. */
export function namedSide(values: JsonSlots, at: number, bid: Uint8Array, ask: Uint8Array): number {
  if (values.equals(at, bid)) return BOOK_SIDE.bid;
  return values.equals(at, ask) ? BOOK_SIDE.ask : BOOK_SIDE.none;
}

export class SocketBooks {
  readonly levels: Levels;
  private readonly books: Books | undefined;
  private slot = 0;
  private count = 0;
  private snapshot = false;

  constructor(context: ParserContext) {
    this.levels = new Levels(context.rows);
    this.books = context.books;
  }

  /** An event of `count` levels is about to be written; any RESULT but `rows` is the end of it. */
  begin(slot: number, count: number, snapshot: boolean, fields: JsonFields, time: number): number {
    const { books, levels } = this;
    if (slot < 0 || books === undefined) return RESULT.unwanted;
    this.slot = slot;
    this.count = count;
    this.snapshot = snapshot;
    levels.begin(slot, count, snapshot);
    if (fields.present(time) && !levels.iso(fields, time)) return this.end(RESULT.badTime);
    if (snapshot || books.isLive(slot)) return RESULT.rows;
    books.broken(slot, 'unknown');
    return RESULT.unsynced;
  }

  level(side: number, values: JsonSlots, price: number, size: number): number {
    return side !== BOOK_SIDE.none && values.present(price) && values.present(size)
      ? this.levels.level(side, values, price, size)
      : this.levels.abandon(RESULT.missingField);
  }

  /** What becomes of an event whose levels gave `result`: one that could not be written leaves the book incomplete. */
  end(result: number): number {
    const { books, levels, slot, snapshot } = this;
    if (this.count === 0 && result === RESULT.rows)
      result = snapshot ? levels.emptySnapshot() : RESULT.control;
    if (result >= RESULT.ringFull)
      books?.broken(slot, result === RESULT.ringFull ? 'ring_full' : 'malformed');
    else if (snapshot) books?.snapshot(slot, 0);
    else books?.follow(slot, 0);
    return result;
  }
}

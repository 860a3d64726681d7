/**
 * What the exchanges do with their order books, by id: how many levels per side a client keeps, and how the checksum of
 * an event is made. Their parsers check it on arrival, `logger verify` on what was stored.
 */
import { krakenChecksum, okxChecksum } from './checksum.js';
import type { LevelBook } from './level_book.js';

export interface BookRule {
  /** levels per side that are asked for; what lies deeper is not removed by the exchange but forgotten. 0: all are kept */
  readonly depth: number;
  /** of the book after an event, as u32; absent: the exchange sends none */
  readonly checksum?: (book: LevelBook) => number;
  /** what is sent in place of a checksum when there is none */
  readonly noChecksum?: number;
}

const KEEP_ALL: BookRule = { depth: 0 };

const RULES: Readonly<Record<string, BookRule>> = {
  // with 10 every level that is kept is under the checksum; 25, 100, 500 and 1000 are possible, too
  kraken: { depth: 10, checksum: krakenChecksum },
  okx: { depth: 0, checksum: okxChecksum, noChecksum: 0 },
};

export function bookRule(exchange: string): BookRule {
  return RULES[exchange] ?? KEEP_ALL;
}

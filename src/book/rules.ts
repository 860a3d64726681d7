/**
 * What an exchange does with its order books: how many levels per side a client keeps, and how the checksum of an event
 * is made. Each exchange declares its own; its parser checks by it on arrival, `logger verify` what was stored.
 */
import type { LevelBook } from './level_book.js';

export interface BookRule {
  /** levels per side that are asked for; what lies deeper is not removed by the exchange but forgotten. 0: all are kept */
  readonly depth: number;
  /** of the book after an event, as u32; absent: the exchange sends none */
  readonly checksum?: (book: LevelBook) => number;
  /** what is sent in place of a checksum when there is none */
  readonly noChecksum?: number;
}

/** Of an exchange that declares none. */
export const KEEP_ALL: BookRule = { depth: 0 };

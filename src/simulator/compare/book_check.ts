/**
 * Rebuilds an order book from its rows on disk by the rules that readers of BOOK have (a snapshot begins anew, size 0
 * removes, what an exchange cuts is cut, a gap in GAPS ends it) and compares its hash with the one the simulator had
 * after the same event. Rows that were never sent, come twice or stand elsewhere are part of it, as they are for readers.
 * Runs in the comparing process; used by compare.ts.
 */
import { flag } from '../../schema/flags.js';
import { levelHash } from '../market/book.js';
import { LEDGER_AT, type LedgerRecords } from '../market/ledger.js';
import type { StoredRows } from './rows.js';

const SNAPSHOT_START = flag('snapshot_start');
const EVENT_END = flag('event_end');
const UNSYNCED = flag('unsynced');
const TWO_32 = 4294967296;
/** Word of the ledger whose upper half says how many levels a client keeps per side. */
const WINDOW_WORD = LEDGER_AT.digits + 5;

interface Level {
  readonly side: number;
  readonly price: number;
  readonly hash: number;
}

export class BookCheck {
  readonly #events: LedgerRecords;
  readonly #rows: StoredRows;
  readonly #event_of: Int32Array;
  /** whether a record is missing and readers know of it */
  readonly #isGap: (event: number) => boolean;
  readonly #levels = new Map<string, Level>();
  #hash = 0;
  /** whether the book is complete: from a snapshot on, until something is missing */
  #known = false;
  #window = 0;
  /** sequence of a snapshot that was fetched over REST, which may be newer than what comes after it; 0 of others */
  #fetched_id = 0;
  /** the record that was applied last */
  #last = -1;
  checked = 0;
  /** rows after which the book was another one */
  readonly wrong: number[] = [];

  constructor(
    events: LedgerRecords,
    rows: StoredRows,
    event_of: Int32Array,
    isGap: (event: number) => boolean,
  ) {
    this.#events = events;
    this.#rows = rows;
    this.#event_of = event_of;
    this.#isGap = isGap;
  }

  run(): void {
    // rounded numbers do not say which level is meant
    if (!this.#rows.has('price_digits')) return;
    for (let row = 0; row < this.#rows.count; row++) this.#row(row);
  }

  #row(row: number): void {
    const event = this.#event_of[row];
    const flags = this.#rows.word('flags', row);
    if (event < 0) {
      if (this.#known) this.#apply(row);
      return;
    }
    if ((flags & SNAPSHOT_START) !== 0) this.#begin(event);
    else if (!this.#follows(event)) this.#known = false;
    if ((flags & UNSYNCED) !== 0) this.#known = false;
    if (!this.#known || this.#isOld(event)) return;
    this.#last = event;
    this.#apply(row);
    if ((flags & EVENT_END) === 0 || !this.#events.has(event, 'event_end')) return;
    this.#truncate();
    this.checked++;
    if (this.#hash >>> 0 === this.#events.word(event, LEDGER_AT.book_hash)) return;
    this.wrong.push(row);
    this.#known = false;
  }

  #begin(event: number): void {
    this.#levels.clear();
    this.#hash = 0;
    this.#known = true;
    this.#window = this.#events.word(event, WINDOW_WORD);
    const fetched = this.#events.has(event, 'fetched');
    this.#fetched_id = fetched ? this.#events.u64(event, LEDGER_AT.id) : 0;
    this.#last = event;
  }

  /** A change that the snapshot already holds. */
  #isOld(event: number): boolean {
    if (this.#events.has(event, 'snapshot')) return false;
    return this.#events.u64(event, LEDGER_AT.id) <= this.#fetched_id && this.#fetched_id > 0;
  }

  /** Whether no gap is between the record applied last and this one; what stands elsewhere on disk is none. */
  #follows(event: number): boolean {
    const events = this.#events;
    for (let i = this.#last + 1; i < event; i++) {
      if (events.has(i, 'snapshot') || !this.#isGap(i)) continue;
      if (this.#fetched_id === 0 || events.u64(i, LEDGER_AT.id) > this.#fetched_id) return false;
    }
    return true;
  }

  #value(row: number, name: string): number {
    return this.#rows.word(`${name}_digits`, row) + this.#rows.word(`${name}_digits`, row, 1) * TWO_32;
  }

  #apply(row: number): void {
    const side = this.#rows.word('side', row) - 1;
    const scales = this.#rows.word('scales', row);
    const [price_scale, size_scale] = [scales & 0xff, (scales >>> 8) & 0xff];
    const [price, size] = [this.#value(row, 'price'), this.#value(row, 'size')];
    const key = `${side} ${price / 10 ** price_scale}`;
    this.#remove(key);
    if (size === 0) return;
    const hash = levelHash(side, price, price_scale, size, size_scale);
    this.#levels.set(key, { side, price: price / 10 ** price_scale, hash });
    this.#hash = (this.#hash + hash) | 0;
  }

  #remove(key: string): void {
    const level = this.#levels.get(key);
    if (level === undefined) return;
    this.#levels.delete(key);
    this.#hash = (this.#hash - level.hash) | 0;
  }

  #truncate(): void {
    if (this.#window === 0) return;
    for (const side of [0, 1]) {
      const levels = [...this.#levels].filter(([, level]) => level.side === side);
      levels.sort(([, a], [, b]) => (side === 0 ? b.price - a.price : a.price - b.price));
      for (const [key] of levels.slice(this.#window)) this.#remove(key);
    }
  }
}

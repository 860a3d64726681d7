/**
 * HOT: which rows count while several connections carry the same streams: judge() once per row, in shard threads. Only
 * there while there are several; a stream with one connection pays for a comparison with undefined.
 *
 * - Rows with ids (trades) are told apart by their ids, see sequence.ts.
 * - Rows without ids are the same on every connection and come in the same order. Whoever is first has its row stored and
 *   noted; the others find it among the notes. So nothing is lost when one of them ends, and nobody has to notice first.
 *   Of books that come whole every time, the rows of an event stand and fall together.
 * - The rows of an order book have a meaning only one after the other, so a book belongs to one connection. It passes to
 *   the successor with a snapshot, or when its connection has ended.
 */
import { flag } from '../../schema/flags.js';
import { HEADER_WORDS, type Table } from '../../schema/layout.js';
import { BOOK, TABLES } from '../../schema/tables.js';

/** Connections of the same streams at a time: two, and one that each of them is replaced by. */
export const SEATS = 4;
/** Who owns a book that nobody has. */
export const NOBODY = 255;

/** Rows or events of a stream that are noted; a power of two. */
const NOTES = 256;
const MASK = NOTES - 1;
const KIND = {
  byId: 0,
  noted: 1,
  owned: 2,
  /** books that come whole, noted with all their rows */
  notedEvents: 3,
} as const;
/** What becomes of a row. */
export const VERDICT = {
  keep: 0,
  drop: 1,
  /** it and those of the same event before it */
  dropEvent: 2,
} as const;
const UNTIMED = flag('no_event_time');
const EVENT_END = flag('event_end');
const SECOND_HASH = 0x9e3779b9;

/** What has been stored lately of one table of one symbol: a ring with a place in it for each connection. */
class Notes {
  readonly hashes = new Uint32Array(2 * NOTES);
  readonly seats = new Uint8Array(NOTES);
  /** notes so far, and up to which of them each connection has brought them */
  end = 0;
  readonly found = new Float64Array(SEATS);

  /** Whether another connection has brought the row before; notes it otherwise. */
  isKnown(seat: number, first: number, second: number): boolean {
    const { hashes, seats, found, end } = this;
    for (let note = Math.max(found[seat], end - NOTES); note < end; note++) {
      const at = note & MASK;
      if (seats[at] === seat || hashes[2 * at] !== first || hashes[2 * at + 1] !== second) continue;
      found[seat] = note + 1;
      return true;
    }
    const at = end & MASK;
    seats[at] = seat;
    hashes[2 * at] = first;
    hashes[2 * at + 1] = second;
    this.end = end + 1;
    // what others have brought and this one has not may still come
    if (found[seat] === end) found[seat] = this.end;
    return false;
  }
}

export interface ArbiterEvents {
  /** a book has passed to the connection whose message is being worked on */
  taken(slot: number, from: number): void;
  /** a row was there already */
  known(): void;
}

export class Arbiter {
  /** the connection whose message is being worked on */
  seat = 0;
  /** the one that may take books over with a snapshot; NOBODY: none may */
  successor = NOBODY;
  /** by table id */
  private readonly kinds = new Uint8Array(256);
  /** by slot */
  private owners: Uint8Array;
  private readonly notes: (Notes | undefined)[][] = [];
  /** the book that the event being written has taken, and from whom */
  private takenSlot = -1;
  private takenFrom = NOBODY;
  /** of the rows of the event so far, or of the row */
  private first = 0;
  private second = SECOND_HASH;

  /** `noted`: tables whose rows have no ids; `owner`: the connection that was there first. */
  constructor(
    noted: readonly Table[],
    ownsBooks: boolean,
    private readonly events: ArbiterEvents,
    owner: number,
    slots: number,
  ) {
    for (const { id } of noted) this.kinds[id] = KIND.noted;
    if (ownsBooks) this.kinds[BOOK.id] = KIND.owned;
    else if (this.kinds[BOOK.id] === KIND.noted) this.kinds[BOOK.id] = KIND.notedEvents;
    this.owners = new Uint8Array(slots).fill(owner);
    for (const { id } of TABLES) this.notes[id] = [];
  }

  /** Makes room for `slots` streams; the books of new ones are nobody's. */
  resize(slots: number): void {
    if (slots <= this.owners.length) return;
    const owners = new Uint8Array(slots).fill(NOBODY);
    owners.set(this.owners);
    this.owners = owners;
  }

  /** Cold: a connection begins; what has been noted by now it does not bring. */
  join(seat: number): void {
    for (const ofTable of this.notes)
      for (const notes of ofTable ?? []) if (notes !== undefined) notes.found[seat] = notes.end;
  }

  /** What becomes of the complete row that begins at `record`. */
  judge(table: Table, slot: number, u32: Uint32Array, record: number): number {
    const kind = this.kinds[table.id];
    if (kind === KIND.byId) return VERDICT.keep;
    if (kind === KIND.owned) return this.owners[slot] === this.seat ? VERDICT.keep : VERDICT.drop;
    if (kind === KIND.noted) this.beginHash();
    this.hash(table, u32, record);
    if (kind === KIND.notedEvents && (u32[record + table.at.flags] & EVENT_END) === 0) return VERDICT.keep;
    const notes = this.notes[table.id][slot] ?? this.begin(table, slot);
    if (!notes.isKnown(this.seat, this.first >>> 0, this.second >>> 0)) return VERDICT.keep;
    this.events.known();
    return kind === KIND.notedEvents ? VERDICT.dropEvent : VERDICT.drop;
  }

  private beginHash(): void {
    this.first = 0;
    this.second = SECOND_HASH;
  }

  /** Takes in all that the row holds but the time of receipt, which differs from connection to connection. */
  private hash({ at, time, words }: Table, u32: Uint32Array, record: number): void {
    const untimed = (u32[record + at.flags] & UNTIMED) !== 0;
    let { first, second } = this;
    for (let word = HEADER_WORDS; word < words; word++) {
      if (word === at.recv_time || word === at.recv_nanos) continue;
      if (untimed && (word === at[time[0]] || word === at[time[1]])) continue;
      const value = u32[record + word];
      first = Math.imul(first ^ value, 0x85ebca6b);
      first ^= first >>> 13;
      second = Math.imul(second + value, 0xc2b2ae35);
      second ^= second >>> 16;
    }
    this.first = first;
    this.second = second;
  }

  /** Cold. */
  private begin(table: Table, slot: number): Notes {
    const ofTable = this.notes[table.id];
    while (ofTable.length <= slot) ofTable.push(undefined);
    const notes = new Notes();
    ofTable[slot] = notes;
    return notes;
  }

  /** An event of a book is about to be written. */
  bookEvent(slot: number, snapshot: boolean): void {
    this.takenSlot = -1;
    this.beginHash();
    const owner = this.owners[slot];
    if (!snapshot || owner === this.seat || this.kinds[BOOK.id] !== KIND.owned) return;
    if (owner !== NOBODY && this.seat !== this.successor) return;
    this.takenSlot = slot;
    this.takenFrom = owner;
    this.owners[slot] = this.seat;
    this.events.taken(slot, owner);
  }

  /** Cold: the event could not be written. */
  takeBack(): void {
    if (this.takenSlot >= 0) this.owners[this.takenSlot] = this.takenFrom;
    this.takenSlot = -1;
  }

  ownerOf(slot: number): number {
    return this.owners[slot];
  }

  /** Cold: the connection of a book has ended. */
  pass(slot: number, to: number): void {
    this.owners[slot] = to;
  }
}

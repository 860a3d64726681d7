/**
 * Order books whose snapshots come from the REST interface while their changes come as messages. Shard threads;
 * change() is HOT for books that are complete, everything else runs when one is not.
 *
 *   change of a book that is not complete ──► buffered; the first one requests a snapshot
 *   snapshot ──► its rows, then those of the buffered changes behind it with the times they were received at, so the file
 *                can be read in order; one that is older than the first buffered change, or on the other side of
 *                midnight, is requested again
 *   change that does not follow the one before ──► not complete any more
 *
 * Each change names the sequence number of the one before it, by whatever rule the exchange has.
 */

import { type BookEvent, Levels } from '../channels/levels.js';
import type { ParserContext } from '../exchange.js';
import { RESULT } from '../rows/result.js';
import type { Books } from './books.js';
import { type BookChange, type BufferedChange, DeltaBuffer, isReadable } from './delta_buffer.js';

const SECONDS_PER_DAY = 86_400;
/** The kind of these requests. */
export const BOOK_SNAPSHOT = 'book_snapshot';
/** What became of the newest request for a snapshot of a slot. */
const REQUESTED = { no: 0, yes: 1, /** on a connection that is gone */ void: 2 } as const;

export class RestBooks {
  private readonly levels: Levels;
  private requested = new Uint8Array(0);
  /** 1 while nothing has followed the snapshot: the next change may overlap with it */
  private fresh = new Uint8Array(0);
  /** newest number of the last change of each slot that lay within what was known */
  private passed = new Float64Array(0);

  /** `path`: where the REST interface has the snapshot of a symbol. */
  constructor(
    private readonly context: ParserContext,
    private readonly books: Books,
    private readonly path: (native: string) => string,
    private readonly buffer = new DeltaBuffer(),
  ) {
    this.levels = new Levels(context.rows);
  }

  /** HOT: answers a RESULT. */
  change(slot: number, change: BookChange): number {
    const { books } = this;
    if (!books.isLive(slot)) return this.wait(slot, change);
    const last = books.last(slot);
    if (change.last <= last) return this.pass(slot, change);
    const follows = this.fresh[slot] === 1 ? change.previous <= last : change.previous === last;
    if (!follows) {
      books.broken(slot, 'unknown');
      return this.wait(slot, change);
    }
    const result = this.levels.event(slot, change, false);
    if (result === RESULT.rows || result === RESULT.control) {
      this.fresh[slot] = 0;
      books.follow(slot, change.last);
    } else books.broken(slot, result === RESULT.ringFull ? 'ring_full' : 'malformed');
    return result;
  }

  /**
   * Cold: a change within what is known already. Two that follow each other are of a new numbering, unless the second is
   * the newest that is known, sent again, or a snapshot was taken in front of both.
   */
  private pass(slot: number, change: BookChange): number {
    const { books } = this;
    if (this.fresh[slot] === 1 || change.last === books.last(slot)) return RESULT.unsynced;
    const follows = change.previous === this.passed[slot];
    this.passed[slot] = change.last;
    if (!follows) return RESULT.unsynced;
    books.broken(slot, 'unknown');
    return this.wait(slot, change);
  }

  private wait(slot: number, change: BookChange): number {
    const { books, context } = this;
    if (!isReadable(change)) return RESULT.badNumber;
    books.waits(slot, change.previous + 1, change.last);
    const gone = this.buffer.add(slot, change, context.rows.received);
    if (gone > 0) context.unsynced(gone);
    const stored = books.storedElsewhere(slot);
    if (stored >= 0) this.buffer.dropTo(slot, stored);
    // a book that broke waits for its turn
    else if (!books.isWaiting(slot)) this.request(slot);
    return RESULT.buffered;
  }

  /** Cold: goes on behind the newest change that another connection has stored, which has ended. */
  takeOver(slot: number): void {
    const { books } = this;
    if (slot >= this.requested.length) this.grow(this.context.streams.size);
    books.resume(slot);
    this.replay(slot);
  }

  /** Requests a snapshot, unless one is on its way. */
  request(slot: number): void {
    const { streams, request } = this.context;
    if (slot >= this.requested.length) this.grow(streams.size);
    if (this.requested[slot] !== REQUESTED.no) return;
    this.requested[slot] = REQUESTED.yes;
    request(BOOK_SNAPSHOT, slot, this.path(streams.specs[slot].native));
  }

  private grow(slots: number): void {
    const grown = <A extends Uint8Array | Float64Array>(old: A, made: A): A => {
      made.set(old);
      return made;
    };
    this.requested = grown(this.requested, new Uint8Array(slots));
    this.fresh = grown(this.fresh, new Uint8Array(slots));
    this.passed = grown(this.passed, new Float64Array(slots).fill(-1));
  }

  /** The answer to a request: a snapshot with the number of the newest change in it, or undefined when there is none. */
  onSnapshot(slot: number, snapshot: BookEvent | undefined): void {
    const { books, buffer } = this;
    const { streams } = this.context;
    const requested = this.requested[slot];
    this.requested[slot] = REQUESTED.no;
    if (streams.slotOf(streams.specs[slot].native) !== slot || books.isLive(slot)) return;
    if (books.storedElsewhere(slot) >= 0) return;
    if (requested === REQUESTED.void) {
      if (buffer.of(slot).length > 0) this.request(slot);
      return;
    }
    if (snapshot === undefined || !this.bridges(snapshot, buffer.of(slot))) books.broken(slot, 'unknown');
    else this.complete(slot, snapshot);
  }

  /**
   * Whether the buffered changes go on behind the snapshot, in files of one day: across two their order would be lost.
   */
  private bridges(snapshot: BookEvent, buffered: readonly BufferedChange[]): boolean {
    const behind = buffered.filter(({ change }) => change.last > snapshot.last);
    const day = this.dayOf(snapshot, this.context.rows.received[0]);
    return (
      (behind.length === 0 || behind[0].change.previous <= snapshot.last) &&
      behind.every(({ change, receivedSeconds }) => this.dayOf(change, receivedSeconds) === day)
    );
  }

  /** The day whose files the rows of an event go to. */
  private dayOf({ timed, seconds }: BookEvent, receivedSeconds: number): number {
    const known = timed && this.context.rows.isBelieved(seconds);
    return Math.floor((known ? seconds : receivedSeconds) / SECONDS_PER_DAY);
  }

  /** The rows of a snapshot and of what was received since. */
  private complete(slot: number, snapshot: BookEvent): void {
    const { books } = this;
    const result = this.levels.event(slot, snapshot, true);
    if (result !== RESULT.rows) {
      books.broken(slot, result === RESULT.ringFull ? 'ring_full' : 'malformed');
      return;
    }
    books.snapshot(slot, snapshot.last);
    this.replay(slot);
  }

  /** The rows of what was buffered, with the times it was received at. */
  private replay(slot: number): void {
    const { context } = this;
    const { received } = context.rows;
    this.fresh[slot] = 1;
    const [seconds, nanos] = received;
    for (const { change, receivedSeconds, receivedNanos } of this.buffer.take(slot)) {
      received[0] = receivedSeconds;
      received[1] = receivedNanos;
      if (this.change(slot, change) >= RESULT.unsynced) context.unsynced(1);
    }
    received[0] = seconds;
    received[1] = nanos;
  }

  /** The connection is gone: what was buffered has no continuation, and what was requested comes too late. */
  reset(): void {
    const gone = this.buffer.clear();
    if (gone > 0) this.context.unsynced(gone);
    for (let slot = 0; slot < this.requested.length; slot++)
      if (this.requested[slot] === REQUESTED.yes) this.requested[slot] = REQUESTED.void;
  }
}

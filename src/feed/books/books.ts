/**
 * What is known of each order book of one connection: whether it is complete, which change it has seen last, and why it
 * is not complete any more. Shard threads; follow() is HOT, once per change, everything else runs when something breaks.
 *
 *   empty ──snapshot()──► live ──broken()──► empty: asks for a new snapshot of this symbol alone, in GAPS what it missed
 *     └──waits(): changes came before their snapshot, in GAPS those that it makes useless
 *
 * Whether a change follows what is known is the exchange's rule and decided in its file; so is the sequence number.
 */
import { BOOK, type GapCause } from '../../schema/tables.js';
import type { Gap } from '../continuity/gap_log.js';

/** New snapshots that one connection asks for: so many at once, then one per interval. */
const RESYNC_BURST = 10;
const RESYNC_EVERY_MS = 2000;
/** A symbol whose books keep breaking asks less and less often. */
const RETRY_FIRST_MS = 500;
const RETRY_LONGEST_MS = 60_000;
/** A book that held for so long starts again with the shortest delay. */
const HEALTHY_MS = 60_000;

/** What was missed for these causes is nothing where the numbers go on without a gap. */
const COMPLETE_BY_NUMBERS: readonly GapCause[] = ['snapshot', 'handover'];

const SUSPECTS = ['unknown', 'malformed', 'ring_full', 'disk'] as const;

export interface BookEvents {
  gap(gap: Gap): void;
  /** a symbol needs a new snapshot */
  resync(slot: number): void;
  /** number of the newest change of a book that is another connection's; -1 of our own */
  storedElsewhere?(slot: number): number;
}

/** A symbol whose book is not complete although the connection is up. */
interface Waiting {
  dueMs: number;
  delayMs: number;
}

export class Books {
  /** newest sequence number of each slot; what it means is the exchange's rule */
  private sequence = new Float64Array(0);
  private live = new Uint8Array(0);
  private lastSeconds = new Uint32Array(0);
  private lastNanos = new Uint32Array(0);
  private liveSinceMs = new Float64Array(0);
  /** delay of the newest resync of each slot, ms */
  private delays = new Float64Array(0);
  /** why each slot is not live */
  private causes: GapCause[] = [];
  /** newest sequence number among the changes that came while a slot was not live; 0: none, or they have none */
  private unused = new Float64Array(0);
  /** 1 once anything of the book has come in this run */
  private met = new Uint8Array(0);
  /** index into SUSPECTS: what would explain a break that the next change shows */
  private suspects = new Uint8Array(0);
  private readonly waiting = new Map<number, Waiting>();
  private tokens = RESYNC_BURST;
  private refilledMs: number;

  constructor(
    private readonly received: Uint32Array,
    private readonly events: BookEvents,
    private readonly nowMs: () => number,
  ) {
    this.refilledMs = nowMs();
  }

  /** Makes room for `slots` streams. */
  resize(slots: number): void {
    const before = this.live.length;
    if (slots <= before) return;
    const grow = <A extends Float64Array | Uint32Array | Uint8Array>(old: A, made: A): A => {
      made.set(old);
      return made;
    };
    this.sequence = grow(this.sequence, new Float64Array(slots).fill(-1));
    this.live = grow(this.live, new Uint8Array(slots));
    this.lastSeconds = grow(this.lastSeconds, new Uint32Array(slots));
    this.lastNanos = grow(this.lastNanos, new Uint32Array(slots));
    this.liveSinceMs = grow(this.liveSinceMs, new Float64Array(slots));
    this.delays = grow(this.delays, new Float64Array(slots));
    this.unused = grow(this.unused, new Float64Array(slots));
    this.met = grow(this.met, new Uint8Array(slots));
    this.suspects = grow(this.suspects, new Uint8Array(slots));
    while (this.causes.length < slots) this.causes.push('unknown');
  }

  /**
   * Continues behind the newest row that was stored before the stream was taken up; `received`: its receive time,
   * `cause`: why nothing was captured since.
   */
  seed(
    slot: number,
    received: readonly [seconds: number, nanos: number],
    cause: GapCause = 'downtime',
  ): void {
    this.lastSeconds[slot] = received[0];
    this.lastNanos[slot] = received[1];
    this.causes[slot] = cause;
  }

  /** The stream is let go: lists what was missed and forgets where its book was. */
  leave(slot: number): void {
    this.end(slot);
    this.live[slot] = this.met[slot] = this.unused[slot] = 0;
    this.lastSeconds[slot] = this.lastNanos[slot] = this.suspects[slot] = 0;
    this.sequence[slot] = -1;
    this.waiting.delete(slot);
  }

  /** Whether the book is complete. */
  isLive(slot: number): boolean {
    return this.live[slot] === 1;
  }

  /** Whether a new snapshot is asked for, or will be. */
  isWaiting(slot: number): boolean {
    return this.waiting.has(slot);
  }

  /** Newest change that another connection has stored, whose book it is; -1 when the book is ours. */
  storedElsewhere(slot: number): number {
    return this.events.storedElsewhere?.(slot) ?? -1;
  }

  /**
   * The book was another connection's up to its newest change: what is missing from there on is missing here, for this
   * cause unless that one knew another.
   */
  inherit(slot: number, from: Books, cause: GapCause): void {
    this.live[slot] = 0;
    this.met[slot] = from.met[slot];
    this.sequence[slot] = from.sequence[slot];
    this.lastSeconds[slot] = from.lastSeconds[slot];
    this.lastNanos[slot] = from.lastNanos[slot];
    this.causes[slot] = from.live[slot] === 1 ? cause : from.causes[slot];
  }

  /** What was inherited is complete, and the next change follows it. */
  resume(slot: number): void {
    this.live[slot] = 1;
    this.liveSinceMs[slot] = this.nowMs();
    this.waiting.delete(slot);
  }

  /** Newest sequence number; -1 before the first snapshot. */
  last(slot: number): number {
    return this.sequence[slot];
  }

  /** When the newest change was received, in seconds since 1970; 0: never. */
  receivedAt(slot: number): number {
    return this.lastSeconds[slot] + this.lastNanos[slot] * 1e-9;
  }

  /** Whether this run has received a snapshot of the slot. */
  seen(slot: number): boolean {
    return this.sequence[slot] >= 0;
  }

  /** A change with the numbers `from` to `to` has come that is of no use before there is a snapshot. */
  waits(slot: number, from: number, to: number): void {
    if (this.lastSeconds[slot] === 0) {
      this.sequence[slot] = from - 1;
      this.begins(slot, 'snapshot');
    }
    this.met[slot] = 1;
    this.unused[slot] = to;
  }

  /** What is missed begins now, unless it has begun before. */
  private begins(slot: number, cause: GapCause): void {
    this.met[slot] = 1;
    if (this.lastSeconds[slot] !== 0) return;
    this.stamp(slot);
    this.causes[slot] = cause;
  }

  /**
   * A snapshot has been written: the book is complete with it, and what was missed before is known. Books without
   * numbers of their own have 0.
   */
  snapshot(slot: number, sequence: number): void {
    if (this.live[slot] === 0 && this.lastSeconds[slot] !== 0) this.reportMissed(slot, sequence);
    this.live[slot] = 1;
    this.met[slot] = 1;
    this.unused[slot] = 0;
    this.liveSinceMs[slot] = this.nowMs();
    this.waiting.delete(slot);
    this.follow(slot, sequence);
  }

  /** A change that follows what is known has been written. */
  follow(slot: number, sequence: number): void {
    this.sequence[slot] = sequence;
    this.suspects[slot] = 0;
    this.stamp(slot);
  }

  /** The book is not complete any more; a new snapshot is asked for under the budget. */
  broken(slot: number, cause: GapCause): void {
    if (this.live[slot] === 1) {
      this.live[slot] = 0;
      this.causes[slot] = cause === 'unknown' ? SUSPECTS[this.suspects[slot]] : cause;
      if (this.nowMs() - this.liveSinceMs[slot] > HEALTHY_MS) this.delays[slot] = 0;
    } else this.begins(slot, cause);
    if (!this.waiting.has(slot)) this.wait(slot);
  }

  private stamp(slot: number): void {
    this.lastSeconds[slot] = this.received[0];
    this.lastNanos[slot] = this.received[1];
  }

  private wait(slot: number): void {
    const delay = this.delays[slot];
    this.delays[slot] = Math.min(RETRY_LONGEST_MS, delay === 0 ? RETRY_FIRST_MS : delay * 2);
    this.waiting.set(slot, { dueMs: this.nowMs() + delay, delayMs: this.delays[slot] });
  }

  /**
   * A message was lost and it is unknown of which symbol. Usually the next change of that book does not follow what is
   * known; `invisible` says that it does not show, and then every book has to be asked for again.
   */
  lost(cause: (typeof SUSPECTS)[number], invisible: boolean): void {
    for (let slot = 0; slot < this.live.length; slot++) this.lostAt(slot, cause, invisible);
  }

  /** The same of a message that was one of this symbol. */
  lostAt(slot: number, cause: (typeof SUSPECTS)[number], invisible: boolean): void {
    if (this.live[slot] === 0) return;
    // what is known to have happened explains more than a number that is missing afterwards
    if (cause !== 'unknown') this.suspects[slot] = SUSPECTS.indexOf(cause);
    if (invisible) this.broken(slot, 'unknown');
  }

  /** The connection is gone: no book is complete. A new connection brings new snapshots. */
  interrupted(cause: GapCause): void {
    for (let slot = 0; slot < this.live.length; slot++) {
      if (this.live[slot] === 0) continue;
      this.live[slot] = 0;
      this.causes[slot] = cause;
    }
    this.waiting.clear();
  }

  /** Asks for snapshots that are due; call it a few times a second. */
  doWork(): void {
    const now = this.nowMs();
    const back = Math.floor((now - this.refilledMs) / RESYNC_EVERY_MS);
    if (back > 0) {
      this.tokens = Math.min(RESYNC_BURST, this.tokens + back);
      this.refilledMs += back * RESYNC_EVERY_MS;
    }
    for (const [slot, entry] of this.waiting) {
      if (this.tokens === 0) return;
      if (now < entry.dueMs) continue;
      this.tokens--;
      // unless the snapshot has come by then
      entry.dueMs = now + Math.max(entry.delayMs, RESYNC_EVERY_MS * RESYNC_BURST);
      entry.delayMs = Math.min(RETRY_LONGEST_MS, entry.delayMs * 2);
      this.events.resync(slot);
    }
  }

  /** The connection ends for good: lists what has been missed of a book that is not complete. */
  end(slot: number): void {
    if (this.live[slot] === 0 && this.met[slot] === 1) this.reportMissed(slot, this.unused[slot]);
  }

  /** Books that are not complete although their symbol was seen before. */
  get incomplete(): number {
    return this.waiting.size;
  }

  /** `to`: number of the newest change that is missing; 0 without numbers. A gap that has none is one of times. */
  private reportMissed(slot: number, to: number): void {
    const from = this.sequence[slot] + 1;
    // everything that has come can be used
    if (COMPLETE_BY_NUMBERS.includes(this.causes[slot]) && to > 0 && to < from) return;
    const numbered = to > 0 && to >= from;
    this.events.gap({
      slot,
      table: BOOK,
      cause: this.causes[slot],
      fromId: numbered ? from : 0,
      toId: numbered ? to : 0,
      fromSeconds: this.lastSeconds[slot],
      fromNanos: this.lastNanos[slot],
      toSeconds: this.received[0],
      toNanos: this.received[1],
      messages: 0,
    });
  }
}

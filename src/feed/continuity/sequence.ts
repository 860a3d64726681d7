/**
 * What has been seen of each stream of one channel, and therefore what is missing. accept() and touch() are HOT, once
 * per row, in shard threads; everything behind a jump is cold. A gap is not reported at once: trades may arrive a
 * little out of order, so it gets a grace time to be filled, and only then becomes a row of GAPS.
 *
 * One id that is far too high would hide every later gap below it. When the next messages go on where the ids were
 * before, the jump is taken back: what was stored above is remembered and is no gap later.
 */
import { assert } from '../../base/errors.js';
import { TIME } from '../../base/time.js';
import type { Table } from '../../schema/layout.js';
import type { GapCause } from '../../schema/tables.js';
import type { StreamSpec } from '../rows/streams.js';
import type { Gap } from './gap_log.js';
import { MissingIds, type OpenGap, type Stretch } from './missing_ids.js';
import { CAUSES, EXPLAINED, FIRST_DROPPED, FIRST_RESUMED, NONE } from './pending_causes.js';
import { RecentIds } from './recent_ids.js';

/** How long a gap may wait for late messages before it is reported. */
const GRACE_MS = 2000;
/** Ids below the first one seen that are remembered per stream, to recognise their repetition. */
const OLDER_IDS_MAX = 4096;
/**
 * How far below the newest id of an earlier run everything counts as stored by it. An exchange repeats its last trades
 * on subscribing; ids far below are a new numbering, or the stored one was wrong, and must not be taken for repeated.
 */
const SEED_DEPTH = 4096;
/** Messages in a row that go on in front of a jump before it is taken back. */
const RETURN_MESSAGES = 8;
/** A jump that leaves less than this open is passed soon, and late messages may fill it. */
const RETURN_DISTANCE = 1000;
/** Stretches of ids above the newest one that are remembered per stream. */
const AHEAD_MAX = 16;
/** Messages in a row that count on from ids of the past before the exchange is taken to have begun again. */
const AGAIN_MESSAGES = 8;
/** What the clock of an exchange may be ahead of ours. */
const CLOCKS_APART_SECS = 2;

export const SEEN = {
  /** received before, must not be stored again */
  duplicate: 0,
  fresh: 1,
  /** may be a duplicate, which is not known any more: stored with the duplicate_kept flag */
  uncertain: 2,
} as const;

/** The cold part of a stream's state; exists once something was out of the ordinary. */
interface Irregular {
  readonly missing: MissingIds;
  older: Set<number>;
  /** messages in a row that filled a gap from its beginning, the id that would be the next, and the newest id then */
  returned: number;
  returnNext: number;
  returnBelow: number;
  /** ids above the newest one that were stored before a jump was taken back, ascending */
  ahead: Stretch[];
  /** messages in a row that may be of a new numbering, and the id that would be the next of it */
  again: number;
  againNext: number;
}

/** What a sequence has to know of its channel. */
export interface SequenceOptions {
  readonly table: Table;
  /** 'unordered': ids show a repeated message, and nothing about what is missing */
  readonly ids: string;
  /** of unordered ids: the column that holds them, where it is not trade_id */
  readonly idColumn?: string;
}

export interface SequenceEvents {
  gap(gap: Gap): void;
  /** a row for ids that were listed and are stored now, or were never missing */
  repaired?(gap: Gap): void;
  /** ids have begun again, as the gap of cause `reset` says */
  again?(gap: Gap): void;
  reordered(): void;
  duplicate(): void;
  /** the newest id was out of line with those before and behind it: the ids go on below */
  outlier(slot: number, id: number): void;
  /** something may be missing in front of the message being worked on, or of the next one */
  jumped?(slot: number): void;
}

export class Sequence {
  /** newest id of each slot, -1 before the first */
  private lastId = new Float64Array(0);
  private firstId = new Float64Array(0);
  private lastSeconds = new Uint32Array(0);
  private lastNanos = new Uint32Array(0);
  /** cause (index into CAUSES) that explains a gap before the next message; NONE when there is no reason for one */
  private pending = new Uint8Array(0);
  private readonly irregular = new Map<number, Irregular>();
  private readonly announced = new Map<number, { id: number; atMs: number }>();

  readonly table: Table;
  /** of unordered ids: what was seen lately, and the word of a row at which its id stands */
  readonly recent: RecentIds | undefined;
  readonly idWord: number;

  constructor(
    channel: SequenceOptions,
    private readonly received: Uint32Array,
    private readonly events: SequenceEvents,
    private readonly nowMs: () => number,
  ) {
    this.table = channel.table;
    const name = channel.idColumn ?? 'trade_id';
    const column = channel.table.columns.find((c) => c.name === name);
    this.idWord = column?.word ?? 0;
    if (channel.ids !== 'unordered') return;
    assert(column !== undefined, `the ids of ${channel.table.name} have a column`);
    this.recent = new RecentIds(column.words);
  }

  /** Makes room for `slots` streams. */
  resize(slots: number): void {
    const before = this.lastId.length;
    if (slots <= before) return;
    const grow = <A extends Float64Array | Uint32Array | Uint8Array>(old: A, made: A): A => {
      made.set(old);
      return made;
    };
    this.lastId = grow(this.lastId, new Float64Array(slots).fill(-1));
    this.firstId = grow(this.firstId, new Float64Array(slots).fill(-1));
    this.lastSeconds = grow(this.lastSeconds, new Uint32Array(slots));
    this.lastNanos = grow(this.lastNanos, new Uint32Array(slots));
    this.pending = grow(this.pending, new Uint8Array(slots));
    this.recent?.resize(slots);
  }

  /**
   * Continues behind the newest row that was stored before the stream was taken up; `received`: its receive time,
   * `cause`: why nothing was captured since.
   */
  seed(
    slot: number,
    received: readonly [seconds: number, nanos: number],
    cause: StreamSpec['resumedAfter'] = 'downtime',
  ): void {
    this.lastSeconds[slot] = received[0];
    this.lastNanos[slot] = received[1];
    this.pending[slot] = CAUSES.indexOf(cause);
  }

  /** The stream is let go: reports what is open and forgets where it was. */
  leave(slot: number): void {
    this.irregular.get(slot)?.missing.reportUntil(Number.POSITIVE_INFINITY);
    this.irregular.delete(slot);
    this.announced.delete(slot);
    this.lastId[slot] = this.firstId[slot] = -1;
    this.lastSeconds[slot] = this.lastNanos[slot] = 0;
    this.pending[slot] = NONE;
  }

  /**
   * Continues behind `lastId`, unless this run has gone further; `unlisted` are gaps below it that the earlier run
   * did not live to report.
   */
  seedIds(slot: number, lastId: number, unlisted: readonly (readonly [from: number, to: number])[]): void {
    if (lastId <= this.lastId[slot] || !Number.isSafeInteger(lastId)) return;
    this.lastId[slot] = lastId;
    this.firstId[slot] = Math.max(0, lastId - SEED_DEPTH);
    const seen = [this.lastSeconds[slot], this.lastNanos[slot]];
    for (const [from, to] of unlisted) this.openGap(slot, from, to, this.nowMs(), seen);
  }

  /** Continues behind ids without order that an earlier run stored last, from old to new. */
  seedUnordered(slot: number, ids: readonly string[]): void {
    for (const id of ids) {
      const words = this.recent?.wordsOf(id);
      if (words !== undefined) this.recent?.add(slot, words, 0);
    }
  }

  /** Whether this run has received anything for the slot. */
  seen(slot: number): boolean {
    return this.lastSeconds[slot] !== 0 && this.pending[slot] < FIRST_RESUMED;
  }

  /** When the newest message was received, in seconds since 1970; 0: never. */
  receivedAt(slot: number): number {
    return this.lastSeconds[slot] + this.lastNanos[slot] * 1e-9;
  }

  /** The stream has stopped; `since` counts where nothing of it was ever received. */
  silent(slot: number, since: number): void {
    this.missed(slot, 'silence');
    if (this.lastSeconds[slot] === 0) this.lastSeconds[slot] = since;
  }

  /** Everything received after now may follow a gap of this cause. */
  interrupted(cause: GapCause): void {
    const index = CAUSES.indexOf(cause);
    for (let slot = 0; slot < this.pending.length; slot++)
      if (this.pending[slot] < FIRST_RESUMED) this.pending[slot] = index;
  }

  /** Something of this slot was lost for this cause; only what has no contiguous ids needs the call. */
  missed(slot: number, cause: GapCause): void {
    if (this.pending[slot] === NONE) this.pending[slot] = CAUSES.indexOf(cause);
  }

  /** The id that would be the next one. */
  expected(slot: number): number {
    return this.lastId[slot] + 1;
  }

  /** A message with the id that is expected. */
  advance(slot: number): void {
    this.lastId[slot]++;
    this.stamp(slot);
  }

  /** A message with an id that grows by one: answers SEEN. */
  accept(slot: number, id: number): number {
    return this.acceptRange(slot, id, id);
  }

  /** A message that stands for all ids from `from` to `to`, the next one beginning behind them: answers SEEN. */
  acceptRange(slot: number, from: number, to: number): number {
    if (from !== this.lastId[slot] + 1) return this.outOfOrder(slot, from, to);
    this.lastId[slot] = to;
    this.stamp(slot);
    return SEEN.fresh;
  }

  /** A message of a channel without ids. */
  touch(slot: number): void {
    if (this.pending[slot] !== NONE) this.reportInterval(slot);
    this.stamp(slot);
  }

  /** A message with an id that has no order, in the row that begins at `record`: whether it was not seen before. */
  acceptRow(slot: number, words: Uint32Array, record: number): boolean {
    const { recent, idWord } = this;
    if (recent === undefined || recent.add(slot, words, record + idWord)) {
      this.touch(slot);
      return true;
    }
    // the newest trade is still the one we have: whatever was down, nothing happened meanwhile
    const cause = this.pending[slot];
    if (EXPLAINED.includes(cause) && recent.isNewest(slot, words, record + idWord)) this.pending[slot] = NONE;
    this.events.duplicate();
    return false;
  }

  private stamp(slot: number): void {
    this.lastSeconds[slot] = this.received[0];
    this.lastNanos[slot] = this.received[1];
    this.pending[slot] = NONE;
  }

  private outOfOrder(slot: number, from: number, to: number): number {
    const last = this.lastId[slot];
    // beyond 2^53 neighbours look alike: better stored twice than taken for a duplicate
    if (to > Number.MAX_SAFE_INTEGER) {
      this.stamp(slot);
      return SEEN.fresh;
    }
    if (from <= last) {
      const seen = to > last ? SEEN.uncertain : this.earlier(slot, from, to);
      if (seen === SEEN.duplicate) this.events.duplicate();
      if (to > last) {
        this.lastId[slot] = to;
        this.stamp(slot);
      }
      return seen;
    }
    let seen: number = SEEN.fresh;
    if (last >= 0) seen = this.jump(slot, from, to);
    else {
      this.firstId[slot] = from;
      // the ids of an earlier run are not known, only when it received them
      if (this.pending[slot] >= FIRST_DROPPED) this.reportInterval(slot);
    }
    this.lastId[slot] = to;
    this.stamp(slot);
    return seen;
  }

  /** Opens the gap before an id, but for what was stored before an earlier jump was taken back. */
  private jump(slot: number, first: number, to: number): number {
    let from = this.lastId[slot] + 1;
    let seen: number = SEEN.fresh;
    const state = this.irregular.get(slot);
    for (const part of state?.ahead.splice(0) ?? []) {
      if (part.to > to) state?.ahead.push({ from: Math.max(part.from, to + 1), to: part.to });
      if (part.from > to) continue;
      if (part.to >= first) seen = SEEN.uncertain;
      const end = Math.min(part.from, first);
      if (end > from) this.openGap(slot, from, end - 1, this.nowMs());
      from = Math.max(from, part.to + 1);
    }
    if (from < first) this.openGap(slot, from, first - 1, this.nowMs());
    return seen;
  }

  private state(slot: number): Irregular {
    let state = this.irregular.get(slot);
    if (state === undefined) {
      state = {
        missing: new MissingIds((gap) => this.list(slot, gap)),
        older: new Set(),
        ahead: [],
        ...{ returned: 0, returnNext: -1, returnBelow: -1 },
        ...{ again: 0, againNext: -1 },
      };
      this.irregular.set(slot, state);
    }
    return state;
  }

  private openGap(
    slot: number,
    from: number,
    to: number,
    openedMs: number,
    before: ArrayLike<number> = this.received,
  ): void {
    this.events.jumped?.(slot);
    this.state(slot).missing.open({
      from,
      to,
      cause: CAUSES[this.pending[slot]],
      openedMs,
      fromSeconds: this.lastSeconds[slot],
      fromNanos: this.lastNanos[slot],
      toSeconds: before[0],
      toNanos: before[1],
      reported: false,
    });
  }

  /** Ids at or below the newest one: fill a gap, are older than everything, or were received before. */
  private earlier(slot: number, from: number, to: number): number {
    const state = this.state(slot);
    const gap = state.missing.take(from, to);
    if (gap !== undefined) {
      if (gap.reported) this.repair(slot, Math.max(from, gap.from), Math.min(to, gap.to));
      this.events.reordered();
      if (this.returns(slot, state, from, to, gap)) this.takeBack(slot, state, to);
      return from >= gap.from && to <= gap.to ? SEEN.fresh : SEEN.uncertain;
    }
    if (this.mayBeginAgain(slot, to)) {
      state.again = from === state.againNext ? state.again + 1 : 1;
      state.againNext = to + 1;
      if (state.again >= AGAIN_MESSAGES) return this.beginAgain(slot, from, to);
    }
    if (to < this.firstId[slot]) return this.older(state, to);
    if (from <= state.missing.forgottenTo) {
      this.repair(slot, from, Math.min(to, state.missing.forgottenTo));
      return SEEN.uncertain;
    }
    return this.mayBeginAgain(slot, to) ? SEEN.uncertain : SEEN.duplicate;
  }

  /** An id below the first one that was seen. */
  private older({ older }: Irregular, id: number): number {
    if (older.has(id)) return SEEN.duplicate;
    if (older.size >= OLDER_IDS_MAX) return SEEN.uncertain;
    older.add(id);
    this.events.reordered();
    return SEEN.fresh;
  }

  /**
   * Whether an id that was passed long ago may be another trade with the same number: it lies deeper than an exchange
   * repeats its trades, or its trade has happened since the last new one was received.
   */
  private mayBeginAgain(slot: number, id: number): boolean {
    const deep = this.lastId[slot] - id >= SEED_DEPTH;
    return deep || (this.lastSeconds[slot] !== 0 && TIME[0] > this.lastSeconds[slot] + CLOCKS_APART_SECS);
  }

  /** The exchange counts its ids from somewhere else now: what is known of those before is of no use any more. */
  private beginAgain(slot: number, from: number, to: number): number {
    this.irregular.get(slot)?.missing.reportUntil(Number.POSITIVE_INFINITY);
    this.irregular.delete(slot);
    this.announced.delete(slot);
    this.events.jumped?.(slot);
    this.events.again?.({ ...this.interval(slot), cause: 'reset' });
    this.firstId[slot] = from;
    this.lastId[slot] = to;
    this.stamp(slot);
    return SEEN.uncertain;
  }

  /** Whether messages have gone on in front of a gap for so long that the jump over it was a mistake. */
  private returns(slot: number, state: Irregular, from: number, to: number, gap: Stretch): boolean {
    const goesOn = from === state.returnNext && this.lastId[slot] === state.returnBelow;
    state.returned = from !== gap.from ? 0 : goesOn ? state.returned + 1 : 1;
    state.returnNext = to + 1;
    state.returnBelow = this.lastId[slot];
    return state.returned >= RETURN_MESSAGES && gap.to - to >= RETURN_DISTANCE;
  }

  /** Makes `id` the newest one again; a stored id that the stream passes one by one later is stored a second time. */
  private takeBack(slot: number, state: Irregular, id: number): void {
    const last = this.lastId[slot];
    const above = state.missing.cut(id);
    for (const { from, to, reported } of above) if (reported) this.repair(slot, from, to, 0);
    above.forEach(({ to }, i) => {
      const end = (above[i + 1]?.from ?? last + 1) - 1;
      if (end > to) state.ahead.push({ from: to + 1, to: end });
    });
    state.ahead.sort((a, b) => a.from - b.from).splice(AHEAD_MAX);
    state.returned = 0;
    this.lastId[slot] = id;
    this.stamp(slot);
    this.events.outlier(slot, last);
  }

  /** The exchange says that `id` exists: if it has not arrived after the grace time, it is missing. */
  announce(slot: number, id: number): void {
    if (this.lastId[slot] < 0 || id <= this.lastId[slot]) {
      this.announced.delete(slot);
      return;
    }
    if (!this.announced.has(slot)) this.announced.set(slot, { id, atMs: this.nowMs() });
  }

  /** Reports what has waited long enough; call it a few times a second, and with `all` before the end. */
  reportDue(all = false): void {
    const now = this.nowMs();
    for (const [slot, { id, atMs }] of this.announced) {
      if (now - atMs < GRACE_MS && !all) continue;
      this.announced.delete(slot);
      if (id <= this.lastId[slot]) continue;
      this.openGap(slot, this.lastId[slot] + 1, id, atMs);
      this.lastId[slot] = id;
    }
    if (all) this.reportDropped();
    const until = all ? Number.POSITIVE_INFINITY : now - GRACE_MS;
    for (const { missing } of this.irregular.values()) missing.reportUntil(until);
  }

  /** Messages were dropped, and nothing came behind them that would show it. */
  private reportDropped(): void {
    for (let slot = 0; slot < this.pending.length; slot++) {
      if (this.pending[slot] < FIRST_DROPPED || this.pending[slot] >= FIRST_RESUMED) continue;
      this.reportInterval(slot);
      this.pending[slot] = NONE;
    }
  }

  private list(slot: number, gap: OpenGap): void {
    const { from: fromId, to: toId, cause, fromSeconds, fromNanos, toSeconds, toNanos } = gap;
    const messages = toId - fromId + 1;
    const times = { fromSeconds, fromNanos, toSeconds, toNanos };
    this.events.gap({ slot, table: this.table, cause, fromId, toId, ...times, messages });
  }

  /** What was listed of a range is there after all, or was never missing: then `messages` is 0. */
  private repair(slot: number, fromId: number, toId: number, messages = toId - fromId + 1): void {
    const [fromSeconds, fromNanos] = this.received;
    const times = { fromSeconds, fromNanos, toSeconds: fromSeconds, toNanos: fromNanos };
    const of = { slot, table: this.table, cause: 'unknown', state: 'repaired' } as const;
    this.events.repaired?.({ ...of, fromId, toId, ...times, messages });
  }

  /** Without ids only the interval is known. */
  private reportInterval(slot: number): void {
    if (this.lastSeconds[slot] === 0 && this.pending[slot] < FIRST_DROPPED) return;
    this.events.jumped?.(slot);
    this.events.gap(this.interval(slot));
  }

  /** From the last message to the one being worked on. */
  private interval(slot: number): Gap {
    const { table, lastSeconds, lastNanos, received } = this;
    return {
      ...{ slot, table, cause: CAUSES[this.pending[slot]], fromId: 0, toId: 0, messages: 0 },
      ...{ fromSeconds: lastSeconds[slot], fromNanos: lastNanos[slot] },
      ...{ toSeconds: received[0], toNanos: received[1] },
    };
  }

  /** A repaired row: whether its ids were still missing, which they are not any more. */
  fill(slot: number, from: number, to: number): boolean {
    return this.irregular.get(slot)?.missing.take(from, to) !== undefined;
  }

  /** What is missing within these ids. */
  missingWithin(slot: number, from: number, to: number): readonly Stretch[] {
    return this.irregular.get(slot)?.missing.within(from, to) ?? [];
  }

  /** Takes up a gap that an earlier run has listed. */
  seedGap(slot: number, gap: OpenGap): void {
    this.state(slot).missing.open(gap);
  }
}

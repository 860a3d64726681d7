/**
 * Stands in for the sequence of a channel while pages of its history become rows. A page must not move the sequence: it
 * fills what is missing from it, and everything else on the page is passed over. Shard threads, cold.
 */
import type { Stretch } from './missing_ids.js';
import { SEEN, Sequence, type SequenceOptions } from './sequence.js';

/**
 * Rows in front of the newest one that was stored before the gap: an exchange publishes some trades a little late, so the
 * order of its history is not the one in which it sent them. Fewer than the ids that a start remembers, and not older
 * than so.
 */
export const ROWS_BEFORE_ANCHOR = 32;
const LATE_SECS_MAX = 1;

/** What is to be filled, and how far the pages have come. */
export interface Missing {
  readonly slot: number;
  /** of channels whose ids count up, otherwise 0 */
  readonly fromId: number;
  readonly toId: number;
  /** of ids without order: the one that was stored last in front of the gap */
  readonly anchor: Uint32Array | undefined;
  /** of ids without order: those that an earlier run stored; their words, joined by commas */
  readonly known?: ReadonlySet<string>;
  /** of ids without order: a row that came after the gap has been met */
  begun: boolean;
  /** rows in front of the anchor that have been looked at; -1 until it has been met */
  beforeAnchor: number;
  /** when the anchor happened, seconds since 1970, once it has been met */
  anchorSeconds: number;
}

/** What has become rows. */
export interface Filled {
  readonly rows: number;
  /** their ids, where these count up */
  readonly ids: readonly Stretch[];
}

const UNHEARD = { gap: () => {}, reordered: () => {}, duplicate: () => {}, outlier: () => {} };

export class RepairSequence extends Sequence {
  private missing: Missing | undefined;
  private ids: { from: number; to: number }[] = [];
  private rows = 0;
  /** lowest and highest id of the page, whether it belongs to the gap or not */
  lowest = Number.POSITIVE_INFINITY;
  highest = -1;

  constructor(
    channel: SequenceOptions,
    private readonly live: Sequence,
    received: Uint32Array,
  ) {
    super(channel, received, UNHEARD, () => 0);
  }

  /** A page of this gap follows. */
  beginPage(missing: Missing): void {
    this.missing = missing;
    this.lowest = Number.POSITIVE_INFINITY;
    this.highest = -1;
  }

  /** What has become rows since the last call. */
  takeFilled(): Filled {
    const { ids, rows } = this;
    this.ids = [];
    this.rows = 0;
    return { ids, rows };
  }

  override acceptRange(slot: number, from: number, to: number): number {
    const { missing, live } = this;
    if (missing === undefined || slot !== missing.slot) return SEEN.duplicate;
    this.lowest = Math.min(this.lowest, from);
    this.highest = Math.max(this.highest, to);
    if (from < missing.fromId || to > missing.toId || !live.fill(slot, from, to)) return SEEN.duplicate;
    this.rows++;
    this.addIds(from, to);
    return SEEN.fresh;
  }

  /** Ids follow each other, one way or the other. */
  private addIds(from: number, to: number): void {
    const last = this.ids.at(-1);
    if (last !== undefined && from === last.to + 1) last.to = to;
    else if (last !== undefined && to === last.from - 1) last.from = from;
    else this.ids.push({ from, to });
  }

  /**
   * Rows come from the newest to the oldest. What stands in front of the first known one has only just happened, and is
   * still on its way over the connection.
   */
  override acceptRow(slot: number, words: Uint32Array, record: number): boolean {
    const { missing, live } = this;
    if (missing === undefined || slot !== missing.slot) return false;
    if (missing.beforeAnchor >= ROWS_BEFORE_ANCHOR) return false;
    const at = record + live.idWord;
    const seconds = this.secondsOf(words, record);
    if (missing.beforeAnchor >= 0) missing.beforeAnchor++;
    else if (missing.anchor?.every((word, i) => word === words[at + i])) {
      missing.beforeAnchor = 0;
      missing.anchorSeconds = seconds;
    }
    if (live.recent?.has(slot, words, at) !== false || this.wasStored(missing, words, at)) {
      missing.begun = true;
      return false;
    }
    if (!missing.begun || seconds < missing.anchorSeconds - LATE_SECS_MAX) return false;
    live.recent.addOlder(slot, words, at);
    this.rows++;
    return true;
  }

  private wasStored({ known }: Missing, words: Uint32Array, at: number): boolean {
    return known?.has(words.slice(at, at + (this.live.recent?.width ?? 0)).join()) === true;
  }

  private secondsOf(words: Uint32Array, record: number): number {
    const { time, at } = this.table;
    return words[record + at[time[0]]] + words[record + at[time[1] ?? '']] / 1e9;
  }

  /** Rows of a channel without ids replace each other: one more does no harm. */
  override touch(): void {
    this.rows++;
  }
}

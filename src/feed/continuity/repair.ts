/**
 * The repair of one gap: which page is asked for next, what is still missing, when there is nothing more to be had, and
 * why. Made by backfill.ts, in shard threads. Cold.
 */
import type { GapCause } from '../../schema/tables.js';
import type { Gap } from './gap_log.js';
import type { Stretch } from './missing_ids.js';
import type { BackfillRecipe, PageRequest } from './recipe.js';
import { type Missing, ROWS_BEFORE_ANCHOR } from './repair_sequence.js';

/** A history may be a little behind what its exchange sends: where it ends in front of a gap it is asked again. */
const TRIES_AT_END = 3;
/** How far in front of the gap pages by time begin, by the try: the clocks of both sides may differ. */
const MARGIN_SECONDS = [5, 60, 900, 14_400, 172_800];

/** What is known of a page once it has been written. */
export interface PageSeen {
  readonly messages: number;
  /** lowest and highest id, where ids count up; infinite and -1 when there was none */
  readonly lowest: number;
  readonly highest: number;
  readonly cursor: string | undefined;
}

/** next: another page follows at once · later: the same page after a pause · done: there is no more to be had */
export type Turn = 'next' | 'later' | 'done';

export class Repair {
  readonly missing: Missing;
  /** rows that were found */
  rows = 0;
  failures = 0;
  notBeforeMs = 0;
  private id: number;
  private cursor: string | undefined;
  private margin = 0;
  private triesAtEnd = 0;
  /** lowest id that the history has shown; what it lacks above that does not exist */
  private lowestSeen = Number.POSITIVE_INFINITY;
  private highestSeen = -1;

  constructor(
    readonly gap: Gap,
    private readonly recipe: Pick<BackfillRecipe, 'pages' | 'candleSeconds'>,
    { anchor, known }: Pick<Missing, 'anchor' | 'known'>,
    /** ids of the gap that are still missing, ascending; of channels whose ids count up */
    private readonly left: () => readonly Stretch[],
  ) {
    const { slot, fromId, toId } = gap;
    this.missing = { slot, fromId, toId, anchor, known, begun: false, beforeAnchor: -1, anchorSeconds: 0 };
    // what stands in front of the gap shows that the history reaches back so far
    this.id = recipe.pages === 'up' ? Math.max(0, fromId - 1) : toId + 1;
  }

  get hasIds(): boolean {
    return this.gap.toId > 0;
  }

  request(nowSeconds: number): PageRequest {
    const { gap, id, cursor, recipe } = this;
    const candles = candlesWithin(gap, recipe.candleSeconds);
    if (candles !== undefined) return { id, cursor, ...candles, nowSeconds };
    const seconds = recipe.pages === 'up' ? gap.fromSeconds - MARGIN_SECONDS[this.margin] : gap.toSeconds;
    return { id, cursor, seconds, untilSeconds: gap.toSeconds, nowSeconds };
  }

  /** Whether nothing is left to be asked for: what was missing has arrived after all. */
  get isIdle(): boolean {
    return this.hasIds && this.left().length === 0;
  }

  /** A page has been written. */
  turn(page: PageSeen): Turn {
    this.lowestSeen = Math.min(this.lowestSeen, page.lowest);
    if (this.recipe.pages === 'newest') return 'done';
    if (!this.hasIds) return this.turnByCursor(page);
    if (this.isIdle) return 'done';
    return this.recipe.pages === 'up' ? this.turnUp(page) : this.turnDown(page);
  }

  private turnUp({ lowest, highest, cursor, messages }: PageSeen): Turn {
    const isFirst = this.cursor === undefined;
    const beganLate = cursor !== undefined && isFirst && messages > 0 && lowest > this.left()[0].from;
    if (beganLate && this.margin < MARGIN_SECONDS.length - 1) {
      this.margin++;
      return 'next';
    }
    if (highest >= this.gap.toId) return 'done';
    // pages by time may begin far in front of the gap
    if (cursor === undefined ? highest < this.id : highest <= this.highestSeen) return this.atEnd();
    this.id = Math.max(this.id, highest + 1);
    this.highestSeen = highest;
    this.cursor = cursor;
    return 'next';
  }

  private turnDown({ lowest, cursor }: PageSeen): Turn {
    if (lowest < this.gap.fromId) return 'done';
    if (lowest >= this.id) return this.atEnd();
    this.id = lowest;
    this.cursor = cursor;
    return 'next';
  }

  private turnByCursor({ cursor }: PageSeen): Turn {
    if (this.missing.beforeAnchor >= ROWS_BEFORE_ANCHOR) return 'done';
    if (cursor === undefined || cursor === this.cursor) return 'done';
    this.cursor = cursor;
    return 'next';
  }

  private atEnd(): Turn {
    return ++this.triesAtEnd < TRIES_AT_END ? 'later' : 'done';
  }

  /** Rows of GAPS for the end: without ids that all is there, and in any case what stays missing, and why. */
  closing(): Gap[] {
    const { gap } = this;
    if (!this.hasIds) {
      const found = { ...gap, messages: this.rows };
      return [
        this.missing.beforeAnchor >= 0 || this.recipe.candleSeconds !== undefined
          ? { ...found, state: 'repaired' }
          : { ...found, cause: 'out_of_reach', state: 'unrepairable' },
      ];
    }
    return this.left().map(({ from, to }) => {
      const cause: GapCause = this.lowestSeen <= from ? 'absent' : 'out_of_reach';
      return { ...gap, cause, fromId: from, toId: to, messages: to - from + 1, state: 'unrepairable' };
    });
  }

  /** Rows of GAPS for ids that are stored now. */
  repaired(ids: readonly Stretch[]): Gap[] {
    return ids.map(({ from, to }) => ({
      ...this.gap,
      fromId: from,
      toId: to,
      messages: to - from + 1,
      state: 'repaired',
    }));
  }
}

/** Begin of the first candle that ended within a gap, and end of the last one; undefined when there is none. */
export function candlesWithin(
  { fromSeconds, toSeconds }: Pick<Gap, 'fromSeconds' | 'toSeconds'>,
  candleSeconds: number | undefined,
): Pick<PageRequest, 'seconds' | 'untilSeconds'> | undefined {
  if (candleSeconds === undefined) return undefined;
  const seconds = fromSeconds - (fromSeconds % candleSeconds);
  const untilSeconds = toSeconds - (toSeconds % candleSeconds);
  return untilSeconds > seconds ? { seconds, untilSeconds } : undefined;
}

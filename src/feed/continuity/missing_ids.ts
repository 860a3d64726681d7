/**
 * The ids of one stream that were passed over, from the jump that showed it until they have arrived or been fetched. A gap
 * is listed when it has waited long enough, and goes on being filled afterwards. Shard threads; cold.
 */
import { SEQUENCE_GAPS_MAX } from '../../base/limits.js';
import type { GapCause } from '../../schema/tables.js';

export interface Stretch {
  readonly from: number;
  readonly to: number;
}

export interface OpenGap extends Stretch {
  readonly cause: GapCause;
  readonly openedMs: number;
  readonly fromSeconds: number;
  readonly fromNanos: number;
  readonly toSeconds: number;
  readonly toNanos: number;
  /** it is listed in GAPS */
  reported: boolean;
}

export class MissingIds {
  private gaps: OpenGap[] = [];
  /** ids up to here may have been in gaps that were forgotten */
  forgottenTo = -1;

  constructor(private readonly list: (gap: OpenGap) => void) {}

  open(gap: OpenGap): void {
    this.gaps.push(gap);
    this.bound();
  }

  private bound(): void {
    const { gaps } = this;
    if (gaps.length <= SEQUENCE_GAPS_MAX) return;
    // those that were listed have waited long enough
    const oldest = Math.max(
      0,
      gaps.findIndex(({ reported }) => reported),
    );
    const [gap] = gaps.splice(oldest, 1);
    this.report(gap);
    this.forgottenTo = Math.max(this.forgottenTo, gap.to);
  }

  /** These ids are there: answers the gap that they are taken out of, or undefined when they were in none. */
  take(from: number, to: number): OpenGap | undefined {
    const { gaps } = this;
    const at = gaps.findIndex((gap) => to >= gap.from && from <= gap.to);
    if (at < 0) return undefined;
    const gap = gaps[at];
    const rest = [
      { ...gap, to: from - 1 },
      { ...gap, from: to + 1 },
    ].filter((part) => part.from <= part.to);
    gaps.splice(at, 1, ...rest);
    this.bound();
    return gap;
  }

  /** What is missing within these ids, ascending. */
  within(from: number, to: number): Stretch[] {
    return this.gaps
      .filter((gap) => gap.to >= from && gap.from <= to)
      .map((gap) => ({ from: Math.max(from, gap.from), to: Math.min(to, gap.to) }))
      .sort((a, b) => a.from - b.from);
  }

  /** Gaps above `id` do not exist any more: answers them. */
  cut(id: number): OpenGap[] {
    const above = this.gaps.filter(({ from }) => from > id);
    this.gaps = this.gaps.filter(({ from }) => from <= id);
    this.forgottenTo = Math.min(this.forgottenTo, id);
    return above;
  }

  /** Lists what was opened up to then. */
  reportUntil(openedMs: number): void {
    for (const gap of this.gaps) if (gap.openedMs <= openedMs) this.report(gap);
  }

  private report(gap: OpenGap): void {
    if (gap.reported) return;
    gap.reported = true;
    this.list(gap);
  }
}

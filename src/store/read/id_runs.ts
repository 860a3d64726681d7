/**
 * Which trade ids a table-day holds. Called by verification, block by block in file order. Ids that follow each
 * other cost two comparisons of words; everything else begins a new run, and runs are sorted at the end. So a
 * whole day is one run, and ids of any width are exact.
 */
import { FLAGS } from '../../schema/flags.js';
import { type Interval, minimum } from './intervals.js';

const DUPLICATE_KEPT = 1 << FLAGS.duplicate_kept.bit;
const SUSPECT_CLOCK = 1 << FLAGS.suspect_clock.bit;
/** More separate stretches of ids than this in one day: the ids of this exchange do not follow each other. */
export const ISLANDS_MAX = 1 << 18;

interface Run extends Interval {
  /** row of its first id */
  readonly row: number;
  /** bits of its rows: duplicate_kept, suspect_clock */
  readonly flags: number;
}

/** An id that came a second time without the flag that allows it. */
export interface Duplicate {
  readonly row: number;
  readonly id: bigint;
}

/** What was seen, plain data that can be sent between threads. */
export interface IdSummary {
  /** id of the first row; rows may hold lower ones */
  readonly first: bigint;
  readonly min: bigint;
  readonly max: bigint;
  /** ids seen, merged; without those of rows flagged as kept duplicates */
  readonly islands: readonly Interval[];
  /** ids of rows flagged as kept duplicates */
  readonly kept: readonly Interval[];
  /** ids of rows with a suspect clock: filed under the day they were received on, whenever that was */
  readonly suspect: readonly Interval[];
  readonly duplicateCount: bigint;
  /** the first of each stretch of duplicates, bounded */
  readonly duplicates: readonly Duplicate[];
  /** rows whose id is below one already seen */
  readonly outOfOrder: bigint;
  /** rows whose id is below the first one */
  readonly belowFirst: bigint;
  /** the ids do not follow each other: islands stop at ISLANDS_MAX and gaps cannot be judged */
  readonly tooManyGaps: boolean;
}

const DUPLICATES_KEPT = 100;

export class IdRuns {
  private readonly runs: Run[] = [];
  private from = 0n;
  private fromRow = 0;
  private flags = 0;
  private open = false;
  /** words of the id that would continue the open run; -1 matches none */
  private nextLow = -1;
  private nextHigh = -1;
  private first: bigint | undefined;
  private max = -1n;
  private outOfOrder = 0n;
  private belowFirst = 0n;
  private dropped = false;
  private rows = 0;

  /** Takes the ids of rows `row` onwards, with their flags. */
  add(ids: BigUint64Array<ArrayBuffer>, flags: Uint32Array, row: number): void {
    const words = new Uint32Array(ids.buffer, ids.byteOffset, ids.length * 2);
    for (let i = 0; i < ids.length; i++) {
      const low = words[2 * i]!;
      const high = words[2 * i + 1]!;
      const bits = flags[i]! & (DUPLICATE_KEPT | SUSPECT_CLOCK);
      if (low !== this.nextLow || high !== this.nextHigh || bits !== this.flags) {
        this.close(row + i);
        this.begin(ids[i]!, row + i, bits);
      }
      this.expectAfter(low, high);
    }
    this.rows = row + ids.length;
  }

  private expectAfter(low: number, high: number): void {
    this.nextLow = (low + 1) >>> 0;
    this.nextHigh = this.nextLow !== 0 ? high : (high + 1) >>> 0;
    if (this.nextLow === 0 && this.nextHigh === 0) this.nextLow = this.nextHigh = -1;
  }

  private begin(id: bigint, row: number, flags: number): void {
    this.first ??= id;
    this.from = id;
    this.fromRow = row;
    this.flags = flags;
    this.open = true;
  }

  private close(endRow: number): void {
    if (!this.open) return;
    const { from, fromRow: row, flags } = this;
    const to = from + BigInt(endRow - row) - 1n;
    if (from < this.max) this.outOfOrder += minimum(to, this.max - 1n) - from + 1n;
    if (from < this.first!) this.belowFirst += minimum(to, this.first! - 1n) - from + 1n;
    if (to > this.max) this.max = to;
    if (this.runs.length < 2 * ISLANDS_MAX) this.runs.push({ from, to, row, flags });
    else this.dropped = true;
  }

  /** Ends the last run and merges; undefined when no row was added. */
  finish(): IdSummary | undefined {
    if (this.first === undefined) return undefined;
    this.close(this.rows);
    this.open = false;
    const runs = [...this.runs].sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : a.row - b.row));
    const islands: { from: bigint; to: bigint }[] = [];
    const kept: Interval[] = [];
    const suspect: Interval[] = [];
    const duplicates: Duplicate[] = [];
    let duplicateCount = 0n;
    for (const run of runs) {
      if ((run.flags & SUSPECT_CLOCK) !== 0) suspect.push({ from: run.from, to: run.to });
      if ((run.flags & DUPLICATE_KEPT) !== 0) {
        kept.push({ from: run.from, to: run.to });
        continue;
      }
      const last = islands.at(-1);
      if (last !== undefined && run.from <= last.to) {
        duplicateCount += minimum(run.to, last.to) - run.from + 1n;
        if (duplicates.length < DUPLICATES_KEPT) duplicates.push({ row: run.row, id: run.from });
      }
      if (last === undefined || run.from > last.to + 1n) islands.push({ from: run.from, to: run.to });
      else if (run.to > last.to) last.to = run.to;
    }
    const tooManyGaps = this.dropped || islands.length > ISLANDS_MAX;
    return {
      first: this.first,
      min: runs[0]!.from,
      max: this.max,
      islands: tooManyGaps ? [] : islands,
      kept: tooManyGaps ? [] : kept,
      suspect: tooManyGaps ? [] : suspect,
      duplicateCount,
      duplicates,
      outOfOrder: this.outOfOrder,
      belowFirst: this.belowFirst,
      tooManyGaps,
    };
  }
}

/**
 * Judges the trade ids of one symbol over consecutive days: every id between the lowest and the highest must have
 * been seen or be listed in GAPS. Called by `logger verify` on the main thread with the reports of its table-days.
 */
import { GAPS, TRADES } from '../../schema/tables.js';
import { isoDay } from '../disk/paths.js';
import { IdRuns, type IdSummary } from './id_runs.js';
import { gapsBetween, type Interval, intersect, intervalText, sizeOf, subtract, union } from './intervals.js';
import { type GapRow, isReset, listings } from './listings.js';
import { type ProblemList, Problems } from './problems.js';
import { readBlocks, type TableDay, u32Of, u64Of } from './reader.js';

const DAY_SECS = 86_400;

export interface DayIds {
  readonly day: number;
  readonly ids: IdSummary;
}

export interface SequenceReport {
  readonly problems: ProblemList;
  /** remarkable but not wrong */
  readonly notes: readonly string[];
  /** ids between the lowest and the highest that were not seen */
  readonly missing: bigint;
  /** those of them that GAPS lists */
  readonly listed: bigint;
  readonly outOfOrder: bigint;
  readonly keptDuplicates: bigint;
}

/** Consecutive days whose ids continue each other. */
type Stretch = DayIds[];

function stretches(days: readonly DayIds[], listed: readonly Interval[], notes: string[]): Stretch[] {
  const result: Stretch[] = [];
  for (const next of days) {
    const last = result.at(-1)?.at(-1);
    if (last !== undefined && next.ids.max < last.ids.min) {
      notes.push(
        `${isoDay(next.day)}: ids start over at ${next.ids.min} (the day before ended at ${last.ids.max})`,
      );
    } else if (last !== undefined && next.day === last.day + 1) {
      result.at(-1)!.push(next);
      continue;
    } else if (last !== undefined && next.ids.min > last.ids.max + 1n) {
      const between = { from: last.ids.max + 1n, to: next.ids.min - 1n };
      if (subtract([between], listed).length > 0)
        notes.push(
          `no day between ${isoDay(last.day)} and ${isoDay(next.day)}: ids ${intervalText(between)} not checked`,
        );
    }
    result.push([next]);
  }
  return result;
}

/**
 * Whether a gap is the step down to ids that started over during a day: it lies below the first id received that
 * day, and no earlier day shows that the ids must have passed through it.
 */
function isRestart(gap: Interval, stretch: Stretch): boolean {
  const index = stretch.findIndex(({ ids }) => gap.from > ids.min && gap.to < ids.max);
  if (index < 0 || gap.to >= stretch[index]!.ids.first) return false;
  return index === 0 || stretch[index - 1]!.ids.max >= stretch[index]!.ids.min;
}

function dayOfGap(gap: Interval, stretch: Stretch): number {
  return (stretch.find(({ ids }) => ids.max > gap.to) ?? stretch.at(-1)!).day;
}

/** What trade ids of an exchange say: unique ones show repetition alone, shared ones nothing. */
export type IdMeaning = 'contiguous' | 'unique' | 'shared';

/**
 * What only GAPS and the files together show: ids that were listed twice, and ids that are there although they are listed
 * and were not taken back.
 */
export function checkListings(days: readonly DayIds[], gaps: readonly GapRow[]): ProblemList {
  const problems = new Problems();
  const { open, twice } = listings(gaps);
  for (const part of twice)
    problems.add('ids', () => `ids ${intervalText(part)} are listed more than once in ${GAPS.name}`);
  for (const { day, ids } of days)
    for (const part of intersect(union([...ids.islands, ...ids.kept]).merged, open))
      problems.add(
        'ids',
        () => `${isoDay(day)}: ids ${intervalText(part)} are there, but ${GAPS.name} lists them as missing`,
      );
  return problems.list();
}

/** Days whose ids are of one numbering, and what GAPS lists of it. */
export interface Numbering {
  readonly days: readonly DayIds[];
  readonly gaps: readonly GapRow[];
}

/**
 * Takes apart what is of different numberings of an exchange. A day within which ids begin again belongs to none: what is
 * of before and what is of after has the same ids there, and only the note in GAPS says so.
 */
export function numberings(days: readonly DayIds[], gaps: readonly GapRow[]): Numbering[] {
  const found: { days: DayIds[]; gaps: GapRow[] }[] = [];
  let from = Number.NEGATIVE_INFINITY;
  let rows: GapRow[] = [];
  const end = (day: number) => {
    found.push({ days: days.filter((of) => of.day > from && of.day < day), gaps: rows });
    from = day;
    rows = [];
  };
  for (const gap of gaps)
    if (isReset(gap, TRADES)) end(Math.floor(gap.toTime / DAY_SECS));
    else rows.push(gap);
  end(Number.POSITIVE_INFINITY);
  return found;
}

/** `days` ascending; `listed` from listedIds over all GAPS days of the symbol; `elsewhere`: suspect ids of other days. */
export function checkSequence(
  days: readonly DayIds[],
  listed: readonly Interval[],
  meaning: IdMeaning = 'contiguous',
  elsewhere: readonly Interval[] = [],
): SequenceReport {
  const problems = new Problems();
  const notes: string[] = [];
  const keptDuplicates = days.reduce((sum, { ids }) => sum + sizeOf(ids.kept), 0n);
  if (meaning !== 'contiguous') {
    if (meaning === 'unique') for (const { day, ids } of days) reportDuplicates(day, ids, problems, notes);
    return { problems: problems.list(), notes, missing: 0n, listed: 0n, outOfOrder: 0n, keptDuplicates };
  }
  let missing = 0n;
  let unlisted = 0n;
  for (const { day, ids } of days) reportDay(day, ids, problems, notes);
  const judged = days.filter(({ ids }) => !ids.tooManyGaps);
  // a clock that was wrong has filed them under a day of its own
  const suspect = union([...elsewhere, ...judged.flatMap(({ ids }) => ids.suspect)]).merged;
  for (const stretch of stretches(judged, listed, notes)) {
    const { merged, overlap } = union(stretch.flatMap(({ ids }) => ids.islands));
    if (overlap > 0n) {
      const span = `${isoDay(stretch[0]!.day)} to ${isoDay(stretch.at(-1)!.day)}`;
      problems.add('ids', () => `${overlap} trade ids are there on more than one day of ${span}`);
    }
    const kept = union(stretch.flatMap(({ ids }) => ids.kept)).merged;
    for (const gap of subtract(gapsBetween(union([...merged, ...kept]).merged), suspect)) {
      if (isRestart(gap, stretch)) {
        notes.push(
          `${isoDay(dayOfGap(gap, stretch))}: ids below the first one; ${intervalText(gap)} not seen`,
        );
        continue;
      }
      missing += sizeOf([gap]);
      for (const part of subtract([gap], listed)) {
        unlisted += sizeOf([part]);
        problems.add(
          'ids',
          () =>
            `${isoDay(dayOfGap(part, stretch))}: ids ${intervalText(part)} missing and not listed in ${GAPS.name}`,
        );
      }
    }
  }
  return {
    problems: problems.list(),
    notes,
    missing,
    listed: missing - unlisted,
    outOfOrder: days.reduce((sum, { ids }) => sum + ids.outOfOrder, 0n),
    keptDuplicates,
  };
}

function reportDuplicates(day: number, ids: IdSummary, problems: Problems, notes: string[]): void {
  for (const { id, row } of ids.duplicates)
    problems.add('ids', () => `${isoDay(day)}: trade id ${id} (row ${row}) is there more than once`);
  if (ids.duplicateCount > BigInt(ids.duplicates.length))
    notes.push(`${isoDay(day)}: ${ids.duplicateCount} duplicate ids in all`);
}

function reportDay(day: number, ids: IdSummary, problems: Problems, notes: string[]): void {
  reportDuplicates(day, ids, problems, notes);
  if (ids.belowFirst > 0n)
    notes.push(`${isoDay(day)}: ${ids.belowFirst} ids are below the first one received, ${ids.first}`);
  if (ids.tooManyGaps)
    problems.add('ids', () => `${isoDay(day)}: the ids do not follow each other; gaps cannot be judged`);
}

/** Ids of rows with a suspect clock, of days that were not judged themselves. */
export function suspectIds(tableDays: Iterable<TableDay>): Interval[] {
  const suspect: Interval[] = [];
  for (const tableDay of tableDays) {
    const runs = new IdRuns();
    for (const block of readBlocks(tableDay, ['trade_id', 'flags']))
      runs.add(u64Of(block, 'trade_id'), u32Of(block, 'flags'), block.fromRow);
    suspect.push(...(runs.finish()?.suspect ?? []));
  }
  return union(suspect).merged;
}

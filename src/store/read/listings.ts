/**
 * What GAPS lists of a symbol: its rows, and the ids that are missing by them. A row with the flag `repaired` takes back
 * what rows before it list of its range. Used by verification and before a stream is taken up again.
 */
import { FLAGS } from '../../schema/flags.js';
import { TRADES } from '../../schema/tables.js';
import { type Interval, intersect, subtract, union } from './intervals.js';
import { readBlocks, type TableDay, u32Of, u64Of } from './reader.js';

/** A row of GAPS. Times in seconds and nanoseconds since 1970; ids 0 where the channel has none. */
export interface GapRow {
  readonly day: number;
  readonly table: number;
  readonly cause: number;
  readonly fromId: bigint;
  readonly toId: bigint;
  readonly fromTime: number;
  readonly fromNanos: number;
  readonly toTime: number;
  readonly toNanos: number;
  readonly messages: bigint;
  readonly repaired: boolean;
}

/** GAPS rows of one symbol on one day, in file order. */
export function* readGaps(tableDay: TableDay): Generator<GapRow> {
  const repaired = 1 << FLAGS.repaired.bit;
  for (const block of readBlocks(tableDay)) {
    const u32 = (name: string) => u32Of(block, name);
    const u64 = (name: string) => u64Of(block, name);
    for (let i = 0; i < block.rows; i++) {
      yield {
        day: tableDay.day,
        table: u32('table')[i]!,
        cause: u32('cause')[i]!,
        fromId: u64('from_id')[i]!,
        toId: u64('to_id')[i]!,
        fromTime: u32('from_time')[i]!,
        fromNanos: u32('from_nanos')[i]!,
        toTime: u32('to_time')[i]!,
        toNanos: u32('to_nanos')[i]!,
        messages: u64('messages')[i]!,
        repaired: (u32('flags')[i]! & repaired) !== 0,
      };
    }
  }
}

/** The ids that rows of GAPS list for TRADES, merged, whether they were taken back or not. */
export function listedIds(gaps: Iterable<GapRow>): Interval[] {
  return union(idRows(gaps).map(({ ids }) => ids)).merged;
}

export interface Listings {
  /** ids that are listed and were not taken back, merged */
  readonly open: readonly Interval[];
  /** ids that were listed again while they were, merged */
  readonly twice: readonly Interval[];
}

/** What rows of GAPS say of TRADES when they are read one after the other; `gaps` in the order of their files. */
export function listings(gaps: Iterable<GapRow>): Listings {
  let open: Interval[] = [];
  let twice: Interval[] = [];
  let batch: Interval[] = [];
  const take = (repaired: boolean) => {
    const { merged, twice: within } = overlaps(batch);
    if (!repaired) twice = union([...twice, ...within, ...intersect(merged, open)]).merged;
    open = repaired ? subtract(open, merged) : union([...open, ...merged]).merged;
    batch = [];
  };
  let repairing = false;
  for (const { ids, repaired } of idRows(gaps)) {
    if (repaired !== repairing) take(repairing);
    repairing = repaired;
    batch.push(ids);
  }
  take(repairing);
  return { open, twice };
}

function idRows(gaps: Iterable<GapRow>): { readonly ids: Interval; readonly repaired: boolean }[] {
  return [...gaps]
    .filter(({ table, fromId, toId }) => table === TRADES.id && toId > 0n && fromId <= toId)
    .map(({ fromId, toId, repaired }) => ({ ids: { from: fromId, to: toId }, repaired }));
}

/** Intervals merged, and what more than one of them has. */
function overlaps(intervals: readonly Interval[]): { merged: Interval[]; twice: Interval[] } {
  const { merged, overlap } = union(intervals);
  if (overlap === 0n) return { merged, twice: [] };
  const sorted = [...intervals].sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0));
  const twice: Interval[] = [];
  let end = -1n;
  for (const { from, to } of sorted) {
    if (from <= end) twice.push({ from, to: to < end ? to : end });
    if (to > end) end = to;
  }
  return { merged, twice: union(twice).merged };
}

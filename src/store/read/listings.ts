/**
 * What GAPS lists of a symbol: its rows, and the ids that are missing by them. A row with the flag `repaired` takes back
 * what rows before it list of its range. Used by verification and before a stream is taken up again.
 */
import { FLAGS } from '../../schema/flags.js';
import type { Table } from '../../schema/layout.js';
import { GAP_CAUSES, GAPS, TRADES } from '../../schema/tables.js';
import { type Interval, intersect, subtract, union } from './intervals.js';
import { readBlocks, type TableDay, u32Of, u64Of } from './reader.js';

export const GAP_STATES = ['open', 'repaired', 'unrepairable'] as const;
/** open: what the row lists is missing; the others say what has become of it */
export type GapState = (typeof GAP_STATES)[number];

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
  readonly state: GapState;
}

const GAP_COLUMNS = GAPS.columns.map(({ name }) => name);

/** GAPS rows of one symbol on one day, in file order. Throws DATA_UNREADABLE when a column is missing. */
export function* readGaps(tableDay: TableDay): Generator<GapRow> {
  if (tableDay.rows === 0) return;
  for (const block of readBlocks(tableDay, GAP_COLUMNS)) {
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
        state: stateOf(u32('flags')[i]!),
      };
    }
  }
}

function stateOf(flags: number): GapState {
  if ((flags & (1 << FLAGS.repaired.bit)) !== 0) return 'repaired';
  return (flags & (1 << FLAGS.unrepairable.bit)) !== 0 ? 'unrepairable' : 'open';
}

/** Ids of TRADES that may be missing by what rows of GAPS say: those that are said to be there now are none, merged. */
export function listedIds(gaps: Iterable<GapRow>): Interval[] {
  const rows = [...gaps];
  const all = union(idRows(rows, TRADES).map(({ ids }) => ids)).merged;
  return subtract(all, listings(rows).there);
}

/** Seconds and nanoseconds since 1970. */
export type Moment = readonly [seconds: number, nanos: number];

/** Rows behind the one that says last that the ids of a table begin again, and when the first of these was received. */
export function behindReset(
  gaps: readonly GapRow[],
  table: Table,
): { readonly rows: readonly GapRow[]; readonly since: Moment | undefined } {
  const at = gaps.findLastIndex((row) => isReset(row, table));
  const reset = gaps[at];
  return { rows: gaps.slice(at + 1), since: reset && [reset.toTime, reset.toNanos] };
}

export function isReset({ cause, table: id }: GapRow, table: Table): boolean {
  return cause === GAP_CAUSES.reset.id && id === table.id;
}

export interface Listings {
  /** ids that are listed and were not taken back, merged */
  readonly open: readonly Interval[];
  /** ids that were listed again while they were, merged */
  readonly twice: readonly Interval[];
  /** ids that were listed and were stored afterwards, merged */
  readonly there: readonly Interval[];
}

/** What rows of GAPS say of a table when they are read one after the other; `gaps` in the order of their files. */
export function listings(gaps: Iterable<GapRow>, table: Table = TRADES): Listings {
  let open: Interval[] = [];
  let twice: Interval[] = [];
  let there: Interval[] = [];
  for (const batch of batches(idRows(gaps, table))) {
    const { merged, twice: within } = overlaps(batch.map(({ ids }) => ids));
    const { state } = batch[0]!;
    if (state === 'open') twice = union([...twice, ...within, ...intersect(merged, open)]).merged;
    open = state === 'repaired' ? subtract(open, merged) : union([...open, ...merged]).merged;
    // what was never missing has no rows
    const stored = batch.filter(({ rows }) => rows > 0n).map(({ ids }) => ids);
    there = state === 'repaired' ? union([...there, ...stored]).merged : subtract(there, merged);
  }
  return { open, twice, there };
}

interface IdRow {
  readonly ids: Interval;
  readonly state: GapState;
  readonly rows: bigint;
}

function idRows(gaps: Iterable<GapRow>, table: Table): IdRow[] {
  return [...gaps]
    .filter(({ table: id, fromId, toId }) => id === table.id && toId > 0n && fromId <= toId)
    .map(({ fromId, toId, state, messages }) => ({ ids: { from: fromId, to: toId }, state, rows: messages }));
}

/** Rows in a row that say the same of their ids. */
function batches(rows: readonly IdRow[]): IdRow[][] {
  const found: IdRow[][] = [];
  for (const row of rows) {
    const last = found.at(-1);
    if (last !== undefined && last[0]!.state === row.state) last.push(row);
    else found.push([row]);
  }
  return found;
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

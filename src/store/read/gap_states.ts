/**
 * What has become of every gap: a row of GAPS lists it, later rows of the same range say that it is repaired or cannot be,
 * whole or in parts. Used by `logger gaps` and `logger verify`, and before a stream is taken up again.
 */
import { GAP_CAUSES } from '../../schema/tables.js';
import { type Interval, intersect, sizeOf, subtract, union } from './intervals.js';
import type { GapRow, GapState } from './listings.js';

/** A gap with what is known of it by now. */
export interface KnownGap {
  readonly row: GapRow;
  readonly state: GapState;
  /** rows that are there after all; of a gap without ids those that were found */
  readonly repaired: bigint;
  /** ids that are still missing and may be had; [] of a gap without ids */
  readonly open: readonly Interval[];
  /** cause of the row that says why it cannot be repaired */
  readonly reason: number | undefined;
}

interface Building {
  readonly row: GapRow;
  /** ids that are there after all, and those that are not to be had */
  repairedIds: Interval[];
  lostIds: Interval[];
  state: GapState;
  rows: bigint;
  reason: number | undefined;
}

/** A row that lists nothing as missing. */
const NOTES: ReadonlySet<number> = new Set([GAP_CAUSES.clock.id, GAP_CAUSES.reset.id]);
const isNote = ({ cause }: GapRow) => NOTES.has(cause);

const hasIds = ({ toId }: GapRow) => toId > 0n;

/** Of a gap without ids: its times are its name. */
function timesOf({ table, fromTime, fromNanos, toTime, toNanos }: GapRow): string {
  return [table, fromTime, fromNanos, toTime, toNanos].join();
}

/** The gaps of one symbol, in the order in which they were found; `rows` in the order of their files. */
export function knownGaps(rows: Iterable<GapRow>): KnownGap[] {
  const found: Building[] = [];
  const byTimes = new Map<string, Building>();
  const byTable = new Map<number, Building[]>();
  for (const row of rows) {
    if (row.state !== 'open' && settle(row, byTimes, byTable.get(row.table) ?? [])) continue;
    // nothing lists what this takes back: it lies in a day that was not read
    if (row.state === 'repaired') continue;
    const state = isNote(row) ? 'repaired' : row.state;
    const gap: Building = { row, repairedIds: [], lostIds: [], state, rows: 0n, reason: undefined };
    if (state === 'unrepairable') gap.lostIds = [{ from: row.fromId, to: row.toId }];
    found.push(gap);
    if (!hasIds(row)) byTimes.set(timesOf(row), gap);
    else if (byTable.has(row.table)) byTable.get(row.table)?.push(gap);
    else byTable.set(row.table, [gap]);
  }
  return found.map(finished);
}

/** Notes in the gaps that a row is about what it says; false when there is none. */
function settle(row: GapRow, byTimes: ReadonlyMap<string, Building>, byIds: readonly Building[]): boolean {
  if (!hasIds(row)) {
    const gap = byTimes.get(timesOf(row));
    if (gap === undefined) return false;
    gap.state = row.state;
    gap.rows = row.messages;
    if (row.state === 'unrepairable') gap.reason = row.cause;
    return true;
  }
  const range = [{ from: row.fromId, to: row.toId }];
  let any = false;
  // the newest first: a range that was repaired and lost again is listed twice
  for (let i = byIds.length - 1; i >= 0; i--) {
    const gap = byIds[i] as Building;
    if (gap.row.toId < row.fromId || gap.row.fromId > row.toId) continue;
    any = true;
    const part = intersect(range, [{ from: gap.row.fromId, to: gap.row.toId }]);
    if (row.state === 'repaired') {
      gap.repairedIds.push(...part);
      if (row.messages > 0n) gap.rows += sizeOf(part);
    } else {
      gap.lostIds.push(...part);
      gap.reason = row.cause;
    }
  }
  return any;
}

function finished({ row, repairedIds, lostIds, state, rows, reason }: Building): KnownGap {
  if (!hasIds(row)) return { row, state, repaired: rows, open: [], reason };
  const repaired = union(repairedIds).merged;
  const missing = subtract([{ from: row.fromId, to: row.toId }], repaired);
  const open = subtract(missing, union(lostIds).merged);
  const became = missing.length === 0 ? 'repaired' : open.length === 0 ? 'unrepairable' : 'open';
  return { row, state: became, repaired: rows, open, reason: became === 'repaired' ? undefined : reason };
}

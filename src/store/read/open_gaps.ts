/**
 * Gaps of a stream that an earlier run has listed and nobody has closed yet, so that the next one goes on with their
 * repair. Main thread, at start and before a shard is started again.
 *
 * Rows of a repair and the row of GAPS behind them reach the disk one after the other: what ends the process in between
 * leaves ids that are there and listed as missing all the same. Where gaps are open, the ids on disk decide.
 */
import type { Table } from '../../schema/layout.js';
import { AGG_TRADES, GAPS, type GapCause, TRADES } from '../../schema/tables.js';
import { tableDirectory } from '../disk/paths.js';
import { type KnownGap, knownGaps } from './gap_states.js';
import { IdRuns } from './id_runs.js';
import { type Interval, intersect, subtract, union } from './intervals.js';
import { behindReset, readGaps } from './listings.js';
import { listDays, readBlocks, type TableDay, tableDayAt, u32Of, u64Of } from './reader.js';
import { causeName } from './row_text.js';

/** A range of ids of one table, in plain numbers that go between threads. */
export interface IdGap {
  /** name of the table */
  readonly table: string;
  readonly cause: GapCause;
  readonly fromId: number;
  readonly toId: number;
  readonly fromSeconds: number;
  readonly fromNanos: number;
  readonly toSeconds: number;
  readonly toNanos: number;
}

export interface OpenGaps {
  /** what is still missing */
  readonly open: readonly IdGap[];
  /** what is there although it is listed */
  readonly filled: readonly IdGap[];
}

/** So many of the newest days that have gaps are looked at. */
const DAYS_MAX = 8;
/** More gaps of a stream than this are left to later starts. */
const GAPS_MAX = 512;
const DAY_SECS = 86_400;
/** Tables whose ids may count up. */
const NUMBERED: readonly Table[] = [TRADES, AGG_TRADES];

/** `tables`: those whose ids count up, so that gaps are ids. */
export function openGaps(
  dataPath: string,
  exchange: string,
  directory: string,
  tables: readonly Table[],
): OpenGaps {
  const daysOf = (table: Table): TableDay[] => {
    const folder = tableDirectory(dataPath, exchange, directory, table.name);
    const place = { exchange, symbol: directory, directory: folder, table };
    return listDays(folder, table).map((day) => tableDayAt({ ...place, day }));
  };
  const rows = daysOf(GAPS)
    .filter((day) => day.rows > 0)
    .slice(-DAYS_MAX)
    .flatMap((day) => [...readGaps(day)]);
  const result = { open: [] as IdGap[], filled: [] as IdGap[] };
  for (const table of NUMBERED.filter((table) => tables.includes(table))) {
    const gaps = knownGaps(behindReset(rows, table).rows)
      .filter(({ row, open }) => row.table === table.id && open.length > 0)
      .slice(-GAPS_MAX);
    if (gaps.length === 0) continue;
    const stored = storedIds(daysOf(table), gaps);
    for (const gap of gaps) {
      result.filled.push(...parts(table, gap, intersect(gap.open, stored)));
      result.open.push(...parts(table, gap, subtract(gap.open, stored)));
    }
  }
  return result;
}

function parts(table: Table, { row }: KnownGap, ids: readonly Interval[]): IdGap[] {
  const { fromTime, fromNanos, toTime, toNanos } = row;
  return ids
    .filter(({ to }) => to <= Number.MAX_SAFE_INTEGER)
    .map(({ from, to }) => ({
      ...{ table: table.name, cause: causeName(row.cause) as GapCause },
      ...{ fromId: Number(from), toId: Number(to) },
      ...{ fromSeconds: fromTime, fromNanos, toSeconds: toTime, toNanos },
    }));
}

/** Ids on disk of the days in which what is missing has happened. */
function storedIds(days: readonly TableDay[], gaps: readonly KnownGap[]): Interval[] {
  const wanted = new Set<number>();
  for (const { row } of gaps) {
    const first = Math.floor((row.fromTime === 0 ? row.toTime : row.fromTime) / DAY_SECS) - 1;
    const last = Math.floor(row.toTime / DAY_SECS) + 1;
    for (const { day } of days) if (day >= first && day <= last) wanted.add(day);
  }
  const stored: Interval[] = [];
  for (const tableDay of days) {
    if (!wanted.has(tableDay.day) || tableDay.rows === 0) continue;
    const runs = new IdRuns();
    for (const block of readBlocks(tableDay, ['trade_id', 'flags']))
      runs.add(u64Of(block, 'trade_id'), u32Of(block, 'flags'), block.fromRow);
    const ids = runs.finish();
    if (ids !== undefined) stored.push(...ids.islands, ...ids.kept, ...ids.suspect);
  }
  return union(stored).merged;
}

/**
 * What the journal holds and the columns do not: rows that wait for the next flush of a logger that runs, or, when it did
 * not end in order, for the next start. Reads only. Called by `logger verify`.
 */
import { decodeName } from '../base/names.js';
import type { StoreIo } from './disk/io.js';
import { tableDirectory } from './disk/paths.js';
import { columnSizes, type TableDayFilter } from './read/reader.js';
import { refuses } from './recovery/cases.js';
import type { PlannedTableDay } from './recovery/plan.js';
import { planRecovery } from './recovery/recovery.js';

/** Rows of one table-day. */
export interface WaitingTableDay {
  readonly exchange: string;
  readonly symbol: string;
  readonly table: string;
  readonly day: number;
  readonly rows: number;
}

export interface Backlog {
  readonly tableDays: readonly WaitingTableDay[];
  /** recovery would refuse to go on */
  readonly damaged: boolean;
}

export function journalBacklog(io: StoreIo, dataPath: string, filter: TableDayFilter = {}): Backlog {
  const { tableDays, findings } = planRecovery(io, dataPath);
  return {
    tableDays: [...tableDays.values()]
      .map((planned) => waiting(dataPath, planned))
      .filter((each) => each.rows > 0 && matches(filter, each)),
    damaged: findings.some(refuses),
  };
}

function waiting(dataPath: string, { base, table, rows }: PlannedTableDay): WaitingTableDay {
  const { exchange, directory, day } = base;
  const sizes = columnSizes(tableDirectory(dataPath, exchange, directory, table.name), table, day);
  const columns = table.columns.filter(({ name }) => base.columns.includes(name));
  const there = Math.min(...columns.map(({ name, bytes }) => Math.floor((sizes.get(name) ?? 0) / bytes)));
  const missing = Math.min(rows, Math.max(0, base.rows + rows - there));
  return { exchange, symbol: decodeName(directory) ?? directory, table: table.name, day, rows: missing };
}

function matches(filter: TableDayFilter, { exchange, symbol, table, day }: WaitingTableDay): boolean {
  return (
    (filter.exchange ?? exchange) === exchange &&
    (filter.symbol ?? symbol) === symbol &&
    (filter.table ?? table) === table &&
    (filter.day ?? day) === day
  );
}

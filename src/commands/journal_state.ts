/** What `logger verify` says of the journal: how many rows wait in it, and what will bring them to the columns. */
import { messageOf } from '../base/errors.js';
import { groupBy } from '../base/group_by.js';
import { type Backlog, journalBacklog } from '../store/backlog.js';
import { DiskIo } from '../store/disk/io.js';
import type { TableDayFilter } from '../store/read/reader.js';
import { isOwned } from '../supervisor/lock.js';

export interface JournalState extends Backlog {
  /** whether a logger captures into the directory, which writes what waits */
  readonly running: boolean;
  /** why the journal cannot be read */
  readonly unreadable?: string;
}

/** Looks at the journal; a logger that runs may change it meanwhile. */
export function journalState(dataPath: string, filter: TableDayFilter): JournalState {
  const running = isOwned(dataPath) !== false;
  try {
    return { ...journalBacklog(new DiskIo(), dataPath, filter), running };
  } catch (error) {
    return { tableDays: [], damaged: false, running, unreadable: messageOf(error) };
  }
}

function rowsOf(tableDays: JournalState['tableDays']): number {
  return tableDays.reduce((sum, { rows }) => sum + rows, 0);
}

function rowsByTable({ tableDays }: JournalState): Record<string, number> {
  const groups = [...groupBy(tableDays, ({ table }) => table)];
  return Object.fromEntries(groups.map(([table, of]) => [table, rowsOf(of)]));
}

/** How many rows wait, or undefined when none do. */
export function waitingText(state: JournalState): string | undefined {
  const count = rowsOf(state.tableDays);
  if (count === 0) return undefined;
  const tables = Object.entries(rowsByTable(state)).map(
    ([table, rows]) => `${table} ${rows.toLocaleString('en')}`,
  );
  const what = state.running
    ? 'the logger that runs writes them to the columns'
    : 'the next start or `logger recover` writes them to the columns';
  return `${count.toLocaleString('en')} ${count === 1 ? 'row waits' : 'rows wait'} in the journal (${tables.join(', ')}); ${what}`;
}

/** Lines of the report; none when there is nothing to say. */
export function journalLines(state: JournalState): string[] {
  const waiting = waitingText(state);
  const lines = waiting === undefined ? [] : [`journal: ${waiting}`];
  // what changes while it is read looks damaged
  if (state.running) return lines;
  if (state.unreadable !== undefined) lines.push(`journal: cannot be read: ${state.unreadable}`);
  if (state.damaged)
    lines.push('journal: it cannot be recovered without loss; `logger recover --dry-run` explains it');
  return lines;
}

/** The same for JSON. */
export function journalObject(state: JournalState): object {
  return {
    waiting_rows: rowsOf(state.tableDays),
    waiting_table_days: state.tableDays.length,
    waiting_tables: rowsByTable(state),
    running: state.running,
    recoverable: state.running ? null : state.unreadable === undefined && !state.damaged,
  };
}

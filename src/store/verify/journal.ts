/**
 * What the journal of a data directory knows and the column files do not show: table-days that a checkpoint counts on and
 * that are gone, and damage of the journal itself. Rows that wait in it are no problem (store/backlog.ts). Reads only;
 * main thread of `logger verify`.
 */
import { decodeName } from '../../base/names.js';
import { tableByName } from '../../schema/tables.js';
import { DiskIo } from '../disk/io.js';
import { tableDirectory } from '../disk/paths.js';
import { readCheckpoint } from '../journal/checkpoint.js';
import { journalFolder } from '../journal/start.js';
import type { TableDayState } from '../journal/states.js';
import { tableDayAt } from '../read/reader.js';
import { refuses } from '../recovery/cases.js';
import { planRecovery } from '../recovery/recovery.js';

export interface JournalProblem {
  /** the table-day it is about; undefined when it is about the journal as a whole */
  readonly at:
    | { readonly exchange: string; readonly symbol: string; readonly table: string; readonly day: number }
    | undefined;
  readonly text: string;
}

/** `captured`: a logger writes there now, so the journal is ahead of the files at any time. */
export function verifyJournal(dataPath: string, captured: boolean): JournalProblem[] {
  const missing = stateOfCheckpoint(dataPath).flatMap((state) => missingRows(dataPath, state));
  return captured ? missing : [...missing, ...damage(dataPath)];
}

function stateOfCheckpoint(dataPath: string): readonly TableDayState[] {
  const checkpoint = readCheckpoint(new DiskIo(), journalFolder(dataPath));
  return checkpoint === undefined || checkpoint === 'damaged' ? [] : checkpoint.states.tableDays;
}

function placeOf({ exchange, directory, table, day }: TableDayState) {
  return { exchange, symbol: decodeName(directory) ?? directory, table, day };
}

/** Rows that a checkpoint counts on are in every column. */
function missingRows(dataPath: string, state: TableDayState): JournalProblem[] {
  const table = tableByName(state.table);
  if (table === undefined) return [];
  const at = placeOf(state);
  const directory = tableDirectory(dataPath, state.exchange, state.directory, table.name);
  const { rows } = tableDayAt({ ...at, table, directory });
  if (rows >= state.rows) return [];
  return [{ at, text: `${rows} rows are there, ${state.rows} were durable at the last checkpoint` }];
}

function damage(dataPath: string): JournalProblem[] {
  return planRecovery(new DiskIo(), dataPath)
    .findings.filter((finding) => refuses(finding) && finding.label !== 'file-short')
    .map(({ label, text }) => ({ at: undefined, text: `${label}: ${text}` }));
}

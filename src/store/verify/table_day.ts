/**
 * Verifies one table-day: its files, its rows, its side-car. Runs in a pool task or on the main thread of
 * `logger verify`; request and report are plain data. Gaps in trade ids are judged later, with the days around
 * and the GAPS rows of the symbol (sequences.ts).
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { messageOf } from '../../base/errors.js';
import { isWrittenFor } from '../../schema/columns.js';
import { TRADES, tableByName } from '../../schema/tables.js';
import { DiskIo } from '../disk/io.js';
import { checksumsFile, columnFile, literalsFile } from '../disk/paths.js';
import { type Literals, readLiteralLines, readLiterals } from '../read/decimals.js';
import { IdRuns, type IdSummary } from '../read/id_runs.js';
import { type ProblemList, Problems } from '../read/problems.js';
import {
  BLOCK_ROWS,
  columnSizes,
  readBlocks,
  type TableDay,
  tableDayAt,
  u32Of,
  u64Of,
} from '../read/reader.js';
import { rolesOf } from '../read/roles.js';
import { compareWithSeal, newestClosedDay, readSeal } from '../seal/file.js';
import { checkBlock } from './checks.js';

/** Which table-day; `table` is its name. */
export interface VerifyRequest {
  readonly exchange: string;
  readonly symbol: string;
  readonly directory: string;
  readonly table: string;
  readonly day: number;
}

/**
 * Whether a table-day has its checksum file: 'sealed' · 'due': it has none, and its day is over · 'open': its day is not
 * over, or it has no rows.
 */
export type SealState = 'sealed' | 'due' | 'open';

export interface TableDayReport extends VerifyRequest {
  readonly rows: number;
  readonly bytes: number;
  readonly problems: ProblemList;
  readonly seal: SealState;
  /** rows behind the sealed ones: they came late and are sealed by the next pass */
  readonly lateRows: number;
  /** ids of a TRADES day that has rows */
  readonly ids?: IdSummary;
}

/** How long files must be untouched before what does not fit together counts as damage. */
const QUIET_MS = 10_000;
const SETTLE_TRIES = 3;
const SETTLE_MS = 400;

/** Reads all rows of a table-day and reports what is wrong; throws only for mistakes of ours. */
export async function verifyTableDay(request: VerifyRequest): Promise<TableDayReport> {
  const problems = new Problems();
  let rows = 0;
  let bytes = 0;
  let ids: IdSummary | undefined;
  let seal: Pick<TableDayReport, 'seal' | 'lateRows'> = { seal: 'open', lateRows: 0 };
  try {
    const tableDay = await settled(request);
    const sizes = columnSizes(tableDay.directory, tableDay.table, tableDay.day);
    rows = tableDay.rows;
    bytes = [...sizes.values()].reduce((sum, size) => sum + size, 0);
    const complete = checkFiles(tableDay, sizes, problems);
    seal = checkSeal(tableDay, problems);
    const texts = checkSidecar(tableDay, problems);
    if (complete) ids = checkRows(tableDay, texts, problems);
  } catch (error) {
    problems.add('unreadable', () => messageOf(error));
  }
  return { ...request, rows, bytes, problems: problems.list(), ids, ...seal };
}

/** Measures a table-day; while the logger is appending to it, waits for a moment at which its files agree. */
async function settled(request: VerifyRequest): Promise<TableDay> {
  const place = { ...request, table: tableByName(request.table)! };
  let tableDay = tableDayAt(place);
  for (let tries = 0; tries < SETTLE_TRIES && isTorn(tableDay) && isFresh(tableDay); tries++) {
    await setTimeout(SETTLE_MS);
    tableDay = tableDayAt(place);
  }
  return tableDay;
}

function isTorn(tableDay: TableDay): boolean {
  if (tableDay.ragged) return true;
  for (const line of readLiteralLines(tableDay))
    if ('error' in line || line.row >= tableDay.rows) return true;
  return false;
}

function isFresh({ directory, columns, day }: TableDay): boolean {
  const files = [...columns.map((name) => columnFile(name, day)), literalsFile(day)];
  const newest = Math.max(
    ...files.map((file) => statSync(join(directory, file), { throwIfNoEntry: false })?.mtimeMs ?? 0),
  );
  return Date.now() - newest < QUIET_MS;
}

/** Whether every column that must exist does, so that rows can be checked; names what is cut or absent. */
function checkFiles(tableDay: TableDay, sizes: ReadonlyMap<string, number>, problems: Problems): boolean {
  const { table, day, rows } = tableDay;
  const columns = table.columns.filter((column) => isWrittenFor(tableDay.exchange, column));
  // tomorrow's files are created empty ahead of time, one after the other
  if ([...sizes.values()].every((size) => size === 0)) return false;
  const longest = Math.max(
    ...columns.flatMap((c) => (sizes.has(c.name) ? Math.floor(sizes.get(c.name)! / c.bytes) : [])),
  );
  const withoutExact = columns.every((c) => !c.exact || !sizes.has(c.name));
  let complete = true;
  for (const column of columns) {
    const file = columnFile(column.name, day);
    const size = sizes.get(column.name);
    if (size === undefined) {
      if (column.exact && withoutExact) continue;
      complete = false;
      problems.add('files', () => `${file} is missing`);
      continue;
    }
    const rest = size % column.bytes;
    const count = (size - rest) / column.bytes;
    if (rest !== 0)
      problems.add('files', () => `${file} ends ${rest} bytes into a value of ${column.bytes} bytes`);
    if (count !== longest)
      problems.add('files', () => `${file} has ${count} rows where the longest column has ${longest}`);
  }
  return complete && rows > 0;
}

const io = new DiskIo();

/** The checksum file is read before the files are measured: rows that come meanwhile are late, not missing. */
function checkSeal(tableDay: TableDay, problems: Problems): Pick<TableDayReport, 'seal' | 'lateRows'> {
  const { directory, table, day, rows } = tableDay;
  const place = { folder: directory, table, day };
  const seal = readSeal(io, place);
  if (seal === undefined)
    return { seal: rows > 0 && day <= newestClosedDay(Date.now()) ? 'due' : 'open', lateRows: 0 };
  if (typeof seal === 'string') {
    problems.add('checksums', () => `${checksumsFile(day)} cannot be used: ${seal}`);
    return { seal: 'sealed', lateRows: 0 };
  }
  for (const text of compareWithSeal(io, place, seal)) problems.add('checksums', () => text);
  return { seal: 'sealed', lateRows: Math.max(0, rows - seal.rows) };
}

/** Whether the side-car has lines for a block of BLOCK_ROWS, by block number. */
type SidecarBlocks = ReadonlySet<number>;

function checkSidecar(tableDay: TableDay, problems: Problems): SidecarBlocks {
  const blocks = new Set<number>();
  const file = literalsFile(tableDay.day);
  const columns = new Set(rolesOf(tableDay.table).numbers.map((role) => role.value));
  for (const entry of readLiteralLines(tableDay)) {
    const complain = (text: string) => problems.add('sidecar', () => `${file} line ${entry.line} ${text}`);
    if ('error' in entry) complain(entry.error);
    else if (entry.row >= tableDay.rows) complain(`is for row ${entry.row} of ${tableDay.rows}`);
    else if (!columns.has(entry.column)) complain(`names the column ${JSON.stringify(entry.column)}`);
    else blocks.add(Math.floor(entry.row / BLOCK_ROWS));
  }
  return blocks;
}

const NO_TEXTS: Literals = new Map();

function checkRows(tableDay: TableDay, texts: SidecarBlocks, problems: Problems): IdSummary | undefined {
  const runs = tableDay.table.name === TRADES.name ? new IdRuns() : undefined;
  for (const block of readBlocks(tableDay)) {
    const { fromRow, rows } = block;
    const literals = texts.has(fromRow / BLOCK_ROWS)
      ? readLiterals(tableDay, fromRow, fromRow + rows)
      : NO_TEXTS;
    checkBlock(block, literals, problems);
    runs?.add(u64Of(block, 'trade_id'), u32Of(block, 'flags'), fromRow);
  }
  return runs?.finish();
}

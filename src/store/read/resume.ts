/**
 * Where an earlier run stopped: the newest trade id of a symbol, what is missing below it and was not listed yet, and
 * when each table last received something. From it the next run can tell what was missed in between, and does not
 * store again what an exchange repeats on subscribing. Main thread, at start and before a shard is started again.
 *
 * A hole in ids is listed in GAPS seconds after the rows that show it. What ends the process in between, also within
 * the journal, leaves the rows without the listing: here such a hole is found again, across midnight as well.
 */
import type { Table } from '../../schema/layout.js';
import { GAPS, TABLES, TRADES } from '../../schema/tables.js';
import { tableDirectory } from '../disk/paths.js';
import { holes, subtract, union } from './intervals.js';
import { listDays, readColumns, type TableDay, tableDayAt, u32Of, u64Of } from './reader.js';
import { RECV_TIME } from './roles.js';
import { listedIds, readGaps } from './sequences.js';

/** What is on disk of one stream. */
export interface StreamResume {
  /** newest trade id as decimal text; '' when there is none */
  readonly lastTradeId: string;
  /** the trade ids stored last, as decimal texts from old to new, for exchanges whose ids do not count up */
  readonly recentTradeIds: readonly string[];
  /** first and last of the ids that are neither there nor listed in GAPS: a killed process could not report them */
  readonly unlistedIds: readonly (readonly [from: number, to: number])[];
  /** receive time of the newest row of each table, by its name: seconds and nanoseconds since 1970 */
  readonly lastReceived: Readonly<Record<string, readonly [number, number]>>;
}

/**
 * Trades are stored a little out of order, and a hole is listed a few seconds after it was seen at the latest: the
 * newest id and what is missing below it are looked for in so many last rows.
 */
const ROWS_LOOKED_AT = 16_384;
/** What an exchange repeats on subscribing is among so many last rows. */
const RECENT_IDS = 64;
/** Days of GAPS that may list a hole within those rows. */
const GAP_DAYS = 2;

/**
 * Reads what is on disk of a stream; whole rows only, as the writer will find them. `countsUp`: the exchange's trade ids
 * grow by one, so that holes say something.
 */
export function resumeStream(
  dataPath: string,
  exchange: string,
  directory: string,
  countsUp: boolean,
): StreamResume {
  const newest = (table: Table, days: number) =>
    newestDays(tableDirectory(dataPath, exchange, directory, table.name), table, days);
  const lastReceived: Record<string, readonly [number, number]> = {};
  let lastTradeId = '';
  let recentTradeIds: string[] = [];
  let unlistedIds: StreamResume['unlistedIds'] = [];
  for (const table of TABLES) {
    if (table === GAPS || !(RECV_TIME in table.at)) continue;
    const [tableDay, dayBefore] = newest(table, table === TRADES ? 2 : 1);
    if (tableDay === undefined) continue;
    const last = readColumns(tableDay, [RECV_TIME, 'recv_nanos'], tableDay.rows - 1);
    lastReceived[table.name] = [u32Of(last, RECV_TIME)[0], u32Of(last, 'recv_nanos')[0]];
    if (table !== TRADES) continue;
    const ids = lastIds(tableDay, dayBefore);
    lastTradeId = String(ids.max);
    recentTradeIds = [...ids.values.subarray(-RECENT_IDS)].map(String);
    if (ids.contiguous || !countsUp) continue;
    const listed = listedIds(newest(GAPS, GAP_DAYS).flatMap((day) => [...readGaps(day)]));
    unlistedIds = unlisted(ids.values, ids.cut, listed);
  }
  return { lastTradeId, recentTradeIds, unlistedIds, lastReceived };
}

/** The newest days of a table that hold rows. */
function newestDays(directory: string, table: Table, days: number): TableDay[] {
  const found: TableDay[] = [];
  for (const day of listDays(directory, table).sort((a, b) => b - a)) {
    const tableDay = tableDayAt({ exchange: '', symbol: '', directory, table, day });
    if (tableDay.rows > 0 && isWhole(tableDay)) found.push(tableDay);
    if (found.length === days) break;
  }
  return found;
}

/** Whether every column has its file: the first rows of a day may not have got that far. */
function isWhole({ table, columns }: TableDay): boolean {
  const exact = table.columns.some((column) => column.exact && columns.includes(column.name));
  return table.columns.every(
    (column) => (column.exact && !exact) || column.only !== undefined || columns.includes(column.name),
  );
}

interface LastIds {
  /** as they stand in the files */
  readonly values: BigUint64Array;
  readonly max: bigint;
  readonly contiguous: boolean;
  /** there are rows before these */
  readonly cut: boolean;
}

/** The last ids of a day, and before them those of the day before, unless ids have started over since. */
function lastIds(tableDay: TableDay, dayBefore: TableDay | undefined): LastIds {
  const newer = idsOf(tableDay, ROWS_LOOKED_AT);
  const older = idsOf(dayBefore, ROWS_LOOKED_AT - newer.length);
  const max = newestOf(newer);
  const follows = newestOf(older) < max;
  const values = follows ? BigUint64Array.of(...older, ...newer) : newer;
  const contiguous = values.every((id, i) => i === 0 || id === values[i - 1] + 1n);
  const rows = tableDay.rows + (follows ? (dayBefore?.rows ?? 0) : 0);
  return { values, max, contiguous, cut: rows > values.length };
}

function idsOf(tableDay: TableDay | undefined, rowsMax: number): BigUint64Array {
  if (tableDay === undefined || rowsMax === 0) return new BigUint64Array(0);
  const from = Math.max(0, tableDay.rows - rowsMax);
  return u64Of(readColumns(tableDay, ['trade_id'], from), 'trade_id');
}

function newestOf(ids: BigUint64Array): bigint {
  let newest = 0n;
  for (const id of ids) if (id > newest) newest = id;
  return newest;
}

function unlisted(
  ids: BigUint64Array,
  cut: boolean,
  listed: ReturnType<typeof listedIds>,
): (readonly [number, number])[] {
  const { merged } = union([...ids].map((id) => ({ from: id, to: id })));
  // what came late at the beginning of the rows belongs to rows that were not looked at
  const floor = cut ? newestOf(ids.subarray(0, ids.length >> 2)) : 0n;
  const between = holes(merged).filter(({ from, to }) => from > floor && to <= Number.MAX_SAFE_INTEGER);
  return subtract(between, listed).map(({ from, to }) => [Number(from), Number(to)] as const);
}

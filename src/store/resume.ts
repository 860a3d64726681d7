/**
 * Where an earlier run stopped: the newest trade id of a symbol, what is missing below it and was not listed yet, and
 * when each table last received something. From it the next run can tell what was missed in between, and does not
 * store again what an exchange repeats on subscribing. Main thread, at start and before a shard is started again.
 */
import type { Table } from '../schema/layout.js';
import { GAPS, TABLES, TRADES } from '../schema/tables.js';
import { holes, subtract, union } from './intervals.js';
import { tableDirectory } from './paths.js';
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
    const [tableDay] = newest(table, 1);
    if (tableDay === undefined) continue;
    const last = readColumns(tableDay, [RECV_TIME, 'recv_nanos'], tableDay.rows - 1);
    lastReceived[table.name] = [u32Of(last, RECV_TIME)[0], u32Of(last, 'recv_nanos')[0]];
    if (table !== TRADES) continue;
    const ids = lastIds(tableDay);
    lastTradeId = String(ids.max);
    recentTradeIds = [...ids.values.subarray(-RECENT_IDS)].map(String);
    if (ids.contiguous || !countsUp) continue;
    const listed = listedIds(newest(GAPS, GAP_DAYS).flatMap((day) => [...readGaps(day)]));
    unlistedIds = unlisted(ids.values, tableDay.rows > ids.values.length, listed);
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

function lastIds(tableDay: TableDay): { values: BigUint64Array; max: bigint; contiguous: boolean } {
  const from = Math.max(0, tableDay.rows - ROWS_LOOKED_AT);
  const values = u64Of(readColumns(tableDay, ['trade_id'], from), 'trade_id');
  const contiguous = values.every((id, i) => i === 0 || id === values[i - 1] + 1n);
  return { values, max: newestOf(values), contiguous };
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

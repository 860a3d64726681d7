/**
 * Gaps of a stream that an earlier run has listed and nobody has closed yet, so that the next one goes on with their
 * repair. Main thread, at start and before a shard is started again.
 *
 * Rows of a repair and the row of GAPS behind them reach the disk one after the other: what ends the process in between
 * leaves ids that are there and listed as missing all the same. Where gaps are open, the ids on disk decide.
 */
import { FLAGS } from '../../schema/flags.js';
import type { ListedGap, ListedGaps } from '../../schema/gap.js';
import type { Table } from '../../schema/layout.js';
import { AGG_TRADES, GAPS, type GapCause, TRADES } from '../../schema/tables.js';
import { tableDirectory } from '../disk/paths.js';
import { type KnownGap, knownGaps } from './gap_states.js';
import { IdRuns } from './id_runs.js';
import { type Interval, intersect, subtract, union } from './intervals.js';
import { behindReset, readGaps } from './listings.js';
import {
  type Block,
  listDays,
  readBlocks,
  type TableDay,
  tableDayAt,
  u32Of,
  u64Of,
  usable,
  uuidOf,
} from './reader.js';
import { RECV_NANOS, RECV_TIME } from './roles.js';
import { causeName } from './row_text.js';

/** So many of the newest days that have gaps are looked at. */
const DAYS_MAX = 8;
/** More gaps of a stream than this are left to later starts. */
const GAPS_MAX = 512;
const DAY_SECS = 86_400;
/** Ids without order that go along with a gap: in front of it, and behind it at most. */
const STORED_BEFORE = 64;
const STORED_BEHIND_MAX = 16_384;
/** Trades that a start reads at most to find them. */
const ROWS_MAX = 1_000_000;
const UUID_BYTES = 16;
const REPAIRED = 1 << FLAGS.repaired.bit;
/** Tables whose ids may count up. */
const NUMBERED: readonly Table[] = [TRADES, AGG_TRADES];

/** `tables`: those whose ids count up, so that gaps are ids; `idColumn`: ids of trades, should they have no order. */
export function openGaps(
  dataPath: string,
  exchange: string,
  directory: string,
  tables: readonly Table[],
  idColumn: string,
): ListedGaps {
  const daysOf = (table: Table): TableDay[] => {
    const folder = tableDirectory(dataPath, exchange, directory, table.name);
    const place = { exchange, symbol: directory, directory: folder, table };
    return listDays(folder, table).map((day) => tableDayAt({ ...place, day }));
  };
  const rows = daysOf(GAPS)
    .filter((day) => day.rows > 0)
    .slice(-DAYS_MAX)
    .flatMap((day) => usable(() => [...readGaps(day)]) ?? []);
  const result = { open: [] as ListedGap[], filled: [] as ListedGap[] };
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
  if (!tables.includes(TRADES)) {
    const gaps = knownGaps(rows).filter(({ row, state }) => row.table === TRADES.id && state === 'open');
    if (gaps.length > 0) result.open.push(...unordered(daysOf(TRADES), gaps.slice(-GAPS_MAX), idColumn));
  }
  return result;
}

/** A stored trade. */
interface StoredTrade {
  readonly id: string;
  readonly seconds: number;
  readonly nanos: number;
  readonly fetched: boolean;
}

/** Gaps by time, with what was stored around them; one that too much was stored behind stays as it is. */
function unordered(days: readonly TableDay[], gaps: readonly KnownGap[], idColumn: string): ListedGap[] {
  const first = Math.min(...gaps.map(({ row }) => Math.floor(row.fromTime / DAY_SECS))) - 1;
  const trades: StoredTrade[] = [];
  const columns = [idColumn, RECV_TIME, RECV_NANOS, 'flags'];
  const looked = days.filter(({ day, rows }) => day >= first && rows > 0);
  if (looked.reduce((sum, { rows }) => sum + rows, 0) > ROWS_MAX) return [];
  for (const tableDay of looked)
    trades.push(
      ...(usable(() => [...readBlocks(tableDay, columns)].flatMap((block) => tradesOf(block, idColumn))) ??
        []),
    );
  return gaps.flatMap(({ row }) => {
    const isBefore = ({ seconds, nanos }: StoredTrade) =>
      seconds < row.fromTime || (seconds === row.fromTime && nanos <= row.fromNanos);
    const before = trades.filter((trade) => !trade.fetched && isBefore(trade)).slice(-STORED_BEFORE);
    const behind = trades.filter((trade) => trade.fetched || !isBefore(trade));
    if (before.length === 0 || behind.length > STORED_BEHIND_MAX) return [];
    return [
      {
        ...{ table: TRADES.name, cause: causeName(row.cause) as GapCause, fromId: 0, toId: 0 },
        ...{ fromSeconds: row.fromTime, fromNanos: row.fromNanos },
        ...{ toSeconds: row.toTime, toNanos: row.toNanos },
        anchor: before.at(-1)!.id,
        known: [...before, ...behind].map(({ id }) => id),
      },
    ];
  });
}

function tradesOf(block: Block, idColumn: string): StoredTrade[] {
  const [seconds, nanos] = [u32Of(block, RECV_TIME), u32Of(block, RECV_NANOS)];
  const flags = u32Of(block, 'flags');
  return Array.from({ length: block.rows }, (_, row) => ({
    id: idText(block, idColumn, row),
    ...{ seconds: seconds[row]!, nanos: nanos[row]! },
    fetched: (flags[row]! & REPAIRED) !== 0,
  }));
}

/** A trade's id as text: a number in decimal digits, a UUID in 32 hexadecimal ones. */
export function idText(block: Block, column: string, row: number): string {
  if (!(block.columns[column] instanceof Uint8Array)) return String(u64Of(block, column)[row]);
  const { buffer, byteOffset } = uuidOf(block, column);
  return Buffer.from(buffer, byteOffset + UUID_BYTES * row, UUID_BYTES).toString('hex');
}

function parts(table: Table, { row }: KnownGap, ids: readonly Interval[]): ListedGap[] {
  const { fromTime, fromNanos, toTime, toNanos } = row;
  return ids
    .filter(({ to }) => to <= Number.MAX_SAFE_INTEGER)
    .map(({ from, to }) => ({
      ...{ table: table.name, cause: causeName(row.cause) as GapCause },
      ...{ fromId: Number(from), toId: Number(to) },
      ...{ fromSeconds: fromTime, fromNanos, toSeconds: toTime, toNanos },
    }));
}

function idsOf(tableDay: TableDay): ReturnType<IdRuns['finish']> {
  const runs = new IdRuns();
  for (const block of readBlocks(tableDay, ['trade_id', 'flags']))
    runs.add(u64Of(block, 'trade_id'), u32Of(block, 'flags'), block.fromRow);
  return runs.finish();
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
    const ids = usable(() => idsOf(tableDay));
    if (ids !== undefined) stored.push(...ids.islands, ...ids.kept, ...ids.suspect);
  }
  return union(stored).merged;
}

/**
 * Where an earlier run stopped: the newest trade id of a symbol, what is missing below it and was not listed yet, and
 * when each table last received something. From it the next run knows what was missed in between, and does not
 * store again what an exchange repeats on subscribing. Main thread, at start and before a shard is started again.
 *
 * A gap in ids is listed in GAPS seconds after the rows that show it. What ends the process in between, also within
 * the journal, leaves the rows without the listing: here such a gap is found again, across midnight as well.
 */
import { FLAGS } from '../../schema/flags.js';
import type { ListedGaps } from '../../schema/gap.js';
import type { Table } from '../../schema/layout.js';
import { AGG_TRADES, GAPS, TRADES } from '../../schema/tables.js';
import { tableDirectory } from '../disk/paths.js';
import { gapsBetween, type Interval, subtract, union } from './intervals.js';
import { behindReset, type GapRow, listings, type Moment, readGaps } from './listings.js';
import { idText, openGaps } from './open_gaps.js';
import {
  type Block,
  columnSizes,
  listDays,
  readColumns,
  tableDayAt,
  tablesIn,
  u32Of,
  u64Of,
  usable,
} from './reader.js';
import { RECV_NANOS, RECV_TIME } from './roles.js';

/** What is on disk of one stream. */
export interface StreamResume {
  /** newest trade id that is stored, or listed right behind, as decimal text; '' when there is none */
  readonly lastTradeId: string;
  /** the trade ids stored last, from old to new, for exchanges whose ids do not count up; see recentIds() */
  readonly recentTradeIds: readonly string[];
  /** first and last of the ids that are neither there nor listed in GAPS: a killed process could not report them */
  readonly unlistedIds: readonly (readonly [from: number, to: number])[];
  /** newest id of aggregate trades that is stored, or listed right behind; '' when there is none */
  readonly lastAggregateId: string;
  /** gaps that nobody has closed yet */
  readonly gaps: ListedGaps;
  /** receive time of the newest row of each table, by its name: seconds and nanoseconds since 1970 */
  readonly lastReceived: Readonly<Record<string, readonly [number, number]>>;
}

/**
 * Trades are stored a little out of order, and a gap is listed a few seconds after it was seen at the latest: the
 * newest id and what is missing below it are looked for in so many last rows.
 */
const ROWS_LOOKED_AT = 16_384;
/** What an exchange repeats on subscribing is among so many last rows. */
const RECENT_IDS = 64;
/**
 * A receive clock that went wrong for a while has filed rows under another day, with suspect_clock: so many of the newest
 * days are looked at, and the oldest, where a clock that has forgotten the time begins.
 */
const DAYS_AROUND = 4;
const TRADE_ID = 'trade_id';
const [TRADE_TIME] = TRADES.time;
const KIND_COLUMNS = [TRADE_ID, RECV_TIME, RECV_NANOS, 'flags'];
/** Rows that arrived as they happened that are looked for at least. */
const LIVE_ROWS_MIN = 256;
const ROW_KIND = { live: 0, suspect: 1, fetched: 2, old: 3 } as const;
const SUSPECT_CLOCK = 1 << FLAGS.suspect_clock.bit;
const REPAIRED = 1 << FLAGS.repaired.bit;

const NO_GAPS: ListedGaps = { open: [], filled: [] };
/** Of a symbol that was never captured. */
const NOTHING: StreamResume = {
  ...{ lastTradeId: '', recentTradeIds: [], unlistedIds: [], lastAggregateId: '' },
  ...{ gaps: NO_GAPS, lastReceived: {} },
};

/** A table of one symbol, and the days of it that are looked at, newest first. */
interface Place {
  readonly directory: string;
  readonly table: Table;
  readonly days: readonly number[];
}

/**
 * Reads what is on disk of a stream. Each column is read as far as it goes: rows that other columns lack are listed by
 * the writer when it takes the files into use (columns/found_files.ts). `numbered`: the tables whose ids grow by one, so
 * that gaps say something; `nowSeconds`: what was received later was not.
 */
export function resumeStream(
  dataPath: string,
  exchange: string,
  directory: string,
  numbered: readonly Table[],
  nowSeconds = Date.now() / 1000,
  idColumn = TRADE_ID,
): StreamResume {
  const present = tablesIn(dataPath, exchange, directory);
  if (present.length === 0) return NOTHING;
  const placeOf = (table: Table): Place => {
    const folder = tableDirectory(dataPath, exchange, directory, table.name);
    return {
      directory: folder,
      table,
      days: present.includes(table) ? listDays(folder, table).reverse() : [],
    };
  };
  const lastReceived: Record<string, readonly [number, number]> = {};
  for (const table of present) {
    if (table === GAPS || !(RECV_TIME in table.at)) continue;
    const received = lastReceipt(placeOf(table), nowSeconds);
    if (received !== undefined) lastReceived[table.name] = received;
  }
  const trades = placeOf(TRADES);
  const all = numbered.length > 0 ? [...gapRows(placeOf(GAPS))] : [];
  const { rows, since } = behindReset(all, TRADES);
  const ids = lastIds(trades, since);
  const { open: listed, there } = listings(rows);
  const countsUp = numbered.includes(TRADES);
  return {
    lastTradeId: ids === undefined ? '' : String(behind(newestOf(ids.values), listed)),
    recentTradeIds: recentIds(trades, idColumn),
    unlistedIds:
      ids === undefined || ids.contiguous || !countsUp
        ? []
        : unlisted(ids, trades, union([...listed, ...there]).merged),
    lastAggregateId: numbered.includes(AGG_TRADES) ? lastAggregate(placeOf(AGG_TRADES), all) : '',
    gaps: present.includes(GAPS) ? openGaps(dataPath, exchange, directory, numbered, idColumn) : NO_GAPS,
    lastReceived,
  };
}

function lastAggregate(place: Place, all: readonly GapRow[]): string {
  const { rows, since } = behindReset(all, AGG_TRADES);
  const ids = lastIds(place, since);
  return ids === undefined ? '' : String(behind(newestOf(ids.values), listings(rows, AGG_TRADES).open));
}

/**
 * The ids of the newest trades, numbers as decimal texts, UUIDs as 32 hexadecimal digits: first those that were fetched,
 * then those that arrived, in the order in which they did.
 */
function recentIds(place: Place, column: string): string[] {
  const live: string[] = [];
  const fetched: { readonly time: number; readonly id: string }[] = [];
  let days = 0;
  for (const day of place.days) {
    const block = lastRows(place, day, [column], ROWS_LOOKED_AT);
    if (block === undefined) continue;
    const others = lastRows(place, day, [column, TRADE_TIME, 'flags'], ROWS_LOOKED_AT);
    const at = (name: string, row: number) =>
      others === undefined ? 0 : (u32Of(others, name)[row + block.fromRow - others.fromRow] ?? 0);
    for (let row = block.rows - 1; row >= 0; row--) {
      const id = idText(block, column, row);
      const flags = at('flags', row);
      if ((flags & REPAIRED) !== 0) fetched.push({ time: at(TRADE_TIME, row), id });
      else if ((flags & SUSPECT_CLOCK) === 0 && live.length < RECENT_IDS) live.push(id);
    }
    if (live.length >= RECENT_IDS || ++days >= DAYS_AROUND) break;
  }
  const newest = fetched.sort((a, b) => a.time - b.time).slice(-RECENT_IDS);
  return [...newest.map(({ id }) => id), ...live.reverse()];
}

/** Days around now: the newest that hold rows, and the oldest. */
function* around({ days }: Place, rowsOn: (day: number) => number): Generator<number> {
  let found = 0;
  for (const [i, day] of days.entries()) {
    if (found >= DAYS_AROUND && i < days.length - 1) continue;
    if (rowsOn(day) === 0) continue;
    found++;
    yield day;
  }
}

/** The last rows of some columns, of as many as all of these have. */
function lastRows(
  { directory, table }: Place,
  day: number,
  names: readonly string[],
  rowsMax: number,
): Block | undefined {
  const sizes = columnSizes(directory, table, day);
  const columns = table.columns.filter(({ name }) => names.includes(name));
  const rows = Math.min(...columns.map(({ name, bytes }) => Math.floor((sizes.get(name) ?? 0) / bytes)));
  if (rows === 0) return undefined;
  const tableDay = { exchange: '', symbol: '', directory, table, day, rows, columns: names, ragged: false };
  return usable(() => readColumns(tableDay, names, Math.max(0, rows - rowsMax)));
}

/** When the newest row of a table was received; a time that has not come yet is that of a clock that was wrong. */
function lastReceipt(place: Place, nowSeconds: number): readonly [number, number] | undefined {
  const blocks = new Map<number, Block | undefined>();
  const rowsOn = (day: number) => {
    blocks.set(day, lastRows(place, day, [RECV_TIME, RECV_NANOS], 1));
    return blocks.get(day)?.rows ?? 0;
  };
  const times = [...around(place, rowsOn)]
    .map((day) => blocks.get(day) as Block)
    .map((block) => [u32Of(block, RECV_TIME)[0], u32Of(block, RECV_NANOS)[0]] as const)
    .sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  return times.findLast(([seconds]) => seconds <= nowSeconds + 1) ?? times[0];
}

interface LastIds {
  /** as they stand in the files: those that were filed under a wrong day first, then those of the last day or two */
  readonly values: BigUint64Array;
  readonly contiguous: boolean;
  /** gaps below belong to rows that were not looked at */
  readonly floor: bigint;
}

/** The last ids of a day, by whether the clock was right, and whether there are rows before them. */
interface Tail {
  readonly regular: BigUint64Array;
  readonly suspect: BigUint64Array;
  readonly cut: boolean;
}

/** The last ids of the newest day, those of the day before unless ids have started over since, and suspect ones. */
function lastIds(place: Place, since: Moment | undefined): LastIds | undefined {
  const tails: Tail[] = [];
  const rowsOn = (day: number) => tails[tails.push(tailOf(place, day, since)) - 1].regular.length;
  for (const _ of around(place, rowsOn));
  const [newer, older] = tails.filter(({ regular }) => regular.length > 0);
  const suspect = tails.filter((tail) => tail.suspect.length > 0);
  if (newer === undefined && suspect.length === 0) return undefined;
  const parts = suspect.map((tail) => ({ ids: tail.suspect, cut: tail.cut }));
  if (newer !== undefined) parts.push(newestIds(newer, older));
  const values = BigUint64Array.from(parts.flatMap(({ ids }) => [...ids]));
  const contiguous = values.every((id, i) => i === 0 || id === values[i - 1] + 1n);
  const floor = parts.map(({ ids, cut }) => (cut ? floorOf(ids) : 0n)).reduce((a, b) => (a > b ? a : b));
  return { values, contiguous, floor };
}

/** The last regular ids, and whether there are others before them. */
function newestIds(newer: Tail, older: Tail | undefined): { ids: BigUint64Array; cut: boolean } {
  const ids = newer.regular;
  if (newer.cut || older === undefined || newestOf(older.regular) >= newestOf(ids))
    return { ids, cut: newer.cut };
  const from = Math.max(0, older.regular.length - (ROWS_LOOKED_AT - ids.length));
  const before = older.regular.subarray(from);
  return { ids: BigUint64Array.of(...before, ...ids), cut: older.cut || from > 0 };
}

/** What came late at the beginning of the rows belongs to rows that were not looked at. */
function floorOf(ids: BigUint64Array): bigint {
  return newestOf(ids.subarray(0, ids.length >> 2));
}

/**
 * Ids of a day that arrived as they happened: fetched ones stand behind them in any order. `since`: ids have begun again
 * at that moment of receipt, and what was received before is of no use.
 */
function tailOf(place: Place, day: number, since: Moment | undefined): Tail {
  for (let looked = ROWS_LOOKED_AT; ; looked *= 4) {
    const block = lastRows(place, day, [TRADE_ID], looked);
    const ids = block === undefined ? new BigUint64Array(0) : u64Of(block, TRADE_ID);
    const kinds = kindsOf(lastRows(place, day, KIND_COLUMNS, looked), block, since);
    const regular = ids.filter((_, i) => kinds[i] === ROW_KIND.live);
    const cut = (block?.fromRow ?? 0) > 0;
    // a repair may have written more rows than are looked at
    if (cut && regular.length < LIVE_ROWS_MIN && kinds.includes(ROW_KIND.fetched)) continue;
    return { regular, suspect: ids.filter((_, i) => kinds[i] === ROW_KIND.suspect), cut };
  }
}

/** What each row of `block` is, as far as the other columns go; a row that they lack is live. */
function kindsOf(others: Block | undefined, block: Block | undefined, since: Moment | undefined): Uint8Array {
  const kinds = new Uint8Array(block?.rows ?? 0);
  if (others === undefined || block === undefined) return kinds;
  const flags = u32Of(others, 'flags');
  const [seconds, nanos] = [u32Of(others, RECV_TIME), u32Of(others, RECV_NANOS)];
  for (let row = 0; row < others.rows; row++) {
    const isOld =
      since !== undefined &&
      (seconds[row]! < since[0] || (seconds[row]! === since[0] && nanos[row]! < since[1]));
    let kind: number = ROW_KIND.live;
    if (isOld) kind = ROW_KIND.old;
    else if ((flags[row]! & REPAIRED) !== 0) kind = ROW_KIND.fetched;
    else if ((flags[row]! & SUSPECT_CLOCK) !== 0) kind = ROW_KIND.suspect;
    kinds[row + others.fromRow - block.fromRow] = kind;
  }
  return kinds;
}

function newestOf(ids: BigUint64Array): bigint {
  let newest = 0n;
  for (const id of ids) if (id > newest) newest = id;
  return newest;
}

/** The newest id that is stored or listed right behind what is stored: what is listed is not listed again. */
function behind(newest: bigint, listed: readonly Interval[]): bigint {
  return listed.find(({ from, to }) => from <= newest + 1n && to > newest)?.to ?? newest;
}

function unlisted(
  { values, floor }: LastIds,
  trades: Place,
  listed: readonly Interval[],
): StreamResume['unlistedIds'] {
  const { merged } = union([...values].map((id) => ({ from: id, to: id })));
  const between = gapsBetween(merged).filter(({ from, to }) => from > floor && to <= Number.MAX_SAFE_INTEGER);
  const left = subtract(between, listed);
  const lost = left.length === 0 ? left : subtract(left, suspectIds(trades));
  return lost.map(({ from, to }) => [Number(from), Number(to)] as const);
}

/** Rows of GAPS of the days that may list a gap within the rows that were looked at, in the order of the days. */
function* gapRows(place: Place): Generator<GapRow> {
  const tableDayOf = (day: number) => tableDayAt({ ...place, exchange: '', symbol: '', day });
  const rowsOn = (day: number) => {
    const { rows, columns } = tableDayOf(day);
    return columns.length === place.table.columns.length ? rows : 0;
  };
  for (const day of [...around(place, rowsOn)].reverse())
    yield* usable(() => [...readGaps(tableDayOf(day))]) ?? [];
}

/** Ids that a clock which was wrong has filed under any other day: asked for only when some are missing. */
function suspectIds(place: Place): Interval[] {
  const ids = place.days.flatMap((day) => [...tailOf(place, day, undefined).suspect]);
  return union(ids.map((id) => ({ from: id, to: id }))).merged;
}

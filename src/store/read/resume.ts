/**
 * Where an earlier run stopped: the newest trade id of a symbol, what is missing below it and was not listed yet, and
 * when each table last received something. From it the next run knows what was missed in between, and does not
 * store again what an exchange repeats on subscribing. Main thread, at start and before a shard is started again.
 *
 * A gap in ids is listed in GAPS seconds after the rows that show it. What ends the process in between, also within
 * the journal, leaves the rows without the listing: here such a gap is found again, across midnight as well.
 */
import { FLAGS } from '../../schema/flags.js';
import type { Table } from '../../schema/layout.js';
import { GAPS, TABLES, TRADES } from '../../schema/tables.js';
import { isOfPath } from '../disk/io.js';
import { tableDirectory } from '../disk/paths.js';
import { gapsBetween, type Interval, subtract, union } from './intervals.js';
import { type GapRow, listings, readGaps } from './listings.js';
import { type Block, columnSizes, listDays, readColumns, tableDayAt, u32Of, u64Of } from './reader.js';
import { RECV_NANOS, RECV_TIME } from './roles.js';

/** What is on disk of one stream. */
export interface StreamResume {
  /** newest trade id that is stored, or listed right behind, as decimal text; '' when there is none */
  readonly lastTradeId: string;
  /** the trade ids stored last, as decimal texts from old to new, for exchanges whose ids do not count up */
  readonly recentTradeIds: readonly string[];
  /** first and last of the ids that are neither there nor listed in GAPS: a killed process could not report them */
  readonly unlistedIds: readonly (readonly [from: number, to: number])[];
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
const SUSPECT_CLOCK = 1 << FLAGS.suspect_clock.bit;

/** A table of one symbol, and the days of it that are looked at, newest first. */
interface Place {
  readonly directory: string;
  readonly table: Table;
  readonly days: readonly number[];
}

/**
 * Reads what is on disk of a stream. Each column is read as far as it goes: rows that other columns lack are listed by
 * the writer when it takes the files into use (columns/found_files.ts). `countsUp`: the exchange's trade ids grow by
 * one, so that gaps say something; `nowSeconds`: what was received later was not.
 */
export function resumeStream(
  dataPath: string,
  exchange: string,
  directory: string,
  countsUp: boolean,
  nowSeconds = Date.now() / 1000,
): StreamResume {
  const placeOf = (table: Table): Place => {
    const folder = tableDirectory(dataPath, exchange, directory, table.name);
    return { directory: folder, table, days: listDays(folder, table).reverse() };
  };
  const lastReceived: Record<string, readonly [number, number]> = {};
  for (const table of TABLES) {
    if (table === GAPS || !(RECV_TIME in table.at)) continue;
    const received = lastReceipt(placeOf(table), nowSeconds);
    if (received !== undefined) lastReceived[table.name] = received;
  }
  const trades = placeOf(TRADES);
  const ids = lastIds(trades);
  if (ids === undefined) return { lastTradeId: '', recentTradeIds: [], unlistedIds: [], lastReceived };
  const gaps = countsUp ? [...gapRows(placeOf(GAPS))] : [];
  const listed = listings(gaps).open;
  return {
    lastTradeId: String(behind(newestOf(ids.values), listed)),
    recentTradeIds: [...ids.values.subarray(-RECENT_IDS)].map(String),
    unlistedIds: ids.contiguous || !countsUp ? [] : unlisted(ids, trades, listed),
    lastReceived,
  };
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

/** Files that are closed to us hold nothing: the writer sets them aside when it opens them. */
function usable<R>(read: () => R): R | undefined {
  try {
    return read();
  } catch (error) {
    if (isOfPath(error)) return undefined;
    throw error;
  }
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
function lastIds(place: Place): LastIds | undefined {
  const tails: Tail[] = [];
  const rowsOn = (day: number) => tails[tails.push(tailOf(place, day)) - 1].regular.length;
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

function tailOf(place: Place, day: number): Tail {
  const block = lastRows(place, day, [TRADE_ID], ROWS_LOOKED_AT);
  const ids = block === undefined ? new BigUint64Array(0) : u64Of(block, TRADE_ID);
  const flags = lastRows(place, day, [TRADE_ID, 'flags'], ROWS_LOOKED_AT);
  const suspects = new Uint8Array(ids.length);
  if (block !== undefined && flags !== undefined)
    u32Of(flags, 'flags').forEach((bits, i) => {
      if ((bits & SUSPECT_CLOCK) !== 0) suspects[i + flags.fromRow - block.fromRow] = 1;
    });
  return {
    regular: ids.filter((_, i) => suspects[i] === 0),
    suspect: ids.filter((_, i) => suspects[i] === 1),
    cut: (block?.fromRow ?? 0) > 0,
  };
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
  const ids = place.days.flatMap((day) => [...tailOf(place, day).suspect]);
  return union(ids.map((id) => ({ from: id, to: id }))).merged;
}

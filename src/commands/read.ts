/** `logger read`: prints rows of the column files. Runs on the main thread and streams: memory stays bounded. */
import type { Writable } from 'node:stream';
import { Command, InvalidArgumentError, Option } from 'commander';
import { LoggerError } from '../base/errors.js';
import { isoDay } from '../store/disk/paths.js';
import {
  BLOCK_ROWS,
  type Block,
  listDays,
  readBlocks,
  readColumns,
  type TableDay,
  tableDayAt,
  tableDayName,
  u32Of,
} from '../store/read/reader.js';
import {
  decodeRow,
  type Field,
  type FieldOptions,
  hasExact,
  literalsOf,
  planFields,
} from '../store/read/row_text.js';
import { examples } from './common.js';
import { FORMATS, type Format, rowWriter } from './formats.js';
import { Output } from './output.js';
import {
  chooseExchange,
  chooseSymbol,
  chooseTable,
  DEFAULT_DATA_PATH,
  shortList,
  type TablePlace,
} from './select.js';
import { dayOf, type Moment, momentOf, parseDay, parseTime, type TimeArgument } from './times.js';

/** Rows that `--tail` prints without `--limit`. */
const TAIL_ROWS = 10;
/** Rows read at a time; small, because often only the first few are wanted. */
const PRINT_BLOCK_ROWS = 8192;

export interface ReadOptions {
  readonly data: string;
  readonly day?: string;
  readonly from?: string;
  readonly to?: string;
  readonly limit?: number;
  readonly tail?: boolean;
  readonly columns?: string;
  readonly format: Format;
  readonly exact?: boolean;
  readonly raw?: boolean;
}

/** Event times from `from` to before `to`. */
interface Range {
  readonly from?: Moment;
  readonly to?: Moment;
}

const HELP = `
Times are UTC. --from is included, --to is not; both look at the time of the event. The files keep the
order of arrival, so the rows printed are not sorted by time. With --from or --to on a certain day and no
--day, every day in between is read.

Values:
  numbers   the exact literal that was received where its digits were logged, otherwise the 32-bit float in
            its shortest form; --exact refuses the second, --raw prints the float and everything else as stored
  times     table: one ISO 8601 field with nanoseconds; csv, jsonl: seconds and nanos as in the files
  sides     buy, sell or unknown, always the taker's
  flags     table: names, no_{column} for a value the message lacked; csv, jsonl: the number
  missing   empty, null in jsonl
  integers  jsonl: plain numbers up to 2^53, strings above, so that no reader rounds them; csv: plain digits

Columns *_digits and scales are printed with --raw or when named in --columns.
${examples(
  'logger read coinbase BTC-USD TRADES --tail',
  'logger read binance BTCUSDT MD --day yesterday --from 10:00 --to 10:05 --format csv',
  'logger read coinbase BTC-USD TRADES --columns trade_id,trade_price --format jsonl --limit 5',
)}`;

function rowCount(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It is a number of rows.');
  return Number(text);
}

/** The command for `src/cli.ts` to register. */
export function readCommand(): Command {
  return new Command('read')
    .description('print rows of the column files')
    .argument('<exchange>', 'e.g. coinbase')
    .argument('<symbol>', 'native symbol, e.g. BTC-USD')
    .argument('<table>', 'e.g. TRADES')
    .option('--day <day>', 'YYYY-MM-DD, today or yesterday (default: the newest day with rows)')
    .option('--from <time>', 'first event time: ISO 8601, HH:MM[:SS] of the day, or seconds since 1970')
    .option('--to <time>', 'event time to stop before')
    .option('--limit <rows>', 'print at most so many rows', rowCount)
    .option('--tail', `print the last rows instead of the first (${TAIL_ROWS} without --limit)`)
    .option('--columns <names>', 'columns to print, separated by commas')
    .addOption(new Option('--format <format>', 'output format').choices(FORMATS).default('table'))
    .option('--data <path>', 'data directory', DEFAULT_DATA_PATH)
    .option('--exact', 'fail rather than print a number that is only known as a 32-bit float')
    .addOption(new Option('--raw', 'print values as stored').conflicts('exact'))
    .addHelpText('after', HELP)
    .action((exchange: string, symbol: string, table: string, options: ReadOptions) =>
      runRead(exchange, symbol, table, options, process.stdout),
    );
}

/** Prints the rows that the arguments ask for; throws LoggerError USAGE or DATA_UNREADABLE. */
export async function runRead(
  exchange: string,
  symbol: string,
  table: string,
  options: ReadOptions,
  stream: Writable,
): Promise<void> {
  const known = chooseExchange(options.data, exchange);
  const place = chooseTable(options.data, known, chooseSymbol(options.data, known, symbol), table);
  const fieldOptions: FieldOptions = {
    columns: chooseColumns(place, options.columns),
    raw: options.raw,
    human: options.format === 'table',
  };
  const { tableDays, range } = chooseDays(place, options);
  if (options.exact) requireExact(tableDays);
  const limit = options.limit ?? (options.tail ? TAIL_ROWS : Number.POSITIVE_INFINITY);
  const start = options.tail ? tailStart(tableDays, range, limit) : { index: 0, row: 0 };
  await print(
    tableDays.slice(start.index),
    { start: start.row, range, limit, fieldOptions },
    options.format,
    stream,
  );
}

interface Selection {
  /** first row to look at in the first table-day */
  readonly start: number;
  readonly range?: Range;
  readonly limit: number;
  readonly fieldOptions: FieldOptions;
}

async function print(
  tableDays: readonly TableDay[],
  { start, range, limit, fieldOptions }: Selection,
  format: Format,
  stream: Writable,
): Promise<void> {
  const output = new Output(stream);
  const writer = rowWriter(format, planFields(tableDays[0]!, fieldOptions));
  let left = limit;
  for (const [index, tableDay] of tableDays.entries()) {
    const fields = planFields(tableDay, fieldOptions);
    for (const block of readBlocks(tableDay, columnsFor(fields, tableDay, range), {
      blockRows: PRINT_BLOCK_ROWS,
      fromRow: index === 0 ? start : 0,
    })) {
      const literals = literalsOf(block);
      for (let row = 0; row < block.rows && left > 0; row++) {
        if (range !== undefined && !isWithin(range, block, row)) continue;
        left--;
        if (output.write(writer.rows(decodeRow(fields, block, row, literals)))) await output.flush();
      }
      if (left === 0 || output.closed) break;
    }
    if (left === 0 || output.closed) break;
  }
  output.write(writer.end());
  await output.end();
}

function columnsFor(fields: readonly Field[], tableDay: TableDay, range: Range | undefined): string[] {
  const times = range === undefined ? [] : tableDay.table.time;
  return [...new Set([...fields.flatMap((f) => f.needs), ...times])];
}

function isWithin({ from, to }: Range, block: Block, row: number): boolean {
  const [secondsColumn, nanosColumn] = block.tableDay.table.time;
  const seconds = u32Of(block, secondsColumn!)[row]!;
  const nanos = nanosColumn === undefined ? 0 : u32Of(block, nanosColumn)[row]!;
  const before = (m: Moment) => seconds < m.seconds || (seconds === m.seconds && nanos < m.nanos);
  return !(from !== undefined && before(from)) && (to === undefined || before(to));
}

/** Where the last `wanted` matching rows begin; searched from the end. */
function tailStart(
  tableDays: readonly TableDay[],
  range: Range | undefined,
  wanted: number,
): { index: number; row: number } {
  let left = wanted;
  for (let index = tableDays.length - 1; index >= 0; index--) {
    const tableDay = tableDays[index]!;
    for (let end = tableDay.rows; end > 0; end -= BLOCK_ROWS) {
      const from = Math.max(0, end - BLOCK_ROWS);
      if (range === undefined) {
        if (end - from >= left) return { index, row: end - left };
        left -= end - from;
        continue;
      }
      const block = readColumns(tableDay, tableDay.table.time, from, end);
      for (let row = block.rows - 1; row >= 0; row--)
        if (isWithin(range, block, row) && --left <= 0) return { index, row: from + row };
    }
  }
  return { index: 0, row: 0 };
}

function chooseColumns({ table }: TablePlace, text: string | undefined): string[] | undefined {
  if (text === undefined) return undefined;
  const names = text.split(',').map((name) => name.trim());
  for (const name of names) {
    if (table.columns.some((c) => c.name === name)) continue;
    const existing = table.columns.map((c) => c.name).join(', ');
    throw new LoggerError('USAGE', `no column ${name}; columns of ${table.name}: ${existing}`);
  }
  return names;
}

function requireExact(tableDays: readonly TableDay[]): void {
  const inexact = tableDays.find((tableDay) => !hasExact(tableDay));
  if (inexact === undefined) return;
  throw new LoggerError(
    'DATA_UNREADABLE',
    `${tableDayName(inexact)} was logged without exact digits ([logger] exact = false); leave --exact out`,
  );
}

function newestWithRows(place: TablePlace, days: readonly number[]): number | undefined {
  return days.findLast((day) => tableDayAt({ ...place, day }).rows > 0) ?? days.at(-1);
}

/** Which table-days to read, and between which times. Never empty. */
function chooseDays(place: TablePlace, options: ReadOptions): { tableDays: TableDay[]; range?: Range } {
  const days = listDays(place.directory, place.table);
  const chosen = options.day === undefined ? undefined : parseDay(options.day);
  const times = {
    from: options.from === undefined ? undefined : parseTime('--from', options.from),
    to: options.to === undefined ? undefined : parseTime('--to', options.to),
  };
  const moments = [times.from, times.to].filter((t) => t?.kind === 'moment');
  const base = chosen ?? (moments[0] && dayOf(moments[0])) ?? newestWithRows(place, days) ?? 0;
  const range = rangeOf(times.from, times.to, base);
  let wanted = (day: number) => day === base;
  if (chosen === undefined && moments.length > 0) {
    const first = range?.from === undefined ? Number.NEGATIVE_INFINITY : dayOf(range.from);
    const last = range?.to === undefined ? Number.POSITIVE_INFINITY : dayOf(range.to);
    wanted = (day) => day >= first && day <= last;
  }
  const tableDays = days.filter(wanted).map((day) => tableDayAt({ ...place, day }));
  if (tableDays.length === 0) {
    const existing = shortList(days.map(isoDay).reverse());
    const name = `${place.symbol} ${place.table.name}`;
    const what = moments.length > 0 && chosen === undefined ? 'these times' : isoDay(base);
    throw new LoggerError('DATA_UNREADABLE', `no data for ${what}; days of ${name}: ${existing}`);
  }
  return { tableDays, range };
}

function rangeOf(
  from: TimeArgument | undefined,
  to: TimeArgument | undefined,
  day: number,
): Range | undefined {
  if (from === undefined && to === undefined) return undefined;
  const range = { from: from && momentOf(from, day), to: to && momentOf(to, day) };
  const span = (range.to?.seconds ?? Infinity) - (range.from?.seconds ?? 0);
  if (span < 0 || (span === 0 && range.to!.nanos <= range.from!.nanos))
    throw new LoggerError('USAGE', '--from must be before --to');
  return range;
}

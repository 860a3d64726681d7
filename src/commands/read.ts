/** `logger read`: prints rows of the column files. Runs on the main thread and streams: memory stays bounded. */
import type { Writable } from 'node:stream';
import { Command, InvalidArgumentError, Option } from 'commander';
import { LoggerError } from '../base/errors.js';
import { isoDay } from '../store/disk/paths.js';
import {
  BLOCK_ROWS,
  listDays,
  readColumns,
  requireData,
  type TableDay,
  tableDayAt,
  tableDayName,
} from '../store/read/reader.js';
import { type FieldOptions, hasExact } from '../store/read/row_text.js';
import { examples, exitStatuses } from './common.js';
import { addDataOptions, type CommandOptions, withData } from './data_options.js';
import { follow, stopSignal } from './follow.js';
import { FORMATS, type Format } from './formats.js';
import { Output } from './output.js';
import { isWithin, RowPrinter } from './row_printer.js';
import { chooseExchange, chooseSymbol, chooseTable, shortList, type TablePlace } from './select.js';
import { chooseTimes, type Range, type TimeOptions } from './time_range.js';

/** Rows that `--tail` prints without `--limit`. */
const TAIL_ROWS = 10;

export interface ReadOptions extends TimeOptions {
  readonly data: string;
  readonly limit?: number;
  readonly tail?: boolean;
  readonly follow?: boolean;
  readonly columns?: string;
  readonly format: Format;
  readonly exact?: boolean;
  readonly raw?: boolean;
}

const HELP = `
Times are UTC: 2026-11-21T10:00:00.123456789Z, 2026-11-21, 10:00 or 10:00:30.5 of a day, now, now-5m, now-1h30m
(ms, s, m, h, d), or a number since 1970, in seconds, milliseconds, microseconds or nanoseconds by its size. --from is
included, --to is not; both look at the time of the event. The files keep the order of arrival, so the rows printed
are not sorted by time.

A time of day belongs to --day, else to the day of the other time, else to the newest day with rows. When --to is the
earlier one it is that of the next day: --from 23:50 --to 00:10 is a night, without --day the last one that has begun.
With a moment and no --day, every day in between is read. With both, only what lies on the day.

--follow looks for new rows until Ctrl+C, across midnight, too. They reach the files within [logger]
flush_interval_secs, 5 s unless set otherwise.

Values:
  numbers   the exact literal that was received where its digits were logged, otherwise the 32-bit float in
            its shortest form; --exact refuses the second, --raw prints the float and everything else as stored
  times     table: one ISO 8601 field, with nanoseconds where they are stored; csv, jsonl: seconds and nanos as in the files
  sides     buy, sell or unknown, always the taker's
  flags     table: names, no_{column} for a value the message lacked; csv, jsonl: the number
  missing   empty, null in jsonl
  integers  jsonl: plain numbers up to 2^53, strings above, so that no reader rounds them; csv: plain digits

Columns *_digits and scales are printed with --raw or when named in --columns.
${exitStatuses({ ok: 'printed, even if no row lies within the times', failed: 'there is no such data, or it cannot be read' })}${examples(
  'logger read coinbase BTC-USD TRADES --tail',
  'logger read coinbase BTC-USD TRADES --tail --follow',
  'logger read binance BTCUSDT MD --day yesterday --from 10:00 --to 10:05 --format csv',
  'logger read kraken BTC/USD BOOK --from now-5m',
  'logger read coinbase BTC-USD TRADES --columns trade_id,trade_price --format jsonl --limit 5',
)}`;

function rowCount(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It is a number of rows.');
  return Number(text);
}

export function readCommand(): Command {
  const command = new Command()
    .argument('<exchange>', 'e.g. coinbase')
    .argument('<symbol>', 'native symbol, e.g. BTC-USD')
    .argument('<table>', 'e.g. TRADES')
    .option('--day <day>', 'YYYY-MM-DD, today or yesterday (default: the newest day with rows)')
    .option('--from <time>', 'first event time, in one of the forms below (default: the first)')
    .option('--to <time>', 'event time to stop before (default: after the last)')
    .option('--limit <rows>', `print at most so many rows (default: all, ${TAIL_ROWS} with --tail)`, rowCount)
    .option('--tail', 'print the last rows instead of the first')
    .addOption(
      new Option('-f, --follow', 'then print new rows as they reach the files, until Ctrl+C; implies --tail')
        .conflicts(['day', 'to'])
        .implies({ tail: true }),
    )
    .option('--columns <names>', 'columns to print, separated by commas (default: all but the exact ones)')
    .addOption(new Option('--format <format>', 'output format').choices(FORMATS).default('table'))
    .option('--exact', 'fail rather than print a number that is only known as a 32-bit float')
    .addOption(new Option('--raw', 'print values as stored').conflicts('exact'));
  return addDataOptions(command)
    .addHelpText('after', HELP)
    .action(async (exchange: string, symbol: string, table: string, options: CommandOptions<ReadOptions>) =>
      runRead(exchange, symbol, table, await withData(options), process.stdout),
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
  requireData(options.data);
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
  const output = new Output(stream);
  const chosen = { fieldOptions, format: options.format, range };
  // rows that are followed come on top of the last ones, which end with the last there is
  const printer = new RowPrinter(output, tableDays[0]!, chosen, options.follow ? Infinity : limit);
  await printer.print(tableDays[start.index]!, start.row);
  for (const tableDay of tableDays.slice(start.index + 1)) await printer.print(tableDay, 0);
  printer.release();
  if (options.follow) await follow(place, tableDays, printer, stopSignal());
  await output.end();
}

/** Where the last `wanted` matching rows begin; searched from the end. */
function tailStart(
  tableDays: readonly TableDay[],
  range: Range | undefined,
  wanted: number,
): { index: number; row: number } {
  if (wanted === 0) return { index: tableDays.length - 1, row: tableDays.at(-1)!.rows };
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
  const newest = newestWithRows(place, days);
  if (newest === undefined)
    throw new LoggerError('DATA_UNREADABLE', `no files yet of ${place.symbol} ${place.table.name}`);
  const { range, firstDay, lastDay } = chooseTimes(options, newest);
  const matching = days.filter((day) => day >= firstDay && day <= lastDay);
  // what is followed may begin later than now
  const wanted = matching.length === 0 && options.follow ? [newest] : matching;
  if (wanted.length === 0) throw noData(place, days, firstDay === lastDay ? isoDay(firstDay) : 'these times');
  return { tableDays: wanted.map((day) => tableDayAt({ ...place, day })), range };
}

function noData({ symbol, table }: TablePlace, days: readonly number[], what: string): LoggerError {
  const existing = shortList(days.map(isoDay).reverse());
  return new LoggerError(
    'DATA_UNREADABLE',
    `no data for ${what}; days of ${symbol} ${table.name}: ${existing}`,
  );
}

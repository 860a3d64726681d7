/** `logger verify`: checks every table-day and reports what is wrong. Main thread; rows are read in pool tasks. */
import { availableParallelism } from 'node:os';
import type { Writable } from 'node:stream';
import { Command, InvalidArgumentError } from 'commander';
import { EXIT, LoggerError, messageOf } from '../base/errors.js';
import { groupBy } from '../base/group_by.js';
import { loadExchanges } from '../exchanges/index.js';
import { BOOK, GAPS, TABLES, TRADES, tableByName } from '../schema/tables.js';
import type { Interval } from '../store/read/intervals.js';
import { type GapRow, listedIds, readGaps } from '../store/read/listings.js';
import { joined, type ProblemList, Problems } from '../store/read/problems.js';
import { listTableDays, requireData, type TableDay, type TableDayFilter } from '../store/read/reader.js';
import {
  checkListings,
  checkSequence,
  type DayIds,
  type IdMeaning,
  numberings,
  suspectIds,
} from '../store/read/sequences.js';
import type { BookReport, BookRequest } from '../store/verify/books.js';
import { type JournalProblem, verifyJournal } from '../store/verify/journal.js';
import { type TableDayReport, type VerifyRequest, verifyTableDay } from '../store/verify/table_day.js';
import { isOwned } from '../supervisor/lock.js';
import { examples, exitStatuses } from './common.js';
import { addDataOptions, type CommandOptions, withData } from './data_options.js';
import { type JournalState, journalState, waitingText } from './journal_state.js';
import { Output } from './output.js';
import { runTasks } from './pool.js';
import { Progress } from './progress.js';
import { chooseExchange, chooseSymbol } from './select.js';
import { parseDay } from './times.js';
import { verifyBooksTask } from './verify_books_task.js';
import { jsonReport, textReport, type VerifyReport } from './verify_report.js';

/** Below this much data the start of the threads costs more than they save. */
const POOL_BYTES_MIN = 64 * 1024 * 1024;

export interface VerifyOptions {
  readonly data: string;
  readonly exchange?: string;
  readonly symbol?: string;
  readonly table?: string;
  readonly day?: string;
  readonly gaps?: boolean;
  readonly json?: boolean;
  readonly jobs?: number;
}

const HELP = `
Checks that all columns of a table-day are there, whole and of equal length; that the files of a closed day begin
with the bytes that its checksum file says; that every 32-bit float is the correctly rounded value of its exact
digits; that sides, flags and times are valid and rows lie in the file of their day; that side-car lines belong to
rows; that order books made of their rows have the checksums that the exchange sent and are never crossed; and that
every trade id between the first and the last is there once or listed in GAPS, not both; and that the files have what
the journal and its checkpoint know. Reads only; files that are being
written meanwhile are no problem, and neither is a closed day that has no checksum file yet. Rows that a crash left in
the journal are counted and no problem either: the next start, or \`logger recover\`, writes them to the columns.
${exitStatuses({ ok: 'all is well', failed: 'anything is wrong, or there is nothing to verify' })}${examples(
  'logger verify',
  'logger verify --exchange coinbase --day yesterday --json',
  'logger verify --table trades --gaps',
)}`;

function jobCount(text: string): number {
  if (!/^[1-9]\d{0,2}$/.test(text)) throw new InvalidArgumentError('It is a number of threads, 1 to 999.');
  return Number(text);
}

export function verifyCommand(): Command {
  const command = new Command()
    .option('--exchange <name>', 'only this exchange (default: every)')
    .option('--symbol <symbol>', 'only this native symbol (default: every)')
    .option('--table <table>', 'only this table (default: every)')
    .option('--day <day>', 'only this day: YYYY-MM-DD, today or yesterday (default: every)')
    .option('--gaps', 'list every gap instead of their numbers by table and cause')
    .option('--json', 'print one JSON document')
    .option(
      '--jobs <threads>',
      'threads to read with (default: all cores when there is much to read)',
      jobCount,
    );
  return addDataOptions(command)
    .addHelpText('after', HELP)
    .action(async (options: CommandOptions<VerifyOptions>) => {
      const ok = await runVerify(await withData(options), process.stdout, process.stderr);
      if (!ok) process.exitCode = EXIT.failed;
    });
}

/** Verifies and prints; whether all is well. Throws LoggerError USAGE or DATA_UNREADABLE when nothing matches. */
export async function runVerify(
  options: VerifyOptions,
  stream: Writable,
  terminal: ConstructorParameters<typeof Progress>[0],
): Promise<boolean> {
  const started = Date.now();
  requireData(options.data);
  const filter = chooseFilter(options);
  const tableDays = listTableDays(options.data, filter);
  const journal = journalState(options.data, filter);
  if (tableDays.length === 0) {
    const waiting = waitingText(journal);
    throw new LoggerError(
      'DATA_UNREADABLE',
      `nothing to verify in ${options.data} with these filters${waiting === undefined ? '' : `; ${waiting}`}`,
    );
  }
  const reports = await verifyAll(tableDays, options.jobs, terminal);
  const books = await verifyAllBooks(options, filter.day, tableDays);
  const meanings = await idMeanings();
  const report = judge(
    options.data,
    filter,
    withBooks(reports, books),
    [...books.values()],
    meanings,
    journal,
  );
  addJournal(options.data, filter, report);
  const output = new Output(stream);
  output.write(options.json ? jsonReport(report) : textReport(report, Date.now() - started, options.gaps));
  await output.end();
  return report.problemCount === 0;
}

/** By exchange. */
type IdMeanings = ReadonlyMap<string, IdMeaning>;

async function idMeanings(): Promise<IdMeanings> {
  const exchanges = await loadExchanges();
  return new Map(
    exchanges.map(({ id, channels: { trades } }): [string, IdMeaning] => [
      id,
      trades.ids === 'contiguous' ? 'contiguous' : trades.idColumn === undefined ? 'unique' : 'shared',
    ]),
  );
}

function chooseFilter(options: VerifyOptions): TableDayFilter {
  const { data } = options;
  const table = options.table === undefined ? undefined : tableByName(options.table.toUpperCase());
  if (options.table !== undefined && table === undefined) {
    const names = TABLES.map((t) => t.name).join(', ');
    throw new LoggerError('USAGE', `no table ${options.table}; tables: ${names}`);
  }
  const exchange = options.exchange === undefined ? undefined : chooseExchange(data, options.exchange);
  const symbol =
    exchange === undefined || options.symbol === undefined
      ? options.symbol
      : chooseSymbol(data, exchange, options.symbol);
  const day = options.day === undefined ? undefined : parseDay(options.day);
  return { exchange, symbol, table: table?.name, day };
}

function bytesOf({ table, columns, rows }: TableDay): number {
  const width = table.columns.reduce((sum, c) => sum + (columns.includes(c.name) ? c.bytes : 0), 0);
  return rows * width;
}

async function verifyAll(
  tableDays: readonly TableDay[],
  jobs: number | undefined,
  terminal: ConstructorParameters<typeof Progress>[0],
): Promise<TableDayReport[]> {
  const bytes = tableDays.reduce((sum, tableDay) => sum + bytesOf(tableDay), 0);
  const rows = tableDays.reduce((sum, tableDay) => sum + tableDay.rows, 0);
  const progress = new Progress(terminal, rows, 'rows');
  try {
    return await runTasks({
      name: verifyTableDay.name,
      requests: tableDays.map(
        ({ exchange, symbol, directory, table, day }): VerifyRequest => ({
          exchange,
          symbol,
          directory,
          table: table.name,
          day,
        }),
      ),
      threads: jobs ?? (bytes < POOL_BYTES_MIN ? 1 : availableParallelism()),
      inline: verifyTableDay,
      onDone: (_request, report) => progress.add(report.rows),
    });
  } finally {
    progress.end();
  }
}

/** The books of every symbol that has rows of them, by symbolKey(). */
async function verifyAllBooks(
  { data, jobs }: VerifyOptions,
  day: number | undefined,
  tableDays: readonly TableDay[],
): Promise<Map<string, BookReport>> {
  const ofBooks = groupBy(
    tableDays.filter(({ table }) => table === BOOK),
    symbolKey,
  );
  const bytes = [...ofBooks.values()].flat().reduce((sum, tableDay) => sum + bytesOf(tableDay), 0);
  const reports = await runTasks({
    name: verifyBooksTask.name,
    requests: [...ofBooks.values()].map(
      ([{ exchange, symbol }]): BookRequest => ({ data, exchange, symbol, day }),
    ),
    threads: jobs ?? (bytes < POOL_BYTES_MIN ? 1 : availableParallelism()),
    inline: verifyBooksTask,
  });
  return new Map([...ofBooks.keys()].map((key, i) => [key, reports[i]!]));
}

/** Puts what was found in the books to the table-days it belongs to. */
function withBooks(
  reports: readonly TableDayReport[],
  books: ReadonlyMap<string, BookReport>,
): TableDayReport[] {
  return reports.map((report) => {
    const found =
      report.table === BOOK.name
        ? books.get(symbolKey(report))?.days.find(({ day }) => day === report.day)
        : undefined;
    return found === undefined ? report : { ...report, problems: joined(report.problems, found.problems) };
  });
}

const symbolKey = ({ exchange, symbol }: { exchange: string; symbol: string }) => `${exchange}/${symbol}`;

/** Adds what only all table-days of a symbol together show. */
function judge(
  data: string,
  filter: TableDayFilter,
  reports: readonly TableDayReport[],
  books: readonly BookReport[],
  meanings: IdMeanings,
  journal: JournalState,
): VerifyReport {
  const report: VerifyReport = {
    tableDays: reports,
    books,
    symbols: [],
    gaps: [],
    problems: [],
    notes: [],
    journal,
    problemCount: 0,
  };
  for (const { problems, exchange, symbol, table, day } of reports) {
    report.problemCount += problems.count;
    for (const problem of problems.told) report.problems.push({ exchange, symbol, table, day, ...problem });
  }
  const { exchange, symbol } = filter;
  const gapDays = groupBy(listTableDays(data, { exchange, symbol, table: GAPS.name }), symbolKey);
  for (const [key, days] of groupBy(reports, symbolKey)) {
    const [{ exchange, symbol }] = days;
    const otherDays = () =>
      listTableDays(data, { exchange, symbol, table: TRADES.name }).filter(({ day }) => day !== filter.day);
    judgeSymbol(filter, days, gapDays.get(key) ?? [], otherDays, meanings, report);
  }
  return report;
}

/** Adds what the journal knows of the table-days that were asked for. */
function addJournal(data: string, filter: TableDayFilter, report: VerifyReport): void {
  const wanted = (at: NonNullable<JournalProblem['at']>) =>
    (['exchange', 'symbol', 'table', 'day'] as const).every(
      (key) => filter[key] === undefined || filter[key] === at[key],
    );
  for (const { at, text } of verifyJournal(data, isOwned(data) !== false)) {
    if (at !== undefined && !wanted(at)) continue;
    report.problemCount++;
    report.problems.push({ ...(at ?? { exchange: '-', symbol: '-', table: '-' }), check: 'journal', text });
  }
}

function judgeSymbol(
  filter: TableDayFilter,
  reports: readonly TableDayReport[],
  gapDays: readonly TableDay[],
  otherDays: () => TableDay[],
  meanings: IdMeanings,
  report: VerifyReport,
): void {
  const { exchange, symbol } = reports[0]!;
  const add = (table: string, { told, count }: ProblemList) => {
    report.problemCount += count;
    for (const problem of told) report.problems.push({ exchange, symbol, table, ...problem });
  };
  const { gaps, problems } = readAllGaps(gapDays);
  add(GAPS.name, problems);
  const table = filter.table === undefined ? undefined : tableByName(filter.table);
  for (const gap of gaps) {
    if (filter.day !== undefined && gap.day !== filter.day) continue;
    if (table === undefined || table === GAPS || table.id === gap.table)
      report.gaps.push({ exchange, symbol, ...gap });
  }
  const trades = reports.flatMap(({ day, ids }): DayIds[] => (ids === undefined ? [] : [{ day, ids }]));
  const parts = numberings(trades, gaps);
  if (parts.length > 1)
    report.notes.push(
      `${exchange} ${symbol} ${TRADES.name}: ids begin again ${parts.length - 1} times, days of that are not judged`,
    );
  const meaning = meanings.get(exchange);
  for (const { days, gaps } of parts) {
    if (meaning === 'contiguous') add(TRADES.name, checkListings(days, gaps));
    if (days.length === 0) continue;
    const judge = (elsewhere: Interval[]) => checkSequence(days, listedIds(gaps), meaning, elsewhere);
    let sequence = judge([]);
    if (sequence.missing > 0n && filter.day !== undefined) sequence = judge(suspectIds(otherDays()));
    report.symbols.push({ exchange, symbol, ...sequence });
    add(TRADES.name, sequence.problems);
    for (const note of sequence.notes) report.notes.push(`${exchange} ${symbol} ${TRADES.name} ${note}`);
  }
}

/** All GAPS rows of a symbol, of every day: a gap may be established after midnight. */
function readAllGaps(tableDays: readonly TableDay[]): { gaps: GapRow[]; problems: ProblemList } {
  const gaps: GapRow[] = [];
  const problems = new Problems();
  for (const tableDay of tableDays) {
    try {
      for (const gap of readGaps(tableDay)) gaps.push(gap);
    } catch (error) {
      problems.add('unreadable', () => messageOf(error));
    }
  }
  return { gaps, problems: problems.list() };
}

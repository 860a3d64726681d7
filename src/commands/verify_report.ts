/** The result of `logger verify` as text for people and as JSON. */
import { groupBy } from '../base/group_by.js';
import { tableById } from '../schema/tables.js';
import { isoDay } from '../store/disk/paths.js';
import { intervalText } from '../store/read/intervals.js';
import type { GapRow } from '../store/read/listings.js';
import type { Problem } from '../store/read/problems.js';
import { causeName, isoTime } from '../store/read/row_text.js';
import type { SequenceReport } from '../store/read/sequences.js';
import type { BookReport } from '../store/verify/books.js';
import type { SealState, TableDayReport } from '../store/verify/table_day.js';
import { type JournalState, journalLines, journalObject } from './journal_state.js';

/** Lines of each list that are printed as text. */
const LINES_MAX = 50;
/** Gaps in the JSON document. */
const JSON_GAPS_MAX = 10_000;

interface Place {
  readonly exchange: string;
  readonly symbol: string;
}

export type LocatedProblem = Place & Problem & { readonly table: string; readonly day?: number };

export interface VerifyReport {
  readonly tableDays: readonly TableDayReport[];
  readonly books: readonly BookReport[];
  readonly symbols: (Place & SequenceReport)[];
  readonly gaps: (Place & GapRow)[];
  /** those that are reported; problemCount counts all */
  readonly problems: LocatedProblem[];
  readonly notes: string[];
  readonly journal: JournalState;
  problemCount: number;
}

/** One line of the summary. */
interface TableSummary {
  readonly exchange: string;
  readonly table: string;
  symbols: number;
  table_days: number;
  rows: number;
  bytes: number;
  out_of_order: bigint;
  kept_duplicates: bigint;
  missing_ids: bigint;
  listed_ids: bigint;
  problems: number;
}

function summarize(report: VerifyReport): TableSummary[] {
  const groups = groupBy(report.tableDays, ({ exchange, table }) => `${exchange} ${table}`);
  return [...groups.values()].map((days) => {
    const { exchange, table } = days[0]!;
    const sum = (of: (day: TableDayReport) => number) => days.reduce((total, day) => total + of(day), 0);
    const ids = report.symbols.filter(
      (s) => s.exchange === exchange && days.some((d) => d.ids !== undefined),
    );
    const total = (of: (s: SequenceReport) => bigint) => ids.reduce((all, s) => all + of(s), 0n);
    return {
      exchange,
      table,
      symbols: new Set(days.map((d) => d.symbol)).size,
      table_days: days.length,
      rows: sum((d) => d.rows),
      bytes: sum((d) => d.bytes),
      out_of_order: total((s) => s.outOfOrder),
      kept_duplicates: total((s) => s.keptDuplicates),
      missing_ids: total((s) => s.missing),
      listed_ids: total((s) => s.listed),
      problems: sum((d) => d.problems.count) + ids.reduce((all, s) => all + s.problems.count, 0),
    };
  });
}

const grouped = (value: number | bigint) => value.toLocaleString('en');

function summaryLines(summary: readonly TableSummary[]): string[] {
  const head = [
    'exchange',
    'table',
    'symbols',
    'table-days',
    'rows',
    'ids missing',
    'of them listed',
    'late rows',
    'problems',
  ];
  const cells = summary.map((s) => [
    s.exchange,
    s.table,
    grouped(s.symbols),
    grouped(s.table_days),
    grouped(s.rows),
    grouped(s.missing_ids),
    grouped(s.listed_ids),
    grouped(s.out_of_order),
    grouped(s.problems),
  ]);
  const widths = head.map((name, i) => Math.max(name.length, ...cells.map((row) => row[i]!.length)));
  return [head, ...cells].map((row) =>
    row
      .map((cell, i) => (i < 2 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join('  ')
      .trimEnd(),
  );
}

function problemLine({ exchange, symbol, table, day, check, text }: LocatedProblem): string {
  return `${exchange} ${symbol} ${table}${day === undefined ? '' : ` ${isoDay(day)}`}: ${check}: ${text}`;
}

function gapLine(gap: Place & GapRow): string {
  const table = gapTable(gap);
  const ids = gap.toId > 0n ? ` ids ${intervalText({ from: gap.fromId, to: gap.toId })}` : '';
  const from = gap.fromTime === 0 ? 'the start' : isoTime(gap.fromTime, gap.fromNanos);
  const messages = gap.messages > 0n ? `, ${gap.messages} messages` : '';
  return (
    `${gap.exchange} ${gap.symbol} ${table}${ids}: ${causeName(gap.cause)}, ` +
    `from ${from} to ${isoTime(gap.toTime, gap.toNanos)}${messages}${gap.state === 'open' ? '' : `, ${gap.state}`}`
  );
}

function causeCounts(gaps: readonly GapRow[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { cause } of gaps) counts[causeName(cause)] = (counts[causeName(cause)] ?? 0) + 1;
  return counts;
}

const gapTable = ({ table }: GapRow) => tableById(table)?.name ?? `table ${table}`;

/** How often each table has each cause. */
function tableCounts(gaps: readonly GapRow[]): Record<string, Record<string, number>> {
  const byTable = [...groupBy(gaps, gapTable)];
  return Object.fromEntries(byTable.map(([table, of]) => [table, causeCounts(of)]));
}

function countsText(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([cause, count]) => `${grouped(count)} ${cause}`)
    .join(', ');
}

/** Gaps summed up, or one by one. */
function gapLines(gaps: readonly (Place & GapRow)[], listed: boolean): string[] {
  if (gaps.length === 0) return [];
  const lines = listed
    ? gaps.map(gapLine)
    : Object.entries(tableCounts(gaps)).map(([table, counts]) => `${table}: ${countsText(counts)}`);
  const hint = listed ? '' : ' (--gaps lists them)';
  return ['', `gaps: ${countsText(causeCounts(gaps))}${hint}`, ...lines.map((line) => `  ${line}`)];
}

/** Table-days with a checksum file, closed ones without, and rows that came after their table-day was sealed. */
function sealCounts(tableDays: readonly TableDayReport[]) {
  const count = (state: SealState) => tableDays.filter(({ seal }) => seal === state).length;
  const late_rows = tableDays.reduce((sum, { lateRows }) => sum + lateRows, 0);
  return { sealed: count('sealed'), due: count('due'), late_rows };
}

/** Events of order books that could be followed, and the checksums among them that were made again. */
function bookCounts(books: readonly BookReport[]) {
  const sum = (of: (report: BookReport) => number) => books.reduce((total, report) => total + of(report), 0);
  return { books: books.length, events: sum((b) => b.events), checksums: sum((b) => b.checksums) };
}

/** A titled list, cut at LINES_MAX of `count`. */
function section(title: string, lines: readonly string[], count: number): string[] {
  if (count === 0) return [];
  const shown = lines.slice(0, LINES_MAX);
  const more = count - shown.length;
  return [
    title,
    ...shown.map((line) => `  ${line}`),
    ...(more > 0 ? [`  and ${grouped(more)} more`] : []),
    '',
  ];
}

/** Text from files must neither steer a terminal nor break a line. */
function printable(line: string): string {
  return line.replace(/\p{Cc}/gu, '?');
}

/** Problems first, then summary table, gaps, notes and the verdict. `listed`: gaps one by one. */
export function textReport(report: VerifyReport, elapsedMs: number, listed = false): string {
  const { gaps, notes, problems, problemCount, tableDays } = report;
  const rows = tableDays.reduce((sum, day) => sum + day.rows, 0);
  const seals = sealCounts(tableDays);
  const books = bookCounts(report.books);
  const verdict =
    problemCount === 0 ? 'no problem' : `${grouped(problemCount)} problem${problemCount === 1 ? '' : 's'}`;
  return [
    ...section('problems:', problems.map(problemLine), problemCount),
    ...summaryLines(summarize(report)),
    ...gapLines(gaps, listed),
    '',
    ...section('notes:', notes, notes.length),
    `checksums: ${grouped(seals.sealed)} table-days sealed, ${grouped(seals.due)} closed ones not yet, ${grouped(seals.late_rows)} late rows not yet`,
    ...(books.books === 0
      ? []
      : [
          `order books: ${grouped(books.books)}, ${grouped(books.events)} events followed, ${grouped(books.checksums)} checksums recomputed`,
        ]),
    ...journalLines(report.journal),
    `${verdict} in ${grouped(tableDays.length)} table-days, ${grouped(rows)} rows (${(elapsedMs / 1000).toFixed(1)} s)`,
  ]
    .map((line) => `${printable(line)}\n`)
    .join('');
}

/** Integers up to 2^53 as numbers, above as strings, as in `logger read`. */
function jsonInteger(value: bigint): number | string {
  return value <= 2n ** 53n ? Number(value) : String(value);
}

/** One JSON document with the same content. */
export function jsonReport(report: VerifyReport): string {
  const { gaps, notes, problems, problemCount, tableDays } = report;
  const document = {
    ok: problemCount === 0,
    table_days: tableDays.length,
    rows: tableDays.reduce((sum, day) => sum + day.rows, 0),
    problem_count: problemCount,
    problems: problems.map(({ exchange, symbol, table, day, check, text }) => ({
      exchange,
      symbol,
      table,
      day: day === undefined ? null : isoDay(day),
      check,
      text,
    })),
    checksums: sealCounts(tableDays),
    order_books: bookCounts(report.books),
    journal: journalObject(report.journal),
    notes,
    tables: summarize(report),
    gap_count: gaps.length,
    gap_causes: causeCounts(gaps),
    gap_tables: tableCounts(gaps),
    gaps: gaps.slice(0, JSON_GAPS_MAX).map((gap) => ({
      exchange: gap.exchange,
      symbol: gap.symbol,
      table: tableById(gap.table)?.name ?? gap.table,
      cause: causeName(gap.cause),
      from_id: gap.fromId,
      to_id: gap.toId,
      from: gap.fromTime === 0 ? null : isoTime(gap.fromTime, gap.fromNanos),
      to: isoTime(gap.toTime, gap.toNanos),
      messages: gap.messages,
      state: gap.state,
    })),
  };
  return `${JSON.stringify(document, (_key, value) => (typeof value === 'bigint' ? jsonInteger(value) : value), 2)}\n`;
}

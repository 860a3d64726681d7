/** `logger gaps`: lists what is missing and what has become of it, or sums it up. Main thread. */
import type { Writable } from 'node:stream';
import { Command, Option } from 'commander';
import { groupBy } from '../base/group_by.js';
import { GAP_CAUSES, GAPS, tableById } from '../schema/tables.js';
import { type KnownGap, knownGaps } from '../store/read/gap_states.js';
import { intervalText } from '../store/read/intervals.js';
import { GAP_STATES, type GapRow, type GapState, readGaps } from '../store/read/listings.js';
import { listTableDays, requireData } from '../store/read/reader.js';
import { causeName, isoTime } from '../store/read/row_text.js';
import { examples, exitStatuses } from './common.js';
import { addDataOptions, type CommandOptions, withData } from './data_options.js';
import { Output } from './output.js';
import { chooseExchange, chooseSymbol } from './select.js';
import { chooseTimes, type Range, type TimeOptions } from './time_range.js';
import { compareMoments } from './times.js';

export interface GapsOptions extends TimeOptions {
  readonly data: string;
  readonly state?: GapState;
  readonly cause?: string;
  readonly sum?: boolean;
  readonly json?: boolean;
}

const HELP = `
A gap is what is known to be missing: ids, or where an exchange numbers nothing the time between two messages. It is
  open          it may still be fetched: as long as it is, the logger tries, and again after a restart
  repaired      everything is there after all: fetched over REST, arrived late, or never missing
  unrepairable  the exchange keeps no history of it, or not this part; "why" says which
Causes are explained in TABLES.md. --from and --to take the times that \`logger read\` takes and choose the gaps that
overlap them. "missing" counts messages, where their number is known, "repaired" the rows that were fetched for them.
${exitStatuses({ ok: 'listed, even if there is no gap', failed: 'there is no such data, or it cannot be read' })}${examples(
  'logger gaps',
  'logger gaps --sum',
  'logger gaps binance BTCUSDT TRADES --state open',
  'logger gaps --cause disconnect --from now-1d --json',
)}`;

export function gapsCommand(): Command {
  const command = new Command()
    .argument('[exchange]', 'only this exchange (default: every)')
    .argument('[symbol]', 'only this native symbol (default: every)')
    .argument('[table]', 'only gaps of this table (default: of every one)')
    .addOption(new Option('--state <state>', 'only gaps in this state (default: every)').choices(GAP_STATES))
    .addOption(
      new Option('--cause <cause>', 'only gaps with this cause (default: every)').choices(
        Object.keys(GAP_CAUSES),
      ),
    )
    .option('--day <day>', 'only gaps of this day: YYYY-MM-DD, today or yesterday (default: every)')
    .option('--from <time>', 'only gaps that end after this time (default: the first)')
    .option('--to <time>', 'only gaps that begin before this time (default: the last)')
    .option('--sum', 'sums by exchange, table, cause and state instead of single gaps')
    .option('--json', 'print one JSON document');
  return addDataOptions(command)
    .addHelpText('after', HELP)
    .action(
      async (
        exchange: string | undefined,
        symbol: string | undefined,
        table: string | undefined,
        options: CommandOptions<GapsOptions>,
      ) => runGaps({ exchange, symbol, table }, await withData(options), process.stdout),
    );
}

/** Which gaps: native names, in any case of letters. */
export interface GapsOf {
  readonly exchange?: string;
  readonly symbol?: string;
  readonly table?: string;
}

/** A gap with the place where it is. */
type LocatedGap = KnownGap & { readonly exchange: string; readonly symbol: string };

/** Prints the gaps that the arguments ask for; throws LoggerError USAGE or DATA_UNREADABLE. */
export async function runGaps(of: GapsOf, options: GapsOptions, stream: Writable): Promise<void> {
  requireData(options.data);
  const gaps = chosen(of, options);
  const output = new Output(stream);
  if (options.json)
    output.write(`${JSON.stringify(options.sum ? sums(gaps) : gaps.map(jsonGap), jsonValue, 2)}\n`);
  else
    for (const line of options.sum ? sumLines(sums(gaps)) : gapLines(gaps))
      if (output.write(`${line}\n`)) await output.flush();
  await output.end();
}

function chosen(of: GapsOf, options: GapsOptions): LocatedGap[] {
  const { data } = options;
  const exchange = of.exchange === undefined ? undefined : chooseExchange(data, of.exchange);
  const symbol =
    exchange === undefined || of.symbol === undefined ? undefined : chooseSymbol(data, exchange, of.symbol);
  const tableDays = listTableDays(data, { exchange, symbol, table: GAPS.name });
  const matches = matcher(of.table, options);
  const symbols = groupBy(tableDays, (day) => `${day.exchange}/${day.symbol}`);
  return [...symbols.values()].flatMap((days) => {
    const { exchange, symbol } = days[0]!;
    // what became of a gap may stand in the file of another day
    const rows = days.flatMap((day) => [...readGaps(day)]);
    return knownGaps(rows)
      .filter(matches)
      .map((gap) => ({ exchange, symbol, ...gap }));
  });
}

function matcher(table: string | undefined, options: GapsOptions): (gap: KnownGap) => boolean {
  const { state, cause } = options;
  const name = table?.toUpperCase();
  const overlaps = rangeOf(options);
  return (gap) =>
    (name === undefined || tableName(gap.row).toUpperCase() === name) &&
    (state === undefined || gap.state === state) &&
    (cause === undefined || causeName(gap.row.cause) === cause) &&
    overlaps(gap.row);
}

/** Whether a gap lies at least in part within the times asked for. */
function rangeOf(options: GapsOptions): (gap: GapRow) => boolean {
  if (options.day === undefined && options.from === undefined && options.to === undefined) return () => true;
  const today = Math.floor(Date.now() / 86_400_000);
  const { range, firstDay, lastDay } = chooseTimes(options, today);
  const times: Range = range ?? {
    from: { seconds: firstDay * 86_400, nanos: 0 },
    to: { seconds: (lastDay + 1) * 86_400, nanos: 0 },
  };
  return ({ fromTime, fromNanos, toTime, toNanos }) =>
    (times.from === undefined || compareMoments({ seconds: toTime, nanos: toNanos }, times.from) >= 0) &&
    (times.to === undefined || compareMoments({ seconds: fromTime, nanos: fromNanos }, times.to) < 0);
}

const tableName = ({ table }: GapRow) => tableById(table)?.name ?? `table ${table}`;
const fromText = ({ fromTime, fromNanos }: GapRow) =>
  fromTime === 0 ? 'the start' : isoTime(fromTime, fromNanos);
const toText = ({ toTime, toNanos }: GapRow) => isoTime(toTime, toNanos);
const idsText = ({ fromId, toId }: GapRow) => (toId > 0n ? intervalText({ from: fromId, to: toId }) : '');
const reasonText = ({ reason }: KnownGap) => (reason === undefined ? '' : causeName(reason));
const count = (value: bigint) => (value > 0n ? value.toLocaleString('en') : '');

/** Columns of the list; those of numbers stand on the right. */
const COLUMNS: readonly (readonly [head: string, right: boolean, text: (gap: LocatedGap) => string])[] = [
  ['exchange', false, ({ exchange }) => exchange],
  ['symbol', false, ({ symbol }) => symbol],
  ['table', false, ({ row }) => tableName(row)],
  ['state', false, ({ state }) => state],
  ['cause', false, ({ row }) => causeName(row.cause)],
  ['why', false, reasonText],
  ['missing', true, ({ row }) => count(row.messages)],
  ['repaired', true, ({ repaired }) => count(repaired)],
  ['from', false, ({ row }) => fromText(row)],
  ['to', false, ({ row }) => toText(row)],
  ['ids', false, ({ row }) => idsText(row)],
];

function gapLines(gaps: readonly LocatedGap[]): string[] {
  if (gaps.length === 0) return ['no gaps'];
  return aligned(
    COLUMNS.map(([head]) => head),
    gaps.map((gap) => COLUMNS.map(([, , text]) => text(gap))),
    COLUMNS.map(([, right]) => right),
  );
}

function aligned(head: readonly string[], rows: readonly string[][], right: readonly boolean[]): string[] {
  const widths = head.map((name, i) => rows.reduce((w, row) => Math.max(w, row[i]!.length), name.length));
  return [head, ...rows].map((row) =>
    row
      .map((cell, i) => (right[i] ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd(),
  );
}

/** One line of the sums. */
interface Sum {
  readonly exchange: string;
  readonly table: string;
  readonly cause: string;
  readonly state: GapState;
  readonly gaps: number;
  readonly symbols: number;
  readonly missing: bigint;
  readonly repaired: bigint;
  readonly seconds: number;
}

function sums(gaps: readonly LocatedGap[]): Sum[] {
  const keyOf = ({ exchange, row, state }: LocatedGap) =>
    [exchange, tableName(row), causeName(row.cause), state].join(' ');
  const groups = [...groupBy(gaps, keyOf)].sort(([a], [b]) => (a < b ? -1 : 1));
  return groups.map(([, of]) => {
    const { exchange, row, state } = of[0]!;
    return {
      ...{ exchange, table: tableName(row), cause: causeName(row.cause), state, gaps: of.length },
      symbols: new Set(of.map(({ symbol }) => symbol)).size,
      missing: of.reduce((sum, gap) => sum + gap.row.messages, 0n),
      repaired: of.reduce((sum, gap) => sum + gap.repaired, 0n),
      seconds: Math.round(of.reduce((sum, gap) => sum + secondsOf(gap.row), 0) * 1000) / 1000,
    };
  });
}

/** How long a gap is; one that has no beginning, or a clock that was set back, has no length. */
function secondsOf({ fromTime, fromNanos, toTime, toNanos }: GapRow): number {
  return fromTime === 0 ? 0 : Math.max(0, toTime - fromTime + (toNanos - fromNanos) / 1e9);
}

function sumLines(of: readonly Sum[]): string[] {
  if (of.length === 0) return ['no gaps'];
  const head = ['exchange', 'table', 'cause', 'state', 'gaps', 'symbols', 'missing', 'repaired', 'seconds'];
  const rows = of.map((sum) => [
    ...[sum.exchange, sum.table, sum.cause, sum.state],
    ...[sum.gaps, sum.symbols, sum.missing, sum.repaired].map((n) => n.toLocaleString('en')),
    sum.seconds.toLocaleString('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 }),
  ]);
  return aligned(
    head,
    rows,
    head.map((_, i) => i >= 4),
  );
}

function jsonGap({ exchange, symbol, row, state, repaired, open, reason }: LocatedGap) {
  return {
    ...{ exchange, symbol, table: tableName(row), state, cause: causeName(row.cause) },
    reason: reason === undefined ? null : causeName(reason),
    ...{ from_id: row.toId > 0n ? row.fromId : null, to_id: row.toId > 0n ? row.toId : null },
    from: row.fromTime === 0 ? null : fromText(row),
    to: toText(row),
    ...{ missing: row.messages, repaired },
    open_ids: open.map(({ from, to }) => [from, to]),
  };
}

/** Integers up to 2^53 as numbers, above as strings, as in `logger read`. */
function jsonValue(_key: string, value: unknown): unknown {
  if (typeof value !== 'bigint') return value;
  return value <= 2n ** 53n ? Number(value) : String(value);
}

/**
 * Many days of an exchange in minutes: the wall clock of simulator and logger runs fast, and all that happens to a
 * connection in a month happens to it: it is closed at the age of a day and cut at any moment, midnights pass, symbols are
 * delisted and listed, messages are lost, repeated and exchanged. Used by days.test.ts (short) and run.ts.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { groupBy } from '../../src/base/group_by.js';
import { loadExchange } from '../../src/exchanges/index.js';
import { GAPS } from '../../src/schema/tables.js';
import { compareLedger } from '../../src/simulator/compare/compare.js';
import type { ChannelComparison } from '../../src/simulator/compare/comparison.js';
import { type KnownGap, knownGaps } from '../../src/store/read/gap_states.js';
import { readGaps } from '../../src/store/read/listings.js';
import { listTableDays, type TableDay } from '../../src/store/read/reader.js';
import { causeName } from '../../src/store/read/row_text.js';
import { repairedTrades, tradeChannel, tradesOf } from '../faults/observed.js';
import { falselyListed } from '../faults/truth.js';
import { startFastClock } from '../support/fast_clock.js';
import {
  type LoggerProcess,
  type SimulatorProcess,
  sleep,
  startLoggerProcess,
  startSimulatorProcess,
  temporaryFolder,
  until,
  verifyProblems,
} from '../support/processes.js';
import { Random } from '../support/random.js';

export interface DaysOptions {
  readonly exchange: string;
  readonly days: number;
  /** how long a day takes, in real seconds */
  readonly daySecs: number;
  readonly seed: number;
  readonly symbols: number;
  /** messages per real second */
  readonly rate: number;
  readonly report: (line: string) => void;
}

export interface DaysResult {
  readonly channels: readonly ChannelComparison[];
  /** how often each thing was made to happen */
  readonly happened: Readonly<Record<string, number>>;
  /** UTC days with trades on disk */
  readonly days: number;
  readonly handovers: number;
  /** trades fetched over REST */
  readonly repaired: number;
  /** gaps in trades that stay, by cause and by why they cannot be repaired */
  readonly left: Readonly<Record<string, number>>;
  readonly problems: readonly string[];
}

const DAY_SECS = 86_400;
/** What the logger is told of the age at which connections are closed, as a share of it: a day is short here. */
const EXPECTED = 0.6;
/** Real seconds between two things that happen; exchanges allow only so many requests in a real minute. */
const BETWEEN_SECS = [1, 4] as const;
/** How often symbols are looked up, and for how long one is away: three lists have to lack it. */
const REFRESH_SECS = 4;
const AWAY_SECS = 18;
const REPAIR_SECS = 300;
/** Days that the end may take. */
const SPARE_DAYS = 30;
const CHANNELS = ['ticker', 'bbo'];
/** Causes that something of what happens here has. */
const TRUE_CAUSES: readonly string[] = [
  'disconnect',
  'unknown',
  'handover',
  'unsubscribed',
  'snapshot',
  'silence',
  'out_of_reach',
  'absent',
];

/** What happens, how often compared with the others, and how. */
type Happening = readonly [
  name: string,
  weight: number,
  happens: (simulator: SimulatorProcess, random: Random, symbols: readonly string[]) => Promise<void>,
];

const DROPS: Happening = [
  'drops',
  30,
  (s, r, names) => s.fault({ kind: 'drop', symbol: r.of(names), count: 1 + r.below(30) }),
];
const CUTS: Happening = ['cuts', 12, (s, r) => s.fault({ kind: 'cut', connections: r.of(['one', 'all']) })];
const HAPPENINGS: readonly Happening[] = [
  ['duplicates', 15, (s, r) => s.fault({ kind: 'duplicate', count: 1 + r.below(10) })],
  ['reorders', 15, (s, r) => s.fault({ kind: 'reorder', count: 1 + r.below(10) })],
  CUTS,
  ['closes', 6, (s) => s.fault({ kind: 'close-24h' })],
  ['outages', 6, outage],
  ['REST troubles', 6, (s) => s.fault({ kind: 'http', target: 'rest', status: 503, seconds: 1 })],
  ['stalls', 6, (s) => s.fault({ kind: 'stall', seconds: 0.5 })],
  ['delistings', 4, delisting],
];

async function outage(simulator: SimulatorProcess): Promise<void> {
  await simulator.fault({ kind: 'refuse', seconds: 0.5 });
  await simulator.fault({ kind: 'cut', connections: 'all' });
}

/** A symbol is away for a while; what happens meanwhile does not wait for it. */
async function delisting(
  simulator: SimulatorProcess,
  random: Random,
  symbols: readonly string[],
): Promise<void> {
  const symbol = random.of(symbols);
  await simulator.fault({ kind: 'delist', symbol });
  await simulator.fault({ kind: 'list', symbol, after: AWAY_SECS });
}

export async function runDays(options: DaysOptions): Promise<DaysResult> {
  const { exchange } = options;
  const folder = temporaryFolder('days');
  const [ledger, data] = [join(folder, 'ledger'), join(folder, 'data')];
  const { simulator, logger, now } = await startCapture(options, folder, ledger);
  const happened = await pass(options, now, simulator, await capturedSymbols(data, options));
  const handovers = await lastHandovers(logger, exchange);
  const problems = await end(simulator, logger, data, exchange);
  const result = {
    channels: compareLedger(ledger, data).channels,
    ...{ happened, handovers },
    days: new Set(tradeDays(data, exchange).map(({ day }) => day)).size,
    repaired: repairedTrades(data, [exchange]),
    left: gapsLeft(data, exchange),
  };
  problems.push(...falselyListed(ledger, data), ...wrongIn(result));
  if (problems.length === 0) rmSync(folder, { recursive: true });
  else problems.push(`the files are in ${folder}`);
  return { ...result, problems };
}

/** Simulator and logger with one clock. */
async function startCapture(
  { exchange, days, daySecs, ...options }: DaysOptions,
  folder: string,
  ledger: string,
) {
  const { seed, symbols, rate } = options;
  // all of it lies in the past, so that the files are those of closed days
  const { env, now } = await startFastClock(DAY_SECS / daySecs, days + SPARE_DAYS);
  const flags = Object.entries({ symbols, rate, seed, 'close-after': daySecs }).flatMap(([name, value]) => [
    `--${name}`,
    String(value),
  ]);
  const simulator = await startSimulatorProcess(ledger, flags, exchange, env);
  const known = (await loadExchange(exchange)).channels;
  const channels = [tradeChannel(exchange), ...CHANNELS.filter((name) => name in known)];
  const lines = [
    `channels = ${JSON.stringify(channels)}`,
    `connection_secs_max = ${daySecs * EXPECTED}`,
    'symbols = "all"',
  ];
  const logger = startLoggerProcess(
    {
      folder,
      env: { ...env, LOGGER__SYMBOLS__REFRESH_SECS: String(REFRESH_SECS) },
      exchangeLines: { [exchange]: lines },
    },
    simulator,
  );
  await logger.ready();
  return { simulator, logger, now };
}

/** What is wrong with what is on disk and listed. */
function wrongIn({ channels, left }: Pick<DaysResult, 'channels' | 'left'>): string[] {
  const strange = Object.keys(left).filter((text) => !text.split(' ').every((c) => TRUE_CAUSES.includes(c)));
  return [
    ...strange.map((text) => `gaps with a cause that nothing here has: ${text}`),
    ...channels.flatMap(differencesOf),
  ];
}

/** Table-days of trades that have some. */
function tradeDays(data: string, exchange: string): TableDay[] {
  return listTableDays(data, { exchange, table: tradesOf(exchange).name }).filter(({ rows }) => rows > 0);
}

/** The symbols, once all of them are captured. */
function capturedSymbols(data: string, { exchange, symbols: count }: DaysOptions): Promise<string[]> {
  return until('every symbol has trades', () => {
    const names = [...new Set(tradeDays(data, exchange).map(({ symbol }) => symbol))];
    return names.length === count ? names : undefined;
  });
}

/** Lets the days pass, with all that happens; answers how often what did. */
async function pass(
  { exchange, days, daySecs, seed, report }: DaysOptions,
  now: () => number,
  simulator: SimulatorProcess,
  symbols: readonly string[],
): Promise<Record<string, number>> {
  const random = new Random(seed);
  const possible = await happeningsOf(exchange);
  const happened: Record<string, number> = {};
  const first = now();
  const day = () => Math.floor((now() - first) / (DAY_SECS * 1000));
  for (let last = 0; day() < days; ) {
    const [shortest, longest] = BETWEEN_SECS;
    const wait = (shortest + random.next() * (longest - shortest)) * 1000;
    // every other midnight connections are cut
    const midnight = ((DAY_SECS * 1000 - (now() % (DAY_SECS * 1000))) / DAY_SECS) * daySecs;
    const atMidnight = midnight < wait && random.chance(0.5);
    await sleep(atMidnight ? midnight : wait);
    const [name, , happens] = atMidnight ? CUTS : chosen(possible, random);
    await happens(simulator, random, symbols);
    happened[name] = (happened[name] ?? 0) + 1;
    if (day() > last) report(`day ${(last = day())} of ${days}`);
  }
  return happened;
}

/** Nobody can see that a trade was dropped where ids do not follow each other. */
async function happeningsOf(exchange: string): Promise<readonly Happening[]> {
  const { ids } = (await loadExchange(exchange)).channels[tradeChannel(exchange)];
  return ids === 'contiguous' ? [DROPS, ...HAPPENINGS] : HAPPENINGS;
}

function chosen(possible: readonly Happening[], random: Random): Happening {
  let left = random.next() * possible.reduce((sum, [, weight]) => sum + weight, 0);
  return possible.find(([, weight]) => (left -= weight) < 0) ?? possible[0];
}

async function lastHandovers(logger: LoggerProcess, exchange: string): Promise<number> {
  const health = (await logger.health()) as unknown as {
    counters: { exchanges: Record<string, { session: { handovers: number } }> };
  };
  return health.counters.exchanges[exchange].session.handovers;
}

/** Lets everything be repaired and written, and stops both; answers what went wrong. */
async function end(
  simulator: SimulatorProcess,
  logger: LoggerProcess,
  data: string,
  exchange: string,
): Promise<string[]> {
  // a symbol that is away comes back, and a last message of each shows what was missed before
  await sleep((AWAY_SECS + 2 * REFRESH_SECS) * 1000);
  const open = () => tradeGaps(data, exchange).filter(({ state }) => state === 'open').length;
  const closed = await until('no gap is open', () => open() === 0, REPAIR_SECS).catch(() => false);
  await simulator.finish();
  await logger.quiet();
  const status = await logger.stop();
  await simulator.stop();
  return [
    ...(closed ? [] : [`${open()} gaps in trades were still open`]),
    ...(status === 0 ? [] : [`the logger ended with ${status}: ${logger.stderr()}`]),
    ...[await verifyProblems(data)].filter((text) => text !== ''),
  ];
}

/** Gaps in trades with what has become of them. */
function tradeGaps(data: string, exchange: string): KnownGap[] {
  const days = listTableDays(data, { exchange, table: GAPS.name });
  return [...groupBy(days, ({ symbol }) => symbol).values()].flatMap((days) =>
    knownGaps(days.flatMap((day) => [...readGaps(day)])).filter(
      ({ row }) => row.table === tradesOf(exchange).id,
    ),
  );
}

function gapsLeft(data: string, exchange: string): Record<string, number> {
  const left: Record<string, number> = {};
  for (const { row, state, reason } of tradeGaps(data, exchange)) {
    if (state === 'repaired') continue;
    const text = [row.cause, ...(reason === undefined ? [] : [reason])].map(causeName).join(' ');
    left[text] = (left[text] ?? 0) + 1;
  }
  return left;
}

/** Rows may stand in the order in which two connections brought them. */
function differencesOf(channel: ChannelComparison): string[] {
  const wrong = ['missing', 'repeated', 'unexpected', 'different', 'wrong_books'] as const;
  const { exchange, symbol, examples } = channel;
  return wrong
    .filter((name) => channel[name] > 0)
    .map(
      (name) => `${exchange} ${symbol} ${channel.channel}: ${channel[name]} ${name}: ${examples.join('; ')}`,
    );
}

/** What a run has shown, in a few lines. */
export function summaryOf(exchange: string, result: DaysResult): string {
  const trades = result.channels.filter(({ channel }) => channel === tradeChannel(exchange));
  const sum = (name: 'sent' | 'on_disk' | 'listed') => trades.reduce((n, channel) => n + channel[name], 0);
  const things = Object.entries(result.happened).map(([name, count]) => `${count} ${name}`);
  const left = Object.entries(result.left).map(([causes, count]) => `${count} ${causes}`);
  return [
    `${exchange}: ${result.days} days, ${result.handovers} handovers, ${things.join(', ')}`,
    `${exchange}: ${sum('sent')} trades sent, ${sum('on_disk')} on disk, ${result.repaired} of them repaired, ${sum('listed')} listed; gaps that stay: ${left.join(', ') || 'none'}`,
    ...result.problems,
  ].join('\n');
}

/**
 * Rotation under load: exchanges that close every connection after a few seconds, and a logger that has to be faster.
 * Used by rotation.test.ts (short) and run.ts (as many as asked for).
 */
import { join } from 'node:path';
import type { SESSION_COUNTERS } from '../../src/counters/declarations.js';
import { loadExchange } from '../../src/exchanges/index.js';
import { compareLedger } from '../../src/simulator/compare/compare.js';
import type { ChannelComparison } from '../../src/simulator/compare/comparison.js';
import {
  startLoggerProcess,
  startSimulatorProcess,
  temporaryFolder,
  until,
  verifyProblems,
} from '../support/processes.js';

export interface RotationOptions {
  readonly exchanges: readonly string[];
  /** age at which the exchanges close, and how long before they say so */
  readonly closeAfterSecs: number;
  readonly noticeSecs?: number;
  /** at which the logger expects them to; 0: it is only told */
  readonly expectedSecs: number;
  readonly handovers: number;
  /** how often one connection of every exchange is cut, once the handovers are done */
  readonly cuts?: number;
  readonly redundancy?: number;
  readonly channels?: readonly string[];
  /** messages per second and exchange */
  readonly rate?: number;
  readonly symbols?: number;
  /** seconds to wait for the handovers */
  readonly patienceSecs?: number;
}

const WARN = 40;
const WARNINGS_SHOWN = 20;

type SessionCounters = { readonly [K in keyof typeof SESSION_COUNTERS]: number };

export interface RotationResult {
  readonly counters: Readonly<Record<string, SessionCounters>>;
  readonly channels: readonly ChannelComparison[];
  /** what `logger verify` says; '' for nothing */
  readonly problems: string;
  /** warnings of the logger: connections that were lost */
  readonly warnings: readonly string[];
}

interface CounterTotals {
  readonly counters: { readonly exchanges: Readonly<Record<string, { readonly session: SessionCounters }>> };
}

/** Channels of the exchange among those that are asked for. */
async function channelsOf(id: string, asked: readonly string[]): Promise<string[]> {
  const { channels } = await loadExchange(id);
  return asked.filter((name) => name in channels);
}

export async function rotate(options: RotationOptions): Promise<RotationResult> {
  const { exchanges, closeAfterSecs, noticeSecs = 0, expectedSecs, handovers } = options;
  const { redundancy = 1, channels = ['trades'], rate = 1000, symbols = 8, patienceSecs = 120 } = options;
  const folder = temporaryFolder('rotation');
  const [ledger, data] = [join(folder, 'ledger'), join(folder, 'data')];
  const flags = { symbols, rate, 'close-after': closeAfterSecs, notice: noticeSecs };
  const simulator = await startSimulatorProcess(
    ledger,
    Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]),
    exchanges.join(','),
  );
  const lines = await Promise.all(
    exchanges.map(async (id): Promise<[string, string[]]> => {
      const names = await channelsOf(id, channels);
      const section = { channels: names, connection_secs_max: expectedSecs, redundancy };
      return [id, Object.entries(section).map(([name, value]) => `${name} = ${JSON.stringify(value)}`)];
    }),
  );
  const logger = startLoggerProcess(
    { folder, symbolsPerConnection: Math.ceil(symbols / 2) + 1, exchangeLines: Object.fromEntries(lines) },
    simulator,
  );
  const counters = async () => {
    const { exchanges: totals } = ((await logger.health()) as unknown as CounterTotals).counters;
    return Object.fromEntries(Object.entries(totals).map(([id, { session }]) => [id, session]));
  };
  const done = async () => Object.values(await counters()).reduce((sum, c) => sum + c.handovers, 0);
  await logger.ready();
  await until(
    `${handovers} connections were replaced`,
    async () => (await done()) >= handovers,
    patienceSecs,
  );
  for (let cut = 0; cut < (options.cuts ?? 0); cut++) {
    const before = await counters();
    const each = (done: (now: SessionCounters, was: SessionCounters) => boolean) => async () =>
      Object.entries(await counters()).every(([id, now]) => done(now, before[id]));
    const all = redundancy * 2;
    await until(
      'all connections are up',
      each(({ up }) => up === all),
    );
    await simulator.fault({ kind: 'cut', connections: 'one' });
    await until(
      'one of each exchange is cut',
      each((now, was) => now.failures > was.failures),
    );
    await until(
      'all connections are up again',
      each(({ up }) => up === all),
    );
    await until(
      'they deliver',
      each((now, was) => now.duplicates > was.duplicates + 20),
    );
  }
  const last = await counters();
  await simulator.finish();
  await logger.quiet();
  const status = await logger.stop();
  if (status !== 0) throw new Error(`the logger ended with ${status}: ${logger.stderr()}`);
  await simulator.stop();
  const { channels: compared } = compareLedger(ledger, data);
  const warnings = logger.lines
    .filter(({ level }) => level >= WARN)
    .map(({ time, connection, msg }) => `${time} ${connection} ${msg}`);
  return { counters: last, channels: compared, problems: await verifyProblems(data), warnings };
}

/** What is wrong, one line each; rows may stand in the order in which two connections brought them. */
export function faultsOf({ channels, counters, problems, warnings }: RotationResult): string[] {
  const wrong = ['missing', 'repeated', 'unexpected', 'different', 'wrong_books'] as const;
  return [
    ...channels.flatMap((c) =>
      wrong
        .filter((name) => c[name] > 0)
        .map(
          (name) => `${c.exchange} ${c.symbol} ${c.channel}: ${c[name]} ${name}: ${c.examples.join('; ')}`,
        ),
    ),
    ...channels
      .filter(({ channel, listed }) => channel === 'trades' && listed > 0)
      .map((c) => `${c.exchange} ${c.symbol}: ${c.listed} trades are only listed in GAPS`),
    ...Object.entries(counters)
      .filter(([, c]) => c.uncovered_ms > 0)
      .map(([id, c]) => `${id}: ${c.uncovered_ms} ms without a connection`),
    ...(problems === '' ? [] : [problems]),
  ].flatMap((fault, i) => (i === 0 ? [...warnings.slice(0, WARNINGS_SHOWN), fault] : [fault]));
}

/** A line per exchange. */
export function summaryOf({ counters, channels }: RotationResult): string {
  return Object.entries(counters)
    .map(([id, c]) => {
      const stored = channels.filter(({ exchange }) => exchange === id);
      const sum = (channel: string, pick: 'on_disk' | 'listed' | 'disordered') =>
        stored.filter((s) => s.channel === channel).reduce((n, s) => n + s[pick], 0);
      return `${id}: ${c.handovers} handovers, ${c.uncovered_ms} ms uncovered, ${c.failures} failures, ${sum('trades', 'on_disk')} trades stored, ${sum('trades', 'listed')} listed, ${c.duplicates} duplicates and ${c.known_rows} known rows not stored twice, ${sum('book', 'listed')} levels of books listed`;
    })
    .join('\n');
}

/**
 * Kills a capturing logger over and over and judges what is on disk afterwards. One simulator sends through all of it
 * and keeps the ledger; the logger is killed at random moments, some of them while it starts or recovers, or at its
 * k-th system call of a kind. At the end columns are of equal length, every row is right and there once, what is not
 * there is listed in GAPS, and nothing that had `windowMs` to reach the disk before a kill was lost.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT } from '../../src/base/errors.js';
import { decodeName } from '../../src/base/names.js';
import { TRADES } from '../../src/schema/tables.js';
import {
  type ChannelComparison,
  compareLedger,
  formatComparison,
} from '../../src/simulator/compare/compare.js';
import { faultsOf } from '../../src/simulator/compare/comparison.js';
import { LEDGER_AT, LedgerRecords, ledgerFile } from '../../src/simulator/market/ledger.js';
import { DiskIo } from '../../src/store/disk/io.js';
import { listTableDays, readBlocks, u64Of } from '../../src/store/read/reader.js';
import { planRecovery } from '../../src/store/recovery/recovery.js';
import {
  type LoggerProcess,
  type SimulatorProcess,
  sleep,
  startLoggerProcess,
  startSimulatorProcess,
  until,
  verifyProblems,
} from '../support/processes.js';
import { Random } from '../support/random.js';

export interface CrashOptions {
  readonly rounds: number;
  /** monotonic ms: no round begins after it */
  readonly untilMs: number;
  readonly seed: number;
  /** a trade that was handed over so long before a kill must be on disk after it */
  readonly windowMs: number;
  /** whether rows are in a journal before they are in column files */
  readonly journaled: boolean;
  readonly symbols: number;
  /** messages per second and exchange */
  readonly rate: number;
  readonly folder: string;
  readonly report: (line: string) => void;
}

/** Part of the kills that come before the logger is up. */
const EARLY_PART = 0.3;
const EARLY_MS_MAX = 700;
const LATE_MS_MAX = 2500;
const ORDERLY_ROWS = 500;
/** What a service manager grants before it kills, with room to spare. */
const STOP_MS_MAX = 8000;
/** With -D the logger stays the child that signals go to. */
const STRACE = ['-D', '-f', '-qqq'];

/** One life of the logger, in ms since 1970: up from `ready`, killed at `killed`. */
export interface Life {
  readonly ready: number | undefined;
  readonly killed: number;
}

export interface CrashResult {
  readonly lives: readonly Life[];
  /** what is wrong, as text; nothing when all is well */
  readonly problems: readonly string[];
}

/** Random kills. */
export async function killAtRandom(options: CrashOptions): Promise<CrashResult> {
  const random = new Random(options.seed);
  return capture(options, async (simulator) => {
    const lives: Life[] = [];
    for (let round = 1; round <= options.rounds && !isOver(options); round++) {
      const logger = startLoggerProcess({ folder: options.folder }, simulator);
      const early = random.next() < EARLY_PART;
      let ready: number | undefined;
      if (early) await sleep(random.next() * EARLY_MS_MAX);
      else {
        await readyOrDead(logger);
        ready = Date.now();
        await sleep(random.next() * LATE_MS_MAX);
      }
      if (logger.child.exitCode !== null)
        throw new Error(`round ${round}: it ended by itself: ${describe(logger)}`);
      const killed = Date.now();
      await logger.kill();
      lives.push({ ready, killed });
      options.report(
        `round ${round}: killed ${early ? 'while starting' : `after ${killed - (ready as number)} ms`}`,
      );
    }
    return lives;
  });
}

/** Kills while every sync of a file takes `syncMs`: strace holds the calls back before they reach the kernel. */
export async function killInSlowSyncs(options: CrashOptions, syncMs: number): Promise<CrashResult> {
  const random = new Random(options.seed);
  return capture(options, async (simulator) => {
    const lives: Life[] = [];
    for (let round = 1; round <= options.rounds && !isOver(options); round++) {
      const logger = startLoggerProcess({ folder: options.folder }, simulator);
      await readyOrDead(logger);
      const ready = Date.now();
      const inject = `inject=fdatasync:delay_enter=${syncMs * 1000}`;
      const flags = ['-f', '-qqq', '-p', String(logger.child.pid), '-e', 'trace=fdatasync', '-e', inject];
      const strace = spawn('strace', flags, { stdio: 'ignore' });
      const ended = once(strace, 'exit');
      await until('a sync takes its time', async () =>
        (await logger.health()).reasons.some((reason) => reason.startsWith('the disk does not answer')),
      );
      await sleep(random.next() * syncMs);
      const killed = Date.now();
      await logger.kill();
      strace.kill('SIGINT');
      await ended;
      lives.push({ ready, killed });
      options.report(`round ${round}: killed after ${killed - ready} ms, in a slow sync`);
    }
    return lives;
  });
}

/** Writes down every such call of every thread. */
function tracing(syscall: string, file: string): string[] {
  return ['strace', ...STRACE, '-o', file, '-e', `trace=${syscall}`];
}

/** The most calls that one thread made: strace counts each thread by itself. */
function callsIn(file: string, syscall: string): number {
  const counts = new Map<string, number>();
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const [thread] = line.split(' ', 1);
    if (line.includes(` ${syscall}(`)) counts.set(thread, (counts.get(thread) ?? 0) + 1);
  }
  return Math.max(0, ...counts.values());
}

/**
 * Kills at the k-th call of `syscall` for `points` values of k over the whole range of what a life makes: start,
 * recovery, capture for `lifeMs` and an orderly stop.
 */
export async function killAtSyscalls(
  options: CrashOptions,
  syscall: string,
  points: number,
  lifeMs: number,
): Promise<CrashResult> {
  return capture(options, async (simulator) => {
    const { folder, report } = options;
    const live = async (wrapper: readonly string[]) => {
      const logger = startLoggerProcess({ folder, wrapper }, simulator);
      await Promise.race([logger.ready().then(() => sleep(lifeMs)), logger.exited]).catch(() => {});
      logger.child.kill('SIGTERM');
      const end = await logger.exited;
      // a helper process that is killed in its place makes the logger end by itself, and be started again
      if (end.signal !== 'SIGKILL' && end.code !== EXIT.ok && end.code !== EXIT.ioError)
        throw new Error(`it ended with ${end.code ?? end.signal}: ${describe(logger)}`);
      return end.signal === 'SIGKILL';
    };
    const trace = join(folder, `${syscall}.trace`);
    await live(tracing(syscall, trace));
    const calls = callsIn(trace, syscall);
    const step = Math.max(1, Math.ceil(calls / points));
    const lives: Life[] = [];
    for (let k = 1; k <= calls && !isOver(options); k += step) {
      const inject = `inject=${syscall}:signal=SIGKILL:when=${k}`;
      const killed = await live([...tracing(syscall, '/dev/null'), '-e', inject]);
      if (killed) lives.push({ ready: undefined, killed: Date.now() });
      report(`${syscall} ${k} of ${calls}: ${killed ? 'killed' : 'not reached'}`);
    }
    return lives;
  });
}

/** Orderly stops at random moments under load: each in time, with status 0 and nothing left to redo. */
export async function stopAtRandom(options: CrashOptions): Promise<CrashResult> {
  const random = new Random(options.seed);
  const { folder, report } = options;
  const took: number[] = [];
  const faults: string[] = [];
  const { lives, problems } = await capture(options, async (simulator) => {
    for (let round = 1; round <= options.rounds && !isOver(options); round++) {
      // with this interval most of what was received waits for its flush
      const logger = startLoggerProcess({ folder, flushSecs: 5 }, simulator);
      await readyOrDead(logger);
      await sleep(random.next() * LATE_MS_MAX);
      const asked = performance.now();
      const status = await logger.stop();
      const ms = Math.round(performance.now() - asked);
      took.push(ms);
      const { nothing } = planRecovery(new DiskIo(), join(folder, 'data'));
      report(`round ${round}: stopped with ${status} in ${ms} ms`);
      if (status !== EXIT.ok || ms > STOP_MS_MAX || !nothing)
        faults.push(`round ${round}: ${status} in ${ms} ms, ${nothing ? 'nothing' : 'something'} to redo`);
    }
    return [];
  });
  took.sort((a, b) => a - b);
  const at = (part: number) => took[Math.min(took.length - 1, Math.floor(took.length * part))];
  report(`${took.length} stops: median ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms`);
  return { lives, problems: [...faults, ...problems] };
}

function isOver({ untilMs }: CrashOptions): boolean {
  return performance.now() > untilMs;
}

async function readyOrDead(logger: LoggerProcess): Promise<void> {
  await Promise.race([
    logger.ready(),
    logger.exited.then(() => {
      throw new Error(`it ended by itself: ${describe(logger)}`);
    }),
  ]);
}

function describe(logger: LoggerProcess): string {
  const tail = logger.lines.slice(-5).map((line) => JSON.stringify(line));
  return [logger.stderr(), ...tail].join('\n');
}

/** A simulation around `lives`, with an orderly life at the end, and the judgement. */
async function capture(
  options: CrashOptions,
  lives: (simulator: SimulatorProcess) => Promise<Life[]>,
): Promise<CrashResult> {
  const { folder } = options;
  const ledger = join(folder, 'ledger');
  const simulator = await startSimulatorProcess(ledger, [
    '--symbols',
    String(options.symbols),
    '--rate',
    String(options.rate),
    '--seed',
    String(options.seed),
  ]);
  // without a row on disk nobody could tell what a killed first life had received
  const problems = [await orderlyLife(folder, simulator)];
  const lived = await lives(simulator);
  problems.push(await orderlyLife(folder, simulator));
  await simulator.stop();
  const dataPath = join(folder, 'data');
  const comparison = compareLedger(ledger, dataPath);
  const wrong = comparison.channels.some((channel) => faultsOf(channel) > 0 && !isExcused(channel, options));
  problems.push(wrong ? formatComparison(comparison) : '', await verifyProblems(dataPath));
  problems.push(...lostTrades(ledger, dataPath, lived, options.windowMs));
  options.report(windowsText(lived, oldestLost(ledger, dataPath, lived)));
  const text = formatComparison(comparison).split('\n');
  options.report([text[0], text.find((line) => line.startsWith('total'))].join('\n'));
  return { lives: lived, problems: problems.filter((problem) => problem !== '') };
}

/**
 * Column files are written table by table: without a journal a ticker row may be on disk and the row of GAPS that
 * belongs before it not yet, and a channel without ids cannot be looked through for gaps afterwards.
 */
function isExcused(channel: ChannelComparison, { journaled }: CrashOptions): boolean {
  return !journaled && channel.channel !== 'trades' && faultsOf({ ...channel, missing: 0 }) === 0;
}

/** Starts, captures for a moment and stops; answers what went wrong. */
async function orderlyLife(folder: string, simulator: SimulatorProcess): Promise<string> {
  const logger = startLoggerProcess({ folder }, simulator);
  await readyOrDead(logger);
  await until('rows are written', async () => (await logger.health()).writer.rows_written > ORDERLY_ROWS);
  const status = await logger.stop();
  return status === 0 ? '' : `an orderly stop answered ${status}: ${describe(logger)}`;
}

/** For how long before each kill, in ms, a trade that is not on disk had been handed over; 0 where none is missing. */
function windowsText(lives: readonly Life[], oldest: ReadonlyMap<Life, number>): string {
  const sorted = lives
    .filter(({ ready }) => ready !== undefined)
    .map((life) => Math.round(oldest.get(life) ?? 0))
    .sort((a, b) => a - b);
  if (sorted.length === 0) return 'no kill came while the logger was up';
  const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
  const over = sorted.filter((ms) => ms > 100).length;
  return `what ${sorted.length} kills cost: median ${at(0.5)} ms, p90 ${at(0.9)} ms, longest ${at(1)} ms; ${over} over 100 ms`;
}

interface Trade {
  readonly place: string;
  readonly life: Life;
  /** how long before the kill it was handed over, ms */
  readonly ageMs: number;
}

function oldestLost(ledger: string, dataPath: string, lives: readonly Life[]): Map<Life, number> {
  const oldest = new Map<Life, number>();
  for (const { life, ageMs } of missingTrades(ledger, dataPath, lives))
    oldest.set(life, Math.max(oldest.get(life) ?? 0, ageMs));
  return oldest;
}

/** Trades handed over while the logger was up and `windowMs` before it was killed that are not on disk. */
export function lostTrades(
  ledger: string,
  dataPath: string,
  lives: readonly Life[],
  windowMs: number,
): string[] {
  const lost = new Map<string, number>();
  for (const { place, ageMs } of missingTrades(ledger, dataPath, lives))
    if (ageMs >= windowMs) lost.set(place, (lost.get(place) ?? 0) + 1);
  return [...lost].map(
    ([place, count]) => `${place}: ${count} trades were lost more than ${windowMs} ms before a kill`,
  );
}

/** Trades handed over while the logger was up that are not on disk. */
function* missingTrades(ledger: string, dataPath: string, lives: readonly Life[]): Generator<Trade> {
  const stored = storedIds(dataPath);
  for (const exchange of readdirSync(ledger)) {
    for (const folder of exchange.endsWith('.json') ? [] : readdirSync(join(ledger, exchange))) {
      const symbol = decodeName(folder) as string;
      const path = ledgerFile(ledger, exchange, symbol, 'trades');
      if (!existsSync(path)) continue;
      const events = new LedgerRecords(path, 'trades');
      const place = `${exchange} ${symbol}`;
      const ids = stored.get(place) ?? new Set();
      for (let event = 0; event < events.count; event++) {
        if (events.word(event, LEDGER_AT.delivered) === 0 || events.has(event, 'history')) continue;
        const sent = events.word(event, LEDGER_AT.sent) * 1000 + events.word(event, LEDGER_AT.sent + 1) / 1e6;
        const life = lives.find(({ ready, killed }) => ready !== undefined && sent > ready && sent < killed);
        if (life !== undefined && !ids.has(BigInt(events.u64(event, LEDGER_AT.id))))
          yield { place, life, ageMs: life.killed - sent };
      }
    }
  }
}

function storedIds(dataPath: string): Map<string, Set<bigint>> {
  const stored = new Map<string, Set<bigint>>();
  for (const tableDay of listTableDays(dataPath, { table: TRADES.name })) {
    const name = `${tableDay.exchange} ${tableDay.symbol}`;
    const ids = stored.get(name) ?? new Set();
    stored.set(name, ids);
    for (const block of readBlocks(tableDay, ['trade_id']))
      for (const id of u64Of(block, 'trade_id')) ids.add(id);
  }
  return stored;
}

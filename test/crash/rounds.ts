/**
 * Kills a capturing logger over and over and judges what is on disk afterwards. One simulator sends through all of it
 * and keeps the account; the logger is killed at random moments, some of them while it starts or recovers, or at its
 * k-th system call of a kind. At the end columns are of equal length, every row is right and there once, what is not
 * there is listed in GAPS, and nothing that had `windowMs` to reach the disk before a kill was lost.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { decodeName } from '../../src/base/names.js';
import { TRADES } from '../../src/schema/tables.js';
import { ACCOUNT_AT, AccountRecords, accountFile } from '../../src/simulator/account.js';
import { type ChannelComparison, compareAccount, formatComparison } from '../../src/simulator/compare.js';
import { faultsOf } from '../../src/simulator/comparison.js';
import { listTableDays, readBlocks, u64Of } from '../../src/store/reader.js';
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
    for (let round = 1; round <= options.rounds; round++) {
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

/** Kills at the k-th call of `syscall` for k = step, 2 × step, … until a life is over before it comes so far. */
export async function killAtSyscalls(
  options: CrashOptions,
  syscall: string,
  step: number,
  lifeMs: number,
): Promise<CrashResult> {
  return capture(options, async (simulator) => {
    const lives: Life[] = [];
    for (let k = step; lives.length < options.rounds; k += step) {
      const inject = `inject=${syscall}:signal=SIGKILL:when=${k}`;
      const wrapper = [
        'strace',
        // the logger stays the child that signals go to
        '-D',
        '-f',
        '-qqq',
        '-o',
        '/dev/null',
        '-e',
        `trace=${syscall}`,
        '-e',
        inject,
      ];
      const logger = startLoggerProcess({ folder: options.folder, wrapper }, simulator);
      const survived = await Promise.race([sleep(lifeMs).then(() => true), logger.exited.then(() => false)]);
      lives.push({ ready: undefined, killed: Date.now() });
      options.report(`${syscall} ${k}: ${survived ? 'not reached' : 'killed'}`);
      if (!survived) continue;
      await logger.stop();
      break;
    }
    return lives;
  });
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
  const account = join(folder, 'account');
  const simulator = await startSimulatorProcess(account, [
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
  const comparison = compareAccount(account, dataPath);
  const wrong = comparison.channels.some((channel) => faultsOf(channel) > 0 && !isExcused(channel, options));
  problems.push(wrong ? formatComparison(comparison) : '', await verifyProblems(dataPath));
  problems.push(...lostTrades(account, dataPath, lived, options.windowMs));
  const text = formatComparison(comparison).split('\n');
  options.report([text[0], text.find((line) => line.startsWith('total'))].join('\n'));
  return { lives: lived, problems: problems.filter((problem) => problem !== '') };
}

/**
 * Column files are written table by table: without a journal a ticker row may be on disk and the row of GAPS that
 * belongs before it not yet, and a channel without ids cannot be looked through for holes afterwards.
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

/** Trades handed over while the logger was up and `windowMs` before it was killed that are not on disk. */
export function lostTrades(
  account: string,
  dataPath: string,
  lives: readonly Life[],
  windowMs: number,
): string[] {
  const stored = new Map<string, Set<bigint>>();
  for (const tableDay of listTableDays(dataPath, { table: TRADES.name })) {
    const name = `${tableDay.exchange} ${tableDay.symbol}`;
    const ids = stored.get(name) ?? new Set();
    stored.set(name, ids);
    for (const block of readBlocks(tableDay, ['trade_id']))
      for (const id of u64Of(block, 'trade_id')) ids.add(id);
  }
  const problems: string[] = [];
  for (const exchange of readdirSync(account)) {
    for (const folder of exchange.endsWith('.json') ? [] : readdirSync(join(account, exchange))) {
      const symbol = decodeName(folder) as string;
      const path = accountFile(account, exchange, symbol, 'trades');
      if (!existsSync(path)) continue;
      const events = new AccountRecords(path, 'trades');
      const ids = stored.get(`${exchange} ${symbol}`) ?? new Set();
      let lost = 0;
      for (let event = 0; event < events.count; event++) {
        if (events.word(event, ACCOUNT_AT.delivered) === 0 || events.has(event, 'history')) continue;
        const sent =
          events.word(event, ACCOUNT_AT.sent) * 1000 + events.word(event, ACCOUNT_AT.sent + 1) / 1e6;
        const life = lives.find(({ ready, killed }) => ready !== undefined && sent > ready && sent < killed);
        if (life === undefined || sent > life.killed - windowMs) continue;
        if (!ids.has(BigInt(events.u64(event, ACCOUNT_AT.id)))) lost++;
      }
      if (lost > 0)
        problems.push(
          `${exchange} ${symbol}: ${lost} trades were lost more than ${windowMs} ms before a kill`,
        );
    }
  }
  return problems;
}

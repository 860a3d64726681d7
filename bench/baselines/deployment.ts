/**
 * The logger beside many exchanges at once, all of them played by the simulator: one run at a rate that lasts (see
 * steady.ts). Each exchange sends a message or two at a time, when they are due, over one connection after the other at
 * random. Runs in the process of a stage.
 */
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FaultRequest } from '../../src/simulator/server/faults.js';
import type { Endpoints, LedgerSummary } from '../../src/simulator/simulator.js';
import { clockUs } from '../clock.js';
import type { Launched } from './comparison.js';
import { RunningLogger } from './logger.js';
import { Program } from './program.js';
import { type SteadyRun, usageDuring } from './steady.js';

export interface DeploymentOptions {
  readonly exchanges: readonly string[];
  /** of each exchange */
  readonly symbols: number;
  readonly symbolsPerConnection: number;
  /** messages per second of all together */
  readonly rate: number;
  readonly warmupSecs: number;
  readonly measuredSecs: number;
  readonly flushSecs: number;
  readonly folder: string;
  readonly signal: AbortSignal;
  dropped(count: number): void;
}

/** A run, and how many connections it had. */
export interface DeploymentRun extends SteadyRun {
  readonly connections: number;
}

const CLI = fileURLToPath(new URL('../../src/cli.js', import.meta.url));
/** A hundred connections are subscribed behind so long even on a machine that does other work. */
const READY_MS_MAX = 600_000;
/** Tables of the channels that are captured. */
const TABLES = { ticker: 'MD', trades: 'TRADES' } as const;

const sleep = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

class Simulator {
  private constructor(
    readonly program: Program<Endpoints>,
    readonly endpoints: Endpoints,
    /** messages per second of each exchange */
    private readonly rate: number,
  ) {}

  static async start({ exchanges, symbols, rate, signal }: DeploymentOptions): Promise<Simulator> {
    const each = rate / exchanges.length;
    const flags = ['--quiet', '--symbols', symbols, '--rate', each].map(String);
    const command = [process.execPath, CLI, 'simulate', '--exchanges', exchanges.join(','), ...flags];
    const program = new Program<Endpoints>('simulator', command, signal);
    return new Simulator(program, await program.line((line) => line), each);
  }

  private async ledger(path: '/ledger' | '/finish'): Promise<LedgerSummary> {
    const method = path === '/finish' ? 'POST' : 'GET';
    return (await (await fetch(this.endpoints.control + path, { method })).json()) as LedgerSummary;
  }

  /** Begins its schedule anew: what was due while connections came up is not made up for. */
  async restartSchedule(): Promise<void> {
    const fault = { kind: 'slow', rate: this.rate, seconds: 1 } satisfies FaultRequest;
    const answer = await fetch(`${this.endpoints.control}/fault`, {
      method: 'POST',
      body: JSON.stringify(fault),
    });
    if (!answer.ok) throw new Error(`the simulator has refused: ${await answer.text()}`);
  }

  async messages(): Promise<number> {
    const { exchanges } = await this.ledger('/ledger');
    return Object.values(exchanges).reduce((sum, { sent }) => sum + sent, 0);
  }

  /** Sends nothing more; answers the events of a channel that were sent, of all exchanges. */
  async finish(): Promise<(channel: keyof typeof TABLES) => number> {
    const { exchanges } = await this.ledger('/finish');
    return (channel) =>
      Object.values(exchanges).reduce((sum, { channels }) => sum + channels[channel].delivered, 0);
  }
}

/** Starts the simulator and the logger, and waits until every connection has subscribed. */
export async function launchDeployment(options: DeploymentOptions): Promise<Launched<DeploymentRun>> {
  const { flushSecs, symbolsPerConnection, signal } = options;
  const simulator = await Simulator.start(options);
  const channels = Object.keys(TABLES);
  const logger = new RunningLogger({
    exchanges: Object.entries(simulator.endpoints.exchanges).map(([id, { ws, rest }]) => ({
      ...{ id, ws, rest, channels, symbolsPerConnection },
    })),
    ...{ flushSecs, signal, folder: mkdtempSync(join(options.folder, 'logger-')), placement: [] },
  });
  const end = async () => {
    await logger.program.destroy();
    await simulator.program.destroy();
  };
  try {
    const ready_s = await Promise.race([logger.ready(), logger.program.failed(READY_MS_MAX)]);
    return { measure: () => measure(options, simulator, logger, ready_s).finally(end), end };
  } catch (error) {
    await end();
    throw error;
  }
}

async function measure(
  options: DeploymentOptions,
  simulator: Simulator,
  logger: RunningLogger,
  ready_s: number,
): Promise<DeploymentRun> {
  const { program } = logger;
  await simulator.restartSchedule();
  await sleep(options.warmupSecs);
  const before = await simulator.messages();
  const run = await usageDuring(program, async () => {
    const from_us = clockUs();
    await sleep(options.measuredSecs);
    const wall_us = clockUs() - from_us;
    return { messages: (await simulator.messages()) - before, wall_us };
  });
  const sent = await simulator.finish();
  const { messages_dropped, connections } = await logger.health();
  options.dropped(messages_dropped);
  await logger.has(sent('trades') + sent('ticker'), 'taken');
  await program.ended(() => program.child.kill('SIGTERM'), 0);
  for (const [channel, table] of Object.entries(TABLES)) {
    const [wanted, rows] = [sent(channel as keyof typeof TABLES), logger.rows(table)];
    // the history that a subscription begins with is stored, too
    if (rows + messages_dropped < wanted)
      throw new Error(`the logger has ${rows} rows of ${table}, but ${wanted} were sent`);
  }
  return { ...run, ready_s, connections: connections.total };
}

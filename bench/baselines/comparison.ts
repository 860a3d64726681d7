/**
 * One run of one program against the benchmark's server: warm-up, messages, count and sum of sizes against what was
 * sent, and what the kernel says the program used. Runs in the process of a stage.
 */
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { loadExchange } from '../../src/exchanges/index.js';
import type { Channel } from '../../src/simulator/market/channels.js';
import { clockUs } from '../clock.js';
import type { Sent, ServerEndpoint, ServerOptions } from '../server/server.js';
import { symbolsOf } from './amounts.js';
import { placementOf } from './cores.js';
import { JournalWatch } from './journal_watch.js';
import { RunningLogger } from './logger.js';
import { Program, type Usage } from './program.js';
import { type Exact, quantilesOf } from './quantiles.js';
import { ServerProcess } from './server_process.js';
import type { Task, TaskEvent } from './task.js';

export interface RunOptions extends ServerOptions {
  readonly channel: Channel;
  /** for the logger, which has a thread for each connection */
  readonly symbolsPerConnection: number;
  /** messages per second behind the warm-up; as fast as they are taken when it does not say */
  readonly rate?: number;
  readonly warmup: number;
  readonly messages: number;
  readonly folder: string;
  readonly signal: AbortSignal;
  /** told of what the logger has dropped: the run is of no use then */
  dropped(count: number): void;
}

/** What a run has come to; times and bytes are per message that was measured. */
export interface Run {
  readonly cpu_us: number;
  readonly messages_per_s: number;
  readonly rss_bytes: number;
  /** CPU of the end of the process, where it is no part of cpu_us: it has nothing to do with the number of messages */
  readonly ending_us?: number;
  /** CPU of the server for each message */
  readonly server_us: number;
  /** on disk, where the program is the logger */
  readonly row_bytes: number;
  /** from the time in each message, which is the scheduled one where there is a rate */
  readonly delays: Delays;
}

/** Microseconds; what a program does not tell is undefined. */
export interface Delays {
  /** to the write of the server: how well it kept its schedule */
  readonly server: Exact;
  /** to the thread behind the ring */
  readonly ring?: Exact;
  /** to the journal's file */
  readonly journal?: Exact;
}

const placementFor = ({ rate }: RunOptions) => placementOf(rate !== undefined);

function check(name: string, taken: { messages: number; size: number }, sent: Sent): void {
  if (taken.messages !== sent.messages || taken.size !== sent.size) {
    throw new Error(
      `${name} has ${taken.messages} trades with a size of ${taken.size}, but ${sent.messages} with ${sent.size} were sent`,
    );
  }
}

function runOf(
  { messages }: RunOptions,
  usage: Usage,
  wall_us: number,
  sent: Sent,
  delays: Omit<Delays, 'server'>,
  row_bytes = 0,
): Run {
  return {
    cpu_us: usage.cpu_us / messages,
    messages_per_s: (messages / wall_us) * 1e6,
    rss_bytes: usage.rss_bytes,
    server_us: sent.cpu_us / messages,
    row_bytes,
    delays: { server: sent.late, ...delays },
  };
}

/** A program that is connected to its server and takes what comes. */
export interface Launched {
  /** Warms up, waits for `quiet`, and measures. Both are ended then, whatever has happened. */
  measure(quiet: Promise<unknown>): Promise<Run>;
  end(): Promise<void>;
}

interface Connected {
  readonly program: Program<unknown>;
  measure(quiet: Promise<unknown>): Promise<Run>;
}

/** Starts a server and a program, and waits until it has subscribed. */
async function launch(
  options: RunOptions,
  connect: (server: ServerProcess) => Promise<Connected>,
): Promise<Launched> {
  const server = await ServerProcess.start(options, placementFor(options).server, options.signal);
  let connected: Connected | undefined;
  const end = async () => {
    await connected?.program.destroy();
    await server.end();
  };
  try {
    connected = await connect(server);
    await Promise.race([server.subscribed(options.symbols), connected.program.failed()]);
  } catch (error) {
    await end();
    throw error;
  }
  const { measure } = connected;
  return { measure: (quiet) => measure(quiet).finally(end), end };
}

/** Seconds of the warm-up at the rate that is measured: smaller chunks come then than as fast as they are taken. */
const PACED_S = 0.5;

async function warmUp(server: ServerProcess, { warmup, rate }: RunOptions): Promise<void> {
  const paced = rate === undefined ? 0 : Math.min(Math.floor(warmup / 2), Math.ceil(rate * PACED_S));
  await server.send({ send: warmup - paced });
  if (paced > 0) await server.send({ send: paced, rate });
}

/** The logger takes trades and stores them, everything on. */
export function launchLogger(options: RunOptions): Promise<Launched> {
  return launch(options, async (server) => {
    const { exchange, channel, symbolsPerConnection, rate, signal } = options;
    const folder = mkdtempSync(join(options.folder, 'logger-'));
    const logger = new RunningLogger({
      ...{ exchange, channel, folder, signal, symbolsPerConnection, endpoint: server.endpoint },
      placement: placementFor(options).program,
      stamps: rate === undefined ? undefined : join(folder, 'stamps'),
    });
    return {
      program: logger.program,
      measure: (quiet) => measureLogger(options, server, logger, quiet),
    };
  });
}

async function measureLogger(
  options: RunOptions,
  server: ServerProcess,
  logger: RunningLogger,
  quiet: Promise<unknown>,
): Promise<Run> {
  const { warmup, messages, rate } = options;
  const { program, stamps } = logger;
  await warmUp(server, options);
  // what waits now would be written within the part that is measured
  await logger.has(warmup, 'in files');
  await quiet;
  const cpu_us = program.cpu();
  const journal = stamps === undefined ? undefined : new JournalWatch(logger.data);
  const from_us = clockUs();
  const sent = await server.send({ send: messages, rate });
  await logger.has(warmup + messages, 'taken');
  const wall_us = clockUs() - from_us;
  await logger.has(warmup + messages, 'in files');
  const used_us = program.cpu() - cpu_us;
  const { messages_dropped } = await logger.health();
  options.dropped(messages_dropped);
  journal?.end();
  const { rss_bytes, cpu_us: all_us } = await program.ended(() => program.child.kill('SIGTERM'), cpu_us);
  const delays = stamps === undefined ? undefined : journal?.delays(stamps, warmup);
  if (delays !== undefined && delays.length + messages_dropped !== messages)
    throw new Error(`the journal holds ${delays.length} of ${messages} trades`);
  const stored = logger.stored('TRADES');
  // sizes of what was dropped are not known
  const size = messages_dropped > 0 ? sent.size : stored.size;
  check('the logger', { messages: stored.rows + messages_dropped, size }, sent);
  const told = { journal: delays && quantilesOf(delays) };
  const run = runOf(options, { cpu_us: used_us, rss_bytes }, wall_us, sent, told, stored.bytes / stored.rows);
  return { ...run, ending_us: all_us - used_us };
}

async function taskOf(options: RunOptions, { ws, rest, ca }: ServerEndpoint, folder: string): Promise<Task> {
  const { exchange: id, channel, symbolsPerConnection, warmup, messages } = options;
  const exchange = await loadExchange(id);
  const symbols = symbolsOf(id, options.symbols);
  const wanted = symbols.map((native) => ({ channel, native }));
  return {
    exchange: id,
    url: exchange.websocketUrl(ws, exchange.channels[channel].route),
    subscribe: exchange.subscribe(wanted, 1).map(({ text }) => text),
    ...{ ws, rest, ca, symbols, channel, symbolsPerConnection, warmup, messages, folder },
    timed: options.rate !== undefined,
  };
}

/** A contender takes trades and does with them what it does. */
export function launchContender(
  name: string,
  command: readonly string[],
  options: RunOptions,
): Promise<Launched> {
  return launch(options, async (server) => {
    const folder = mkdtempSync(join(options.folder, `${name}-`));
    const { ca } = server.endpoint;
    const env = ca === undefined ? {} : { NODE_EXTRA_CA_CERTS: ca, SSL_CERT_FILE: ca };
    const task = await taskOf(options, server.endpoint, folder);
    const placed = [...placementFor(options).program, ...command, JSON.stringify(task)];
    const program = new Program<TaskEvent>(name, placed, options.signal, env);
    return { program, measure: (quiet) => measureContender(options, server, program, quiet) };
  });
}

async function measureContender(
  options: RunOptions,
  server: ServerProcess,
  program: Program<TaskEvent>,
  quiet: Promise<unknown>,
): Promise<Run> {
  await warmUp(server, options);
  await program.line(({ kind }) => (kind === 'warm' ? true : undefined));
  await quiet;
  const used = program.ended(() => {}, program.cpu());
  const sent = await server.send({ send: options.messages, rate: options.rate });
  const usage = await used;
  const result = await program.line((event) => (event.kind === 'result' ? event : undefined));
  check(program.name, result, options.channel === 'trades' ? sent : { ...sent, size: result.size });
  return runOf(options, usage, result.wall_us, sent, { ring: result.delay_us });
}

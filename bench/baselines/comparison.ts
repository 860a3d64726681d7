/**
 * One run of one program against the benchmark's server: warm-up, messages, count and sum of sizes against what was
 * sent, and what the kernel says the program used. Runs in the process of a stage.
 */
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { loadExchange } from '../../src/exchanges/index.js';
import { clockUs } from '../clock.js';
import type { Sent, ServerEndpoint } from '../server/server.js';
import { type RunOptions, symbolsOf } from './amounts.js';
import { placementOf } from './cores.js';
import { JournalWatch } from './journal_watch.js';
import { type LoggerSetup, RunningLogger, type Stored } from './logger.js';
import { Program, type Usage } from './program.js';
import { type Exact, quantilesOf } from './quantiles.js';
import { ServerProcess } from './server_process.js';
import type { Task, TaskEvent } from './task.js';

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

/** Whether a program has taken what was sent. */
export function check(name: string, taken: { messages: number; size: number }, sent: Sent): void {
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
export interface Launched<Result = Run> {
  /** Warms up, waits for `quiet`, and measures. Both are ended then, whatever has happened. */
  measure(quiet: Promise<unknown>): Promise<Result>;
  end(): Promise<void>;
}

interface Connected<Result> {
  readonly program: Program<unknown>;
  measure(quiet: Promise<unknown>): Promise<Result>;
}

/** Starts a server and a program, and waits until it has subscribed. `placement`: what stands in front of the server's command. */
export async function launch<Result>(
  options: RunOptions,
  placement: readonly string[],
  connect: (server: ServerProcess) => Promise<Connected<Result>>,
): Promise<Launched<Result>> {
  const server = await ServerProcess.start(options, placement, options.signal);
  let connected: Connected<Result> | undefined;
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

/** A logger that takes the messages of a run from its server, everything on. */
export function loggerOf(
  options: RunOptions,
  { endpoint: { ws, rest, ca } }: ServerProcess,
  more: Pick<LoggerSetup, 'placement'> & { readonly stamped: boolean },
): RunningLogger {
  const { exchange: id, channel, symbolsPerConnection, flushSecs, signal } = options;
  const folder = mkdtempSync(join(options.folder, 'logger-'));
  return new RunningLogger({
    exchanges: [{ id, ws, rest, channels: [channel], symbolsPerConnection }],
    ...{ ca, flushSecs, folder, signal, placement: more.placement },
    stamps: more.stamped ? join(folder, 'stamps') : undefined,
  });
}

/** The logger takes trades and stores them. */
export function launchLogger(options: RunOptions): Promise<Launched> {
  const { server, program: placement } = placementFor(options);
  return launch(options, server, async (server) => {
    const logger = loggerOf(options, server, { placement, stamped: options.rate !== undefined });
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
  const stored = checkLogger(logger, messages_dropped, sent);
  const told = { journal: delays && quantilesOf(delays) };
  const run = runOf(options, { cpu_us: used_us, rss_bytes }, wall_us, sent, told, stored.bytes / stored.rows);
  return { ...run, ending_us: all_us - used_us };
}

/** What an ended logger has stored, which must be what was sent. */
export function checkLogger(logger: RunningLogger, dropped: number, sent: Sent): Stored {
  const stored = logger.stored('TRADES');
  // sizes of what was dropped are not known
  const size = dropped > 0 ? sent.size : stored.size;
  check('the logger', { messages: stored.rows + dropped, size }, sent);
  return stored;
}

async function taskOf(
  options: RunOptions,
  { ws, rest, ca }: ServerEndpoint,
  folder: string,
  timed: boolean,
): Promise<Task> {
  const { exchange: id, channel, symbolsPerConnection, flushSecs, warmup, messages } = options;
  const exchange = await loadExchange(id);
  const symbols = symbolsOf(id, options.symbols);
  const wanted = symbols.map((native) => ({ channel, native }));
  const connections = Array.from({ length: Math.ceil(symbols.length / symbolsPerConnection) }, (_, i) =>
    wanted.slice(i * symbolsPerConnection, (i + 1) * symbolsPerConnection),
  );
  return {
    exchange: id,
    url: exchange.websocketUrl(ws, exchange.channels[channel].route),
    subscribe: connections.map((streams) => exchange.subscribe(streams, 1).map(({ text }) => text)),
    ...{ ws, rest, ca, symbols, channel, symbolsPerConnection, flushSecs, warmup, messages, folder, timed },
  };
}

/** A contender that takes the messages of a run from its server; `timed`: and tells how long they took. */
export async function contenderOf(
  name: string,
  command: readonly string[],
  options: RunOptions,
  { endpoint }: ServerProcess,
  { placement, timed }: { readonly placement: readonly string[]; readonly timed: boolean },
): Promise<Program<TaskEvent>> {
  const folder = mkdtempSync(join(options.folder, `${name}-`));
  const { ca } = endpoint;
  const env = ca === undefined ? {} : { NODE_EXTRA_CA_CERTS: ca, SSL_CERT_FILE: ca };
  const task = await taskOf(options, endpoint, folder, timed);
  return new Program<TaskEvent>(name, [...placement, ...command, JSON.stringify(task)], options.signal, env);
}

/** A contender takes trades and does with them what it does. */
export function launchContender(
  name: string,
  command: readonly string[],
  options: RunOptions,
): Promise<Launched> {
  const { server, program: placement } = placementFor(options);
  return launch(options, server, async (server) => {
    const timed = options.rate !== undefined;
    const program = await contenderOf(name, command, options, server, { placement, timed });
    return { program, measure: (quiet) => measureContender(options, server, program, quiet) };
  });
}

/** What a contender says at its end. */
export function resultOf(program: Program<TaskEvent>): Promise<TaskEvent & { readonly kind: 'result' }> {
  return program.line((event) => (event.kind === 'result' ? event : undefined));
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
  const result = await resultOf(program);
  check(program.name, result, options.channel === 'trades' ? sent : { ...sent, size: result.size });
  return runOf(options, usage, result.wall_us, sent, { ring: result.delay_us });
}

/**
 * One run of one program against the benchmark's server: warm-up, messages, count and sum of sizes against what was
 * sent, and what the kernel says the program used. Runs in the process of a stage.
 */
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadExchange } from '../../src/exchanges/index.js';
import type { Channel } from '../../src/simulator/channels.js';
import { PROTOCOLS } from '../../src/simulator/simulator.js';
import { clockUs } from '../clock.js';
import type { ServerEvent, ServerOrder } from '../server/main.js';
import type { Sent, ServerEndpoint, ServerOptions } from '../server/server.js';
import { TEMPLATES } from '../server/templates.js';
import type { StageContext } from '../stage.js';
import { placementOf } from './cores.js';
import { JournalWatch } from './journal_watch.js';
import { RunningLogger } from './logger.js';
import { Program, type Usage } from './program.js';
import { type Exact, quantilesOf } from './quantiles.js';
import type { Task, TaskEvent } from './task.js';

const SERVER = fileURLToPath(new URL('../server/main.js', import.meta.url));

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

/** The server's process. */
class ServerProcess {
  private constructor(
    private readonly program: Program<ServerEvent>,
    readonly endpoint: ServerEndpoint,
  ) {}

  static async start(options: RunOptions): Promise<ServerProcess> {
    const { exchange, symbols, tls, signal } = options;
    const init = JSON.stringify({ exchange, symbols, tls } satisfies ServerOptions);
    const command = [...placementFor(options).server, process.execPath, SERVER, init];
    const program = new Program<ServerEvent>('server', command, signal);
    const endpoint = await program.line((event) => (event.kind === 'listening' ? event.endpoint : undefined));
    return new ServerProcess(program, endpoint);
  }

  async subscribed(streams: number): Promise<void> {
    await this.program.line((event) =>
      event.kind === 'subscribed' && event.streams === streams ? true : undefined,
    );
  }

  async send(order: ServerOrder): Promise<Sent> {
    const from = this.program.lines.length;
    this.program.order(order);
    return this.program.line((event) => (event.kind === 'sent' ? event.sent : undefined), from);
  }

  end(): Promise<void> {
    return this.program.destroy();
  }
}

const placementFor = ({ rate }: RunOptions) => placementOf(rate !== undefined);

function check(name: string, taken: { messages: number; size: number }, sent: Sent): void {
  if (taken.messages !== sent.messages || taken.size !== sent.size) {
    throw new Error(
      `${name} has ${taken.messages} trades with a size of ${taken.size}, but ${sent.messages} with ${sent.size} were sent`,
    );
  }
}

/** Runs `action` beside a server that ends with it. */
async function withServer<T>(options: RunOptions, action: (server: ServerProcess) => Promise<T>): Promise<T> {
  const server = await ServerProcess.start(options);
  try {
    return await action(server);
  } finally {
    await server.end();
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

/** The logger takes trades and stores them, everything on. */
export function runLogger(options: RunOptions): Promise<Run> {
  return withServer(options, async (server) => {
    const { exchange, channel, symbolsPerConnection, warmup, messages, rate, signal } = options;
    const folder = mkdtempSync(join(options.folder, 'logger-'));
    const { endpoint } = server;
    const stamps = rate === undefined ? undefined : join(folder, 'stamps');
    const logger = new RunningLogger({
      ...{ exchange, channel, endpoint, folder, signal, symbolsPerConnection, stamps },
      placement: placementFor(options).program,
    });
    try {
      await Promise.race([server.subscribed(options.symbols), logger.program.failed()]);
      await server.send({ send: warmup });
      await logger.has(warmup);
      const cpu_us = logger.program.cpu();
      const journal = stamps === undefined ? undefined : new JournalWatch(logger.data);
      const from_us = clockUs();
      const sent = await server.send({ send: messages, rate });
      await logger.has(warmup + messages);
      const wall_us = clockUs() - from_us;
      const { messages_dropped } = await logger.health();
      options.dropped(messages_dropped);
      journal?.end();
      const usage = await logger.program.ended(() => logger.program.child.kill('SIGTERM'), cpu_us);
      const delays = stamps === undefined ? undefined : journal?.delays(stamps, warmup);
      if (delays !== undefined && delays.length + messages_dropped !== messages)
        throw new Error(`the journal holds ${delays?.length} of ${messages} trades`);
      const stored = logger.stored('TRADES');
      // sizes of what was dropped are not known
      const size = messages_dropped > 0 ? sent.size : stored.size;
      check('the logger', { messages: stored.rows + messages_dropped, size }, sent);
      return runOf(
        options,
        usage,
        wall_us,
        sent,
        { journal: delays && quantilesOf(delays) },
        stored.bytes / stored.rows,
      );
    } finally {
      await logger.program.destroy();
    }
  });
}

/** What a run takes besides sending: processes start, and what they have is read back. */
const OVERHEAD_S = 2.5;
const RUN_S_MIN = 1;
/** The logger's end, with all that it writes then, is part of its run: a short one would be mostly that. */
const LOGGER_RUN_S_MIN = 4;
/** Messages per second that the logger takes, roughly. */
const LOGGER_RATE = 400_000;
/** Messages before those that are measured, as part of these: compilers and caches are warm then. */
const WARMUP = 0.5;

/** Messages for one of `cases` that share the time of a stage, of a program that takes about `rate` per second. */
export function amountOf(
  { seconds, runs }: Pick<StageContext, 'seconds' | 'runs'>,
  cases: number,
  rate: number,
  least_s = RUN_S_MIN,
): Pick<RunOptions, 'messages' | 'warmup'> {
  const messages = Math.ceil(rate * Math.max(least_s, seconds / runs / cases - OVERHEAD_S));
  return { messages, warmup: Math.ceil(messages * WARMUP) };
}

/** The same for the logger. */
export function loggerAmountOf(
  context: Pick<StageContext, 'seconds' | 'runs'>,
  cases: number,
): Pick<RunOptions, 'messages' | 'warmup'> {
  return amountOf(context, cases, LOGGER_RATE, LOGGER_RUN_S_MIN);
}

/** The messages of a run as they stand before their digits are put in place, for the hash of the report's input. */
export function tellInput(
  { input }: Pick<StageContext, 'input'>,
  { exchange, channel, symbols }: RunOptions,
): void {
  const template = TEMPLATES[exchange][channel];
  for (const listing of PROTOCOLS[exchange].listings(symbols))
    input(Buffer.from(template?.text(listing, false) ?? ''));
}

/** Symbols that the server of an exchange lists. */
export function symbolsOf(exchange: string, count: number): string[] {
  return PROTOCOLS[exchange]
    .listings(count)
    .filter(({ closed }) => closed !== true)
    .map(({ name }) => name);
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
export function runContender(name: string, command: readonly string[], options: RunOptions): Promise<Run> {
  return withServer(options, async (server) => {
    const folder = mkdtempSync(join(options.folder, `${name}-`));
    const { ca } = server.endpoint;
    const env = ca === undefined ? {} : { NODE_EXTRA_CA_CERTS: ca, SSL_CERT_FILE: ca };
    const task = await taskOf(options, server.endpoint, folder);
    const placed = [...placementFor(options).program, ...command, JSON.stringify(task)];
    const program = new Program<TaskEvent>(name, placed, options.signal, env);
    try {
      await Promise.race([server.subscribed(options.symbols), program.failed()]);
      await server.send({ send: options.warmup });
      await program.line(({ kind }) => (kind === 'warm' ? true : undefined));
      const used = program.ended(() => {}, program.cpu());
      const sent = await server.send({ send: options.messages, rate: options.rate });
      const usage = await used;
      const result = await program.line((event) => (event.kind === 'result' ? event : undefined));
      check(name, result, options.channel === 'trades' ? sent : { ...sent, size: result.size });
      return runOf(options, usage, result.wall_us, sent, { ring: result.delay_us });
    } finally {
      await program.destroy();
    }
  });
}

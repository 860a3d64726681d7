/**
 * Stage `pipeline`: trades from the wire to the disk through whole processes: `logger run` with everything on, in turn
 * with the baselines, all fed by the same server. Every program has to report the trades that were sent and their sum
 * of sizes; CPU is that of the whole process as the kernel counts it.
 */
import { availableParallelism } from 'node:os';
import {
  amountOf,
  loggerAmountOf,
  type RunOptions,
  SHORT_FLUSH_SECS,
  tellInput,
} from '../baselines/amounts.js';
import { launchContender, launchLogger, type Run } from '../baselines/comparison.js';
import { type Available, available, CONTENDERS } from '../baselines/contenders.js';
import { takeTurns } from '../baselines/turns.js';
import type { Figure, StageContext } from '../stage.js';

const EXCHANGES = ['binance', 'coinbase'];
/** What TLS costs is the same everywhere. */
const TLS_EXCHANGE = 'binance';
const SYMBOLS = 200;
const SYMBOLS_PER_CONNECTION = 100;
const SMOKE = { symbols: 4, messages: 3000, warmup: 500 };

const CPU_US = 1.0;
/** CPU of the logger as part of that of another program. */
const RATIOS: Readonly<Record<string, number>> = {
  ws_json: 1 / 4,
  tardis: 1 / 4,
  ccxt: 1 / 12,
  rust: 1,
  rust_same_work: 1,
};
/** Messages per second, where server and logger have cores of their own and where they share two. */
const RATE = { own: 1_000_000, shared: 700_000 };

/** Seconds that are measured; the end of a logger, with all that it writes then, is part of its run. */
const LOGGER_S = 2;
const RIVAL_S = 0.7;
/** Of programs without a target. */
const OTHER_RUNS = 1;

type Runs = Readonly<Record<string, readonly Run[]>>;

function optionsOf(context: StageContext, exchange: string, tls: boolean, rate?: number): RunOptions {
  const { smoke, folder, signal, dropped } = context;
  const connections = SYMBOLS / SYMBOLS_PER_CONNECTION;
  const amount =
    rate === undefined ? loggerAmountOf(context, connections, LOGGER_S) : amountOf(context, rate, RIVAL_S);
  return {
    ...{ exchange, tls, channel: 'trades', folder, signal, dropped },
    flushSecs: SHORT_FLUSH_SECS,
    symbols: SYMBOLS,
    // the logger's threads share the symbols; other programs take all of them over one connection
    symbolsPerConnection: rate === undefined ? SYMBOLS_PER_CONNECTION : SYMBOLS,
    ...(smoke ? SMOKE : amount),
  };
}

/** Runs of all programs on an exchange in turn. */
function runAll(context: StageContext, exchange: string, contenders: readonly Available[]): Promise<Runs> {
  const rivals = contenders.filter(({ contender }) => contender.exchanges.includes(exchange));
  const logger = (tls: boolean) => () => launchLogger(optionsOf(context, exchange, tls));
  return takeTurns(context, {
    logger: { launch: logger(false) },
    ...(exchange === TLS_EXCHANGE ? { 'logger tls': { launch: logger(true), runs: OTHER_RUNS } } : {}),
    ...Object.fromEntries(
      rivals.map(({ contender: { name, rate }, command }) => {
        const launch = () => launchContender(name, command, optionsOf(context, exchange, false, rate));
        return [name, { launch, runs: name in RATIOS ? undefined : OTHER_RUNS }];
      }),
    ),
  });
}

const SUMMARIES: Readonly<Record<string, string>> = {
  logger: '`logger run`, everything on',
  'logger tls': '`logger run`, everything on, over TLS',
  ...Object.fromEntries(CONTENDERS.map(({ name, summary }) => [name, summary])),
};

function* figuresOf(exchange: string, runs: Runs): Iterable<Figure> {
  const cores = availableParallelism() > 2 ? RATE.own : RATE.shared;
  for (const [name, taken] of Object.entries(runs)) {
    const common = { name: `${exchange} ${name}` };
    const plain = name === 'logger';
    yield {
      ...common,
      notes: SUMMARIES[name],
      ...{ unit: 'µs', better: 'less', group: `CPU per trade, ${exchange}` },
      values: taken.map(({ cpu_us }) => cpu_us),
      ...(plain ? { target: { value: CPU_US } } : {}),
    };
    yield {
      ...common,
      name: `${common.name} rate`,
      ...{ unit: 'messages/s', better: 'more', group: `as fast as it takes them, ${exchange}` },
      values: taken.map(({ messages_per_s }) => messages_per_s),
      ...(plain ? { target: { value: cores } } : {}),
    };
    yield {
      ...common,
      name: `${common.name} memory`,
      ...{ unit: 'MB', better: 'less', group: `resident memory, ${exchange}` },
      values: taken.map(({ rss_bytes }) => rss_bytes / 1e6),
    };
  }
  yield* ratiosOf(exchange, runs);
  yield {
    name: `${exchange} server`,
    ...{ unit: 'µs', better: 'less', group: 'CPU of the server per trade' },
    values: runs['logger'].map(({ server_us }) => server_us),
    notes: 'what feeding costs; no part of the other figures',
  };
  yield {
    name: `${exchange} end`,
    ...{ unit: 'ms', better: 'less', group: 'CPU of the end of the logger' },
    values: runs['logger'].map(({ ending_us }) => (ending_us ?? 0) / 1000),
    notes: 'the same after a minute or a month, so no part of the other figures',
  };
  yield {
    name: `${exchange} row`,
    ...{ unit: 'bytes', better: 'less', group: 'a trade on disk' },
    values: runs['logger'].map(({ row_bytes }) => row_bytes),
  };
}

/** The logger's CPU as part of a baseline's, run by run. */
function* ratiosOf(exchange: string, { logger, ...others }: Runs): Iterable<Figure> {
  for (const [name, taken] of Object.entries(others)) {
    if (name === 'logger tls') continue;
    yield {
      name: `${exchange} logger / ${name}`,
      ...{ unit: 'of its CPU', better: 'less', group: `CPU of the logger beside others, ${exchange}` },
      values: taken.map(({ cpu_us }, i) => logger[i].cpu_us / cpu_us),
      ...(name in RATIOS ? { target: { value: RATIOS[name] } } : {}),
    };
  }
}

const RULES = [
  'every program gets a second of messages in front of those that are measured, the logger 0.3 s more for each connection',
  'CPU is that of the whole process from there on: of the logger until all rows are in files, of the others to their end',
  'the logger writes to its columns every second, five times as often as by default, and begins with all rows of the warm-up in files; its checkpoint, one a minute by default, comes with its end',
];

export async function* figures(context: StageContext): AsyncIterable<Figure> {
  for (const rule of RULES) context.note(rule);
  const contenders = await available(context, CONTENDERS);
  for (const exchange of EXCHANGES) {
    tellInput(context, optionsOf(context, exchange, false));
    yield* figuresOf(exchange, await runAll(context, exchange, contenders));
  }
}

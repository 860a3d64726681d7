/**
 * Stage `paced`: what the logger costs at the rates at which exchanges send, beside other programs that get the same
 * streams at the same rate over as many connections, one after the other. At such rates a program does little but wake
 * up, so messages are spread evenly: each is sent at its own time, over the connection behind that of the message before.
 */

import { PROTOCOLS } from '../../src/simulator/venues/index.js';
import { type RunOptions, tellInput } from '../baselines/amounts.js';
import { type Available, available, CONTENDERS } from '../baselines/contenders.js';
import { type DeploymentRun, launchDeployment } from '../baselines/deployment.js';
import {
  launchSteadyContender,
  launchSteadyLogger,
  type SteadyOptions,
  type SteadyRun,
} from '../baselines/steady.js';
import { takeTurns } from '../baselines/turns.js';
import {
  MEASURED_S,
  PACED_CONTENDERS,
  type PacedLoad,
  type PacedPlan,
  pacedPlan,
  WARMUP_S,
} from '../paced_loads.js';
import type { Figure, StageContext } from '../stage.js';

const EXCHANGE = 'binance';
/** By default. */
const FLUSH_SECS = 5;
const SMOKE_DURATIONS = { warmup: 0.5, measured: 1 };
const SMOKE_LOADS: readonly PacedLoad[] = [
  {
    ...{ name: 'tiny', summary: 'trades of one exchange', exchanges: 'one', targets: {} },
    ...{ symbols: 4, symbolsPerConnection: 2, rate: 2000 },
  },
  {
    ...{ name: 'tiny all', summary: 'all exchanges', exchanges: 'all', targets: {} },
    ...{ symbols: 2, symbolsPerConnection: 2, rate: 1000 },
  },
];

interface Durations {
  readonly warmup: number;
  readonly measured: number;
}

function planOf(context: StageContext): PacedPlan {
  const plan = pacedPlan(context);
  return context.smoke ? { loads: SMOKE_LOADS, contenders: PACED_CONTENDERS, runs: 1 } : plan;
}

function durationsOf({ smoke, effort }: StageContext): Durations {
  return smoke ? SMOKE_DURATIONS : { warmup: WARMUP_S * effort, measured: MEASURED_S * effort };
}

function optionsOf(context: StageContext, load: PacedLoad, { warmup, measured }: Durations): SteadyOptions {
  const { folder, signal, dropped } = context;
  const { symbols, symbolsPerConnection, rate } = load;
  return {
    ...{ exchange: EXCHANGE, channel: 'trades', tls: false, folder, signal, dropped },
    ...{ symbols, symbolsPerConnection, rate, flushSecs: FLUSH_SECS },
    warmup: Math.ceil(rate * warmup),
    messages: Math.ceil(rate * measured),
  };
}

/** Runs of all programs in turn. */
function runPrograms(
  context: StageContext,
  options: SteadyOptions,
  contenders: readonly Available[],
): Promise<Record<string, SteadyRun[]>> {
  const rivals = contenders.map(({ contender: { name }, command }) => [
    name,
    { launch: () => launchSteadyContender(name, command, options) },
  ]);
  const logger = { launch: () => launchSteadyLogger(options) };
  return takeTurns<SteadyRun>(context, { logger, ...Object.fromEntries(rivals) }, { alone: true });
}

function runDeployment(
  context: StageContext,
  { symbols, symbolsPerConnection, rate }: PacedLoad,
  { warmup, measured }: Durations,
): Promise<{ logger: DeploymentRun[] }> {
  const { folder, signal, dropped } = context;
  const launch = () =>
    launchDeployment({
      exchanges: Object.keys(PROTOCOLS),
      ...{ symbols, symbolsPerConnection, rate, flushSecs: FLUSH_SECS },
      ...{ warmupSecs: warmup, measuredSecs: measured, folder, signal, dropped },
    });
  return takeTurns<DeploymentRun>(context, { logger: { launch } }, { alone: true }) as Promise<{
    logger: DeploymentRun[];
  }>;
}

const target = (value: number | undefined) => (value === undefined ? {} : { target: { value } });

/** What every program has. */
function* figuresOf(
  { name: load, targets }: PacedLoad,
  program: string,
  runs: readonly SteadyRun[],
): Iterable<Figure> {
  const name = `${load} ${program}`;
  const bounds = program === 'logger' ? targets : {};
  yield {
    ...{ name, unit: 'µs', better: 'less', group: `CPU per message, ${load}` },
    values: runs.map(({ cpu_us }) => cpu_us),
  };
  yield {
    ...{ name: `${name} share`, unit: '% of a core', better: 'less', group: `share of a core, ${load}` },
    values: runs.map(({ share }) => share * 100),
    ...target(bounds.share_percent),
  };
  yield {
    ...{ name: `${name} memory`, unit: 'MB', better: 'less', group: `resident memory, ${load}` },
    values: runs.map(({ rss_bytes }) => rss_bytes / 1e6),
    ...target(bounds.memory_mb),
  };
  yield {
    ...{ name: `${name} threads`, unit: 'threads', better: 'less', group: `threads, ${load}` },
    values: runs.map(({ threads }) => threads),
  };
}

/** How the logger came up, and what it was given. */
function* loggerFigures({ name: load, targets }: PacedLoad, runs: readonly SteadyRun[]): Iterable<Figure> {
  yield {
    ...{
      name: `${load} logger up`,
      unit: 's',
      better: 'less',
      group: `until everything is subscribed, ${load}`,
    },
    values: runs.map(({ ready_s }) => ready_s ?? Number.NaN),
    ...target(targets.ready_s),
  };
  yield {
    ...{ name: `${load} rate`, unit: 'messages/s', better: 'more', group: `rate, ${load}` },
    values: runs.map(({ messages_per_s }) => messages_per_s),
    notes: 'what came; no result, but the load that the results belong to',
  };
}

/** The logger's CPU as part of that of the others, run by run. */
function* ratiosOf({ name: load, targets }: PacedLoad, runs: Record<string, SteadyRun[]>): Iterable<Figure> {
  const { logger, ...others } = runs;
  for (const [name, taken] of Object.entries(others))
    yield {
      name: `${load} logger / ${name}`,
      ...{ unit: 'of its CPU', better: 'less', group: `CPU of the logger beside others, ${load}` },
      values: taken.map(({ cpu_us }, i) => logger[i].cpu_us / cpu_us),
      ...target(targets.ratios?.[name]),
    };
}

/** Whether the server was the bottleneck. */
function* serverFigures({ name: load }: PacedLoad, runs: Record<string, SteadyRun[]>): Iterable<Figure> {
  const served = Object.values(runs).flatMap((taken) => taken.flatMap(({ server }) => server ?? []));
  yield {
    ...{
      name: `${load} server share`,
      unit: '% of a core',
      better: 'less',
      group: `share of the server, ${load}`,
    },
    values: served.map(({ share }) => share * 100),
    notes: 'what feeding costs; no part of the other figures',
  };
  yield {
    ...{ name: `${load} server p99`, unit: 'µs', better: 'less', group: `lateness of the server, ${load}` },
    values: served.map(({ late_us }) => late_us),
  };
}

function* durationFigures({ warmup, measured }: Durations): Iterable<Figure> {
  const durations = { 'warm-up': warmup, measured };
  for (const [name, seconds] of Object.entries(durations))
    yield { name, unit: 's', better: 'more', group: 'durations', values: [seconds] };
}

const RULES = [
  'of one exchange, message n is sent n / rate seconds behind the first, over connection n modulo their number; the server sleeps until then',
  'of all exchanges, each sends its part of the rate, a message or two at a time, over its connections at random',
  'the warm-up has the same rate; CPU is that of the whole process between two moments, with what it writes then',
  'every program has a process of its own for each run; both ends share all cores; memory is the largest that was seen',
];

async function* oneExchange(
  context: StageContext,
  load: PacedLoad,
  durations: Durations,
  contenders: readonly Available[],
): AsyncIterable<Figure> {
  const options = optionsOf(context, load, durations);
  tellInput(context, options satisfies RunOptions);
  const runs = await runPrograms(context, options, contenders);
  for (const [name, taken] of Object.entries(runs)) yield* figuresOf(load, name, taken);
  yield* ratiosOf(load, runs);
  yield* loggerFigures(load, runs['logger']);
  yield* serverFigures(load, runs);
}

async function* allExchanges(
  context: StageContext,
  load: PacedLoad,
  durations: Durations,
): AsyncIterable<Figure> {
  const { exchanges, symbols, symbolsPerConnection, rate } = load;
  context.input(Buffer.from(JSON.stringify({ exchanges, symbols, symbolsPerConnection, rate })));
  const { logger } = await runDeployment(context, load, durations);
  yield* figuresOf(load, 'logger', logger);
  yield* loggerFigures(load, logger);
  yield {
    ...{
      name: `${load.name} connections`,
      unit: 'connections',
      better: 'more',
      group: `connections, ${load.name}`,
    },
    values: logger.map(({ connections }) => connections),
  };
}

export async function* figures(context: StageContext): AsyncIterable<Figure> {
  for (const rule of RULES) context.note(rule);
  const { loads, contenders, runs } = planOf(context);
  const durations = durationsOf(context);
  yield* durationFigures(durations);
  const rivals = await available(
    context,
    CONTENDERS.filter(({ name }) => contenders.includes(name)),
  );
  for (const load of loads) {
    context.note(`${load.name}: ${load.summary}`);
    const progress = (text: string) => context.progress(`${load.name}, ${text}`);
    const turn = { ...context, runs, progress };
    yield* load.exchanges === 'one'
      ? oneExchange(turn, load, durations, rivals)
      : allExchanges(turn, load, durations);
  }
}

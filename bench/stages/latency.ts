/**
 * Stage `latency`: how long a trade takes from the time it was due to be sent. The server sends on a schedule, whatever
 * becomes of it (open loop), and every message carries the microsecond it was due at, so a stall counts for all
 * messages that it holds up. The threads that publish to the ring and write the journal say when they did
 * (baselines/stamped_shard.ts, baselines/stamped_writer.ts). Beside it what the machine alone would make late.
 */
import { amountOf, type RunOptions, SHORT_FLUSH_SECS, tellInput } from '../baselines/amounts.js';
import { launchContender, launchLogger, type Run } from '../baselines/comparison.js';
import { FEED } from '../baselines/contenders.js';
import type { Exact } from '../baselines/quantiles.js';
import { takeTurns } from '../baselines/turns.js';
import { gapsOf } from '../gaps.js';
import { cpuTicks } from '../machine.js';
import type { Figure, StageContext } from '../stage.js';

/** Its times have microseconds. */
const EXCHANGE = 'coinbase';
const RATES = [10_000, 100_000];
const SYMBOLS = 100;
const SMOKE_RATES = [2000];
const SMOKE = { messages: 600, warmup: 500 };
/** Enough for compilers, sent as fast as they are taken but for its last part. */
const WARMUP = 500_000;
const MEASURED_S = 1.5;
/** Of the lower rates, which have no target. */
const LOWER_RUNS = 1;
/** At the highest rate. */
const TARGETS: Partial<Record<keyof Exact, number>> = { p99: 250, p999: 1000 };
const QUANTILES: Readonly<Record<keyof Exact, string>> = {
  p50: 'p50',
  p99: 'p99',
  p999: 'p99.9',
  max: 'max',
};

function optionsOf(context: StageContext, rate: number): RunOptions {
  const { smoke, folder, signal, dropped } = context;
  const { messages } = amountOf(context, rate, MEASURED_S);
  return {
    ...{ exchange: EXCHANGE, channel: 'trades', tls: false, folder, signal, dropped, rate },
    flushSecs: SHORT_FLUSH_SECS,
    ...{ symbols: SYMBOLS, symbolsPerConnection: SYMBOLS },
    ...(smoke ? SMOKE : { messages, warmup: WARMUP }),
  };
}

const MACHINE = 'machine alone';
const GAPS_MS = 700;
const SMOKE_GAPS_MS = 20;

/** The quantiles of some runs, one figure each. */
function* figuresOf(
  what: string,
  group: string,
  values: readonly (Exact | undefined)[],
  more: (quantile: keyof Exact) => Partial<Figure> = () => ({}),
): Iterable<Figure> {
  for (const quantile of Object.keys(QUANTILES) as (keyof Exact)[])
    yield {
      name: `${what} ${QUANTILES[quantile]}`,
      ...{ unit: 'µs', better: 'less', group },
      values: values.map((exact) => exact?.[quantile] ?? Number.NaN),
      ...more(quantile),
    };
}

/** Of the delay to the ring: what the machine alone would take, and the target at the highest rate. */
function besides(quantile: keyof Exact, rate: number): Partial<Figure> {
  const target = rate === Math.max(...RATES) ? TARGETS[quantile] : undefined;
  return {
    limit: { of: `${MACHINE} ${QUANTILES[quantile]}`, ratio: 1 },
    ...(target === undefined ? {} : { target: { value: target } }),
  };
}

export async function* figures(context: StageContext): AsyncIterable<Figure> {
  const rates = context.smoke ? SMOKE_RATES : RATES;
  const gaps: Exact[] = [];
  const delays: Figure[] = [];
  const before = cpuTicks();
  for (const rate of rates) {
    const options = optionsOf(context, rate);
    const runs = rate === Math.max(...rates) ? context.runs : Math.min(context.runs, LOWER_RUNS);
    tellInput(context, options);
    context.progress(MACHINE);
    for (let run = 0; run < runs; run++) gaps.push(await gapsOf(context.smoke ? SMOKE_GAPS_MS : GAPS_MS));
    const { feed, logger } = await takeTurns(
      { ...context, runs, progress: (name) => context.progress(`${rate} messages/s, ${name}`) },
      {
        feed: { launch: () => launchContender('feed', FEED, options) },
        logger: { launch: () => launchLogger(options) },
      },
      { alone: true },
    );
    delays.push(...delaysOf(rate, feed, logger));
  }
  const now = cpuTicks();
  const stolen = (now.stolen - before.stolen) / (now.all - before.all);
  if (stolen > 0)
    context.note(`meanwhile the hypervisor gave ${(stolen * 100).toFixed(1)} % of the CPU time to others`);
  yield* figuresOf(MACHINE, 'two threads that only look at the clock', gaps);
  yield* delays;
}

function* delaysOf(rate: number, feed: readonly Run[], logger: readonly Run[]): Iterable<Figure> {
  const rateText = rate.toLocaleString('en-US');
  const of = (
    what: string,
    values: (Exact | undefined)[],
    more?: (quantile: keyof Exact) => Partial<Figure>,
  ) => figuresOf(`${what} ${rateText}/s`, `${what}, ${rateText} messages/s`, values, more);
  const toRing = feed.map(({ delays }) => delays.ring);
  yield* of('wire to ring', toRing, (quantile) => besides(quantile, rate));
  const toJournal = logger.map(({ delays }) => delays.journal);
  yield* of('wire to journal', toJournal);
  const late = feed.map(({ delays }) => delays.server);
  yield* of('lateness of the server', late);
}

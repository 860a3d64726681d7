/**
 * Stage `latency`: how long a trade takes from the time it was due to be sent. The server sends on a schedule, whatever
 * becomes of it (open loop), and every message carries the microsecond it was due at, so a stall counts for all
 * messages that it holds up. The threads that publish to the ring and write the journal say when they did
 * (baselines/stamped_shard.ts, baselines/stamped_writer.ts). Beside it what the machine alone would make late.
 */
import { alternate } from '../alternate.js';
import {
  amountOf,
  type Run,
  type RunOptions,
  runContender,
  runLogger,
  tellInput,
} from '../baselines/comparison.js';
import { FEED } from '../baselines/contenders.js';
import type { Exact } from '../baselines/quantiles.js';
import { gapsOf } from '../gaps.js';
import type { Figure, StageContext } from '../stage.js';

/** Its times have microseconds. */
const EXCHANGE = 'coinbase';
const RATES = [1000, 10_000, 100_000];
const SYMBOLS = 100;
const SMOKE_RATES = [2000];
const SMOKE = { messages: 600, warmup: 500 };
/** Enough for the compiler, sent as fast as they are taken. */
const WARMUP = 300_000;
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
  // two programs at each rate
  const { messages } = amountOf(context, 2 * RATES.length, rate);
  return {
    ...{ exchange: EXCHANGE, channel: 'trades', tls: false, folder, signal, dropped, rate },
    ...{ symbols: SYMBOLS, symbolsPerConnection: SYMBOLS },
    ...(smoke ? SMOKE : { messages, warmup: WARMUP }),
  };
}

const MACHINE = 'machine alone';
const GAPS_MS = 1000;
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
  const later: Figure[] = [];
  for (const rate of rates) {
    const options = optionsOf(context, rate);
    const [feeds, loggers]: [Run[], Run[]] = [[], []];
    const into = (runs: Run[], run: () => Promise<Run>) => async () => {
      context.progress(`${rate} messages/s`);
      const taken = await run();
      runs.push(taken);
      return taken.cpu_us;
    };
    tellInput(context, options);
    await alternate(context, {
      machine: async () => gaps.push(await gapsOf(context.smoke ? SMOKE_GAPS_MS : GAPS_MS)),
      feed: into(feeds, () => runContender('feed', FEED, options)),
      logger: into(loggers, () => runLogger(options)),
    });
    const what = (name: string) => `${name} ${rate.toLocaleString('en-US')}/s`;
    const group = (name: string) => `${name}, ${rate.toLocaleString('en-US')} messages/s`;
    const [toRing, toJournal, late] = ['wire to ring', 'wire to journal', 'lateness of the server'];
    later.push(
      ...figuresOf(
        what(toRing),
        group(toRing),
        feeds.map(({ delays }) => delays.ring),
        (quantile) => besides(quantile, rate),
      ),
      ...figuresOf(
        what(toJournal),
        group(toJournal),
        loggers.map(({ delays }) => delays.journal),
      ),
      ...figuresOf(
        what(late),
        group(late),
        feeds.map(({ delays }) => delays.server),
      ),
    );
  }
  yield* figuresOf(MACHINE, 'two threads that only look at the clock', gaps);
  yield* later;
}

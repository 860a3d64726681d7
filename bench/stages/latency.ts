/**
 * Stage `latency`: how long a trade takes from the time it was due to be sent. The server sends on a schedule, whatever
 * becomes of it (open loop), and every message carries the microsecond it was due at, so a stall counts for all
 * messages that it holds up.
 *
 * To the ring: seen by a thread behind the ring that looks 20 times in a millisecond. To the journal: of the whole
 * logger, by the kernel's word of each write to the journal (baselines/journal_watch.ts). Both see it a moment later.
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

function* figuresOf(
  what: string,
  rate: number,
  values: readonly (Exact | undefined)[],
  hasTarget: boolean,
): Iterable<Figure> {
  for (const quantile of Object.keys(QUANTILES) as (keyof Exact)[]) {
    const target = hasTarget ? TARGETS[quantile] : undefined;
    yield {
      name: `${what} ${rate.toLocaleString('en-US')}/s ${QUANTILES[quantile]}`,
      ...{ unit: 'µs', better: 'less', group: `${what}, ${rate.toLocaleString('en-US')} messages/s` },
      values: values.map((exact) => exact?.[quantile] ?? Number.NaN),
      ...(target === undefined ? {} : { target: { value: target } }),
    };
  }
}

export async function* figures(context: StageContext): AsyncIterable<Figure> {
  const rates = context.smoke ? SMOKE_RATES : RATES;
  const highest = Math.max(...RATES);
  for (const rate of rates) {
    const options = optionsOf(context, rate);
    const feeds: Run[] = [];
    const loggers: Run[] = [];
    const into = (runs: Run[], run: () => Promise<Run>) => async () => {
      context.progress(`${rate} messages/s`);
      const taken = await run();
      runs.push(taken);
      return taken.cpu_us;
    };
    tellInput(context, options);
    await alternate(context, {
      feed: into(feeds, () => runContender('feed', FEED, options)),
      logger: into(loggers, () => runLogger(options)),
    });
    const atTop = rate === highest;
    yield* figuresOf(
      'wire to ring',
      rate,
      feeds.map(({ delays }) => delays.ring),
      atTop,
    );
    yield* figuresOf(
      'wire to journal',
      rate,
      loggers.map(({ delays }) => delays.journal),
      false,
    );
    yield* figuresOf(
      'lateness of the server',
      rate,
      loggers.map(({ delays }) => delays.server),
      false,
    );
  }
}

/**
 * Stage `scale`: CPU of the whole logger per trade with few and many symbols, and with one and many connections. The
 * first of each is the baseline of the others, in turn with them. What is measured begins with all files made and all
 * rows of the warm-up in them, which is longer for more connections (baselines/amounts.ts).
 */
import { loggerAmountOf, type RunOptions, SHORT_FLUSH_SECS, tellInput } from '../baselines/amounts.js';
import { launchLogger } from '../baselines/comparison.js';
import { takeTurns } from '../baselines/turns.js';
import type { Bound, Figure, StageContext } from '../stage.js';

const SMOKE = { messages: 3000, warmup: 500 };
/** What more symbols or connections may cost, times the fewest. */
const GROWTH = 1.25;
const MEASURED_S = 1.25;
/** Of the sizes between the smallest and the largest. */
const BETWEEN_RUNS = 1;

interface Size {
  readonly name: string;
  readonly symbols: number;
  readonly connections: number;
}

const size = (symbols: number, connections: number): Size => ({
  name: `${symbols.toLocaleString('en-US')} symbols over ${connections}`,
  ...{ symbols, connections },
});
const SERIES: readonly { readonly group: string; readonly sizes: readonly Size[] }[] = [
  { group: 'CPU per trade by symbols', sizes: [size(10, 1), size(100, 1), size(1000, 1)] },
  { group: 'CPU per trade by connections', sizes: [size(150, 1), size(150, 5), size(150, 15)] },
];
const SMOKE_SERIES: typeof SERIES = [
  { group: 'CPU per trade by connections', sizes: [size(4, 1), size(4, 2)] },
];

function optionsOf(context: StageContext, { symbols, connections }: Size): RunOptions {
  const { smoke, folder, signal, dropped } = context;
  return {
    ...{ exchange: 'binance', channel: 'trades', tls: false, folder, signal, dropped },
    flushSecs: SHORT_FLUSH_SECS,
    ...{ symbols, symbolsPerConnection: Math.ceil(symbols / connections) },
    ...(smoke ? SMOKE : loggerAmountOf(context, connections, MEASURED_S)),
  };
}

export async function* figures(context: StageContext): AsyncIterable<Figure> {
  for (const { group, sizes } of context.smoke ? SMOKE_SERIES : SERIES) {
    for (const each of sizes) tellInput(context, optionsOf(context, each));
    const turns = sizes.map((each, i) => {
      const between = i > 0 && i < sizes.length - 1;
      const launch = () => launchLogger(optionsOf(context, each));
      return [each.name, { launch, runs: between ? BETWEEN_RUNS : undefined }] as const;
    });
    const runs = await takeTurns(context, Object.fromEntries(turns));
    const [first] = sizes;
    for (const each of sizes) {
      const target: Bound = { of: first.name, ratio: GROWTH };
      const taken = runs[each.name];
      yield {
        name: each.name,
        ...{ unit: 'µs', better: 'less', group },
        values: taken.map(({ cpu_us }) => cpu_us),
        ...(each === first ? {} : { target }),
      };
      yield {
        name: `${each.name} memory`,
        ...{ unit: 'MB', better: 'less', group: group.replace('CPU per trade', 'resident memory') },
        values: taken.map(({ rss_bytes }) => rss_bytes / 1e6),
      };
    }
  }
}

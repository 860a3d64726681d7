/**
 * Stage `scale`: CPU of the whole logger per trade with few and many symbols, and with one and many connections. The
 * first of each is the baseline of the others, in turn with them.
 */
import { alternate } from '../alternate.js';
import { loggerAmountOf, type Run, type RunOptions, runLogger, tellInput } from '../baselines/comparison.js';
import type { Bound, Figure, StageContext } from '../stage.js';

const SMOKE = { messages: 3000, warmup: 500 };
/** What more symbols or connections may cost, times the fewest. */
const GROWTH = 1.25;

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
  { group: 'CPU per trade by symbols', sizes: [size(10, 1), size(1000, 1)] },
  { group: 'CPU per trade by connections', sizes: [size(150, 1), size(150, 15)] },
];
const SMOKE_SERIES: typeof SERIES = [
  { group: 'CPU per trade by connections', sizes: [size(4, 1), size(4, 2)] },
];

function optionsOf(context: StageContext, { symbols, connections }: Size, cases: number): RunOptions {
  const { smoke, folder, signal, dropped } = context;
  return {
    ...{ exchange: 'binance', channel: 'trades', tls: false, folder, signal, dropped },
    ...{ symbols, symbolsPerConnection: Math.ceil(symbols / connections) },
    ...(smoke ? SMOKE : loggerAmountOf(context, cases)),
  };
}

export async function* figures(context: StageContext): AsyncIterable<Figure> {
  const series = context.smoke ? SMOKE_SERIES : SERIES;
  const cases = series.reduce((n, { sizes }) => n + sizes.length, 0);
  for (const { group, sizes } of series) {
    const runs = new Map<Size, Run[]>(sizes.map((each) => [each, []]));
    for (const each of sizes) tellInput(context, optionsOf(context, each, cases));
    await alternate(
      context,
      Object.fromEntries(
        sizes.map((each) => [
          each.name,
          async () => {
            context.progress(each.name);
            const run = await runLogger(optionsOf(context, each, cases));
            runs.get(each)?.push(run);
            return run.cpu_us;
          },
        ]),
      ),
    );
    const [first] = sizes;
    for (const [each, taken] of runs) {
      const target: Bound = { of: first.name, ratio: GROWTH };
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

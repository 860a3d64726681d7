/**
 * Stage `feed`: messages from the wire to the ring alone, as a process of shard threads and a thread that takes the rows
 * and does nothing with them; for every exchange and channel that the server has messages for, those with a budget over TLS, too.
 */
import type { Channel } from '../../src/simulator/market/channels.js';
import { amountOf, type RunOptions, SHORT_FLUSH_SECS, tellInput } from '../baselines/amounts.js';
import { launchContender } from '../baselines/comparison.js';
import { FEED } from '../baselines/contenders.js';
import { takeTurns } from '../baselines/turns.js';
import { TEMPLATES } from '../server/templates.js';
import type { Figure, StageContext } from '../stage.js';

const SYMBOLS = 100;
const SMOKE = { symbols: 4, messages: 2000, warmup: 500 };
/** Messages per second that a connection takes, roughly. */
const RATE = 800_000;
const MEASURED_S = 0.6;
/** Of those without a budget. */
const OTHER_RUNS = 1;
/** Microseconds for a trade of these exchanges. */
const BUDGETS = { exchanges: ['binance', 'coinbase'], plain: 0.6, tls: 0.8 };

interface Case {
  readonly name: string;
  readonly exchange: string;
  readonly channel: Channel;
  readonly tls: boolean;
}

const named = (exchange: string, channel: Channel, tls: boolean): Case => ({
  name: `${exchange} ${channel}${tls ? ' tls' : ''}`,
  ...{ exchange, channel, tls },
});

/** Only those with a budget in the smoke test: the others differ from them in their texts alone. */
function casesOf(smoke: boolean): Case[] {
  const budgeted = BUDGETS.exchanges.flatMap((exchange) =>
    [false, true].map((tls) => named(exchange, 'trades', tls)),
  );
  const others = Object.entries(TEMPLATES).flatMap(([exchange, channels]) =>
    (Object.keys(channels) as Channel[]).map((channel) => named(exchange, channel, false)),
  );
  const names = new Set(budgeted.map(({ name }) => name));
  return smoke ? budgeted : [...budgeted, ...others.filter(({ name }) => !names.has(name))];
}

function optionsOf(context: StageContext, { exchange, channel, tls }: Case): RunOptions {
  const { smoke, folder, signal, dropped } = context;
  return {
    ...{ exchange, channel, tls, folder, signal, dropped },
    flushSecs: SHORT_FLUSH_SECS,
    ...{ symbols: SYMBOLS, symbolsPerConnection: SYMBOLS },
    ...(smoke ? SMOKE : amountOf(context, RATE, MEASURED_S)),
  };
}

function budgetOf({ exchange, channel, tls }: Case): number | undefined {
  if (channel !== 'trades' || !BUDGETS.exchanges.includes(exchange)) return undefined;
  return tls ? BUDGETS.tls : BUDGETS.plain;
}

export async function* figures(context: StageContext): AsyncIterable<Figure> {
  const all = casesOf(context.smoke);
  for (const one of all) tellInput(context, optionsOf(context, one));
  const turns = all.map((one) => {
    const launch = () => launchContender('feed', FEED, optionsOf(context, one));
    return [one.name, { launch, runs: budgetOf(one) === undefined ? OTHER_RUNS : undefined }] as const;
  });
  const runs = await takeTurns(context, Object.fromEntries(turns));
  for (const one of all) {
    const taken = runs[one.name];
    const budget = budgetOf(one);
    yield {
      name: one.name,
      ...{ unit: 'µs', better: 'less', group: 'CPU per message from the wire to the ring' },
      values: taken.map(({ cpu_us }) => cpu_us),
      ...(budget === undefined ? {} : { target: { value: budget } }),
    };
    yield {
      name: `${one.name} rate`,
      ...{ unit: 'messages/s', better: 'more', group: 'messages to the ring, one connection' },
      values: taken.map(({ messages_per_s }) => messages_per_s),
    };
  }
}

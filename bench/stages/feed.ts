/**
 * Stage `feed`: messages from the wire to the ring alone, as a process of shard threads and a thread that takes the rows
 * and does nothing with them; for every exchange and channel that the server has messages for, plain and over TLS.
 */
import type { Channel } from '../../src/simulator/channels.js';
import { alternate } from '../alternate.js';
import { type Run, type RunOptions, runContender, tellInput } from '../baselines/comparison.js';
import { FEED } from '../baselines/contenders.js';
import { TEMPLATES } from '../server/templates.js';
import type { Figure, StageContext } from '../stage.js';

const SYMBOLS = 100;
const MESSAGES_PER_SECOND_OF_STAGE = 8000;
const SMOKE = { symbols: 4, messages: 2000 };
const WARMUP = 0.3;
/** Exchanges whose budgets are declared. */
const BUDGETS = { exchanges: ['binance', 'coinbase'], plain: 0.6, tls: 0.8 };

interface Case {
  readonly name: string;
  readonly exchange: string;
  readonly channel: Channel;
  readonly tls: boolean;
}

function cases(smoke: boolean): Case[] {
  const all = Object.entries(TEMPLATES).flatMap(([exchange, channels]) =>
    (Object.keys(channels) as Channel[]).flatMap((channel) =>
      [false, true].map((tls) => ({
        name: `${exchange} ${channel}${tls ? ' tls' : ''}`,
        ...{ exchange, channel, tls },
      })),
    ),
  );
  return smoke ? all.filter(({ tls }) => !tls) : all;
}

function optionsOf(context: StageContext, { exchange, channel, tls }: Case): RunOptions {
  const { smoke, seconds, folder, signal } = context;
  const messages = smoke ? SMOKE.messages : Math.ceil(MESSAGES_PER_SECOND_OF_STAGE * seconds);
  return {
    ...{ exchange, channel, tls, micros: false, folder, signal, messages, symbolsPerConnection: SYMBOLS },
    symbols: smoke ? SMOKE.symbols : SYMBOLS,
    warmup: Math.ceil(messages * WARMUP),
  };
}

function budgetOf({ exchange, channel, tls }: Case): number | undefined {
  if (channel !== 'trades' || !BUDGETS.exchanges.includes(exchange)) return undefined;
  return tls ? BUDGETS.tls : BUDGETS.plain;
}

export async function* figures(context: StageContext): AsyncIterable<Figure> {
  const all = cases(context.smoke);
  const runs = new Map<string, Run[]>(all.map(({ name }) => [name, []]));
  for (const one of all) tellInput(context, optionsOf(context, one));
  await alternate(
    context,
    Object.fromEntries(
      all.map((one) => [
        one.name,
        async () => {
          context.progress(one.name);
          const run = await runContender('feed', FEED, optionsOf(context, one));
          runs.get(one.name)?.push(run);
          return run.cpu_us;
        },
      ]),
    ),
  );
  for (const one of all) {
    const taken = runs.get(one.name) ?? [];
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

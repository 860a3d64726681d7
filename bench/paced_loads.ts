/** The loads of stage `paced`: what a deployment has all day, from nearly nothing to nine exchanges. */
import type { Asked } from './stage.js';

/** Bounds for the logger; a ratio is its CPU as part of that of a contender of this name. */
export interface LoadTargets {
  readonly ratios?: Readonly<Record<string, number>>;
  readonly share_percent?: number;
  readonly memory_mb?: number;
  readonly ready_s?: number;
}

export interface PacedLoad {
  readonly name: string;
  readonly summary: string;
  /** trades of one exchange, for every program; or trades and tickers of all exchanges, for the logger alone */
  readonly exchanges: 'one' | 'all';
  /** of each exchange */
  readonly symbols: number;
  readonly symbolsPerConnection: number;
  /** messages per second of all together */
  readonly rate: number;
  readonly targets: LoadTargets;
}

/** A number that 1, 2, 10 and 22 connections share evenly. */
const SYMBOLS = 220;
const RATES = [500, 5000, 20_000];
const CONNECTIONS = [1, 10, 22];

function ratiosOf(rate: number, connections: number): LoadTargets {
  const ws_json = connections === 1 ? 0.8 : rate >= 5000 ? 0.5 : undefined;
  const rust = rate === 5000 && connections === 10 ? 2 : undefined;
  return { ratios: { ...(ws_json && { ws_json }), ...(rust && { rust }) } };
}

const oneExchange = (name: string, rate: number, connections: number, targets: LoadTargets): PacedLoad => ({
  name,
  summary: `Binance trades, ${rate.toLocaleString('en-US')} messages/s over ${connections}`,
  exchanges: 'one',
  symbols: SYMBOLS,
  symbolsPerConnection: SYMBOLS / connections,
  ...{ rate, targets },
});

/** Each exchange has so many connections for each of its addresses: 22 or 110 of all nine. */
const allExchanges = (name: string, symbols: number, targets: LoadTargets): PacedLoad => ({
  name,
  summary: `trades and tickers of all exchanges, ${symbols} symbols each, 5,000 messages/s`,
  exchanges: 'all',
  ...{ symbols, symbolsPerConnection: 50, rate: 5000, targets },
});

export const PACED_LOADS: readonly PacedLoad[] = [
  ...RATES.flatMap((rate) =>
    CONNECTIONS.map((connections) =>
      oneExchange(`${rate}x${connections}`, rate, connections, ratiosOf(rate, connections)),
    ),
  ),
  oneExchange('idle', 50, 2, { share_percent: 1.5 }),
  allExchanges('nine', 100, { share_percent: 12, memory_mb: 300 }),
  allExchanges('nine500', 500, { share_percent: 40, memory_mb: 900, ready_s: 10 }),
];

/** Stands for all of them. */
export const ALL_LOADS = 'all';

/** Programs beside the logger; of the default run those alone that a target speaks of. */
export const PACED_CONTENDERS = ['ws_json', 'ws_parse', 'rust', 'rust_same_work'];
const DEFAULT = { loads: ['5000x10'], contenders: ['ws_json', 'rust'], runs: 1 };

/** Seconds with the ordinary effort: compilers are through with nearly everything behind a minute. */
export const WARMUP_S = 60;
export const MEASURED_S = 30;
/** To start and to end a program. */
const AROUND_S = 4;

/** What is measured: every load takes minutes, so that the default run has one, once. */
export interface PacedPlan {
  readonly loads: readonly PacedLoad[];
  readonly contenders: readonly string[];
  readonly runs: number;
}

export function pacedPlan({ loads, runs }: Asked): PacedPlan {
  const asked = loads.length > 0;
  const names = asked ? loads : DEFAULT.loads;
  return {
    loads: PACED_LOADS.filter(({ name }) => names.includes(name) || names.includes(ALL_LOADS)),
    contenders: asked ? PACED_CONTENDERS : DEFAULT.contenders,
    runs: asked ? runs : Math.min(runs, DEFAULT.runs),
  };
}

export function pacedSeconds(asked: Asked): number {
  const { loads, contenders, runs } = pacedPlan(asked);
  const programs = loads.reduce(
    (sum, { exchanges }) => sum + (exchanges === 'one' ? 1 + contenders.length : 1),
    0,
  );
  return programs * runs * (WARMUP_S + MEASURED_S + AROUND_S);
}

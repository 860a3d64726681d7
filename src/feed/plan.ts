/**
 * Which symbols and channels go to which connection, and which connection to which thread. Called by the supervisor at
 * start and by check-config.
 */
import { assert, LoggerError } from '../base/errors.js';
import type { KlineInterval } from '../schema/tables.js';
import type { Exchange } from './exchange.js';

/** Name of all channels of candles together, in options. */
export const KLINES_CHANNEL = 'klines';

/** The channels that options may name. Candles that the exchange does not send are added up from its trades. */
export function channelOptions({ channels }: Pick<Exchange, 'channels'>): string[] {
  const names = Object.keys(channels).filter((name) => channels[name].interval === undefined);
  const candles = 'trades' in channels || names.length < Object.keys(channels).length;
  return candles ? [...names, KLINES_CHANNEL] : names;
}

/** What the options of an exchange ask for. */
export interface Wanted {
  /** channels to subscribe */
  readonly channels: readonly string[];
  /** candles to add up from trades */
  readonly candles: readonly KlineInterval[];
}

/** Channels of the exchange for what the options name. Throws CONFIG_INVALID for what does not go together. */
export function wantedChannels(
  exchange: Pick<Exchange, 'id' | 'channels'>,
  options: { readonly channels: readonly string[]; readonly kline_intervals: readonly string[] },
): Wanted {
  const intervals = options.channels.includes(KLINES_CHANNEL) ? options.kline_intervals : [];
  const sent = Object.entries(exchange.channels).flatMap(([name, { interval }]) =>
    interval !== undefined && intervals.includes(interval) ? [name] : [],
  );
  const channels = [...options.channels.filter((name) => name !== KLINES_CHANNEL), ...sent];
  const candles = intervals.filter(
    (interval) => !sent.some((name) => exchange.channels[name].interval === interval),
  ) as KlineInterval[];
  if (candles.length > 0 && !channels.includes('trades')) {
    throw new LoggerError(
      'CONFIG_INVALID',
      `${exchange.id}: klines of ${candles.join(', ')} are added up from trades; add "trades" to channels in [exchanges.${exchange.id}]`,
    );
  }
  for (const [i, name] of channels.entries()) {
    const twin = channels.findIndex(
      (other) => exchange.channels[other].table === exchange.channels[name].table,
    );
    if (twin < i) {
      throw new LoggerError(
        'CONFIG_INVALID',
        `${exchange.id}: the channels ${channels[twin]} and ${name} fill the same table; choose one in [exchanges.${exchange.id}]`,
      );
    }
  }
  return { channels, candles };
}

/** One connection. */
export interface SessionPlan {
  readonly exchange: string;
  /** number of the session within the exchange, from 0 */
  readonly session: number;
  /** native symbols, in the order given */
  readonly symbols: readonly string[];
  readonly channels: readonly string[];
  /** which of the exchange's addresses, when it has several */
  readonly route: string | undefined;
}

/** What a connection may carry. */
export interface SessionLimits {
  readonly maxConnections: number;
  readonly symbolsPerConnection: number;
  /** connections that carry the same symbols; 1 when it does not say */
  readonly redundancy?: number;
}

/** Channels by the address they are served at, in the order of the channels. */
export function routesOf(
  exchange: Pick<Exchange, 'channels'>,
  channels: readonly string[],
): Map<string | undefined, string[]> {
  const routes = new Map<string | undefined, string[]>();
  for (const channel of channels) {
    const { route } = exchange.channels[channel];
    routes.set(route, [...(routes.get(route) ?? []), channel]);
  }
  return routes;
}

/**
 * Fills connections in order with `symbolsPerConnection` each, so there are as few as possible, at each of the addresses
 * that the channels need. More symbols than the connections can carry is TOO_MANY_SYMBOLS, a symbol given twice
 * CONFIG_INVALID: nothing is cut silently.
 */
export function planSessions(
  exchange: Pick<Exchange, 'id' | 'channels'>,
  symbols: readonly string[],
  channels: readonly string[],
  { maxConnections, symbolsPerConnection, redundancy = 1 }: SessionLimits,
): SessionPlan[] {
  const { id } = exchange;
  const routes = routesOf(exchange, channels);
  assert(maxConnections > 0 && symbolsPerConnection > 0, 'a plan of sessions has room');
  const seen = new Set<string>();
  for (const symbol of symbols) {
    if (seen.has(symbol)) {
      throw new LoggerError('CONFIG_INVALID', `${id}: symbol ${symbol} is listed twice; remove one`);
    }
    seen.add(symbol);
  }
  const perRoute = Math.ceil(symbols.length / symbolsPerConnection);
  if (perRoute * routes.size * redundancy > maxConnections) {
    const room = Math.floor(maxConnections / routes.size / redundancy) * symbolsPerConnection;
    const addresses = routes.size === 1 ? '' : ` / ${routes.size} addresses`;
    const replicas = redundancy === 1 ? '' : ` / redundancy (${redundancy})`;
    throw new LoggerError(
      'TOO_MANY_SYMBOLS',
      `${id}: ${symbols.length} symbols do not fit into max_connections (${maxConnections})${addresses}${replicas} × symbols_per_connection (${symbolsPerConnection}) = ${room}; ` +
        `raise one of them or list fewer symbols in [exchanges.${id}]`,
    );
  }
  return [...routes].flatMap(([route, carried], r) =>
    Array.from({ length: perRoute }, (_, n) => ({
      exchange: id,
      session: r * perRoute + n,
      symbols: symbols.slice(n * symbolsPerConnection, (n + 1) * symbolsPerConnection),
      channels: carried,
      route,
    })),
  );
}

/** `[feed] workers`: a number of threads, or a rule for it. */
export type Workers = 'auto' | 'per-connection' | number;

/** What a stream of books costs compared with one of any other channel. */
const BOOK_WEIGHT = 4;

/** How much a session has to do compared with others: streams, with books counted for what they send. */
export function weightOf(
  { channels }: Pick<Exchange, 'channels'>,
  plan: Pick<SessionPlan, 'symbols' | 'channels'>,
): number {
  const weights = plan.channels.map((name) => (channels[name].ids === 'book' ? BOOK_WEIGHT : 1));
  return plan.symbols.length * weights.reduce((sum, weight) => sum + weight, 0);
}

/**
 * How many threads host `sessions` connections. With `auto` each connection has its own while there are cores for them;
 * otherwise they share all cores but the writer's, at least one: a thread that hosts many wakes up once for
 * all of them and runs code that is compiled already.
 */
export function shardCount(workers: Workers, sessions: number, cores: number): number {
  if (workers === 'per-connection') return sessions;
  const wanted = workers === 'auto' ? Math.max(1, cores - 1) : workers;
  return Math.min(wanted, sessions);
}

/** The shard of each session, by weight: the heaviest first, each to the shard that has the least. */
export function assignShards(weights: readonly number[], shards: number): number[] {
  const loads = new Array<number>(shards).fill(0);
  const assigned = new Array<number>(weights.length).fill(0);
  const heaviestFirst = [...weights.keys()].sort((a, b) => weights[b] - weights[a]);
  for (const session of heaviestFirst) {
    const lightest = loads.indexOf(Math.min(...loads));
    assigned[session] = lightest;
    loads[lightest] += weights[session];
  }
  return assigned;
}

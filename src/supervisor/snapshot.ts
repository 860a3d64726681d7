/**
 * The state of everything at one moment, read from the shared counters: what /health, /ready, the live table and the
 * watchdog are made from. Main thread, a few times a second.
 */
import type {
  DRAIN_COUNTERS,
  SEALER_COUNTERS,
  SHARD_COUNTERS,
  WRITER_COUNTERS,
} from '../counters/declarations.js';
import type { Quantiles } from '../counters/histogram.js';
import type { ConnectionState } from '../feed/connection/state.js';
import type { DiskState } from './disk.js';
import type { QuietTimes } from './quiet.js';

type Values<C> = { readonly [K in keyof C]: number };

export interface ShardStatus {
  readonly shard: number;
  readonly exchange: string;
  /** which of the exchange's addresses, when it has several; every symbol is subscribed at each */
  readonly route: string | undefined;
  readonly state: ConnectionState;
  readonly symbols: number;
  readonly messagesPerSecond: number;
  readonly rowsPerSecond: number;
  readonly counters: Values<typeof SHARD_COUNTERS>;
  readonly drain: Values<typeof DRAIN_COUNTERS>;
  readonly restarts: number;
}

export interface Snapshot extends QuietTimes {
  readonly nowMs: number;
  readonly startedMs: number;
  /** since when connections have been opened; the start before */
  readonly connectingMs: number;
  readonly shards: readonly ShardStatus[];
  readonly writer: Values<typeof WRITER_COUNTERS>;
  readonly flushIntervalSecs: number;
  /** undefined before the first look */
  readonly disk: DiskState | undefined;
  readonly sealer: Values<typeof SEALER_COUNTERS>;
  /** receive to ring, by exchange, µs */
  readonly latency: Readonly<Record<string, Quantiles>>;
  /** the same of the last seconds */
  readonly recentLatency: Readonly<Record<string, Quantiles>>;
  /** receive to the journal's file (without a journal: to the writer), µs */
  readonly writerLatency: Quantiles;
}

export function byExchange(s: Snapshot): Map<string, ShardStatus[]> {
  const map = new Map<string, ShardStatus[]>();
  for (const shard of s.shards) map.set(shard.exchange, [...(map.get(shard.exchange) ?? []), shard]);
  return map;
}

/**
 * A count of symbols of one exchange. Each address carries all of them, so the counts of connections add up within an
 * address; the largest of these sums stands for the exchange.
 */
export function symbolsOf(shards: readonly ShardStatus[], pick: (shard: ShardStatus) => number): number {
  const sums = new Map<string | undefined, number>();
  for (const shard of shards) sums.set(shard.route, (sums.get(shard.route) ?? 0) + pick(shard));
  return Math.max(0, ...sums.values());
}

export function dropped(s: Snapshot): number {
  return s.shards.reduce((n, shard) => n + shard.counters.dropped, 0) + s.writer.dropped_rows;
}

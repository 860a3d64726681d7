/**
 * The state of everything at one moment, read from the shared counters: what /health, /ready, the live table and the
 * watchdog are made from. Main thread, a few times a second.
 */
import type {
  DRAIN_COUNTERS,
  SEALER_COUNTERS,
  SESSION_COUNTERS,
  SHARD_COUNTERS,
  STORED_COUNTERS,
  WRITER_COUNTERS,
} from '../counters/declarations.js';
import type { Quantiles } from '../counters/histogram.js';
import type { ConnectionState } from '../feed/connection/state.js';
import type { Refusal } from '../feed/connection/subscriptions.js';
import type { DiskState } from './disk.js';
import type { SymbolsStatus } from './exchange_symbols.js';
import type { ClosedHost } from './session_init.js';
import type { StalenessTimes } from './staleness.js';

type Values<C> = { readonly [K in keyof C]: number };

/** A connection. */
export interface SessionStatus {
  /** its number within the exchange */
  readonly session: number;
  /** number of the thread that hosts it */
  readonly shard: number;
  readonly exchange: string;
  /** since when there has been such a connection, or attempts at it */
  readonly createdMs: number;
  /** which of the exchange's addresses, when it has several; every symbol is subscribed at each */
  readonly route: string | undefined;
  readonly state: ConnectionState;
  /** what the exchange refuses on it, in its words */
  readonly refusals: readonly Refusal[];
  readonly symbols: number;
  /** streams that have stopped although the connection has not, by symbol and channel */
  readonly silentStreams: readonly string[];
  readonly messagesPerSecond: number;
  readonly rowsPerSecond: number;
  readonly counters: Values<typeof SESSION_COUNTERS>;
  /** fill of the thread's ring in thousandths */
  readonly ringFill: number;
  /** turns of the thread */
  readonly turns: number;
  /** times that the thread was started again */
  readonly restarts: number;
}

/** A shard thread with its ring. */
export interface ShardStatus {
  readonly counters: Values<typeof SHARD_COUNTERS>;
  readonly drained: Values<typeof DRAIN_COUNTERS>;
}

export interface Snapshot extends StalenessTimes {
  readonly nowMs: number;
  readonly startedMs: number;
  /** since when connections have been opened; the start before */
  readonly connectingMs: number;
  readonly sessions: readonly SessionStatus[];
  /** by exchange; nothing before the start */
  readonly symbols: Readonly<Record<string, SymbolsStatus>>;
  readonly closedHosts: readonly ClosedHost[];
  readonly shards: readonly ShardStatus[];
  readonly writer: Values<typeof WRITER_COUNTERS>;
  /** by exchange */
  readonly stored: Readonly<Record<string, Values<typeof STORED_COUNTERS>>>;
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

export function byExchange(s: Snapshot): Map<string, SessionStatus[]> {
  const map = new Map<string, SessionStatus[]>();
  for (const session of s.sessions)
    map.set(session.exchange, [...(map.get(session.exchange) ?? []), session]);
  return map;
}

/** Connections that have something to carry: one that rests is neither up nor down. */
export function awake(sessions: readonly SessionStatus[]): SessionStatus[] {
  return sessions.filter(({ state }) => state !== 'RESTING');
}

export const isUp = ({ state }: SessionStatus) => state === 'ACTIVE';

/**
 * A count of symbols of one exchange. Each address carries all of them, so the counts of connections add up within an
 * address; the largest of these sums stands for the exchange.
 */
export function symbolsOf(
  sessions: readonly SessionStatus[],
  pick: (session: SessionStatus) => number,
): number {
  const sums = new Map<string | undefined, number>();
  for (const session of sessions) sums.set(session.route, (sums.get(session.route) ?? 0) + pick(session));
  return Math.max(0, ...sums.values());
}

export function dropped(s: Snapshot): number {
  return s.sessions.reduce((n, { counters }) => n + counters.dropped, 0) + s.writer.dropped_rows;
}

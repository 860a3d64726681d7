/** What the fleet keeps of a session and of a shard: everything that outlives their thread. Main thread. */
import { CLOSE_LONGEST_MS, RING_WORDS } from '../base/limits.js';
import type { CounterReader } from '../counters/counters.js';
import type { DRAIN_COUNTERS, SESSION_COUNTERS, SHARD_COUNTERS } from '../counters/declarations.js';
import type { Backoff } from '../feed/connection/backoff.js';
import type { Refusal } from '../feed/connection/subscriptions.js';
import type { Exchange } from '../feed/exchange.js';
import type { StreamSpec } from '../feed/rows/streams.js';
import type { SessionInit } from '../feed/session_init.js';
import type { SessionName } from '../feed/shard.js';
import type { WriterStream } from '../store/writer/writer.js';
import type { Heartbeat } from './heartbeat.js';
import type { Rates } from './rates.js';
import type { ShardThread } from './threads.js';

/** A connection that does not close in this time is cut. */
const SHARD_STOP_MS_MAX = CLOSE_LONGEST_MS + 1000;
/** A ring doubles with so many streams, and once more with four times as many. */
const STREAMS_PER_RING = 500;

/** A session with everything that outlives its thread. */
export interface SessionSlot {
  readonly exchange: Exchange;
  readonly init: SessionInit;
  readonly shard: ShardSlot;
  readonly weight: number;
  readonly createdMs: number;
  streams: StreamSpec[];
  /** streams that have stopped although their connection has not */
  silentStreams: readonly string[];
  /** symbols of which too many rows break a rule */
  failingSymbols: readonly string[];
  /** what the exchange refuses on it */
  refusals: readonly Refusal[];
  readonly counters: CounterReader<typeof SESSION_COUNTERS>;
  readonly rates: Rates;
}

/** A shard with everything that outlives its thread. */
export interface ShardSlot {
  readonly shard: number;
  readonly ring: SharedArrayBuffer;
  readonly drain: SharedArrayBuffer;
  readonly memory: SharedArrayBuffer;
  readonly counters: CounterReader<typeof SHARD_COUNTERS>;
  readonly drained: CounterReader<typeof DRAIN_COUNTERS>;
  readonly sessions: SessionSlot[];
  readonly backoff: Backoff;
  readonly heartbeat: Heartbeat;
  /** monotonic ms */
  startedMs: number;
  thread: ShardThread | undefined;
  restarts: number;
}

export function stopShard(thread: ShardThread | undefined): Promise<void> {
  if (thread === undefined) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(() => thread.terminate(), SHARD_STOP_MS_MAX);
    thread.onEnd(() => {
      clearTimeout(timer);
      resolve();
    });
    thread.send({ kind: 'stop' });
  });
}

export function writerStreams(
  { shard }: Pick<SessionSlot, 'shard'>,
  streams: readonly StreamSpec[],
): WriterStream[] {
  return streams.map(({ stream, exchange, directory, symbol }) => ({
    stream,
    exchange,
    directory,
    symbol,
    ring: shard.shard,
  }));
}

export function ringWords(streams: number): number {
  if (streams <= STREAMS_PER_RING) return RING_WORDS;
  return streams <= 4 * STREAMS_PER_RING ? 2 * RING_WORDS : 4 * RING_WORDS;
}

export function keyOf({ exchange, session }: SessionName): string {
  return `${exchange} ${session}`;
}

export function routeKey({ exchange, init }: SessionSlot): string {
  return `${exchange.id} ${init.connection.route}`;
}

export function nameOf({ init }: SessionSlot): string {
  return `${init.exchange}-${init.session}`;
}

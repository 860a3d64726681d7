/** Snapshots made by hand for the tests of health and HTTP. */
import type { CounterSpecs } from '../../src/counters/counters.js';
import {
  DRAIN_COUNTERS,
  SEALER_COUNTERS,
  SESSION_COUNTERS,
  SHARD_COUNTERS,
  STORED_COUNTERS,
  WRITER_COUNTERS,
} from '../../src/counters/declarations.js';
import type { SessionStatus, Snapshot } from '../../src/supervisor/snapshot.js';

const NOW_MS = 1_800_000_000_000;

function zeros<C extends CounterSpecs>(specs: C, changes: Partial<Record<keyof C, number>> = {}) {
  const all = Object.fromEntries(Object.keys(specs).map((name) => [name, 0])) as { [K in keyof C]: number };
  return { ...all, ...changes };
}

export interface SessionChanges extends Partial<Omit<SessionStatus, 'counters'>> {
  readonly counters?: Partial<Record<keyof typeof SESSION_COUNTERS, number>>;
}

export function session(changes: SessionChanges = {}): SessionStatus {
  return {
    session: 0,
    shard: 0,
    exchange: 'venue',
    createdMs: 0,
    route: undefined,
    state: 'ACTIVE',
    refusals: [],
    symbols: 3,
    silentStreams: [],
    failingSymbols: [],
    messagesPerSecond: 10.4,
    rowsPerSecond: 9,
    ringFill: 0,
    turns: 100,
    restarts: 0,
    ...changes,
    counters: zeros(SESSION_COUNTERS, { last_message: NOW_MS / 1000, ...changes.counters }),
  };
}

/** What is stored of an exchange. */
export function stored(changes: Partial<Record<keyof typeof STORED_COUNTERS, number>> = {}) {
  return zeros(STORED_COUNTERS, { last_row: NOW_MS / 1000 - 1, ...changes });
}

export interface SnapshotChanges extends Partial<Omit<Snapshot, 'writer'>> {
  readonly writer?: Partial<Record<keyof typeof WRITER_COUNTERS, number>>;
}

/** A snapshot of a process that is well and has run for ten minutes. */
export function snapshot(changes: SnapshotChanges = {}): Snapshot {
  const quantiles = { count: 1, p50: 2, p99: 3, p999: 4, max: 5 };
  return {
    nowMs: NOW_MS,
    startedMs: NOW_MS - 600_000,
    connectingMs: NOW_MS - 600_000,
    sessions: [session()],
    symbols: {},
    closedHosts: [],
    shards: [{ counters: zeros(SHARD_COUNTERS), drained: zeros(DRAIN_COUNTERS) }],
    stored: { venue: stored(), other: stored() },
    writerQuietSecs: 0,
    unwrittenSecs: 0,
    dropQuietSecs: Number.POSITIVE_INFINITY,
    removalQuietSecs: Number.POSITIVE_INFINITY,
    damageQuietSecs: Number.POSITIVE_INFINITY,
    poisonQuietSecs: Number.POSITIVE_INFINITY,
    flushIntervalSecs: 5,
    latency: { venue: quantiles },
    recentLatency: { venue: quantiles },
    writerLatency: quantiles,
    sealer: zeros(SEALER_COUNTERS),
    sinks: [],
    disk: { free_bytes: 1e12, free_inodes: null, runway_seconds: null, forecast: null, level: 'ok' },
    ...changes,
    writer: zeros(WRITER_COUNTERS, changes.writer),
  };
}

/** The same, eight seconds after its connections were begun, which was long after its start. */
export const YOUNG = { connectingMs: NOW_MS - 8000 };
export const NOW_SECS = NOW_MS / 1000;

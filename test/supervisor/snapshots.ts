/** Snapshots made by hand for the tests of health and HTTP. */
import type { CounterSpecs } from '../../src/counters/counters.js';
import {
  DRAIN_COUNTERS,
  SEALER_COUNTERS,
  SHARD_COUNTERS,
  WRITER_COUNTERS,
} from '../../src/counters/declarations.js';
import type { ShardStatus, Snapshot } from '../../src/supervisor/status.js';

const NOW_MS = 1_800_000_000_000;

function zeros<C extends CounterSpecs>(specs: C, changes: Partial<Record<keyof C, number>> = {}) {
  const all = Object.fromEntries(Object.keys(specs).map((name) => [name, 0])) as { [K in keyof C]: number };
  return { ...all, ...changes };
}

export interface ShardChanges extends Partial<Omit<ShardStatus, 'counters' | 'drain'>> {
  readonly counters?: Partial<Record<keyof typeof SHARD_COUNTERS, number>>;
  readonly drain?: Partial<Record<keyof typeof DRAIN_COUNTERS, number>>;
}

export function shard(changes: ShardChanges = {}): ShardStatus {
  return {
    shard: 0,
    exchange: 'venue',
    state: 'ACTIVE',
    symbols: 3,
    messagesPerSecond: 10.4,
    rowsPerSecond: 9,
    restarts: 0,
    ...changes,
    counters: zeros(SHARD_COUNTERS, { last_message: NOW_MS / 1000, ...changes.counters }),
    drain: zeros(DRAIN_COUNTERS, { last_row: NOW_MS / 1000 - 1, ...changes.drain }),
  };
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
    shards: [shard()],
    writerQuietSecs: 0,
    unwrittenSecs: 0,
    dropQuietSecs: Number.POSITIVE_INFINITY,
    removalQuietSecs: Number.POSITIVE_INFINITY,
    damageQuietSecs: Number.POSITIVE_INFINITY,
    poisonQuietSecs: Number.POSITIVE_INFINITY,
    flushIntervalSecs: 5,
    latency: { venue: quantiles },
    writerLatency: quantiles,
    sealer: zeros(SEALER_COUNTERS),
    disk: { free_bytes: 1e12, free_inodes: null, runway_seconds: null, level: 'ok' },
    ...changes,
    writer: zeros(WRITER_COUNTERS, changes.writer),
  };
}

/** The same, ten seconds after its start. */
export const YOUNG = { startedMs: NOW_MS - 10_000 };
export const NOW_SECS = NOW_MS / 1000;

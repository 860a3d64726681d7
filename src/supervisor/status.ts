/** What /health and /ready answer, and what the watchdog asks. Main thread. */
import { findings, HEALTH_SECS, isUnwritten } from './health_rules.js';
import { byExchange, dropped, type ShardStatus, type Snapshot, symbolsOf } from './snapshot.js';

export type HealthStatus = 'healthy' | 'degraded' | 'unhealthy';

/**
 * Whether the process does its work, as a watchdog asks: the writer turns, and what waits gets written. A disk that
 * refuses is no reason to end the process: the rings keep what a new process would have lost.
 */
export function isAlive(s: Snapshot): boolean {
  if (s.writerQuietSecs > HEALTH_SECS.diskSilentAtCheckpoint) return false;
  return s.writer.disk_failing === 1 || !isUnwritten(s);
}

/** Body of GET /health. */
export function healthOf(s: Snapshot) {
  const { unhealthy, degraded, warning } = findings(s);
  const status: HealthStatus =
    unhealthy.length > 0 ? 'unhealthy' : degraded.length > 0 ? 'degraded' : 'healthy';
  return {
    status,
    reasons: [...unhealthy, ...degraded],
    warnings: warning,
    uptime_seconds: Math.floor((s.nowMs - s.startedMs) / 1000),
    connections: { up: s.shards.filter((shard) => shard.state === 'ACTIVE').length, total: s.shards.length },
    messages_dropped: dropped(s),
    disk: s.disk,
    exchanges: Object.fromEntries(
      [...byExchange(s)].map(([id, shards]) => [id, exchangeHealth(s, id, shards)]),
    ),
    writer: {
      rows_written: s.writer.rows_written,
      rows_waiting: s.writer.buffered_rows,
      bytes_written: s.writer.bytes_written * 64,
      disk_errors: s.writer.disk_errors,
      rows_removed: s.writer.removed_rows,
      receive_to_journal_us: s.writerLatency,
    },
    journal: {
      bytes: s.writer.journal_size * 65_536,
      unsynced_ms: s.writer.unsynced_ms,
      sync_us: s.writer.journal_sync_us,
      waits: s.writer.journal_waits,
      checkpoints: s.writer.checkpoints,
      sinks_cut_off: s.writer.cursors_cut_off,
      quarantined_bytes: s.writer.quarantined * 64,
    },
    checksums: {
      table_days_sealed: s.sealer.sealed,
      table_days_waiting: s.sealer.waiting,
      table_days_damaged: s.sealer.damaged,
      passes: s.sealer.passes,
      failures: s.sealer.failures,
    },
  };
}

function exchangeHealth(s: Snapshot, id: string, shards: readonly ShardStatus[]) {
  const sum = (pick: (shard: ShardStatus) => number) => shards.reduce((n, shard) => n + pick(shard), 0);
  const last = Math.max(...shards.map((shard) => shard.counters.last_message));
  const lastRow = Math.max(...shards.map((shard) => shard.drain.last_row));
  return {
    connected: shards.some((shard) => shard.state === 'ACTIVE'),
    symbols: symbolsOf(shards, (shard) => shard.symbols),
    messages_per_second: Math.round(sum((shard) => shard.messagesPerSecond)),
    last_message: iso(last),
    last_row_on_disk: iso(lastRow),
    rows_written: sum((shard) => shard.drain.rows_written),
    messages_dropped: sum((shard) => shard.counters.dropped),
    messages_refused: sum((shard) => shard.counters.rejected),
    duplicates: sum((shard) => shard.counters.duplicates),
    gaps: sum((shard) => shard.counters.gaps),
    gaps_unlisted: sum((shard) => shard.counters.gaps_unlisted),
    trades_missing: sum((shard) => shard.counters.missing),
    silent_symbols: symbolsOf(shards, (shard) => shard.counters.silent),
    receive_to_ring_us: s.latency[id],
    connections: shards.map((shard) => ({
      shard: shard.shard,
      state: shard.state,
      symbols: shard.symbols,
      subscriptions: { confirmed: shard.counters.confirmed, refused: shard.counters.refused },
      messages: shard.counters.messages,
      reconnects: shard.counters.failures,
      ring_fill: shard.counters.ring_fill / 1000,
      restarts: shard.restarts,
    })),
  };
}

function iso(seconds: number): string | null {
  return seconds === 0 ? null : new Date(seconds * 1000).toISOString();
}

/** Body of GET /ready: every connection is up and nothing waits for its confirmation. */
export function readinessOf(s: Snapshot) {
  const waiting = s.shards
    .filter((shard) => shard.state !== 'ACTIVE')
    .map((shard) => `${shard.exchange}-${shard.shard} ${shard.state}`);
  return { ready: s.shards.length > 0 && waiting.length === 0 && s.writer.disk_failing === 0, waiting };
}

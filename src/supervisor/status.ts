/** What /health and /ready answer, and what the watchdog asks. Main thread. */
import { counterTotals } from './counter_totals.js';
import { findings, HEALTH_SECS, isUnwritten } from './health_rules.js';
import {
  byExchange,
  dropped,
  type SessionStatus,
  type SinkStatus,
  type Snapshot,
  symbolsOf,
} from './snapshot.js';

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
    connections: {
      up: s.sessions.filter((session) => session.state === 'ACTIVE').length,
      total: s.sessions.length,
    },
    messages_dropped: dropped(s),
    disk: s.disk,
    exchanges: Object.fromEntries(
      exchangesOf(s).map((id) => [id, exchangeHealth(s, id, byExchange(s).get(id) ?? [])]),
    ),
    writer: {
      rows_written: s.writer.rows_written,
      rows_waiting: s.writer.buffered_rows,
      bytes_written: s.writer.bytes_written * 64,
      disk_errors: s.writer.disk_errors,
      rows_removed: s.writer.removed_rows,
      table_days_damaged: s.writer.damages,
      rows_damaged: s.writer.damaged_rows,
      receive_to_journal_us: s.writerLatency,
    },
    journal: {
      bytes: s.writer.journal_size * 65_536,
      // what it would cost now: a kill the second, a power cut the third
      ring_wait_ms: atLeastQuiet(s, s.writer.ring_wait_ms),
      unjournaled_ms: atLeastQuiet(s, s.writer.unjournaled_ms),
      unsynced_ms: s.writer.unsynced_ms,
      sync_us: s.writer.journal_sync_us,
      waits: s.writer.journal_waits,
      poisoned: s.writer.journal_poisoned,
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
    sinks: Object.fromEntries(s.sinks.map((sink) => [sink.name, sinkHealth(sink)])),
    counters: counterTotals(s),
  };
}

/** Those with connections and those that wait for a list of symbols. */
function exchangesOf(s: Snapshot): string[] {
  return [...new Set([...Object.keys(s.symbols), ...byExchange(s).keys()])];
}

/** While the writer stands nothing is measured, and what has come since is at least as old. */
function atLeastQuiet({ writerQuietSecs }: Snapshot, ms: number): number {
  return Math.max(ms, Math.round(writerQuietSecs * 1000));
}

function exchangeHealth(s: Snapshot, id: string, sessions: readonly SessionStatus[]) {
  const sum = (pick: (session: SessionStatus) => number) =>
    sessions.reduce((n, session) => n + pick(session), 0);
  const last = Math.max(0, ...sessions.map((session) => session.counters.last_message));
  return {
    connected: sessions.some((session) => session.state === 'ACTIVE'),
    symbols: symbolsOf(sessions, (session) => session.symbols),
    symbols_listed: s.symbols[id]?.listed ?? null,
    symbols_trouble: s.symbols[id]?.trouble ?? null,
    symbols_not_captured: s.symbols[id]?.refused ?? [],
    messages_per_second: Math.round(sum((session) => session.messagesPerSecond)),
    last_message: iso(last),
    last_row_on_disk: iso(s.stored[id].last_row),
    rows_written: s.stored[id].rows_written,
    messages_dropped: sum((session) => session.counters.dropped),
    messages_refused: sum((session) => session.counters.rejected),
    duplicates: sum((session) => session.counters.duplicates),
    gaps: sum((session) => session.counters.gaps),
    gaps_unlisted: sum((session) => session.counters.gaps_unlisted),
    trades_missing: sum((session) => session.counters.missing),
    gaps_repairing: sum((session) => session.counters.repairs_waiting),
    rows_repaired: sum((session) => session.counters.repaired),
    silent_symbols: symbolsOf(sessions, (session) => session.counters.silent),
    silent_streams: sessions.flatMap((session) => session.silentStreams),
    receive_to_ring_us: s.latency[id],
    connections: sessions.map((session) => ({
      session: session.session,
      shard: session.shard,
      state: session.state,
      symbols: session.symbols,
      subscriptions: { confirmed: session.counters.confirmed, refused: session.counters.refused },
      refusals: session.refusals.map(({ native, channel, reason }) => ({ symbol: native, channel, reason })),
      messages: session.counters.messages,
      reconnects: session.counters.failures,
      ring_fill: session.ringFill / 1000,
      restarts: session.restarts,
    })),
  };
}

function sinkHealth({ type, trouble, restarts, lagRows, lagSecs, counters }: SinkStatus) {
  return {
    type,
    trouble: trouble ?? null,
    from_files: counters.from_files === 1,
    lag_rows: lagRows,
    lag_seconds: Math.round(lagSecs * 10) / 10,
    oldest_waiting: iso(counters.waiting_since),
    delivered_until: iso(counters.delivered_until),
    rows_delivered: counters.delivered_rows,
    dead_letters: counters.dead_letters,
    errors: counters.errors,
    retries: counters.retries,
    cut_offs: counters.cut_offs,
    restarts,
  };
}

export type SinkHealth = ReturnType<typeof sinkHealth>;

function iso(seconds: number): string | null {
  return seconds === 0 ? null : new Date(seconds * 1000).toISOString();
}

/** Body of GET /ready: every connection is up, and nothing waits for its confirmation or for a list of symbols. */
export function readinessOf(s: Snapshot) {
  const waiting = s.sessions
    .filter((session) => session.state !== 'ACTIVE')
    .map((session) => `${session.exchange}-${session.session} ${session.state}`);
  for (const [exchange, symbols] of Object.entries(s.symbols))
    if (symbols.waiting) waiting.push(`${exchange} symbols`);
  return { ready: s.sessions.length > 0 && waiting.length === 0 && s.writer.disk_failing === 0, waiting };
}

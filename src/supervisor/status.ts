/**
 * What /health, /ready and the live table show, from the shared counters. Main thread, a few times a second. Health is judged
 * by rows that reached the disk and connections that are subscribed, never by a thread being alive.
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
  readonly shards: readonly ShardStatus[];
  readonly writer: Values<typeof WRITER_COUNTERS>;
  readonly flushIntervalSecs: number;
  /** undefined before the first look */
  readonly disk: DiskState | undefined;
  readonly sealer: Values<typeof SEALER_COUNTERS>;
  /** receive to ring, by exchange, µs */
  readonly latency: Readonly<Record<string, Quantiles>>;
  /** receive to the journal's file (without a journal: to the writer), µs */
  readonly writerLatency: Quantiles;
}

export type HealthStatus = 'healthy' | 'degraded' | 'unhealthy';

/** A new process gets so long to connect before that counts against it. */
const GRACE_SECS = 30;
/** Silence of the writer that a watchdog does not forgive. */
const WRITER_QUIET_SECS_MAX = 5;
/** Silence of the writer that only a disk explains; it turns a hundred times in this time, whatever comes in. */
const WRITER_STALLED_SECS = 0.6;
/** What was lost shows in the status for so long. */
const LOSS_MEMORY_SECS = 60;

/** Reasons to worry, the worse ones first. */
function findings(s: Snapshot): { readonly unhealthy: string[]; readonly degraded: string[] } {
  const unhealthy: string[] = [];
  const degraded: string[] = [];
  const young = (s.nowMs - s.startedMs) / 1000 < GRACE_SECS;
  if (s.writer.disk_failing === 1) unhealthy.push('the disk refuses writes');
  const silent = diskSilentSecs(s);
  if (isStalled(s)) unhealthy.push(`the disk does not answer: ${silenceText(s)} for ${silent.toFixed(1)} s`);
  else if (silent >= WRITER_STALLED_SECS) degraded.push('a checkpoint waits for the disk');
  if (s.removalQuietSecs < LOSS_MEMORY_SECS)
    unhealthy.push('files were removed while they were in use; what they held is listed in GAPS');
  if (s.damageQuietSecs < LOSS_MEMORY_SECS)
    unhealthy.push(
      `${s.writer.damages} table-days were found damaged; what they held is in quarantine/ and listed in GAPS`,
    );
  if (s.unwrittenSecs > s.flushIntervalSecs * 2)
    unhealthy.push(`rows wait, but none has reached the disk for ${Math.round(s.unwrittenSecs)} s`);
  const { disk } = s;
  if (disk?.level === 'unhealthy' || disk?.level === 'degraded')
    (disk.level === 'unhealthy' ? unhealthy : degraded).push(roomText(disk));
  if (s.poisonQuietSecs < LOSS_MEMORY_SECS)
    degraded.push(
      `journal_poisoned: the disk refused to make ${s.writer.journal_poisoned} segments of the journal durable; their blocks were written again`,
    );
  if (s.shards.length === 0) degraded.push('starting');
  for (const [exchange, shards] of byExchange(s)) {
    const up = shards.filter((shard) => shard.state === 'ACTIVE').length;
    if (up === 0) (young ? degraded : unhealthy).push(`${exchange}: no connection is up`);
    else if (up < shards.length)
      degraded.push(`${exchange}: ${shards.length - up} of ${shards.length} connections are not up`);
    const written = Math.max(...shards.map((shard) => shard.drain.last_row));
    if (!young && up > 0 && s.nowMs / 1000 - written > GRACE_SECS + s.flushIntervalSecs)
      degraded.push(`${exchange}: no row has reached the disk lately`);
    const refused = shards.reduce((n, shard) => n + shard.counters.refused, 0);
    if (refused > 0) degraded.push(`${exchange}: ${refused} subscriptions were refused`);
    const silent = shards.reduce((n, shard) => n + shard.counters.silent, 0);
    if (!young && silent > 0) degraded.push(`${exchange}: ${silent} symbols have sent nothing yet`);
  }
  if (s.dropQuietSecs < LOSS_MEMORY_SECS) degraded.push('messages were dropped in the last minute');
  return { unhealthy, degraded };
}

/** For how long the disk has not answered: to the writer, or to the sync that runs beside it. */
export function diskSilentSecs({ writer, writerQuietSecs }: Snapshot): number {
  return Math.max(writerQuietSecs, writer.journal_sync_running_ms / 1000);
}

/** What it does not answer to. */
export function silenceText(s: Snapshot): string {
  return diskSilentSecs(s) > s.writerQuietSecs
    ? 'a sync of the journal has been running'
    : 'the writer has not turned';
}

/** Making a whole file system durable for a checkpoint may take a moment, no other call may. */
function isStalled(s: Snapshot): boolean {
  return diskSilentSecs(s) >= (s.writer.checkpoint_syncs === 1 ? WRITER_QUIET_SECS_MAX : WRITER_STALLED_SECS);
}

/** Whether rows that find no room in a ring are lost because of the disk. */
export function writerWaits(s: Snapshot): boolean {
  return s.writer.disk_failing === 1 || isStalled(s);
}

function roomText({ runway_seconds }: DiskState): string {
  return runway_seconds === 0
    ? 'the disk is full'
    : `the disk will be full in ${Math.ceil((runway_seconds ?? 0) / 60)} min`;
}

/** Capture is well, but something needs to be looked at. */
function warningsOf({ disk, sealer }: Snapshot): string[] {
  const room = disk?.level === 'warn' ? [roomText(disk)] : [];
  const damaged =
    sealer.damaged > 0 ? [`${sealer.damaged} closed table-days are damaged, see logger verify`] : [];
  return [...room, ...damaged];
}

/**
 * Whether the process does its work, as a watchdog asks: the writer turns, and what waits gets written. A disk that
 * refuses is no reason to end the process: the rings keep what a new process would have lost.
 */
export function isAlive(s: Snapshot): boolean {
  if (s.writerQuietSecs > WRITER_QUIET_SECS_MAX) return false;
  return s.writer.disk_failing === 1 || s.unwrittenSecs <= s.flushIntervalSecs * 2;
}

export function byExchange(s: Snapshot): Map<string, ShardStatus[]> {
  const map = new Map<string, ShardStatus[]>();
  for (const shard of s.shards) map.set(shard.exchange, [...(map.get(shard.exchange) ?? []), shard]);
  return map;
}

export function dropped(s: Snapshot): number {
  return s.shards.reduce((n, shard) => n + shard.counters.dropped, 0) + s.writer.dropped_rows;
}

/** Body of GET /health. */
export function healthOf(s: Snapshot) {
  const { unhealthy, degraded } = findings(s);
  const status: HealthStatus =
    unhealthy.length > 0 ? 'unhealthy' : degraded.length > 0 ? 'degraded' : 'healthy';
  return {
    status,
    reasons: [...unhealthy, ...degraded],
    warnings: warningsOf(s),
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
  };
}

/** While the writer stands nothing is measured, and what has come since is at least as old. */
function atLeastQuiet({ writerQuietSecs }: Snapshot, ms: number): number {
  return Math.max(ms, Math.round(writerQuietSecs * 1000));
}

function exchangeHealth(s: Snapshot, id: string, shards: readonly ShardStatus[]) {
  const sum = (pick: (shard: ShardStatus) => number) => shards.reduce((n, shard) => n + pick(shard), 0);
  const last = Math.max(...shards.map((shard) => shard.counters.last_message));
  const lastRow = Math.max(...shards.map((shard) => shard.drain.last_row));
  return {
    connected: shards.some((shard) => shard.state === 'ACTIVE'),
    symbols: sum((shard) => shard.symbols),
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
    silent_symbols: sum((shard) => shard.counters.silent),
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

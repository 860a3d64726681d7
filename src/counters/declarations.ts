/** Every counter of the program, once: name, kind, unit and meaning. /health and OPTIONS.md loop over them. */
import { type CounterSpec, type CounterSpecs, slotsOf } from './counters.js';

const counter = (doc: string, unit = '') => ({ kind: 'counter', unit, together: 'sum', doc }) as const;
const gauge = (doc: string, unit = '', together: CounterSpec['together'] = 'sum') =>
  ({ kind: 'gauge', unit, together, doc }) as const;

/** One block per session (a connection), written by the thread of its shard. */
export const SESSION_COUNTERS = {
  state: gauge('connection state, see feed/connection/state.ts', 'number', 'max'),
  messages: counter('messages received'),
  bytes: counter('bytes received', 'B'),
  rows: counter('rows published to the ring'),
  slow_path: counter('messages that the byte scanner handed to the JSON parser'),
  template_hits: counter('messages that a compiled template read'),
  template_misses: counter(
    'messages that no template read: control messages, snapshots and the first of a kind, too',
  ),
  control: counter('messages that carry no data: acknowledgements, heartbeats, notices'),
  duplicates: counter('trades received again and not stored twice'),
  resyncs: counter('order books that did not add up and were asked for again'),
  reordered: counter('trades that arrived after a later one'),
  late_trades: counter('trades in no candle: they came too late for it, or are far ahead of the clock'),
  lost: counter('messages missing in the numbering of a connection, where the exchange has one'),
  unsynced: counter(
    'changes of order books that were not complete, or older than their snapshot; not stored',
  ),
  unwanted: counter('data for symbols or channels that were not subscribed'),
  unknown_kind: counter('messages of a kind that nothing is known about'),
  rejected: counter('messages refused: broken JSON, missing or invalid values'),
  literals: counter('numbers that went to the text side-car'),
  broken_positive: counter('rows with a price or size that is not above zero'),
  broken_crossed: counter('rows whose best bid is not below their best ask'),
  broken_jump: counter('rows whose price is too far from the one before it'),
  broken_clock: counter('rows whose event time is too far from their receive time'),
  set_aside: counter('rows that broke a rule of `[validation]` and were not stored'),
  dropped: counter('messages dropped because the ring was full'),
  gaps: counter('gaps found; each becomes a row of GAPS'),
  gaps_unlisted: counter(
    'of these, gaps that GAPS lacks: the ring was full and too many others waited for room',
  ),
  missing: counter('trades known to be missing'),
  repairs_waiting: gauge('gaps whose rows are being fetched over REST, or wait for it'),
  repaired: counter('rows that were missed and then fetched over REST; not among `rows`'),
  repair_failures: counter('requests for missed rows that failed and are made again'),
  repair_unreadable: counter('missed rows that were fetched and could not be read'),
  resets: counter('times an exchange began to count the ids of a symbol anew'),
  pauses: counter('times the socket was paused because the ring was full'),
  connects: counter('connections opened'),
  failures: counter('connections that ended without being asked to'),
  stale: counter('connections given up because nothing arrived'),
  breaker: counter('connections given up because most messages did not parse'),
  oversized: counter('messages refused because they were too large to be parsed; each ended its connection'),
  silences: counter(
    'times that a stream had stopped although its connection had not, and something was done about it',
  ),
  up: gauge('connections that are up: one, with `redundancy` two, and one more while one is replaced'),
  handovers: counter('connections that were replaced by a new one before they ended'),
  uncovered_ms: counter('time in which no connection of the same streams was up, after one had been', 'ms'),
  known_rows: counter(
    'rows without ids that another connection of the same streams had brought before; not stored twice',
  ),
  refused: gauge('subscriptions that the exchange refused'),
  confirmed: gauge('subscriptions that the exchange confirmed'),
  silent: gauge('symbols that have sent nothing since they were subscribed'),
  last_message: gauge('receive time of the last message, since 1970', 's', 'max'),
} as const satisfies CounterSpecs;

/** One block per shard (a thread with its ring), written by it. */
export const SHARD_COUNTERS = {
  ring_fill: gauge('fill of the ring', '1/1000', 'max'),
  heartbeat: counter('turns of the thread'),
} as const satisfies CounterSpecs;

/** One block for the writer. */
export const WRITER_COUNTERS = {
  heartbeat: counter('turns of the writer loop'),
  rows_drained: counter('rows taken from the rings'),
  rows_written: counter('rows that reached the column files'),
  bytes_written: counter('bytes written to column files', '64 B'),
  flushes: counter('table-days flushed'),
  files_opened: counter('files opened'),
  dropped_rows: counter('rows that could not be written and were given up'),
  removals: counter('times that files in use were found removed'),
  removed_rows: counter('rows that were lost with files that were removed'),
  damages: counter('table-days that were found damaged; their rows are in the quarantine and listed in GAPS'),
  damaged_rows: counter('rows that were put into the quarantine with them'),
  disk_errors: counter('failed disk calls'),
  disk_failing: gauge('1 while the disk refuses writes', 'number'),
  last_error: gauge('errno of the last failed disk call', 'number'),
  buffered_rows: gauge('rows that wait for their flush'),
  ring_wait_ms: gauge(
    'age of the oldest row when it was taken from its ring, longest within the last second or two, ms',
  ),
  unjournaled_ms: gauge(
    'the same when it was in the journal file, where a kill does not cost it any more, ms',
  ),
  journal_blocks: counter('blocks written to the journal'),
  journal_written: counter('bytes written to the journal', '64 B'),
  journal_size: gauge('size of all segments', '64 KiB'),
  journal_syncs: counter('times the journal was made durable'),
  journal_sync_us: gauge('duration of the last of these', 'µs'),
  journal_sync_running_ms: gauge('for how long the one that is under way has been', 'ms'),
  journal_waits: counter('times the rings waited because too much of the journal was not durable'),
  journal_poisoned: counter('segments given up because they could not be made durable'),
  unsynced_ms: gauge('age of the oldest row that a power cut would cost', 'ms'),
  checkpoints: counter('checkpoints written'),
  checkpoint_syncs: gauge('1 while a checkpoint makes the file system durable', 'number'),
  checkpoint_ms: gauge('duration of the last sync of the file system for a checkpoint', 'ms'),
  cursors_cut_off: counter('sinks cut off because the journal had become too large'),
  quarantined: gauge('bytes that were put into the quarantine since the start', '64 B'),
  stopped: gauge(
    '1 when everything is in its files after a stop, 2 when the next start redoes a part of it',
    'number',
  ),
} as const satisfies CounterSpecs;

/** One block for the sealer: checksum files of closed days. */
export const SEALER_COUNTERS = {
  passes: counter('times all closed table-days were looked at'),
  sealed: counter('table-days that got a checksum file or, because rows had come late, a new one'),
  failures: counter('table-days that could not be read or sealed and wait for the next pass'),
  waiting: gauge('closed table-days with rows that are not in a checksum file yet, of those looked at last'),
  damaged: gauge('table-days that differ from their checksum file'),
} as const satisfies CounterSpecs;

/** One block per sink, written by its thread. */
export const SINK_COUNTERS = {
  delivered_rows: counter('rows delivered: safe in the target'),
  batches: counter('batches delivered'),
  errors: counter('times that the target, or the way to it, failed'),
  retries: counter('batches that were delivered again after an error'),
  dead_letters: counter('rows that the target can never take; they are in dead_letters/'),
  cut_offs: counter(
    'times that the sink had lost its place in the journal and began again from the column files',
  ),
  position: gauge('the last block of the journal that was delivered, modulo 2^32', 'number', 'max'),
  from_files: gauge('1 while rows come from the column files', 'number'),
  waiting_since: gauge(
    'receive time of the oldest row that was read and is not safe in the target, since 1970; 0 when there is none',
    's',
    'max',
  ),
  delivered_until: gauge('receive time of the newest row that was delivered, since 1970', 's', 'max'),
} as const satisfies CounterSpecs;

/** One block per ring, written by the writer: what became of a shard's rows. */
export const DRAIN_COUNTERS = {
  rows_drained: counter('rows taken from this ring'),
  rows_durable: counter('rows of this ring that a power cut does not cost any more'),
  rows_written: counter('rows of this ring that reached the column files'),
} as const satisfies CounterSpecs;

/** One block per exchange, written by the writer: what of it is in the column files. */
export const STORED_COUNTERS = {
  rows_written: counter('rows of this exchange that reached the column files'),
  bytes_written: counter('bytes of this exchange written to column files', '64 B'),
  last_row: gauge('receive time of the newest row that reached the column files, since 1970', 's', 'max'),
} as const satisfies CounterSpecs;

/** Every block above by its name in /health, where the blocks of an exchange or of the process stand together as one. */
export const COUNTER_BLOCKS = {
  session: { of: 'exchange', specs: SESSION_COUNTERS, doc: 'its connections together' },
  stored: { of: 'exchange', specs: STORED_COUNTERS, doc: 'what of it is in the column files' },
  shard: { of: 'process', specs: SHARD_COUNTERS, doc: 'all shard threads together' },
  ring: { of: 'process', specs: DRAIN_COUNTERS, doc: 'all rings together, as the writer empties them' },
  writer: { of: 'process', specs: WRITER_COUNTERS, doc: 'the writer' },
  sealer: { of: 'process', specs: SEALER_COUNTERS, doc: 'checksum files of closed days' },
  sink: { of: 'process', specs: SINK_COUNTERS, doc: 'all sinks together' },
} as const satisfies Record<string, { of: 'exchange' | 'process'; specs: CounterSpecs; doc: string }>;

export const SESSION = slotsOf(SESSION_COUNTERS);
export const SHARD = slotsOf(SHARD_COUNTERS);
export const WRITER = slotsOf(WRITER_COUNTERS);
export const SEALER = slotsOf(SEALER_COUNTERS);
export const SINK = slotsOf(SINK_COUNTERS);
export const DRAIN = slotsOf(DRAIN_COUNTERS);
export const STORED = slotsOf(STORED_COUNTERS);
/** Values of the writer's `stopped`. */
export const STOPPED = { complete: 1, redo: 2 } as const;

/**
 * What outlives a connection: the streams of a session with their rows, ids, candles and gaps. Several sessions may carry
 * the same streams and share one group; what each of them receives is stored once, by its id. Shard threads.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../base/clock.js';
import { SESSION } from '../counters/declarations.js';
import type { ListedGap } from '../schema/gap.js';
import type { Table } from '../schema/layout.js';
import { AGG_TRADES, BOOK, type GapCause, KLINES, type KlineInterval, TRADES } from '../schema/tables.js';
import { Candles } from './channels/candles.js';
import { pauseMs, REST_PER_MINUTE } from './connection/pacing.js';
import { exchangeRest } from './connection/rest.js';
import { Backfill, type Stored } from './continuity/backfill.js';
import { ClockSteps, type Seen } from './continuity/clock_steps.js';
import { type Gap, GapLog } from './continuity/gap_log.js';
import { Sequence } from './continuity/sequence.js';
import type { Exchange, FetchJson, Origin } from './exchange.js';
import { type JsonValue, parseKeepingText } from './json/document.js';
import { RowWriter } from './rows/row_writer.js';
import { Rules } from './rows/rules.js';
import { StreamIndex, type StreamSpec } from './rows/streams.js';
import type { SessionHost, SessionInit } from './session_init.js';

/** Lines about messages per second; what exceeds this is only counted. */
const LOGGED_PER_SECOND = 5;

const TWO_TO_32 = 4_294_967_296;
const NO_GAPS = { open: [], filled: [] };

/** Of a gap that an earlier run has listed: what it had stored around it, where ids have no order. */
function storedAround({ anchor = '', known = [] }: ListedGap, { recent }: Sequence): Stored | undefined {
  if (recent === undefined) return undefined;
  const words = known.flatMap((id) => recent.wordsOf(id) ?? []);
  return { anchor: recent.wordsOf(anchor), known: new Set(words.map((word) => word.join())) };
}

/** First and last of the ids that a row stands for: a sum of trades with the id of the last of them stands for all. */
function idsOf(table: Table, u32: Uint32Array, record: number): [from: number, to: number] {
  const { trade_id, first_trade_id = trade_id, last_trade_id = trade_id } = table.at;
  const read = (word: number) => u32[record + word] + u32[record + word + 1] * TWO_TO_32;
  const id = read(trade_id);
  return read(last_trade_id) === id ? [read(first_trade_id), id] : [id, id];
}

export class StreamGroup {
  /** the block of SESSION_COUNTERS of all sessions that share the group */
  readonly counters: Uint32Array;
  readonly streams: StreamIndex;
  readonly rules: Rules;
  readonly rows: RowWriter;
  readonly gaps: GapLog;
  readonly candles: Candles | undefined;
  /** by channel, without books */
  readonly sequences: ReadonlyMap<string, Sequence>;
  private readonly history: FetchJson;
  private readonly backfill: Backfill;
  private readonly clockSteps: ClockSteps;
  private loggedSecond = 0;
  private logged = 0;

  constructor(
    private readonly exchange: Exchange,
    private readonly init: SessionInit,
    private readonly host: SessionHost,
  ) {
    const { producer, clock } = host;
    this.clockSteps = new ClockSteps(clock);
    this.counters = new Uint32Array(init.counters);
    this.streams = new StreamIndex(init.streams);
    this.rules = new Rules(init.rules, this.counters, {
      setAside: (table, slot, u32, record) => this.setAside(table, slot, u32, record),
    });
    this.rules.resize(this.streams.size);
    this.rows = new RowWriter(producer, this.streams, clock.now, init.clockSkewSecondsMax, 0, this.rules);
    this.gaps = new GapLog(
      this.counters,
      (gap) => this.rows.gap(gap),
      () =>
        this.host.log('warn', 'too many gaps wait for room in the ring: the oldest are counted, not listed'),
      // what was set aside would be the same again
      (gap) => gap.cause !== 'validation' && this.backfill.add(gap),
    );
    this.candles = this.createCandles();
    this.sequences = this.createSequences();
    this.history = exchangeRest(exchange, init.history, { parse: parseKeepingText });
    this.backfill = this.createBackfill();
    for (const [slot, spec] of init.streams.entries()) this.takeUpGaps(spec, slot);
  }

  private createBackfill(): Backfill {
    const { exchange, streams, sequences, counters, gaps, host } = this;
    const { clock, producer: sink } = host;
    return new Backfill(
      {
        ...{ exchange, streams, sequences, counters, sink, clock, candles: this.candles },
        note: (gap) => gaps.note(gap),
        flush: () => gaps.flush(),
        fetch: (path) => this.fetch(path),
        log: (level, text) => host.log(level, text),
      },
      monotonicMs,
    );
  }

  /** A page of the exchange's history; what others ask for goes first. */
  private async fetch(path: string): Promise<JsonValue> {
    const { requests } = this.init.history;
    const perMinute = this.exchange.limits.restPerMinute ?? REST_PER_MINUTE;
    for (let wait = 1; wait > 0; await sleep(wait)) wait = pauseMs(requests, perMinute);
    return this.history(path);
  }

  /** Goes on with the repair of what an earlier run has listed. */
  private takeUpGaps({ gaps = NO_GAPS }: StreamSpec, slot: number): void {
    const ofTable = (name: string) =>
      this.init.channels
        .map((channel) => this.sequences.get(channel))
        .find((sequence) => sequence?.table.name === name);
    const gapOf = (
      { table: _, anchor: __, known: ___, fromId, toId, ...gap }: ListedGap,
      { table }: Sequence,
    ): Gap => {
      return { ...gap, ...{ slot, table, fromId, toId, messages: toId > 0 ? toId - fromId + 1 : 0 } };
    };
    for (const gap of gaps.filled) {
      const sequence = ofTable(gap.table);
      if (sequence !== undefined) this.gaps.note({ ...gapOf(gap, sequence), state: 'repaired' });
    }
    for (const gap of gaps.open) {
      const sequence = ofTable(gap.table);
      if (sequence === undefined) continue;
      const { fromId: from, toId: to } = gap;
      if (to > 0) sequence.seedGap(slot, { ...gap, from, to, openedMs: 0, reported: true });
      this.backfill.add(gapOf(gap, sequence), storedAround(gap, sequence));
    }
  }

  private createCandles(): Candles | undefined {
    if (this.init.candles.length === 0) return undefined;
    const candles = new Candles(this.rows, this.init.candles, {
      late: () => {
        this.counters[SESSION.late_trades]++;
      },
      dropped: (slot, interval) => this.candleDropped(slot, interval),
    });
    candles.resize(this.streams.size);
    this.rows.trades = candles;
    return candles;
  }

  /** A row has broken a rule and is not stored. */
  private setAside(table: Table, slot: number, u32: Uint32Array, record: number): void {
    const [seconds, nanos] = this.host.clock.now;
    const hasIds = [...this.sequences].some(
      ([channel, sequence]) =>
        sequence.table === table && this.exchange.channels[channel].ids === 'contiguous',
    );
    const [fromId, toId] = hasIds ? idsOf(table, u32, record) : [0, 0];
    this.gaps.add({
      ...{ slot, table, fromId, toId, cause: 'validation' },
      ...{ fromSeconds: seconds, fromNanos: nanos, toSeconds: seconds, toNanos: nanos },
      messages: toId - fromId + 1,
    });
    if (table === TRADES) this.candles?.doubt(slot, true);
  }

  private candleDropped(slot: number, interval: KlineInterval): void {
    const [seconds, nanos] = this.host.clock.now;
    this.gaps.add({
      slot,
      table: KLINES[interval],
      cause: 'ring_full',
      fromId: 0,
      toId: 0,
      fromSeconds: seconds,
      fromNanos: nanos,
      toSeconds: seconds,
      toNanos: nanos,
      messages: 1,
    });
  }

  /** Whether one of the channels is a book that comes as snapshots and changes. */
  get hasBooks(): boolean {
    return this.init.channels.some((channel) => this.exchange.channels[channel].ids === 'book');
  }

  /** Tables whose rows have no ids, as the exchange sends them. */
  get tablesWithoutIds(): Table[] {
    const channels = [...this.init.channels, ...this.init.otherRoutes];
    return channels
      .map((name) => this.exchange.channels[name])
      .flatMap(({ ids, table }) => (ids === 'none' ? [table] : []));
  }

  private createSequences(): Map<string, Sequence> {
    const events = {
      gap: (gap: Gap) => this.gaps.add(gap),
      repaired: (gap: Gap) => this.gaps.note(gap),
      again: (gap: Gap) => this.idsBeginAgain(gap),
      reordered: () => {
        this.counters[SESSION.reordered]++;
      },
      duplicate: () => {
        this.counters[SESSION.duplicates]++;
      },
      outlier: (slot: number, id: number) =>
        this.logMessage(
          `${this.streams.specs[slot].native}: the id ${id} was out of line, ids go on below it`,
        ),
    };
    const sequences = new Map<string, Sequence>();
    const { channels, otherRoutes, streams } = this.init;
    for (const channel of [...channels, ...otherRoutes]) {
      const declared = this.exchange.channels[channel];
      if (declared.ids === 'book') continue;
      const jumped = declared.table === TRADES ? (slot: number) => this.candles?.doubt(slot) : undefined;
      const sequence = new Sequence(declared, this.host.clock.now, { ...events, jumped }, monotonicMs);
      sequence.resize(this.streams.size);
      sequences.set(channel, sequence);
      for (const [slot, spec] of streams.entries()) this.seed(channel, sequence, spec, slot);
    }
    return sequences;
  }

  private idsBeginAgain(gap: Gap): void {
    this.counters[SESSION.resets]++;
    this.gaps.note(gap);
    // what is asked for by ids of before would be something else now
    this.backfill.leave(gap.slot);
    this.logMessage(`${this.streams.specs[gap.slot].native}: the exchange counts its ids anew`);
  }

  /** Continues the ids that are on disk, so that their end and our beginning leave no unseen gap. */
  private seed(channel: string, sequence: Sequence, spec: StreamSpec, slot: number): void {
    // what stands on disk of the others is followed where they are subscribed
    if (!this.init.channels.includes(channel)) return;
    const { ids } = this.exchange.channels[channel];
    const received = spec.lastReceived[sequence.table.name];
    if (received === undefined) return;
    sequence.seed(slot, received, spec.resumedAfter);
    if (ids === 'unordered') sequence.seedUnordered(slot, spec.recentTradeIds);
    if (ids === 'contiguous' && sequence.table === TRADES && spec.lastTradeId !== '')
      sequence.seedIds(slot, Number(spec.lastTradeId), spec.unlistedIds);
    if (ids === 'contiguous' && sequence.table === AGG_TRADES && spec.lastAggregateId)
      sequence.seedIds(slot, Number(spec.lastAggregateId), []);
  }

  /** Takes a symbol up; answers its slot. */
  add(spec: StreamSpec): number {
    const slot = this.streams.add(spec);
    this.rules.resize(this.streams.size);
    this.candles?.resize(this.streams.size);
    this.candles?.doubt(slot, true);
    for (const [channel, sequence] of this.sequences) {
      sequence.resize(this.streams.size);
      this.seed(channel, sequence, spec, slot);
    }
    this.takeUpGaps(spec, slot);
    return slot;
  }

  /** What arrives of the stream from now on is dropped; the next to take it up continues behind what is on disk. */
  remove({ stream, native }: StreamSpec): void {
    const slot = this.streams.slotOf(native);
    for (const sequence of this.sequences.values()) sequence.leave(slot);
    this.backfill.leave(slot);
    this.rules.leave(slot);
    this.streams.remove(stream);
  }

  /** What is missing in front of the next messages is missing for this cause. */
  interrupted(cause: GapCause): void {
    for (const sequence of this.sequences.values()) sequence.interrupted(cause);
  }

  /**
   * A message of these streams, or of any when it names none, could not be read; where ids are not contiguous nothing would
   * be known to be missing.
   */
  refusedMessage(origins: readonly Origin[]): void {
    for (const [name, sequence] of this.sequences) {
      if (this.exchange.channels[name].ids !== 'contiguous') continue;
      if (origins.length === 0) sequence.interrupted('malformed');
      for (const { native, channel = name } of origins) {
        const slot = this.streams.slotOf(native);
        if (channel === name && slot >= 0) sequence.missed(slot, 'malformed');
      }
    }
  }

  /** Everything that is due; called a few times a second, with the clock read. `last`: nothing comes any more. */
  tick(seenBook: Seen['seen'] | undefined, last: boolean): void {
    for (const gap of this.clockSteps.sample(this.streams.size, () => this.receivers(seenBook)))
      this.gaps.note(gap);
    for (const sequence of this.sequences.values()) sequence.reportDue(last);
    this.candles?.tick(last);
    if (last) this.backfill.stop();
    else this.backfill.tick();
    this.counters[SESSION.rows] = this.rows.counts.rows;
    this.counters[SESSION.literals] = this.rows.counts.literals;
    this.counters[SESSION.silent] = this.countSilent(seenBook);
  }

  private receivers(seenBook: Seen['seen'] | undefined): Seen[] {
    const ofBooks = seenBook === undefined ? [] : [{ table: BOOK, seen: seenBook }];
    return [...this.sequences.values(), ...ofBooks];
  }

  private countSilent(seenBook: Seen['seen'] | undefined): number {
    const sequences = [...this.sequences.values()];
    return this.streams.active().filter((spec) => {
      const slot = this.streams.slotOf(spec.native);
      return !sequences.some((sequence) => sequence.seen(slot)) && seenBook?.(slot) !== true;
    }).length;
  }

  /** HOT: shows what was written to the writer. */
  publish(): void {
    this.gaps.flush();
    this.host.producer.publish();
  }

  /** At most a few lines about messages a second reach the supervisor: bad input must not flood the log. */
  logMessage(text: string): void {
    const second = Math.floor(monotonicMs() / 1000);
    if (second !== this.loggedSecond) {
      if (this.logged > LOGGED_PER_SECOND)
        this.host.log('warn', `${this.logged - LOGGED_PER_SECOND} similar lines suppressed`);
      this.loggedSecond = second;
      this.logged = 0;
    }
    if (this.logged++ < LOGGED_PER_SECOND) this.host.log('warn', text);
  }
}

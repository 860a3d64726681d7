/**
 * Fetches what was missed. A gap of a channel whose exchange keeps a history goes into a queue; page by page its rows
 * are asked for over REST, written like all others with the flag `repaired`, and taken out of GAPS by a second row. Shard
 * threads, cold: one page at a time, a few rows at a time, and only while the ring has plenty of room, so that nothing
 * live waits for it.
 *
 *   gap ──► queue ──request──► page ──► rows, then a `repaired` row of GAPS ──┬─► next page
 *             ▲                                                               └─► at the end: what the history
 *             └── after a pause ◄── the request failed                            lacks is `unrepairable`
 */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../base/errors.js';
import { SESSION } from '../../counters/declarations.js';
import { flag } from '../../schema/flags.js';
import { TRADES } from '../../schema/tables.js';
import { CandleRepair } from '../channels/candle_repair.js';
import type { Candles } from '../channels/candles.js';
import type { Exchange, MessageParser } from '../exchange.js';
import type { JsonValue } from '../json/document.js';
import { RESULT } from '../rows/result.js';
import { type ReversibleSink, RowWriter } from '../rows/row_writer.js';
import type { StreamIndex } from '../rows/streams.js';
import type { Gap } from './gap_log.js';
import type { BackfillRecipe } from './recipe.js';
import { candlesWithin, Repair } from './repair.js';
import { RepairSequence, ROWS_BEFORE_ANCHOR } from './repair_sequence.js';
import type { Sequence } from './sequence.js';

/** Messages that become rows before live ones have their turn: less than a millisecond. */
const MESSAGES_PER_TURN = 100;
/** A ring that is fuller than this belongs to live rows. */
const FILL_MAX = 0.25;
const ROOM_MS = 50;
/** A failed request is made again after a pause that doubles. */
const PAUSE_FIRST_MS = 2000;
const PAUSE_LONGEST_MS = 300_000;
/** What was missed may be of any age. */
const OLDEST_SECONDS = 0xffff_ffff;
/** Gaps that wait; more than that stay open until the next start takes them up. */
const WAITING_MAX = 16_384;

/** Where rows go, and how full it is. */
export interface BackfillSink extends ReversibleSink {
  fill(): number;
  publish(): void;
}

/** What the streams that it serves are to it. */
export interface BackfillHost {
  readonly exchange: Pick<Exchange, 'channels' | 'backfill' | 'createParser'>;
  readonly streams: StreamIndex;
  /** by channel, those that are subscribed */
  readonly sequences: ReadonlyMap<string, Sequence>;
  readonly sink: BackfillSink;
  /** receive time, seconds and nanoseconds; read() brings it up to date */
  readonly clock: { readonly now: Uint32Array; read(): void };
  readonly counters: Uint32Array;
  /** those that are added up from trades */
  readonly candles: Candles | undefined;
  /** lists what has become of a gap */
  note(gap: Gap): void;
  /** writes what was listed to the ring */
  flush(): void;
  /** a GET of its history, within what the exchange allows; rejects with what was wrong */
  fetch(path: string): Promise<JsonValue>;
  log(level: 'debug' | 'info' | 'warn', text: string): void;
}

/** Of ids without order: the one stored last in front of a gap, and those that are known besides the newest. */
export interface Stored {
  readonly anchor: Uint32Array | undefined;
  /** words of each, joined by commas */
  readonly known?: ReadonlySet<string>;
}

/** How the rows of one table are made again. */
interface Channel {
  readonly recipe: BackfillRecipe;
  readonly live: Sequence;
  readonly sequence: RepairSequence;
  readonly parser: MessageParser;
}

export class Backfill {
  /** by table id */
  private readonly channels = new Map<number, Channel>();
  private candles: CandleRepair | undefined;
  private waiting: Repair[] = [];
  private busy = false;
  private stopped = false;

  constructor(
    private readonly host: BackfillHost,
    private readonly nowMs: () => number,
  ) {
    for (const recipe of host.exchange.backfill ?? []) {
      const live = host.sequences.get(recipe.channel);
      if (live !== undefined) this.channels.set(live.table.id, this.open(recipe, live));
    }
  }

  /** Pages are read by a parser of their own, which shares streams and ring with the live one, and no state. */
  private open(recipe: BackfillRecipe, live: Sequence): Channel {
    const { exchange, streams, sink, clock } = this.host;
    const rows = new RowWriter(sink, streams, clock.now, OLDEST_SECONDS, flag('repaired'));
    if (live.table === TRADES && this.host.candles !== undefined) {
      const gapSince = (slot: number) => this.gapSince(slot);
      this.candles = new CandleRepair(rows, this.host.candles, gapSince, this.nowMs);
      rows.trades = this.candles;
    }
    const sequence = new RepairSequence(exchange.channels[recipe.channel], live, clock.now);
    const parser = exchange.createParser({
      ...{ rows, streams, sequences: new Map([[recipe.channel, sequence]]), books: undefined },
      ...{ control: () => {}, unsynced: () => {}, lost: () => {}, request: () => {} },
    });
    return { recipe, live, sequence, parser };
  }

  /** When the oldest gap of trades begins that is being repaired. */
  private gapSince(slot: number): number | undefined {
    const gaps = this.waiting
      .map(({ gap }) => gap)
      .filter((gap) => gap.slot === slot && gap.table === TRADES);
    return gaps.length === 0 ? undefined : Math.min(...gaps.map(({ fromSeconds }) => fromSeconds));
  }

  /** Takes a gap up; false when its exchange keeps no history of the table. */
  add(gap: Gap, stored?: Stored): boolean {
    const channel = this.channels.get(gap.table.id);
    if (channel === undefined || !canBeHad(gap, channel)) return false;
    if (this.waiting.length >= WAITING_MAX) return true;
    const { recipe, live } = channel;
    const { slot, fromId, toId } = gap;
    const left = () => live.missingWithin(slot, fromId, toId);
    // the sequence may have forgotten these ids when a long history has been read
    const known = live.recent?.newest(slot, 2 * ROWS_BEFORE_ANCHOR);
    const around = stored ?? { anchor: live.recent?.beforeNewest(slot), known };
    this.waiting.push(new Repair(gap, recipe, around, left));
    this.count();
    return true;
  }

  /** The stream is let go: what is open stays so until it is taken up again. */
  leave(slot: number): void {
    this.waiting = this.waiting.filter(({ gap }) => gap.slot !== slot);
    this.count();
  }

  stop(): void {
    this.stopped = true;
    this.waiting = [];
  }

  private count(): void {
    this.host.counters[SESSION.repairs_waiting] = this.waiting.length;
  }

  /** A few times a second: one page, if there is time for it. */
  tick(): void {
    this.candles?.tick();
    if (this.busy || this.waiting.length === 0 || this.host.sink.fill() > FILL_MAX) return;
    const now = this.nowMs();
    const repair = this.waiting.find(({ notBeforeMs }) => notBeforeMs <= now);
    if (repair === undefined) return;
    if (repair.isIdle) this.close(repair);
    else void this.work(repair);
  }

  private async work(repair: Repair): Promise<void> {
    this.busy = true;
    try {
      await this.page(repair);
      repair.failures = 0;
    } catch (error) {
      const pause = Math.min(PAUSE_LONGEST_MS, PAUSE_FIRST_MS * 2 ** repair.failures++);
      repair.notBeforeMs = this.nowMs() + pause;
      this.host.counters[SESSION.repair_failures]++;
      this.host.log('warn', `${this.nameOf(repair)}: ${messageOf(error)}; again in ${pause / 1000} s`);
    } finally {
      this.busy = false;
    }
  }

  private nameOf({ gap }: Repair): string {
    const { recipe } = this.channelOf(gap);
    return `missed ${recipe.channel} of ${this.host.streams.specs[gap.slot].native}`;
  }

  private channelOf(gap: Gap): Channel {
    return this.channels.get(gap.table.id) as Channel;
  }

  private isOver(repair: Repair): boolean {
    return this.stopped || !this.waiting.includes(repair);
  }

  private async page(repair: Repair): Promise<void> {
    const { host } = this;
    const { recipe, sequence } = this.channelOf(repair.gap);
    const { native } = host.streams.specs[repair.gap.slot];
    host.clock.read();
    const request = repair.request(host.clock.now[0]);
    const document = await host.fetch(recipe.path(native, request));
    const page = recipe.messages(document, native, request);
    if (page === undefined) throw new Error('the answer is no page of a history');
    sequence.beginPage(repair.missing);
    for (let at = 0; at < page.messages.length; at += MESSAGES_PER_TURN) {
      while (!this.isOver(repair) && host.sink.fill() > FILL_MAX) await sleep(ROOM_MS);
      if (this.isOver(repair)) return;
      this.write(repair, page.messages.slice(at, at + MESSAGES_PER_TURN));
      await nextTurn();
    }
    if (this.isOver(repair)) return;
    const { lowest, highest } = sequence;
    const turn = repair.turn({ lowest, highest, messages: page.messages.length, cursor: page.cursor });
    if (turn === 'later') repair.notBeforeMs = this.nowMs() + PAUSE_FIRST_MS;
    if (turn === 'done') this.close(repair);
  }

  /** Rows of some messages, with the row of GAPS behind them that says so: a crash keeps both or none. */
  private write(repair: Repair, messages: readonly JsonValue[]): void {
    const { host } = this;
    const { parser, sequence } = this.channelOf(repair.gap);
    host.clock.read();
    let unreadable = 0;
    for (const message of messages) {
      const result = parser.fields.loadDocument(message) ? parser.emit() : RESULT.badJson;
      parser.fields.release();
      if (result >= RESULT.ringFull) unreadable++;
    }
    const { ids, rows } = sequence.takeFilled();
    repair.rows += rows;
    host.counters[SESSION.repaired] += rows;
    host.counters[SESSION.repair_unreadable] += unreadable;
    for (const gap of repair.repaired(ids)) host.note(gap);
    host.flush();
    host.sink.publish();
  }

  /** There is no more to be had. */
  private close(repair: Repair): void {
    const { host } = this;
    this.waiting = this.waiting.filter((other) => other !== repair);
    this.count();
    const rest = repair.closing();
    for (const gap of rest) host.note(gap);
    const complete = rest.every(({ state }) => state === 'repaired');
    if (repair.gap.table === TRADES) this.candles?.closed(repair.gap, complete);
    host.flush();
    host.sink.publish();
  }
}

/** Of candles only those that ended within the gap are missing; where ids count up, a time alone says too little. */
function canBeHad(gap: Gap, { recipe, live }: Channel): boolean {
  if (recipe.candleSeconds !== undefined) return candlesWithin(gap, recipe.candleSeconds) !== undefined;
  return gap.toId > 0 || live.recent !== undefined;
}

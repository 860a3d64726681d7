/**
 * A shard: one connection, one thread, one ring. Puts the pieces of the feed together, keeps the counters, and answers
 * the supervisor. Called by workers/shard.ts.
 */
import type { MessagePort } from 'node:worker_threads';
import { monotonicMs, WallClock } from '../base/clock.js';
import { messageOf } from '../base/errors.js';
import { RECORD_WORDS_MAX, RING_WORDS_PER_MESSAGE_BYTE } from '../base/limits.js';
import { SHARD } from '../counters/declarations.js';
import { HistogramWriter } from '../counters/histogram.js';
import { DOORBELL } from '../ring/layout.js';
import { RingProducer } from '../ring/producer.js';
import { BOOK, type GapCause, KLINES, type KlineInterval, TRADES } from '../schema/tables.js';
import { Books } from './books/books.js';
import { Candles } from './channels/candles.js';
import { Connection, type ConnectionOptions } from './connection/connection.js';
import { reserve } from './connection/pacing.js';
import { restOf } from './connection/rest.js';
import { STATES } from './connection/state.js';
import { ClockSteps, type Seen } from './continuity/clock_steps.js';
import { WaitingGaps } from './continuity/gap_log.js';
import { Sequence } from './continuity/sequence.js';
import type { Exchange, MessageParser, Subscription } from './exchange.js';
import { Intake } from './intake.js';
import { createJsonParser, type JsonValue, parseKeepingText } from './json/document.js';
import { type Gap, Rows } from './rows/row_writer.js';
import { StreamIndex, type StreamSpec } from './rows/streams.js';

const TICK_MS = 250;
/** How often a socket that waits for room in the ring is tried again. */
const RESUME_MS = 2;
/** A ring that stays full for longer costs messages: pausing on would make the exchange drop the connection. */
const PAUSE_MS_MAX = 5000;
/** Refusals logged per second; what exceeds this is only counted. */
const LOGGED_PER_SECOND = 5;
/** REST requests per minute of an exchange that names no limit. */
const ASKS_PER_MINUTE = 60;

export interface ShardInit {
  readonly shard: number;
  readonly exchange: string;
  readonly streams: readonly StreamSpec[];
  readonly channels: readonly string[];
  /** channels that connections to other addresses subscribe; what arrives here of them is stored all the same */
  readonly elsewhere: readonly string[];
  /** candles that are added up from the trades of this shard */
  readonly candles: readonly KlineInterval[];
  readonly parser: 'scan' | 'json' | 'simdjson';
  readonly clockSkewSecondsMax: number;
  readonly connection: ConnectionOptions;
  readonly ring: SharedArrayBuffer;
  readonly doorbell: SharedArrayBuffer;
  readonly counters: SharedArrayBuffer;
  /** receive to publish, µs */
  readonly latency: SharedArrayBuffer;
  /** connection attempts and REST requests of the exchange */
  readonly pacing: { readonly connects: SharedArrayBuffer; readonly asks: SharedArrayBuffer };
  readonly restEndpoint: string;
}

/** Supervisor to shard. */
export type ShardCommand =
  | { readonly kind: 'stop' }
  | { readonly kind: 'change'; readonly added: readonly StreamSpec[]; readonly removed: readonly number[] };

/** Shard to supervisor. */
export type ShardReport =
  | { readonly kind: 'stopped' }
  | { readonly kind: 'log'; readonly level: 'debug' | 'info' | 'warn'; readonly text: string };

export class Shard {
  private readonly clock = new WallClock();
  private readonly clockSteps = new ClockSteps(this.clock);
  private readonly producer: RingProducer;
  private readonly counters: Uint32Array;
  private readonly latency: HistogramWriter;
  private readonly streams: StreamIndex;
  private readonly rows: Rows;
  private readonly sequences: ReadonlyMap<string, Sequence>;
  private readonly books: Books | undefined;
  private readonly candles: Candles | undefined;
  private readonly parser: MessageParser;
  private readonly intake: Intake;
  private readonly connection: Connection;
  private readonly gaps: WaitingGaps;
  private readonly ticker: NodeJS.Timeout;
  /** [start of the chunk in monotonic ms, begin of the pause or 0] */
  private readonly times = new Float64Array(2);
  private readonly doorbell: Int32Array;
  /** why messages find no room in the ring: once it was the disk, that holds until there is room again */
  private dropCause: 'ring_full' | 'disk' = 'ring_full';
  private messagesBefore = 0;
  private stopping = false;
  private loggedSecond = 0;
  private logged = 0;

  constructor(
    private readonly exchange: Exchange,
    private readonly init: ShardInit,
    private readonly port: MessagePort,
  ) {
    this.clock.read();
    this.producer = new RingProducer(init.ring, init.doorbell);
    this.doorbell = new Int32Array(init.doorbell);
    this.counters = new Uint32Array(init.counters);
    this.latency = new HistogramWriter(init.latency);
    this.streams = new StreamIndex(init.streams);
    this.rows = new Rows(this.producer, this.streams, this.clock.now, init.clockSkewSecondsMax);
    this.gaps = new WaitingGaps(
      this.counters,
      (gap) => this.rows.gap(gap),
      () => this.log('warn', 'too many holes wait for room in the ring: the oldest are counted, not listed'),
    );
    this.books = this.createBooks();
    this.candles = this.createCandles();
    this.sequences = this.createSequences();
    this.parser = exchange.createParser({
      rows: this.rows,
      streams: this.streams,
      sequences: this.sequences,
      books: this.books,
      control: (event) => this.connection.control(event),
      unsynced: (changes) => {
        this.counters[SHARD.unsynced] += changes;
      },
      lost: (messages) => this.lostMessages(messages),
      ask: (slot, path) => void this.ask(slot, path),
    });
    this.intake = new Intake(
      this.parser,
      createJsonParser(init.parser),
      init.parser === 'scan',
      this.rows,
      this.counters,
      {
        refused: (reason, sample) => this.refusedMessage(reason, sample),
        invalidUtf8: () => this.connection.fail(1007, 'text is not UTF-8'),
        breaker: () => {
          this.counters[SHARD.breaker]++;
          // not while the frame reader is walking this very chunk
          setImmediate(() => this.connection.giveUp('more than half of the recent messages do not parse'));
        },
      },
    );
    this.connection = this.createConnection();
    port.on('message', (command: ShardCommand) => this.command(command));
    this.ticker = setInterval(() => this.tick(), TICK_MS);
  }

  private createBooks(): Books | undefined {
    if (!this.init.channels.some((channel) => this.exchange.channels[channel].ids === 'book'))
      return undefined;
    const events = { gap: (gap: Gap) => this.gaps.add(gap), resync: (slot: number) => this.resync(slot) };
    const books = new Books(this.clock.now, events, monotonicMs);
    books.resize(this.streams.size);
    for (const [slot, spec] of this.init.streams.entries()) this.seedBook(books, spec, slot);
    return books;
  }

  private createCandles(): Candles | undefined {
    if (this.init.candles.length === 0) return undefined;
    const candles = new Candles(this.rows, this.init.candles, {
      late: () => {
        this.counters[SHARD.late_trades]++;
      },
      dropped: (slot, interval) => this.candleDropped(slot, interval),
    });
    candles.resize(this.streams.size);
    this.rows.trades = candles;
    return candles;
  }

  private candleDropped(slot: number, interval: KlineInterval): void {
    const [seconds, nanos] = this.clock.now;
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

  private seedBook(books: Books, spec: StreamSpec, slot: number): void {
    const received = spec.lastReceived[BOOK.name];
    if (received !== undefined && !books.seen(slot)) books.seed(slot, received);
  }

  /** Brings one book in order again. */
  private resync(slot: number): void {
    this.counters[SHARD.resyncs]++;
    if (this.parser.resync !== undefined) {
      this.parser.resync(slot);
      return;
    }
    const { native } = this.streams.specs[slot];
    for (const channel of this.init.channels)
      if (this.exchange.channels[channel].ids === 'book') this.connection.renew({ channel, native });
  }

  /** Asks the REST interface; what it says comes back as a message would. */
  private async ask(slot: number, path: string): Promise<void> {
    const { restEndpoint, connection, pacing } = this.init;
    const wait = reserve(pacing.asks, this.exchange.limits.asksPerMinute ?? ASKS_PER_MINUTE);
    await new Promise((resolve) => setTimeout(resolve, wait));
    if (this.stopping) return;
    let document: JsonValue | undefined;
    try {
      document = await restOf(restEndpoint, connection.ca, parseKeepingText)(path);
    } catch (error) {
      this.log('warn', messageOf(error));
    }
    if (this.stopping) return;
    this.clock.read();
    this.parser.answered?.(slot, document);
    this.chunkEnd();
  }

  private createSequences(): Map<string, Sequence> {
    const events = {
      gap: (gap: Gap) => this.gaps.add(gap),
      repaired: (gap: Gap) => this.gaps.note(gap),
      reordered: () => {
        this.counters[SHARD.reordered]++;
      },
      duplicate: () => {
        this.counters[SHARD.duplicates]++;
      },
      outlier: (slot: number, id: number) =>
        this.log(
          'warn',
          `${this.streams.specs[slot].native}: the id ${id} was out of line, ids go on below it`,
        ),
    };
    const sequences = new Map<string, Sequence>();
    const { channels, elsewhere, streams } = this.init;
    for (const channel of [...channels, ...elsewhere]) {
      const declared = this.exchange.channels[channel];
      if (declared.ids === 'book') continue;
      const jumped = declared.table === TRADES ? (slot: number) => this.candles?.doubt(slot) : undefined;
      const sequence = new Sequence(declared, this.clock.now, { ...events, jumped }, monotonicMs);
      sequence.resize(this.streams.size);
      sequences.set(channel, sequence);
      for (const [slot, spec] of streams.entries()) this.seed(channel, sequence, spec, slot);
    }
    return sequences;
  }

  /** Continues the ids of an earlier run, so that its end and our beginning leave no unseen hole. */
  private seed(channel: string, sequence: Sequence, spec: StreamSpec, slot: number): void {
    // what stands on disk of the others is followed where they are subscribed
    if (!this.init.channels.includes(channel)) return;
    const { ids } = this.exchange.channels[channel];
    const received = spec.lastReceived[sequence.table.name];
    // a symbol that is taken up again goes on where it was
    if (received === undefined || sequence.seen(slot)) return;
    sequence.seed(slot, received);
    if (ids === 'unordered') sequence.seedUnordered(slot, spec.recentTradeIds);
    if (ids === 'contiguous' && sequence.table === TRADES && spec.lastTradeId !== '')
      sequence.seedIds(slot, Number(spec.lastTradeId), spec.unlistedIds);
  }

  private createConnection(): Connection {
    const { counters } = this;
    return new Connection(this.exchange, this.init.connection, {
      chunk: (bytes) => {
        this.clock.read();
        this.times[0] = monotonicMs();
        counters[SHARD.bytes] += bytes;
      },
      message: (bytes, start, end) => this.message(bytes, start, end),
      chunkEnd: () => this.chunkEnd(),
      state: (state) => {
        counters[SHARD.state] = STATES.indexOf(state);
        this.log('debug', `state ${state}`);
      },
      opened: () => {
        counters[SHARD.connects]++;
        this.intake.resetBreaker();
        this.log('info', `connected, subscribing to ${this.connection.subscriptions.size} streams`);
      },
      lost: (reason, stale) => {
        counters[SHARD.failures]++;
        if (stale) counters[SHARD.stale]++;
        this.times[1] = 0;
        this.interrupted('disconnect');
        this.parser.reconnected?.();
        this.log('warn', reason);
      },
      refused: (s, reason) => this.log('warn', `subscription ${s.channel} ${s.native} refused: ${reason}`),
      log: (level, text) => this.log(level, text),
      reserveConnect: () => reserve(this.init.pacing.connects, this.exchange.limits.connectsPerMinute),
    });
  }

  start(): void {
    this.connection.start(this.subscriptionsOf(this.init.streams));
  }

  private subscriptionsOf(specs: readonly StreamSpec[]): Subscription[] {
    return specs.flatMap((spec) => this.init.channels.map((channel) => ({ channel, native: spec.native })));
  }

  /** HOT: false keeps the message at the socket until there is room for its rows. */
  private message(bytes: Uint8Array, start: number, end: number): boolean {
    // more than the whole ring is asked for in vain: such a message gets all of it, which is enough for the real ones
    const needed = Math.min(
      (end - start) * RING_WORDS_PER_MESSAGE_BYTE + RECORD_WORDS_MAX,
      this.producer.capacity,
    );
    if (this.producer.free(needed) >= needed) {
      if (this.times[1] !== 0) this.hasRoom();
    } else if (!this.dropInstead()) return false;
    this.intake.message(bytes, start, end);
    return true;
  }

  /** There is room behind a pause: a ring that is emptied slowly makes many short ones, none of which costs anything. */
  private hasRoom(): void {
    if (monotonicMs() - this.times[1] < PAUSE_MS_MAX) this.times[1] = 0;
  }

  /** A full ring: waits at first, then lets messages go. Answers whether to go on with the message. */
  private dropInstead(): boolean {
    const now = monotonicMs();
    if (this.times[1] === 0) {
      this.times[1] = now;
      this.counters[SHARD.pauses]++;
    }
    if (now - this.times[1] < PAUSE_MS_MAX) {
      setTimeout(() => this.connection.resume(), RESUME_MS);
      return false;
    }
    if (Atomics.load(this.doorbell, DOORBELL.disk_waits) === 1) this.dropCause = 'disk';
    for (const sequence of this.sequences.values()) sequence.interrupted(this.dropCause);
    this.bookLost(this.dropCause);
    return true;
  }

  /** A message that may have changed a book was lost. */
  private bookLost(cause: 'malformed' | 'ring_full' | 'disk'): void {
    const blind = this.init.channels.some((channel) => this.exchange.channels[channel].blind === true);
    this.books?.lost(cause, blind);
  }

  /** The numbering of the connection shows it. Trades and changes of books tell by their own what is missing. */
  private lostMessages(messages: number): void {
    this.counters[SHARD.lost] += messages;
    this.books?.lost('unknown', true);
    this.log('warn', `${messages} messages are missing in the numbering of the connection`);
  }

  private interrupted(cause: GapCause): void {
    for (const sequence of this.sequences.values()) sequence.interrupted(cause);
    this.books?.interrupted(cause);
  }

  /** HOT: shows the rows of a chunk to the writer. */
  private chunkEnd(): void {
    this.gaps.flush();
    this.producer.publish();
    const messages = (this.counters[SHARD.messages] - this.messagesBefore) >>> 0;
    if (messages === 0) return;
    this.messagesBefore = this.counters[SHARD.messages];
    this.counters[SHARD.rows] = this.rows.counts.rows;
    this.counters[SHARD.last_message] = this.clock.now[0];
    this.latency.record((monotonicMs() - this.times[0]) * 1000, messages);
  }

  private tick(): void {
    const { counters } = this;
    this.clock.read();
    for (const gap of this.clockSteps.look(this.streams.size, () => this.receivers())) this.gaps.note(gap);
    for (const sequence of this.sequences.values()) sequence.reportDue();
    this.parser.tick?.();
    this.candles?.tick(this.stopping);
    if (this.connection.state === 'ACTIVE' || this.connection.state === 'SUBSCRIBING') this.books?.turn();
    this.gaps.flush();
    this.producer.publish();
    this.connection.tick();
    const fill = this.producer.fill();
    // once messages were let go, only a ring with room again earns the next full one a new pause
    if (fill < 0.5) {
      this.times[1] = 0;
      this.dropCause = 'ring_full';
    }
    counters[SHARD.heartbeat]++;
    counters[SHARD.rows] = this.rows.counts.rows;
    counters[SHARD.literals] = this.rows.counts.literals;
    counters[SHARD.ring_fill] = Math.round(fill * 1000);
    counters[SHARD.refused] = this.connection.subscriptions.count('refused');
    counters[SHARD.confirmed] = this.connection.subscriptions.count('confirmed');
    counters[SHARD.silent] = this.countSilent();
  }

  private receivers(): Seen[] {
    const { books } = this;
    const ofBooks = books === undefined ? [] : [{ table: BOOK, seen: (slot: number) => books.seen(slot) }];
    return [...this.sequences.values(), ...ofBooks];
  }

  private countSilent(): number {
    const sequences = [...this.sequences.values()];
    return this.streams.active().filter((spec) => {
      const slot = this.streams.slotOf(spec.native);
      return !sequences.some((sequence) => sequence.seen(slot)) && this.books?.seen(slot) !== true;
    }).length;
  }

  private command(command: ShardCommand): void {
    if (command.kind === 'stop') void this.stop();
    else this.change(command.added, command.removed);
  }

  private change(added: readonly StreamSpec[], removed: readonly number[]): void {
    const gone = this.streams.active().filter((spec) => removed.includes(spec.stream));
    for (const spec of gone) this.streams.remove(spec.stream);
    for (const spec of added) {
      const slot = this.streams.add(spec);
      this.candles?.resize(this.streams.size);
      this.candles?.doubt(slot);
      if (this.books !== undefined) {
        this.books.resize(this.streams.size);
        this.seedBook(this.books, spec, slot);
      }
      for (const [channel, sequence] of this.sequences) {
        sequence.resize(this.streams.size);
        this.seed(channel, sequence, spec, slot);
      }
    }
    this.connection.change(this.subscriptionsOf(added), this.subscriptionsOf(gone));
  }

  private async stop(): Promise<void> {
    this.stopping = true;
    await this.connection.stop();
    this.clock.read();
    for (const sequence of this.sequences.values()) sequence.reportDue(true);
    this.tick();
    clearInterval(this.ticker);
    this.port.postMessage({ kind: 'stopped' } satisfies ShardReport);
    this.port.close();
  }

  private refusedMessage(reason: string, sample: string): void {
    this.bookLost('malformed');
    for (const [channel, sequence] of this.sequences) {
      if (this.exchange.channels[channel].ids === 'contiguous') sequence.interrupted('malformed');
    }
    this.log('warn', `message refused, ${reason}: ${sample}`);
  }

  /** At most a few lines a second reach the supervisor; a flood of bad input must not become a flood of logs. */
  private log(level: 'debug' | 'info' | 'warn', text: string): void {
    const second = Math.floor(monotonicMs() / 1000);
    if (second !== this.loggedSecond) {
      if (this.logged > LOGGED_PER_SECOND)
        this.post('warn', `${this.logged - LOGGED_PER_SECOND} similar lines suppressed`);
      this.loggedSecond = second;
      this.logged = 0;
    }
    if (this.logged++ < LOGGED_PER_SECOND) this.post(level, text);
  }

  private post(level: 'debug' | 'info' | 'warn', text: string): void {
    this.port.postMessage({ kind: 'log', level, text } satisfies ShardReport);
  }
}

/**
 * A session: one connection with its parser and its numbering, and everything that is void when its socket goes. It
 * shares ring, clock and timer with the other sessions of its shard (shard.ts). Shard threads.
 */
import { monotonicMs, type WallClock } from '../base/clock.js';
import { messageOf } from '../base/errors.js';
import { RECORD_WORDS_MAX, RING_WORDS_PER_MESSAGE_BYTE } from '../base/limits.js';
import { SESSION, SHARD } from '../counters/declarations.js';
import { HistogramWriter } from '../counters/histogram.js';
import { DOORBELL } from '../ring/layout.js';
import type { RingProducer } from '../ring/producer.js';
import { BOOK, type GapCause, KLINES, type KlineInterval, TRADES } from '../schema/tables.js';
import { Books } from './books/books.js';
import { Candles } from './channels/candles.js';
import { Connection, type ConnectionOptions } from './connection/connection.js';
import { reserve } from './connection/pacing.js';
import { restOf } from './connection/rest.js';
import { STATES } from './connection/state.js';
import { ClockSteps, type Seen } from './continuity/clock_steps.js';
import type { Gap } from './continuity/gap_log.js';
import { GapLog } from './continuity/gap_log.js';
import { Sequence } from './continuity/sequence.js';
import type { Exchange, MessageParser, RestRequest, Subscription } from './exchange.js';
import { createJsonParser, type JsonValue, parseKeepingText } from './json/document.js';
import { MessageHandler } from './message_handler.js';
import { RowWriter } from './rows/row_writer.js';
import { StreamIndex, type StreamSpec } from './rows/streams.js';

/** How often a socket that waits for room in the ring is tried again. */
const RESUME_MS = 2;
/** A ring that stays full for longer costs messages: pausing on would make the exchange drop the connection. */
const PAUSE_MS_MAX = 5000;
/** Lines about messages per second; what exceeds this is only counted. */
const LOGGED_PER_SECOND = 5;
/** REST requests per minute of an exchange that names no limit. */
const REST_PER_MINUTE = 60;

export type LogLevel = 'debug' | 'info' | 'warn';

/** Everything a session is told, in the form that goes between threads. */
export interface SessionInit {
  /** its number within its exchange, from 0 */
  readonly session: number;
  readonly exchange: string;
  readonly streams: readonly StreamSpec[];
  readonly channels: readonly string[];
  /** channels that connections to other addresses subscribe; what arrives here of them is stored all the same */
  readonly otherRoutes: readonly string[];
  /** candles that are added up from the trades of this session */
  readonly candles: readonly KlineInterval[];
  readonly parser: 'scan' | 'json' | 'simdjson';
  readonly clockSkewSecondsMax: number;
  readonly connection: ConnectionOptions;
  /** a block of SESSION_COUNTERS */
  readonly counters: SharedArrayBuffer;
  /** receive to publish, µs */
  readonly latency: SharedArrayBuffer;
  /** connection attempts and REST requests of the exchange */
  readonly pacing: { readonly connects: SharedArrayBuffer; readonly requests: SharedArrayBuffer };
  readonly restEndpoint: string;
}

/** What the sessions of a shard share. */
export interface SessionHost {
  readonly clock: WallClock;
  readonly producer: RingProducer;
  readonly doorbell: Int32Array;
  /** the block of SHARD_COUNTERS */
  readonly counters: Uint32Array;
  log(level: LogLevel, text: string): void;
}

export class Session {
  private readonly counters: Uint32Array;
  private readonly latency: HistogramWriter;
  private readonly streams: StreamIndex;
  private readonly rows: RowWriter;
  private readonly sequences: ReadonlyMap<string, Sequence>;
  private readonly books: Books | undefined;
  private readonly candles: Candles | undefined;
  private readonly parser: MessageParser;
  private readonly handler: MessageHandler;
  private readonly connection: Connection;
  private readonly gaps: GapLog;
  private readonly clockSteps: ClockSteps;
  /** [start of the chunk in monotonic ms, begin of the pause or 0] */
  private readonly times = new Float64Array(2);
  /** why messages find no room in the ring: once it was the disk, that holds until there is room again */
  private dropCause: 'ring_full' | 'disk' = 'ring_full';
  private messagesBefore = 0;
  private stopping = false;
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
    this.latency = new HistogramWriter(init.latency);
    this.streams = new StreamIndex(init.streams);
    this.rows = new RowWriter(producer, this.streams, clock.now, init.clockSkewSecondsMax);
    this.gaps = new GapLog(
      this.counters,
      (gap) => this.rows.gap(gap),
      () =>
        this.host.log('warn', 'too many gaps wait for room in the ring: the oldest are counted, not listed'),
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
        this.counters[SESSION.unsynced] += changes;
      },
      lost: (messages) => this.lostMessages(messages),
      request: (kind, slot, path) => void this.request({ kind, slot, path }),
    });
    this.handler = new MessageHandler(
      this.parser,
      createJsonParser(init.parser),
      init.parser === 'scan',
      this.rows,
      this.counters,
      {
        refused: (reason, sample) => this.refusedMessage(reason, sample),
        unacceptable: (code, reason) => this.connection.fail(code, reason),
        breaker: () => {
          this.counters[SESSION.breaker]++;
          // not while the frame reader is walking this very chunk
          setImmediate(() => this.connection.giveUp('more than half of the recent messages do not parse'));
        },
      },
    );
    this.connection = this.createConnection();
  }

  private createBooks(): Books | undefined {
    if (!this.init.channels.some((channel) => this.exchange.channels[channel].ids === 'book'))
      return undefined;
    const events = { gap: (gap: Gap) => this.gaps.add(gap), resync: (slot: number) => this.resync(slot) };
    const books = new Books(this.host.clock.now, events, monotonicMs);
    books.resize(this.streams.size);
    for (const [slot, spec] of this.init.streams.entries()) this.seedBook(books, spec, slot);
    return books;
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

  private seedBook(books: Books, spec: StreamSpec, slot: number): void {
    const received = spec.lastReceived[BOOK.name];
    if (received !== undefined) books.seed(slot, received, spec.resumedAfter);
  }

  /** Brings one book in order again. */
  private resync(slot: number): void {
    this.counters[SESSION.resyncs]++;
    if (this.parser.resync !== undefined) {
      this.parser.resync(slot);
      return;
    }
    const { native } = this.streams.specs[slot];
    for (const channel of this.init.channels)
      if (this.exchange.channels[channel].ids === 'book') this.connection.renew({ channel, native });
  }

  /** Sends a request to the REST interface; the answer comes back as a message would. */
  private async request(request: RestRequest): Promise<void> {
    const { restEndpoint, connection, pacing } = this.init;
    const wait = reserve(pacing.requests, this.exchange.limits.restPerMinute ?? REST_PER_MINUTE);
    await new Promise((resolve) => setTimeout(resolve, wait));
    if (this.stopping) return;
    let document: JsonValue | undefined;
    try {
      document = await restOf(restEndpoint, connection.ca, parseKeepingText)(request.path);
    } catch (error) {
      const { native } = this.streams.specs[request.slot];
      this.host.log('warn', `${request.kind} of ${native}: ${messageOf(error)}`);
    }
    if (this.stopping) return;
    this.host.clock.read();
    this.parser.onResponse?.(request, document);
    this.chunkEnd();
  }

  private createSequences(): Map<string, Sequence> {
    const events = {
      gap: (gap: Gap) => this.gaps.add(gap),
      repaired: (gap: Gap) => this.gaps.note(gap),
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
  }

  private createConnection(): Connection {
    const { counters } = this;
    return new Connection(this.exchange, this.init.connection, {
      chunk: (bytes) => {
        this.host.clock.read();
        this.times[0] = monotonicMs();
        counters[SESSION.bytes] += bytes;
      },
      message: (bytes, start, end) => this.message(bytes, start, end),
      chunkEnd: () => this.chunkEnd(),
      state: (state) => {
        counters[SESSION.state] = STATES.indexOf(state);
        this.host.log('debug', `state ${state}`);
      },
      opened: () => {
        counters[SESSION.connects]++;
        this.handler.resetBreaker();
        this.host.log('info', `connected, subscribing to ${this.connection.subscriptions.size} streams`);
      },
      lost: (reason, stale) => {
        counters[SESSION.failures]++;
        if (stale) counters[SESSION.stale]++;
        this.times[1] = 0;
        this.interrupted('disconnect');
        this.parser.reconnected?.();
        this.host.log('warn', reason);
      },
      refused: (s, reason) =>
        this.host.log('warn', `subscription ${s.channel} ${s.native} refused: ${reason}`),
      log: (level, text) => this.host.log(level, text),
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
      this.host.producer.capacity,
    );
    if (this.host.producer.free(needed) >= needed) {
      if (this.times[1] !== 0) this.hasRoom();
    } else if (!this.dropInstead()) return false;
    this.handler.message(bytes, start, end);
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
      this.counters[SESSION.pauses]++;
    }
    if (now - this.times[1] < PAUSE_MS_MAX) {
      setTimeout(() => this.connection.resume(), RESUME_MS);
      return false;
    }
    if (Atomics.load(this.host.doorbell, DOORBELL.disk_waits) === 1) this.dropCause = 'disk';
    for (const sequence of this.sequences.values()) sequence.interrupted(this.dropCause);
    this.bookLost(this.dropCause);
    return true;
  }

  /** A message that may have changed a book was lost. */
  private bookLost(cause: 'malformed' | 'ring_full' | 'disk'): void {
    const blind = this.init.channels.some(
      (channel) => this.exchange.channels[channel].lossInvisible === true,
    );
    this.books?.lost(cause, blind);
  }

  /** The numbering of the connection shows it. Trades and changes of books tell by their own what is missing. */
  private lostMessages(messages: number): void {
    this.counters[SESSION.lost] += messages;
    this.books?.lost('unknown', true);
    this.logMessage(`${messages} messages are missing in the numbering of the connection`);
  }

  private interrupted(cause: GapCause): void {
    for (const sequence of this.sequences.values()) sequence.interrupted(cause);
    this.books?.interrupted(cause);
  }

  /** HOT: shows the rows of a chunk to the writer. */
  private chunkEnd(): void {
    const { producer, counters: shared } = this.host;
    this.gaps.flush();
    producer.publish();
    // a socket that always has more is read on and on, and no timer has its turn meanwhile
    shared[SHARD.heartbeat]++;
    const messages = (this.counters[SESSION.messages] - this.messagesBefore) >>> 0;
    if (messages === 0) return;
    this.messagesBefore = this.counters[SESSION.messages];
    this.counters[SESSION.rows] = this.rows.counts.rows;
    this.counters[SESSION.last_message] = this.host.clock.now[0];
    this.latency.record((monotonicMs() - this.times[0]) * 1000, messages);
  }

  /** Everything that is due; called a few times a second, with the clock read. */
  tick(): void {
    const { counters } = this;
    for (const gap of this.clockSteps.sample(this.streams.size, () => this.receivers())) this.gaps.note(gap);
    for (const sequence of this.sequences.values()) sequence.reportDue();
    this.parser.tick?.();
    this.candles?.tick(this.stopping);
    if (this.connection.state === 'ACTIVE' || this.connection.state === 'SUBSCRIBING') this.books?.doWork();
    this.gaps.flush();
    this.host.producer.publish();
    this.connection.tick();
    counters[SESSION.rows] = this.rows.counts.rows;
    counters[SESSION.literals] = this.rows.counts.literals;
    counters[SESSION.template_hits] = counters[SESSION.messages] - counters[SESSION.template_misses];
    counters[SESSION.refused] = this.connection.subscriptions.count('refused');
    counters[SESSION.confirmed] = this.connection.subscriptions.count('confirmed');
    counters[SESSION.silent] = this.countSilent();
  }

  /** The ring has plenty of room: only now the next full one earns a new pause, once messages were let go. */
  relieved(): void {
    this.times[1] = 0;
    this.dropCause = 'ring_full';
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

  /** Takes symbols up and lets others go; from here on nothing that arrives of these is stored. */
  change(added: readonly StreamSpec[], removed: readonly number[]): void {
    const gone = this.streams.active().filter((spec) => removed.includes(spec.stream));
    for (const spec of gone) this.leave(spec);
    this.gaps.flush();
    this.host.producer.publish();
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

  /** What arrives of the stream from now on is nobody's; who takes it up next continues behind what is on disk. */
  private leave({ stream, native }: StreamSpec): void {
    const slot = this.streams.slotOf(native);
    for (const sequence of this.sequences.values()) sequence.leave(slot);
    this.books?.leave(slot);
    this.streams.remove(stream);
  }

  /** Ends the connection with a close handshake, and what it has still to say goes to the ring. */
  async stop(): Promise<void> {
    this.stopping = true;
    await this.connection.stop();
    this.host.clock.read();
    for (const sequence of this.sequences.values()) sequence.reportDue(true);
    for (const { native } of this.streams.active()) this.books?.end(this.streams.slotOf(native));
    this.tick();
  }

  private refusedMessage(reason: string, sample: string): void {
    this.bookLost('malformed');
    for (const [channel, sequence] of this.sequences) {
      if (this.exchange.channels[channel].ids === 'contiguous') sequence.interrupted('malformed');
    }
    this.logMessage(`message refused, ${reason}: ${sample}`);
  }

  /** At most a few lines about messages a second reach the supervisor: bad input must not flood the log. */
  private logMessage(text: string): void {
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

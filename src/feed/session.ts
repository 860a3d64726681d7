/**
 * A session: one connection with its parser, its numbering and its books, everything that is void when its socket goes.
 * What it reads goes to a group of streams that outlives it (stream_group.ts); ring, clock and timer are those of its
 * shard (shard.ts). Shard threads.
 */
import { monotonicMs } from '../base/clock.js';
import { messageOf } from '../base/errors.js';
import { RECORD_WORDS_MAX, RING_WORDS_PER_MESSAGE_BYTE } from '../base/limits.js';
import { SESSION, SHARD } from '../counters/declarations.js';
import { HistogramWriter } from '../counters/histogram.js';
import { DOORBELL } from '../ring/layout.js';
import { BOOK, type GapCause } from '../schema/tables.js';
import { Books } from './books/books.js';
import { Connection } from './connection/connection.js';
import { giveBack, reserve } from './connection/pacing.js';
import { exchangeRest } from './connection/rest.js';
import type { ConnectionState } from './connection/state.js';
import type { Gap } from './continuity/gap_log.js';
import type { Exchange, FetchJson, MessageParser, RestRequest, Subscription } from './exchange.js';
import { createJsonParser, type JsonValue, parseKeepingText } from './json/document.js';
import { MessageHandler } from './message_handler.js';
import type { Offer } from './rows/row_writer.js';
import type { StreamSpec } from './rows/streams.js';
import type { SessionHost, SessionInit } from './session_init.js';
import type { StreamGroup } from './stream_group.js';

/** How often a socket that waits for room in the ring is tried again. */
const RESUME_MS = 2;
/** A ring that stays full for longer costs messages: pausing on would make the exchange drop the connection. */
const PAUSE_MS_MAX = 5000;

/** RFC 6455 §7.4.1: a message that is too big to be processed. */
const TOO_BIG = 1009;

/** Why a connection is gone. */
export type LossCause = 'disconnect' | 'limit';

/** What a session tells those that it shares its streams with. */
export interface SessionEvents {
  /** the state of its connection has changed */
  state(): void;
  /** its connection is gone, and it connects again; its books are still as they were */
  lost(session: Session, cause: LossCause): void;
  /** the exchange has announced that it will end the connection */
  closing(session: Session, reason: string): void;
  /** see BookEvents */
  storedElsewhere(session: Session, slot: number): number;
}

export class Session {
  private readonly counters: Uint32Array;
  private readonly latency: HistogramWriter;
  private readonly books: Books | undefined;
  private readonly parser: MessageParser;
  private readonly handler: MessageHandler;
  private readonly connection: Connection;
  private readonly rest: FetchJson;
  /** [start of the chunk in monotonic ms, begin of the pause or 0] */
  private readonly times = new Float64Array(2);
  /** why messages find no room in the ring: once it was the disk, that holds until there is room again */
  private dropCause: 'ring_full' | 'disk' = 'ring_full';
  private messagesBefore = 0;
  /** number of the message of which a part is written; 0: there is none */
  private partial = 0;
  private stopping = false;
  /** of the subscriptions: which state of their refusals was told */
  private toldRevision = 0;

  constructor(
    private readonly exchange: Exchange,
    private readonly init: SessionInit,
    private readonly host: SessionHost,
    private readonly group: StreamGroup,
    /** its place among the sessions with the same streams */
    readonly seat: number,
    private readonly events: SessionEvents,
  ) {
    this.counters = group.counters;
    this.latency = new HistogramWriter(init.latency);
    this.books = this.createBooks();
    this.parser = this.createParser();
    this.handler = this.createHandler();
    this.connection = this.createConnection();
    // whoever waits for an answer has nothing else to do meanwhile
    const patienceMs = Number.POSITIVE_INFINITY;
    this.rest = exchangeRest(exchange, init.rest, { parse: parseKeepingText, patienceMs });
  }

  private createBooks(): Books | undefined {
    if (!this.group.hasBooks) return undefined;
    const events = {
      gap: (gap: Gap) => {
        if (this.owns(gap.slot)) this.group.gaps.add(gap);
      },
      resync: (slot: number) => this.resync(slot),
      storedElsewhere: (slot: number) => this.events.storedElsewhere(this, slot),
    };
    const books = new Books(this.host.clock.now, events, monotonicMs);
    books.resize(this.group.streams.size);
    for (const [slot, spec] of this.group.streams.specs.entries()) seedBook(books, spec, slot);
    return books;
  }

  /** Whether the rows of this book are ours to write. */
  private owns(slot: number): boolean {
    const { arbiter } = this.group.rows;
    return arbiter === undefined || arbiter.ownerOf(slot) === this.seat;
  }

  /** Whatever rows are written next, it is this session that brings them. */
  private takeTurn(): void {
    const { arbiter } = this.group.rows;
    if (arbiter !== undefined) arbiter.seat = this.seat;
  }

  private createParser(): MessageParser {
    const { rows, streams, sequences } = this.group;
    return this.exchange.createParser({
      ...{ rows, streams, sequences },
      books: this.books,
      control: (event) => this.connection.control(event),
      unsynced: (changes) => {
        this.counters[SESSION.unsynced] += changes;
      },
      lost: (messages) => this.lostMessages(messages),
      request: (kind, slot, path) => void this.request({ kind, slot, path }),
    });
  }

  private createHandler(): MessageHandler {
    const { parser } = this.init;
    return new MessageHandler(
      this.parser,
      createJsonParser(parser),
      parser === 'scan',
      this.group.rows,
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
  }

  /** Brings one book in order again. */
  private resync(slot: number): void {
    this.counters[SESSION.resyncs]++;
    if (this.parser.resync !== undefined) {
      this.parser.resync(slot);
      return;
    }
    const { native } = this.group.streams.specs[slot];
    for (const channel of this.init.channels)
      if (this.exchange.channels[channel].ids === 'book') this.connection.resubscribe({ channel, native });
  }

  /** Sends a request to the REST interface; the answer comes back as a message would. */
  private async request(request: RestRequest): Promise<void> {
    let document: JsonValue | undefined;
    try {
      document = await this.rest(request.path);
    } catch (error) {
      const { native } = this.group.streams.specs[request.slot];
      this.host.log('warn', `${request.kind} of ${native}: ${messageOf(error)}`);
    }
    if (this.stopping) return;
    this.host.clock.read();
    this.takeTurn();
    this.parser.onResponse?.(request, document);
    this.chunkEnd();
  }

  private createConnection(): Connection {
    const { counters } = this;
    return new Connection(this.exchange, this.init.connection, {
      chunk: (bytes) => {
        this.host.clock.read();
        this.times[0] = monotonicMs();
        this.messagesBefore = counters[SESSION.messages];
        counters[SESSION.bytes] += bytes;
      },
      message: (bytes, start, end) => this.message(bytes, start, end),
      chunkEnd: () => this.chunkEnd(),
      state: (state) => {
        this.host.log('debug', `state ${state}`);
        this.events.state();
      },
      opened: () => {
        counters[SESSION.connects]++;
        this.handler.resetBreaker();
        this.host.log('info', `connected, subscribing to ${this.connection.subscriptions.size} streams`);
      },
      lost: (reason, stale, code) => {
        counters[SESSION.failures]++;
        if (stale) counters[SESSION.stale]++;
        this.gone(code === TOO_BIG ? 'limit' : 'disconnect');
        this.host.log('warn', reason);
      },
      rested: (reason) => {
        this.gone('disconnect');
        this.host.log('info', `${reason}: the connection rests`);
      },
      closing: (reason) => this.events.closing(this, reason),
      refused: (s, reason) =>
        this.host.log('warn', `subscription ${s.channel} ${s.native} refused: ${reason}`),
      surplus: (natives, limit) => this.host.surplus(natives, limit),
      log: (level, text) => this.host.log(level, text),
      unanswered: () => giveBack(this.init.connects, this.exchange.limits.connectsPerMinute),
      reserveConnect: () => reserve(this.init.connects, this.exchange.limits.connectsPerMinute),
    });
  }

  /** The connection is gone, and everything with it that was only true of it. */
  private gone(cause: LossCause): void {
    this.times[1] = 0;
    this.partial = 0;
    this.events.lost(this, cause);
    this.books?.interrupted(cause);
    this.parser.reconnected?.();
  }

  start(): void {
    this.connection.start(this.subscriptionsOf(this.group.streams.active()));
  }

  get state(): ConnectionState {
    return this.connection.state;
  }

  get isUp(): boolean {
    return this.state === 'ACTIVE';
  }

  /** Whether it is subscribed and data have come. */
  get isDelivering(): boolean {
    return this.connection.isDelivering;
  }

  /** For how long its connection has been open, ms. */
  get ageMs(): number {
    return this.connection.ageMs;
  }

  /** Subscriptions of its connection by what the exchange has said. */
  subscriptions(state: 'confirmed' | 'refused'): number {
    return this.connection.subscriptions.count(state);
  }

  /** Whether the exchange has confirmed this stream. */
  isSubscribed(subscription: Subscription): boolean {
    return this.connection.subscriptions.isConfirmed(subscription);
  }

  /** Asks for a stream anew that has stopped; its book needs a snapshot. */
  resubscribe(subscription: Subscription, slot: number): void {
    this.connection.resubscribe(subscription);
    if (this.exchange.channels[subscription.channel].ids === 'book') this.books?.broken(slot, 'silence');
  }

  /** When the newest change of a book was received, in seconds since 1970; 0: never. */
  bookReceivedAt(slot: number): number {
    return this.books?.receivedAt(slot) ?? 0;
  }

  /** Whether this session has the book complete. */
  hasBook(slot: number): boolean {
    return this.books?.isLive(slot) === true;
  }

  /** Whether this session has received a snapshot of the book. */
  seen(slot: number): boolean {
    return this.books?.seen(slot) === true;
  }

  /** Newest change of a book; -1 before the first snapshot. */
  newestChange(slot: number): number {
    return this.books?.last(slot) ?? -1;
  }

  /** Whether its books go on behind those of another session, without a snapshot of their own. */
  get continuesBooks(): boolean {
    return this.parser.takeOver !== undefined;
  }

  /** A snapshot of the book has come that is about to be written, in place of the changes of another session. */
  inheritBook(slot: number, from: Session, cause: GapCause): void {
    if (from.books !== undefined) this.books?.inherit(slot, from.books, cause);
  }

  /** The session whose book this was has ended. */
  takeBook(slot: number, from: Session, cause: GapCause): void {
    const { books, parser } = this;
    if (books === undefined || from.books === undefined) return;
    this.takeTurn();
    books.inherit(slot, from.books, cause);
    if (parser.takeOver !== undefined && from.hasBook(slot)) parser.takeOver(slot);
    else if (this.isUp && from.seen(slot)) books.broken(slot, cause);
  }

  private subscriptionsOf(specs: readonly StreamSpec[]): Subscription[] {
    return specs.flatMap((spec) => this.init.channels.map((channel) => ({ channel, native: spec.native })));
  }

  /** HOT: false keeps the message at the socket until there is room for its rows. */
  private message(bytes: Uint8Array, start: number, end: number): boolean {
    // more than the whole ring is asked for in vain: such a message is taken in parts
    const { capacity } = this.host.producer;
    const needed = Math.min(
      (end - start) * RING_WORDS_PER_MESSAGE_BYTE + RECORD_WORDS_MAX,
      this.partial === 0 ? capacity : capacity >> 1,
    );
    if (this.host.producer.free(needed) >= needed) {
      if (this.times[1] !== 0) this.hasRoom();
    } else if (!this.dropInstead()) return false;
    this.takeTurn();
    return this.offer(bytes, start, end);
  }

  /** HOT: false when a part of the message found no room. */
  private offer(bytes: Uint8Array, start: number, end: number): boolean {
    const { offer } = this.group.rows;
    offer.pass++;
    offer.message = this.partial === 0 ? offer.pass : this.partial;
    // a ring that has been full for too long makes messages go
    offer.canWait = this.times[1] === 0;
    this.handler.message(bytes, start, end);
    offer.canWait = false;
    this.partial = 0;
    return !offer.waits || this.holdRest(offer);
  }

  /** Cold: keeps the message at the socket until there is room for the rest of it. */
  private holdRest(offer: Offer): boolean {
    offer.waits = false;
    this.partial = offer.message;
    // it counts once
    this.counters[SESSION.messages]--;
    this.counters[SESSION.template_misses]--;
    setTimeout(() => this.connection.resume(), RESUME_MS);
    return false;
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
    this.group.interrupted(this.dropCause);
    this.bookLost(this.dropCause);
    return true;
  }

  /** A message that may have changed a book was lost. */
  private bookLost(cause: 'malformed' | 'ring_full' | 'disk'): void {
    const invisible = this.init.channels.some(
      (channel) => this.exchange.channels[channel].lossInvisible === true,
    );
    this.books?.lost(cause, invisible);
  }

  /** The numbering of the connection shows it. Trades and changes of books show by their own numbers what is missing. */
  private lostMessages(messages: number): void {
    this.counters[SESSION.lost] += messages;
    this.books?.lost('unknown', true);
    this.group.logMessage(`${messages} messages are missing in the numbering of the connection`);
  }

  /** HOT: shows the rows of a chunk to the writer. */
  private chunkEnd(): void {
    const { counters: shared } = this.host;
    this.group.publish();
    // a socket that always has more is read on and on, and no timer has its turn meanwhile
    shared[SHARD.heartbeat]++;
    const messages = (this.counters[SESSION.messages] - this.messagesBefore) >>> 0;
    if (messages === 0) return;
    this.messagesBefore = this.counters[SESSION.messages];
    this.counters[SESSION.rows] = this.group.rows.counts.rows;
    this.counters[SESSION.last_message] = this.host.clock.now[0];
    this.latency.record((monotonicMs() - this.times[0]) * 1000, messages);
  }

  /** Everything that is due; called a few times a second, with the clock read. */
  tick(): void {
    const { connection, state } = this;
    this.takeTurn();
    this.parser.tick?.();
    if (state === 'ACTIVE' || state === 'SUBSCRIBING') this.books?.doWork();
    connection.tick();
    const { subscriptions } = connection;
    if (subscriptions.revision === this.toldRevision) return;
    this.toldRevision = subscriptions.revision;
    this.host.refusals(subscriptions.refusals());
  }

  /** The ring has plenty of room: only now the next full one earns a new pause, once messages were let go. */
  relieved(): void {
    this.times[1] = 0;
    this.dropCause = 'ring_full';
  }

  /** A symbol was taken up in this slot; change() subscribes it. */
  addBook(slot: number, spec: StreamSpec): void {
    const { books, group } = this;
    books?.resize(group.streams.size);
    if (books !== undefined) seedBook(books, spec, slot);
  }

  /** The symbol in this slot is let go. */
  leaveBook(slot: number): void {
    this.books?.leave(slot);
  }

  /** Changes what is subscribed. */
  change(added: readonly StreamSpec[], removed: readonly StreamSpec[]): void {
    this.connection.change(this.subscriptionsOf(added), this.subscriptionsOf(removed));
  }

  /** Ends the connection with a close handshake; what it still has to say is taken. */
  async stop(): Promise<void> {
    this.stopping = true;
    await this.connection.stop();
    this.host.clock.read();
  }

  /** Nothing comes any more: lists what is missing of books that are not complete. */
  endBooks(): void {
    const { streams } = this.group;
    for (const { native } of streams.active()) this.books?.end(streams.slotOf(native));
  }

  private refusedMessage(reason: string, sample: string): void {
    this.bookLost('malformed');
    this.group.refusedMessage();
    this.group.logMessage(`message refused, ${reason}: ${sample}`);
  }
}

function seedBook(books: Books, spec: StreamSpec, slot: number): void {
  const received = spec.lastReceived[BOOK.name];
  if (received !== undefined) books.seed(slot, received, spec.resumedAfter);
}

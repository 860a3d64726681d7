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
import { HostGate } from './connection/host_gate.js';
import { REST_PER_MINUTE, reserve } from './connection/pacing.js';
import { restOf } from './connection/rest.js';
import { STATES } from './connection/state.js';
import type { Gap } from './continuity/gap_log.js';
import type { Exchange, FetchJson, MessageParser, RestRequest, Subscription } from './exchange.js';
import { createJsonParser, type JsonValue, parseKeepingText } from './json/document.js';
import { MessageHandler } from './message_handler.js';
import type { StreamSpec } from './rows/streams.js';
import type { SessionHost, SessionInit } from './session_init.js';
import type { StreamGroup } from './stream_group.js';

/** How often a socket that waits for room in the ring is tried again. */
const RESUME_MS = 2;
/** A ring that stays full for longer costs messages: pausing on would make the exchange drop the connection. */
const PAUSE_MS_MAX = 5000;

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
  private stopping = false;

  constructor(
    private readonly exchange: Exchange,
    private readonly init: SessionInit,
    private readonly host: SessionHost,
    private readonly group: StreamGroup,
  ) {
    this.counters = group.counters;
    this.latency = new HistogramWriter(init.latency);
    this.books = this.createBooks();
    this.parser = this.createParser();
    this.handler = this.createHandler();
    this.connection = this.createConnection();
    this.rest = this.createRest();
  }

  private createBooks(): Books | undefined {
    if (!this.init.channels.some((channel) => this.exchange.channels[channel].ids === 'book'))
      return undefined;
    const events = {
      gap: (gap: Gap) => this.group.gaps.add(gap),
      resync: (slot: number) => this.resync(slot),
    };
    const books = new Books(this.host.clock.now, events, monotonicMs);
    books.resize(this.group.streams.size);
    for (const [slot, spec] of this.init.streams.entries()) seedBook(books, spec, slot);
    return books;
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

  /** Requests wait as long as the host wants to be left alone: whoever asks has nothing else to do meanwhile. */
  private createRest(): FetchJson {
    const { restEndpoint, connection, pacing, restGate } = this.init;
    const { limits, restUsage } = this.exchange;
    return restOf(restEndpoint, {
      ca: connection.ca,
      parse: parseKeepingText,
      gate: new HostGate(restGate),
      usage: restUsage,
      reserve: () => reserve(pacing.requests, limits.restPerMinute ?? REST_PER_MINUTE),
      patienceMs: Number.POSITIVE_INFINITY,
    });
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
      if (this.exchange.channels[channel].ids === 'book') this.connection.renew({ channel, native });
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
    this.parser.onResponse?.(request, document);
    this.chunkEnd();
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

  /** The numbering of the connection shows it. Trades and changes of books tell by their own what is missing. */
  private lostMessages(messages: number): void {
    this.counters[SESSION.lost] += messages;
    this.books?.lost('unknown', true);
    this.group.logMessage(`${messages} messages are missing in the numbering of the connection`);
  }

  private interrupted(cause: GapCause): void {
    this.group.interrupted(cause);
    this.books?.interrupted(cause);
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
    const { connection, counters } = this;
    this.group.tick(this.books, this.stopping);
    this.parser.tick?.();
    if (connection.state === 'ACTIVE' || connection.state === 'SUBSCRIBING') this.books?.doWork();
    this.group.publish();
    connection.tick();
    counters[SESSION.template_hits] = counters[SESSION.messages] - counters[SESSION.template_misses];
    counters[SESSION.refused] = connection.subscriptions.count('refused');
    counters[SESSION.confirmed] = connection.subscriptions.count('confirmed');
  }

  /** The ring has plenty of room: only now the next full one earns a new pause, once messages were let go. */
  relieved(): void {
    this.times[1] = 0;
    this.dropCause = 'ring_full';
  }

  /** Takes symbols up and lets others go; from here on nothing that arrives of these is stored. */
  change(added: readonly StreamSpec[], removed: readonly number[]): void {
    const { group, books } = this;
    const gone = group.streams.active().filter((spec) => removed.includes(spec.stream));
    for (const spec of gone) {
      books?.leave(group.streams.slotOf(spec.native));
      group.remove(spec);
    }
    group.publish();
    for (const spec of added) {
      const slot = group.add(spec);
      books?.resize(group.streams.size);
      if (books !== undefined) seedBook(books, spec, slot);
    }
    this.connection.change(this.subscriptionsOf(added), this.subscriptionsOf(gone));
  }

  /** Ends the connection with a close handshake, and what it has still to say goes to the ring. */
  async stop(): Promise<void> {
    const { streams } = this.group;
    this.stopping = true;
    await this.connection.stop();
    this.host.clock.read();
    for (const { native } of streams.active()) this.books?.end(streams.slotOf(native));
    this.tick();
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

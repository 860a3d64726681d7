/**
 * A shard without a socket: an exchange's parser on a real ring, as the shard assembles it, for tests that feed it
 * messages and look at the records.
 */
import { READ_AHEAD_BYTES } from '../../src/base/limits.js';
import { slotsOf } from '../../src/counters/counters.js';
import { SESSION, SESSION_COUNTERS } from '../../src/counters/declarations.js';
import { Books } from '../../src/feed/books/books.js';
import type { Gap } from '../../src/feed/continuity/gap_log.js';
import { Sequence } from '../../src/feed/continuity/sequence.js';
import type { ControlEvent, Exchange, MessageParser, RestRequest } from '../../src/feed/exchange.js';
import { createJsonParser, type JsonValue } from '../../src/feed/json/document.js';
import { MessageHandler } from '../../src/feed/message_handler.js';
import { RowWriter } from '../../src/feed/rows/row_writer.js';
import { type RuleOptions, Rules } from '../../src/feed/rows/rules.js';
import { StreamIndex } from '../../src/feed/rows/streams.js';
import { RingConsumer } from '../../src/ring/consumer.js';
import { createDoorbell, createRing } from '../../src/ring/layout.js';
import { RingProducer } from '../../src/ring/producer.js';
import { type DecodedRow, type DecodedText, decodeRecords } from '../../src/schema/codec.js';
import type { Table } from '../../src/schema/layout.js';

export type ParserName = 'scan' | 'json' | 'simdjson';

/** As an empty configuration has them. */
export const DEFAULT_RULES: RuleOptions = {
  setsAside: false,
  jumpPercentMax: 0,
  breakerPercent: 50,
  breakerRows: 1000,
};

export interface HarnessOptions {
  readonly parser?: ParserName;
  readonly channels?: readonly string[];
  readonly ringWords?: number;
  /** receive time of every message, seconds since 1970 */
  readonly receivedSeconds?: number;
  /** every message is read in full */
  readonly withoutTemplates?: boolean;
  /** rows are checked; without them they are not */
  readonly rules?: RuleOptions | undefined;
}

const SLOTS = slotsOf(SESSION_COUNTERS);

export class Harness {
  readonly gaps: Gap[] = [];
  readonly control: ControlEvent[] = [];
  readonly refusals: string[] = [];
  /** what refused messages say, where they are JSON */
  readonly refused: (JsonValue | undefined)[] = [];
  /** tables and slots of rows that were set aside */
  readonly setAside: [table: string, slot: number][] = [];
  readonly rules: Rules | undefined;
  /** codes that the connection would have been closed with */
  readonly closeCodes: number[] = [];
  readonly streams: StreamIndex;
  readonly rows: RowWriter;
  readonly received = new Uint32Array(2);
  readonly producer: RingProducer;
  readonly sequences: Map<string, Sequence>;
  nowMs = 0;
  reordered = 0;
  breaks = 0;
  books: Books | undefined;
  /** slots whose book was asked for again */
  readonly resyncs: number[] = [];
  /** REST requests of the parser, as long as the test does not take them away */
  readonly requests: RestRequest[] = [];
  /** by slot */
  private readonly newest = new Map<number, RestRequest>();
  readonly parser: MessageParser;
  private readonly consumer: RingConsumer;
  readonly handler: MessageHandler;
  private readonly counters = new Uint32Array(Object.keys(SESSION_COUNTERS).length);

  constructor(exchange: Exchange, natives: readonly string[], options: HarnessOptions = {}) {
    const ring = createRing(options.ringWords ?? 1 << 20);
    this.producer = new RingProducer(ring, createDoorbell());
    this.consumer = new RingConsumer(ring);
    this.streams = new StreamIndex(
      natives.map((native, stream) => ({
        stream,
        exchange: exchange.id,
        native,
        symbol: native,
        directory: native,
        lastTradeId: '',
        recentTradeIds: [],
        unlistedIds: [],
        lastReceived: {},
        resumedAfter: 'downtime' as const,
      })),
    );
    this.received[0] = options.receivedSeconds ?? 1_800_000_000;
    if (options.rules !== undefined) {
      const setAside = (table: Table, slot: number) => this.setAside.push([table.name, slot]);
      this.rules = new Rules(options.rules, this.counters, { setAside });
      this.rules.resize(natives.length);
    }
    this.rows = new RowWriter(this.producer, this.streams, this.received, 86_400, 0, this.rules);
    const events = {
      gap: (gap: Gap) => this.gaps.push(gap),
      reordered: () => this.reordered++,
      duplicate: () => {
        this.counters[SESSION.duplicates]++;
      },
      outlier: () => undefined,
    };
    const names = options.channels ?? Object.keys(exchange.channels);
    const ofBooks = names.filter((name) => exchange.channels[name].ids === 'book');
    if (ofBooks.length > 0) {
      this.books = new Books(
        this.received,
        { gap: events.gap, resync: (slot) => this.resyncs.push(slot) },
        () => this.nowMs,
      );
      this.books.resize(natives.length);
    }
    this.sequences = new Map(
      names
        .filter((name) => !ofBooks.includes(name))
        .map((name) => {
          const sequence = new Sequence(exchange.channels[name], this.received, events, () => this.nowMs);
          sequence.resize(natives.length);
          return [name, sequence];
        }),
    );
    const parser = options.parser ?? 'scan';
    this.parser = exchange.createParser({
      rows: this.rows,
      streams: this.streams,
      sequences: this.sequences,
      books: this.books,
      control: (event) => this.control.push(event),
      unsynced: (changes) => {
        this.counters[SESSION.unsynced] += changes;
      },
      lost: (messages) => {
        this.counters[SESSION.lost] += messages;
        this.books?.lost('unknown', true);
      },
      request: (kind, slot, path) => {
        const request = { kind, slot, path };
        this.requests.push(request);
        this.newest.set(slot, request);
      },
    });
    if (options.withoutTemplates === true) Reflect.deleteProperty(this.parser, 'templates');
    this.handler = new MessageHandler(
      this.parser,
      createJsonParser(parser),
      parser === 'scan',
      this.rows,
      this.counters,
      {
        refused: (reason, _, document) => {
          this.refusals.push(reason);
          this.refused.push(document);
        },
        unacceptable: (code) => this.closeCodes.push(code),
        breaker: () => this.breaks++,
      },
    );
  }

  /** Feeds one message, as the middle of a larger buffer as the frame reader has it; answers its RESULT. */
  feed(message: string | Uint8Array): number {
    const body = typeof message === 'string' ? Buffer.from(message) : message;
    const bytes = new Uint8Array(8 + body.length + READ_AHEAD_BYTES).fill(0x7d);
    bytes.set(body, 8);
    return this.handler.message(bytes, 8, 8 + body.length);
  }

  /** Answers the newest request for a slot; undefined: it failed for good. */
  respond(slot: number, document: JsonValue | undefined): void {
    const request = this.newest.get(slot);
    if (request === undefined) throw new Error(`nothing was requested for slot ${slot}`);
    this.parser.onResponse?.(request, document);
  }

  /** Everything written since the last call. */
  take(): (DecodedRow | DecodedText)[] {
    this.producer.publish();
    const records: (DecodedRow | DecodedText)[] = [];
    for (let words = this.consumer.take(); words > 0; words = this.consumer.take()) {
      records.push(...decodeRecords(this.consumer.u32, this.consumer.start, this.consumer.start + words));
      this.consumer.release(words);
    }
    return records;
  }

  /** Forgets everything written, as the writer does once it has it. */
  release(): void {
    this.producer.publish();
    for (let words = this.consumer.take(); words > 0; words = this.consumer.take())
      this.consumer.release(words);
  }

  takeRows(): DecodedRow[] {
    return this.take().filter((record): record is DecodedRow => record.table !== 'TEXT');
  }

  count(name: keyof typeof SESSION_COUNTERS): number {
    return this.counters[SLOTS[name]];
  }

  /** Every counter by its place, without those that say which way a message was read. */
  counts(): number[] {
    const ways = [SESSION.template_hits, SESSION.template_misses];
    return [...this.counters].map((count, slot) => (ways.includes(slot) ? 0 : count));
  }

  /** The same, without these. */
  countsBut(names: readonly (keyof typeof SESSION_COUNTERS)[]): number[] {
    const places = names.map((name) => SLOTS[name]);
    return this.counts().filter((_, place) => !places.includes(place));
  }
}

export function simdjsonMissing(): string | false {
  try {
    createJsonParser('simdjson');
    return false;
  } catch {
    return 'the optional package simdjson is not compiled: npm run build:simdjson';
  }
}

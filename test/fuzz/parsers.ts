/**
 * Every way to read a message against each other and against JSON.parse, over messages of every exchange that were
 * changed at random: with templates, by keys alone, and by each JSON parser. All of them must do the same; what
 * JSON.parse refuses is refused, what it accepts is not, and a message means what JSON.parse says that it means.
 */
import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { JSON_DEPTH_MAX } from '../../src/base/limits.js';
import type { Exchange } from '../../src/feed/exchange.js';
import { parseKeepingText } from '../../src/feed/json/document.js';
import { NO_MATCH } from '../../src/feed/json/fields.js';
import { RESULT } from '../../src/feed/rows/result.js';
import type { DecodedRow } from '../../src/schema/codec.js';
import { flag } from '../../src/schema/flags.js';
import { BOOK } from '../../src/schema/tables.js';
import { TEXT_KIND } from '../../src/schema/text.js';
import { EXCHANGES, type Fixture, readFixtures } from '../support/fixtures.js';
import { Harness, type HarnessOptions, simdjsonMissing } from '../support/harness.js';
import { Random } from '../support/random.js';
import { mutated } from './mutations.js';

const READERS: Readonly<Record<string, HarnessOptions>> = {
  'scan with templates': { parser: 'scan' },
  'scan by key': { parser: 'scan', withoutTemplates: true },
  json: { parser: 'json' },
  ...(simdjsonMissing() === false ? { simdjson: { parser: 'simdjson' } } : {}),
};

/** Messages of one round: one connection, whose parsers learn and whose books and sequences go on. */
const MESSAGES = 120;
/** Counters that tell how a message was read, not what it was. */
const HOW_IT_WAS_READ = ['slow_path', 'template_misses'] as const;
const RING_WORDS = 1 << 16;
const EVENT_END = flag('event_end');

/** What the rounds have come to, so that a fuzzer that tries nothing shows. */
export interface ParserCounts {
  messages: number;
  rows: number;
  refused: number;
  /** messages that were compared with what JSON.parse makes of them */
  rewritten: number;
  /** messages that a template read */
  templates: number;
}

export const noParserCounts = (): ParserCounts => ({
  messages: 0,
  rows: 0,
  refused: 0,
  rewritten: 0,
  templates: 0,
});

/** What JSON.parse says about a message. */
interface Verdict {
  /** undefined: it may be anything but a refusal as text */
  readonly refusal: number | undefined;
  /** the same message as JSON.parse understood it, where its numbers can be written as they were sent */
  readonly rewritten: string | undefined;
}

/** A valid text without what its strings hold. */
function structureOf(text: string): string {
  return text.replace(/"(?:[^"\\]|\\.)*"/gs, '""');
}

/** Levels of nesting in a valid text. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (const [bracket] of structureOf(text).matchAll(/[[\]{}]/g)) {
    depth += bracket === '[' || bracket === '{' ? 1 : -1;
    deepest = Math.max(deepest, depth);
  }
  return deepest;
}

/** Whether every number in a valid text is what JSON.stringify() would write. */
function keepsNumbers(text: string): boolean {
  const numbers = structureOf(text).match(/-?\d[\d.eE+-]*/g) ?? [];
  return numbers.every((number) => String(Number(number)) === number);
}

function verdictOn(bytes: Uint8Array): Verdict {
  if (!isUtf8(bytes)) return { refusal: RESULT.badUtf8, rewritten: undefined };
  const text = Buffer.from(bytes).toString('utf8');
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return { refusal: RESULT.badJson, rewritten: undefined };
  }
  if (depthOf(text) > JSON_DEPTH_MAX) return { refusal: RESULT.badJson, rewritten: undefined };
  return { refusal: undefined, rewritten: keepsNumbers(text) ? JSON.stringify(document) : undefined };
}

/** One connection as one reader sees it. */
class Reader {
  readonly harness: Harness;
  /** messages that a template has read */
  hits = 0;
  /** of the newest message */
  bookRows: readonly DecodedRow[] = [];

  constructor(
    readonly name: string,
    exchange: Exchange,
    symbols: readonly string[],
    options: HarnessOptions,
  ) {
    this.harness = new Harness(exchange, symbols, { ...options, ringWords: RING_WORDS });
    const { templates } = this.harness.parser;
    const read = templates?.read.bind(templates);
    if (templates === undefined || read === undefined) return;
    templates.read = (bytes, start, end) => {
      const result = read(bytes, start, end);
      if (result !== NO_MATCH) this.hits++;
      return result;
    };
  }

  /** What a message has done, but for the texts of refused messages. */
  effects(): unknown {
    const { harness } = this;
    const { gaps, refusals, control, closeCodes, resyncs, rows, reordered, breaks } = harness;
    const events = [gaps, refusals, control, closeCodes, resyncs].map((list) => list.splice(0));
    const all = harness.take();
    this.bookRows = all.filter((record): record is DecodedRow => record.table === BOOK.name);
    const records = all.filter((record) => !('kind' in record) || record.kind !== TEXT_KIND.rejected);
    const counters = harness.countsBut(HOW_IT_WAS_READ);
    return { records, counters, counts: { ...rows.counts }, reordered, breaks, events };
  }

  /** Time passes: gaps become due, books are asked for. */
  pass(ms: number): void {
    const { harness } = this;
    harness.nowMs += ms;
    for (const sequence of harness.sequences.values()) sequence.reportDue();
    harness.parser.tick?.();
    harness.books?.doWork();
  }
}

class Round {
  private readonly readers: readonly Reader[];
  /** reads what JSON.parse has understood */
  private readonly oracle: Reader;
  private readonly random: Random;
  private readonly fixtures: readonly Fixture[];

  constructor(
    private readonly seed: number,
    exchange: Exchange,
    private readonly counts: ParserCounts,
  ) {
    this.random = new Random(seed);
    const { messages, symbols } = readFixtures(exchange.id);
    this.fixtures = messages;
    // fixtures of channels that exclude each other need connections of their own
    const channels = this.random.of(messages).channels;
    this.readers = Object.entries(READERS).map(
      ([name, options]) => new Reader(name, exchange, symbols, { ...options, channels }),
    );
    this.oracle = new Reader('JSON.parse', exchange, symbols, { parser: 'json', channels });
  }

  private get all(): readonly Reader[] {
    return [...this.readers, this.oracle];
  }

  run(): void {
    this.feedAll();
    for (const { hits } of this.readers) this.counts.templates += hits;
  }

  private feedAll(): void {
    const { random } = this;
    for (let n = 0; n < MESSAGES; n++) {
      const fixture = random.of(this.fixtures);
      for (const earlier of random.chance(0.5) ? (fixture.before ?? []) : []) this.feed(Buffer.from(earlier));
      if (fixture.answer !== undefined) this.answer(fixture.answer);
      const message = this.withFreshId(fixture);
      this.feed(random.chance(0.4) ? Buffer.from(message) : mutated(message, random));
      if (random.chance(0.1)) for (const reader of this.all) reader.pass(3000);
      if (random.chance(0.02)) for (const { harness } of this.all) harness.parser.reconnected?.();
    }
  }

  /** The message with the trade id that is expected next, at times. */
  private withFreshId({ message, rows: [row] }: Fixture): string {
    const { random } = this;
    if (row?.trade_id === undefined || random.chance(0.2)) return message;
    const { sequences, streams } = this.oracle.harness;
    const sequence = [...sequences.values()].find(({ table }) => table.name === row.table);
    const slot = streams.slotOf(row.symbol ?? '');
    if (sequence === undefined || slot < 0) return message;
    const id = sequence.expected(slot) > 0 ? sequence.expected(slot) : Number(row.trade_id);
    return message.replaceAll(new RegExp(`(?<=[:"])${row.trade_id}(?=[",}])`, 'g'), String(id));
  }

  /** The REST interface answers all that was asked. */
  private answer(text: string): void {
    for (const { harness } of this.all)
      for (const { slot } of harness.requests.splice(0)) harness.respond(slot, parseKeepingText(text));
  }

  private feed(bytes: Uint8Array): void {
    const { counts, oracle, readers } = this;
    const verdict = verdictOn(bytes);
    const rewritten = verdict.rewritten === undefined ? bytes : Buffer.from(verdict.rewritten);
    const text = Buffer.from(bytes).toString('latin1');
    const expected = { result: oracle.harness.feed(rewritten), ...(oracle.effects() as object) };
    const isPlainText = oracle.harness.parser.plainTexts?.has(text) === true;
    if (verdict.refusal !== undefined && !isPlainText)
      assert.equal(expected.result, verdict.refusal, this.where('JSON.parse', text));
    else
      assert.ok(
        ![RESULT.badJson, RESULT.badUtf8].includes(expected.result as 10),
        this.where('JSON.parse', text),
      );
    const last = oracle.bookRows.at(-1);
    assert.ok(
      last === undefined || (Number(last.values.flags) & EVENT_END) !== 0,
      this.where('half an event', text),
    );
    for (const reader of readers) {
      const seen = { result: reader.harness.feed(bytes), ...(reader.effects() as object) };
      assert.deepEqual(seen, expected, this.where(reader.name, text));
    }
    counts.messages++;
    if (expected.result === RESULT.rows) counts.rows++;
    if (expected.result >= RESULT.badJson) counts.refused++;
    if (verdict.rewritten !== undefined && verdict.rewritten !== text) counts.rewritten++;
  }

  private where(reader: string, text: string): string {
    return `seed ${this.seed}, ${reader}: ${JSON.stringify(text)}`;
  }
}

/** One connection to one exchange. Throws what differs. */
export function fuzzParsers(seed: number, counts: ParserCounts): void {
  new Round(seed, EXCHANGES[seed % EXCHANGES.length], counts).run();
}

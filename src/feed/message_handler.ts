/**
 * HOT: one message at a time from the frame reader to the parser, with everything counted that does not become a row.
 * Shard threads.
 */
import { REFUSED_KEPT_BYTES, REFUSED_KEPT_PER_SECOND, TEXT_BYTES_MAX } from '../base/limits.js';
import { SESSION } from '../counters/declarations.js';
import type { MessageParser } from './exchange.js';
import { decodeUtf8, type JsonParser, type JsonValue, sampleOf } from './json/document.js';
import { EXTENT, extentOf } from './json/extent.js';
import { NO_MATCH } from './json/fields.js';
import { REFUSALS, RESULT, worse } from './rows/result.js';
import type { RowWriter } from './rows/row_writer.js';
import type { RowTemplates } from './rows/templates.js';

/** Bytes of a refused message that a log line shows. */
const LOGGED_BYTES = 200;
/** RFC 6455 §7.4.1: a message whose text is not UTF-8, and one that is too big to be processed. */
const CLOSE_CODES: Readonly<Record<number, number>> = { [RESULT.badUtf8]: 1007, [RESULT.tooLarge]: 1009 };
/** Messages that the circuit breaker looks back on, and how many bad ones it wants to see at least. */
const BREAKER_WINDOW = 128;
const BREAKER_BAD_MIN = 16;

export interface MessageHandlerEvents {
  /** a message was refused; `document`: what it says, if it is JSON. Trades may be missing now */
  refused(reason: string, sample: string, document: JsonValue | undefined): void;
  /** a message of a kind that ends the connection, with this code of RFC 6455 */
  unacceptable(code: number, reason: string): void;
  /** more than half of the recent messages did not parse */
  breaker(): void;
}

export class MessageHandler {
  private windowStart = 0;
  private windowBad = 0;
  private keptSecond = 0;
  private kept = 0;
  private readonly templates: RowTemplates | undefined;

  constructor(
    private readonly parser: MessageParser,
    private readonly parseJson: JsonParser,
    private readonly useScanner: boolean,
    private readonly rows: RowWriter,
    private readonly counters: Uint32Array,
    private readonly events: MessageHandlerEvents,
  ) {
    this.templates = useScanner ? parser.templates : undefined;
  }

  /** Takes one message; answers its RESULT. With READ_AHEAD_BYTES in the buffer behind it templates may read it. */
  message(bytes: Uint8Array, start: number, end: number): number {
    this.counters[SESSION.messages]++;
    const { parser, templates } = this;
    let result = templates === undefined ? NO_MATCH : templates.read(bytes, start, end);
    if (result === NO_MATCH) {
      result = this.inFull(bytes, start, end);
      parser.fields.release();
    }
    if (this.rows.setAside !== 0) this.keepSetAside(bytes, start, end);
    return result;
  }

  /** Cold: a row of the message broke a rule and was not stored; breakers bound how many do. */
  private keepSetAside(bytes: Uint8Array, start: number, end: number): void {
    this.rows.rejected(this.rows.setAside, sampleOf(bytes, start, end, TEXT_BYTES_MAX));
    this.rows.setAside = 0;
  }

  /** A message that no template reads. */
  private inFull(bytes: Uint8Array, start: number, end: number): number {
    const { parser } = this;
    this.counters[SESSION.template_misses]++;
    const known = this.useScanner && parser.fields.scan(bytes, start, end) !== NO_MATCH;
    const result = known ? parser.emit() : RESULT.noMatch;
    if (result !== RESULT.rows) return this.other(result, bytes, start, end);
    this.templates?.learn(bytes, start, end);
    return result;
  }

  private other(scanned: number, bytes: Uint8Array, start: number, end: number): number {
    const result = scanned === RESULT.noMatch ? this.slow(bytes, start, end) : scanned;
    const { counters } = this;
    if (result === RESULT.control) counters[SESSION.control]++;
    else if (result === RESULT.unwanted) counters[SESSION.unwanted]++;
    else if (result === RESULT.unsynced) counters[SESSION.unsynced]++;
    else if (result === RESULT.ringFull) counters[SESSION.dropped]++;
    else if (result === RESULT.unknownKind) {
      counters[SESSION.unknown_kind]++;
      this.keep(result, bytes, start, end);
    } else if (result >= RESULT.badJson) this.refuse(result, bytes, start, end);
    return result;
  }

  /** Everything the scanner does not know; control messages are not counted as slow. */
  private slow(bytes: Uint8Array, start: number, end: number): number {
    const extent = extentOf(bytes, start, end);
    if (extent === EXTENT.tooLarge) return this.large(bytes, start, end);
    const text = decodeUtf8(bytes, start, end);
    if (text === undefined) return RESULT.badUtf8;
    if (this.parser.plainTexts?.has(text)) return RESULT.control;
    const document = extent === EXTENT.tooDeep ? undefined : this.parse(text);
    const result = document === undefined ? RESULT.badJson : this.document(document);
    if (this.useScanner && result !== RESULT.control) this.counters[SESSION.slow_path]++;
    return result;
  }

  /** Undefined for whatever a parser cannot read: each has errors of its own for that. */
  private parse(text: string): JsonValue | undefined {
    try {
      return this.parseJson(text);
    } catch {
      return undefined;
    }
  }

  /**
   * A message that nothing may make objects of: real ones are snapshots of books, which the scanner reads whatever
   * parser is chosen.
   */
  private large(bytes: Uint8Array, start: number, end: number): number {
    const { parser } = this;
    const known = !this.useScanner && parser.fields.scan(bytes, start, end) !== NO_MATCH;
    const result = known ? parser.emit() : RESULT.noMatch;
    return result === RESULT.noMatch ? RESULT.tooLarge : result;
  }

  private document(document: JsonValue): number {
    const { parser } = this;
    if (Array.isArray(document) && document.length > 0)
      return document.map((part) => this.document(part)).reduce(worse);
    const result = parser.fields.loadDocument(document) ? parser.emit() : RESULT.noMatch;
    return result === RESULT.noMatch ? parser.control(document) : result;
  }

  private refuse(result: number, bytes: Uint8Array, start: number, end: number): void {
    this.counters[SESSION.rejected]++;
    this.keep(result, bytes, start, end);
    const document = this.readAgain(result, bytes, start, end);
    this.events.refused(REFUSALS[result], sampleOf(bytes, start, end, LOGGED_BYTES), document);
    if (result === RESULT.tooLarge) this.counters[SESSION.oversized]++;
    if (result in CLOSE_CODES) this.events.unacceptable(CLOSE_CODES[result], REFUSALS[result]);
    const seen = (this.counters[SESSION.messages] - this.windowStart) >>> 0;
    if (seen > BREAKER_WINDOW) {
      this.windowStart = this.counters[SESSION.messages] - 1;
      this.windowBad = 0;
    }
    this.windowBad++;
    if (this.windowBad >= BREAKER_BAD_MIN && this.windowBad * 2 > Math.min(seen, BREAKER_WINDOW)) {
      this.resetBreaker();
      this.events.breaker();
    }
  }

  /** The document of a message that was refused for its values. */
  private readAgain(result: number, bytes: Uint8Array, start: number, end: number): JsonValue | undefined {
    if (result < RESULT.missingField || extentOf(bytes, start, end) !== EXTENT.parseable) return undefined;
    const text = decodeUtf8(bytes, start, end);
    return text === undefined ? undefined : this.parse(text);
  }

  /** A new connection starts with a clean record. */
  resetBreaker(): void {
    this.windowStart = this.counters[SESSION.messages];
    this.windowBad = 0;
  }

  /** Keeps the text of a refused message, so that nothing is lost in silence. */
  private keep(reason: number, bytes: Uint8Array, start: number, end: number): void {
    const second = this.rows.received[0];
    if (second !== this.keptSecond) {
      this.keptSecond = second;
      this.kept = 0;
    }
    if (this.kept++ >= REFUSED_KEPT_PER_SECOND) return;
    this.rows.rejected(reason, sampleOf(bytes, start, end, REFUSED_KEPT_BYTES));
  }
}

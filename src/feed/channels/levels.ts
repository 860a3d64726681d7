/**
 * HOT: an event of an order book as rows of BOOK, one per level, in shard threads. An exchange says begin() with the
 * number of levels, gives their time and sequence number, and then every level in the order of the message:
 *
 *   levels.begin(slot, count, snapshot);
 *   if (!levels.epoch(fields, at)) return RESULT.badTime;
 *   levels.sequence(fields, at);
 *   for (…) { const result = levels.level(SIDE_BID, values, price, size); … }
 *
 * The first level that cannot be written ends the event, of which no row is left then. A snapshot for which the ring has no
 * room, as it may be larger than the ring, is written in parts: its message is offered again until all levels are written.
 */
import { HIGH_WORD, nearestFloat32 } from '../../base/number.js';
import { parseIsoTime, TIME, TIME_RESULT } from '../../base/time.js';
import { flag } from '../../schema/flags.js';
import { BOOK, BOOK_SIDE } from '../../schema/tables.js';
import { type JsonFields, KIND } from '../json/fields.js';
import { isNoTime } from '../json/none.js';
import type { JsonSlots } from '../json/slots.js';
import { RESULT } from '../rows/result.js';
import type { RowWriter } from '../rows/row_writer.js';
import { readEpoch, u64At } from '../rows/values.js';

/** A whole event of a book: the levels in [firstBid, behindBids) and [firstAsk, behindAsks) of `texts`. */
export interface BookEvent {
  /** sequence number, which is also that of the newest change it holds */
  readonly last: number;
  /** event time; without one the rows carry the receive time */
  readonly timed: boolean;
  readonly seconds: number;
  readonly nanos: number;
  /** price and size of each level, and what else stands with them: by level × width */
  readonly texts: JsonSlots;
  readonly firstBid: number;
  readonly behindBids: number;
  readonly firstAsk: number;
  readonly behindAsks: number;
}

export { BOOK_SIDE };

const B = BOOK.at;
const SNAPSHOT = flag('snapshot');
const SNAPSHOT_START = flag('snapshot_start');
const EVENT_END = flag('event_end');
const NOT_POSITIVE = flag('failed_validation');
const TWO_TO_32 = 4294967296;

export class Levels {
  private slot = 0;
  private left = 0;
  private flags = 0;
  private firstFlags = 0;
  /** flags of what the event does not carry */
  private missing = 0;
  private readonly sequenceWords = new Uint32Array(2);
  /** seconds and nanoseconds; meaningless without `timed` */
  private readonly time = new Uint32Array(2);
  private timed = false;
  private checksum = -1;
  /** which message it is and which offer of it, the levels of it that are written, and those to pass over in this offer */
  private message = -1;
  private pass = -1;
  private written = 0;
  private skip = 0;

  constructor(private readonly rows: RowWriter) {}

  /** Starts an event of `count` levels. Without a time it carries the receive time, without a sequence none. */
  begin(slot: number, count: number, snapshot: boolean, flags = 0): void {
    const { offer, arbiter } = this.rows;
    if (offer.message !== this.message || offer.pass !== this.pass) this.beginOffer();
    this.rows.mark();
    arbiter?.bookEvent(slot, snapshot);
    this.slot = slot;
    this.left = count;
    this.flags = snapshot ? flags | SNAPSHOT : flags;
    this.firstFlags = snapshot ? SNAPSHOT_START : 0;
    this.sequenceWords[0] = this.sequenceWords[1] = 0;
    this.missing = BOOK.missing.seq | BOOK.missing.checksum;
    this.timed = false;
    this.checksum = -1;
  }

  /** The first event of a message, which may have been offered before. */
  private beginOffer(): void {
    const { message, pass } = this.rows.offer;
    if (message !== this.message) this.written = 0;
    this.skip = this.written;
    this.message = message;
    this.pass = pass;
  }

  /** Event time in milliseconds or microseconds; false when it cannot be read. */
  epoch(fields: JsonFields, at: number): boolean {
    return this.keepTime(readEpoch(fields, at), fields, at);
  }

  /** Event time as ISO text; false when it cannot be read. */
  iso(fields: JsonFields, at: number): boolean {
    return this.keepTime(parseIsoTime(fields.view, fields.from[at], fields.to[at]), fields, at);
  }

  private keepTime(result: number, fields: JsonFields, at: number): boolean {
    this.timed = result === TIME_RESULT.ok && TIME[0] > 0;
    this.time[0] = TIME[0];
    this.time[1] = TIME[1];
    return result !== TIME_RESULT.invalid || isNoTime(fields.bytes, fields.from[at], fields.to[at]);
  }

  /** Sequence number of the event from digits: as a double, or -1 when they are none. */
  sequence(fields: JsonFields, at: number): number {
    const value = u64At(fields, at);
    if (value >= 0) this.sequenceNumber(value);
    return value;
  }

  sequenceNumber(value: number): void {
    this.sequenceWords[0] = value >>> 0;
    this.sequenceWords[1] = Math.floor(value / TWO_TO_32);
    this.missing &= ~BOOK.missing.seq;
  }

  /** Checksum that the exchange sent with the event, as u32; on the last row. */
  sentChecksum(value: number): void {
    this.checksum = value >>> 0;
  }

  /** The event cannot be written for this RESULT: the levels in front of what is wrong go, too. */
  abandon(result: number): number {
    this.rows.takeBack();
    return result;
  }

  /** The next level, whose price and size are these values: RESULT.rows, ringFull or badNumber. */
  level(side: number, values: JsonSlots, price: number, size: number): number {
    const { rows } = this;
    const { digits, decimals } = values;
    if (this.skip > 0) return this.passOver();
    if (!rows.open(BOOK, this.slot)) return this.noRoom();
    const { u32, record } = rows;
    // all that the numbers and finish() do not set
    u32[record + B.side] = side;
    u32[record + B.seq] = this.sequenceWords[0];
    u32[record + B.seq + 1] = this.sequenceWords[1];
    u32[record + B.checksum] = 0;
    if (digits[price] < 0 || digits[size] < 0) return this.irregularLevel(values, price, size);
    this.plain(values, price, record + B.price, record + B.price_digits);
    this.plain(values, size, record + B.size, record + B.size_digits);
    this.finish(digits[price] === 0 ? NOT_POSITIVE : 0, decimals[price] | (decimals[size] << 8));
    return RESULT.rows;
  }

  /** The level was written when the message was offered before. */
  private passOver(): number {
    this.skip--;
    this.left--;
    this.firstFlags = 0;
    return RESULT.rows;
  }

  /** The levels of a snapshot that are written stay, the others wait for room; a change goes as a whole. */
  private noRoom(): number {
    const { offer } = this.rows;
    if (!offer.canWait || (this.flags & SNAPSHOT) === 0) return this.abandon(RESULT.ringFull);
    offer.waits = true;
    return RESULT.again;
  }

  /** A number that was read with its message, without what RowWriter.decimalAt() has to find out. */
  private plain(values: JsonSlots, at: number, word: number, digitsWord: number): void {
    const { u32, f32 } = this.rows;
    const digits = values.digits[at];
    const low = digits >>> 0;
    f32[word] = nearestFloat32(digits, values.decimals[at], values.bytes, values.from[at], values.to[at]);
    u32[digitsWord] = low;
    u32[digitsWord + 1] = (digits - low) * HIGH_WORD;
  }

  /** A level with a number that is not plain. */
  private irregularLevel(values: JsonSlots, price: number, size: number): number {
    const { rows } = this;
    if (!rows.decimalAt(values, price, B.price, B.price_digits, 0, true))
      return this.abandon(RESULT.badNumber);
    if (!rows.decimalAt(values, size, B.size, B.size_digits, 1, false)) return this.abandon(RESULT.badNumber);
    this.finish(0, 0);
    return RESULT.rows;
  }

  /**
   * The rows of a whole event, bids first: RESULT.rows, control when it holds no level, else what is wrong with a
   * level.
   */
  event(slot: number, event: BookEvent, snapshot: boolean): number {
    const count = event.behindBids - event.firstBid + event.behindAsks - event.firstAsk;
    this.begin(slot, count, snapshot);
    if (event.timed) {
      this.time[0] = event.seconds;
      this.time[1] = event.nanos;
      this.timed = true;
    }
    this.sequenceNumber(event.last);
    if (count === 0) return snapshot ? this.emptySnapshot() : RESULT.control;
    const result = this.side(BOOK_SIDE.bid, event.texts, event.firstBid, event.behindBids);
    return result === RESULT.rows
      ? this.side(BOOK_SIDE.ask, event.texts, event.firstAsk, event.behindAsks)
      : result;
  }

  /** The levels [first, behind) of one side: RESULT.rows, or what is wrong with the first that cannot be written. */
  side(side: number, texts: JsonSlots, first: number, behind: number): number {
    const { width } = texts;
    for (let row = first; row < behind; row++) {
      const at = row * width;
      if (!isLevel(texts, at)) return this.abandon(RESULT.missingField);
      const result = this.level(side, texts, at, at + 1);
      if (result !== RESULT.rows) return result;
    }
    return RESULT.rows;
  }

  /** The one row of a snapshot without levels. */
  emptySnapshot(): number {
    const { rows } = this;
    if (this.skip > 0) return this.passOver();
    if (!rows.begin(BOOK, this.slot)) return this.noRoom();
    rows.set(B.seq, this.sequenceWords[0]);
    rows.set(B.seq + 1, this.sequenceWords[1]);
    rows.missing(B.price, BOOK.missing.price);
    rows.missing(B.size, BOOK.missing.size);
    this.left = 1;
    this.finish(0, 0);
    return RESULT.rows;
  }

  /** `rowFlags`, `scales`: in addition to those of the RowWriter. */
  private finish(rowFlags: number, scales: number): void {
    const { rows } = this;
    if (this.timed) {
      TIME[0] = this.time[0];
      TIME[1] = this.time[1];
      rows.time(B.time, B.nanos);
    } else rows.timeOfReceipt(B.time, B.nanos);
    let flags = rowFlags | this.flags | this.firstFlags | this.missing;
    this.firstFlags = 0;
    this.left--;
    if (this.left === 0) {
      flags |= EVENT_END;
      if (this.checksum >= 0) {
        flags &= ~BOOK.missing.checksum;
        rows.set(B.checksum, this.checksum);
      }
    }
    rows.finish(BOOK, flags, scales, 0);
    this.written++;
  }
}

/** Whether a price and a size stand at `at`, be they numbers or not. */
export function isLevel({ kind }: JsonSlots, at: number): boolean {
  return (
    (kind[at] === KIND.string || kind[at] === KIND.number) &&
    (kind[at + 1] === KIND.string || kind[at + 1] === KIND.number)
  );
}

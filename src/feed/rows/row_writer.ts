/**
 * HOT: writes rows into the ring, once per event, in shard threads. An exchange says begin(), sets values by the word
 * of their column, and commits; a row that is not committed leaves no trace.
 *
 *   if (!rows.begin(TRADES, slot)) return RESULT.ringFull;
 *   if (!rows.decimalAt(values, at, AT.trade_price, AT.price_digits, 0, true)) return RESULT.badValue;
 *   …
 *   rows.commit(TRADES);
 */

import {
  DECIMAL,
  DIGITS,
  HIGH_WORD,
  nearestFloat32,
  parseDecimal,
  parseU64,
  VALUE,
} from '../../base/number.js';
import { TIME } from '../../base/time.js';
import { flag } from '../../schema/flags.js';
import { setGap } from '../../schema/gap.js';
import { DAY_WORD, HEADER_WORDS, STREAM_WORD, type Table } from '../../schema/layout.js';
import { GAPS, TRADES } from '../../schema/tables.js';
import { TEXT_KIND } from '../../schema/text.js';
import { type Arbiter, VERDICT } from '../continuity/arbiter.js';
import type { Gap } from '../continuity/gap_log.js';
import type { Sequence } from '../continuity/sequence.js';
import type { JsonSlots } from '../json/slots.js';
import { flagsOf, type Rules, reasonOf } from './rules.js';
import { Sidecar } from './sidecar.js';
import type { StreamIndex } from './streams.js';
import { type RowSink, writeText } from './texts.js';

/** What the rows of one shard did, for its counters. */
export interface RowCounts {
  rows: number;
  literals: number;
}

/** How the message that is being worked on came, and whether it has to come again. */
export class Offer {
  /** number of the message, and how often any message was offered */
  message = 0;
  pass = 0;
  /** whether it can be offered again; what has come over REST cannot */
  canWait = false;
  /** a part of it found no room */
  waits = false;
}

/** Where rows go; what was committed since a position can be taken back. */
export interface ReversibleSink extends RowSink {
  readonly position: number;
  rewind(position: number): void;
}

/** Is called for every trade that is stored. */
export interface TradeListener {
  /** HOT: the row begins at `record`; it has been committed, so the listener may write rows of its own. */
  trade(slot: number, u32: Uint32Array, record: number): void;
}

const FLAG_NORMALIZED = flag('literal_normalized');
const FLAG_SIDECAR = flag('literal_in_sidecar');
const FLAG_SUSPECT_CLOCK = flag('suspect_clock');
const FLAG_INVALID = flag('failed_validation');
const FLAG_NO_EVENT_TIME = flag('no_event_time');
const SECONDS_PER_DAY = 86_400;
const DASH = 0x2d;
export class RowWriter {
  readonly counts: RowCounts = { rows: 0, literals: 0 };
  /** receive time of the chunk being worked on: [seconds, nanoseconds] */
  readonly received: Uint32Array;
  readonly offer = new Offer();
  trades: TradeListener | undefined;
  /** there while several connections write rows of the same streams */
  arbiter: Arbiter | undefined;
  readonly u32: Uint32Array;
  readonly f32: Float32Array;
  /** where the row begins that is being written */
  record = 0;
  /** reason for which the first row of the message was set aside; 0: all are stored */
  setAside = 0;
  private slot = 0;
  private scales = 0;
  private scalesHigh = 0;
  private flags = 0;
  private day = 0;
  private marked = 0;
  private rowsMarked = 0;
  private literalsMarked = 0;
  /** numbers of the row being written that go to the side-car, and the message they stand in */
  private readonly sidecar = new Sidecar();
  private sidecarBytes: Uint8Array = new Uint8Array(0);

  constructor(
    private readonly sink: ReversibleSink,
    private readonly streams: StreamIndex,
    received: Uint32Array,
    private readonly clockSkewSecondsMax: number,
    /** bits of `flags` that every row has */
    readonly always = 0,
    /** what rows have to keep; those that are fetched later are stored as they are */
    private readonly rules?: Rules,
  ) {
    this.u32 = sink.u32;
    this.f32 = sink.f32;
    this.received = received;
  }

  /** HOT: rows from here on belong together: takeBack() removes them all. Until then nothing is published. */
  mark(): void {
    this.marked = this.sink.position;
    this.rowsMarked = this.counts.rows;
    this.literalsMarked = this.counts.literals;
  }

  /** Cold: the rows since mark() were never there. */
  takeBack(): void {
    this.arbiter?.takeBack();
    this.sink.rewind(this.marked);
    this.counts.rows = this.rowsMarked;
    this.counts.literals = this.literalsMarked;
  }

  /** Starts a row of `table` for the stream in `slot`; false when the ring is full. */
  begin(table: Table, slot: number): boolean {
    if (!this.open(table, slot)) return false;
    const { record, u32 } = this;
    for (let i = record + HEADER_WORDS; i < record + table.words; i++) u32[i] = 0;
    return true;
  }

  /** As begin() for who sets every word. */
  open(table: Table, slot: number): boolean {
    const record = this.sink.claim(table.words);
    if (record < 0) return false;
    this.record = record;
    this.slot = slot;
    const u32 = this.u32;
    u32[record] = table.headerWord;
    u32[record + STREAM_WORD] = this.streams.ids[slot];
    this.scales = 0;
    this.scalesHigh = 0;
    this.flags = this.always;
    this.sidecar.count = 0;
    return true;
  }

  set(word: number, value: number): void {
    this.u32[this.record + word] = value;
  }

  flag(mask: number): void {
    this.flags |= mask;
  }

  /** A number that the message does not carry: NaN in its column and its bit in flags. */
  missing(valueWord: number, mask: number): void {
    this.f32[this.record + valueWord] = Number.NaN;
    this.flags |= mask;
  }

  /** A u64 from the digits of value `at` of a message; false for anything else. */
  idAt(values: JsonSlots, at: number, word: number): boolean {
    const { u32 } = this;
    const place = this.record + word;
    const digits = values.digits[at];
    if (digits >= 0 && values.decimals[at] === 0) {
      const low = digits >>> 0;
      u32[place] = low;
      u32[place + 1] = (digits - low) * HIGH_WORD;
      return true;
    }
    return this.id(word, values.bytes, values.from[at], values.to[at]);
  }

  /** A u64 from digits; false for anything else. */
  id(word: number, bytes: Uint8Array, from: number, to: number): boolean {
    if (!parseU64(bytes, from, to)) return false;
    this.u32[this.record + word] = DIGITS[0];
    this.u32[this.record + word + 1] = DIGITS[1];
    return true;
  }

  /**
   * A number as f32 and as exact digits; `position` is that among the exact numbers of the table. `positive` marks a
   * value that must be above zero to be believed. False when the bytes are not a number.
   */
  decimal(
    valueWord: number,
    digitsWord: number,
    position: number,
    bytes: Uint8Array,
    from: number,
    to: number,
    positive: boolean,
  ): boolean {
    const kind = parseDecimal(bytes, from, to);
    if (kind === DECIMAL.invalid) return false;
    this.digits(valueWord, digitsWord, position, VALUE[0], DIGITS[0], DIGITS[1], DIGITS[2], positive);
    if (kind !== DECIMAL.exact) this.irregularNumber(kind, valueWord, bytes, from, to);
    return true;
  }

  /** As decimal() for value `at` of a message, which was read with it when it is plain. */
  decimalAt(
    values: JsonSlots,
    at: number,
    valueWord: number,
    digitsWord: number,
    position: number,
    positive: boolean,
  ): boolean {
    const { bytes, from, to } = values;
    const digits = values.digits[at];
    if (digits < 0) return this.decimal(valueWord, digitsWord, position, bytes, from[at], to[at], positive);
    const decimals = values.decimals[at];
    const value = nearestFloat32(digits, decimals, bytes, from[at], to[at]);
    const low = digits >>> 0;
    this.digits(valueWord, digitsWord, position, value, low, (digits - low) * HIGH_WORD, decimals, positive);
    return true;
  }

  /** As decimal() for a number that was read before, as value, low and high word of its digits, and decimals. */
  digits(
    valueWord: number,
    digitsWord: number,
    position: number,
    value: number,
    low: number,
    high: number,
    decimals: number,
    positive: boolean,
  ): void {
    const record = this.record;
    this.f32[record + valueWord] = value;
    this.u32[record + digitsWord] = low;
    this.u32[record + digitsWord + 1] = high;
    if (position < 4) this.scales |= decimals << (8 * position);
    else this.scalesHigh |= decimals << (8 * (position - 4));
    if (value < 0 || (positive && value === 0)) this.flags |= FLAG_INVALID;
  }

  /** A column that keeps the f32 alone, of a number that was read before. */
  value(word: number, value: number): void {
    this.f32[this.record + word] = value;
  }

  /** Value `at` of a message, of which only the f32 is kept; false when it is no number. */
  floatAt(values: JsonSlots, at: number, word: number): boolean {
    const { bytes, from, to } = values;
    const digits = values.digits[at];
    if (digits < 0) return this.float(word, bytes, from[at], to[at]);
    this.f32[this.record + word] = nearestFloat32(digits, values.decimals[at], bytes, from[at], to[at]);
    return true;
  }

  /** A number of which only the f32 is kept. */
  float(word: number, bytes: Uint8Array, from: number, to: number): boolean {
    if (parseDecimal(bytes, from, to) === DECIMAL.invalid) return false;
    this.f32[this.record + word] = VALUE[0];
    if (VALUE[0] < 0) this.flags |= FLAG_INVALID;
    return true;
  }

  private irregularNumber(
    kind: number,
    valueWord: number,
    bytes: Uint8Array,
    from: number,
    to: number,
  ): void {
    if (kind === DECIMAL.normalized) {
      this.flags |= FLAG_NORMALIZED;
      return;
    }
    this.flags |= FLAG_SIDECAR;
    this.sidecarBytes = bytes;
    this.sidecar.add(valueWord, from, to);
  }

  /** 16 bytes from the 36 characters of a UUID; false for anything else. */
  uuid(word: number, view: DataView, from: number, to: number): boolean {
    if (to - from !== 36) return false;
    if (view.getUint8(from + 8) !== DASH || view.getUint8(from + 13) !== DASH) return false;
    if (view.getUint8(from + 18) !== DASH || view.getUint8(from + 23) !== DASH) return false;
    const { u32 } = this;
    const at = this.record + word;
    return (
      (hexWord(u32, at, view, from, from + 4) |
        hexWord(u32, at + 1, view, from + 9, from + 14) |
        hexWord(u32, at + 2, view, from + 19, from + 24) |
        hexWord(u32, at + 3, view, from + 28, from + 32)) >=
      0
    );
  }

  /** A numeric order id, big-endian in the last 8 bytes of a uuid column. */
  numericUuid(word: number, bytes: Uint8Array, from: number, to: number): boolean {
    if (!parseU64(bytes, from, to)) return false;
    this.u32[this.record + word + 2] = swapBytes(DIGITS[1]);
    this.u32[this.record + word + 3] = swapBytes(DIGITS[0]);
    return true;
  }

  /**
   * The event time that stands in TIME. A time too far from the receive time is kept as sent, but the row is filed
   * under the day it was received on and says so.
   */
  time(secondsWord: number, nanosWord: number): void {
    const seconds = TIME[0];
    this.u32[this.record + secondsWord] = seconds;
    this.u32[this.record + nanosWord] = TIME[1];
    this.fileUnder(seconds, 0);
  }

  /** When a candle of `length` seconds begins: its day, although it goes on being received for so long. */
  openTime(word: number, seconds: number, length: number): void {
    this.u32[this.record + word] = seconds;
    this.fileUnder(seconds, length);
  }

  /** Whether an event time is near enough to the receive time; a candle may be older by its length. */
  isBelieved(seconds: number, length = 0): boolean {
    const skew = seconds - this.received[0];
    return skew <= this.clockSkewSecondsMax && -skew <= this.clockSkewSecondsMax + length;
  }

  private fileUnder(seconds: number, length: number): void {
    const believed = this.isBelieved(seconds, length);
    if (!believed) this.flags |= FLAG_SUSPECT_CLOCK;
    this.day = ((believed ? seconds : this.received[0]) / SECONDS_PER_DAY) | 0;
  }

  /** The receive time in place of an event time that the message does not carry, or that no u32 can hold. */
  timeOfReceipt(secondsWord: number, nanosWord: number): void {
    TIME[0] = this.received[0];
    TIME[1] = this.received[1];
    this.time(secondsWord, nanosWord);
    this.flags |= FLAG_NO_EVENT_TIME;
  }

  /** Asks the sequence about a row that is complete and has an id without order; false when it must not be committed. */
  isNew(sequence: Sequence, slot: number): boolean {
    return sequence.acceptRow(slot, this.u32, this.record);
  }

  /** Keeps the row, with flags and decimals in addition to those that were set one by one. */
  finish(table: Table, flags: number, scales: number, scalesHigh: number): void {
    this.flags |= flags;
    this.scales |= scales;
    this.scalesHigh |= scalesHigh;
    this.commit(table);
  }

  /** Keeps the row. */
  commit(table: Table): void {
    const record = this.record;
    const at = table.at;
    this.u32[record + DAY_WORD] = this.day;
    this.u32[record + at.recv_time] = this.received[0];
    this.u32[record + at.recv_nanos] = this.received[1];
    this.u32[record + at.scales] = this.scales;
    if (table.exactNumbers.length > 4) this.u32[record + at.scales_high] = this.scalesHigh;
    this.u32[record + at.flags] = this.flags;
    if (this.arbiter !== undefined && this.isDropped(table, this.arbiter)) return;
    if (this.rules !== undefined && !this.passes(table, this.rules)) return;
    this.sink.commit(table.words);
    this.counts.rows++;
    if (this.sidecar.count > 0) this.commitSidecar(table);
    if (table === TRADES && this.trades !== undefined) this.trades.trade(this.slot, this.u32, record);
  }

  /** Whether another connection has brought the row. */
  private isDropped(table: Table, arbiter: Arbiter): boolean {
    const verdict = arbiter.judge(table, this.slot, this.u32, this.record);
    if (verdict === VERDICT.dropEvent) this.takeBack();
    return verdict !== VERDICT.keep;
  }

  /** Whether the row, which is complete, is to be stored. */
  private passes(table: Table, rules: Rules): boolean {
    const { u32, f32, record, slot } = this;
    const broken = rules.check(table, slot, u32, f32, record, this.flags);
    return broken === 0 || this.isKept(table, rules, broken);
  }

  /** Cold. */
  private isKept(table: Table, rules: Rules, broken: number): boolean {
    const { u32, record, slot } = this;
    u32[record + table.at.flags] |= flagsOf(broken);
    if (!rules.fail(table, slot, u32, record, broken)) return true;
    if (this.setAside === 0) this.setAside = reasonOf(broken);
    return false;
  }

  private commitSidecar(table: Table): void {
    const { sidecar, sink, record } = this;
    this.counts.literals += sidecar.count;
    sidecar.commit(sink, table, this.u32[record + STREAM_WORD], this.day, this.sidecarBytes);
  }

  /** Cold: the text of a refused message, filed by exchange; false when the ring has no room for it. */
  rejected(reason: number, text: string): boolean {
    const day = (this.received[0] / SECONDS_PER_DAY) | 0;
    const { stream } = this.streams.specs[0];
    return writeText(this.sink, { kind: TEXT_KIND.rejected, stream, day, tableId: 0, detail: reason, text });
  }

  /** Cold: a row of GAPS; false when the ring has no room for it. */
  gap(gap: Gap): boolean {
    if (!this.begin(GAPS, gap.slot)) return false;
    setGap(this.u32, this.record, { ...gap, tableId: gap.table.id }, this.received[0], this.received[1]);
    this.u32[this.record + DAY_WORD] = (this.received[0] / SECONDS_PER_DAY) | 0;
    this.sink.commit(GAPS.words);
    this.counts.rows++;
    return true;
  }
}

/**
 * Four bytes from four hexadecimal digits at `a` and four at `b`; negative when one is none. The file holds bytes in text
 * order, the ring holds little-endian words.
 */
function hexWord(u32: Uint32Array, at: number, view: DataView, a: number, b: number): number {
  const first = twoBytes(view.getInt32(a, true));
  const second = twoBytes(view.getInt32(b, true));
  u32[at] = first | (second << 16);
  return first | second;
}

/** The two bytes that four hexadecimal digits in a word stand for; negative when one is none. */
function twoBytes(text: number): number {
  // bit 6 separates letters from digits; what is neither comes out as some number from 0 to 24
  const values = (text & 0x0f0f0f0f) + Math.imul((text >>> 6) & 0x01010101, 9);
  const isLetter = ((values + 0x06060606) >>> 4) & 0x01010101;
  // so it is written down again in small letters and has to be what it was
  const again = values + 0x30303030 + Math.imul(isLetter, 0x61 - 0x30 - 10);
  if ((text | (isLetter << 5)) !== again || (values & 0x10101010) !== 0) return -1;
  const pairs = ((values << 4) | (values >>> 8)) & 0x00ff00ff;
  return (pairs & 0xff) | (pairs >>> 8);
}

function swapBytes(word: number): number {
  return ((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}

/**
 * HOT: tickers whose messages carry only what has changed, once per message, in shard threads. Keeps the newest numbers
 * of each slot, so that every row of MD is complete and exact: as digits and value, and, where a row needs it, as text.
 */
import { DECIMAL, DIGITS, HIGH_WORD, nearestFloat32, parseDecimal, VALUE } from '../../base/number.js';
import { flag } from '../../schema/flags.js';
import { MD } from '../../schema/tables.js';
import { type JsonFields, KIND } from '../json/fields.js';
import { isMissing } from '../json/none.js';
import type { RowWriter } from '../rows/row_writer.js';

const M = MD.at;
/** price, best bid, best ask and volume, as the exact numbers of MD are ordered */
const NUMBERS = MD.exactNumbers.length;
const VALUES = [M.price, M.best_bid, M.best_ask, M.volume];
const DIGITS_WORDS = [M.price_digits, M.best_bid_digits, M.best_ask_digits, M.volume_digits];
const MISSING = [0, MD.missing.best_bid, MD.missing.best_ask, MD.missing.volume];
const PRICE = 0;
/** quotes, of which 0 says that the side is empty */
const BEST_BID = 1;
const BEST_ASK = 2;
const VOLUME = 3;
/** A text longer than this is no number of a market. */
const BYTES_MAX = 64;

const NOT_POSITIVE = flag('failed_validation');
/** no number is known; everything else is what parseDecimal() said of it */
const NONE = DECIMAL.invalid;

export class TickerState {
  /** by slot × NUMBERS + number */
  private kinds = new Uint8Array(0);
  private values = new Float32Array(0);
  /** low word, high word and decimals of each number */
  private digits = new Uint32Array(0);
  /** texts of numbers that are not exact, and their lengths */
  private bytes = new Uint8Array(0);
  private lengths = new Uint8Array(0);
  /** whether a snapshot has come */
  private known = new Uint8Array(0);

  /** Makes room for `slots` streams. */
  resize(slots: number): void {
    if (slots <= this.known.length) return;
    const grow = <A extends Uint8Array | Uint32Array | Float32Array>(old: A, made: A): A => {
      made.set(old);
      return made;
    };
    const numbers = slots * NUMBERS;
    this.known = grow(this.known, new Uint8Array(slots));
    this.kinds = grow(this.kinds, new Uint8Array(numbers));
    this.values = grow(this.values, new Float32Array(numbers));
    this.digits = grow(this.digits, new Uint32Array(numbers * 3));
    this.lengths = grow(this.lengths, new Uint8Array(numbers));
    this.bytes = grow(this.bytes, new Uint8Array(numbers * BYTES_MAX));
  }

  /** A new connection begins with snapshots. */
  forget(): void {
    this.known.fill(0);
  }

  isKnown(slot: number): boolean {
    return this.known[slot] === 1;
  }

  hasPrice(slot: number): boolean {
    return this.kinds[slot * NUMBERS] !== NONE;
  }

  /** Whether a message carries one of the numbers, which are the fields from `first` on. */
  isTouched(data: JsonFields, first: number): boolean {
    for (let n = 0; n < NUMBERS; n++) if (data.kind[first + n] !== KIND.absent) return true;
    return false;
  }

  /** Takes over what a message carries, a snapshot also what it lacks; false when something is no number. */
  take(slot: number, data: JsonFields, first: number, snapshot: boolean): boolean {
    let good = true;
    for (let n = 0; n < NUMBERS; n++) {
      const field = first + n;
      if (data.kind[field] === KIND.absent && !snapshot) continue;
      const at = slot * NUMBERS + n;
      // what is sent as "" is not known any more, and neither is what cannot be read
      this.kinds[at] = NONE;
      const isQuote = n === BEST_BID || n === BEST_ASK;
      if (!isMissing(data, field, isQuote) && !this.read(at, data, field)) good = false;
    }
    this.known[slot] = 1;
    return good;
  }

  private read(at: number, data: JsonFields, field: number): boolean {
    const { bytes, digits, decimals } = data;
    const from = data.from[field];
    const to = data.to[field];
    if (digits[field] < 0) return this.parse(at, bytes, from, to);
    const low = digits[field] >>> 0;
    this.kinds[at] = DECIMAL.exact;
    this.values[at] = nearestFloat32(digits[field], decimals[field], bytes, from, to);
    this.digits[at * 3] = low;
    this.digits[at * 3 + 1] = (digits[field] - low) * HIGH_WORD;
    this.digits[at * 3 + 2] = decimals[field];
    return true;
  }

  /** A number that was not read with its message. */
  private parse(at: number, bytes: Uint8Array, from: number, to: number): boolean {
    const kind = to - from > BYTES_MAX ? NONE : parseDecimal(bytes, from, to);
    this.kinds[at] = kind;
    if (kind === NONE) return false;
    this.values[at] = VALUE[0];
    this.digits[at * 3] = DIGITS[0];
    this.digits[at * 3 + 1] = DIGITS[1];
    this.digits[at * 3 + 2] = DIGITS[2];
    if (kind !== DECIMAL.exact) {
      this.lengths[at] = to - from;
      for (let i = from; i < to; i++) this.bytes[at * BYTES_MAX + i - from] = bytes[i];
    }
    return true;
  }

  /**
   * Completes a row of MD that was opened and has its time, and keeps it. The volume is that of 24 hours; side and size
   * of the last trade are not sent.
   */
  finish(rows: RowWriter, slot: number): void {
    const { bytes, lengths, kinds, digits, values } = this;
    const { u32, f32, record } = rows;
    let flags = MD.missing.side | MD.missing.last_size;
    let scales = 0;
    for (let n = 0; n < NUMBERS; n++) {
      const at = slot * NUMBERS + n;
      const from = at * BYTES_MAX;
      const d = at * 3;
      const exact = kinds[at] === DECIMAL.exact;
      f32[record + VALUES[n]] = values[at];
      u32[record + DIGITS_WORDS[n]] = exact ? digits[d] : 0;
      u32[record + DIGITS_WORDS[n] + 1] = exact ? digits[d + 1] : 0;
      if (exact) scales |= digits[d + 2] << (8 * n);
      else if (kinds[at] === NONE) rows.missing(VALUES[n], MISSING[n]);
      else rows.decimal(VALUES[n], DIGITS_WORDS[n], n, bytes, from, from + lengths[at], n === PRICE);
    }
    if (values[slot * NUMBERS + PRICE] <= 0) flags |= NOT_POSITIVE;
    const volume = slot * NUMBERS + VOLUME;
    if (kinds[volume] === NONE) rows.missing(M.volume_24h, MD.missing.volume_24h);
    else f32[record + M.volume_24h] = values[volume];
    f32[record + M.last_size] = Number.NaN;
    u32[record + M.side] = 0;
    rows.finish(MD, flags, scales, 0);
  }
}

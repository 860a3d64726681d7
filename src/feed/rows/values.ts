/**
 * HOT: from fields to columns, where every exchange does the same. Shard threads.
 */
import { lastU64, parseU64, parseUint } from '../../base/number.js';
import { EPOCH, parseIsoTime, setTimeFromEpoch, TIME_RESULT } from '../../base/time.js';
import { flag } from '../../schema/flags.js';
import { type AGG_TRADES, TRADES } from '../../schema/tables.js';
import { SEEN, type Sequence } from '../continuity/sequence.js';
import { KIND } from '../json/bytes.js';
import { isMissing, isNoTime } from '../json/none.js';
import type { JsonSlots } from '../json/slots.js';
import type { TextMapping } from './row_mapping.js';
import type { RowWriter } from './row_writer.js';

const DUPLICATE_KEPT = flag('duplicate_kept');
const SUSPECT_CLOCK = flag('suspect_clock');
const ZERO = 0x30;
const NINE = 0x39;
const MINUS = 0x2d;

/** Whether all of these values are there; `base` is the first value of the object. */
export function arePresent(values: JsonSlots, base: number, names: readonly number[]): boolean {
  for (let n = 0; n < names.length; n++) if (!values.present(base + names[n])) return false;
  return true;
}

/** A number that may be absent: NaN and its missing bit then. False when it is there and is no number. */
function optionalDecimal(
  rows: RowWriter,
  fields: JsonSlots,
  at: number,
  valueWord: number,
  digitsWord: number,
  position: number,
  missing: number,
): boolean {
  if (!isMissing(fields, at)) return rows.decimalAt(fields, at, valueWord, digitsWord, position, false);
  rows.missing(valueWord, missing);
  return true;
}

/** As optionalDecimal for a field of which only some exchanges have one. */
export function namedDecimal(
  rows: RowWriter,
  fields: JsonSlots,
  base: number,
  name: number | undefined,
  valueWord: number,
  digitsWord: number,
  position: number,
  missing: number,
): boolean {
  if (name !== undefined)
    return optionalDecimal(rows, fields, base + name, valueWord, digitsWord, position, missing);
  rows.missing(valueWord, missing);
  return true;
}

/** A whole number as a double, exact below 2^53; -1 when there is none. */
export function u64At(fields: JsonSlots, at: number): number {
  const digits = fields.digits[at];
  if (digits >= 0 && fields.decimals[at] === 0 && fields.present(at)) return digits;
  return fields.present(at) && parseU64(fields.bytes, fields.from[at], fields.to[at]) ? lastU64() : -1;
}

/** A whole number with a sign as its 32 bits; -1 when it is none. */
export function signed32At({ bytes, from, to }: JsonSlots, at: number): number {
  const minus = bytes[from[at]] === MINUS;
  const value = parseUint(bytes, minus ? from[at] + 1 : from[at], to[at]);
  return value < 0 ? -1 : (minus ? -value : value) >>> 0;
}

/** What a string stands for, where the row is not compiled. */
export class TextMeanings {
  private readonly texts: readonly Uint8Array[];
  private readonly values: readonly number[];
  private readonly other: number;

  constructor({ values, other = 0 }: TextMapping) {
    this.texts = Object.keys(values).map((text) => Buffer.from(text));
    this.values = Object.values(values);
    this.other = other;
  }

  /** That of value `at`; 0 when it is no string, or an empty one. */
  of(fields: JsonSlots, at: number): number {
    const { texts } = this;
    if (fields.kind[at] !== KIND.string || !fields.present(at)) return 0;
    for (let n = 0; n < texts.length; n++) if (fields.equals(at, texts[n])) return this.values[n];
    return this.other;
  }
}

/** Which fields of an exchange's messages hold the numbers of a trade. */
export interface TradeFields {
  readonly price: number;
  readonly size: number;
}

/**
 * Price and size of a trade, both required, into a row of `table`; `base` is the first value of the object. False when
 * one is no number.
 */
export function tradeNumbers(
  rows: RowWriter,
  fields: JsonSlots,
  base: number,
  names: TradeFields,
  table: typeof TRADES | typeof AGG_TRADES = TRADES,
): boolean {
  const { at } = table;
  return (
    rows.decimalAt(fields, base + names.price, at.trade_price, at.price_digits, 0, true) &&
    rows.decimalAt(fields, base + names.size, at.trade_size, at.size_digits, 1, true)
  );
}

/** Sets the event time from an ISO text; false when it cannot be read. */
export function isoTime(
  rows: RowWriter,
  fields: JsonSlots,
  at: number,
  secondsWord: number,
  nanosWord: number,
): boolean {
  return setTime(rows, parseIsoTime(fields.view, fields.from[at], fields.to[at]), secondsWord, nanosWord);
}

/** Sets the event time from milliseconds or microseconds since 1970; false when it cannot be read. */
export function epochTime(
  rows: RowWriter,
  fields: JsonSlots,
  at: number,
  secondsWord: number,
  nanosWord: number,
): boolean {
  return setTime(rows, readEpoch(fields, at), secondsWord, nanosWord);
}

/** As isoTime() for a time that a message may lack: the receive time where it says that there is none. */
export function isoTimeOrReceipt(
  rows: RowWriter,
  fields: JsonSlots,
  at: number,
  secondsWord: number,
  nanosWord: number,
): boolean {
  return (
    isReceiptTime(rows, fields, at, secondsWord, nanosWord) ||
    isoTime(rows, fields, at, secondsWord, nanosWord)
  );
}

/** As epochTime() for such a time. */
export function epochTimeOrReceipt(
  rows: RowWriter,
  fields: JsonSlots,
  at: number,
  secondsWord: number,
  nanosWord: number,
): boolean {
  return (
    isReceiptTime(rows, fields, at, secondsWord, nanosWord) ||
    epochTime(rows, fields, at, secondsWord, nanosWord)
  );
}

/** Sets the receive time where the message says that there is no other; false when it has one. */
function isReceiptTime(
  rows: RowWriter,
  fields: JsonSlots,
  at: number,
  secondsWord: number,
  nanosWord: number,
): boolean {
  if (!isNoTime(fields.bytes, fields.from[at], fields.to[at])) return false;
  rows.timeOfReceipt(secondsWord, nanosWord);
  return true;
}

/** Sets what stands in TIME; a time that no u32 can hold is not believed and gives way to that of receipt. */
function setTime(rows: RowWriter, result: number, secondsWord: number, nanosWord: number): boolean {
  if (result === TIME_RESULT.invalid) return false;
  if (result === TIME_RESULT.ok) rows.time(secondsWord, nanosWord);
  else {
    rows.timeOfReceipt(secondsWord, nanosWord);
    rows.flag(SUSPECT_CLOCK);
  }
  return true;
}

/** Milliseconds or microseconds since 1970 into TIME; false when they cannot be read, or are beyond u32 seconds. */
export function parseEpoch(fields: JsonSlots, at: number): boolean {
  return readEpoch(fields, at) === TIME_RESULT.ok;
}

/** The same as a TIME_RESULT. */
export function readEpoch(fields: JsonSlots, at: number): number {
  const { digits, decimals, bytes, from, to } = fields;
  const plain = digits[at] >= 0 && decimals[at] === 0;
  const value = plain ? digits[at] : parseLongUint(bytes, from[at], to[at]);
  EPOCH[0] = value;
  if (value < 0) return isWhole(bytes, from[at], to[at]) ? TIME_RESULT.outOfRange : TIME_RESULT.invalid;
  return setTimeFromEpoch() ? TIME_RESULT.ok : TIME_RESULT.outOfRange;
}

/** Whether it is a whole number of whatever length. */
function isWhole(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (bytes[i] < ZERO || bytes[i] > NINE) return false;
  return from < to;
}

/** What is not plain: the 16 digits of microseconds, below 2^53 until the year 2255, or zeros in front. */
function parseLongUint(bytes: Uint8Array, from: number, to: number): number {
  if (to - from !== 16) return parseUint(bytes, from, to);
  const high = parseUint(bytes, from, to - 4);
  const low = parseUint(bytes, to - 4, to);
  return high < 0 || low < 0 ? -1 : high * 10_000 + low;
}

/**
 * Asks the sequence about a row that is complete and stands for the ids from `first` to `id`; false when it is a
 * duplicate and must not be committed.
 */
export function isFresh(rows: RowWriter, sequence: Sequence, slot: number, id: number, first = id): boolean {
  const seen = sequence.acceptRange(slot, first, id);
  if (seen === SEEN.uncertain) rows.flag(DUPLICATE_KEPT);
  return seen !== SEEN.duplicate;
}

/** Whether a batch of trades, the rows from `first` to the one in front of `behind`, comes with the newest id first. */
export function isNewestFirst(fields: JsonSlots, id: number, first: number, behind: number): boolean {
  if (behind - first < 2) return false;
  const { width } = fields;
  return u64At(fields, first * width + id) > u64At(fields, (behind - 1) * width + id);
}

/**
 * HOT: event times from bytes, one or two per message, in shard threads. The result stands in TIME.
 */
import { fourDigits, nonDigits, ZEROS } from './plain_number.js';

/** [seconds since 1970 UTC, nanoseconds within the second] of the last parsed time. */
export const TIME = new Uint32Array(2);

/** Millisecond times stay below this until the year 5138; what is larger counts microseconds. */
const FIRST_MICROS = 1e14;

const DAYS_BEFORE_1970 = 719_468;

function two(view: DataView, at: number): number {
  const tens = view.getUint8(at) - 0x30;
  const ones = view.getUint8(at + 1) - 0x30;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : -1;
}

/** Days since 1970-01-01 of a date of the Gregorian calendar. */
export function daysOfDate(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - DAYS_BEFORE_1970;
}

const DAYS_OF_MONTH = Uint8Array.of(31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31);

function isDayOfMonth(year: number, month: number, day: number): boolean {
  if (day < 1 || day > 31) return false;
  if (day <= DAYS_OF_MONTH[month - 1]) return true;
  return month === 2 && day === 29 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

export const TIME_RESULT = {
  /** not a time */
  invalid: 0,
  ok: 1,
  /** a time that u32 seconds cannot hold, e.g. the year 1 that one exchange really sends */
  outOfRange: 2,
} as const;

/**
 * Reads `YYYY-MM-DDTHH:MM:SS[.fraction]`, with 0 to 9 digits of fraction, and behind it `Z` or an offset (`+09:00`,
 * `-0330`, `+09`) into TIME. Returns a TIME_RESULT. A date that does not exist is invalid, never rolled over; second 60 of
 * a leap second is the first of the next minute.
 */
export function parseIsoTime(view: DataView, start: number, end: number): number {
  return end > start && view.getUint8(end - 1) === 0x5a
    ? parseUtcTime(view, start, end - 1)
    : parseOffsetTime(view, start, end);
}

const PLUS = 0x2b;
const MINUS = 0x2d;
/** Up to the seconds, in front of which a minus is part of the date. */
const LEAST_LENGTH = 19;
const NO_OFFSET = Number.NaN;

/** Cold: as parseIsoTime for a local time with its distance to UTC. */
function parseOffsetTime(view: DataView, start: number, end: number): number {
  let sign = start + LEAST_LENGTH;
  while (sign < end && view.getUint8(sign) !== PLUS && view.getUint8(sign) !== MINUS) sign++;
  const offset = sign < end ? offsetSeconds(view, sign, end) : NO_OFFSET;
  if (Number.isNaN(offset)) return TIME_RESULT.invalid;
  const result = parseUtcTime(view, start, sign);
  if (result !== TIME_RESULT.ok) return result;
  const seconds = TIME[0] - offset;
  if (seconds < 0 || seconds > 0xffffffff) return TIME_RESULT.outOfRange;
  TIME[0] = seconds;
  return TIME_RESULT.ok;
}

/** What a local time is ahead of UTC, from `+HH:MM`, `+HHMM` or `+HH` with either sign; NO_OFFSET for anything else. */
function offsetSeconds(view: DataView, sign: number, end: number): number {
  const length = end - sign;
  const hasColon = length === 6 && view.getUint8(sign + 3) === 0x3a;
  if (length !== 3 && length !== 5 && !hasColon) return NO_OFFSET;
  const hours = two(view, sign + 1);
  const minutes = length === 3 ? 0 : two(view, end - 2);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return NO_OFFSET;
  const seconds = hours * 3600 + minutes * 60;
  return view.getUint8(sign) === MINUS ? -seconds : seconds;
}

/** The minute read last, `YYYY-MM-DDTHH:MM` as two doubles, and its seconds since 1970: nearly always the next one's, too. */
const KNOWN_MINUTE = Float64Array.of(Number.NaN, Number.NaN);
let knownSeconds = 0;
/** By digits of a fraction: what its last one stands for. */
const NANOS_OF_UNIT = Uint32Array.from({ length: 10 }, (_, digits) => 10 ** (9 - digits));
/** No minute begins so early. */
const NO_MINUTE = -1e12;

/** Seconds since 1970 of the minute that begins at `start`; NO_MINUTE when there is none. */
function minuteAt(view: DataView, start: number): number {
  // text is never a zero or a NaN
  if (view.getFloat64(start) === KNOWN_MINUTE[0] && view.getFloat64(start + 8) === KNOWN_MINUTE[1])
    return knownSeconds;
  return readMinute(view, start);
}

function readMinute(view: DataView, start: number): number {
  const high = two(view, start);
  const low = two(view, start + 2);
  const month = two(view, start + 5);
  const day = two(view, start + 8);
  const hour = two(view, start + 11);
  const minute = two(view, start + 14);
  if (high < 0 || low < 0 || month < 1 || month > 12) return NO_MINUTE;
  if (!isDayOfMonth(high * 100 + low, month, day)) return NO_MINUTE;
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59) return NO_MINUTE;
  if (view.getUint8(start + 4) !== 0x2d || view.getUint8(start + 7) !== 0x2d) return NO_MINUTE;
  if (view.getUint8(start + 10) !== 0x54 || view.getUint8(start + 13) !== 0x3a) return NO_MINUTE;
  KNOWN_MINUTE[0] = view.getFloat64(start);
  KNOWN_MINUTE[1] = view.getFloat64(start + 8);
  knownSeconds = daysOfDate(high * 100 + low, month, day) * 86_400 + hour * 3600 + minute * 60;
  return knownSeconds;
}

/** As parseIsoTime for a time that is known to be UTC and does not say so: there is no `Z`. */
export function parseUtcTime(view: DataView, start: number, end: number): number {
  if (end - start < 19) return TIME_RESULT.invalid;
  const minute = minuteAt(view, start);
  const second = two(view, start + 17);
  if (minute === NO_MINUTE || view.getUint8(start + 16) !== 0x3a || second < 0 || second > 60)
    return TIME_RESULT.invalid;
  let nanos = 0;
  if (end - start > 19) {
    const digits = end - start - 20;
    if (view.getUint8(start + 19) !== 0x2e || digits < 1 || digits > 9) return TIME_RESULT.invalid;
    nanos = fractionOf(view, start + 20, end);
    if (nanos < 0) return TIME_RESULT.invalid;
    nanos *= NANOS_OF_UNIT[digits];
  }
  const seconds = minute + second;
  if (seconds < 0 || seconds > 0xffffffff) return TIME_RESULT.outOfRange;
  TIME[0] = seconds;
  TIME[1] = nanos;
  return TIME_RESULT.ok;
}

/** The whole number of up to 9 digits; negative when it is none. */
function fractionOf(view: DataView, start: number, end: number): number {
  let value = 0;
  let i = start;
  for (; i + 4 <= end; i += 4) {
    const word = view.getInt32(i, true) ^ ZEROS;
    if (nonDigits(word) !== 0) return -1;
    value = value * 10_000 + fourDigits(word);
  }
  for (; i < end; i++) {
    const digit = view.getUint8(i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/** [what setTimeFromEpoch() reads]: a double that is handed over as an argument may be put in a box. */
export const EPOCH = new Float64Array(1);

/** Sets TIME from the milliseconds or microseconds since 1970 in EPOCH; false beyond u32 seconds. */
export function setTimeFromEpoch(): boolean {
  const time = EPOCH[0];
  const perSecond = time < FIRST_MICROS ? 1000 : 1_000_000;
  const seconds = Math.floor(time / perSecond);
  if (time < 0 || seconds > 0xffffffff) return false;
  TIME[0] = seconds;
  TIME[1] = (time - seconds * perSecond) * (1_000_000_000 / perSecond);
  return true;
}

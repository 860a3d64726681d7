/**
 * HOT: event times from bytes, one or two per message, in shard threads. The result stands in TIME.
 */

/** [seconds since 1970 UTC, nanoseconds within the second] of the last parsed time. */
export const TIME = new Uint32Array(2);

/** Millisecond times stay below this until the year 5138; what is larger counts microseconds. */
const FIRST_MICROS = 1e14;

const DAYS_BEFORE_1970 = 719_468;

function two(bytes: Uint8Array, at: number): number {
  const tens = bytes[at] - 0x30;
  const ones = bytes[at + 1] - 0x30;
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
 * Reads `YYYY-MM-DDTHH:MM:SS[.fraction]Z` with 0 to 9 digits of fraction into TIME. Returns a TIME_RESULT. A date that
 * does not exist is invalid, never rolled over; second 60 of a leap second is the first of the next minute.
 */
export function parseIsoTime(bytes: Uint8Array, start: number, end: number): number {
  return end > start && bytes[end - 1] === 0x5a ? parseUtcTime(bytes, start, end - 1) : TIME_RESULT.invalid;
}

/** The date read last, `YYYY-MM-DD`, and its day: nearly always that of the next time, too. */
const KNOWN_DATE = new Uint8Array(10);
let knownDay = 0;
/** By digits of a fraction: what its last one stands for. */
const NANOS_OF_UNIT = Uint32Array.from({ length: 10 }, (_, digits) => 10 ** (9 - digits));
/** No day is so early. */
const NO_DAY = -1e9;

/** Days since 1970-01-01 of the date that begins at `start`; NO_DAY when there is no such date. */
function dayAt(bytes: Uint8Array, start: number): number {
  for (let i = 0; i < 10; i++) if (bytes[start + i] !== KNOWN_DATE[i]) return readDay(bytes, start);
  return knownDay;
}

function readDay(bytes: Uint8Array, start: number): number {
  const high = two(bytes, start);
  const low = two(bytes, start + 2);
  const month = two(bytes, start + 5);
  const day = two(bytes, start + 8);
  if (high < 0 || low < 0 || month < 1 || month > 12) return NO_DAY;
  if (!isDayOfMonth(high * 100 + low, month, day)) return NO_DAY;
  if (bytes[start + 4] !== 0x2d || bytes[start + 7] !== 0x2d) return NO_DAY;
  for (let i = 0; i < 10; i++) KNOWN_DATE[i] = bytes[start + i];
  knownDay = daysOfDate(high * 100 + low, month, day);
  return knownDay;
}

/** As parseIsoTime for a time that is known to be UTC and does not say so: there is no `Z`. */
export function parseUtcTime(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < 19) return TIME_RESULT.invalid;
  const day = dayAt(bytes, start);
  const hour = two(bytes, start + 11);
  const minute = two(bytes, start + 14);
  const second = two(bytes, start + 17);
  if (day === NO_DAY || bytes[start + 10] !== 0x54) return TIME_RESULT.invalid;
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60)
    return TIME_RESULT.invalid;
  if (bytes[start + 13] !== 0x3a || bytes[start + 16] !== 0x3a) return TIME_RESULT.invalid;
  let nanos = 0;
  if (end - start > 19) {
    const digits = end - start - 20;
    if (bytes[start + 19] !== 0x2e || digits < 1 || digits > 9) return TIME_RESULT.invalid;
    for (let i = start + 20; i < end; i++) {
      const digit = bytes[i] - 0x30;
      if (digit < 0 || digit > 9) return TIME_RESULT.invalid;
      nanos = nanos * 10 + digit;
    }
    nanos *= NANOS_OF_UNIT[digits];
  }
  const seconds = day * 86_400 + hour * 3600 + minute * 60 + second;
  if (seconds < 0 || seconds > 0xffffffff) return TIME_RESULT.outOfRange;
  TIME[0] = seconds;
  TIME[1] = nanos;
  return TIME_RESULT.ok;
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

/** Days and times as people type them on the command line; everything is UTC. Called by the data commands. */
import { LoggerError } from '../base/errors.js';
import { clock, DAY_SECS, isoDate, isoMoment, type Moment, nanosOf } from '../base/moment.js';

/** A moment, or a time of a day that is still to be chosen. */
export type TimeArgument =
  | { readonly kind: 'moment'; readonly seconds: number; readonly nanos: number }
  | { readonly kind: 'of_day'; readonly seconds: number; readonly nanos: number };

function usage(option: string, text: string, expected: string): LoggerError {
  return new LoggerError('USAGE', `${option} ${JSON.stringify(text)} is not ${expected}`);
}

/** Days since 1970-01-01 for `YYYY-MM-DD`, `today` or `yesterday`; throws USAGE. */
export function parseDay(text: string, nowMs: number = Date.now()): number {
  const today = Math.floor(nowMs / (DAY_SECS * 1000));
  if (text === 'today') return today;
  if (text === 'yesterday') return today - 1;
  const day = isoDate(text);
  if (day === undefined) throw usage('--day', text, 'a day like 2026-11-21, today or yesterday');
  return day;
}

const NOW = /^now(?:([+-])((?:\d+(?:ms|s|m|h|d))+))?$/;
const EPOCH = /^0*(\d{1,19})(?:\.(\d{1,9}))?$/;
const EXPECTED =
  'a time like 2026-11-21T10:00:00.123456789Z, 10:00, 10:00:30.5, now-5m, or seconds, ms, µs or ns since 1970';
/** The last second that the files can hold. */
const SECONDS_MAX = 2 ** 32 - 1;

const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: DAY_SECS * 1000 } as const;

/** `now`, or so long before or after it: `now-5m`, `now-1h30m`. */
function relative(text: string, nowMs: number): Moment | undefined {
  const match = NOW.exec(text);
  if (match === null) return undefined;
  const parts = (match[2] ?? '').matchAll(/(\d+)(ms|s|m|h|d)/g);
  const away = [...parts].reduce(
    (sum, [, n, unit]) => sum + Number(n) * UNIT_MS[unit as keyof typeof UNIT_MS],
    0,
  );
  const ms = nowMs + (match[1] === '-' ? -away : away);
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanos: Math.round((ms - seconds * 1000) * 1e6) };
}

/** Nanoseconds in the unit of a number since 1970, by its digits: seconds have up to 11, until the year 5138. */
function epochUnit(digits: number): bigint {
  if (digits <= 11) return 1_000_000_000n;
  if (digits <= 14) return 1_000_000n;
  return digits <= 17 ? 1000n : 1n;
}

function epoch(text: string): Moment | undefined {
  const match = EPOCH.exec(text);
  if (match === null) return undefined;
  const unit = epochUnit(match[1]!.length);
  const nanos = BigInt(match[1]!) * unit + (BigInt(nanosOf(match[2])) * unit) / 1_000_000_000n;
  return { seconds: Number(nanos / 1_000_000_000n), nanos: Number(nanos % 1_000_000_000n) };
}

/**
 * ISO 8601 (UTC without a zone), `HH:MM[:SS]` of a day, `now` with a distance, or a number since 1970 whose size gives
 * its unit; throws USAGE.
 */
export function parseTime(option: string, text: string, nowMs: number = Date.now()): TimeArgument {
  const ofDay = clock(text);
  if (ofDay !== undefined) return { kind: 'of_day', ...ofDay };
  const moment = relative(text, nowMs) ?? epoch(text) ?? isoMoment(text);
  if (moment === undefined || moment.seconds < 0 || moment.seconds > SECONDS_MAX)
    throw usage(option, text, EXPECTED);
  return { kind: 'moment', ...moment };
}

/** The moment meant by an argument, on the given day if it names none. */
export function momentOf(time: TimeArgument, day: number): Moment {
  return {
    seconds: time.kind === 'of_day' ? day * DAY_SECS + time.seconds : time.seconds,
    nanos: time.nanos,
  };
}

/** Negative when `a` is before `b`, 0 when they are the same. */
export function compareMoments(a: Moment, b: Moment): number {
  return a.seconds - b.seconds || a.nanos - b.nanos;
}

/** The same time of day some days later, or earlier. */
export function daysLater({ seconds, nanos }: Moment, days: number): Moment {
  return { seconds: seconds + days * DAY_SECS, nanos };
}

/** The first moment of a UTC day. */
export function startOfDay(day: number): Moment {
  return { seconds: day * DAY_SECS, nanos: 0 };
}

/** The UTC day of a moment. */
export function dayOf(moment: Moment): number {
  return Math.floor(moment.seconds / DAY_SECS);
}

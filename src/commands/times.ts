/** Days and times as people type them on the command line; everything is UTC. Called by the data commands. */
import { LoggerError } from '../base/errors.js';

const DAY_SECS = 86_400;

/** A moment, or a time of a day that is still to be chosen. */
export type TimeArgument =
  | { readonly kind: 'moment'; readonly seconds: number; readonly nanos: number }
  | { readonly kind: 'of_day'; readonly seconds: number; readonly nanos: number };

/** A point in time; nanos below 1e9. */
export interface Moment {
  readonly seconds: number;
  readonly nanos: number;
}

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

function isoDate(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return undefined;
  const ms = Date.parse(`${text}T00:00:00Z`);
  if (Number.isNaN(ms) || new Date(ms).toISOString().slice(0, 10) !== text) return undefined;
  return ms / (DAY_SECS * 1000);
}

const ISO = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(Z|[+-]\d\d:?\d\d)?)?$/;
const CLOCK = /^(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?$/;
const EPOCH = /^(\d{1,10})(?:\.(\d{1,9}))?$/;
const EXPECTED = 'a time like 2026-11-21T10:00:00.123456789Z, 10:00, 10:00:30.5 or seconds since 1970';

const nanosOf = (fraction = '') => Number(fraction.padEnd(9, '0'));

function clock(text: string): Moment | undefined {
  const match = CLOCK.exec(text);
  if (match === null) return undefined;
  const [hours, minutes, seconds] = [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)];
  if (hours > 24 || minutes > 59 || seconds > 59) return undefined;
  const moment = { seconds: hours * 3600 + minutes * 60 + seconds, nanos: nanosOf(match[4]) };
  return moment.seconds + moment.nanos / 1e9 > DAY_SECS ? undefined : moment;
}

function offsetSecs(zone: string | undefined): number {
  if (zone === undefined || zone === 'Z') return 0;
  const size = Number(zone.slice(1, 3)) * 3600 + Number(zone.slice(-2)) * 60;
  return zone.startsWith('-') ? -size : size;
}

/** ISO 8601 (UTC without a zone), `HH:MM[:SS]` of a day, or epoch seconds, with up to nine decimals; throws USAGE. */
export function parseTime(option: string, text: string): TimeArgument {
  const ofDay = clock(text);
  if (ofDay !== undefined) return { kind: 'of_day', ...ofDay };
  const epoch = EPOCH.exec(text);
  if (epoch !== null) return { kind: 'moment', seconds: Number(epoch[1]), nanos: nanosOf(epoch[2]) };
  const iso = ISO.exec(text);
  const day = iso === null ? undefined : isoDate(iso[1]!);
  const time = iso === null ? undefined : clock(iso[2] ?? '00:00');
  if (iso === null || day === undefined || time === undefined) throw usage(option, text, EXPECTED);
  return {
    kind: 'moment',
    seconds: day * DAY_SECS + time.seconds - offsetSecs(iso[3]),
    nanos: time.nanos,
  };
}

/** The moment meant by an argument, on the given day if it names none. */
export function momentOf(time: TimeArgument, day: number): Moment {
  return {
    seconds: time.kind === 'of_day' ? day * DAY_SECS + time.seconds : time.seconds,
    nanos: time.nanos,
  };
}

/** The UTC day of a moment. */
export function dayOf(moment: Moment): number {
  return Math.floor(moment.seconds / DAY_SECS);
}

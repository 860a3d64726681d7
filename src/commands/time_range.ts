/**
 * Which days and times `--day`, `--from` and `--to` mean together. Called by `logger read`.
 *
 * A time of day belongs to `--day`, else to the day of the other time, else to the newest day that has rows. Where `--to`
 * is the earlier time of day, it is that of the next day.
 */

import { LoggerError } from '../base/errors.js';
import type { Moment } from '../base/moment.js';
import { isoDay } from '../store/disk/paths.js';
import {
  compareMoments,
  dayOf,
  daysLater,
  momentOf,
  parseDay,
  parseTime,
  startOfDay,
  type TimeArgument,
} from './times.js';

export interface TimeOptions {
  readonly day?: string;
  readonly from?: string;
  readonly to?: string;
}

/** Event times from `from` to before `to`. */
export interface Range {
  readonly from?: Moment;
  readonly to?: Moment;
}

export interface TimeRange {
  /** undefined: every time */
  readonly range: Range | undefined;
  /** first and last day that can hold rows of it */
  readonly firstDay: number;
  readonly lastDay: number;
}

/** `newest` is the newest day with rows. Throws USAGE when the options contradict each other. */
export function chooseTimes(options: TimeOptions, newest: number, nowMs: number = Date.now()): TimeRange {
  const chosen = options.day === undefined ? undefined : parseDay(options.day, nowMs);
  const from = options.from === undefined ? undefined : parseTime('--from', options.from, nowMs);
  const to = options.to === undefined ? undefined : parseTime('--to', options.to, nowMs);
  const moments = [from, to].filter((time) => time?.kind === 'moment');
  const day = chosen ?? (moments[0] && dayOf(moments[0])) ?? newest;
  if (from === undefined && to === undefined) return { range: undefined, firstDay: day, lastDay: day };
  const range = onOneLine(from, to, day, chosen === undefined ? nowMs : undefined);
  // without a moment it is about one day, or a night
  const open = chosen === undefined && moments.length > 0;
  const firstDay = range.from === undefined ? (open ? Number.NEGATIVE_INFINITY : day) : dayOf(range.from);
  const lastDay = range.to === undefined ? (open ? Number.POSITIVE_INFINITY : day) : lastDayBefore(range.to);
  return chosen === undefined || moments.length === 0
    ? { range, firstDay, lastDay }
    : within(chosen, options, { range, firstDay, lastDay });
}

/** Both times as moments in order; throws USAGE when they are not. `nowMs` is given where no day was chosen. */
function onOneLine(
  from: TimeArgument | undefined,
  to: TimeArgument | undefined,
  day: number,
  nowMs: number | undefined,
): Range {
  const first = from && momentOf(from, day);
  const end = to && momentOf(to, day);
  if (from === undefined || to === undefined || first === undefined || end === undefined)
    return { from: first, to: end };
  const range =
    compareMoments(end, first) < 0 ? overMidnight(from, to, day, nowMs) : { from: first, to: end };
  if (compareMoments(range.from, range.to) >= 0) throw new LoggerError('USAGE', '--from must be before --to');
  return range;
}

/** The time of day among the two moves by a day; of two, the night is the last one that has begun. */
function overMidnight(from: TimeArgument, to: TimeArgument, day: number, nowMs: number | undefined) {
  const first = momentOf(from, day);
  const end = momentOf(to, day);
  if (to.kind === 'moment')
    return { from: from.kind === 'of_day' && nowMs !== undefined ? daysLater(first, -1) : first, to: end };
  const toCome = from.kind === 'of_day' && nowMs !== undefined && first.seconds * 1000 > nowMs;
  return toCome ? { from: daysLater(first, -1), to: end } : { from: first, to: daysLater(end, 1) };
}

function lastDayBefore(end: Moment): number {
  const day = dayOf(end);
  return compareMoments(end, startOfDay(day)) === 0 ? day - 1 : day;
}

/** What of the times lies on the day that was chosen besides. */
function within(chosen: number, { day, from, to }: TimeOptions, times: TimeRange): TimeRange {
  if (times.firstDay > chosen || times.lastDay < chosen) {
    const names = [from && `--from ${from}`, to && `--to ${to}`].filter((name) => name !== undefined);
    throw new LoggerError(
      'USAGE',
      `--day ${day} (${isoDay(chosen)}) and ${names.join(' ')} have no time in common; leave --day out`,
    );
  }
  return { range: times.range, firstDay: chosen, lastDay: chosen };
}

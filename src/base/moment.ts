/** Days and times as people write them, in files and on the command line; UTC where no zone is named. Any thread. */

export const DAY_SECS = 86_400;

/** A point in time; nanos below 1e9. */
export interface Moment {
  readonly seconds: number;
  readonly nanos: number;
}

const ISO = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(Z|[+-]\d\d:?\d\d)?)?$/;
const CLOCK = /^(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?$/;

/** Nanoseconds of the digits behind a decimal point, at most nine. */
export const nanosOf = (fraction = '') => Number(fraction.padEnd(9, '0'));

/** Days since 1970-01-01 for `YYYY-MM-DD`; undefined for what is no date, and for a date that does not exist. */
export function isoDate(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return undefined;
  const ms = Date.parse(`${text}T00:00:00Z`);
  if (Number.isNaN(ms) || new Date(ms).toISOString().slice(0, 10) !== text) return undefined;
  return ms / (DAY_SECS * 1000);
}

/** `HH:MM[:SS]` as time since midnight, up to 24:00; undefined for anything else. */
export function clock(text: string): Moment | undefined {
  const match = CLOCK.exec(text);
  if (match === null) return undefined;
  const [hours, minutes, seconds] = [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)];
  if (hours > 24 || minutes > 59 || seconds > 59) return undefined;
  const moment = { seconds: hours * 3600 + minutes * 60 + seconds, nanos: nanosOf(match[4]) };
  return moment.seconds + moment.nanos / 1e9 > DAY_SECS ? undefined : moment;
}

/** A date, or a date and a time with or without a zone; undefined for anything else. */
export function isoMoment(text: string): Moment | undefined {
  const match = ISO.exec(text);
  if (match === null) return undefined;
  const day = isoDate(match[1]!);
  const time = clock(match[2] ?? '00:00');
  if (day === undefined || time === undefined) return undefined;
  return { seconds: day * DAY_SECS + time.seconds - offsetSecs(match[3]), nanos: time.nanos };
}

function offsetSecs(zone: string | undefined): number {
  if (zone === undefined || zone === 'Z') return 0;
  const size = Number(zone.slice(1, 3)) * 3600 + Number(zone.slice(-2)) * 60;
  return zone.startsWith('-') ? -size : size;
}

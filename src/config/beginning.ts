/** Where a sink begins, as it is written in the configuration and on the command line. */
import { isoMoment } from '../base/moment.js';

/** `start`: everything that is on disk · `now`: what comes from now on · a time: what was received since */
export type Beginning = 'start' | 'now' | { readonly since: number };

const TIME = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/;

export const BEGINNING_FORM = '"start", "now" or a time such as "2026-11-30T12:00:00Z" or "2026-11-30"';

/** Seconds since 1970 for a time; undefined for what is none of these. */
export function parseBeginning(text: string): Beginning | undefined {
  if (text === 'start' || text === 'now') return text;
  const moment = TIME.test(text) ? isoMoment(text) : undefined;
  return moment === undefined || moment.seconds < 0 ? undefined : { since: moment.seconds };
}

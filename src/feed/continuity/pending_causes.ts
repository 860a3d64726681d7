/** Causes that explain a gap before the next message of a stream: small numbers, which a stream keeps. Shard threads. */
import type { GapCause } from '../../schema/tables.js';

/** there is no reason for one */
export const NONE = 0;
export const CAUSES: readonly GapCause[] = [
  ...(['unknown', 'disconnect', 'ring_full', 'malformed', 'disk', 'silence', 'limit'] as const),
  // from here on: nothing has arrived yet since the stream was taken up
  ...(['downtime', 'unsubscribed'] as const),
];
export const FIRST_RESUMED = CAUSES.indexOf('downtime');

const DISCONNECT = CAUSES.indexOf('disconnect');
export const SILENCE = CAUSES.indexOf('silence');
/** Nothing is missing behind these when the exchange sends the newest trade that is stored again. */
export const EXPLAINED = [DISCONNECT, SILENCE, FIRST_RESUMED, CAUSES.indexOf('unsubscribed')];

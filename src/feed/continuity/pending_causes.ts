/** Causes that explain a gap before the next message of a stream: small numbers, which a stream keeps. Shard threads. */
import type { GapCause } from '../../schema/tables.js';

export const CAUSES: readonly GapCause[] = [
  ...(['unknown', 'disconnect', 'malformed'] as const),
  ...(['silence', 'limit', 'ring_full', 'disk'] as const),
  ...(['downtime', 'unsubscribed'] as const),
];
/** There is no reason for one. */
export const NONE = 0;
/** From here on: messages were there and could not be stored, or should have been there. */
export const FIRST_DROPPED = CAUSES.indexOf('silence');
/** From here on: nothing has arrived yet since the stream was taken up. */
export const FIRST_RESUMED = CAUSES.indexOf('downtime');
/** Nothing is missing behind these when the exchange sends the newest trade that is stored again. */
export const EXPLAINED = (['disconnect', 'silence', 'downtime', 'unsubscribed'] as const).map((cause) =>
  CAUSES.indexOf(cause),
);

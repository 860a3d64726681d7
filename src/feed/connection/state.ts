/**
 * States of a connection, as /health shows them. The number stands in the `state` counter of the shard. RESTING: there is
 * nothing that the exchange would send, as no symbol is left or all of them are refused; the latter are tried now and then.
 */
export const STATES = [
  'STOPPED',
  'CONNECTING',
  'CONNECTED',
  'SUBSCRIBING',
  'ACTIVE',
  'RECONNECTING',
  'ERROR',
  'RESTING',
] as const;

export type ConnectionState = (typeof STATES)[number];

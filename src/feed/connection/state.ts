/**
 * States of a connection, as /health shows them. The number stands in the `state` counter of the shard.
 */
export const STATES = [
  'STOPPED',
  'CONNECTING',
  'CONNECTED',
  'SUBSCRIBING',
  'ACTIVE',
  'RECONNECTING',
  'ERROR',
] as const;

export type ConnectionState = (typeof STATES)[number];

/** Where the simulator listens. Used by venue.ts and simulator.ts. */
export const LOOPBACK = { host: '127.0.0.1', advice: 'choose another --port-base' } as const;

/**
 * The benchmark's server as a process. Its argument is ServerOptions as JSON; orders come as lines on stdin
 * (`{"send": 1000000, "rate": 10000, "wait": "asleep"}`, without a rate as fast as they are taken), events go out as
 * lines on stdout. It ends with its stdin. Started by ../baselines/server_process.ts.
 */
import { createInterface } from 'node:readline';
import { BenchServer, type Sent, type ServerEndpoint, type ServerOptions, type Wait } from './server.js';

/** A line on stdout. */
export type ServerEvent =
  | { readonly kind: 'listening'; readonly endpoint: ServerEndpoint }
  | { readonly kind: 'subscribed'; readonly connections: number; readonly streams: number }
  | { readonly kind: 'sent'; readonly sent: Sent };

/** A line on stdin. */
export interface ServerOrder {
  readonly send: number;
  readonly rate?: number;
  readonly wait?: Wait;
}

const tell = (event: ServerEvent) => process.stdout.write(`${JSON.stringify(event)}\n`);

const server = new BenchServer(JSON.parse(process.argv[2]) as ServerOptions);
server.onSubscriptions = (connections, streams) => tell({ kind: 'subscribed', connections, streams });
tell({ kind: 'listening', endpoint: await server.listen() });
for await (const line of createInterface({ input: process.stdin })) {
  const { send, rate, wait } = JSON.parse(line) as ServerOrder;
  tell({ kind: 'sent', sent: await server.send(send, rate, wait) });
}
server.close();

/**
 * Listening on the loopback address, one process per port. Runs in the simulator process; used by venue.ts and
 * simulator.ts.
 */
import { type TemplatedApp, type us_listen_socket, us_socket_local_port } from 'uWebSockets.js';
import { LoggerError } from '../base/errors.js';

const HOST = '127.0.0.1';
/** LIBUS_LISTEN_EXCLUSIVE_PORT: without it two processes share a port and split its connections. */
const EXCLUSIVE = 1;

/** The overload with host and options, which the type declarations of the package leave out. */
interface Listening {
  listen(host: string, port: number, options: number, done: (socket: us_listen_socket | false) => void): void;
}

/** Listens at `port` (0 = a free one) and answers the port. */
export function listenLoopback(app: TemplatedApp, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    (app as unknown as Listening).listen(HOST, port, EXCLUSIVE, (socket) => {
      if (socket === false) {
        const message = `port ${port} on ${HOST} is in use: choose another --port-base`;
        reject(new LoggerError('ADDRESS_IN_USE', message));
      } else {
        resolve(us_socket_local_port(socket));
      }
    });
  });
}

/**
 * The HTTP door: GET /health and /ready. Main thread. Listens on loopback unless told otherwise; nothing here changes
 * anything, so nothing needs a token.
 */
import {
  App,
  type HttpResponse,
  type us_listen_socket,
  us_listen_socket_close,
  us_socket_local_port,
} from 'uWebSockets.js';
import { LoggerError } from '../base/errors.js';
import type { Snapshot } from '../supervisor/snapshot.js';
import { healthOf, readinessOf } from '../supervisor/status.js';

export interface HttpServer {
  readonly url: string;
  close(): void;
}

function answer(response: HttpResponse, status: string, body: unknown): void {
  response.cork(() => {
    response
      .writeStatus(status)
      .writeHeader('content-type', 'application/json; charset=utf-8')
      .writeHeader('cache-control', 'no-store')
      .end(`${JSON.stringify(body, null, 2)}\n`);
  });
}

/** Starts listening; throws ADDRESS_IN_USE. Port 0 takes any free one. */
export function startHttp(host: string, port: number, snapshot: () => Snapshot): Promise<HttpServer> {
  const app = App()
    .get('/health', (response) => {
      const health = healthOf(snapshot());
      answer(response, health.status === 'unhealthy' ? '503 Service Unavailable' : '200 OK', health);
    })
    .get('/ready', (response) => {
      const readiness = readinessOf(snapshot());
      answer(response, readiness.ready ? '200 OK' : '503 Service Unavailable', readiness);
    })
    .any('/*', (response) =>
      answer(response, '404 Not Found', { error: 'there are GET /health and GET /ready' }),
    );
  return new Promise((resolve, reject) => {
    app.listen(host, port, (socket: us_listen_socket | false) => {
      if (socket === false) {
        reject(
          new LoggerError(
            'ADDRESS_IN_USE',
            `cannot listen on ${host}:${port}; set another [http] port, or 0 for any free one`,
          ),
        );
        return;
      }
      const shown = host.includes(':') ? `[${host}]` : host;
      resolve({
        url: `http://${shown}:${us_socket_local_port(socket)}`,
        close: () => us_listen_socket_close(socket),
      });
    });
  });
}

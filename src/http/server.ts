/**
 * The HTTP door: GET /health and /ready. Main thread. Listens on loopback unless configured otherwise; nothing here
 * changes anything, so nothing needs a token.
 */
import type { Config } from '../config/options.js';
import { guardOf } from '../server/guard.js';
import { jsonAnswer } from '../server/routing.js';
import { startServer } from '../server/start.js';
import type { Snapshot } from '../supervisor/snapshot.js';
import { healthOf, readinessOf } from '../supervisor/status.js';

/** A client needs one; the sockets of exchanges must not run short of descriptors. */
export const CONNECTIONS_MAX = 256;

export interface HttpServer {
  readonly url: string;
  close(): void;
}

/** Starts listening; throws ADDRESS_IN_USE. Port 0 takes any free one. */
export async function startHttp(
  { host, port, allowed_hosts }: Config['http'],
  snapshot: () => Snapshot,
): Promise<HttpServer> {
  const server = await startServer({
    host,
    port,
    advice: 'set another [http] port, or 0 for any free one',
    connections_max: CONNECTIONS_MAX,
    guard: guardOf({ host, names: allowed_hosts, advice: 'name it in [http] allowed_hosts' }),
    routes: [
      { method: 'GET', path: '/health', answer: () => healthAnswer(snapshot()) },
      { method: 'GET', path: '/ready', answer: () => readyAnswer(snapshot()) },
    ],
  });
  const shown = host.includes(':') ? `[${host}]` : host;
  return { url: `http://${shown}:${server.port}`, close: () => server.close() };
}

function healthAnswer(snapshot: Snapshot) {
  const health = healthOf(snapshot);
  return jsonAnswer(health.status === 'unhealthy' ? 503 : 200, health);
}

function readyAnswer(snapshot: Snapshot) {
  const readiness = readinessOf(snapshot);
  return jsonAnswer(readiness.ready ? 200 : 503, readiness);
}

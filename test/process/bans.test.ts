/**
 * A host that tells one thread to stay away is left alone by every thread of the process until the time is over, whether
 * it says so to a request or to a handshake.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  afterProcesses,
  startLoggerProcess,
  startSimulatorProcess,
  temporaryFolder,
  until,
} from '../support/processes.js';

const WAIT_SECS = 8;
/** What was on its way when the first refusal came may arrive so much later. */
const GRACE_MS = 2500;
const THREADS = { LOGGER__FEED__WORKERS: '3', LOGGER__HTTP__PORT: '0' };

/** A server that notes when it was asked for what, and refuses everything that `refuses` says until told otherwise. */
async function refusing(refuses: (path: string) => boolean, status: number) {
  const asked: { readonly path: string; readonly ms: number }[] = [];
  const rest = createServer();
  const refusal = `HTTP/1.1 ${status} refused\r\nretry-after: ${WAIT_SECS}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`;
  rest.on('request', (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://host');
    if (refuses(pathname)) {
      asked.push({ path: pathname, ms: performance.now() });
      response.writeHead(status, { 'retry-after': String(WAIT_SECS) }).end();
    } else response.end(JSON.stringify({ symbols: [] }));
  });
  rest.on('upgrade', (request, socket) => {
    asked.push({ path: String(request.url), ms: performance.now() });
    socket.on('error', () => undefined);
    socket.end(refusal);
  });
  rest.listen(0, '127.0.0.1');
  await once(rest, 'listening');
  afterProcesses(() => {
    rest.close();
    rest.closeAllConnections();
  });
  return { asked, host: `127.0.0.1:${(rest.address() as AddressInfo).port}` };
}

/** Requests that came while the host wanted none. */
function during(asked: readonly { readonly ms: number }[]): number {
  const first = asked[0].ms;
  return asked.filter(({ ms }) => ms > first + GRACE_MS && ms < first + WAIT_SECS * 1000 - 100).length;
}

test('418 of REST: no thread asks for a snapshot of a book until it is over', async () => {
  const folder = temporaryFolder('bans');
  const simulator = await startSimulatorProcess(
    join(folder, 'account'),
    ['--symbols', '6', '--rate', '600', '--mix', '1:1:1:0:4'],
    'binance',
  );
  const { asked, host } = await refusing((path) => path.endsWith('/depth'), 418);
  const logger = startLoggerProcess(
    {
      folder,
      symbolsPerConnection: 2,
      env: { ...THREADS, LOGGER__EXCHANGES__BINANCE__REST_ENDPOINT: `http://${host}` },
      exchangeLines: {
        binance: [
          'channels = ["book"]',
          'symbols = ["BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "DOGEUSDT", "ADAUSDT"]',
        ],
      },
    },
    simulator,
  );
  await until('a snapshot is asked for', () => asked.length > 0);
  await until('health says so', async () =>
    (await logger.health()).reasons.some((reason) => reason.startsWith(`${host} answered 418`)),
  );
  await until(
    'it is asked again when the time is over',
    () => asked.at(-1)!.ms >= asked[0].ms + WAIT_SECS * 1000 - 100,
  );
  assert.equal(during(asked), 0, `${asked.length} requests`);
  assert.equal(await logger.stop(), 0, logger.stderr());
});

test('429 of a handshake: no thread connects to the host until it is over', async () => {
  const folder = temporaryFolder('bans');
  const simulator = await startSimulatorProcess(
    join(folder, 'account'),
    ['--symbols', '6', '--rate', '100'],
    'binance',
  );
  const { asked, host } = await refusing(() => false, 429);
  const logger = startLoggerProcess(
    {
      folder,
      symbolsPerConnection: 2,
      env: { ...THREADS, LOGGER__EXCHANGES__BINANCE__WS_ENDPOINT: `ws://${host}` },
    },
    simulator,
  );
  await until('a connection is tried', () => asked.length > 0);
  await until(
    'it is tried again when the time is over',
    () => asked.at(-1)!.ms >= asked[0].ms + WAIT_SECS * 1000 - 100,
  );
  assert.equal(during(asked), 0, `${asked.length} handshakes`);
  assert.equal(await logger.stop(), 0, logger.stderr());
});

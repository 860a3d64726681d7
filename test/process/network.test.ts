/** The network of a real box: proxies in front of everything, and name servers that do not answer. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer as createHttp } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  afterProcesses,
  type LoggerProcess,
  startLoggerProcess,
  startSimulatorProcess,
  temporaryFolder,
  until,
} from '../support/processes.js';

const rows = async (logger: LoggerProcess, exchange: string) =>
  (await logger.health()).exchanges[exchange]?.rows_written ?? 0;

function splice(one: Socket, other: Socket): void {
  one.on('error', () => other.destroy());
  other.on('error', () => one.destroy());
  one.pipe(other);
  other.pipe(one);
}

/** A proxy that answers CONNECT, and notes who was asked for with which credentials. */
async function connectProxy(): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = [];
  const server = createHttp((_, response) => response.writeHead(405).end());
  server.on('connect', (request, socket: Socket) => {
    asked.push(`${request.headers['proxy-authorization'] ?? ''} ${request.url}`);
    const [, port] = String(request.url).split(':');
    const target = connect(Number(port), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      splice(socket, target);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  afterProcesses(() => server.close());
  return { url: `http://me:secret@127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

/** A SOCKS5 proxy without authentication (RFC 1928); notes the ports. */
async function socksProxy(): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('data', () => {
      socket.write(Buffer.from([5, 0]));
      socket.once('data', (request) => {
        const port = request.readUInt16BE(request.length - 2);
        asked.push(String(port));
        const target = connect(port, '127.0.0.1', () => {
          socket.write(Buffer.from([5, 0, 0, 1, 127, 0, 0, 1, port >> 8, port & 255]));
          splice(socket, target);
        });
      });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  afterProcesses(() => server.close());
  return { url: `socks5://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

for (const [name, start, tls] of [
  ['HTTP CONNECT with TLS behind it', connectProxy, true],
  ['SOCKS5', socksProxy, false],
] as const)
  test(`${name}: WebSocket and REST go through the proxy`, async () => {
    const folder = temporaryFolder('network');
    const flags = ['--symbols', '3', '--rate', '300', ...(tls ? ['--tls'] : [])];
    const simulator = await startSimulatorProcess(join(folder, 'account'), flags, 'coinbase');
    const proxy = await start();
    const logger = startLoggerProcess({ folder, env: { LOGGER__NETWORK__PROXY: proxy.url } }, simulator);
    await until('rows are stored', async () => (await rows(logger, 'coinbase')) > 0);
    assert.ok(proxy.asked.length >= 2, proxy.asked.join());
    if (tls)
      assert.ok(
        proxy.asked.every((text) => text.startsWith('Basic bWU6c2VjcmV0 ')),
        'with a password',
      );
    assert.equal(await logger.stop(), 0, logger.stderr());
  });

test('name servers that hang delay neither another exchange nor its files', async () => {
  const folder = temporaryFolder('network');
  const simulator = await startSimulatorProcess(
    join(folder, 'account'),
    ['--symbols', '3', '--rate', '300'],
    'coinbase,binance',
  );
  const silent = createSocket('udp4');
  silent.bind(0, '127.0.0.1');
  await once(silent, 'listening');
  afterProcesses(() => silent.close());
  let queries = 0;
  silent.on('message', () => queries++);
  const logger = startLoggerProcess(
    {
      folder,
      env: {
        LOGGER__NETWORK__NAME_SERVERS: `["127.0.0.1:${silent.address().port}"]`,
        LOGGER__EXCHANGES__BINANCE__REST_ENDPOINT: 'http://exchange.test',
        LOGGER__EXCHANGES__BINANCE__WS_ENDPOINT: 'ws://exchange.test',
      },
      exchangeLines: { binance: ['symbols = ["BTCUSDT"]'] },
    },
    simulator,
  );
  await until('the name is asked for', () => queries > 0);
  await until('rows of the other exchange are stored', async () => (await rows(logger, 'coinbase')) > 0);
  await until('the trouble is named', async () =>
    (await logger.health()).reasons.some((reason) => /^binance: .*name servers do not answer/.test(reason)),
  );
  const before = await rows(logger, 'coinbase');
  await until('they go on', async () => (await rows(logger, 'coinbase')) > before + 100);
  assert.equal(await logger.stop(), 0, logger.stderr());
});

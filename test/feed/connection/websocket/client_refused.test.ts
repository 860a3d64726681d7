/** Connections that never come to be: refused, unknown, silent, no WebSocket, no trusted TLS. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import * as net from 'node:net';
import { setImmediate } from 'node:timers/promises';
import * as tls from 'node:tls';
import { test, until } from './helpers.js';
import {
  acceptance,
  answering,
  certificateFor,
  LOOPBACK,
  RecordingClient,
  tcpServer,
  wsServer,
} from './servers.js';

test('refused, with the address in the reason', async (t) => {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  for (const host of ['127.0.0.1', 'localhost']) {
    const info = await new RecordingClient(t, `ws://${host}:${port}/`).closed;
    assert.deepEqual([info.kind, info.code], ['network', 1006]);
    assert.match(info.reason, new RegExp(`ECONNREFUSED.*${port}`));
  }
});

test('a name that does not exist', async (t) => {
  const info = await new RecordingClient(t, 'wss://no-such-host.invalid/').closed;
  assert.equal(info.kind, 'network');
  assert.match(info.reason, /ENOTFOUND|EAI_AGAIN/);
});

test('answers that are no upgrade', async (t) => {
  const cases: [(request: string) => string, number, RegExp][] = [
    [() => 'HTTP/1.1 429 Too Many Requests\r\nRetry-After: 12\r\n\r\nslow down', 429, /429.*retry-after: 12/],
    [() => 'HTTP/1.1 503 Service Unavailable\r\n\r\n', 503, /503 Service Unavailable/],
    [(request) => acceptance(request).replace(/Accept: ./, 'Accept: _'), 101, /Sec-WebSocket-Accept/],
    [(request) => acceptance(request, 'Sec-WebSocket-Extensions: x\r\n'), 101, /unasked/],
    [() => '220 mail.example ESMTP\r\n', 1006, /not HTTP/],
  ];
  for (const [answer, code, reason] of cases) {
    const url = await answering(t, (socket, request) => socket.write(answer(request), 'latin1'));
    const recording = new RecordingClient(t, url);
    const info = await recording.closed;
    assert.deepEqual([info.kind, info.code], ['handshake', code]);
    assert.match(info.reason, reason);
    await setImmediate();
    assert.equal(recording.events.length, 1);
  }
});

test('the end instead of an answer', async (t) => {
  const info = await new RecordingClient(t, await answering(t, (socket) => socket.end())).closed;
  assert.equal(info.kind, 'handshake');
  assert.match(info.reason, /ended the connection while we waited for the answer/);
});

test('servers that never answer: TCP only, half a head, no TLS', async (t) => {
  const silent = await tcpServer(t, () => {});
  const half = await answering(t, (socket) => socket.write('HTTP/1.1 101 Sw'));
  const cases: [string, RegExp][] = [
    [silent, /within 50 ms.*answer to the upgrade/],
    [half, /within 50 ms.*answer to the upgrade/],
    [silent.replace('ws:', 'wss:'), /within 50 ms.*TLS handshake/],
  ];
  for (const [url, reason] of cases) {
    const info = await new RecordingClient(t, url, { handshakeTimeoutMs: 50 }).closed;
    assert.deepEqual([info.kind, info.code], ['handshake', 1006]);
    assert.match(info.reason, reason);
  }
});

test('TLS: a certificate that is not trusted, of another name, or no certificate at all', async (t) => {
  const good = certificateFor(LOOPBACK);
  const other = certificateFor('DNS:other.example');
  const secure = await wsServer(t, () => assert.fail('accepted'), good);
  const misnamed = await wsServer(t, () => assert.fail('accepted'), other);
  const plain = await tcpServer(t, (socket) =>
    socket.once('data', () => socket.write('HTTP/1.1 400 Bad\r\n\r\n')),
  );
  const closing = await tcpServer(t, (socket) => socket.once('data', () => socket.end()));
  const cases: [string, Buffer | undefined, RegExp][] = [
    [secure, undefined, /self-signed/],
    [secure, other.cert, /self-signed|unable to verify/],
    [misnamed, other.cert, /altnames/],
    [secure.replace('127.0.0.1', 'localhost'), other.cert, /self-signed|unable to verify/],
    [plain.replace('ws:', 'wss:'), undefined, /wrong version number|packet length/],
    [closing.replace('ws:', 'wss:'), undefined, /disconnected|ended/],
  ];
  for (const [url, ca, reason] of cases) {
    const recording = new RecordingClient(t, url, { ca });
    const info = await recording.closed;
    assert.deepEqual([info.kind, info.code], ['tls', 1015], info.reason);
    assert.match(info.reason, reason);
    assert.deepEqual(recording.events, ['close tls 1015']);
  }
});

test('TLS: the environment cannot switch verification off', async (t) => {
  const url = await wsServer(t, () => assert.fail('accepted'), certificateFor(LOOPBACK));
  const before = process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
  process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
  try {
    assert.equal((await new RecordingClient(t, url).closed).kind, 'tls');
  } finally {
    if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before;
  }
});

test('TLS: names go to the server, versions below 1.2 do not', async (t) => {
  const certificate = certificateFor(LOOPBACK);
  const names: (string | false | null)[] = [];
  const server = tls.createServer(
    { ...certificate, minVersion: 'TLSv1', ciphers: 'ALL:@SECLEVEL=0' },
    (socket) => {
      names.push(socket.servername);
      socket.destroy();
    },
  );
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  for (const host of ['localhost', '127.0.0.1']) {
    await new RecordingClient(t, `wss://${host}:${port}/`, { ca: certificate.cert }).closed;
  }
  await until(() => names.length === 2);
  assert.deepEqual(names, ['localhost', false]);
});

test('TLS 1.1 is refused', async (t) => {
  const certificate = certificateFor(LOOPBACK);
  const options = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' } as const;
  const server = tls.createServer({ ...certificate, ...options }, () => assert.fail('accepted'));
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  const info = await new RecordingClient(t, `wss://127.0.0.1:${port}/`, { ca: certificate.cert }).closed;
  assert.equal(info.kind, 'tls');
  assert.match(info.reason, /protocol version/);
});

test('a certificate authority that is none', (t) => {
  assert.throws(() => new RecordingClient(t, 'wss://x/', { ca: 'no certificate' }), {
    code: 'CONFIG_INVALID',
  });
});

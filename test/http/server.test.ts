/** The HTTP door with an ordinary client. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { LoggerError } from '../../src/base/errors.js';
import { CONNECTIONS_MAX, startHttp } from '../../src/http/server.js';
import type { Snapshot } from '../../src/supervisor/snapshot.js';
import { NOW_SECS, session, snapshot } from '../supervisor/snapshots.js';

async function serve(t: TestContext, state: () => Snapshot, host = '127.0.0.1') {
  const server = await startHttp({ host, port: 0, allowed_hosts: ['Logger.example'] }, state);
  t.after(() => server.close());
  return server;
}

test('answers /health and /ready with a status that says it all', async (t) => {
  let state = snapshot();
  const { url } = await serve(t, () => state);
  const get = async (path: string) => {
    const response = await fetch(url + path);
    return {
      status: response.status,
      type: response.headers.get('content-type'),
      body: (await response.json()) as Record<string, unknown>,
    };
  };
  const well = await get('/health');
  assert.deepEqual(
    [well.status, well.type, well.body['status']],
    [200, 'application/json; charset=utf-8', 'healthy'],
  );
  assert.deepEqual(Object.keys(well.body), [
    'status', 'reasons', 'warnings', 'uptime_seconds', 'connections', 'messages_dropped', 'disk', 'exchanges', 'writer', 'journal',
    'checksums', 'sinks', 'counters',
  ]); // biome-ignore format: a table
  assert.deepEqual([(await get('/ready')).status, (await get('/health?verbose=1')).status], [200, 200]);
  state = snapshot({ dropQuietSecs: 1 });
  assert.equal((await get('/health')).status, 200, 'degraded is still at work');
  state = snapshot({ sessions: [session({ state: 'ERROR', counters: { last_message: NOW_SECS - 10 } })] });
  assert.deepEqual([(await get('/health')).status, (await get('/ready')).status], [503, 503]);
  assert.deepEqual((await get('/ready')).body, { ready: false, waiting: ['venue-0 ERROR'] });
});

test('answers 404 to everything else', async (t) => {
  const { url } = await serve(t, () => snapshot());
  for (const [method, path] of [
    ['GET', '/'],
    ['GET', '/health/x'],
    ['GET', '/../health%00'],
    ['POST', '/metrics'],
  ]) {
    const response = await fetch(url + path, { method });
    assert.equal(response.status, 404, `${method} ${path}`);
    await response.text();
  }
});

test('HEAD is answered as GET without a body, other methods with 405', async (t) => {
  let state = snapshot();
  const { url } = await serve(t, () => state);
  const head = async (path: string, method = 'HEAD') => {
    const response = await fetch(url + path, { method });
    const { headers } = response;
    return [response.status, headers.get('allow'), headers.get('content-length'), await response.text()];
  };
  const length = async (path: string) => (await fetch(url + path)).headers.get('content-length');
  assert.deepEqual(await head('/ready'), [200, null, await length('/ready'), '']);
  state = snapshot({ sessions: [session({ state: 'ERROR', counters: { last_message: NOW_SECS - 10 } })] });
  assert.deepEqual(await head('/ready'), [503, null, await length('/ready'), '']);
  const [status, , , body] = await head('/health');
  assert.deepEqual([status, body], [503, '']);
  for (const path of ['/health', '/ready'])
    for (const method of ['POST', 'DELETE', 'PUT'])
      assert.deepEqual((await head(path, method)).slice(0, 2), [405, 'GET, HEAD']);
});

test('says that the address is taken', async (t) => {
  const { url } = await serve(t, () => snapshot());
  await assert.rejects(
    startHttp({ host: '127.0.0.1', port: Number(new URL(url).port), allowed_hosts: [] }, () => snapshot()),
    (error) => error instanceof LoggerError && error.code === 'ADDRESS_IN_USE',
  );
});

/** Status and body of the answer to a request with these headers. */
async function asked(
  url: string,
  headers: Record<string, string>,
  path = '/ready',
): Promise<[number, string]> {
  const port = Number(new URL(url).port);
  const [answer] = (await once(get({ host: '127.0.0.1', port, path, headers }), 'response')) as [
    IncomingMessage,
  ];
  return [answer.statusCode ?? 0, (await answer.setEncoding('utf8').toArray()).join('')];
}

test('answers to its own names alone, so that no page reaches it by a name of its own', async (t) => {
  const { url } = await serve(t, () => snapshot());
  const ours = ['127.0.0.1:9', 'localhost', 'LOCALHOST:9090', '[::1]:9090', '127.1.2.3', 'logger.example:80'];
  for (const host of ours) assert.equal((await asked(url, { host }))[0], 200, host);
  const others = [
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '10.0.0.1',
    '127.evil.example',
    'a:b:c',
    'localhost:9090@x',
  ];
  for (const path of ['/ready', '/health', '/nothing'])
    for (const host of others) {
      const [status, body] = await asked(url, { host }, path);
      assert.equal(status, 403, host);
      assert.match((JSON.parse(body) as { error: string }).error, /allowed_hosts/);
    }
});

test('answers to no page that comes from elsewhere', async (t) => {
  const { url } = await serve(t, () => snapshot());
  const status = async (origin: string) => (await asked(url, { host: 'localhost:9', origin }))[0];
  assert.equal(await status('http://localhost:9'), 200);
  for (const origin of ['http://evil.example', 'http://localhost:8', 'https://localhost:9', 'null'])
    assert.equal(await status(origin), 403, origin);
});

test('cuts off connections that are too many, and answers those that it has', async (t) => {
  const { url } = await serve(t, () => snapshot());
  const ask = async () => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1').on('error', () => {});
    t.after(() => socket.destroy());
    socket.write('GET /ready HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const gone = new Promise<boolean>((resolve) => socket.once('close', () => resolve(false)));
    return Promise.race([new Promise<boolean>((resolve) => socket.once('data', () => resolve(true))), gone]);
  };
  for (let i = 0; i < CONNECTIONS_MAX; i++) assert.ok(await ask(), `connection ${i}`);
  assert.deepEqual([await ask(), await ask()], [false, false]);
});

test('open to other hosts, it answers to any address and still to no other name', async (t) => {
  const { url } = await serve(t, () => snapshot(), '0.0.0.0');
  const statuses = ['10.0.0.1:9090', '[fe80::1]', 'localhost', 'logger.example', 'evil.example'].map(
    async (host) => (await asked(url, { host }))[0],
  );
  assert.deepEqual(await Promise.all(statuses), [200, 200, 200, 200, 403]);
});

/** The HTTP door with an ordinary client. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { LoggerError } from '../../src/base/errors.js';
import { startHttp } from '../../src/http/server.js';
import type { Snapshot } from '../../src/supervisor/snapshot.js';
import { NOW_SECS, session, snapshot } from '../supervisor/snapshots.js';

async function serve(t: TestContext, state: () => Snapshot) {
  const server = await startHttp('127.0.0.1', 0, state);
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
    'checksums', 'counters',
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
    startHttp('127.0.0.1', Number(new URL(url).port), () => snapshot()),
    (error) => error instanceof LoggerError && error.code === 'ADDRESS_IN_USE',
  );
});

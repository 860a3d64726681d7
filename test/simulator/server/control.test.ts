/** The control port of a simulator: for programs of this machine, not for pages in its browser. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { test } from 'node:test';
import { startSimulator } from '../../../src/simulator/simulator.js';

test('refuses pages of other origins, other names and long bodies, and goes on', async (t) => {
  const { simulator, endpoints } = await startSimulator({ exchanges: ['binance'], symbols: 1, rate: 1 });
  t.after(() => simulator.stop());
  const { hostname, port, host } = new URL(endpoints.control);
  const post = async (path: string, headers: Record<string, string>, body = '') => {
    const asking = request({ hostname, port, path, method: 'POST', headers }).on('error', () => {});
    asking.end(body);
    const [answer] = (await once(asking, 'response')) as [IncomingMessage];
    answer.resume();
    return answer.statusCode;
  };
  const long = JSON.stringify({ kind: 'cut', note: 'x'.repeat(1 << 20) });
  for (const path of ['/fault', '/stop', '/finish', '/nothing']) {
    for (const origin of ['http://evil.example', 'null', `https://${host}`, `http://${hostname}:1`])
      assert.equal(await post(path, { origin }), 403, `${path} ${origin}`);
    assert.equal(await post(path, { host: `evil.example:${port}` }), 403, path);
  }
  for (const path of ['/fault', '/stop', '/finish']) assert.equal(await post(path, {}, long), 413, path);
  assert.equal(await post('/fault', { origin: `http://${host}` }, '{"kind":"cut"}'), 200);
});

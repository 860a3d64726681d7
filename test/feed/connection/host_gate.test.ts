/** What a host asks for by a status, by Retry-After and by headers that count, and that it holds for everybody. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { loadExchange } from '../../../src/exchanges/index.js';
import { createGate, HostGate, retryAfterMs } from '../../../src/feed/connection/host_gate.js';
import { restOf } from '../../../src/feed/connection/rest.js';

test('Retry-After is seconds or a date, and nothing else', () => {
  const now = Date.parse('2026-11-30T04:00:00Z');
  assert.equal(retryAfterMs('120', now), 120_000);
  assert.equal(retryAfterMs(' 0 ', now), 0);
  assert.equal(retryAfterMs('Mon, 30 Nov 2026 04:01:00 GMT', now), 60_000);
  assert.equal(retryAfterMs('Mon, 30 Nov 2020 04:01:00 GMT', now), 0);
  assert.equal(
    retryAfterMs('99999999999', now),
    3 * 86_400_000,
    'what claims to be longer is looked at again',
  );
  for (const text of [undefined, '', 'soon', '-1', '1.5s']) assert.equal(retryAfterMs(text, now), undefined);
});

const near = (ms: number, wanted: number) => ms > wanted * 0.9 && ms <= wanted;

test('a gate that one has closed is closed for all, and an earlier end does not open it', () => {
  const memory = createGate();
  const [one, other] = [new HostGate(memory), new HostGate(memory)];
  assert.equal(other.waitMs(), 0);
  one.refused(418, '600');
  assert.ok(near(other.waitMs(), 600_000));
  assert.equal(other.status, 418);
  other.refused(429, '1');
  assert.ok(near(one.waitMs(), 600_000));
});

test('without Retry-After the time doubles while it goes on, and other failures close nothing', () => {
  const gate = new HostGate();
  gate.refused(404, undefined);
  gate.refused(500, undefined);
  assert.equal(gate.waitMs(), 0);
  gate.refused(418, undefined);
  assert.ok(near(gate.waitMs(), 120_000));
  // others were told of the same ban
  gate.refused(418, undefined);
  assert.ok(near(gate.waitMs(), 120_000));
  const forbidden = new HostGate();
  forbidden.refused(451, undefined);
  assert.ok(near(forbidden.waitMs(), 60_000));
});

async function serve(t: TestContext, handler: http.RequestListener): Promise<string> {
  const server = http.createServer(handler);
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('a ban stops every request, also of others that share the gate, before it is made', async (t) => {
  let asked = 0;
  const url = await serve(t, (_, response) => {
    asked++;
    response.writeHead(418, { 'retry-after': '3600' }).end();
  });
  const memory = createGate();
  const [one, other] = [
    restOf(url, { gate: new HostGate(memory) }),
    restOf(url, { gate: new HostGate(memory) }),
  ];
  await assert.rejects(one('/a'), /HTTP status 418/);
  for (let i = 0; i < 10; i++) await assert.rejects(other('/b'), /not asked: it answered 418.* 3600 s/);
  assert.equal(asked, 1);
});

test('a short time is waited for, and then the answer comes', async (t) => {
  const times: number[] = [];
  const url = await serve(t, (_, response) => {
    times.push(performance.now());
    if (times.length === 1) response.writeHead(429, { 'retry-after': '1' }).end();
    else response.end('{"ok":true}');
  });
  assert.deepEqual(await restOf(url)('/a'), { ok: true });
  assert.equal(times.length, 2);
  assert.ok(times[1] - times[0] >= 990);
});

test('headers that count close the gate before the budget is used up', async (t) => {
  const binance = await loadExchange('binance');
  let used = 4799;
  const url = await serve(t, (_, response) => {
    response.setHeader('x-mbx-used-weight-1m', String(used));
    response.end('{}');
  });
  const gate = new HostGate();
  const rest = restOf(url, { gate, usage: binance.restUsage });
  await rest('/a');
  assert.equal(gate.waitMs(), 0);
  used = 4800;
  await rest('/a');
  assert.ok(gate.waitMs() > 0 && gate.waitMs() <= 60_000);
  assert.equal(gate.status, 0, 'which is no refusal');
});

test('what the headers of the exchanges say', async () => {
  const [binance, upbit, bybit] = await Promise.all(['binance', 'upbit', 'bybit'].map(loadExchange));
  const headers = (values: Readonly<Record<string, string>>) => (name: string) => values[name];
  const minute = 1_800_000_000_000;
  assert.deepEqual(binance.restUsage?.(headers({ 'x-mbx-used-weight-1m': '3000' }), minute + 20_000), {
    share: 0.5,
    resetMs: 40_000,
  });
  assert.equal(binance.restUsage?.(headers({}), minute), undefined);
  const left = (sec: number) => headers({ 'remaining-req': `group=market; min=600; sec=${sec}` });
  assert.deepEqual(upbit.restUsage?.(left(9), minute), { share: 0, resetMs: 1000 });
  assert.deepEqual(upbit.restUsage?.(left(0), minute), { share: 1, resetMs: 1000 });
  const limits = { 'x-bapi-limit': '50', 'x-bapi-limit-status': '5' };
  const reset = { 'x-bapi-limit-reset-timestamp': String(minute + 700) };
  assert.deepEqual(bybit.restUsage?.(headers({ ...limits, ...reset }), minute), { share: 0.9, resetMs: 700 });
});

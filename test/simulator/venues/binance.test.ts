import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Simulator, startSimulator } from '../../../src/simulator/simulator.js';
import { readMessages, recordings } from '../../support/corpus.js';
import { Client, type Json, shapeOf } from '../client.js';

let simulator: Simulator;
let url: string;
let rest: string;

before(async () => {
  const started = await startSimulator({
    exchanges: ['binance'],
    symbols: 45,
    rate: 5000,
  });
  simulator = started.simulator;
  ({ ws: url, rest } = started.endpoints.exchanges['binance']);
});
after(() => simulator.stop());

const isData = (message: Record<string, Json>) => 'stream' in message || 'e' in message || 'u' in message;

async function get(path: string): Promise<{ status: number; headers: Headers; body: Json }> {
  const response = await fetch(`${rest}${path}`);
  return { status: response.status, headers: response.headers, body: await response.json() };
}

test('combined streams by URL and by SUBSCRIBE; replies are never wrapped; SET_PROPERTY unwraps', async () => {
  const client = await Client.open(`${url}/stream?streams=btcusdt@trade/ethusdt@bookTicker`);
  await client.until('both', () => new Set(client.messages.map(({ stream }) => stream)).size === 2);
  client.send({ method: 'SUBSCRIBE', params: ['btcusdt@ticker'], id: 7 });
  client.send({ method: 'LIST_SUBSCRIPTIONS', id: 'abc' });
  client.send({ method: 'GET_PROPERTY', params: ['combined'], id: null });
  await client.until('replies', () => client.messages.filter((m) => 'result' in m).length === 3);
  assert.deepEqual(
    client.texts.filter((text) => text.startsWith('{"result"')),
    [
      '{"result":null,"id":7}',
      '{"result":["btcusdt@trade","ethusdt@bookTicker","btcusdt@ticker"],"id":"abc"}',
      '{"result":true,"id":null}',
    ],
  );
  await client.until('ticker', () => client.messages.some(({ stream }) => stream === 'btcusdt@ticker'));
  client.send({ method: 'SET_PROPERTY', params: ['combined', false], id: 8 });
  client.send({ method: 'UNSUBSCRIBE', params: ['btcusdt@ticker', 'ethusdt@bookTicker'], id: 9 });
  await client.until('the last reply', () => client.texts.includes('{"result":null,"id":9}'));
  const from = client.texts.length;
  await client.until('raw trades', () => client.texts.length > from + 3);
  client.socket.terminate();
  for (const message of client.messages.slice(from)) assert.equal(message['e'], 'trade');
});

test('raw streams: /ws, /ws/<stream>; trade ids contiguous; names outside ASCII', async () => {
  const client = await Client.open(`${url}/ws/${encodeURIComponent('币安人生usdt')}@trade`);
  await client.until('trades', () => client.texts.length > 10);
  client.messages.forEach((trade, i) => {
    assert.equal(trade['s'], '币安人生USDT');
    assert.equal(trade['t'], client.messages[0]['t'] + i);
    assert.ok(trade['T'] <= trade['E']);
  });
  client.socket.terminate();
});

test('ticker agrees with last trade and best quotes', async () => {
  const client = await Client.open(`${url}/stream?streams=btcusdt@trade/btcusdt@ticker/btcusdt@bookTicker`);
  await client.until(
    'tickers',
    () => client.messages.filter((m) => m['data']?.e === '24hrTicker').length > 10,
  );
  client.socket.terminate();
  let trade: Json;
  let update = 0;
  for (const { data } of client.messages) {
    if (data.e === 'trade') trade = data;
    else if (data.e === undefined) {
      assert.ok(data.u > update, 'update ids rise');
      update = data.u;
    } else if (trade !== undefined) {
      assert.deepEqual([data.c, data.Q, data.L], [trade.p, trade.q, trade.t]);
      assert.equal(data.n, data.L - data.F + 1);
      assert.ok(Number(data.b) < Number(data.a));
      assert.ok(Math.abs(Number(data.p) - (Number(data.c) - Number(data.o))) < 1e-6);
      assert.ok(Math.abs(Number(data.q) - Number(data.v) * Number(data.w)) < Number(data.q) * 1e-9 + 1e-6);
    }
  }
});

test('unknown symbols and upper-case names: acknowledged, then silence', async () => {
  const client = await Client.open(`${url}/ws`);
  client.send({ method: 'SUBSCRIBE', params: ['nosuchsym@trade', 'BTCUSDT@trade', 'lunausdt@trade'], id: 1 });
  await client.until('ack', () => client.texts.length > 0);
  await sleep(200);
  assert.deepEqual(client.texts, ['{"result":null,"id":1}']);
  client.socket.terminate();
});

test('hostile names and paths do no harm', async () => {
  const client = await Client.open(`${url}/ws/%zz@trade`);
  client.send({ method: 'SUBSCRIBE', params: ['btcusdt@constructor', '__proto__@trade', '!x'], id: 1 });
  client.send('null');
  await client.until('replies', () => client.texts.length === 2);
  assert.equal(client.texts[0], '{"result":null,"id":1}');
  client.socket.terminate();
  assert.equal((await fetch(`${rest}/products/%zz`)).status, 404);
});

test('errors are nested and exact', async () => {
  const cases: [string, string][] = [
    ['{"method":', '{"error":{"code":3,"msg":"Invalid JSON: expected value at line 1 column 1"}}'],
    ['{"id":1}', '{"error":{"code":2,"msg":"Invalid request: missing field `method` at line 1 column 8"}}'],
    [
      '{"method":"NO","id":1}',
      '{"error":{"code":2,"msg":"Invalid request: unknown variant `NO`, expected one of `SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY` at line 1 column 28"}}',
    ],
    [
      '{"method":"SUBSCRIBE","params":["btc usdt"],"id":4}',
      '{"error":{"code":2,"msg":"Invalid request: invalid stream"},"id":4}',
    ],
    [
      '{"method":"GET_PROPERTY","params":["colour"],"id":5}',
      '{"error":{"code":0,"msg":"Unknown property"},"id":5}',
    ],
  ];
  const client = await Client.open(`${url}/ws`);
  for (const [request] of cases) client.send(request);
  await client.until('replies', () => client.texts.length === cases.length);
  assert.deepEqual(
    client.texts,
    cases.map(([, reply]) => reply),
  );
  client.socket.terminate();
});

test('at most 1024 streams per connection', async () => {
  const client = await Client.open(`${url}/ws`);
  const names = (from: number, count: number) =>
    Array.from({ length: count }, (_, i) => `s${from + i}x@trade`);
  client.send({ method: 'SUBSCRIBE', params: names(0, 1024), id: 1 });
  client.send({ method: 'SUBSCRIBE', params: names(1024, 1), id: 19 });
  await client.until('replies', () => client.texts.length === 2);
  assert.deepEqual(client.texts, [
    '{"result":null,"id":1}',
    '{"error":{"code":4,"msg":"Too many subscriptions"},"id":19}',
  ]);
  client.socket.terminate();
});

test('more than five messages a second close with 1008', async () => {
  const client = await Client.open(`${url}/ws`);
  for (let id = 0; id < 7; id++) client.send({ method: 'LIST_SUBSCRIPTIONS', id });
  await client.closed();
  assert.deepEqual([client.close_code, client.close_reason], [1008, 'Too many requests']);
  assert.equal(client.texts.length, 5);
});

test('server pings with a time; without a pong the connection is closed', async (t) => {
  // pongs count as messages, of which there may be five a second: a simulator of its own
  const started = await startSimulator({
    exchanges: ['binance'],
    timings: { ping_ms: 300, pong_deadline_ms: 900 },
  });
  t.after(() => started.simulator.stop());
  const { ws } = started.endpoints.exchanges['binance'];
  const [good, bad] = [await Client.open(`${ws}/ws`), await Client.open(`${ws}/ws`, { autoPong: false })];
  await bad.closed();
  assert.deepEqual([bad.close_code, bad.close_reason], [1008, 'Pong timeout']);
  assert.equal(good.close_code, undefined);
  assert.ok(good.pings.length >= 2);
  assert.ok(Math.abs(Number(good.pings[0]) - Date.now()) < 60_000);
  good.socket.terminate();
});

test('only the documented paths are WebSockets', async () => {
  const client = new Client(`${url}/other`);
  await client.closed();
  assert.equal(client.close_code, 1006);
});

test('REST: symbols, weights, errors', async () => {
  const all = await get('/api/v3/exchangeInfo');
  assert.equal(all.body.symbols.filter((s: Json) => s.status === 'TRADING').length, 45);
  assert.ok(all.body.symbols.some((s: Json) => s.status === 'BREAK'));
  const two = await get(`/api/v3/exchangeInfo?symbols=${encodeURIComponent('["ETHUSDT","BTCUSDT"]')}`);
  assert.deepEqual(
    two.body.symbols.map((s: Json) => `${s.symbol}=${s.baseAsset}+${s.quoteAsset}`),
    ['ETHUSDT=ETH+USDT', 'BTCUSDT=BTC+USDT'],
  );
  const used = Number(two.headers.get('x-mbx-used-weight-1m'));
  await get('/api/v3/ping');
  const time = await get('/api/v3/time');
  assert.equal(Number(time.headers.get('x-mbx-used-weight-1m')), used + 2);
  assert.ok(Math.abs(time.body.serverTime - Date.now()) < 60_000);
  const unknown = await get('/api/v3/trades?symbol=NOPE');
  assert.deepEqual([unknown.status, unknown.body], [400, { code: -1121, msg: 'Invalid symbol.' }]);
  assert.equal((await get('/api/v3/historicalTrades')).body.code, -1102);
});

test('REST: historicalTrades walks up by id and agrees with the stream', async () => {
  const client = await Client.open(`${url}/ws/ethusdt@trade`);
  await client.until('trades', () => client.texts.length > 30);
  client.socket.terminate();
  const first = client.messages[0]['t'];
  const { body } = await get(`/api/v3/historicalTrades?symbol=ETHUSDT&fromId=${first - 5}&limit=25`);
  assert.deepEqual(
    body.map((row: Json) => row.id),
    Array.from({ length: 25 }, (_, i) => first - 5 + i),
  );
  for (const row of body.slice(5)) {
    const trade = client.messages.find(({ t }) => t === row.id)!;
    assert.deepEqual(
      [row.price, row.qty, row.time, row.isBuyerMaker],
      [trade['p'], trade['q'], trade['T'], trade['m']],
    );
  }
  const latest = (await get('/api/v3/trades?symbol=ETHUSDT&limit=3')).body;
  assert.equal(latest.length, 3);
  assert.ok(latest[0].id < latest[2].id);
});

test('REST: over the weight of a minute answers 429 with Retry-After', async () => {
  const statuses = new Set<number>();
  let refused: Response | undefined;
  for (let i = 0; i < 640 && refused === undefined; i++) {
    const response = await fetch(`${rest}/api/v3/exchangeInfo?symbol=BTCUSDT`);
    await response.arrayBuffer();
    statuses.add(response.status);
    if (response.status === 429) refused = response;
  }
  assert.ok(refused !== undefined && Number(refused.headers.get('retry-after')) > 0);
});

test('wire shapes are those of recorded messages', async () => {
  const client = await Client.open(`${url}/stream?streams=ethusdt@trade/ethusdt@ticker/ethusdt@bookTicker`);
  await client.until(
    'all three',
    () => new Set(client.messages.filter(isData).map(({ stream }) => stream)).size === 3,
  );
  client.socket.terminate();
  const recorded = recordings('binance-spot')
    .flatMap((name) => readMessages(name).slice(0, 500))
    .map(({ raw }) => JSON.parse(raw) as Record<string, Json>);
  for (const kind of ['trade', 'ticker', 'bookTicker']) {
    const shapes = new Set(recorded.filter(({ stream }) => stream?.endsWith(`@${kind}`)).map(shapeOf));
    const own = client.messages.filter(({ stream }) => stream === `ethusdt@${kind}`);
    assert.ok(own.length > 0);
    for (const message of own) assert.ok(shapes.has(shapeOf(message)), shapeOf(message));
    for (const { data } of own) {
      for (const [key, value] of Object.entries(data as Record<string, unknown>)) {
        if (typeof value !== 'string' || 'es'.includes(key)) continue;
        assert.match(value, key === 'P' ? /^-?\d+\.\d{3}$/ : /^-?\d+\.\d{8}$/, `${kind}.${key}`);
      }
    }
  }
});

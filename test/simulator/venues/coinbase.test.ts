import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Endpoints, type Simulator, startSimulator } from '../../../src/simulator/simulator.js';
import { readMessages } from '../../support/corpus.js';
import { Client, type Json, shapeOf } from '../client.js';

let simulator: Simulator;
let endpoints: Endpoints;
let url: string;
let rest: string;

before(async () => {
  ({ simulator, endpoints } = await startSimulator({
    exchanges: ['coinbase'],
    symbols: 4,
    rate: 2000,
    mix: [1, 1, 0, 0, 1],
    timings: { subscribe_deadline_ms: 1500, heartbeat_ms: 200, stale_page_ms: 0 },
  }));
  ({ ws: url, rest } = endpoints.exchanges['coinbase']);
});
after(() => simulator.stop());

const subscribe = (product_ids: string[], channels: unknown[]) => ({
  type: 'subscribe',
  product_ids,
  channels,
});

async function get(path: string): Promise<{ status: number; headers: Headers; body: Json }> {
  const response = await fetch(`${rest}${path}`);
  return { status: response.status, headers: response.headers, body: await response.json() };
}

test('history first, contiguous trade ids, a ticker that agrees with the last trade, heartbeats', async () => {
  const client = await Client.open(url);
  client.send(subscribe(['BTC-USD', 'ETH-USD'], ['matches', 'ticker', 'heartbeat']));
  await client.until('heartbeats', () => client.ofType('heartbeat').length >= 4);
  client.socket.terminate();
  for (const product of ['BTC-USD', 'ETH-USD']) {
    const messages = client.messages.filter((message) => message['product_id'] === product);
    const trades = messages.filter(({ type }) => type === 'match' || type === 'last_match');
    assert.equal(trades[0]['type'], 'last_match');
    assert.ok(trades.slice(1).every(({ type }) => type === 'match'));
    for (let i = 1; i < trades.length; i++)
      assert.equal(trades[i]['trade_id'], trades[i - 1]['trade_id'] + 1);
    assert.ok(trades.length > 20);
    const byId = new Map(trades.map((trade) => [trade['trade_id'], trade]));
    let newest = trades[0]['trade_id'];
    for (const message of messages) {
      if (message['type'] === 'match') newest = message['trade_id'];
      if (message['type'] === 'heartbeat') assert.ok(message['last_trade_id'] >= newest);
      if (message['type'] !== 'ticker') continue;
      const trade = byId.get(message['trade_id'])!;
      assert.equal(message['trade_id'], newest);
      assert.deepEqual(
        [message['price'], message['last_size'], message['time']],
        [trade['price'], trade['size'], trade['time']],
      );
      assert.notEqual(message['side'], trade['side'], 'match tells the maker, ticker the taker');
      assert.ok(Number(message['best_bid']) < Number(message['best_ask']));
      assert.ok(Number(message['low_24h']) <= Number(message['price']));
      assert.ok(Number(message['high_24h']) >= Number(message['price']));
    }
    const times = trades.map(({ time }) => time as string);
    assert.deepEqual(times, [...times].sort());
    assert.ok(Math.abs(Date.parse(times.at(-1)!) - Date.now()) < 60_000);
  }
});

test('acknowledgements hold the whole state under the venue’s names', async () => {
  const client = await Client.open(url);
  client.send(subscribe(['BTC-USD'], ['level2_batch', 'ticker_batch']));
  client.send(
    subscribe(['ETH-USD'], ['heartbeat', { name: 'level2_50', product_ids: ['ETH-USD', 'BTC-USD'] }]),
  );
  client.send({ type: 'unsubscribe', channels: ['ticker_batch'] });
  client.send({
    type: 'unsubscribe',
    product_ids: ['BTC-USD', 'ETH-USD'],
    channels: ['level2_batch', 'heartbeat'],
  });
  await client.until('acks', () => client.ofType('subscriptions').length === 4);
  const level2 = { name: 'level2_50', product_ids: ['BTC-USD'], account_ids: null };
  const ticker = { name: 'ticker_1000', product_ids: ['BTC-USD'], account_ids: null };
  const both = { ...level2, product_ids: ['BTC-USD', 'ETH-USD'] };
  const heartbeat = { name: 'heartbeat', product_ids: ['ETH-USD'], account_ids: null };
  assert.deepEqual(
    client.ofType('subscriptions').map(({ channels }) => channels),
    [[level2, ticker], [both, ticker, heartbeat], [both, heartbeat], []],
  );
  client.socket.terminate();
});

test('errors: exact frames, error before the ack of the valid rest, connection stays', async () => {
  const client = await Client.open(url);
  client.send(subscribe(['BTC-USDX', 'BTC-USD'], ['heartbeat']));
  client.send(subscribe(['BTC-USD'], ['not_a_valid_channel']));
  client.send(subscribe(['BTC-USD'], ['level2']));
  client.send('{"type":');
  await client.until('replies', () => client.ofType('error').length === 4);
  const control = client.texts.filter((text) => !text.includes('"heartbeat","last'));
  assert.deepEqual(control, [
    '{"type":"error","message":"Failed to subscribe","reason":"BTC-USDX is not a valid product"}',
    '{"type":"subscriptions","channels":[{"name":"heartbeat","product_ids":["BTC-USD"],"account_ids":null}]}',
    '{"type":"error","message":"Failed to subscribe","reason":"not_a_valid_channel is not a valid channel"}',
    '{"type":"error","message":"Failed to subscribe","reason":"level2, level3, and full channels now require authentication. https://docs.cloud.coinbase.com/exchange/docs/websocket-auth"}',
    '{"type":"error","message":"Malformed JSON"}',
  ]);
  assert.equal(client.close_code, undefined);
  client.socket.terminate();
});

test('hostile names and paths do no harm', async () => {
  const client = await Client.open(url);
  client.send(subscribe(['constructor'], ['heartbeat']));
  client.send(subscribe(['BTC-USD'], ['constructor', { name: null }, 7, null]));
  await client.until('replies', () => client.texts.length === 3);
  assert.ok(client.ofType('error').length === 3);
  client.socket.terminate();
  assert.equal((await fetch(`${rest}/products/%zz`)).status, 404);
});

test('a client that does not subscribe is closed, one that does is not', async () => {
  const [idle, active] = [await Client.open(url), await Client.open(url)];
  active.send(subscribe(['BTC-USD'], ['heartbeat']));
  await idle.closed();
  assert.equal(active.close_code, undefined);
  active.socket.terminate();
});

test('REST: products with closed ones among them, time', async () => {
  const { body, headers } = await get('/products');
  assert.equal(headers.get('cache-control'), 'max-age=5');
  const open = body.filter((p: Json) => p.status === 'online' && !p.trading_disabled);
  assert.deepEqual(
    open.map((p: Json) => p.id),
    ['BTC-USD', 'ETH-USD', 'SOL-USD', 'XRP-USD'],
  );
  assert.ok(body.some((p: Json) => p.status === 'delisted'));
  assert.ok(body.some((p: Json) => p.status === 'online' && p.trading_disabled));
  assert.ok(Math.abs((await get('/time')).body.epoch - Date.now() / 1000) < 60);
  assert.deepEqual(
    [(await get('/products/NO-NO/trades')).status, (await get('/nothing')).status],
    [404, 404],
  );
});

test('REST: trades by id agree with the stream; after walks down, before gives the newest', async () => {
  const client = await Client.open(url);
  client.send(subscribe(['SOL-USD'], ['matches']));
  await client.until('trades', () => client.ofType('match').length > 60);
  client.socket.terminate();
  const sent = client.messages.filter(({ type }) => type === 'match' || type === 'last_match');
  const ids = sent.map(({ trade_id }) => trade_id as number);
  const top = ids[50];
  const down = await get(`/products/SOL-USD/trades?limit=60&after=${top + 1}`);
  assert.deepEqual(
    down.body.map((row: Json) => row.trade_id),
    Array.from({ length: 60 }, (_, i) => top - i),
    'from the id down, past the begin of the simulation',
  );
  assert.equal(down.headers.get('cb-before'), String(top));
  assert.equal(down.headers.get('cb-after'), String(top - 59));
  for (const trade of sent.slice(0, 51)) {
    const row = down.body.find((r: Json) => r.trade_id === trade['trade_id']);
    assert.deepEqual(
      [Number(row.price), Number(row.size), row.side, row.time],
      [Number(trade['price']), Number(trade['size']), trade['side'], trade['time']],
    );
  }
  const up = await get(`/products/SOL-USD/trades?limit=5&before=${ids[0]}`);
  assert.equal(up.body.length, 5);
  assert.ok(up.body[4].trade_id > ids[0] + 1, 'the newest trades, not those that follow the id');
  assert.equal((await get('/products/SOL-USD/trades?limit=1001')).status, 400);
  assert.equal((await get('/products/SOL-USD/trades?after=x')).status, 400);
});

test('REST: more than 10 requests per second with a burst of 15 answer 429', async () => {
  const answers = await Promise.all(Array.from({ length: 30 }, () => fetch(`${rest}/time`)));
  assert.ok(answers.some(({ status }) => status === 429));
});

test('wire shapes are those of recorded messages', async () => {
  const client = await Client.open(url);
  client.send(subscribe(['BTC-USD'], ['matches', 'ticker']));
  await client.until(
    'messages',
    () => client.ofType('match').length > 0 && client.ofType('ticker').length > 0,
  );
  client.socket.terminate();
  const recorded = [
    ...readMessages('coinbase/cf-20210417-matches-ticker-level2-a').map(({ raw }) => raw),
    ...readMessages('coinbase/snippets-a').map(({ raw }) => raw),
  ].map((raw) => JSON.parse(raw) as Record<string, Json>);
  const shapes = (type: string) => new Set(recorded.filter((m) => m['type'] === type).map(shapeOf));
  for (const type of ['match', 'last_match', 'ticker']) {
    for (const message of client.ofType(type))
      assert.ok(shapes(type).has(shapeOf(message)), shapeOf(message));
  }
  assert.equal(shapeOf(client.ofType('subscriptions')[0]), [...shapes('subscriptions')][0]);
  const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
  for (const trade of client.ofType('match')) {
    assert.match(trade['maker_order_id'], uuid);
    assert.match(trade['taker_order_id'], uuid);
    assert.notEqual(trade['maker_order_id'], trade['taker_order_id']);
    assert.match(trade['time'], /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    assert.doesNotMatch(trade['price'], /\.\d*0$/, 'zeros at the end are cut');
  }
  for (const ticker of client.ofType('ticker')) {
    for (const field of ['best_bid_size', 'best_ask_size', 'volume_24h', 'volume_30d'])
      assert.match(ticker[field], /^\d+\.\d{8}$/);
    for (const field of ['best_bid', 'best_ask']) assert.match(ticker[field], /^\d+\.\d\d$/);
  }
});

test('level2_batch: a snapshot with asks first, then changes that never cross the book', async () => {
  const client = await Client.open(url);
  client.send(subscribe(['BTC-USD'], ['level2_batch', 'matches']));
  await client.until('changes', () => client.ofType('l2update').length > 40);
  client.socket.terminate();
  const messages = client.messages.filter(({ type }) => type === 'snapshot' || type === 'l2update');
  assert.deepEqual(Object.keys(messages[0]), ['type', 'product_id', 'asks', 'bids']);
  assert.deepEqual(client.ofType('subscriptions')[0]['channels'][0].name, 'level2_50');
  const sides = { buy: new Map<number, number>(), sell: new Map<number, number>() };
  for (const [price, size] of messages[0]['bids']) sides.buy.set(Number(price), Number(size));
  for (const [price, size] of messages[0]['asks']) sides.sell.set(Number(price), Number(size));
  const removed: string[] = [];
  for (const update of messages.slice(1)) {
    assert.deepEqual(Object.keys(update), ['type', 'product_id', 'changes', 'time']);
    for (const [side, price, size] of update['changes']) {
      const levels = sides[side as 'buy' | 'sell'];
      if (Number(size) > 0) levels.set(Number(price), Number(size));
      else removed.push(size);
      if (Number(size) === 0) levels.delete(Number(price));
    }
    assert.ok(Math.max(...sides.buy.keys()) < Math.min(...sides.sell.keys()));
  }
  assert.ok(removed.length > 0 && removed.every((size) => /^0(\.0+)?$/.test(size)));
});

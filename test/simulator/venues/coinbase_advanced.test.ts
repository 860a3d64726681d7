import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { type Simulator, type SimulatorOptions, startSimulator } from '../../../src/simulator/simulator.js';
import { Client, type Json } from '../client.js';

const simulators: Simulator[] = [];
afterEach(() => {
  for (const simulator of simulators.splice(0)) simulator.stop();
});

async function start(options: SimulatorOptions = {}) {
  const { simulator, endpoints } = await startSimulator({
    exchanges: ['coinbase-advanced'],
    symbols: 3,
    rate: 3000,
    ...options,
  });
  simulators.push(simulator);
  return { simulator, ...endpoints.exchanges['coinbase-advanced'] };
}

const get = async (url: string): Promise<Json> => (await fetch(url)).json();
const ofChannel = (client: Client, name: string) => client.messages.filter(({ channel }) => channel === name);
const subscribe = (channel: string, ...product_ids: string[]) => ({
  type: 'subscribe',
  product_ids,
  channel,
});

test('every frame of a connection has the next number, the acknowledgement behind the first data', async () => {
  const { ws } = await start();
  const clients = [await Client.open(ws), await Client.open(ws)];
  for (const client of clients) {
    client.send(subscribe('heartbeats'));
    client.send(subscribe('market_trades', 'BTC-USD', 'ETH-USD'));
    client.send(subscribe('level2', 'BTC-USD'));
    await client.until('data', () => client.texts.length > 150 && ofChannel(client, 'heartbeats').length > 1);
  }
  for (const client of clients) {
    client.socket.terminate();
    client.messages.forEach((message, i) => {
      assert.deepEqual(Object.keys(message), ['channel', 'timestamp', 'sequence_num', 'events']);
      assert.equal(message['sequence_num'], i);
      assert.match(message['timestamp'], /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,8}[1-9])?Z$/);
    });
    const channels = client.messages.map(({ channel }) => channel);
    assert.ok(channels.indexOf('market_trades') < channels.indexOf('subscriptions', 1));
    assert.deepEqual(client.messages[0]['events'], [{ subscriptions: { heartbeats: ['heartbeats'] } }]);
    const counters = ofChannel(client, 'heartbeats').map(({ events }) => events[0].heartbeat_counter);
    assert.equal(counters[1], counters[0] + 1);
  }
});

test('trades: a snapshot of 100, then batches; newest first, contiguous, the side of the maker', async () => {
  const { ws, rest } = await start();
  const client = await Client.open(ws);
  client.send(subscribe('market_trades', 'BTC-USD'));
  await client.until('trades', () => ofChannel(client, 'market_trades').length > 60);
  client.socket.terminate();
  const [snapshot, ...updates] = ofChannel(client, 'market_trades').map(({ events }) => events[0]);
  assert.equal(snapshot.type, 'snapshot');
  assert.equal(snapshot.trades.length, 100);
  assert.ok(updates.some(({ trades }) => trades.length > 1));
  let newest = Number(snapshot.trades[0].trade_id);
  const prints: Json[] = [];
  for (const { type, trades } of updates) {
    assert.equal(type, 'update');
    for (const trade of [...trades].reverse()) {
      assert.equal(trade.trade_id, String(++newest));
      assert.deepEqual(Object.keys(trade), ['product_id', 'trade_id', 'price', 'size', 'time', 'side']);
      for (const text of [trade.price, trade.size]) assert.doesNotMatch(text, /\.\d*0$/);
      prints.push(trade);
    }
  }
  const page = await get(`${rest}/products/BTC-USD/trades?after=${newest + 1}&limit=20`);
  for (const row of page) {
    const print = prints.find(({ trade_id }) => trade_id === String(row.trade_id));
    assert.deepEqual(
      [row.side.toUpperCase(), Number(row.price), Number(row.size), row.time],
      [print.side, Number(print.price), Number(print.size), print.time],
    );
  }
});

test('book: a snapshot and changes of bids and offers; candles of five minutes; ticker without a trade', async () => {
  const { ws } = await start();
  const client = await Client.open(ws);
  for (const channel of ['level2', 'candles', 'ticker']) client.send(subscribe(channel, 'BTC-USDC'));
  const enough = (name: string) => ofChannel(client, name).length > 10;
  await client.until('data', () => ['l2_data', 'candles', 'ticker'].every(enough));
  client.socket.terminate();
  const [snapshot, ...changes] = ofChannel(client, 'l2_data').map(({ events }) => events[0]);
  assert.deepEqual(
    [snapshot.type, snapshot.product_id, snapshot.updates.length],
    ['snapshot', 'BTC-USD', 100],
  );
  const sides = { bid: new Map<number, number>(), offer: new Map<number, number>() };
  for (const { updates } of [snapshot, ...changes]) {
    for (const { side, price_level, new_quantity } of updates) {
      const levels = sides[side as 'bid' | 'offer'];
      if (Number(new_quantity) === 0) levels.delete(Number(price_level));
      else levels.set(Number(price_level), Number(new_quantity));
    }
    assert.ok(Math.max(...sides.bid.keys()) < Math.min(...sides.offer.keys()));
  }
  for (const { events } of ofChannel(client, 'candles')) {
    for (const candle of events[0].candles) {
      const keys = ['start', 'high', 'low', 'open', 'close', 'volume', 'product_id'];
      assert.deepEqual(Object.keys(candle), keys);
      assert.equal(Number(candle.start) % 300, 0);
    }
  }
  const [first, second] = ofChannel(client, 'ticker').map(({ events }) => events[0]);
  assert.deepEqual([first.type, second.type], ['snapshot', 'update']);
  assert.deepEqual(Object.keys(second.tickers[0]).slice(-4), [
    'best_bid',
    'best_ask',
    'best_bid_quantity',
    'best_ask_quantity',
  ]);
});

test('errors are not numbered; without a subscription, and in silence, the connection is closed', async () => {
  const { ws } = await start({ timings: { subscribe_deadline_ms: 1500, idle_ms: 1000, heartbeat_ms: 200 } });
  const [never, silent, alive] = [await Client.open(ws), await Client.open(ws), await Client.open(ws)];
  alive.send(subscribe('heartbeats'));
  silent.send(subscribe('colours', 'BTC-USD'));
  silent.send(subscribe('ticker', 'NOPE-USD'));
  await silent.until('errors', () => silent.texts.length === 2);
  assert.deepEqual(silent.texts, [
    '{"type":"error","message":"authentication failure"}',
    '{"type":"error","message":"failed to subscribe"}',
  ]);
  await never.closed();
  await silent.closed();
  await alive.until('heartbeats', () => ofChannel(alive, 'heartbeats').length > 2);
  assert.equal(alive.close_code, undefined);
  alive.socket.terminate();
});

test('REST: products with their aliases, trades, books', async () => {
  const { rest } = await start();
  const market = `${rest}/api/v3/brokerage/market`;
  const { products } = await get(`${market}/products?product_type=SPOT`);
  const byId = new Map<string, Json>(products.map((product: Json) => [product.product_id, product]));
  assert.deepEqual(byId.get('BTC-USD').alias_to, ['BTC-USDC']);
  assert.equal(byId.get('ETH-USDC').status, 'delisted');
  assert.equal((await get(`${market}/products/SOL-USDC`)).alias, 'SOL-USD');
  assert.equal((await fetch(`${market}/products/NOPE-USD`)).status, 404);
  const { trades } = await get(`${market}/products/BTC-USD/ticker?limit=5`);
  assert.equal(Number(trades[0].trade_id), Number(trades[4].trade_id) + 4);
  const { pricebook } = await get(`${market}/product_book?product_id=BTC-USD&limit=3`);
  assert.deepEqual([pricebook.bids.length, pricebook.asks.length], [3, 3]);
});

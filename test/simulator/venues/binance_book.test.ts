/** The channels of Binance, spot and futures, that need more than one message to be understood. */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { type Simulator, type SimulatorOptions, startSimulator } from '../../../src/simulator/simulator.js';
import { Client, type Json } from '../client.js';

const simulators: Simulator[] = [];
afterEach(() => {
  for (const simulator of simulators.splice(0)) simulator.stop();
});

async function start(exchange: string, options: SimulatorOptions = {}) {
  const { simulator, endpoints } = await startSimulator({
    exchanges: [exchange],
    symbols: 3,
    rate: 3000,
    ...options,
  });
  simulators.push(simulator);
  return { simulator, ...endpoints.exchanges[exchange] };
}

const get = async (url: string): Promise<Json> => (await fetch(url)).json();
const dataOf = (client: Client, event: string): Json[] =>
  client.messages.map((message) => message['data'] ?? message).filter(({ e }) => e === event);

/** A book by the rules of the documentation: levels by price text. */
class Book {
  readonly bids = new Map<string, string>();
  readonly asks = new Map<string, string>();

  apply(bids: [string, string][], asks: [string, string][]): void {
    for (const [side, levels] of [
      [this.bids, bids],
      [this.asks, asks],
    ] as const) {
      for (const [price, size] of levels) {
        if (Number(size) === 0) side.delete(price);
        else side.set(price, size);
      }
    }
  }

  get text(): string {
    const sorted = (side: Map<string, string>) => [...side].sort(([a], [b]) => Number(a) - Number(b));
    return JSON.stringify([sorted(this.bids), sorted(this.asks)]);
  }
}

test('spot: changes chain by U and u, and with a fetched book they lead to the next one', async () => {
  // nothing but events of the book changes the book
  const { simulator, ws, rest } = await start('binance', { mix: [0, 0, 0, 0, 1] });
  const client = await Client.open(`${ws}/ws/btcusdt@depth@100ms`);
  await client.until('changes', () => client.texts.length > 20);
  const first = await get(`${rest}/api/v3/depth?symbol=BTCUSDT&limit=5000`);
  await client.until(
    'more',
    () => Number(dataOf(client, 'depthUpdate').at(-1)?.u) > first.lastUpdateId + 2000,
  );
  simulator.finish();
  const last = await get(`${rest}/api/v3/depth?symbol=BTCUSDT&limit=5000`);
  client.send({ method: 'LIST_SUBSCRIPTIONS', id: 9 });
  await client.until('the end', () => client.texts.at(-1)?.endsWith('"id":9}') === true);
  client.socket.terminate();
  const events = dataOf(client, 'depthUpdate');
  events.forEach((event, i) => {
    assert.deepEqual(Object.keys(event), ['e', 'E', 's', 'U', 'u', 'b', 'a']);
    if (i > 0) assert.equal(event.U, events[i - 1].u + 1);
    assert.ok(event.u >= event.U && event.b.length + event.a.length > 0);
  });
  const book = new Book();
  book.apply(first.bids, first.asks);
  const kept = events.filter(({ u }) => u > first.lastUpdateId);
  assert.ok(kept[0].U <= first.lastUpdateId + 1);
  for (const event of kept) book.apply(event.b, event.a);
  assert.equal(kept.at(-1).u, last.lastUpdateId);
  assert.ok(Number(last.bids[0][0]) < Number(last.asks[0][0]));
  assert.equal(book.text, JSON.stringify([last.bids.reverse(), last.asks]));
});

test('spot: a fetched book is out of date on request, partial books are whole and without symbol or time', async () => {
  const { simulator, ws, rest } = await start('binance');
  simulator.fault({ kind: 'stale-book', count: 1 });
  const client = await Client.open(`${ws}/stream?streams=btcusdt@depth@100ms/ethusdt@depth5@100ms`);
  await client.until('data', () => dataOf(client, 'depthUpdate').length > 5);
  const depth = `${rest}/api/v3/depth?symbol=BTCUSDT`;
  const [stale, fresh] = [await get(depth), await get(depth)];
  const from = dataOf(client, 'depthUpdate')[0].U;
  assert.ok(stale.lastUpdateId + 1 < from && fresh.lastUpdateId >= from);
  await client.until(
    'partial books',
    () => client.texts.filter((text) => text.includes('depth5')).length > 5,
  );
  client.socket.terminate();
  for (const { stream, data } of client.messages.filter(({ stream }) => stream.includes('depth5'))) {
    assert.equal(stream, 'ethusdt@depth5@100ms');
    assert.deepEqual(Object.keys(data), ['lastUpdateId', 'bids', 'asks']);
    assert.deepEqual([data.bids.length, data.asks.length], [5, 5]);
    assert.ok(Number(data.bids[0][0]) < Number(data.asks[0][0]));
  }
});

test('spot: aggregates are contiguous with their trades, over REST as well; candles grow and close', async () => {
  const { ws, rest } = await start('binance');
  const client = await Client.open(`${ws}/stream?streams=btcusdt@trade/btcusdt@aggTrade/btcusdt@kline_1m`);
  await client.until('aggregates', () => dataOf(client, 'aggTrade').length > 60);
  const aggregates = dataOf(client, 'aggTrade');
  const page = await get(`${rest}/api/v3/aggTrades?symbol=BTCUSDT&fromId=${aggregates[10].a}&limit=20`);
  client.socket.terminate();
  aggregates.forEach((aggregate, i) => {
    assert.deepEqual(Object.keys(aggregate), ['e', 'E', 's', 'a', 'p', 'q', 'f', 'l', 'T', 'm', 'M']);
    if (i > 0)
      assert.deepEqual([aggregate.a, aggregate.f], [aggregates[i - 1].a + 1, aggregates[i - 1].l + 1]);
  });
  const trades = new Map(dataOf(client, 'trade').map((trade) => [trade.t, trade]));
  const { f, l, p, q, m } = aggregates[20];
  const parts = Array.from({ length: l - f + 1 }, (_, i) => trades.get(f + i));
  assert.ok(parts.every((part) => part.p === p && part.m === m));
  const scaled = (text: string) => Number(text.replace('.', ''));
  assert.equal(
    parts.reduce((total, part) => total + scaled(part.q), 0),
    scaled(q),
  );
  page.forEach((row: Json, i: number) => {
    const { e, E, s, ...values } = aggregates[10 + i];
    assert.deepEqual({ ...row }, values);
  });
  const candles = dataOf(client, 'kline').map(({ k }) => k);
  assert.ok(candles.length > 3);
  for (const k of candles) {
    assert.equal(k.T, k.t + 59_999);
    assert.ok(Number(k.l) <= Number(k.o) && Number(k.o) <= Number(k.h) && Number(k.V) <= Number(k.v));
    assert.ok(k.L - k.f + 1 >= k.n);
  }
});

test('spot: times in microseconds for who asks for them', async () => {
  const { ws } = await start('binance');
  const client = await Client.open(
    `${ws}/stream?timeUnit=MICROSECOND&streams=btcusdt@trade/btcusdt@kline_1m`,
  );
  await client.until('both', () => dataOf(client, 'trade').length > 3 && dataOf(client, 'kline').length > 0);
  client.socket.terminate();
  const now_us = Date.now() * 1000;
  for (const { T, E } of dataOf(client, 'trade'))
    assert.ok(T < E && Math.abs(E - now_us) < 600e6 && Number.isInteger(T));
  assert.equal(dataOf(client, 'kline')[0].k.t % 60_000_000, 0);
});

test('futures: changes chain by pu, the time of the answer over REST is there, removed levels are "0"', async () => {
  const { ws, rest } = await start('binance-futures');
  const client = await Client.open(`${ws}/public/stream?streams=btcusdt@depth@100ms/btcusdt@bookTicker`);
  await client.until('changes', () => dataOf(client, 'depthUpdate').length > 60);
  const depth = await get(`${rest}/fapi/v1/depth?symbol=BTCUSDT&limit=1000`);
  client.socket.terminate();
  assert.deepEqual(Object.keys(depth), ['lastUpdateId', 'E', 'T', 'bids', 'asks']);
  assert.equal((await get(`${rest}/fapi/v1/depth?symbol=BTCUSDT&limit=7`)).code, -1130);
  const events = dataOf(client, 'depthUpdate');
  events.forEach((event, i) => {
    const keys = ['e', 'E', 'T', 's', 'U', 'u', 'pu', 'b', 'a', 'ps', 'st'];
    assert.deepEqual(Object.keys(event), keys);
    assert.ok(event.pu < event.U && event.U <= event.u);
    if (i > 0) assert.equal(event.pu, events[i - 1].u);
  });
  assert.ok(
    events.some(({ U, pu }) => U > pu + 1),
    'ids of other symbols lie in between',
  );
  const sizes = events.flatMap(({ a, b }) => [...a, ...b].map(([, size]: [string, string]) => size));
  assert.ok(sizes.filter((size) => Number(size) === 0).every((size) => size === '0'));
  assert.ok(sizes.includes('0'));
  for (const quote of dataOf(client, 'bookTicker'))
    assert.deepEqual(Object.keys(quote), ['e', 'u', 's', 'b', 'B', 'a', 'A', 'T', 'E', 'ps', 'st']);
});

test('futures: a stream on the wrong path is acknowledged and stays silent', async () => {
  const { ws } = await start('binance-futures');
  const wanted = ['btcusdt@aggTrade', 'btcusdt@bookTicker', 'btcusdt@ticker', 'btcusdt@markPrice'];
  const events = async (path: string, expected: string[]) => {
    const client = await Client.open(`${ws}${path}`);
    client.send({ method: 'SUBSCRIBE', params: wanted, id: 1 });
    const seen = () =>
      new Set(client.messages.map(({ e, data }) => e ?? data?.e).filter((e) => e !== undefined));
    await client.until('data', () => client.texts.length > 40 && seen().size >= expected.length);
    client.socket.terminate();
    assert.equal(client.texts.filter((text) => text === '{"result":null,"id":1}').length, 1);
    assert.deepEqual([...seen()].sort(), expected);
  };
  await events('/public/ws', ['bookTicker']);
  await events('/market/stream', ['24hrTicker', 'aggTrade', 'markPriceUpdate']);
  await events('/ws', ['bookTicker']);
  const client = new Client(`${ws}/private/ws`);
  await client.closed();
  assert.equal(client.close_code, 1006);
});

test('futures: ranges of raw trade ids have gaps, those of aggregates have none; REST agrees', async () => {
  const { ws, rest } = await start('binance-futures');
  const client = await Client.open(`${ws}/market/stream?streams=btcusdt@aggTrade/ethusdt@aggTrade`);
  const own = () => dataOf(client, 'aggTrade').filter(({ s }) => s === 'BTCUSDT');
  await client.until('aggregates', () => own().length > 250);
  client.socket.terminate();
  const aggregates = own();
  const keys = ['e', 'E', 'a', 's', 'p', 'q', 'nq', 'f', 'l', 'T', 'm', 'st'];
  assert.deepEqual(Object.keys(aggregates[0]), keys);
  for (let i = 1; i < aggregates.length; i++) assert.equal(aggregates[i].a, aggregates[i - 1].a + 1);
  assert.ok(aggregates.some(({ f }, i) => i > 0 && f > aggregates[i - 1].l + 1));
  const page = await get(`${rest}/fapi/v1/aggTrades?symbol=BTCUSDT&fromId=${aggregates[5].a}&limit=50`);
  page.forEach((row: Json, i: number) => {
    for (const [key, value] of Object.entries(row)) assert.deepEqual(value, aggregates[5 + i][key], key);
  });
});

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { crc32 } from 'node:zlib';
import { type Simulator, type SimulatorOptions, startSimulator } from '../../../src/simulator/simulator.js';
import { Client, type Json } from '../client.js';

const simulators: Simulator[] = [];
afterEach(() => {
  for (const simulator of simulators.splice(0)) simulator.stop();
});

async function start(options: SimulatorOptions = {}) {
  const { simulator, endpoints } = await startSimulator({
    exchanges: ['kraken'],
    symbols: 3,
    rate: 3000,
    ...options,
  });
  simulators.push(simulator);
  const { ws, rest } = endpoints.exchanges.kraken;
  return { simulator, ws: `${ws}/v2`, rest };
}

const get = async (url: string): Promise<Json> => (await fetch(url)).json();
const ofChannel = (client: Client, name: string) => client.messages.filter(({ channel }) => channel === name);
const request = (method: string, channel: string, symbol: readonly string[], more: object = {}) => ({
  method,
  params: { channel, symbol, ...more },
  req_id: 7,
});

test('a status at the beginning, then an acknowledgement or an error for every symbol, in front of the data', async () => {
  const { ws } = await start();
  const client = await Client.open(ws);
  client.send(request('subscribe', 'trade', ['BTC/USD', 'XBT/USD', 'BTCUSD', 'ETH/USD'], { snapshot: true }));
  client.send(request('subscribe', 'trade', ['BTC/USD']));
  client.send(request('subscribe', 'book', ['BTC/USD'], { depth: 11 }));
  client.send({ method: 'ping', req_id: 42 });
  client.send({ method: 'dance' });
  await client.until('answers', () => client.messages.some(({ error }) => error === 'Malformed request'));
  client.socket.terminate();
  const [status] = client.messages;
  assert.equal(status['channel'], 'status');
  assert.match(client.texts[0], /"connection_id":18\d{18},/);
  const answers = client.messages.filter(({ method }) => method !== undefined);
  assert.deepEqual(
    answers.map(({ method, success, error, result, symbol, req_id }) => [
      method,
      success ?? null,
      error ?? null,
      result?.symbol ?? symbol ?? null,
      req_id ?? null,
    ]),
    [
      ['subscribe', true, null, 'BTC/USD', 7],
      ['subscribe', false, 'Currency pair not supported XBT/USD', 'XBT/USD', 7],
      ['subscribe', false, 'Currency pair not in ISO 4217-A3 format BTCUSD', 'BTCUSD', 7],
      ['subscribe', true, null, 'ETH/USD', 7],
      ['subscribe', false, 'Already subscribed', 'BTC/USD', 7],
      ['subscribe', false, 'Subscription depth not supported', 'BTC/USD', 7],
      ['pong', null, null, null, 42],
      ['error', false, 'Malformed request', null, null],
    ],
  );
  const first = client.messages.findIndex(({ channel }) => channel === 'trade');
  assert.equal(client.messages[first]['type'], 'snapshot');
  assert.ok(first > client.messages.indexOf(answers[0]));
});

test('trades: 50 as history, then batches, contiguous and ascending; the same over REST', async () => {
  const { ws, rest } = await start();
  const client = await Client.open(ws);
  client.send(request('subscribe', 'trade', ['BTC/USD'], { snapshot: true }));
  await client.until('trades', () => ofChannel(client, 'trade').length > 60);
  client.socket.terminate();
  const [snapshot, ...updates] = ofChannel(client, 'trade');
  assert.equal(snapshot['data'].length, 50);
  const prints = [snapshot, ...updates].flatMap(({ data }) => data as Json[]);
  assert.ok(updates.some(({ data }) => data.length > 1));
  prints.forEach(({ trade_id }, i) => {
    assert.equal(trade_id, prints[0].trade_id + i);
  });
  for (const text of client.texts.filter((t) => t.includes('"trade"') && t.includes('"price"')))
    assert.match(text, /"qty":\d+\.\d{8},/);
  const since = `${BigInt(Date.parse(prints[40].timestamp)) * 1_000_000n - 1_000_000n}`;
  const { result, error } = await get(`${rest}/0/public/Trades?pair=BTC/USD&count=20&since=${since}`);
  assert.deepEqual(error, []);
  for (const [price, volume, , side, , , id] of result['BTC/USD']) {
    const print = prints.find(({ trade_id }) => trade_id === id);
    if (print === undefined) continue;
    assert.deepEqual([Number(price), Number(volume), side], [print.price, print.qty, print.side[0]]);
  }
  assert.deepEqual(await get(`${rest}/0/public/Trades?pair=NO/PAIR`), {
    error: ['EQuery:Unknown asset pair'],
  });
});

/** Books of a client that cuts at depth 10, message by message: whether each has the checksum that was sent. */
function checksums(texts: readonly string[]): { text: string; fits: boolean }[] {
  const LEVEL = /\{"price":([\d.]+),"qty":([\d.]+)\}/g;
  const books = new Map<string, { bids: Map<string, string>; asks: Map<string, string> }>();
  return texts
    .filter((text) => text.startsWith('{"channel":"book"'))
    .map((text) => {
      const { symbol, checksum } = JSON.parse(text).data[0];
      if (text.includes('"snapshot"')) books.set(symbol, { bids: new Map(), asks: new Map() });
      const book = books.get(symbol)!;
      const [, bids, asks] = /"bids":\[(.*)\],"asks":\[(.*)\],"checksum"/.exec(text)!;
      const sorted = [
        [book.asks, asks, 1],
        [book.bids, bids, -1],
      ] as const;
      const best = sorted.map(([levels, changes, sign]) => {
        for (const [, price, qty] of changes.matchAll(LEVEL)) {
          if (Number(qty) === 0) levels.delete(price);
          else levels.set(price, qty);
        }
        const order = [...levels].sort(([a], [b]) => sign * (Number(a) - Number(b)));
        for (const [price] of order.slice(10)) levels.delete(price);
        return order.slice(0, 10);
      });
      const strip = (number: string) => number.replace('.', '').replace(/^0+/, '');
      const parts = best.flat().map(([price, qty]) => strip(price) + strip(qty));
      return { text, fits: crc32(parts.join('')) === checksum };
    });
}

test('book: a client that cuts at its depth has the checksum of every event, but for those that a fault spoils', async () => {
  const { simulator, ws } = await start();
  const client = await Client.open(ws);
  client.send(request('subscribe', 'book', ['BTC/USD', 'ETH/USD'], { depth: 10 }));
  await client.until('changes', () => ofChannel(client, 'book').length > 400);
  const good = client.texts.length;
  for (const { text, fits } of checksums(client.texts)) assert.ok(fits, text);
  simulator.fault({ kind: 'corrupt', count: 3 });
  await client.until('more changes', () => client.texts.length > good + 200);
  client.socket.terminate();
  const spoiled = checksums(client.texts).filter(({ fits }) => !fits);
  assert.equal(spoiled.length, 3, 'the levels are right, and so is every later checksum');
});

test('ticker with one trigger per connection, candles with the oldest first, pairs by their older names', async () => {
  const { ws, rest } = await start();
  const client = await Client.open(ws);
  client.send(request('subscribe', 'ticker', ['BTC/USD'], { event_trigger: 'bbo' }));
  client.send(request('subscribe', 'ticker', ['BTC/USD'], { event_trigger: 'trades' }));
  client.send(request('subscribe', 'ohlc', ['BTC/USD'], { interval: 5 }));
  await client.until('data', () => ['ticker', 'ohlc'].every((name) => ofChannel(client, name).length > 10));
  assert.ok(client.messages.some(({ error }) => error === 'Already subscribed'));
  for (const { data } of ofChannel(client, 'ohlc')) {
    const begins = data.map((candle: Json) => Date.parse(candle.interval_begin));
    assert.deepEqual(
      begins,
      [...begins].sort((a, b) => a - b),
    );
    for (const { interval, interval_begin, timestamp } of data as Json[]) {
      assert.equal(interval, 5);
      assert.match(interval_begin, /:00\.000000000Z$/);
      assert.equal(Date.parse(timestamp) - Date.parse(interval_begin), 300_000);
    }
  }
  client.send(request('unsubscribe', 'ticker', ['BTC/USD'], { event_trigger: 'bbo' }));
  await client.until('the end', () => client.messages.some(({ method }) => method === 'unsubscribe'));
  client.socket.terminate();
  const { result } = await get(`${rest}/0/public/AssetPairs`);
  assert.equal(result.XBTUSD.wsname, 'XBT/USD');
  assert.ok(Object.values(result as Json).some((pair) => (pair as Json).status === 'cancel_only'));
});

test('heartbeats when nothing else is sent, and an end for who asks for nothing', async () => {
  const { ws } = await start({ rate: 1, timings: { heartbeat_ms: 30, idle_ms: 200 } });
  const client = await Client.open(ws);
  client.send(request('subscribe', 'trade', ['ETH/USD']));
  await client.until('heartbeats', () => ofChannel(client, 'heartbeat').length > 3);
  const silent = await Client.open(ws);
  await silent.until('the close', () => silent.socket.readyState === silent.socket.CLOSED);
  client.socket.terminate();
});

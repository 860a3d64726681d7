/** OKX as a `ws` client sees it: subscriptions, trades and their sums, order books and their signs of life, REST. */
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
    exchanges: ['okx'],
    symbols: 3,
    rate: 3000,
    ...options,
  });
  simulators.push(simulator);
  const { ws, rest } = endpoints.exchanges.okx;
  return { simulator, ws: `${ws}/ws/v5/public`, business: `${ws}/ws/v5/business`, rest };
}

const get = async (url: string): Promise<Json> => (await fetch(url)).json();
const wanted = (channel: string, instId = 'BTC-USDT') => ({ channel, instId });
const request = (op: string, ...args: unknown[]) => ({ id: '7', op, args });
const isData = (message: Json) => message.data !== undefined;
/** What `pong` leaves of the messages. */
const messagesOf = (client: Client): Json[] =>
  client.texts.filter((text) => text !== 'pong').map((text) => JSON.parse(text));
const dataOf = (client: Client, channel: string, instId = 'BTC-USDT'): Json[] =>
  messagesOf(client).filter((m) => isData(m) && m.arg.channel === channel && m.arg.instId === instId);

test('every argument is acknowledged or refused on its own; who asks twice gets no second snapshot', async () => {
  const { ws } = await start();
  const client = await Client.open(ws);
  client.send('ping');
  client.send('{"op":');
  client.send(request('dance'));
  const args = ['books', 'candle1m', 'tickers'].map((channel) => wanted(channel));
  client.send(request('subscribe', ...args, wanted('books', 'NOPE-USDT'), wanted('books')));
  client.send({ op: 'unsubscribe', args: [wanted('tickers')] });
  await client.until('the last answer', () => client.texts.some((text) => text.includes('"unsubscribe"')));
  await client.until('changes', () => dataOf(client, 'books').length > 20);
  client.socket.terminate();
  assert.equal(client.texts[0], 'pong');
  const answers = messagesOf(client).filter((m) => !isData(m));
  assert.deepEqual(
    answers.map(({ id, event, code, arg }) => [id ?? null, event, code ?? arg.channel]),
    [
      [null, 'error', '60012'],
      ['7', 'error', '60019'],
      ['7', 'subscribe', 'books'],
      ['7', 'error', '60018'],
      ['7', 'subscribe', 'tickers'],
      ['7', 'error', '60018'],
      ['7', 'subscribe', 'books'],
      [null, 'unsubscribe', 'tickers'],
    ],
  );
  assert.match(answers[3].msg, /channel:candle1m,instId:BTC-USDT doesn't exist/);
  assert.equal(new Set(answers.map(({ connId }) => connId)).size, 1);
  assert.deepEqual(Object.keys(answers[3]), ['id', 'event', 'msg', 'code', 'connId']);
  assert.equal(dataOf(client, 'books').filter(({ action }) => action === 'snapshot').length, 1);
});

test('trades are contiguous; their sums begin with the last one there was, and stand for the same trades', async () => {
  const { simulator, ws, business, rest } = await start();
  const [all, sums] = [await Client.open(business), await Client.open(ws)];
  all.send(request('subscribe', wanted('trades-all')));
  await all.until('trades', () => dataOf(all, 'trades-all').length > 30);
  sums.send(request('subscribe', wanted('trades')));
  await sums.until('sums', () => dataOf(sums, 'trades').length > 60);
  await all.until('their trades', () => {
    const last = dataOf(sums, 'trades')[60].data[0].tradeId;
    return dataOf(all, 'trades-all').some(({ data }) => data[0].tradeId === last);
  });
  simulator.finish();
  sums.send('ping');
  await sums.until('everything before the pong', () => sums.texts.at(-1) === 'pong');
  sums.socket.terminate();
  const again = await Client.open(ws);
  again.send(request('subscribe', wanted('trades')));
  await again.until('the last sum', () => dataOf(again, 'trades').length > 0);
  again.socket.terminate();
  all.socket.terminate();
  const trades = dataOf(all, 'trades-all').map(({ data }) => data[0]);
  trades.forEach(({ tradeId }, i) => {
    assert.equal(Number(tradeId), Number(trades[0].tradeId) + i);
  });
  const added = dataOf(sums, 'trades').map(({ data }) => data[0]);
  const byId = new Map(trades.map((trade) => [Number(trade.tradeId), trade]));
  let several = 0;
  for (const [i, { tradeId, count, px, side, sz }] of added.slice(0, 61).entries()) {
    const first = Number(tradeId) - Number(count) + 1;
    if (i > 0) assert.equal(first, Number(added[i - 1].tradeId) + 1);
    const parts = Array.from({ length: Number(count) }, (_, k) => byId.get(first + k));
    if (parts.includes(undefined)) continue;
    for (const part of parts) assert.deepEqual([part.px, part.side], [px, side]);
    const sum = parts.reduce((total, part) => total + Number(part.sz), 0);
    assert.ok(Math.abs(sum - Number(sz)) < 1e-9, `${sz} is the sum of ${parts.map((part) => part.sz)}`);
    if (parts.length > 1) several++;
  }
  assert.ok(several > 0);
  assert.deepEqual(dataOf(again, 'trades')[0].data, [added.at(-1)], 'although nothing happens any more');
  const after = Number(trades[20].tradeId) + 1;
  const page = await get(`${rest}/api/v5/market/history-trades?instId=BTC-USDT&after=${after}&limit=20`);
  assert.equal(page.data.length, 20);
  page.data.forEach((row: Json, i: number) => {
    for (const [key, value] of Object.entries(row)) assert.deepEqual(trades[20 - i][key], value, key);
  });
});

test('books: changes name the one before; a quiet book says so with the number it has', async () => {
  const { simulator, ws, rest } = await start({ mix: [0, 0, 0, 0, 1], timings: { heartbeat_ms: 40 } });
  const client = await Client.open(ws);
  client.send(request('subscribe', wanted('books')));
  await client.until('changes', () => dataOf(client, 'books').length > 100);
  simulator.finish();
  const quiet = () =>
    dataOf(client, 'books').filter(({ data: [m] }) => m.asks.length + m.bids.length === 0).length;
  await client.until('signs of life', () => quiet() >= 3);
  client.socket.terminate();
  const events = dataOf(client, 'books');
  assert.equal(events[0].action, 'snapshot');
  let last = -1;
  const sides: Record<string, Map<string, string>> = { asks: new Map(), bids: new Map() };
  for (const { action, data } of events) {
    const [event] = data;
    assert.deepEqual(Object.keys(event), ['asks', 'bids', 'ts', 'checksum', 'seqId', 'prevSeqId']);
    assert.deepEqual([event.checksum, event.prevSeqId], [0, action === 'snapshot' ? -1 : last]);
    const empty = event.asks.length + event.bids.length === 0;
    assert.equal(event.seqId === event.prevSeqId, empty);
    last = event.seqId;
    for (const [name, levels] of Object.entries(sides)) {
      for (const [price, size] of event[name]) {
        if (size === '0') levels.delete(price);
        else levels.set(price, size);
      }
    }
  }
  assert.ok(events.at(-1).data[0].asks.length === 0, 'the signs of life stand at the end');
  const { data } = await get(`${rest}/api/v5/market/books?instId=BTC-USDT&sz=400`);
  assert.equal(data[0].seqId, last);
  for (const [name, levels] of Object.entries(sides)) {
    const sorted = [...levels].sort(([a], [b]) => (name === 'asks' ? 1 : -1) * (Number(a) - Number(b)));
    assert.deepEqual(
      sorted,
      data[0][name].map(([price, size]: string[]) => [price, size]),
    );
  }
});

test('candles and tickers; a connection that nothing is sent on ends with 4004', async () => {
  const { ws, business, rest } = await start({ timings: { subscribe_deadline_ms: 200 } });
  const silent = await Client.open(ws);
  const [client, tickers] = [await Client.open(business), await Client.open(ws)];
  client.send(request('subscribe', wanted('candle1m'), wanted('candle1H')));
  tickers.send(request('subscribe', wanted('tickers')));
  await client.until('candles', () => dataOf(client, 'candle1H').length > 5);
  await tickers.until('tickers', () => dataOf(tickers, 'tickers').length > 5);
  await silent.closed();
  client.socket.terminate();
  tickers.socket.terminate();
  assert.deepEqual([silent.close_code, silent.close_reason], [4004, 'No data received in 30s.']);
  for (const [open, first, high, low, close, volume, , , closed] of dataOf(client, 'candle1H').flatMap(
    ({ data }) => data,
  )) {
    assert.equal(Number(open) % 3_600_000, 0);
    assert.ok([first, close].every((price) => Number(price) <= Number(high) && Number(price) >= Number(low)));
    assert.ok(Number(volume) >= 0 && ['0', '1'].includes(closed));
  }
  for (const { data } of dataOf(tickers, 'tickers')) assert.ok(Number(data[0].bidPx) < Number(data[0].askPx));
  const { data } = await get(`${rest}/api/v5/public/instruments?instType=SPOT`);
  assert.ok(data.some(({ state }: Json) => state === 'suspend'));
  assert.equal((await get(`${rest}/api/v5/market/books?instId=NOPE`)).code, '51001');
});

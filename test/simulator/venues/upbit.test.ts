/** Upbit as a `ws` client sees it: requests without answers, ids without order, whole books, pages of past trades. */
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
    exchanges: ['upbit'],
    symbols: 3,
    rate: 3000,
    ...options,
  });
  simulators.push(simulator);
  const { ws, rest } = endpoints.exchanges.upbit;
  return { simulator, ws: `${ws}/websocket/v1`, rest };
}

const get = async (url: string): Promise<Json> => (await fetch(url)).json();
const request = (...types: [type: string, ...codes: string[]][]) => [
  { ticket: 'test' },
  ...types.map(([type, ...codes]) => ({ type, codes })),
  { format: 'DEFAULT' },
];
const ofType = (client: Client, type: string) => client.messages.filter((m) => m['type'] === type);
/** Ids as texts: they are beyond what a number holds. */
const idsOf = (text: string) => [...text.matchAll(/"sequential_id":(\d+)/g)].map(([, id]) => BigInt(id));

test('a request is not acknowledged and replaces all before it; errors are followed by the end', async () => {
  const { ws } = await start();
  const client = await Client.open(ws);
  const frames: boolean[] = [];
  client.socket.on('message', (_, binary) => frames.push(binary));
  client.send(request(['trade', 'KRW-BTC', 'KRW-NOPE', 'krw-eth']));
  await client.until('trades', () => ofType(client, 'trade').length > 20);
  assert.ok(client.messages.every(({ type, code }) => type === 'trade' && code === 'KRW-BTC'));
  client.send(request(['ticker', 'KRW-ETH']));
  await client.until('tickers', () => ofType(client, 'ticker').length > 20);
  const from = client.messages.findIndex(({ type }) => type === 'ticker');
  assert.ok(client.messages.slice(from).every(({ type, code }) => type === 'ticker' && code === 'KRW-ETH'));
  assert.ok(frames.every((binary) => binary));
  client.socket.terminate();
  const refusals: [unknown, string][] = [
    ['{', 'WRONG_FORMAT'],
    [{ ticket: 'x' }, 'WRONG_FORMAT'],
    [[{ type: 'trade', codes: ['KRW-BTC'] }], 'NO_TICKET'],
    [[{ ticket: 'x' }], 'NO_TYPE'],
    [[{ ticket: 'x' }, { type: 'trade' }], 'NO_CODES'],
    [[{ ticket: 'x' }, { type: 'nope', codes: ['KRW-BTC'] }], 'INVALID_PARAM'],
  ];
  for (const [sent, name] of refusals) {
    // a connection every 200 ms is allowed
    let refused: Client | undefined;
    while (refused === undefined) refused = await Client.open(ws).catch(() => undefined);
    refused.send(sent);
    await refused.closed();
    assert.deepEqual([refused.messages.map(({ error }) => error.name), refused.close_code], [[name], 1000]);
  }
});

test('ids go backwards now and then and never come twice; pages of past trades have the same trades', async () => {
  const { simulator, ws, rest } = await start();
  const client = await Client.open(ws);
  client.send(request(['trade', 'KRW-BTC']));
  await client.until('trades', () => ofType(client, 'trade').length > 400);
  simulator.finish();
  await client.until('all of them', () => {
    const { events } = simulator.totals().exchanges['upbit'].channels.trades;
    return ofType(client, 'trade').length === events + 1;
  });
  client.socket.terminate();
  const wire = new Map(client.texts.map((text) => [idsOf(text)[0], JSON.parse(text)]));
  assert.equal(wire.size, client.texts.length);
  const ids = [...wire.keys()];
  const backwards = ids.filter((id, i) => i > 0 && id < ids[i - 1]).length;
  assert.ok(backwards > 10 && backwards < ids.length / 4, `${backwards} of ${ids.length} go backwards`);
  const [snapshot, ...live] = client.messages;
  assert.equal(snapshot['stream_type'], 'SNAPSHOT');
  assert.ok(live.every(({ stream_type }) => stream_type === 'REALTIME'));
  const paged: bigint[] = [];
  let cursor = '';
  while (paged.length < ids.length) {
    // ten requests a second are allowed
    const answer = await fetch(`${rest}/v1/trades/ticks?market=KRW-BTC&count=90${cursor}`);
    if (answer.status === 429) continue;
    assert.equal(answer.status, 200);
    const text = await answer.text();
    const rows: Json[] = JSON.parse(text);
    const page = idsOf(text);
    assert.ok(page.length > 0);
    page.forEach((id, i) => {
      const { market, timestamp, trade_price, trade_volume, ask_bid } = rows[i];
      const sent = wire.get(id);
      if (sent === undefined) return;
      assert.deepEqual(
        [market, timestamp, trade_price, trade_volume, ask_bid],
        [sent.code, sent.trade_timestamp, sent.trade_price, sent.trade_volume, sent.ask_bid],
      );
    });
    paged.push(...page);
    cursor = `&cursor=${page.at(-1)}`;
  }
  paged.forEach((id, i) => {
    assert.ok(i === 0 || id < paged[i - 1], 'the newest first');
  });
  const missing = ids.filter((id) => !paged.includes(id));
  assert.deepEqual(missing, []);
});

test('pages of past trades: a time of the day, days ago, and what is refused', async () => {
  const { rest } = await start();
  const now_ms = performance.timeOrigin + performance.now();
  const yesterday = Math.floor(now_ms / 86_400_000) * 86_400_000 - 86_400_000;
  const ticks = `${rest}/v1/trades/ticks`;
  const page = await get(`${ticks}?market=KRW-BTC&count=3&days_ago=1&to=11:30:00`);
  const half_past = yesterday + (11 * 60 + 30) * 60_000;
  assert.equal(page.length, 3);
  for (const { timestamp, trade_date_utc, trade_time_utc } of page) {
    assert.ok(timestamp < half_past + 1000 && timestamp > half_past - 10_000);
    assert.equal(`${trade_date_utc}T${trade_time_utc}`, new Date(timestamp).toISOString().slice(0, 19));
  }
  assert.deepEqual(await get(`${ticks}?market=KRW-BTC&count=3&days_ago=1&to=113000`), page);
  assert.equal((await get(`${ticks}?market=KRW-BTC`)).length, 1);
  const refusal = async (query: string) => (await get(`${ticks}?${query}`)).error?.message;
  assert.match(await refusal('count=1'), /Missing request parameter/);
  assert.equal(await refusal('market=KRW-NOPE'), 'Code not found');
  for (const query of ['count=0', 'count=x', 'to=noon', 'days_ago=8', 'cursor=-1'])
    assert.match(await refusal(`market=KRW-BTC&${query}`), /Invalid parameter/, query);
});

test('books are whole, numbers have the spellings of Java, candles say when they began', async () => {
  const { simulator, ws, rest } = await start();
  const client = await Client.open(ws);
  client.send(request(['orderbook', 'KRW-BTC'], ['candle.1m', 'KRW-BTC'], ['trade', 'KRW-BTC']));
  client.send('PING');
  for (const type of ['orderbook', 'candle.1m'])
    await client.until(type, () => ofType(client, type).length > 30);
  simulator.finish();
  const [book] = await get(`${rest}/v1/orderbook?markets=KRW-BTC`);
  await client.until('the last book', () => {
    const { events } = simulator.totals().exchanges['upbit'].channels.trades;
    return ofType(client, 'trade').length >= events;
  });
  client.socket.terminate();
  const books = ofType(client, 'orderbook');
  assert.equal(books[0]['stream_type'], 'SNAPSHOT');
  for (const { orderbook_units } of books) {
    assert.equal(orderbook_units.length, 30);
    const asks = orderbook_units.map(({ ask_price }: Json) => ask_price);
    assert.deepEqual(
      asks,
      [...asks].sort((a, b) => a - b),
    );
    assert.ok(orderbook_units[0].bid_price < orderbook_units[0].ask_price);
  }
  assert.equal(book.orderbook_units.length, 30);
  assert.ok(
    client.texts.some((text) => /"trade_price":\d\.\d+E\d+,/.test(text)),
    'prices from 10^7 on have an exponent',
  );
  for (const candle of ofType(client, 'candle.1m')) {
    assert.match(candle['candle_date_time_utc'], /^\d{4}-\d\d-\d\dT\d\d:\d\d:00$/);
    assert.ok(
      candle['low_price'] <= candle['opening_price'] && candle['trade_price'] <= candle['high_price'],
    );
  }
});

/** The newest rows in memory: how many are kept and for how long, and what is found among them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecentRows } from '../../src/delivery/recent_rows.js';
import { batchOf, DAY, DAY_SECONDS, tradesOf } from '../support/batches.js';

const BTC = tradesOf('coinbase', 'BTC-USD', 'BTC-USD');
const KRAKEN = tradesOf('kraken', 'BTC%2FUSD', 'BTC-USD');
const ETH = tradesOf('coinbase', 'ETH-USD', 'ETH-USD');

const trades = (place: typeof BTC, from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => ({ place, row: from + i }));

/** `exchange row` of what is found at the end of the day. */
function found(recent: RecentRows, query: Partial<Parameters<RecentRows['find']>[0]>): string[] {
  return recent.find({ limit: 100, ...query }, DAY_SECONDS + 100).map((line) => {
    const { exchange, symbol, row } = JSON.parse(line);
    return `${exchange} ${symbol} ${row}`;
  });
}

test('so many of each, so many in all, and the oldest go first', () => {
  const recent = new RecentRows({ rowsEach: 3, rowsTotal: 5, seconds: 1000 });
  recent.add(batchOf([...trades(BTC, 0, 10), ...trades(KRAKEN, 0, 1), ...trades(ETH, 0, 1)]), DAY_SECONDS);
  const all = ['coinbase BTC-USD 7', 'coinbase BTC-USD 8', 'coinbase BTC-USD 9'];
  assert.deepEqual(found(recent, {}), [...all, 'kraken BTC-USD 0', 'coinbase ETH-USD 0']);
  recent.add(batchOf(trades(KRAKEN, 1, 3)), DAY_SECONDS);
  assert.deepEqual(found(recent, {}), [
    'coinbase BTC-USD 9',
    'kraken BTC-USD 0',
    'coinbase ETH-USD 0',
    'kraken BTC-USD 1',
    'kraken BTC-USD 2',
  ]);
});

test('rows are found by exchange, by either name of the symbol, by table and by time, and the newest of them', () => {
  const recent = new RecentRows({ rowsEach: 10, rowsTotal: 100, seconds: 1000 });
  recent.add(batchOf([...trades(BTC, 0, 3), ...trades(KRAKEN, 0, 3), ...trades(ETH, 0, 3)]), DAY_SECONDS);
  const kraken = ['kraken BTC-USD 0', 'kraken BTC-USD 1', 'kraken BTC-USD 2'];
  assert.deepEqual(found(recent, { exchange: 'kraken' }), kraken);
  assert.deepEqual(found(recent, { symbol: 'BTC/USD' }), kraken);
  assert.equal(found(recent, { symbol: 'BTC-USD' }).length, 6);
  assert.deepEqual(found(recent, { symbol: 'BTC-USD', limit: 2 }), kraken.slice(1));
  assert.deepEqual(found(recent, { exchange: 'kraken', since: DAY_SECONDS + 2 }), kraken.slice(2));
  assert.equal(found(recent, { table: 'TRADES' }).length, 9);
  assert.deepEqual(found(recent, { table: 'BOOK' }), []);
});

test('rows are forgotten when they are too old, and such that come again are not there twice', () => {
  const recent = new RecentRows({ rowsEach: 10, rowsTotal: 100, seconds: 98 });
  recent.add(batchOf(trades(BTC, 0, 5)), DAY_SECONDS);
  recent.add(batchOf(trades(BTC, 3, 6)), DAY_SECONDS);
  const kept = [2, 3, 4, 5].map((row) => `coinbase BTC-USD ${row}`);
  assert.deepEqual(found(recent, {}), kept);
  const tomorrow = tradesOf('coinbase', 'BTC-USD', 'BTC-USD', DAY + 1);
  recent.add(batchOf([{ place: tomorrow, row: 0, received: DAY_SECONDS + 50 }]), DAY_SECONDS + 101);
  assert.deepEqual(found(recent, {}), [...kept.slice(1), 'coinbase BTC-USD 0']);
});

test('values are exact, and memory stays bounded', () => {
  const recent = new RecentRows({ rowsEach: 2, rowsTotal: 2, seconds: 1e9 });
  for (let row = 0; row < 20_000; row += 1000) recent.add(batchOf(trades(BTC, row, row + 1000)), DAY_SECONDS);
  recent.add(batchOf([{ place: ETH, row: 0, priceText: '-1e-30' }]), DAY_SECONDS);
  const lines = recent.find({ limit: 10 }, DAY_SECONDS).map((line) => JSON.parse(line));
  assert.deepEqual(
    lines.map(({ trade_price }) => trade_price),
    ['2999.9', '-1e-30'],
  );
});

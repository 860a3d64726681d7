import assert from 'node:assert/strict';
import { rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { resumeStream } from '../../../src/store/read/resume.js';
import { DAY_START, dataDirectory, type Row, STAMP, trade, writeTableDay } from '../column_writer.js';

const EXACT = ['price_digits', 'size_digits', 'scales'];
const ids = (...numbers: number[]): Row[] => numbers.map((id) => trade(id));
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const resume = (root: string) => resumeStream(root, 'coinbase', 'BTC-USD', true);
const trades = (root: string, rows: readonly Row[], stamp = STAMP) =>
  writeTableDay(root, { table: 'TRADES', stamp }, rows);
const gap = (from: number, to: number): Row => ({
  time: DAY_START,
  table: 2,
  cause: 1,
  from_id: from,
  to_id: to,
});

test('nothing on disk', (t) => {
  assert.deepEqual(resume(dataDirectory(t)), {
    lastTradeId: '',
    recentTradeIds: [],
    unlistedIds: [],
    lastReceived: {},
  });
});

test('the newest id, wherever it stands, and the receive time of the last row of each table', (t) => {
  const root = dataDirectory(t);
  trades(root, ids(7, 9, 8));
  writeTableDay(root, { table: 'MD' }, [{ recv_time: DAY_START + 5, recv_nanos: 6 }]);
  assert.deepEqual(resume(root), {
    lastTradeId: '9',
    recentTradeIds: ['7', '9', '8'],
    unlistedIds: [],
    lastReceived: { TRADES: [DAY_START + 3600, 200_000_000], MD: [DAY_START + 5, 6] },
  });
});

test('ids beyond 2^53 are kept to the digit', (t) => {
  const root = dataDirectory(t);
  trades(root, [trade(18446744073709551614n), trade(18446744073709551615n)]);
  assert.equal(resume(root).lastTradeId, '18446744073709551615');
});

test('holes that GAPS does not list are found, those it lists are not', (t) => {
  const root = dataDirectory(t);
  trades(root, ids(...range(1, 10), ...range(15, 20), ...range(31, 40)));
  writeTableDay(root, { table: 'GAPS' }, [gap(11, 12), gap(25, 26)]);
  assert.deepEqual(resume(root).unlistedIds, [
    [13, 14],
    [21, 24],
    [27, 30],
  ]);
});

test('a hole at midnight is found, and one that GAPS lists is not', (t) => {
  const root = dataDirectory(t);
  trades(root, ids(1, 2, 3));
  trades(root, ids(7, 8), '22.11.26');
  assert.deepEqual([resume(root).lastTradeId, resume(root).unlistedIds], ['8', [[4, 6]]]);
  writeTableDay(root, { table: 'GAPS', stamp: '22.11.26' }, [gap(4, 5)]);
  assert.deepEqual(resume(root).unlistedIds, [[6, 6]]);
});

test('ids that start over at midnight leave no hole', (t) => {
  const root = dataDirectory(t);
  trades(root, ids(100, 101));
  trades(root, ids(1, 2), '22.11.26');
  assert.deepEqual([resume(root).lastTradeId, resume(root).unlistedIds], ['2', []]);
});

test('a late row at the beginning of what is looked at makes no hole', (t) => {
  const root = dataDirectory(t);
  // 101 came late, its neighbours are too far back to be seen
  trades(root, ids(...range(1, 5000), 5002, ...range(5003, 20_000), 5001, ...range(20_001, 36_000), 36_005));
  assert.deepEqual(resume(root).unlistedIds, [[36_001, 36_004]]);
});

test('what a killed process wrote of a row does not count', (t) => {
  const root = dataDirectory(t);
  const folder = trades(root, ids(1, 2, 3));
  truncateSync(join(folder, `scales.${STAMP}.bin`), 8);
  assert.equal(resume(root).lastTradeId, '2');
  rmSync(join(folder, `recv_time.${STAMP}.bin`));
  assert.equal(resume(root).lastTradeId, '');
});

test('files without rows, as they are prepared for tomorrow, do not hide the day before', (t) => {
  const root = dataDirectory(t);
  trades(root, ids(4, 5));
  trades(root, [], '22.11.26');
  assert.equal(resume(root).lastTradeId, '5');
  trades(root, ids(6), '22.11.26');
  assert.equal(resume(root).lastTradeId, '6');
});

test('columns without exact digits are whole rows, too', (t) => {
  const root = dataDirectory(t);
  writeTableDay(root, { table: 'TRADES', without: EXACT }, ids(4, 5));
  assert.equal(resume(root).lastTradeId, '5');
});

test('ids that do not count up: the last ones as they were stored, and no holes', (t) => {
  const root = dataDirectory(t);
  trades(root, ids(...range(1, 100).map((n) => (n * 7) % 101)));
  const { recentTradeIds, unlistedIds } = resumeStream(root, 'coinbase', 'BTC-USD', false);
  assert.deepEqual(
    recentTradeIds,
    range(37, 100).map((n) => String((n * 7) % 101)),
  );
  assert.deepEqual(unlistedIds, []);
});

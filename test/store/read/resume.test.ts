import assert from 'node:assert/strict';
import fs, { rmSync, truncateSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { GAP_CAUSES, TRADES } from '../../../src/schema/tables.js';
import { resumeStream } from '../../../src/store/read/resume.js';
import { DAY_START, dataDirectory, type Row, STAMP, trade, writeTableDay } from '../column_writer.js';

const EXACT = ['price_digits', 'size_digits', 'scales'];
const ids = (...numbers: number[]): Row[] => numbers.map((id) => trade(id));
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const resume = (root: string) => resumeStream(root, 'coinbase', 'BTC-USD', [TRADES]);
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
    lastAggregateId: '',
    gaps: { open: [], filled: [] },
    lastReceived: {},
  });
});

/** Folders that are listed while `act` runs. */
function foldersListed(act: () => void): number {
  const original = fs.readdirSync;
  let calls = 0;
  fs.readdirSync = ((...args: Parameters<typeof original>) => {
    calls++;
    return original(...args);
  }) as typeof original;
  syncBuiltinESMExports();
  try {
    act();
  } finally {
    fs.readdirSync = original;
    syncBuiltinESMExports();
  }
  return calls;
}

test('a symbol without files costs one look, others one for each table that they have: a start has thousands', (t) => {
  const root = dataDirectory(t);
  assert.equal(
    foldersListed(() => resume(root)),
    1,
  );
  trades(root, ids(1, 2, 3));
  // the symbol, the table as what was received last, and as what has ids
  assert.equal(
    foldersListed(() => resume(root)),
    3,
  );
});

test('the newest id, wherever it stands, and the receive time of the last row of each table', (t) => {
  const root = dataDirectory(t);
  trades(root, ids(7, 9, 8));
  writeTableDay(root, { table: 'MD' }, [{ recv_time: DAY_START + 5, recv_nanos: 6 }]);
  assert.deepEqual(resume(root), {
    lastTradeId: '9',
    recentTradeIds: ['7', '9', '8'],
    unlistedIds: [],
    lastAggregateId: '',
    gaps: { open: [], filled: [] },
    lastReceived: { TRADES: [DAY_START + 3600, 200_000_000], MD: [DAY_START + 5, 6] },
  });
});

test('ids beyond 2^53 are kept to the digit', (t) => {
  const root = dataDirectory(t);
  trades(root, [trade(18446744073709551614n), trade(18446744073709551615n)]);
  assert.equal(resume(root).lastTradeId, '18446744073709551615');
});

test('gaps that GAPS does not list are found, those it lists are not', (t) => {
  const root = dataDirectory(t);
  trades(root, ids(...range(1, 10), ...range(15, 20), ...range(31, 40)));
  writeTableDay(root, { table: 'GAPS' }, [gap(11, 12), gap(25, 26)]);
  assert.deepEqual(resume(root).unlistedIds, [
    [13, 14],
    [21, 24],
    [27, 30],
  ]);
});

test('a gap at midnight is found, and one that GAPS lists is not', (t) => {
  const root = dataDirectory(t);
  trades(root, ids(1, 2, 3));
  trades(root, ids(7, 8), '22.11.26');
  assert.deepEqual([resume(root).lastTradeId, resume(root).unlistedIds], ['8', [[4, 6]]]);
  writeTableDay(root, { table: 'GAPS', stamp: '22.11.26' }, [gap(4, 5)]);
  assert.deepEqual(resume(root).unlistedIds, [[6, 6]]);
});

test('ids that start over at midnight leave no gap', (t) => {
  const root = dataDirectory(t);
  trades(root, ids(100, 101));
  trades(root, ids(1, 2), '22.11.26');
  assert.deepEqual([resume(root).lastTradeId, resume(root).unlistedIds], ['2', []]);
});

test('a late row at the beginning of what is looked at makes no gap', (t) => {
  const root = dataDirectory(t);
  // 101 came late, its neighbours are too far back to be seen
  trades(root, ids(...range(1, 5000), 5002, ...range(5003, 20_000), 5001, ...range(20_001, 36_000), 36_005));
  assert.deepEqual(resume(root).unlistedIds, [[36_001, 36_004]]);
});

test('rows that other columns lack count: the writer lists them when it opens the files', (t) => {
  const root = dataDirectory(t);
  const folder = trades(root, ids(1, 2, 3));
  truncateSync(join(folder, `trade_price.${STAMP}.bin`), 0);
  truncateSync(join(folder, `flags.${STAMP}.bin`), 4);
  rmSync(join(folder, `scales.${STAMP}.bin`));
  assert.deepEqual(resume(root), {
    lastTradeId: '3',
    recentTradeIds: ['1', '2', '3'],
    unlistedIds: [],
    lastAggregateId: '',
    gaps: { open: [], filled: [] },
    lastReceived: { TRADES: [DAY_START + 3600, 200_000_000] },
  });
  rmSync(join(folder, `recv_time.${STAMP}.bin`));
  rmSync(join(folder, `trade_id.${STAMP}.bin`));
  assert.deepEqual(resume(root).lastReceived, {});
  assert.equal(resume(root).lastTradeId, '');
});

const DAY = 86_400;
/** Trades whose receive time was wrong by so many days: filed under the day of that time. */
const suspects = (days: number, ...numbers: number[]) =>
  numbers.map((id) =>
    trade(id, undefined, undefined, { flags: 4, recv_time: DAY_START + 3600 + days * DAY }),
  );

for (const [days, stamp] of [
  [2, '23.11.26'],
  [1, '22.11.26'],
  [-1, '20.11.26'],
  [-2, '19.11.26'],
  [-400, '17.10.25'],
  [-20_778, '01.01.70'],
] as const) {
  test(`a receive clock that was wrong by ${days} days for a while hides nothing`, (t) => {
    const root = dataDirectory(t);
    for (let day = 10; day < 19; day++) trades(root, ids(day - 9), `${day}.11.26`);
    trades(root, ids(...range(10, 50), ...range(61, 100)));
    trades(root, suspects(days, ...range(51, 60)), stamp);
    const found = resumeStream(root, 'coinbase', 'BTC-USD', [TRADES], DAY_START + 7200);
    assert.equal(found.lastTradeId, '100');
    assert.deepEqual(found.unlistedIds, []);
    assert.deepEqual(found.lastReceived, { TRADES: [DAY_START + 3600, 200_000_000] });
    // and what is missing besides is found
    trades(root, ids(...range(10, 50), ...range(61, 80), ...range(91, 100)));
    assert.deepEqual(resumeStream(root, 'coinbase', 'BTC-USD', [TRADES], DAY_START + 7200).unlistedIds, [
      [81, 90],
    ]);
  });
}

test('a process that ended while its receive clock was wrong continues behind its last row', (t) => {
  for (const [days, stamp] of [
    [2, '23.11.26'],
    [-2, '19.11.26'],
  ] as const) {
    const root = dataDirectory(t);
    trades(root, ids(...range(1, 50)));
    trades(root, suspects(days, ...range(51, 60)), stamp);
    const found = resumeStream(root, 'coinbase', 'BTC-USD', [TRADES], DAY_START + 7200);
    assert.equal(found.lastTradeId, '60');
    assert.deepEqual(found.unlistedIds, []);
  }
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

test('ids that do not count up: the last ones as they were stored, and no gaps', (t) => {
  const root = dataDirectory(t);
  trades(root, ids(...range(1, 100).map((n) => (n * 7) % 101)));
  const { recentTradeIds, unlistedIds } = resumeStream(root, 'coinbase', 'BTC-USD', []);
  assert.deepEqual(
    recentTradeIds,
    range(37, 100).map((n) => String((n * 7) % 101)),
  );
  assert.deepEqual(unlistedIds, []);
});

test('what GAPS lists right behind the newest row is not listed again', (t) => {
  const root = dataDirectory(t);
  trades(root, ids(1, 2, 3));
  writeTableDay(root, { table: 'GAPS' }, [gap(4, 9), { ...gap(8, 9), flags: 1 }, gap(20, 30)]);
  assert.deepEqual([resume(root).lastTradeId, resume(root).unlistedIds], ['7', []]);
});

const fetched = (...numbers: number[]): Row[] =>
  numbers.map((id) => trade(id, undefined, undefined, { flags: 1 }));

test('rows that were fetched stand behind newer ones, however many there are, and are neither the newest nor a gap', (t) => {
  const root = dataDirectory(t);
  trades(root, [...ids(...range(1, 300), ...range(30_001, 30_300)), ...fetched(...range(301, 30_000))]);
  writeTableDay(root, { table: 'GAPS' }, [
    gap(301, 30_000),
    { ...gap(301, 30_000), messages: 29_700, flags: 1 },
  ]);
  const found = resume(root);
  assert.deepEqual([found.lastTradeId, found.unlistedIds], ['30300', []]);
  assert.deepEqual(found.gaps, { open: [], filled: [] });
});

test('gaps that are still open go on, less what is on disk, and what is closed does not', (t) => {
  const root = dataDirectory(t);
  trades(root, [...ids(1, 2, 20, 21), ...fetched(10, 11, 12)]);
  writeTableDay(root, { table: 'GAPS' }, [
    { ...gap(3, 19), from_time: DAY_START + 5, to_time: DAY_START + 9 },
    { ...gap(10, 11), messages: 2, flags: 1 },
    { ...gap(18, 19), flags: 1 << 14, cause: GAP_CAUSES.absent.id },
  ]);
  const { open, filled } = resume(root).gaps;
  const idsOf = (gaps: typeof open) => gaps.map(({ fromId, toId }) => [fromId, toId]);
  assert.deepEqual(idsOf(filled), [[12, 12]]);
  assert.deepEqual(idsOf(open), [
    [3, 9],
    [13, 17],
  ]);
  assert.deepEqual([open[0]!.table, open[0]!.cause], ['TRADES', 'disconnect']);
});

test('a column of GAPS that is gone takes what it listed along, and nothing else', (t) => {
  for (const column of ['cause', 'from_id', 'flags']) {
    const root = dataDirectory(t);
    trades(root, ids(1, 2, 20, 21));
    const directory = writeTableDay(root, { table: 'GAPS' }, [gap(3, 19)]);
    rmSync(join(directory, `${column}.${STAMP}.bin`));
    const found = resume(root);
    assert.deepEqual([found.lastTradeId, found.unlistedIds, found.gaps.open], ['21', [[3, 19]], []], column);
  }
});

test('behind ids that began again only what was received since counts', (t) => {
  const root = dataDirectory(t);
  const at = (seconds: number) => ({ recv_time: DAY_START + seconds, recv_nanos: 0 });
  trades(root, [
    ...range(9000, 9010).map((id) => trade(id, undefined, undefined, at(10))),
    ...range(1, 5).map((id) => trade(id, undefined, undefined, at(20))),
  ]);
  const reset = { ...gap(0, 0), cause: GAP_CAUSES.reset.id, to_time: DAY_START + 20, to_nanos: 0 };
  writeTableDay(root, { table: 'GAPS' }, [gap(9005, 9006), reset]);
  const found = resume(root);
  assert.deepEqual([found.lastTradeId, found.unlistedIds, found.gaps.open], ['5', [], []]);
});

test('ids without order: fetched ones are known, but none of them is the newest', (t) => {
  const root = dataDirectory(t);
  trades(root, [...ids(70, 30), ...fetched(50, 40), ...ids(20)]);
  const { recentTradeIds } = resumeStream(root, 'coinbase', 'BTC-USD', []);
  assert.deepEqual(recentTradeIds.slice(-3), ['70', '30', '20']);
  assert.deepEqual(recentTradeIds.slice(0, -3).sort(), ['40', '50']);
});

test('a gap of ids without order goes on with what was stored around it', (t) => {
  const root = dataDirectory(t);
  const at = (id: number, seconds: number, more: Row = {}) =>
    trade(id, undefined, undefined, { recv_time: DAY_START + seconds, recv_nanos: 0, ...more });
  trades(root, [at(70, 1), at(30, 2), at(90, 8), at(50, 9, { flags: 1 }), at(20, 10)]);
  const times = { from_time: DAY_START + 2, from_nanos: 0, to_time: DAY_START + 8, to_nanos: 0 };
  const listed = { ...gap(0, 0), ...times };
  const later = { ...listed, from_time: DAY_START + 9, to_time: DAY_START + 10 };
  writeTableDay(root, { table: 'GAPS' }, [listed, later, { ...later, flags: 1 }]);
  const { open } = resumeStream(root, 'coinbase', 'BTC-USD', []).gaps;
  assert.deepEqual(
    open.map(({ anchor, known, toSeconds, toId }) => [anchor, known, toSeconds - DAY_START, toId]),
    [['30', ['70', '30', '90', '50', '20'], 8, 0]],
  );
});

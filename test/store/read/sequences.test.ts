/** Trade ids: runs, gaps, duplicates, days; compared with a plain set of every id. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IdRuns, type IdSummary } from '../../../src/store/read/id_runs.js';
import { gapsBetween, intervalText, subtract, union } from '../../../src/store/read/intervals.js';
import { type GapRow, listings } from '../../../src/store/read/listings.js';
import { checkListings, checkSequence } from '../../../src/store/read/sequences.js';

function summary(ids: readonly (number | bigint)[], kept: readonly number[] = [], blockRows = 3): IdSummary {
  const runs = new IdRuns();
  for (let row = 0; row < ids.length; row += blockRows) {
    const block = BigUint64Array.from(ids.slice(row, row + blockRows), BigInt);
    const flags = Uint32Array.from(block, (_, i) => (kept.includes(row + i) ? 2 : 0));
    runs.add(block, flags, row);
  }
  return runs.finish()!;
}

const check = (days: (readonly (number | bigint)[])[], listed: [number, number][] = []) =>
  checkSequence(
    days.map((ids, i) => ({ day: 20778 + i, ids: summary(ids) })),
    union(listed.map(([from, to]) => ({ from: BigInt(from), to: BigInt(to) }))).merged,
  );

test('agrees with a plain set on random ids', () => {
  let state = 12345;
  const random = (n: number) => (state = (state * 1103515245 + 12345) % 2 ** 31) % n;
  for (let round = 0; round < 300; round++) {
    const base = round % 2 === 0 ? 1n : 2n ** 64n - 40n;
    const ids = Array.from({ length: 1 + random(40) }, () => base + BigInt(random(39)));
    const seen = new Set<bigint>();
    let duplicates = 0n;
    let late = 0n;
    let max = -1n;
    for (const id of ids) {
      if (seen.has(id)) duplicates++;
      if (id < max) late++;
      if (id > max) max = id;
      seen.add(id);
    }
    const sorted = [...seen].sort((a, b) => (a < b ? -1 : 1));
    const found = summary(ids, [], 1 + random(9));
    assert.equal(found.duplicateCount, duplicates);
    assert.equal(found.outOfOrder, late);
    assert.equal(found.belowFirst, BigInt(ids.filter((id) => id < ids[0]!).length));
    assert.deepEqual([found.first, found.min, found.max], [ids[0], sorted[0], sorted.at(-1)]);
    const expanded: bigint[] = [];
    for (const { from, to } of found.islands) for (let id = from; id <= to; id++) expanded.push(id);
    assert.deepEqual(expanded, sorted);
  }
});

test('ids at the top of 64 bits and across 2^32 stay one run', () => {
  const top = 2n ** 64n - 1n;
  assert.deepEqual(summary([top - 1n, top, 0]).islands.length, 2);
  assert.equal(summary([2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1]).islands.length, 1);
  assert.equal(summary([2n ** 53n, 2n ** 53n + 1n, 2n ** 53n + 3n]).islands.length, 2);
});

test('a kept duplicate is allowed and may fill a gap', () => {
  const found = summary([1, 2, 2, 3, 5, 4], [2, 5]);
  assert.equal(found.duplicateCount, 0n);
  const report = checkSequence([{ day: 1, ids: found }], []);
  assert.deepEqual([report.problems.count, report.missing, report.keptDuplicates], [0, 0n, 2n]);
});

test('gaps must be listed, wholly', () => {
  assert.equal(check([[1, 2, 3, 4]]).problems.count, 0);
  const unlisted = check([[1, 2, 6, 7]]);
  assert.match(unlisted.problems.told[0]!.text, /2026-11-21: ids 3-5 \(3\) missing and not listed in GAPS/);
  const partly = check([[1, 2, 6, 7]], [[3, 4]]);
  assert.match(partly.problems.told[0]!.text, /ids 5 missing/);
  assert.deepEqual([partly.missing, partly.listed], [3n, 2n]);
  const listed = check(
    [[1, 2, 6, 7]],
    [
      [5, 9],
      [3, 4],
    ],
  );
  assert.deepEqual([listed.problems.count, listed.missing, listed.listed], [0, 3n, 3n]);
});

test('late rows fill gaps, also on the next day, and are counted', () => {
  const late = check([[1, 2, 5, 3, 4]]);
  assert.deepEqual([late.problems.count, late.outOfOrder], [0, 2n]);
  assert.equal(
    check([
      [1, 2, 4],
      [3, 5, 6],
    ]).problems.count,
    0,
  );
});

test('gaps and duplicates across midnight', () => {
  assert.match(
    check([
      [1, 2],
      [4, 5],
    ]).problems.told[0]!.text,
    /2026-11-22: ids 3 missing/,
  );
  assert.equal(
    check(
      [
        [1, 2],
        [4, 5],
      ],
      [[3, 3]],
    ).problems.count,
    0,
  );
  assert.match(
    check([
      [1, 2],
      [2, 3],
    ]).problems.told[0]!.text,
    /1 trade ids are there on more than one day/,
  );
});

test('ids that start over are noted, a gap before the first id of a day is not excused', () => {
  const within = check([[1000, 1001, 1, 2, 3]]);
  assert.equal(within.problems.count, 0);
  assert.ok(within.notes.some((note) => note.includes('3 ids are below the first one received, 1000')));
  const nextDay = check([
    [1000, 1001],
    [1, 2],
  ]);
  assert.equal(nextDay.problems.count, 0);
  assert.match(nextDay.notes.join(), /ids start over at 1/);
  const backfilled = check([
    [1, 2],
    [9, 10, 5, 6],
  ]);
  assert.equal(backfilled.problems.count, 2, 'yesterday shows that 3-4 and 7-8 existed');
});

test('days that do not follow each other are noted', () => {
  const days = [
    { day: 20778, ids: summary([1, 2]) },
    { day: 20780, ids: summary([9]) },
  ];
  const report = checkSequence(days, []);
  assert.equal(report.problems.count, 0);
  assert.match(report.notes[0]!, /ids 3-8 \(6\) not checked/);
});

test('intervals', () => {
  const of = (...pairs: [number, number][]) => pairs.map(([a, b]) => ({ from: BigInt(a), to: BigInt(b) }));
  assert.deepEqual(union(of([5, 6], [1, 2], [3, 3], [6, 9])), { merged: of([1, 3], [5, 9]), overlap: 1n });
  assert.deepEqual(gapsBetween(of([1, 3], [5, 9], [20, 20])), of([4, 4], [10, 19]));
  assert.deepEqual(
    subtract(of([1, 10], [20, 30]), of([3, 4], [10, 22], [30, 30])),
    of([1, 2], [5, 9], [23, 29]),
  );
  assert.deepEqual(subtract(of([1, 3]), []), of([1, 3]));
  assert.equal(intervalText({ from: 7n, to: 9n }), '7-9 (3)');
});

test('ids without order have no gaps, and only unique ones have duplicates', () => {
  const days = [{ day: 20778, ids: summary([9, 3, 17866130914490001n, 3]) }];
  const unique = checkSequence(days, [], 'unique');
  assert.deepEqual([unique.problems.count, unique.missing], [1, 0n]);
  assert.match(unique.problems.told[0]!.text, /trade id 3 \(row 3\) is there more than once/);
  assert.equal(checkSequence(days, [], 'shared').problems.count, 0);
  assert.ok(checkSequence(days, []).missing > 0n);
});

const GAP: GapRow = {
  day: 20778,
  table: 2,
  cause: 1,
  fromId: 0n,
  toId: 0n,
  ...{ fromTime: 0, fromNanos: 0, toTime: 0, toNanos: 0 },
  messages: 0n,
  state: 'open',
};
const gap = (from: number, to: number, more: Partial<GapRow> = {}): GapRow => ({
  ...GAP,
  fromId: BigInt(from),
  toId: BigInt(to),
  ...more,
});
const texts = (ids: readonly { from: bigint; to: bigint }[]) => ids.map(({ from, to }) => `${from}-${to}`);

test('what GAPS lists in the end: rows that take back count for what was listed before them', () => {
  const gaps = [
    gap(1, 10),
    gap(20, 30),
    gap(5, 6, { state: 'repaired' }),
    gap(25, 99, { state: 'repaired' }),
    gap(40, 41),
    gap(50, 60, { table: 1 }),
  ];
  assert.deepEqual(texts(listings(gaps).open), ['1-4', '7-10', '20-24', '40-41']);
  assert.deepEqual(listings(gaps).twice, []);
});

test('ids that are listed twice are named, those that were taken back meanwhile are not', () => {
  assert.deepEqual(texts(listings([gap(1, 10), gap(8, 12), gap(9, 9)]).twice), ['8-10']);
  assert.deepEqual(texts(listings([gap(1, 10), gap(3, 4, { state: 'repaired' }), gap(2, 3)]).twice), ['2-2']);
  assert.deepEqual(listings([gap(1, 10), gap(11, 12)]).twice, []);
});

test('ids that are there although GAPS lists them are named', () => {
  const days = [{ day: 20778, ids: summary([1, 2, 3, 4, 7]) }];
  const gaps = [gap(4, 7), gap(7, 7, { state: 'repaired' }), gap(6, 6)];
  assert.deepEqual(
    checkListings(days, gaps).told.map(({ text }) => text),
    [
      'ids 6 are listed more than once in GAPS',
      '2026-11-21: ids 4 are there, but GAPS lists them as missing',
    ],
  );
});

test('ids that a wrong clock has filed under another day are not missing', () => {
  const day = (number: number, ids: number[], bits = 0) => {
    const runs = new IdRuns();
    runs.add(BigUint64Array.from(ids, BigInt), new Uint32Array(ids.length).fill(bits), 0);
    return { day: number, ids: runs.finish() as IdSummary };
  };
  for (const wrong of [20780, 20779, 20776, 0]) {
    const days = [day(20778, [1, 2, 3, 6, 7, 10]), day(wrong, [4, 5], 4)].sort((a, b) => a.day - b.day);
    const { problems, missing } = checkSequence(days, []);
    assert.deepEqual(
      problems.told.map(({ text }) => text),
      ['2026-11-21: ids 8-9 (2) missing and not listed in GAPS'],
    );
    assert.equal(missing, 2n);
    // of ids that started over nothing is taken for another day's
    const regular = days.map((one) => (one.day === wrong ? day(wrong, [4, 5]) : one));
    if (wrong === 20780) assert.equal(checkSequence(regular, []).missing, 4n);
  }
});

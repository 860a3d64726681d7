/** What --compare says of two reports. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compare, regressions } from '../../bench/compare.js';
import { figureOf, reportOf } from './reports.js';

const changeOf = (before: readonly number[], after: readonly number[], better: 'less' | 'more' = 'less') =>
  compare(reportOf([figureOf('x', before, { better })]), reportOf([figureOf('x', after, { better })]));

test('a change beyond the spread is found, in both directions of better', () => {
  const slower = changeOf([10, 11, 12], [13, 14, 15]);
  assert.deepEqual(slower.changes, [
    {
      stage: 'some',
      name: 'x',
      unit: 'ms',
      before: 11,
      after: 14,
      percent: (3 / 11) * 100,
      beyondSpread: true,
      worse: true,
    },
  ]);
  assert.equal(regressions(slower, 20).length, 1);
  assert.equal(regressions(slower, 30).length, 0, 'less than is allowed');
  assert.equal(regressions(changeOf([13, 14, 15], [10, 11, 12]), 1).length, 0, 'faster is no regression');
  assert.equal(regressions(changeOf([13, 14, 15], [10, 11, 12], 'more'), 1).length, 1, 'fewer per second is');
});

test('a change within the spread is none, however large it is', () => {
  const { changes } = changeOf([10, 11, 30], [29, 40, 50]);
  assert.equal(changes[0].beyondSpread, false);
  assert.equal(regressions({ changes, warnings: [] }, 1).length, 0);
  assert.equal(changeOf([10, 11, 12], [12, 13, 14]).changes[0].beyondSpread, false, 'one value is the same');
});

test('from nothing to something is a regression by more than any percentage, and nothing to nothing is none', () => {
  assert.equal(regressions(changeOf([0, 0], [5, 6]), 1e9).length, 1);
  assert.equal(regressions(changeOf([0, 0], [0, 0]), 1).length, 0);
});

test('only figures that both reports have with one unit are compared', () => {
  const { changes } = compare(
    reportOf([figureOf('x', [1]), figureOf('gone', [1]), figureOf('other', [1], { unit: 's' })]),
    reportOf([figureOf('x', [1]), figureOf('new', [1]), figureOf('other', [1])]),
  );
  assert.deepEqual(
    changes.map(({ name }) => name),
    ['x'],
  );
});

test('what else has changed is said', () => {
  const before = reportOf([figureOf('x', [1])]);
  const machine = { ...before.machine, cores: 64 };
  const stages = before.stages.map((stage) => ({ ...stage, input: 'another' }));
  assert.deepEqual(compare(before, before).warnings, []);
  assert.deepEqual(compare(before, { ...before, machine, stages, valid: false }).warnings, [
    'cores before: 2, now: 64',
    'the report of 2026-11-21T00:00:00.000Z is not valid',
    'some has another input than before',
  ]);
});

/** What rows of GAPS say together of every gap. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GAP_CAUSES, type GapCause, MD, TRADES } from '../../../src/schema/tables.js';
import { knownGaps } from '../../../src/store/read/gap_states.js';
import type { GapRow, GapState } from '../../../src/store/read/listings.js';

function row(fromId: number, toId: number, state: GapState = 'open', cause: GapCause = 'disconnect'): GapRow {
  return {
    day: 20_778,
    table: TRADES.id,
    cause: GAP_CAUSES[cause].id,
    fromId: BigInt(fromId),
    toId: BigInt(toId),
    ...{ fromTime: 100, fromNanos: 0, toTime: 101, toNanos: 5 },
    messages: toId === 0 ? 0n : BigInt(toId - fromId + 1),
    state,
  };
}

const statesOf = (rows: readonly GapRow[]) => knownGaps(rows).map(({ state, repaired }) => [state, repaired]);

test('a gap is open until every id of it is repaired, part by part and in any order', () => {
  const gap = row(10, 19);
  assert.deepEqual(statesOf([gap]), [['open', 0n]]);
  assert.deepEqual(statesOf([gap, row(15, 19, 'repaired')]), [['open', 5n]]);
  assert.deepEqual(knownGaps([gap, row(15, 19, 'repaired')])[0]!.open, [{ from: 10n, to: 14n }]);
  assert.deepEqual(statesOf([gap, row(15, 19, 'repaired'), row(10, 14, 'repaired')]), [['repaired', 10n]]);
});

test('one row may close several gaps, and touches no other', () => {
  const rows = [row(10, 12), row(20, 22), row(30, 32), row(11, 25, 'repaired')];
  assert.deepEqual(statesOf(rows), [
    ['open', 2n],
    ['repaired', 3n],
    ['open', 0n],
  ]);
});

test('what cannot be repaired says why, and what was repaired of it counts', () => {
  const [gap] = knownGaps([row(10, 19), row(12, 19, 'repaired'), row(10, 11, 'unrepairable', 'absent')]);
  assert.equal(gap!.state, 'unrepairable');
  assert.equal(gap!.repaired, 8n);
  assert.equal(gap!.reason, GAP_CAUSES.absent.id);
});

test('a gap without ids is known by its times', () => {
  const gap = row(0, 0);
  const other = { ...gap, toTime: 102 };
  const closed = { ...gap, state: 'repaired', messages: 7n } as const;
  assert.deepEqual(statesOf([gap, other, closed]), [
    ['repaired', 7n],
    ['open', 0n],
  ]);
  assert.deepEqual(statesOf([{ ...gap, table: MD.id, state: 'unrepairable' }]), [['unrepairable', 0n]]);
});

test('what is listed again after its repair is open again', () => {
  const rows = [row(10, 12), row(10, 12, 'repaired'), row(10, 12, 'open', 'disk')];
  assert.deepEqual(statesOf(rows), [
    ['repaired', 3n],
    ['open', 0n],
  ]);
});

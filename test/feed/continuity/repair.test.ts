/** The repair of one gap: which page comes next, when it is over, and what is said of what stays missing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Gap } from '../../../src/feed/continuity/gap_log.js';
import type { Stretch } from '../../../src/feed/continuity/missing_ids.js';
import { Repair } from '../../../src/feed/continuity/repair.js';
import { ROWS_BEFORE_ANCHOR } from '../../../src/feed/continuity/repair_sequence.js';
import { TRADES } from '../../../src/schema/tables.js';

const GAP: Gap = {
  slot: 0,
  table: TRADES,
  cause: 'disconnect',
  ...{ fromId: 100, toId: 109, fromSeconds: 1000, fromNanos: 0, toSeconds: 1010, toNanos: 0, messages: 10 },
};
const NOW = 1020;

/** A repair with what is left of its gap, which tests fill by hand. */
function repairOf(gap: Gap, pages: 'up' | 'down' | 'newest', anchor?: Uint32Array) {
  let left: Stretch[] = gap.toId > 0 ? [{ from: gap.fromId, to: gap.toId }] : [];
  const repair = new Repair(gap, { pages }, { anchor }, () => left);
  return { repair, leave: (...stretches: Stretch[]) => (left = stretches) };
}
const stretch = (from: number, to: number): Stretch => ({ from, to });

const page = (lowest: number, highest: number, cursor?: string) => ({
  messages: highest < lowest ? 0 : highest - lowest + 1,
  ...{ lowest, highest, cursor },
});
const EMPTY = { messages: 0, lowest: Number.POSITIVE_INFINITY, highest: -1, cursor: undefined };

test('going up begins with the id in front of the gap and ends with its last one', () => {
  const { repair, leave } = repairOf(GAP, 'up');
  assert.equal(repair.request(NOW).id, 99);
  leave(stretch(105, 109));
  assert.equal(repair.turn(page(99, 104)), 'next');
  assert.equal(repair.request(NOW).id, 105);
  leave();
  assert.equal(repair.turn(page(105, 200)), 'done');
  assert.deepEqual(repair.closing(), []);
});

test('going down begins behind the gap and ends in front of it; what is not there does not exist', () => {
  const { repair, leave } = repairOf(GAP, 'down');
  assert.equal(repair.request(NOW).id, 110);
  leave(stretch(100, 105));
  assert.equal(repair.turn(page(106, 109)), 'next');
  assert.equal(repair.request(NOW).id, 106);
  leave(stretch(104, 105));
  assert.equal(repair.turn(page(98, 103)), 'done');
  const [rest, ...others] = repair.closing();
  assert.deepEqual(others, []);
  assert.deepEqual(
    [rest!.fromId, rest!.toId, rest!.cause, rest!.state],
    [104, 105, 'absent', 'unrepairable'],
  );
});

test('a history that ends in front of the gap is asked again before it counts as complete', () => {
  const { repair } = repairOf(GAP, 'up');
  assert.equal(repair.turn(page(99, 99)), 'next');
  assert.deepEqual([repair.turn(EMPTY), repair.turn(EMPTY), repair.turn(EMPTY)], ['later', 'later', 'done']);
  assert.equal(repair.closing()[0]!.cause, 'absent');
});

test('a history that does not reach back is told from one that has a hole', () => {
  const { repair, leave } = repairOf(GAP, 'down');
  leave(stretch(100, 107));
  assert.equal(repair.turn(page(108, 109)), 'next');
  assert.deepEqual([repair.turn(EMPTY), repair.turn(EMPTY), repair.turn(EMPTY)], ['later', 'later', 'done']);
  assert.deepEqual(
    repair.closing().map(({ fromId, toId, cause }) => [fromId, toId, cause]),
    [[100, 107, 'out_of_reach']],
  );
});

test('pages by time begin earlier when the first one begins within the gap', () => {
  const { repair, leave } = repairOf(GAP, 'up');
  const first = repair.request(NOW).seconds;
  assert.ok(first < GAP.fromSeconds);
  assert.equal(repair.turn(page(105, 500, '1')), 'next');
  assert.ok(repair.request(NOW).seconds < first);
  assert.equal(repair.request(NOW).cursor, undefined);
  leave();
  assert.equal(repair.turn(page(90, 120, '2')), 'done');
});

test('pages by time that lie in front of the gap lead to it', () => {
  const { repair } = repairOf(GAP, 'up');
  assert.equal(repair.turn(page(10, 50, '1')), 'next');
  assert.equal(repair.turn(page(50, 90, '2')), 'next');
  assert.equal(repair.request(NOW).cursor, '2');
  assert.equal(repair.turn(page(90, 90, '2')), 'later');
});

test('without ids the gap is closed by its times, once the trade in front of it has been met', () => {
  const gap = { ...GAP, fromId: 0, toId: 0, messages: 0 };
  const { repair } = repairOf(gap, 'down', Uint32Array.of(7, 0));
  assert.equal(repair.turn({ ...EMPTY, messages: 500, cursor: '1 5' }), 'next');
  assert.equal(repair.request(NOW).cursor, '1 5');
  repair.rows = 12;
  repair.missing.beforeAnchor = ROWS_BEFORE_ANCHOR;
  assert.equal(repair.turn({ ...EMPTY, messages: 500, cursor: '1 4' }), 'done');
  const [closed] = repair.closing();
  assert.deepEqual([closed!.state, closed!.messages, closed!.fromSeconds], ['repaired', 12, 1000]);
  const { repair: newest } = repairOf(gap, 'newest', Uint32Array.of(7, 0));
  assert.equal(newest.turn({ ...EMPTY, messages: 60 }), 'done');
  assert.deepEqual(
    [newest.closing()[0]!.state, newest.closing()[0]!.cause],
    ['unrepairable', 'out_of_reach'],
  );
});

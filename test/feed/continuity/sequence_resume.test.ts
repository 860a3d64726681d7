/** A sequence that goes on behind what an earlier run stored: what it lists, and what it takes for a repetition. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Gap } from '../../../src/feed/continuity/gap_log.js';
import { SEEN, Sequence } from '../../../src/feed/continuity/sequence.js';
import { MD, TRADES } from '../../../src/schema/tables.js';

function make(table: typeof MD | typeof TRADES) {
  const gaps: Gap[] = [];
  const events = {
    gap: (gap: Gap) => gaps.push(gap),
    reordered: () => {},
    duplicate: () => {},
    outlier: () => {},
  };
  const received = new Uint32Array([2000, 5]);
  const time = { ms: 0 };
  const sequence = new Sequence(
    { table, ids: table === MD ? 'none' : 'contiguous' },
    received,
    events,
    () => time.ms,
  );
  sequence.resize(2);
  return { sequence, gaps, time };
}

test('ids go on: the gap in between is downtime, what was stored is not stored again', () => {
  const { sequence, gaps, time } = make(TRADES);
  sequence.seed(0, [1000, 7]);
  sequence.seedIds(0, 50, []);
  assert.equal(sequence.seen(0), false);
  assert.equal(sequence.accept(0, 50), SEEN.duplicate);
  // a connection that fails before the first message changes nothing
  sequence.interrupted('disconnect');
  assert.equal(sequence.accept(0, 60), SEEN.fresh);
  assert.equal(sequence.seen(0), true);
  time.ms = 5000;
  sequence.reportDue();
  assert.deepEqual(
    gaps.map(({ cause, fromId, toId, fromSeconds, toSeconds }) => ({
      cause,
      fromId,
      toId,
      fromSeconds,
      toSeconds,
    })),
    [{ cause: 'downtime', fromId: 51, toId: 59, fromSeconds: 1000, toSeconds: 2000 }],
  );
});

test('ids that follow at once leave no gap', () => {
  const { sequence, gaps } = make(TRADES);
  sequence.seed(0, [1000, 7]);
  sequence.seedIds(0, 50, []);
  assert.equal(sequence.accept(0, 51), SEEN.fresh);
  sequence.reportDue(true);
  assert.deepEqual(gaps, []);
});

test('a gap that the earlier run could not report is reported, less what still comes', () => {
  const { sequence, gaps } = make(TRADES);
  sequence.seed(0, [1000, 7]);
  sequence.seedIds(0, 50, [[41, 43]]);
  assert.equal(sequence.accept(0, 42), SEEN.fresh);
  assert.equal(sequence.accept(0, 42), SEEN.duplicate);
  sequence.reportDue(true);
  assert.deepEqual(
    gaps.map(({ fromId, toId }) => [fromId, toId]),
    [
      [41, 41],
      [43, 43],
    ],
  );
  sequence.reportDue(true);
  assert.equal(gaps.length, 2);
});

test('a channel without ids: the time between is listed at its first message', () => {
  const { sequence, gaps } = make(MD);
  sequence.seed(0, [1000, 7]);
  sequence.touch(0);
  sequence.touch(0);
  // the other slot has no past
  sequence.touch(1);
  assert.deepEqual(
    gaps.map(({ slot, cause, fromSeconds, fromNanos, toSeconds, toNanos }) => [
      slot,
      cause,
      fromSeconds,
      fromNanos,
      toSeconds,
      toNanos,
    ]),
    [[0, 'downtime', 1000, 7, 2000, 5]],
  );
});

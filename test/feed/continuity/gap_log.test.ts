/** Gaps that wait for room in the ring: in order, none twice, and none gone without a count. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CounterReader, createCounters } from '../../../src/counters/counters.js';
import { SESSION_COUNTERS } from '../../../src/counters/declarations.js';
import type { Gap } from '../../../src/feed/continuity/gap_log.js';
import { GapLog, WAITING_GAPS_MAX } from '../../../src/feed/continuity/gap_log.js';

test('gaps are listed in their order as the ring has room, and what cannot wait is counted', () => {
  const shared = createCounters(SESSION_COUNTERS);
  const counters = () => new CounterReader(SESSION_COUNTERS, shared).read();
  const listed: number[] = [];
  let room = 3;
  let overflows = 0;
  const gaps = new GapLog(
    new Uint32Array(shared),
    ({ fromId }) => room-- > 0 && listed.push(fromId) > 0,
    () => overflows++,
  );
  const add = (fromId: number) => gaps.add({ fromId, messages: 2 } as Gap);
  for (let id = 1; id <= 5; id++) add(id);
  gaps.flush();
  assert.deepEqual(listed, [1, 2, 3]);
  for (let id = 6; id <= WAITING_GAPS_MAX + 10; id++) add(id);
  // 4 to 10 had no place any more
  assert.deepEqual([counters().gaps, counters().gaps_unlisted, overflows], [WAITING_GAPS_MAX + 10, 7, 1]);
  assert.equal(counters().missing, 2 * counters().gaps);
  room = Number.POSITIVE_INFINITY;
  gaps.flush();
  gaps.flush();
  assert.equal(listed.length + counters().gaps_unlisted, counters().gaps);
  assert.deepEqual(listed.slice(3, 5), [11, 12]);
  assert.equal(listed.at(-1), WAITING_GAPS_MAX + 10);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WRITER_HANG_SECS } from '../../src/base/limits.js';
import { SAMPLE_MS, Staleness } from '../../src/supervisor/staleness.js';
import { healthOf } from '../../src/supervisor/status.js';
import { snapshot } from './snapshots.js';

const TOTALS = {
  heartbeat: 1,
  rows_drained: 0,
  rows_written: 0,
  removals: 0,
  damages: 0,
  journal_poisoned: 0,
};

test('a writer that stands still is red before a second is over, and not while it turns', () => {
  const staleness = new Staleness();
  const statusAfter = (heartbeat: number) => {
    staleness.sample({ ...TOTALS, heartbeat });
    return healthOf(snapshot(staleness.times(0, { ...TOTALS, heartbeat }, 0))).status;
  };
  for (let heartbeat = 1; heartbeat < 10; heartbeat++) assert.equal(statusAfter(heartbeat), 'healthy');
  // it stopped just after a sample, and the answer is as old as a sample can be
  let ms = SAMPLE_MS;
  while (statusAfter(9) === 'healthy') ms += SAMPLE_MS;
  assert.ok(ms + SAMPLE_MS <= 1000, `${ms} ms`);
});

test('a writer that has not begun to turn is waited for', () => {
  const staleness = new Staleness();
  for (let sample = 0; sample < (WRITER_HANG_SECS * 1000) / SAMPLE_MS; sample++)
    staleness.sample({ ...TOTALS, heartbeat: 0 });
  assert.equal(staleness.times(0, { ...TOTALS, heartbeat: 0 }, 0).writerQuietSecs, 0);
});

test('what happened is remembered from when it was seen', () => {
  const staleness = new Staleness();
  const at = (now: number, dropped: number, removals: number) =>
    staleness.times(now, { ...TOTALS, removals }, dropped);
  assert.equal(at(0, 0, 0).dropQuietSecs, Number.POSITIVE_INFINITY);
  assert.equal(at(1000, 3, 0).dropQuietSecs, 0);
  const later = at(5000, 3, 1);
  assert.deepEqual([later.dropQuietSecs, later.removalQuietSecs], [4, 0]);
});

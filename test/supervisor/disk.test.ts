import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inodeRunway, levelOf, Runway } from '../../src/supervisor/disk.js';

const GB = 1e9;

test('room lasts as long as the present rate says', () => {
  const runway = new Runway();
  // 1 GB a minute
  for (let s = 0; s < 60; s++)
    assert.equal(runway.add(s * 1000, 100 * GB - (s * GB) / 60, 0), Number.POSITIVE_INFINITY);
  assert.equal(Math.round(runway.add(60_000, 99 * GB, 0)), 99 * 60);
  assert.equal(runway.add(61_000, 0, 0), 0);
});

test('what is freed at the same time does not hide what is written', () => {
  const runway = new Runway();
  runway.add(0, 10 * GB, 0);
  assert.equal(Math.round(runway.add(100_000, 12 * GB, GB)), 1200);
});

test('an old rate is forgotten', () => {
  const runway = new Runway();
  runway.add(0, 100 * GB, 0);
  let last = 0;
  for (let s = 5; s <= 900; s += 5) last = runway.add(s * 1000, 50 * GB, 0);
  assert.equal(last, Number.POSITIVE_INFINITY);
});

test('files last until the midnight whose files have no room', () => {
  const noon = 12 * 3_600_000;
  assert.equal(inodeRunway(2999, 1000, noon), 12 * 3600 + 2 * 86_400);
  assert.equal(inodeRunway(999, 1000, noon), 12 * 3600);
  assert.equal(inodeRunway(0, 1000, noon), 0);
  assert.equal(inodeRunway(5, 0, noon), Number.POSITIVE_INFINITY);
});

test('levels begin a day, an hour and five minutes ahead', () => {
  const at = [Number.POSITIVE_INFINITY, 86_400, 86_399, 3600, 3599, 300, 299, 0];
  const levels = ['ok', 'ok', 'warn', 'warn', 'degraded', 'degraded', 'unhealthy', 'unhealthy'];
  assert.deepEqual(at.map(levelOf), levels);
});

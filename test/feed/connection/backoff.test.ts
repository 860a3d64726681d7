/** Delays before reconnecting: they grow, stay within their bounds, spread out, and begin anew. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backoff } from '../../../src/feed/connection/backoff.js';

test('doubles from the first to the longest delay and stays there for ever', () => {
  const backoff = new Backoff(1000, 60_000, () => 0);
  assert.deepEqual(
    Array.from({ length: 9 }, () => backoff.next()),
    [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000],
  );
  for (let i = 0; i < 5000; i++) assert.equal(backoff.next(), 60_000);
  assert.equal(backoff.count, 5009);
  backoff.reset();
  assert.deepEqual([backoff.count, backoff.next()], [0, 1000]);
});

test('waits no longer than it is told for one failure, which counts like the others', () => {
  const backoff = new Backoff(1000, 60_000, () => 0);
  assert.deepEqual(
    Array.from({ length: 4 }, () => backoff.next(3000)),
    [1000, 2000, 3000, 3000],
  );
  assert.deepEqual([backoff.next(), backoff.next(90_000)], [16_000, 32_000]);
  for (let i = 0; i < 10; i++) assert.ok(backoff.next(90_000) <= 60_000);
});

test('shortens every delay by up to a quarter, and lengthens none', () => {
  const delays: number[] = [];
  for (let i = 0; i < 2000; i++) delays.push(new Backoff(1000, 60_000).next());
  assert.ok(delays.every((delay) => delay >= 750 && delay <= 1000));
  assert.ok(Math.min(...delays) < 800 && Math.max(...delays) > 950);
  assert.deepEqual(
    [0, 1].map((edge) => new Backoff(1000, 60_000, () => edge).next()),
    [1000, 750],
  );
});

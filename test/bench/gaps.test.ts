/** What a machine alone would make late must be what moments within its gaps wait, looked at one by one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { quantilesOf } from '../../bench/baselines/quantiles.js';
import { gapsOf, waitsOf } from '../../bench/gaps.js';
import { Random } from '../support/random.js';

test('quantiles of waits are those of moments that lie evenly in the time', () => {
  const random = new Random(7);
  const ms = 1000;
  const gaps = Array.from({ length: 40 }, () => random.next() ** 4 * 12);
  // one moment every microsecond; gaps stand one behind the other, outside of them nobody waits
  const waits = new Float64Array(ms * 1000);
  let at = 0;
  for (const gap of gaps) for (let wait = gap * 1000; wait > 0; wait--) waits[at++] = wait;
  const expected = quantilesOf(waits);
  const found = waitsOf(gaps, ms);
  for (const quantile of ['p50', 'p99', 'p999', 'max'] as const)
    assert.ok(
      Math.abs(found[quantile] - expected[quantile]) <= 2 + expected[quantile] / 100,
      `${quantile}: ${found[quantile]}, expected ${expected[quantile]}`,
    );
});

test('without gaps nobody waits', () => {
  assert.deepEqual(waitsOf([], 1000), { p50: 0, p99: 0, p999: 0, max: 0 });
});

test('threads that look at the clock tell their gaps', async () => {
  const { p50, p99, p999, max } = await gapsOf(20);
  assert.ok(p50 <= p99 && p99 <= p999 && p999 <= max);
});

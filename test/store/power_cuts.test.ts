/** Ten thousand histories of crashes: nothing promised is lost, nothing is there twice, no value is wrong. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runHistories } from '../support/power.js';

test('10,000 simulated histories of kills and power cuts', async (t) => {
  const { failures, ...counts } = await runHistories(1, 10_000);
  assert.deepEqual(failures, []);
  t.diagnostic(JSON.stringify(counts));
  // a simulation in which nothing happens would pass as well
  assert.ok(counts.cuts > 5000 && counts.kills > 3000 && counts.recoveryCuts > 3000 && counts.rows > 100_000);
  assert.ok(counts.seals > 50);
});

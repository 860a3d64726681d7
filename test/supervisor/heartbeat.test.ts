import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Heartbeat } from '../../src/supervisor/heartbeat.js';

test('silence is counted from the first turn, or from the start when asked to', () => {
  const lazy = new Heartbeat(false);
  assert.deepEqual(
    [0, 0, 0, 5, 5, 5].map((n) => lazy.sample(n)),
    [0, 0, 0, 0, 1, 2],
  );
  const armed = new Heartbeat(true);
  assert.deepEqual(
    [0, 0, 7, 7].map((n) => armed.sample(n)),
    [1, 2, 0, 1],
  );
  // a new thread goes on with the counter of the old one
  armed.reset(true);
  assert.deepEqual(
    [7, 7, 8].map((n) => armed.sample(n)),
    [1, 2, 0],
  );
});

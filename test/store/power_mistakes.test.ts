/** The power-cut simulation is worth its time: it finds every mistake of a list that a store could make. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runHistory } from '../support/store_history.js';
import { MISTAKES } from '../support/store_mistakes.js';

const HISTORIES_MAX = 3000;

for (const { name, mistakes, patch } of MISTAKES) {
  test(`is found: ${name}`, () => {
    const undo = patch?.();
    try {
      let seed = 1;
      while (seed <= HISTORIES_MAX && runHistory(seed, mistakes).problem === '') seed++;
      assert.ok(seed <= HISTORIES_MAX, `${HISTORIES_MAX} histories did not find it`);
    } finally {
      undo?.();
    }
  });
}

test('without a mistake the same histories are in order', () => {
  for (let seed = 1; seed <= 200; seed++)
    assert.equal(runHistory(seed, { sink: true }).problem, '', `seed ${seed}`);
});

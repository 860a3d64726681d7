/** A handful of the faults of `npm run test:faults`, once each: every row is on disk once or listed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runProgram } from '../support/processes.js';
import { FAULT_CLASSES } from './classes.js';

test('there are many classes of faults, each with a name of its own', () => {
  const names = new Set(FAULT_CLASSES.map(({ name }) => name));
  assert.ok(names.size >= 30);
  assert.equal(names.size, FAULT_CLASSES.length);
});

for (const only of ['wrong-bit', 'cut-in-message', 'name-failing', 'rest-overlap', 'half-open-one'])
  test(`${only}: every row is on disk once or listed`, async (t) => {
    const { status, text } = await runProgram('dist/test/faults/run.js', '--only', only, '--rounds', '1');
    t.diagnostic(text);
    assert.equal(status, 0, text);
  });

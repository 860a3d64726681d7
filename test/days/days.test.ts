/** Two days of `npm run test:days` in compressed time: every trade is on disk once, or listed with a true cause. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FAKETIME, runProgram } from '../support/processes.js';

const skip = FAKETIME === undefined ? 'libfaketime is not installed' : false;

test('two days of an exchange: closed, cut, delisted, and every trade is there once', { skip }, async (t) => {
  const { status, text } = await runProgram('dist/test/days/run.js', '--days', '2', '--exchange', 'binance');
  t.diagnostic(text);
  assert.equal(status, 0, text);
});

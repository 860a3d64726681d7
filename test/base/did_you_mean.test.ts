/** Suggestions: near words are found, unlike ones are not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { didYouMean } from '../../src/base/did_you_mean.js';

test('the nearest candidate, or none when more than a third differs', () => {
  assert.equal(didYouMean('prot', ['host', 'port']), 'port');
  assert.equal(didYouMean('symbls', ['enabled', 'symbols']), 'symbols');
  assert.equal(didYouMean('data-path', ['data_path']), 'data_path');
  assert.equal(didYouMean('SYMBOLS', ['symbols']), 'symbols');
  assert.equal(didYouMean('xyzzy', ['host', 'port']), undefined);
  assert.equal(didYouMean('a', []), undefined);
});

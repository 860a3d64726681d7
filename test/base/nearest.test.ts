/** Suggestions: near words are found, unlike ones are not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearest } from '../../src/base/nearest.js';

test('the nearest candidate, or none when more than a third differs', () => {
  assert.equal(nearest('prot', ['host', 'port']), 'port');
  assert.equal(nearest('symbls', ['enabled', 'symbols']), 'symbols');
  assert.equal(nearest('data-path', ['data_path']), 'data_path');
  assert.equal(nearest('SYMBOLS', ['symbols']), 'symbols');
  assert.equal(nearest('xyzzy', ['host', 'port']), undefined);
  assert.equal(nearest('a', []), undefined);
});

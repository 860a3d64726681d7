/** When connections are replaced: before their exchange ends them, and never many at once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rotationAgeMs } from '../../../src/feed/continuity/rotation.js';

const DAY_MS = 86_400_000;

test('connections are replaced in the last quarter of their life, with an hour to spare of a day', () => {
  for (let session = 0; session < 50; session++) {
    const age = rotationAgeMs(DAY_MS, 'binance', session, session % 2);
    assert.ok(age >= 0.75 * DAY_MS && age <= 0.95 * DAY_MS, `${age}`);
  }
});

test('however many there are, they are replaced one after the other', () => {
  for (const count of [2, 5, 10, 40]) {
    const ages = Array.from({ length: count }, (_, session) => rotationAgeMs(DAY_MS, 'binance', session, 0));
    ages.sort((a, b) => a - b);
    const nearest = Math.min(...ages.slice(1).map((age, i) => age - ages[i]));
    // evenly spread they would be this far apart
    const even = (0.2 * DAY_MS) / count;
    assert.ok(nearest > even / 3, `${count}: ${Math.round(nearest / 1000)} s`);
  }
});

test('two connections for the same streams are replaced hours apart', () => {
  const [first, second] = [0, 1].map((replica) => rotationAgeMs(DAY_MS, 'okx', 3, replica));
  assert.ok(Math.abs(first - second) > 2 * 3_600_000);
});

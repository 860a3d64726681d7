/** When a connection on which nothing comes any more is given up, second by second. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Stillness } from '../../../src/feed/continuity/stillness.js';

/** The seconds in which another connection is tried. */
function pass(stillness: Stillness, seconds: number, moves: (second: number) => boolean): number[] {
  return Array.from({ length: seconds }, (_, i) => i + 1).filter((s) => stillness.second(moves(s)));
}

test('who was never quiet and then is has forgotten us: tried at once, then less and less often', () => {
  const stillness = new Stillness();
  assert.deepEqual(
    pass(stillness, 120, () => true),
    [],
  );
  assert.deepEqual(
    pass(stillness, 600, () => false),
    [30, 91, 272],
  );
  assert.deepEqual(
    pass(stillness, 120, () => true),
    [],
  );
  assert.deepEqual(
    pass(stillness, 40, () => false),
    [30],
    'it begins again',
  );
});

test('who often pauses, or is not known yet, is left alone', () => {
  assert.deepEqual(
    pass(new Stillness(), 5000, (second) => second < 50),
    [],
  );
  assert.deepEqual(
    pass(new Stillness(), 5000, (second) => second < 1000 && second % 3 === 0),
    [],
  );
});

test('a pause that is four times its longest one is needed', () => {
  const stillness = new Stillness();
  // fifteen seconds of pause in five minutes
  pass(stillness, 300, (second) => second < 100 || second > 115);
  assert.deepEqual(
    pass(stillness, 70, () => false),
    [64],
  );
});

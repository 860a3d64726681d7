/** Steps of the system clock, with Date.now injected: stamps follow, intervals do not care. */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { monotonicMs, WallClock } from '../../src/base/clock.js';

const { now } = Date;
afterEach(() => {
  Date.now = now;
});

const stampMs = ({ now: [seconds, nanos] }: WallClock) => seconds * 1000 + nanos / 1e6;
const HOUR = 3_600_000;

for (const [name, step] of [
  ['an hour ahead', HOUR],
  ['an hour back', -HOUR],
  ['a day ahead', 24 * HOUR],
  ['a day back', -24 * HOUR],
  ['five seconds back', -5000],
] as const) {
  test(`${name}: stamps follow at the next read, and back again`, () => {
    const clock = new WallClock();
    clock.read();
    const before = monotonicMs();
    for (const offset of [step, 0]) {
      Date.now = () => now() + offset;
      const from = Date.now();
      clock.read();
      const to = Date.now();
      // the nanoseconds are cut to microseconds
      assert.ok(stampMs(clock) >= from - 0.001 && stampMs(clock) < to + 1, `${stampMs(clock) - from}`);
      assert.ok(clock.now[1] < 1e9 && clock.now[1] % 1000 === 0);
    }
    const passed = monotonicMs() - before;
    assert.ok(passed >= 0 && passed < 5000);
  });
}

test('a step back is noted with the stamps on both sides, a step ahead is not', () => {
  const clock = new WallClock();
  clock.read();
  for (const [offset, setBacks] of [
    [HOUR, 0],
    [0, 1],
    [-HOUR, 2],
    [0, 2],
  ] as const) {
    const before = stampMs(clock);
    Date.now = () => now() + offset;
    clock.read();
    assert.equal(clock.setBacks, setBacks);
    if (setBacks === 0 || stampMs(clock) > before) continue;
    assert.equal(clock.before[0], Math.floor(before / 1000));
    assert.deepEqual(clock.after, clock.now);
  }
});

test('without a step stamps never go back', () => {
  const clock = new WallClock();
  let last = 0;
  for (let i = 0; i < 100_000; i++) {
    clock.read();
    const stamp = stampMs(clock);
    // a stamp that was taken while the thread was stopped may lie ahead of the system clock, by less than 1 ms
    assert.ok(stamp >= last - 1, `${last - stamp} ms back`);
    last = stamp;
  }
  assert.equal(clock.setBacks, 0);
});

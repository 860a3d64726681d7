/** Counters that wrap, and quantiles against the exact ones. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CounterReader, createCounters, slotsOf } from '../../src/counters/counters.js';
import {
  createHistogram,
  HistogramWriter,
  quantiles,
  RecentQuantiles,
} from '../../src/counters/histogram.js';
import { randomFrom } from '../support/random.js';

const SPECS = {
  events: { kind: 'counter', unit: '', together: 'sum', doc: 'grows' },
  level: { kind: 'gauge', unit: '', together: 'max', doc: 'a state' },
} as const;

test('adds up a counter beyond 2^32 and leaves a gauge as it is', () => {
  const memory = createCounters(SPECS);
  const slots = new Uint32Array(memory);
  const at = slotsOf(SPECS);
  const reader = new CounterReader(SPECS, memory);
  const random = randomFrom(5);
  let total = 0;
  for (let i = 0; i < 50; i++) {
    const more = random(0xffffffff);
    slots[at.events] += more;
    slots[at.level] = more;
    total += more;
    assert.deepEqual(reader.read(), { events: total, level: more });
  }
  assert.ok(total > 2 ** 36);
  assert.deepEqual(reader.read(), { events: total, level: slots[at.level] }, 'reading changes nothing');
});

test('quantiles are within 6.25 % of the exact ones', () => {
  const random = randomFrom(9);
  for (const spread of [4, 12, 20, 30]) {
    const memories = [createHistogram(), createHistogram()];
    const writers = memories.map((memory) => new HistogramWriter(memory));
    const values: number[] = [];
    for (let i = 0; i < 20_000; i++) {
      const value = random(2 ** (1 + random(spread)));
      const times = 1 + random(3);
      writers[i % 2].record(value, times);
      for (let n = 0; n < times; n++) values.push(value);
    }
    values.sort((a, b) => a - b);
    const found = quantiles(memories);
    assert.equal(found.count, values.length);
    for (const [q, value] of [
      [0.5, found.p50],
      [0.99, found.p99],
      [0.999, found.p999],
      [1, found.max],
    ]) {
      const exact = values[Math.max(0, Math.ceil(q * values.length) - 1)];
      assert.ok(value >= exact && value <= exact * 1.0625, `${q}: ${value} for ${exact}`);
    }
  }
});

test('takes any value, and answers zeros for nothing', () => {
  assert.deepEqual(quantiles([]), { count: 0, p50: 0, p99: 0, p999: 0, max: 0 });
  const memory = createHistogram();
  const writer = new HistogramWriter(memory);
  for (const value of [-5, 0, 0.4, 2 ** 31, 1e300, Number.POSITIVE_INFINITY]) writer.record(value, 1);
  const { count, p50, max } = quantiles([memory]);
  assert.deepEqual([count, p50], [6, 0]);
  assert.ok(max >= 2 ** 31 - 1 && max <= 2 ** 31 * 1.0625);
});

test('quantiles of the last samples forget what was before them, also when a bucket wraps', () => {
  const memory = createHistogram();
  const writer = new HistogramWriter(memory);
  const recent = new RecentQuantiles(2);
  assert.equal(recent.read().count, 0);
  // a bucket that is about to wrap
  new Uint32Array(memory)[5] = 0xffff_fffe;
  recent.sample([memory]);
  writer.record(5, 3);
  recent.sample([memory]);
  writer.record(9, 1);
  recent.sample([memory]);
  assert.deepEqual([recent.read().count, recent.read().p50, recent.read().max], [4, 5, 9]);
  recent.sample([memory]);
  assert.deepEqual([recent.read().count, recent.read().p50], [1, 9]);
  recent.sample([memory]);
  assert.equal(recent.read().count, 0);
});

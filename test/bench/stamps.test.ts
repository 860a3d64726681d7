/** The time of a row in the ring is that of the publication that has shown it, also where positions run over. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createStamps, StampReader, StampWriter } from '../../bench/baselines/stamps.js';
import { clockUs } from '../../bench/clock.js';
import { RingConsumer } from '../../src/ring/consumer.js';
import { createDoorbell, createRing, HEAD_WORD, TAIL_WORD } from '../../src/ring/layout.js';
import { RingProducer } from '../../src/ring/producer.js';

const ROW_WORDS = 4;

test('each row has the time of its publication', () => {
  const ring = createRing(64);
  const control = new Int32Array(ring);
  // positions run over behind the second row
  control[TAIL_WORD] = -2 * ROW_WORDS;
  control[HEAD_WORD] = control[TAIL_WORD];
  const producer = new RingProducer(ring, createDoorbell());
  const consumer = new RingConsumer(ring);
  const stamps = createStamps(8);
  const writer = new StampWriter(ring, stamps);
  const bounds: [number, number][] = [];
  for (const rows of [1, 3, 2]) {
    for (let n = 0; n < rows; n++) {
      assert.ok(producer.claim(ROW_WORDS) >= 0);
      producer.commit(ROW_WORDS);
    }
    producer.publish();
    const before = clockUs();
    writer.stamp();
    // a publication of nothing has no time
    producer.publish();
    writer.stamp();
    for (let n = 0; n < rows; n++) bounds.push([before, clockUs()]);
  }
  assert.equal(consumer.backlog(), 6 * ROW_WORDS);
  const reader = new StampReader(stamps);
  for (const [row, [from, to]] of bounds.entries()) {
    const time = reader.timeOf(((row + 1) * ROW_WORDS - 2 * ROW_WORDS) | 0);
    assert.ok(from <= time && time <= to, `row ${row}: ${from} ${time} ${to}`);
  }
});

test('more publications than there is room for are an error', () => {
  const ring = createRing(64);
  const producer = new RingProducer(ring, createDoorbell());
  const stamps = createStamps(1);
  const writer = new StampWriter(ring, stamps);
  for (let n = 0; n < 2; n++) {
    producer.claim(ROW_WORDS);
    producer.commit(ROW_WORDS);
    producer.publish();
    writer.stamp();
  }
  const reader = new StampReader(stamps);
  reader.timeOf(ROW_WORDS);
  assert.throws(() => reader.timeOf(2 * ROW_WORDS), /more publications/);
});

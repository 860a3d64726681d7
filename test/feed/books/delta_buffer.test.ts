/** Changes that wait for a snapshot: copies, and no more of them than the limits allow. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BookChange, DeltaBuffer } from '../../../src/feed/books/delta_buffer.js';
import { JsonBuffer } from '../../../src/feed/json/bytes.js';
import { JsonTuples } from '../../../src/feed/json/lists.js';

/** A change with two bids and one ask, in the middle of a message. */
function change(last: number): BookChange {
  const bytes = Buffer.from('{"b":[["9","9"],["1.50","2"],["0.25","-1e-7"],["3","4"]]}');
  const source = new JsonBuffer();
  source.setBytes(bytes);
  const texts = new JsonTuples(2);
  texts.attach(source, 0);
  assert.equal(texts.value(5, bytes.length), bytes.length - 1);
  return {
    previous: last - 1,
    last,
    timed: true,
    seconds: 5,
    nanos: 6,
    texts,
    firstBid: 1,
    behindBids: 3,
    firstAsk: 3,
    behindAsks: 4,
  };
}

/** Price and size of each level: as text, as digits and as decimals. */
function valuesOf({ texts, firstBid, behindBids, firstAsk, behindAsks }: BookChange): unknown[] {
  const value = (at: number) => [
    Buffer.from(texts.bytes.subarray(texts.from[at], texts.to[at])).toString(),
    texts.digits[at],
    texts.decimals[at],
  ];
  const rows = (first: number, behind: number) =>
    Array.from({ length: behind - first }, (_, i) => [value(2 * (first + i)), value(2 * (first + i) + 1)]);
  return [...rows(firstBid, behindBids), ...rows(firstAsk, behindAsks)];
}

test('keeps copies with the time they were received at', () => {
  const kept = new DeltaBuffer();
  const original = change(7);
  const before = valuesOf(original);
  const received = Uint32Array.of(100, 200);
  assert.equal(kept.add(3, original, received), 0);
  original.texts.bytes.fill(0x39);
  original.texts.digits.fill(7);
  received.fill(0);
  const [copy] = kept.of(3);
  assert.deepEqual(before[0], [
    ['1.50', 150, 2],
    ['2', 2, 0],
  ]);
  assert.deepEqual(valuesOf(copy.change), before);
  assert.deepEqual([copy.receivedSeconds, copy.receivedNanos, copy.change.last], [100, 200, 7]);
  assert.deepEqual([copy.change.previous, copy.change.seconds, copy.change.nanos], [6, 5, 6]);
  assert.equal(kept.take(3).length, 1);
  assert.equal(kept.of(3).length, 0);
});

test('of too many changes of one book the oldest go', () => {
  const kept = new DeltaBuffer(3);
  const now = [0, 0];
  const gone = [1, 2, 3, 4, 5].map((last) => kept.add(0, change(last), now));
  assert.deepEqual(gone, [0, 0, 0, 1, 1]);
  assert.equal(kept.add(1, change(9), now), 0, 'another book has room of its own');
  assert.deepEqual(
    kept.of(0).map(({ change: { last } }) => last),
    [3, 4, 5],
  );
  assert.equal(kept.clear(), 4);
});

test('of too many bytes those of the same book go, and room comes back', () => {
  const size = (() => {
    const one = new DeltaBuffer();
    one.add(0, change(1), [0, 0]);
    return one.of(0)[0].size;
  })();
  const kept = new DeltaBuffer(100, 3 * size);
  for (const slot of [0, 1, 2]) assert.equal(kept.add(slot, change(1), [0, 0]), 0);
  assert.equal(kept.add(2, change(2), [0, 0]), 1);
  assert.deepEqual(
    [0, 1, 2].map((slot) => kept.of(slot).map(({ change: { last } }) => last)),
    [[1], [1], [2]],
  );
  assert.equal(kept.add(3, change(1), [0, 0]), 1, 'not even itself has room');
  kept.take(0);
  assert.equal(kept.add(3, change(1), [0, 0]), 0);
});

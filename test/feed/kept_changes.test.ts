/** Changes that wait for a snapshot: copies, and no more of them than the limits allow. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KIND } from '../../src/feed/fields.js';
import { type BookChange, KeptChanges } from '../../src/feed/kept_changes.js';

/** A change with two bids and one ask, in the middle of a message. */
function change(last: number, bytes = Buffer.from('..1.50 20.25 3 ')): BookChange {
  const from = Int32Array.of(0, 0, 2, 7, 8, 9, 13, 13);
  const to = Int32Array.of(0, 0, 6, 8, 9, 12, 14, 14);
  return {
    previous: last - 1,
    last,
    timed: true,
    seconds: 5,
    nanos: 6,
    bytes,
    texts: { width: 2, from, to, kind: new Uint8Array(8).fill(KIND.string) },
    firstBid: 1,
    behindBids: 3,
    firstAsk: 3,
    behindAsks: 4,
  };
}

function textsOf({ bytes, texts, firstBid, behindBids, firstAsk, behindAsks }: BookChange): string[] {
  const text = (at: number) => Buffer.from(bytes.subarray(texts.from[at], texts.to[at])).toString();
  const rows = (first: number, behind: number) =>
    Array.from({ length: behind - first }, (_, i) => `${text(2 * (first + i))}×${text(2 * (first + i) + 1)}`);
  return [...rows(firstBid, behindBids), '|', ...rows(firstAsk, behindAsks)];
}

test('keeps copies with the time they were received at', () => {
  const kept = new KeptChanges();
  const original = change(7);
  const before = textsOf(original);
  const received = Uint32Array.of(100, 200);
  assert.equal(kept.keep(3, original, received), 0);
  original.bytes.fill(0x39);
  received.fill(0);
  const [copy] = kept.of(3);
  assert.deepEqual(textsOf(copy.change), before);
  assert.deepEqual([copy.receivedSeconds, copy.receivedNanos, copy.change.last], [100, 200, 7]);
  assert.deepEqual([copy.change.previous, copy.change.seconds, copy.change.nanos], [6, 5, 6]);
  assert.equal(kept.take(3).length, 1);
  assert.equal(kept.of(3).length, 0);
});

test('of too many changes of one book the oldest go', () => {
  const kept = new KeptChanges(3);
  const now = [0, 0];
  const gone = [1, 2, 3, 4, 5].map((last) => kept.keep(0, change(last), now));
  assert.deepEqual(gone, [0, 0, 0, 1, 1]);
  assert.equal(kept.keep(1, change(9), now), 0, 'another book has room of its own');
  assert.deepEqual(
    kept.of(0).map(({ change: { last } }) => last),
    [3, 4, 5],
  );
  assert.equal(kept.clear(), 4);
});

test('of too many bytes those of the same book go, and room comes back', () => {
  const size = (() => {
    const one = new KeptChanges();
    one.keep(0, change(1), [0, 0]);
    return one.of(0)[0].size;
  })();
  const kept = new KeptChanges(100, 3 * size);
  for (const slot of [0, 1, 2]) assert.equal(kept.keep(slot, change(1), [0, 0]), 0);
  assert.equal(kept.keep(2, change(2), [0, 0]), 1);
  assert.deepEqual(
    [0, 1, 2].map((slot) => kept.of(slot).map(({ change: { last } }) => last)),
    [[1], [1], [2]],
  );
  assert.equal(kept.keep(3, change(1), [0, 0]), 1, 'not even itself has room');
  kept.take(0);
  assert.equal(kept.keep(3, change(1), [0, 0]), 0);
});

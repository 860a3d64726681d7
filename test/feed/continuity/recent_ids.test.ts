/** Repeated trades where ids have no order: exactly the last ones are known, whatever they look like. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Gap } from '../../../src/feed/continuity/gap_log.js';
import { RECENT_IDS, RecentIds } from '../../../src/feed/continuity/recent_ids.js';
import { Sequence } from '../../../src/feed/continuity/sequence.js';
import { TRADES } from '../../../src/schema/tables.js';
import { randomFrom } from '../../support/random.js';

/** The same by a list and a set. */
class Model {
  private readonly order: string[] = [];
  private readonly known = new Set<string>();

  add(id: string): boolean {
    if (this.known.has(id)) return false;
    this.known.add(id);
    this.order.push(id);
    if (this.order.length > RECENT_IDS) this.known.delete(this.order.shift() as string);
    return true;
  }

  get newest(): string | undefined {
    return this.order.at(-1);
  }
}

describe('recent ids', () => {
  for (const [width, name] of [
    [2, 'numbers of 64 bits'],
    [4, 'UUIDs'],
  ] as const) {
    it(`knows the last ones of each stream and no others: ${name}`, () => {
      const random = randomFrom(width);
      const ids = new RecentIds(width);
      const models = [new Model(), new Model(), new Model()];
      ids.resize(2);
      const words = new Uint32Array(width + 3);
      let repeated = 0;
      for (let i = 0; i < 60_000; i++) {
        // room for more streams leaves what is known alone
        if (i === 30_000) ids.resize(3);
        const slot = random(i < 30_000 ? 2 : 3);
        // few different words, so that ids are often repeated and often differ in one word alone
        for (let w = 0; w < width; w++) words[3 + w] = w === 0 ? random(6000) : 0xfffffffe + random(2);
        const id = [...words.subarray(3)].join();
        assert.equal(ids.isNewest(slot, words, 3), models[slot].newest === id);
        const fresh = ids.add(slot, words, 3);
        assert.equal(fresh, models[slot].add(id), `${i}: ${id}`);
        if (!fresh) repeated++;
      }
      assert.ok(repeated > 1000 && repeated < 59_000, 'both answers were given');
    });
  }

  it('tells neighbours beyond 2^53 apart, in ascending ids with gaps', () => {
    const ids = new RecentIds(2);
    ids.resize(1);
    const add = (id: bigint) => ids.add(0, Uint32Array.of(Number(id & 0xffffffffn), Number(id >> 32n)), 0);
    const first = 2290000001202469355n;
    for (let i = 0n; i < 20_000n; i++) assert.ok(add(first + i + (i >> 3n)));
    assert.ok(!add(first + 19_999n + 2499n));
    assert.ok(add(first + 19_999n + 2500n));
  });
});

describe('a sequence of ids without order', () => {
  const make = () => {
    const gaps: Gap[] = [];
    let duplicates = 0;
    const received = new Uint32Array([1000, 0]);
    const events = {
      gap: (gap: Gap) => gaps.push(gap),
      reordered: () => {},
      duplicate: () => duplicates++,
      outlier: () => {},
    };
    const sequence = new Sequence({ table: TRADES, ids: 'unordered' }, received, events, () => 0);
    sequence.resize(1);
    const row = new Uint32Array(TRADES.words + 5);
    const accept = (id: number) => {
      received[0]++;
      row[5 + TRADES.at.trade_id] = id;
      return sequence.acceptRow(0, row, 5);
    };
    return { sequence, accept, gaps, duplicates: () => duplicates };
  };

  it('stores a trade once and lists a disconnect by its times', () => {
    const { sequence, accept, gaps, duplicates } = make();
    assert.deepEqual([7, 3, 7, 9].map(accept), [true, true, false, true]);
    sequence.interrupted('disconnect');
    assert.deepEqual([3, 12].map(accept), [false, true]);
    assert.deepEqual(
      gaps.map((g) => [g.cause, g.fromSeconds, g.toSeconds, g.fromId, g.toId]),
      [['disconnect', 1004, 1006, 0, 0]],
    );
    assert.equal(duplicates(), 2);
  });

  it('lists nothing when the newest trade is still the one it has', () => {
    const { sequence, accept, gaps } = make();
    assert.deepEqual([7, 9].map(accept), [true, true]);
    sequence.interrupted('disconnect');
    assert.deepEqual([9, 12].map(accept), [false, true]);
    assert.deepEqual(gaps, []);
  });

  it('lists what was lost while the connection was up, also when a trade is repeated', () => {
    const { sequence, accept, gaps } = make();
    accept(7);
    sequence.missed(0, 'malformed');
    assert.deepEqual([7, 12].map(accept), [false, true]);
    assert.deepEqual(
      gaps.map((g) => g.cause),
      ['malformed'],
    );
  });

  it('goes on behind an earlier run', () => {
    const { sequence, accept, gaps } = make();
    sequence.seed(0, [500, 0]);
    sequence.seedUnordered(0, ['8', '4294967290']);
    assert.deepEqual([8, 4294967290, 9].map(accept), [false, false, true]);
    assert.deepEqual(gaps, []);
  });
});

it('an id that was fetched is remembered in front of the newest one', () => {
  const recent = new RecentIds(2);
  recent.resize(1);
  const words = (id: number) => Uint32Array.of(id, 7);
  assert.equal(recent.beforeNewest(0), undefined);
  for (let id = 1; id <= RECENT_IDS + 5; id++) recent.add(0, words(id), 0);
  assert.deepEqual(recent.beforeNewest(0), words(RECENT_IDS + 4));
  for (let id = 9001; id <= 9010; id++) {
    assert.equal(recent.has(0, words(id), 0), false);
    recent.addOlder(0, words(id), 0);
    assert.equal(recent.has(0, words(id), 0), true);
  }
  assert.equal(recent.isNewest(0, words(RECENT_IDS + 5), 0), true);
  assert.equal(recent.add(0, words(9005), 0), false, 'it is not stored again');
  assert.equal(recent.add(0, words(RECENT_IDS + 5), 0), false);
  assert.equal(recent.has(0, words(15), 0), false, 'the oldest ones made room');
  assert.equal(recent.has(0, words(16), 0), true);
});

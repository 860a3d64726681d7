/** The shard plan: every symbol exactly once, never a silent cut. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planShards } from '../../src/feed/plan.js';

const names = (n: number) => Array.from({ length: n }, (_, i) => `S${i}`);

test('ten connections of fifty are filled in order', () => {
  const symbols = names(500);
  const plan = planShards('coinbase', symbols, 10, 50);
  assert.equal(plan.length, 10);
  assert.ok(plan.every(({ symbols }) => symbols.length === 50));
  assert.deepEqual(
    plan.map(({ exchange, shard }) => `${exchange} ${shard}`),
    names(10).map((_, i) => `coinbase ${i}`),
  );
  assert.deepEqual(
    plan.flatMap((shard) => shard.symbols),
    symbols,
  );
});

test('as few connections as possible', () => {
  for (const [count, sizes] of [
    [0, []],
    [1, [1]],
    [50, [50]],
    [51, [50, 1]],
    [120, [50, 50, 20]],
  ] as const) {
    assert.deepEqual(
      planShards('x', names(count), 10, 50).map(({ symbols }) => symbols.length),
      sizes,
    );
  }
});

test('one symbol too many is refused with the numbers and what to change', () => {
  assert.throws(() => planShards('coinbase', names(501), 10, 50), {
    code: 'TOO_MANY_SYMBOLS',
    message:
      'coinbase: 501 symbols do not fit into max_connections (10) × symbols_per_connection (50) = 500; raise one of them or list fewer symbols in [exchanges.coinbase]',
  });
});

test('a symbol given twice is refused', () => {
  assert.throws(() => planShards('x', ['A', 'B', 'A'], 1, 10), /symbol A is listed twice/);
});

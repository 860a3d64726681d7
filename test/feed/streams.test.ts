/** Names of streams by their bytes, as messages carry them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StreamIndex, type StreamSpec } from '../../src/feed/streams.js';

function spec(stream: number, native: string): StreamSpec {
  return {
    ...{ stream, exchange: 'x', native, symbol: native, directory: native },
    ...{ lastTradeId: '', recentTradeIds: [], unlistedIds: [], lastReceived: {} },
  };
}

test('finds each of thousands of names that differ in one place, and no other', () => {
  const names = Array.from({ length: 5000 }, (_, i) => `SYM${String(i).padStart(5, '0')}USDT`);
  const index = new StreamIndex(names.map((name, i) => spec(i, name)));
  const find = (name: string) => {
    const bytes = Buffer.from(`"${name}"`);
    return index.find(bytes, 1, bytes.length - 1);
  };
  assert.deepEqual(
    names.map(find),
    names.map((_, i) => i),
  );
  for (const name of ['SYM05000USDT', 'SYM0000USDT', 'SYM00001USD', 'SYM00001USDTT', 'sym00001usdt', ''])
    assert.equal(find(name), -1, name);
  index.remove(7);
  assert.deepEqual([find(names[7]), find(names[8])], [-1, 8]);
});

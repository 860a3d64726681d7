/** Names of streams by their bytes, as messages carry them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SYMBOL_BYTES_MAX } from '../../../src/base/limits.js';
import { StreamIndex, type StreamSpec } from '../../../src/feed/rows/streams.js';

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
  const others = ['SYM05000USDT', 'SYM0000USDT', 'SYM00001USD', 'SYM00001USDTT', 'sym00001usdt', ''];
  for (const name of [...others, 'SYM00001USDT"', '"', 'x'.repeat(1000)]) assert.equal(find(name), -1, name);
  index.remove(7);
  assert.deepEqual([find(names[7]), find(names[8])], [-1, 8]);
});

test('a name is found by every length, where it stands in front of a quote, and with small letters', () => {
  const names = Array.from({ length: SYMBOL_BYTES_MAX }, (_, i) =>
    'ABCDEFGHIJKLMNOPQRSTUVWXYZ-/é'.repeat(4).slice(0, i + 1),
  );
  const known = names.filter((name) => Buffer.byteLength(name) <= SYMBOL_BYTES_MAX);
  const index = new StreamIndex(known.map((name, i) => spec(i, name)));
  const quoted = (name: string) => {
    const bytes = Buffer.alloc(200, 'x');
    bytes.write(`xx"${name}"`);
    return index.findQuoted(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 3);
  };
  for (const [slot, name] of known.entries()) {
    assert.equal(index.slotOf(name), slot);
    assert.equal(quoted(name), slot);
    assert.equal(index.lengthOf(slot), Buffer.byteLength(name));
    const small = Buffer.from(name.replace(/[A-Z]/g, (letter) => letter.toLowerCase()));
    assert.equal(index.findCapitals(small, 0, small.length), slot);
  }
  assert.deepEqual([quoted('BCD'), quoted('abcd'), quoted(''), quoted('x'.repeat(150))], [-1, -1, -1, -1]);
});

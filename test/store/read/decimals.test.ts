/** Exact numbers: text from digits and scale, and the f32 nearest to it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearestFloat32 } from '../../../src/base/exact.js';
import { decimalOf, f32OfText, textOfF32 } from '../../../src/store/read/decimals.js';

test('rebuilds the text that was sent', () => {
  const cases: [bigint, number, string][] = [
    [1n, 8, '0.00000001'],
    [13107201n, 2, '131072.01'],
    [9999999999999999999n, 19, '0.9999999999999999999'],
    [9999999999999999999n, 0, '9999999999999999999'],
    [18446744073709551615n, 10, '1844674407.3709551615'],
    [1500n, 3, '1.500'],
    [0n, 2, '0.00'],
    [0n, 0, '0'],
    [42n, 0, '42'],
    [1n, 255, `0.${'0'.repeat(254)}1`],
  ];
  for (const [digits, scale, text] of cases) assert.equal(decimalOf(digits, scale, 0), text);
});

test('takes the scale of each literal from its own byte', () => {
  const scales = (2 | (8 << 8) | (0 << 16) | (255 << 24)) >>> 0;
  assert.deepEqual(
    [0, 1, 2].map((position) => decimalOf(12345n, scales, position)),
    ['123.45', '0.00012345', '12345'],
  );
  assert.equal(decimalOf(1n, scales, 3).length, 257);
});

test('rounds once where a double in between rounds twice', () => {
  // just above the middle between 16777216 and 16777218: as a double it becomes the middle, which ties to even
  const digits = 16777217000000001n;
  assert.equal(Math.fround(Number('16777217.000000001')), 16777216);
  assert.equal(nearestFloat32(digits, 9), 16777218);
  assert.equal(nearestFloat32(16777217n, 0), 16777216, 'a tie goes to the even one');
  assert.equal(nearestFloat32(16777219n, 0), 16777220, 'a tie goes to the even one');
  assert.equal(nearestFloat32(16777216999999999n, 9), 16777216);
  assert.equal(f32OfText('16777217.00000000000000000000000000000001'), 16777218);
});

test('agrees with a comparison in whole numbers for many literals', () => {
  let state = 1n;
  for (let i = 0; i < 20_000; i++) {
    state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn;
    const digits = state >> BigInt(i % 60);
    const scale = i % 24;
    const value = nearestFloat32(digits, scale);
    const bits = new DataView(new ArrayBuffer(4));
    bits.setFloat32(0, value);
    const at = (step: number) => {
      const other = new DataView(new ArrayBuffer(4));
      other.setUint32(0, Math.max(0, bits.getUint32(0) + step));
      return other.getFloat32(0);
    };
    // distances to the value and its neighbours, all times 10^scale * 2^149: whole numbers
    const scaled = (x: number) => {
      const shifted = x * 2 ** 149;
      return BigInt(shifted) * 10n ** BigInt(scale);
    };
    const distance = (x: number) => {
      const difference = (digits << 149n) - scaled(x);
      return difference < 0n ? -difference : difference;
    };
    assert.ok(
      distance(value) <= distance(at(1)) && distance(value) <= distance(at(-1)),
      `${digits}e-${scale}`,
    );
  }
});

test('reads every form of text a side-car may hold', () => {
  assert.equal(f32OfText('-1.5'), -1.5);
  assert.equal(f32OfText('1e-7'), Math.fround(1e-7));
  assert.equal(f32OfText('1.5E+3'), 1500);
  assert.equal(f32OfText('1e400'), Number.POSITIVE_INFINITY);
  assert.equal(f32OfText(`1${'0'.repeat(400)}e-400`), 1);
  assert.equal(f32OfText('0e999'), 0);
  assert.equal(f32OfText('340282356779733661637539395458142568447'), Math.fround(3.4028234663852886e38));
  assert.equal(f32OfText('340282356779733661637539395458142568448'), Number.POSITIVE_INFINITY);
  assert.equal(f32OfText('n/a'), undefined);
});

test('prints an f32 by its shortest text', () => {
  const cases: [number, string][] = [
    [0.1, '0.1'],
    [131072.01, '131072.02'],
    [1e-8, '0.00000001'],
    [16777216, '16777216'],
    [3.4028234663852886e38, '3.4028235e+38'],
    [1.401298464324817e-45, `0.${'0'.repeat(44)}1`],
    [Number.NaN, ''],
    [-2.5, '-2.5'],
  ];
  for (const [value, text] of cases) assert.equal(textOfF32(Math.fround(value)), text);
});

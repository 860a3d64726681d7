/** Names from exchanges as path components: reversible, distinct, and never a way out of the folder. */
import assert from 'node:assert/strict';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { LoggerError } from '../../src/base/errors.js';
import { NAME_BYTES_MAX, SYMBOL_BYTES_MAX } from '../../src/base/limits.js';
import { decodeName, encodeName } from '../../src/base/names.js';
import { oneOf, randomFrom } from '../support/random.js';

const NAUGHTY = [
  '../x', '..', '.', '', '/', '\\', 'a/b', 'a\\b', '/etc/passwd', '-rf', '--', '~', '*', '?', 'a b', ' ', 'con', 'NUL',
  'a\0b', '\0', 'a\nb', '\t', '\u007f', '\u0080', '\u2028', '\ufeffBTC', '\u202eBTC', '币安人生USDT', '龙', '😀', 'é', 'e\u0301',
  '\ud800', 'a\udc00', 'BTC/USD', 'BTC-USD', 'btcusdt', 'BTCUSDT', '%2F', '%2f', '%', '%%', '%00', '%2e%2e', '.hidden', '-', '_',
  'a.', 'a..', 'BTC%2FUSD', 'x'.repeat(64), 'x'.repeat(65), '币'.repeat(21), '币'.repeat(22), '/'.repeat(64), '$(id)', '`id`', "'", '"', ';',
  '1INCH-USD', 'USDT_250926', 'a:b', 'con.txt', '__proto__', 'constructor',
]; // biome-ignore format: a table

function randomName(random: (below: number) => number): string {
  const pieces = [
    ...NAUGHTY.filter((n) => n.length < 12),
    'A',
    'b',
    '7',
    '-',
    '.',
    '_',
    '/',
    '%',
    '2',
    'F',
    '\u00e9',
    '\u4e0a',
  ];
  let name = '';
  for (let i = random(12); i >= 0; i--)
    name += random(3) === 0 ? String.fromCharCode(random(0x10000)) : oneOf(random, pieces);
  return name;
}

/** Refused are what is empty, too long, no text, or holds a control character. */
function mustBeRefused(native: string): boolean {
  const bytes = Buffer.from(native);
  return (
    bytes.length === 0 ||
    bytes.length > SYMBOL_BYTES_MAX ||
    /\p{Surrogate}/u.test(native) ||
    bytes.some((byte) => byte < 0x20 || byte === 0x7f)
  );
}

test('turns every name into one safe component and back, or refuses it', () => {
  const random = randomFrom(3);
  const owner = new Map<string, string>();
  let refused = 0;
  for (const native of [...NAUGHTY, ...Array.from({ length: 10_000 }, () => randomName(random))]) {
    if (mustBeRefused(native)) {
      refused++;
      assert.throws(
        () => encodeName(native),
        (error) => error instanceof LoggerError && error.code === 'UNSAFE_NAME',
        JSON.stringify(native),
      );
      continue;
    }
    const name = encodeName(native);
    assert.match(name, /^[A-Za-z0-9_%][A-Za-z0-9._%-]*$/, JSON.stringify(native));
    assert.ok(name.length <= NAME_BYTES_MAX);
    assert.equal(resolve('/data', name), join('/data', name));
    assert.equal(resolve('/data', name).lastIndexOf('/'), '/data'.length);
    assert.equal(decodeName(name), native);
    assert.equal(owner.get(name) ?? native, native, 'no two names share a folder');
    owner.set(name, native);
  }
  assert.ok(refused > 100 && owner.size > 3000, `${refused} refused, ${owner.size} kept`);
});

test('leaves the usual symbols as they are', () => {
  for (const native of ['BTCUSDT', 'BTC-USD', '1000SATSUSDT', 'USDT_250926', 'btcusdt', 'a.b'])
    assert.equal(encodeName(native), native);
  assert.equal(encodeName('BTC/USD'), 'BTC%2FUSD');
  assert.equal(encodeName('..'), '%2E.');
});

test('tells the composed from the decomposed form of a letter', () => {
  assert.notEqual(encodeName('é'), encodeName('e\u0301'));
});

test('decodes only what it has encoded', () => {
  for (const name of ['a%2fb', '%41', '%', '%zz', '..', '.', '-a', 'a/b', 'a b', '', '%FF', '%00', 'é'])
    assert.equal(decodeName(name), undefined, name);
});

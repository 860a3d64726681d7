/** Numbers that are read in place against plainEnd(), and against JavaScript's own reading of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { READ_AHEAD_BYTES } from '../../../src/base/limits.js';
import { plainEnd } from '../../../src/base/plain_number.js';
import { NO_MATCH } from '../../../src/feed/json/fields.js';
import {
  decimalCode,
  NUMBER_TOOLS,
  NUMBER_VARIABLES,
  wholeCode,
} from '../../../src/feed/rows/number_codegen.js';
import { randomFrom } from '../../support/random.js';

const random = randomFrom(7);

interface Found {
  readonly end: number;
  readonly digits: number;
  readonly places: number;
}

type Reader = (text: string) => Found | typeof NO_MATCH;

/** Calls that were left to plainEnd(). */
let calls = 0;

/** The source as a function of the text in front of a comma. */
function readerOf(source: readonly string[]): Reader {
  const tools = {
    ...NUMBER_TOOLS,
    plainEnd: (...args: Parameters<typeof plainEnd>) => {
      calls++;
      return plainEnd(...args);
    },
    digits: new Float64Array(1),
    decimals: new Uint8Array(1),
  };
  const body = `return (view, bytes, i, end) => { ${NUMBER_VARIABLES}\n${source.join('\n')}\nreturn { end: i, digits: number_0, places: places_0 }; };`;
  const read = new Function(...Object.keys(tools), body)(...Object.values(tools));
  return (text) => {
    const bytes = Buffer.alloc(3 + text.length + READ_AHEAD_BYTES, text.endsWith('7') ? '7' : '.');
    bytes.write(`[[:${text},`, 'latin1');
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const found = read(view, bytes, 3, 3 + text.length + 1);
    return found === NO_MATCH ? found : { ...found, end: found.end - 3 };
  };
}

/** What the reader must find: what JavaScript says of a number as JSON writes it without sign and exponent. */
function expected(text: string): Found | typeof NO_MATCH {
  const [number = ''] = /^\d*(\.\d*)?/.exec(text) ?? [];
  const [whole, fraction] = number.split('.');
  const count = whole.length + (fraction?.length ?? 0);
  if (!/^(0|[1-9]\d*)$/.test(whole) || fraction === '' || count > 15) return NO_MATCH;
  return { end: number.length, digits: Number(whole + (fraction ?? '')), places: fraction?.length ?? 0 };
}

function digits(count: number): string {
  return Array.from({ length: count }, () => random(10)).join('');
}

const READERS: readonly Reader[] = [
  readerOf(decimalCode(0)),
  ...Array.from({ length: 17 }, (_, i) => readerOf(wholeCode(0, i + 1, ','.charCodeAt(0)))),
];

test('every count of digits in front of the point and behind it', () => {
  for (const read of READERS)
    for (let whole = 0; whole <= 17; whole++)
      for (let fraction = 0; fraction <= 17; fraction++)
        for (const first of ['', '0', '9']) {
          const number = `${first}${digits(whole)}`;
          const text = fraction === 0 ? number : `${number}.${digits(fraction)}`;
          assert.deepEqual(read(text), expected(text), text);
        }
});

test('every byte at every place of a number', () => {
  for (const read of READERS)
    for (const number of [
      '1672515782136',
      '43210.12000000',
      '0.00100000',
      '7',
      '12345678',
      '1234567.12345678',
    ])
      for (let at = 0; at < number.length; at++)
        for (let byte = 0; byte < 256; byte++) {
          const text = number.slice(0, at) + String.fromCharCode(byte) + number.slice(at + 1);
          assert.deepEqual(read(text), expected(text), JSON.stringify(text));
        }
});

test('what looks like the number it was made from is read in place', () => {
  calls = 0;
  for (let length = 5; length <= 15; length++) READERS[length](`1${digits(length - 1)}`);
  for (const text of ['0.5', '1', '12', '123.45', '1234.5678', '12345', '1234567.12345678', '0.00000001'])
    READERS[0](text);
  assert.equal(calls, 0);
  READERS[0]('12345678.5');
  READERS[8]('1234567');
  assert.equal(calls, 2);
});

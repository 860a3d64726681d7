/** Event times against JavaScript's own Date, which is the reference for every date that exists. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  daysOfDate,
  EPOCH,
  parseIsoTime,
  parseUtcTime,
  setTimeFromEpoch,
  TIME,
  TIME_RESULT,
} from '../../src/base/time.js';
import { randomFrom } from '../support/random.js';

const random = randomFrom(11);

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

/** Parses in the middle of other bytes; answers seconds and nanos, or the TIME_RESULT. */
function parse(text: string): [number, number] | number {
  const bytes = Buffer.from(`9${text}Z`);
  const result = parseIsoTime(viewOf(bytes), 1, bytes.length - 1);
  return result === TIME_RESULT.ok ? [TIME[0], TIME[1]] : result;
}

test('reads every time that u32 seconds hold, with 0 to 9 digits of fraction', () => {
  for (let i = 0; i < 60_000; i++) {
    const seconds = random(0xffffffff);
    const digits = random(10);
    const fraction = String(random(1e9)).padStart(9, '0').slice(0, digits);
    const iso = new Date(seconds * 1000).toISOString().slice(0, 19);
    const text = `${iso}${digits === 0 ? '' : `.${fraction}`}Z`;
    assert.deepEqual(parse(text), [seconds, Number(fraction.padEnd(9, '0'))], text);
  }
});

test('knows the limits of u32 seconds', () => {
  assert.deepEqual(parse('1970-01-01T00:00:00Z'), [0, 0]);
  assert.deepEqual(parse('2106-02-07T06:28:15.999999999Z'), [0xffffffff, 999_999_999]);
  assert.equal(parse('2106-02-07T06:28:16Z'), TIME_RESULT.outOfRange);
  assert.equal(parse('1969-12-31T23:59:59Z'), TIME_RESULT.outOfRange);
  assert.equal(parse('0001-01-01T00:00:00.000000Z'), TIME_RESULT.outOfRange);
  assert.equal(parse('0000-01-01T00:00:00Z'), TIME_RESULT.outOfRange);
  assert.equal(parse('9999-12-31T23:59:59Z'), TIME_RESULT.outOfRange);
});

test('counts the days of every date of 800 years as Date does', () => {
  for (
    let ms = Date.UTC(1600, 0, 1), day = ms / 86_400_000;
    ms < Date.UTC(2400, 0, 2);
    ms += 86_400_000, day++
  ) {
    const date = new Date(ms);
    assert.equal(daysOfDate(date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()), day);
  }
});

test('knows the days that exist, and refuses the others instead of rolling them over', () => {
  for (const year of [1970, 1972, 2000, 2023, 2024, 2026, 2096, 2100]) {
    for (let month = 0; month <= 13; month++) {
      for (let day = 0; day <= 32; day++) {
        const text = `${year}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}T12:00:00Z`;
        const date = new Date(text);
        // Date itself rolls some over, so a date exists when it comes back unchanged
        const exists = !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text.slice(0, 10));
        assert.deepEqual(parse(text), exists ? [date.getTime() / 1000, 0] : TIME_RESULT.invalid, text);
      }
    }
  }
});

test('reads a date that differs in one byte from the one before as if it had never seen that', () => {
  const known = '2024-02-29T12:00:00Z';
  for (let at = 0; at < 10; at++) {
    for (let byte = 0x20; byte < 0x7f; byte++) {
      const text = `${known.slice(0, at)}${String.fromCharCode(byte)}${known.slice(at + 1)}`;
      const date = new Date(/^\d{4}-\d\d-\d\dT/.test(text) ? text : Number.NaN);
      const exists = !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text.slice(0, 10));
      const seconds = date.getTime() / 1000;
      const inRange = seconds >= 0 && seconds <= 0xffffffff;
      const expected = inRange ? [seconds, 0] : TIME_RESULT.outOfRange;
      assert.deepEqual(parse(known), [Date.UTC(2024, 1, 29, 12) / 1000, 0]);
      assert.deepEqual(parse(text), exists ? expected : TIME_RESULT.invalid, text);
      assert.deepEqual(parse(known), [Date.UTC(2024, 1, 29, 12) / 1000, 0]);
    }
  }
});

test('files a leap second under the next minute', () => {
  assert.deepEqual(parse('2016-12-31T23:59:60.5Z'), [Date.UTC(2017, 0, 1) / 1000, 500_000_000]);
});

test('refuses whatever is not of this form', () => {
  const texts = [
    '', 'Z', '2026-11-21', '2026-11-21T10:00:00', '2026-11-21 10:00:00Z', '2026-11-21T10:00:00+0',
    '2026-11-21T24:00:00Z', '2026-11-21T10:60:00Z', '2026-11-21T10:00:61Z', '2026-11-21T10:00:00.Z',
    '2026-11-21T10:00:00.1234567890Z', '2026-11-21T10:00:00,5Z', '2026-11-21T10:00:00.5z', '2026-11-21T10:00:00.-5Z',
    '2026/11/21T10:00:00Z', '20a6-11-21T10:00:00Z', '2026-1a-21T10:00:00Z', '2026-11-21T1 :00:00Z', '-026-11-21T10:00:00Z',
    '2026-11-21T10:00:00+24:00', '2026-11-21T10:00:00+00:60', '2026-11-21T10:00:00+1:00', '2026-11-21T10:00:00+00:00Z',
    '2026-11-21T10:00:00+000', '2026-11-21T10:00:00+00-00', '2026-11-21T10:00:00.+00:00', '2026-11-21T10:00+00:00',
    '2026-11-21t10:00:00Z', '2026-11-21T10.00.00Z', '2026-11-21T10:00:00.12 Z', '1763719200000',
  ]; // biome-ignore format: a table
  for (const text of texts) assert.equal(parse(text), TIME_RESULT.invalid, JSON.stringify(text));
});

test('takes an offset to UTC for what it is', () => {
  for (let i = 0; i < 20_000; i++) {
    const seconds = 86_400 + random(0xffffffff - 2 * 86_400);
    const minutes = random(24 * 60);
    const sign = random(2) === 0 ? '+' : '-';
    const local = new Date((seconds + (sign === '+' ? minutes : -minutes) * 60) * 1000);
    const [hh, mm] = [Math.floor(minutes / 60), minutes % 60].map((n) => String(n).padStart(2, '0'));
    const forms = [`${sign}${hh}:${mm}`, `${sign}${hh}${mm}`, ...(mm === '00' ? [sign + hh] : [])];
    for (const offset of forms) {
      const text = `${local.toISOString().slice(0, 19)}.25${offset}`;
      assert.deepEqual(parse(text), [seconds, 250_000_000], text);
    }
  }
  assert.equal(parse('1970-01-01T00:59:59+01:00'), TIME_RESULT.outOfRange);
  assert.equal(parse('2106-02-07T06:28:15-00:01'), TIME_RESULT.outOfRange);
  assert.equal(parse('0001-01-01T00:00:00+00:00'), TIME_RESULT.outOfRange);
});

function setTime(epoch: number): boolean {
  EPOCH[0] = epoch;
  return setTimeFromEpoch();
}

test('takes milliseconds, and microseconds from 1973 on', () => {
  for (let i = 0; i < 20_000; i++) {
    const seconds = random(0xffffffff);
    const micros = random(1_000_000);
    const millis = Math.floor(micros / 1000);
    assert.ok(setTime(seconds * 1000 + millis));
    assert.deepEqual([...TIME], [seconds, millis * 1_000_000]);
    if (seconds < 100_000_000) continue;
    assert.ok(setTime(seconds * 1_000_000 + micros));
    assert.deepEqual([...TIME], [seconds, micros * 1000]);
  }
  assert.ok(setTime(0xffffffff * 1000 + 999));
  assert.equal(setTime(0x100000000 * 1000), false);
  assert.equal(setTime(0x100000000 * 1_000_000), false);
  assert.equal(setTime(-1), false);
});

test('reads a time that is known to be UTC and does not say so', () => {
  const read = (text: string) => parseUtcTime(viewOf(Buffer.from(`"${text}"`)), 1, 1 + text.length);
  assert.equal(read('2027-01-15T08:00:00'), TIME_RESULT.ok);
  assert.deepEqual([...TIME], [1_800_000_000, 0]);
  assert.equal(read('2027-01-15T08:00:00.5'), TIME_RESULT.ok);
  assert.deepEqual([...TIME], [1_800_000_000, 500_000_000]);
  for (const text of [
    '',
    '2027-01-15T08:00',
    '2027-01-15T08:00:00Z',
    '2027-02-30T08:00:00',
    '2027-01-15 08:00:00',
  ])
    assert.equal(read(text), TIME_RESULT.invalid, text);
});

/** Days and times as typed on the command line. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Moment } from '../../src/base/moment.js';
import { chooseTimes, type TimeOptions } from '../../src/commands/time_range.js';
import { momentOf, parseDay, parseTime } from '../../src/commands/times.js';

test('days', () => {
  const now = Date.parse('2026-11-21T23:59:59.999Z');
  assert.equal(parseDay('2026-11-21'), 20778);
  assert.equal(parseDay('today', now), 20778);
  assert.equal(parseDay('yesterday', now), 20777);
  assert.equal(parseDay('2024-02-29'), Date.parse('2024-02-29') / 86_400_000);
  for (const wrong of ['2026-11-31', '21.11.26', '2025-02-29', '', 'tomorrow'])
    assert.throws(() => parseDay(wrong), { code: 'USAGE' });
});

test('times', () => {
  const at = (text: string) => {
    const { seconds, nanos } = momentOf(parseTime('--from', text), 20778);
    return [seconds, nanos];
  };
  const noon = Date.parse('2026-11-21T12:00:00Z') / 1000;
  assert.deepEqual(at('12:00'), [noon, 0]);
  assert.deepEqual(at('12:00:01.5'), [noon + 1, 500_000_000]);
  assert.deepEqual(at('24:00'), [noon + 43_200, 0]);
  assert.deepEqual(at('2026-11-21T12:00:00.000000001Z'), [noon, 1]);
  assert.deepEqual(at('2026-11-21 12:00'), [noon, 0]);
  assert.deepEqual(at('2026-11-21T07:30-0430'), [noon, 0]);
  assert.deepEqual(at('2026-11-21'), [noon - 43_200, 0]);
  assert.deepEqual(at(`${noon}.25`), [noon, 250_000_000]);
  for (const wrong of ['24:01', '12:60', '2026-13-01', '2026-11-21T', '99999999999', '12:00:00.1234567890'])
    assert.throws(() => parseTime('--to', wrong), { code: 'USAGE' }, wrong);
});

test('a number since 1970 says by its size what it counts', () => {
  const at = (text: string) => parseTime('--from', text);
  const moment = (seconds: number, nanos: number) => ({ kind: 'moment', seconds, nanos });
  assert.deepEqual(at('1795219200'), moment(1795219200, 0));
  assert.deepEqual(at('1795219200123'), moment(1795219200, 123_000_000));
  assert.deepEqual(at('1795219200123.456'), moment(1795219200, 123_456_000));
  assert.deepEqual(at('1795219200123456'), moment(1795219200, 123_456_000));
  assert.deepEqual(at('1795219200123456789'), moment(1795219200, 123_456_789));
  assert.deepEqual(at('0'), moment(0, 0));
});

test('now, and a while before or after it', () => {
  const now = Date.parse('2026-11-21T12:00:00.250Z');
  const at = (text: string) => {
    const { seconds, nanos } = parseTime('--from', text, now);
    return new Date(seconds * 1000 + nanos / 1e6).toISOString().slice(5, -1);
  };
  assert.equal(at('now'), '11-21T12:00:00.250');
  assert.equal(at('now-5m'), '11-21T11:55:00.250');
  assert.equal(at('now-1h30m'), '11-21T10:30:00.250');
  assert.equal(at('now-500ms'), '11-21T11:59:59.750');
  assert.equal(at('now+2d1s'), '11-23T12:00:01.250');
  for (const wrong of ['now-', 'now-5', 'now-5y', 'now 5m', '5m', '-5m', 'now-999999d'])
    assert.throws(() => parseTime('--to', wrong, now), { code: 'USAGE' }, wrong);
});

const DAY = 20778; // 2026-11-21
const NOON = Date.parse('2026-11-21T12:00:00Z');

/** The times that options mean when the newest rows are of 2026-11-21, and the days that are read. */
function range(options: TimeOptions, nowMs = NOON): string[] {
  const { range: { from, to } = {}, firstDay, lastDay } = chooseTimes(options, DAY, nowMs);
  const text = (moment: Moment | undefined) =>
    moment === undefined ? '' : new Date(moment.seconds * 1000).toISOString().slice(8, 16);
  return [text(from), text(to), `${firstDay - DAY}..${lastDay - DAY}`];
}

test('a night is from the day on to the next', () => {
  const night = { from: '23:50', to: '00:10' };
  assert.deepEqual(range({ ...night, day: '2026-11-19' }), ['19T23:50', '20T00:10', '-2..-1']);
  assert.deepEqual(range({ ...night, day: 'yesterday' }), ['20T23:50', '21T00:10', '-1..0']);
  assert.deepEqual(range({ ...night, day: 'today' }), ['21T23:50', '22T00:10', '0..1']);
  // without a day the last one that has begun
  assert.deepEqual(range(night), ['20T23:50', '21T00:10', '-1..0']);
  assert.deepEqual(range(night, NOON + 11.9 * 3_600_000), ['21T23:50', '22T00:10', '0..1']);
  assert.deepEqual(range(night, NOON + 40 * 86_400_000), ['21T23:50', '22T00:10', '0..1']);
  // a moment says which night it is
  assert.deepEqual(range({ from: '2026-11-18T23:50', to: '00:10' }), ['18T23:50', '19T00:10', '-3..-2']);
  assert.deepEqual(range({ from: '23:50', to: '2026-11-18T00:10' }), ['17T23:50', '18T00:10', '-4..-3']);
  assert.deepEqual(range({ from: '23:50', to: 'now' }), ['20T23:50', '21T12:00', '-1..0']);
});

test('days are those between the times', () => {
  assert.deepEqual(range({}), ['', '', '0..0']);
  assert.deepEqual(range({ from: '10:00' }), ['21T10:00', '', '0..0']);
  assert.deepEqual(range({ day: '2026-11-19', to: '10:00' }), ['', '19T10:00', '-2..-2']);
  assert.deepEqual(range({ from: '10:00', to: '24:00' }), ['21T10:00', '22T00:00', '0..0']);
  assert.deepEqual(range({ from: 'now-1d' }), ['20T12:00', '', '-1..Infinity']);
  assert.deepEqual(range({ from: '2026-11-18', to: '2026-11-20' }), ['18T00:00', '20T00:00', '-3..-2']);
});

test('a day and times on other days are refused, what they share is read', () => {
  const day = '2026-11-20';
  assert.deepEqual(range({ day, from: '2026-11-20T10:00' }), ['20T10:00', '', '-1..-1']);
  assert.deepEqual(range({ day, from: '2026-11-19' }), ['19T00:00', '', '-1..-1']);
  for (const [options, message] of [
    [
      { day, from: '2026-11-21T10:00' },
      '--day 2026-11-20 (2026-11-20) and --from 2026-11-21T10:00 have no time in common; leave --day out',
    ],
    [
      { day: 'yesterday', from: '2026-11-18', to: '2026-11-19' },
      '--day yesterday (2026-11-20) and --from 2026-11-18 --to 2026-11-19 have no time in common; leave --day out',
    ],
    [
      { day, from: 'now-5m' },
      '--day 2026-11-20 (2026-11-20) and --from now-5m have no time in common; leave --day out',
    ],
    [{ from: '2026-11-21', to: '2026-11-20' }, '--from must be before --to'],
    [{ day, from: '10:00', to: '10:00' }, '--from must be before --to'],
  ] as const) {
    assert.throws(() => range(options), { code: 'USAGE', message });
  }
});

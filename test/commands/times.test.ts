/** Days and times as typed on the command line. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
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
  for (const wrong of ['24:01', '12:60', '2026-13-01', '2026-11-21T', '1795219200000', '12:00:00.1234567890'])
    assert.throws(() => parseTime('--to', wrong), { code: 'USAGE' }, wrong);
});

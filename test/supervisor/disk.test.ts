import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import {
  DISK_LEVELS,
  durationText,
  type Forecast,
  forecastText,
  inodeRunway,
  levelOf,
  type Room,
  Runway,
} from '../../src/supervisor/disk.js';

const GB = 1e9;
const MINUTE = 60;
const HOUR = 3600;
const never = { seconds: Number.POSITIVE_INFINITY, level: 'ok' };

/** What is said after each of so many seconds of a disk that `used` describes by its bytes at each of them. */
function watch(seconds: number, free: number, used: (s: number) => number, other: Partial<Room> = {}) {
  const runway = new Runway();
  const said: Forecast[] = [];
  for (let s = 0; s <= seconds; s++)
    said.push(runway.add(s * 1000, { free: free - used(s), block: 0, files: 0, written: 0, ...other }));
  return said;
}

describe('room on the disk', () => {
  it('lasts as long as the present rate says', () => {
    const said = watch(2 * HOUR, 100 * GB, (s) => (s * GB) / 600);
    const { seconds, level } = said.at(-1)!;
    assert.deepEqual([Math.round(seconds), level], [88 * 600, 'warn']);
  });

  it('is not judged by the first minute: nothing is said of 69 GB after 88 MB in 60 s', () => {
    const said = watch(MINUTE, 69 * GB, (s) => (s * 88e6) / 60);
    for (const forecast of said) assert.deepEqual(forecast, never);
  });

  it('is not judged by what a start costs once', () => {
    const said = watch(3 * HOUR, 69 * GB, (s) => (Math.min(s, 40) * 2 * GB) / 40 + s * 1e5);
    for (const { level } of said) assert.equal(level, 'ok');
    assert.equal(
      Math.round(said.at(-1)!.seconds / HOUR),
      Math.round((67 * GB - 3 * HOUR * 1e5) / 1e5 / HOUR),
    );
  });

  it('is not judged by a burst within a quiet hour', () => {
    const said = watch(4 * HOUR, 69 * GB, (s) => (s < 2 * HOUR ? 0 : GB) + s * 1e5);
    for (const { level } of said) assert.equal(level, 'ok');
  });

  it('is not judged by new files, whose first blocks are paid once', () => {
    const runway = new Runway();
    for (let s = 0; s <= HOUR; s++) {
      const made = Math.min(s * 100, 300_000);
      const room = { free: 20 * GB - made * 4096, block: 4096, files: 1e7 - made, written: 0 };
      assert.deepEqual(runway.add(s * 1000, room).level, 'ok', `${s} s`);
    }
  });

  it('that goes within minutes is told in minutes, also after hours of quiet', () => {
    const start = 2 * HOUR;
    const said = watch(start + 10 * MINUTE, 10 * GB, (s) => Math.max(0, s - start) * (GB / MINUTE));
    const first = (level: string) => said.findIndex((forecast) => forecast.level === level) - start;
    assert.ok(
      first('degraded') > 0 && first('degraded') <= 2 * MINUTE,
      `degraded after ${first('degraded')} s`,
    );
    assert.ok(first('unhealthy') <= 5.5 * MINUTE, `unhealthy after ${first('unhealthy')} s`);
    assert.deepEqual(said.at(-1), { seconds: 0, level: 'unhealthy' });
  });

  it('is used up by what we write, even when as much is freed', () => {
    const runway = new Runway();
    let last: Forecast = never as Forecast;
    for (let s = 0; s <= HOUR; s += 5)
      last = runway.add(s * 1000, { free: 10 * GB + s * 1e6, block: 0, files: 0, written: s * 1e6 });
    assert.deepEqual([Math.round(last.seconds), last.level], [13_600, 'warn']);
  });

  it('is not used up any more once that has ended', () => {
    const said = watch(3 * HOUR, 100 * GB, (s) => Math.min(s, HOUR) * 1e7);
    assert.equal(said[HOUR]!.level, 'warn');
    assert.deepEqual(said.at(-1), never);
  });
});

test('files last until the midnight whose files have no room', () => {
  const noon = 12 * 3_600_000;
  assert.equal(inodeRunway(2999, 1000, noon), 12 * 3600 + 2 * 86_400);
  assert.equal(inodeRunway(999, 1000, noon), 12 * 3600);
  assert.equal(inodeRunway(0, 1000, noon), 0);
  assert.equal(inodeRunway(5, 0, noon), Number.POSITIVE_INFINITY);
});

test('levels begin a day, an hour and five minutes ahead, and speak of at most 24 times what was seen', () => {
  const at = [Number.POSITIVE_INFINITY, 86_400, 86_399, 3600, 3599, 300, 299, 0];
  const levels = ['ok', 'ok', 'warn', 'warn', 'degraded', 'degraded', 'unhealthy', 'unhealthy'];
  assert.deepEqual(at.map(levelOf), levels);
  for (const { belowSecs, windowSecs } of Object.values(DISK_LEVELS)) assert.ok(belowSecs <= windowSecs * 24);
});

test('a forecast is said as people say it', () => {
  const durations = [20, 60, 90, 40 * 60, 3600, 89 * 60, 91 * 60, 35 * 3600, 37 * 3600, 3 * 86_400];
  assert.deepEqual(durations.map(durationText), [
    '1 minute',
    '1 minute',
    '2 minutes',
    '40 minutes',
    '1 hour',
    '89 minutes',
    '2 hours',
    '35 hours',
    '2 days',
    '3 days',
  ]);
  const never = Number.POSITIVE_INFINITY;
  assert.equal(forecastText(3 * 86_400, never), 'the disk will be full in about 3 days at the present rate');
  assert.equal(forecastText(86_400 * 3, 7200), 'no room for the files of another day in about 2 hours');
  assert.equal(forecastText(0, 0), 'the disk is full');
  assert.equal(forecastText(9, 0), 'the file system has no room for another file');
  assert.equal(forecastText(never, never), null);
  assert.equal(forecastText(never, 400 * 86_400), null);
});

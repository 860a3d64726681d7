/** `logger gaps`, over rows of GAPS that were written by hand: states, filters, sums and every form. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { DAY_START, dataDirectory, type Row, writeTableDay } from '../store/column_writer.js';

const DAY = 86_400;
/** Bits of `flags` and numbers of causes, as TABLES.md has them. */
const [REPAIRED, UNREPAIRABLE] = [1 << 0, 1 << 14];
const [DISCONNECT, RING_FULL, ABSENT] = [1, 2, 13];
const [MD, TRADES] = [1, 2];

/** A gap of ids, or without them of times alone, at second `at` of the day. */
const gap = (at: number, [from, to]: readonly [number, number], more: Row = {}): Row => ({
  ...{ time: DAY_START + at, table: TRADES, cause: DISCONNECT, from_id: from, to_id: to },
  ...{ from_time: DAY_START + at - 4, to_time: DAY_START + at, to_nanos: 500_000_000 },
  messages: to > 0 ? to - from + 1 : 0,
  ...more,
});
const NO_IDS = [0, 0] as const;

function run(...words: string[]) {
  const { status, stdout, stderr } = spawnSync('node', ['dist/src/cli.js', 'gaps', ...words], {
    encoding: 'utf8',
  });
  return { status, stderr, lines: stdout.trimEnd().split('\n'), stdout };
}

/** One open, one repaired a day later, one in parts, one unrepairable without ids. */
function scene(t: Parameters<typeof dataDirectory>[0]): string {
  const data = dataDirectory(t);
  const stamp = '22.11.26';
  writeTableDay(data, { exchange: 'binance', symbol: 'BTCUSDT', table: 'GAPS' }, [
    gap(100, [10, 19]),
    gap(200, [30, 1_229], { cause: RING_FULL }),
    gap(300, [2_000, 2_009]),
    gap(400, NO_IDS, { table: MD, cause: DISCONNECT }),
    gap(400, NO_IDS, { table: MD, cause: ABSENT, flags: UNREPAIRABLE }),
  ]);
  writeTableDay(data, { exchange: 'binance', symbol: 'BTCUSDT', table: 'GAPS', stamp }, [
    gap(DAY + 5, [30, 1_229], { flags: REPAIRED }),
    gap(DAY + 6, [2_000, 2_003], { flags: REPAIRED }),
  ]);
  writeTableDay(data, { exchange: 'okx', symbol: 'A%2FB', table: 'GAPS' }, [gap(500, [7, 7])]);
  return data;
}

test('gaps are listed with what has become of them, wherever that is written', (t) => {
  const { status, lines } = run('--data', scene(t));
  assert.equal(status, 0);
  assert.deepEqual(
    lines.map((line) => line.trim().split(/ {2,}/)),
    [
      ['exchange', 'symbol', 'table', 'state', 'cause', 'why', 'missing', 'repaired', 'from', 'to', 'ids'],
      ...[
        'binance|BTCUSDT|TRADES|open|disconnect|10|00:01:36.000000000|00:01:40.500000000|10-19 (10)',
        'binance|BTCUSDT|TRADES|repaired|ring_full|1,200|1,200|00:03:16.000000000|00:03:20.500000000|30-1229 (1200)',
        'binance|BTCUSDT|TRADES|open|disconnect|10|4|00:04:56.000000000|00:05:00.500000000|2000-2009 (10)',
        'binance|BTCUSDT|MD|unrepairable|disconnect|absent|00:06:36.000000000|00:06:40.500000000',
        'okx|A/B|TRADES|open|disconnect|1|00:08:16.000000000|00:08:20.500000000|7',
      ].map((line) => line.replace(/00:0\d:\d\d\.\d+/g, '2026-11-21T$&Z').split('|')),
    ],
  );
});

test('filters choose by place, state, cause and time', (t) => {
  const data = scene(t);
  const count = (...words: string[]) => JSON.parse(run(...words, '--json', '--data', data).stdout).length;
  assert.equal(count('binance'), 4);
  assert.equal(count('BINANCE', 'btcusdt', 'md'), 1);
  assert.equal(count('--state', 'open'), 3);
  assert.equal(count('--state', 'unrepairable'), 1);
  assert.equal(count('--cause', 'ring_full'), 1);
  assert.equal(count('--from', '2026-11-21T00:03:18Z', '--to', '2026-11-21T00:04:57Z'), 2);
  assert.equal(count('--day', '2026-11-22'), 0);
});

test('JSON has plain numbers, what is still open, and null for what is not known', (t) => {
  const gaps = JSON.parse(run('binance', '--json', '--data', scene(t)).stdout);
  assert.deepEqual(gaps[2], {
    ...{ exchange: 'binance', symbol: 'BTCUSDT', table: 'TRADES', state: 'open', cause: 'disconnect' },
    ...{ reason: null, from_id: 2_000, to_id: 2_009 },
    ...{ from: '2026-11-21T00:04:56.000000000Z', to: '2026-11-21T00:05:00.500000000Z' },
    ...{ missing: 10, repaired: 4, open_ids: [[2_004, 2_009]] },
  });
  const { state, reason, from_id, open_ids } = gaps[3];
  assert.deepEqual([state, reason, from_id, open_ids], ['unrepairable', 'absent', null, []]);
});

test('sums are by exchange, table, cause and state', (t) => {
  const { lines } = run('--sum', '--data', scene(t));
  assert.deepEqual(
    lines.map((line) => line.trim().split(/ {2,}/).join('|')),
    [
      'exchange|table|cause|state|gaps|symbols|missing|repaired|seconds',
      'binance|MD|disconnect|unrepairable|1|1|0|0|4.5',
      'binance|TRADES|disconnect|open|2|1|20|4|9.0',
      'binance|TRADES|ring_full|repaired|1|1|1,200|1,200|4.5',
      'okx|TRADES|disconnect|open|1|1|1|0|4.5',
    ],
  );
});

test('no gaps is said, and wrong words are refused by name', (t) => {
  const data = scene(t);
  assert.deepEqual(run('okx', '--state', 'repaired', '--data', data).lines, ['no gaps']);
  for (const [words, text] of [
    [['--state', 'closed'], /state/],
    [['binanc'], /binance/],
    [['--data', `${data}/none`], /no data directory/],
  ] as const) {
    const { status, stderr } = run(...words, ...(words.includes('--data' as never) ? [] : ['--data', data]));
    assert.notEqual(status, 0);
    assert.match(stderr, text);
  }
});

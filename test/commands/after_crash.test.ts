/** What `logger verify` and `logger recover` say of a directory whose logger was killed: a real journal, real processes. */
import assert from 'node:assert/strict';
import { appendFileSync, existsSync, readdirSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { EXIT } from '../../src/base/errors.js';
import { journalBacklog } from '../../src/store/backlog.js';
import { DiskIo } from '../../src/store/disk/io.js';
import { DataLock } from '../../src/supervisor/lock.js';
import { dataDirectory, trade, writeTableDay } from '../store/column_writer.js';
import { FIRST_DAY, STREAMS, World } from '../support/store_world.js';
import { logger } from './run_logger.js';

const io = new DiskIo();
/** Rows of each stream: two tables TRADES and one GAPS. */
const ROWS = 4;

/** A writer takes rows of every stream; the first `flushed` of each come to the columns, and then it is no more. */
async function crashed(t: TestContext, flushed = 0): Promise<string> {
  const data = dataDirectory(t);
  const clock = { ms: 1000 };
  const options = { dataPath: data, flushIntervalMs: 1000 };
  const world = new World(
    io,
    clock,
    STREAMS.map(() => 0),
    options,
  );
  for (let n = 0; n < ROWS; n++) {
    for (const { stream } of STREAMS) world.row(stream, FIRST_DAY);
    world.publish();
    world.writer.doWork();
    if (n + 1 !== flushed) continue;
    // rows are written once the journal is durable, which another thread sees to
    const files = STREAMS.map(({ exchange, directory, table }) =>
      join(data, exchange, directory, table.name, 'flags.04.10.24.bin'),
    );
    while (!files.every((file) => existsSync(file) && statSync(file).size === 4 * flushed)) {
      clock.ms += 700;
      world.writer.doWork();
      await setTimeout(5);
    }
  }
  return data;
}

interface Told {
  readonly ok: boolean;
  readonly journal: Readonly<Record<string, unknown>>;
}

function verified(data: string, ...args: string[]): Told {
  return JSON.parse(logger(['verify', '--json', '--data', data, ...args]).stdout) as Told;
}

test('verify counts the rows that wait in the journal, and they are no problem', async (t) => {
  const data = await crashed(t);
  writeTableDay(data, { table: 'TRADES' }, [trade(1), trade(2)]);
  const { status, stdout } = logger(['verify', '--data', data]);
  assert.equal(status, EXIT.ok, stdout);
  const what = 'the next start or `logger recover` writes them to the columns';
  assert.ok(
    stdout.includes(`\njournal: 12 rows wait in the journal (TRADES 8, GAPS 4); ${what}\nno problem in 1 `),
    stdout,
  );
  const waiting = { waiting_table_days: 3, waiting_tables: { TRADES: 8, GAPS: 4 } };
  const state = { waiting_rows: 12, ...waiting, running: false, recoverable: true };
  assert.deepEqual(verified(data), { ...verified(data), ok: true, journal: state });
  assert.equal(
    verified(data, '--exchange', 'coinbase').journal['waiting_rows'],
    0,
    'filters count here, too',
  );
  assert.equal(logger(['recover', '--data', data]).status, EXIT.ok);
  assert.doesNotMatch(logger(['verify', '--data', data]).stdout, /journal/);
});

test('verify says so, too, when nothing but the journal is there', async (t) => {
  const { status, stderr } = logger(['verify', '--data', await crashed(t)]);
  assert.equal(status, EXIT.failed);
  assert.match(
    stderr,
    /^logger: nothing to verify in .*; 12 rows wait in the journal \(TRADES 8, GAPS 4\); the next/,
  );
});

test('what is in the columns does not wait', async (t) => {
  const data = await crashed(t, 3);
  const waiting = journalBacklog(io, data).tableDays;
  assert.deepEqual(
    waiting.map(({ exchange, symbol, table, rows }) => [exchange, symbol, table, rows]),
    [
      ['x', 'A', 'TRADES', 1],
      ['x', 'B', 'GAPS', 1],
      ['y', 'A', 'TRADES', 1],
    ],
  );
  // the shortest column says how many rows are there
  truncateSync(join(data, 'x/A/TRADES/flags.04.10.24.bin'), 4);
  assert.equal(journalBacklog(io, data, { exchange: 'x', table: 'TRADES' }).tableDays[0]!.rows, 3);
});

test('beside a logger that runs, it is the one that writes them', async (t) => {
  const data = await crashed(t);
  writeTableDay(data, { table: 'TRADES' }, [trade(1), trade(2)]);
  const lock = await DataLock.take(data);
  t.after(() => lock.release());
  assert.match(
    logger(['verify', '--data', data]).stdout,
    /journal \(.*\); the logger that runs writes them to the columns\n/,
  );
  assert.deepEqual(verified(data).journal['running'], true);
});

test('recover tells of many files by their number, with --verbose of each', async (t) => {
  const data = await crashed(t, ROWS);
  const files = ['x/A/TRADES', 'y/A/TRADES'].flatMap((folder) =>
    readdirSync(join(data, folder))
      .filter((name) => name.endsWith('.04.10.24.bin'))
      .map((name) => join(data, folder, name)),
  );
  for (const file of files) appendFileSync(file, Buffer.alloc(64));
  const plan = (...args: string[]) =>
    logger(['recover', '--dry-run', '--data', data, ...args]).stdout.split('\n');
  const long = (lines: readonly string[]) => lines.filter((line) => line.startsWith('cut: file-long'));
  const brief = long(plan());
  assert.equal(brief.length, 1, brief.join('\n'));
  assert.ok(
    brief[0]!.includes(`: ${files.length} times in 2 table-days, first: ${data}/x/A/TRADES/`),
    brief[0],
  );
  assert.ok(plan().includes('--verbose tells all of it'));
  assert.equal(long(plan('--verbose')).length, files.length);
  assert.ok(!plan('--verbose').includes('--verbose tells all of it'));
  assert.ok(plan().includes('12 rows of 3 table-days to write again, at the place that they had:'));
});

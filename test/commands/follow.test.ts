/** `logger read --follow`: rows are printed as they reach the files, by a process that runs until it is told to stop. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, readdirSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { DAY_START, dataDirectory, type Row, STAMP, trade, writeTableDay } from '../store/column_writer.js';
import { CLI, ENV, logger } from './run_logger.js';

/** A follower that never prints what it should is waited for so long, on however busy a machine. */
const LONGEST_MS = 120_000;

/** A follower, and what it has printed so far. */
class Follower {
  stdout = '';
  stderr = '';
  private readonly child: ChildProcess;

  constructor(t: TestContext, root: string, ...args: string[]) {
    const read = ['read', 'coinbase', 'BTC-USD', 'TRADES', '--data', root, '--tail', '--follow'];
    const stdio = ['ignore', 'pipe', 'pipe'] as const;
    const child = spawn(process.execPath, [CLI, ...read, ...args], { env: ENV, stdio: [...stdio] });
    child.stdout.on('data', (chunk) => (this.stdout += chunk));
    child.stderr.on('data', (chunk) => (this.stderr += chunk));
    this.child = child;
    t.after(() => child.kill('SIGKILL'));
  }

  /** Waits until so much was printed. */
  async printed(text: string): Promise<void> {
    while (this.stdout.length < text.length && this.child.exitCode === null)
      await once(this.child.stdout!, 'data');
    assert.equal(this.stdout, text, this.stderr);
  }

  async stop(): Promise<unknown[]> {
    this.child.kill('SIGINT');
    return [...(await once(this.child, 'close')), this.stderr];
  }
}

/** Appends a row to the files of a table-day as the logger does, one column after the other. */
function append(t: TestContext, root: string, row: Row, stamp = STAMP): void {
  const other = dataDirectory(t);
  const source = writeTableDay(other, { table: 'TRADES', stamp }, [row]);
  const target = join(root, 'coinbase/BTC-USD/TRADES');
  for (const file of readdirSync(source))
    appendFileSync(join(target, file), readFileSync(join(source, file)));
}

test('csv: the last rows, then what comes, also on the next day and late on the one before', {
  timeout: LONGEST_MS,
}, async (t) => {
  const root = dataDirectory(t);
  const directory = writeTableDay(root, { table: 'TRADES' }, [trade(1), trade(2), trade(3)]);
  // the logger makes tomorrow's files ahead of time
  writeTableDay(root, { table: 'TRADES', stamp: '22.11.26' }, []);
  const follower = new Follower(t, root, '--limit', '2', '--format', 'csv', '--columns', 'trade_id');
  await follower.printed('trade_id\n2\n3\n');
  append(t, root, trade(4));
  await follower.printed('trade_id\n2\n3\n4\n');
  const tomorrow = { trade_time: DAY_START + 86_400 };
  append(t, root, trade(5, '1', '1', tomorrow), '22.11.26');
  await follower.printed('trade_id\n2\n3\n4\n5\n');
  append(t, root, trade(6));
  await follower.printed('trade_id\n2\n3\n4\n5\n6\n');
  // a row counts once the shortest column has it
  appendFileSync(join(directory, `trade_id.${STAMP}.bin`), Buffer.alloc(8, 7));
  append(t, root, trade(7, '1', '1', tomorrow), '22.11.26');
  await follower.printed('trade_id\n2\n3\n4\n5\n6\n7\n');
  assert.deepEqual(await follower.stop(), [0, null, '']);
});

test('table and jsonl: each row comes out at once, and files that begin again are read again', {
  timeout: LONGEST_MS,
}, async (t) => {
  const root = dataDirectory(t);
  const directory = writeTableDay(root, { table: 'TRADES' }, [trade(1), trade(2)]);
  const table = new Follower(t, root, '--columns', 'trade_id,trade_price');
  const json = new Follower(t, root, '--columns', 'trade_id', '--format', 'jsonl', '--limit', '1');
  const head = 'trade_id  trade_price\n       1    131072.01\n       2    131072.01\n';
  await table.printed(head);
  await json.printed('{"trade_id":2}\n');
  append(t, root, trade(3));
  await table.printed(`${head}       3    131072.01\n`);
  await json.printed('{"trade_id":2}\n{"trade_id":3}\n');
  for (const file of readdirSync(directory)) truncateSync(join(directory, file));
  append(t, root, trade(4));
  await table.printed(`${head}       3    131072.01\n       4    131072.01\n`);
  assert.deepEqual(await table.stop(), [0, null, '']);
  assert.deepEqual(await json.stop(), [0, null, '']);
});

test('the times narrow what is followed, and wait for rows to come', { timeout: LONGEST_MS }, async (t) => {
  const root = dataDirectory(t);
  writeTableDay(root, { table: 'TRADES' }, [trade(1)]);
  const args = ['--columns', 'trade_id', '--format', 'csv', '--from', String(DAY_START + 90_000)];
  const follower = new Follower(t, root, ...args);
  await follower.printed('trade_id\n');
  writeTableDay(root, { table: 'TRADES', stamp: '22.11.26' }, [
    trade(2, '1', '1', { trade_time: DAY_START + 89_999 }),
    trade(3, '1', '1', { trade_time: DAY_START + 90_000 }),
  ]);
  await follower.printed('trade_id\n3\n');
  assert.deepEqual(await follower.stop(), [0, null, '']);
});

test('an end that would never come is refused', (t) => {
  const root = dataDirectory(t);
  writeTableDay(root, { table: 'TRADES' }, [trade(1)]);
  for (const other of [
    ['--day', 'today'],
    ['--to', 'now'],
  ]) {
    const args = ['read', 'coinbase', 'BTC-USD', 'TRADES', '--data', root, '--follow', ...other];
    const { status, stderr } = logger(args);
    assert.equal(status, 2);
    assert.match(stderr, /^logger: option '-f, --follow' cannot be used with option '--(day|to) /);
  }
});

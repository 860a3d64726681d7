/** `logger read`: formats, filters, tail and errors, against files written by hand. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { LoggerError } from '../../src/base/errors.js';
import { type ReadOptions, readCommand, runRead } from '../../src/commands/read.js';
import { TABLES } from '../../src/schema/tables.js';
import { tableDayAt } from '../../src/store/read/reader.js';
import { planFields } from '../../src/store/read/row_text.js';
import { DAY_START, dataDirectory, type Row, STAMP, trade, writeTableDay } from '../store/column_writer.js';

async function read(root: string, options: Partial<ReadOptions> = {}, table = 'TRADES'): Promise<string> {
  let text = '';
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += chunk;
      setImmediate(done);
    },
    highWaterMark: 16,
  });
  await runRead('coinbase', 'BTC-USD', table, { data: root, format: 'csv', ...options }, stream);
  return text;
}

async function ids(root: string, options: Partial<ReadOptions>): Promise<number[]> {
  const text = await read(root, { columns: 'trade_id', ...options });
  return text.trim().split('\n').slice(1).map(Number);
}

const ticker: Row = {
  time: DAY_START + 1,
  nanos: 5,
  price: 0.5,
  volume: Number.NaN,
  best_bid: 0.25,
  best_ask: 0.75,
  side: 2,
  recv_time: DAY_START + 1,
  recv_nanos: 7,
  price_digits: 5000,
  best_bid_digits: 25,
  best_ask_digits: 75,
  scales: 4 | (2 << 8) | (2 << 16),
  flags: (1 << 16) | (1 << 4),
  last_size: 0.125,
  volume_24h: 7,
};

test('csv: exact literals, sides by name, missing empty', async (t) => {
  const root = dataDirectory(t);
  const big = 2n ** 64n - 1n;
  writeTableDay(root, { table: 'TRADES' }, [
    trade(big, '131072.01', '0.00000001'),
    trade(7, '9999999999999999999', '1.50', { trade_side: 2, flags: 3 }),
    trade(8, '0.9999999999999999999', '100', { trade_side: 0 }),
  ]);
  assert.equal(
    await read(root, { columns: 'trade_id,trade_price,trade_size,trade_side,taker_order_id,flags' }),
    'trade_id,trade_price,trade_size,trade_side,taker_order_id,flags\n' +
      '18446744073709551615,131072.01,0.00000001,buy,,0\n' +
      '7,9999999999999999999,1.50,sell,,3\n' +
      '8,0.9999999999999999999,100,unknown,,0\n',
  );
  writeTableDay(root, { table: 'MD' }, [ticker]);
  assert.equal(
    await read(root, {}, 'MD'),
    'time,nanos,price,volume,side,best_bid,best_ask,recv_time,recv_nanos,flags,last_size,volume_24h\n' +
      `${DAY_START + 1},5,0.5000,,sell,0.25,0.75,${DAY_START + 1},7,65552,0.125,7\n`,
  );
});

test('jsonl: every line parses; integers above 2^53 are strings, missing is null', async (t) => {
  const root = dataDirectory(t);
  writeTableDay(root, { table: 'TRADES' }, [
    trade(2n ** 53n),
    trade(2n ** 53n + 1n, '131072.10', '0.1', { maker_order_id: 0 }),
  ]);
  const lines = (await read(root, { format: 'jsonl' })).trimEnd().split('\n');
  assert.ok(lines[1]!.includes('"trade_price":131072.10,"trade_size":0.1,'));
  const [first, second] = lines.map((line) => JSON.parse(line));
  assert.equal(first.trade_id, 9007199254740992);
  assert.equal(second.trade_id, '9007199254740993');
  assert.equal(first.maker_order_id, '00112233-4455-6677-8899-aabbccddeeff');
  assert.equal(second.maker_order_id, null);
  assert.equal(first.trade_time, DAY_START + 3600);
});

test('table: aligned, times in ISO with nanoseconds, flags by name', async (t) => {
  const root = dataDirectory(t);
  writeTableDay(root, { table: 'MD' }, [ticker]);
  const [head, row] = (await read(root, { format: 'table' }, 'MD')).split('\n');
  assert.match(row!, /^2026-11-21T00:00:01\.000000005Z {2}0\.5000 {10}sell /);
  assert.match(row!, /2026-11-21T00:00:01\.000000007Z {2}replayed\|no_volume {6}0\.125 {11}7$/);
  assert.equal(head!.indexOf('volume_24h') + 'volume_24h'.length, row!.length);
  assert.ok(!head!.includes('nanos') && !head!.includes('digits'));
  writeTableDay(root, { table: 'GAPS' }, [
    { time: DAY_START, table: 2, cause: 1, from_id: 5, to_id: 6, to_time: DAY_START, messages: 2 },
  ]);
  assert.match(await read(root, { format: 'table' }, 'GAPS'), /Z {2}TRADES {2}disconnect +5 +6 /);
  const instrument = { time: DAY_START, state: 3, tick_size: 0.01, tick_size_digits: 10, scales: 3 };
  writeTableDay(root, { table: 'INSTRUMENTS' }, [{ ...instrument, lot_size: Number.NaN, flags: 6 << 16 }]);
  const [, listed] = (await read(root, { format: 'table' }, 'INSTRUMENTS')).split('\n');
  assert.match(listed!, /^2026-11-21T00:00:00\.0{9}Z {2}halted +0\.010 .* no_lot_size\|no_listed_time$/);
});

test('table: every time of every table is one for people, nanoseconds or not', async (t) => {
  const root = dataDirectory(t);
  const candle = { open_time: DAY_START + 60, close_time: DAY_START + 120, recv_time: DAY_START + 61 };
  writeTableDay(root, { table: 'KLINES_1m' }, [candle]);
  const columns = 'open_time,close_time,recv_time';
  const human = await read(root, { format: 'table', columns }, 'KLINES_1m');
  const [open, close] = ['2026-11-21T00:01:00Z', '2026-11-21T00:02:00Z'];
  assert.equal(human.split('\n')[1], `${open}  ${close}  2026-11-21T00:01:01.000000000Z`);
  assert.equal(
    await read(root, { columns }, 'KLINES_1m'),
    `${columns}\n${DAY_START + 60},${DAY_START + 120},${DAY_START + 61}\n`,
  );
  for (const table of TABLES) {
    const [exchange, symbol] = ['coinbase', 'BTC-USD'];
    const tableDay = tableDayAt({ exchange, symbol, directory: root, table, day: 0 });
    const numbers = planFields(tableDay, { human: true }).filter(({ numeric }) => numeric);
    const times = table.columns.filter(({ doc }) => /second.* since 1970|, seconds|^first second/.test(doc));
    assert.ok(times.length > 1);
    for (const { name } of times) assert.ok(!numbers.some((field) => field.name === name), name);
  }
});

test('raw prints what is stored, exact refuses what is only a float', async (t) => {
  const root = dataDirectory(t);
  writeTableDay(root, { table: 'TRADES' }, [trade(1, '131072.01', '2.00')]);
  const raw = await read(root, { raw: true, format: 'jsonl' });
  const row = JSON.parse(raw);
  assert.deepEqual(
    [row.trade_price, row.trade_side, row.price_digits, row.scales],
    [131072.02, 1, 13107201, 2 | (2 << 8)],
  );
  assert.equal(row.taker_order_id, '00000000-0000-0000-0000-000000000000');
  assert.equal(await read(root, { exact: true, columns: 'trade_price' }), 'trade_price\n131072.01\n');
  const bare = dataDirectory(t);
  writeTableDay(bare, { table: 'TRADES', without: ['price_digits', 'size_digits', 'scales'] }, [trade(1)]);
  assert.equal(await read(bare, { columns: 'trade_price' }), 'trade_price\n131072.02\n');
  await assert.rejects(read(bare, { exact: true }), /without exact digits/);
});

test('a literal in the side-car is printed as it was sent', async (t) => {
  const root = dataDirectory(t);
  const directory = writeTableDay(root, { table: 'TRADES' }, [
    trade(1),
    trade(2, '1', '1', { flags: 1 << 7, price_digits: 0 }),
    trade(3, '1', '1', { flags: 1 << 7 }),
  ]);
  writeFileSync(
    join(directory, `literals.${STAMP}.jsonl`),
    '{"row":1,"column":"trade_price","text":"1.00000000000000000000001"}\nbroken\n' +
      '{"row":2,"column":"trade_size","text":"a\\u001b\\"b,c"}\n',
  );
  assert.equal(
    await read(root, { columns: 'trade_price,trade_size' }),
    'trade_price,trade_size\n131072.01,0.50000000\n1.00000000000000000000001,1\n1,"a\u001b""b,c"\n',
  );
  const json = await read(root, { columns: 'trade_size', format: 'jsonl' });
  assert.equal(JSON.parse(json.trim().split('\n')[2]!).trade_size, 'a\u001b"b,c');
  assert.ok(!(await read(root, { format: 'table' })).includes('\u001b'), 'a terminal is not steered');
});

test('filters look at every row, for the files are not sorted by time', async (t) => {
  const root = dataDirectory(t);
  const at = (id: number, seconds: number, nanos = 0) =>
    trade(id, '1', '1', { trade_time: DAY_START + seconds, trade_nanos: nanos });
  writeTableDay(root, { table: 'TRADES' }, [
    at(1, 36_000),
    at(2, 10, 5),
    at(3, 36_000, 999_999_999),
    at(4, 36_001),
    at(5, 35_999, 999_999_999),
    at(6, 10, 4),
  ]);
  assert.deepEqual(await ids(root, { from: '10:00', to: '10:00:01' }), [1, 3]);
  assert.deepEqual(await ids(root, { from: '00:00:10.000000005', to: '00:01' }), [2]);
  assert.deepEqual(await ids(root, { to: '2026-11-21T00:00:10.000000005Z' }), [6]);
  assert.deepEqual(await ids(root, { from: '2026-11-21T11:00:01+01:00' }), [4]);
  assert.deepEqual(await ids(root, { from: String(DAY_START + 36_000) }), [1, 3, 4]);
  assert.deepEqual(await ids(root, { from: '10:00', to: '10:00:01', tail: true, limit: 1 }), [3]);
  assert.deepEqual(await ids(root, { from: '09:59', tail: true, limit: 99 }), [1, 3, 4, 5]);
  assert.deepEqual(await ids(root, { from: '12:00' }), []);
  await assert.rejects(read(root, { from: '10:00', to: '10:00' }), { code: 'USAGE' });
});

test('limit, tail and days', async (t) => {
  const root = dataDirectory(t);
  const many = Array.from({ length: 30 }, (_, i) => trade(i + 10, '1', '1'));
  writeTableDay(root, { table: 'TRADES' }, many);
  const before = trade(1, '1', '1', { trade_time: DAY_START - 60 });
  writeTableDay(root, { table: 'TRADES', stamp: '20.11.26' }, [before]);
  writeTableDay(root, { table: 'TRADES', stamp: '22.11.26' }, []);
  assert.deepEqual(await ids(root, { limit: 2 }), [10, 11], "tomorrow's empty files are not the newest day");
  assert.equal((await ids(root, { tail: true })).join(), '30,31,32,33,34,35,36,37,38,39');
  assert.deepEqual(await ids(root, { tail: true, limit: 2 }), [38, 39]);
  assert.deepEqual(await ids(root, { limit: 0 }), []);
  assert.deepEqual(await ids(root, { day: '2026-11-20' }), [1]);
  assert.equal((await ids(root, { from: '2026-11-20', to: '2026-11-22' })).length, 31);
  assert.deepEqual(await ids(root, { from: '2026-11-20', tail: true, limit: 31 }), [
    1,
    ...many.map((_, i) => i + 10),
  ]);
  assert.deepEqual(await ids(root, { day: '2026-11-22' }), []);
});

test('a night is read from the files of two days', async (t) => {
  const root = dataDirectory(t);
  const at = (id: number, seconds: number) => trade(id, '1', '1', { trade_time: DAY_START + seconds });
  writeTableDay(root, { table: 'TRADES', stamp: '20.11.26' }, [at(1, -601), at(2, -600), at(3, -1)]);
  writeTableDay(root, { table: 'TRADES' }, [at(4, 0), at(5, 599), at(6, 600)]);
  const night = { from: '23:50', to: '00:10' };
  assert.deepEqual(await ids(root, { ...night, day: '2026-11-20' }), [2, 3, 4, 5]);
  assert.deepEqual(await ids(root, { ...night, day: '2026-11-20', tail: true, limit: 3 }), [3, 4, 5]);
  assert.deepEqual(await ids(root, { ...night, day: '2026-11-21' }), []);
});

test('says what exists', async (t) => {
  const root = dataDirectory(t);
  writeTableDay(root, { table: 'TRADES' }, [trade(1)]);
  writeTableDay(root, { table: 'MD' }, [ticker]);
  const fails = async (run: Promise<unknown>, message: string, status: number) => {
    await assert.rejects(run, (error: unknown) => {
      assert.ok(error instanceof LoggerError);
      assert.ok(error.message.includes(message), error.message);
      assert.equal(error.exitStatus, status);
      return true;
    });
  };
  const sink = new Writable({ write: (_chunk, _encoding, done) => done() });
  const options: ReadOptions = { data: root, format: 'csv' };
  await fails(read(root, {}, 'TRADE'), 'no table TRADE; tables of BTC-USD: TRADES, MD', 1);
  await fails(runRead('coinbase', 'BTC-EUR', 'MD', options, sink), 'symbols of coinbase: BTC-USD', 1);
  await fails(runRead('cb', 'BTC-USD', 'MD', options, sink), 'exchanges: coinbase', 1);
  await fails(read(root, { day: '2026-11-20' }), 'days of BTC-USD TRADES: 2026-11-21', 1);
  await fails(read(root, { day: '2026-02-30' }), 'is not a day', 2);
  await fails(read(root, { from: '25:00' }), 'is not a time', 2);
  await fails(read(root, { columns: 'trade_id,prize' }), 'no column prize; columns of TRADES: trade_id,', 2);
  await fails(read(join(root, 'none')), 'no data directory', 1);
  assert.match(readCommand().helpInformation(), /--format/);
});

test('ends quietly when its reader goes away', async (t) => {
  const root = dataDirectory(t);
  writeTableDay(
    root,
    { table: 'TRADES' },
    Array.from({ length: 20_000 }, (_, i) => trade(i)),
  );
  const module = pathToFileURL(join(process.cwd(), 'dist/src/commands/read.js')).href;
  const script = `import { readCommand } from '${module}'; await readCommand().parseAsync(process.argv.slice(1), { from: 'user' });`;
  const args = ['--input-type=module', '-e', script, '--', 'coinbase', 'btc-usd', 'TRADES', '--data', root];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (chunk) => (errors += chunk));
  child.stdout.once('data', () => child.stdout.destroy());
  const status = await new Promise((resolve) => child.on('close', resolve));
  assert.deepEqual([status, errors], [0, '']);
});

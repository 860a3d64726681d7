/** Listing table-days and reading their columns, against files written by hand. */
import assert from 'node:assert/strict';
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { LoggerError } from '../../../src/base/errors.js';
import {
  listExchanges,
  listTableDays,
  readBlocks,
  readColumns,
  type TableDay,
} from '../../../src/store/read/reader.js';
import { dataDirectory, STAMP, trade, writeTableDay } from '../column_writer.js';

const names = (days: TableDay[]) =>
  days.map((d) => `${d.exchange} ${d.symbol} ${d.table.name} ${d.day} ${d.rows}`);

test('lists what is there, sorted, and passes over everything else', (t) => {
  const root = dataDirectory(t);
  writeTableDay(root, { table: 'TRADES' }, [trade(1), trade(2)]);
  writeTableDay(root, { table: 'TRADES', stamp: '20.11.26' }, [trade(0)]);
  writeTableDay(root, { table: 'MD' }, [{}]);
  writeTableDay(root, { table: 'GAPS', exchange: 'kraken', symbol: 'BTC%2FUSD' }, [{}, {}, {}]);
  writeTableDay(root, { table: 'TRADES', exchange: 'quarantine' }, [trade(1)]);
  mkdirSync(join(root, 'journal', '00000001'), { recursive: true });
  const trades = join(root, 'coinbase', 'BTC-USD', 'TRADES');
  writeFileSync(join(root, 'checkpoint.bin'), 'x');
  writeFileSync(join(root, 'coinbase', `rejected.${STAMP}.jsonl`), '{}\n');
  writeFileSync(join(trades, 'trade_id.32.11.26.bin'), 'no day');
  writeFileSync(join(trades, `later_column.${STAMP}.bin`), 'unknown');
  writeFileSync(join(trades, `checksums.${STAMP}.json`), '{}');
  mkdirSync(join(root, 'coinbase', 'BTC-USD', 'LATER'));
  mkdirSync(join(root, 'coinbase', 'not%zzname', 'TRADES'), { recursive: true });

  assert.deepEqual(names(listTableDays(root)), [
    'coinbase BTC-USD MD 20778 1',
    'coinbase BTC-USD TRADES 20777 1',
    'coinbase BTC-USD TRADES 20778 2',
    'kraken BTC/USD GAPS 20778 3',
  ]);
  assert.deepEqual(names(listTableDays(root, { symbol: 'BTC/USD' })), ['kraken BTC/USD GAPS 20778 3']);
  assert.deepEqual(names(listTableDays(root, { exchange: 'coinbase', table: 'TRADES', day: 20777 })), [
    'coinbase BTC-USD TRADES 20777 1',
  ]);
  assert.deepEqual(names(listTableDays(root, { exchange: '..', symbol: '../..' })), []);
  assert.deepEqual(listExchanges(root), ['coinbase', 'kraken']);
  assert.throws(() => listTableDays(join(root, 'nowhere')), /no data directory/);
});

test('the shortest column says how many rows are whole', (t) => {
  const root = dataDirectory(t);
  const directory = writeTableDay(root, { table: 'TRADES' }, [trade(1), trade(2), trade(3)]);
  assert.equal(listTableDays(root)[0]!.ragged, false);
  truncateSync(join(directory, `taker_order_id.${STAMP}.bin`), 2 * 16 + 7);
  const [tableDay] = listTableDays(root);
  assert.equal(tableDay!.rows, 2);
  assert.equal(tableDay!.ragged, true);
  assert.deepEqual(
    [...(readColumns(tableDay!, ['trade_id']).columns['trade_id'] as BigUint64Array)],
    [1n, 2n],
  );
});

test('without exact digits a table-day is complete and says which columns it has', (t) => {
  const root = dataDirectory(t);
  const without = ['price_digits', 'size_digits', 'scales'];
  writeTableDay(root, { table: 'TRADES', without }, [trade(1)]);
  const [tableDay] = listTableDays(root);
  assert.equal(tableDay!.ragged, false);
  assert.equal(tableDay!.rows, 1);
  assert.ok(!tableDay!.columns.includes('scales') && tableDay!.columns.includes('flags'));
  assert.throws(
    () => readColumns(tableDay!, ['price_digits']),
    (e) =>
      e instanceof LoggerError && e.code === 'DATA_UNREADABLE' && /no column price_digits/.test(e.message),
  );
});

test('reads ranges of every type, ids near 2^64 included', (t) => {
  const root = dataDirectory(t);
  const top = 2n ** 64n - 1n;
  writeTableDay(root, { table: 'TRADES' }, [trade(top - 2n), trade(top - 1n, '0.00000001'), trade(top)]);
  const [tableDay] = listTableDays(root);
  const { columns, rows, fromRow } = readColumns(tableDay!, undefined, 1, 99);
  assert.deepEqual([rows, fromRow], [2, 1]);
  assert.deepEqual(columns['trade_id'], BigUint64Array.of(top - 1n, top));
  assert.deepEqual(columns['trade_price'], Float32Array.of(1e-8, 131072.01));
  assert.deepEqual(columns['trade_nanos'], Uint32Array.of(123456789, 123456789));
  assert.equal(Buffer.from(columns['maker_order_id'] as Uint8Array).toString('hex').length, 2 * 32);
  assert.equal((columns['maker_order_id'] as Uint8Array)[16 + 15], 0xff);
  assert.equal(readColumns(tableDay!, ['flags'], 3).rows, 0);
});

test('blocks cover a range without gap or overlap, whatever their size', (t) => {
  const root = dataDirectory(t);
  const ids = Array.from({ length: 23 }, (_, i) => i + 100);
  writeTableDay(
    root,
    { table: 'TRADES' },
    ids.map((id) => trade(id)),
  );
  const [tableDay] = listTableDays(root);
  for (const blockRows of [1, 2, 7, 22, 23, 1000]) {
    for (const [fromRow, toRow] of [
      [0, 23],
      [5, 6],
      [5, 22],
      [22, 99],
      [23, 23],
    ] as const) {
      const seen: number[] = [];
      for (const block of readBlocks(tableDay!, ['trade_id', 'flags'], { blockRows, fromRow, toRow })) {
        assert.equal(block.fromRow, fromRow + seen.length);
        seen.push(...[...(block.columns['trade_id'] as BigUint64Array)].map(Number));
      }
      assert.deepEqual(seen, ids.slice(fromRow, toRow));
    }
  }
});

test('a file that shrinks while it is read is an error, not zeros', (t) => {
  const root = dataDirectory(t);
  const directory = writeTableDay(root, { table: 'TRADES' }, [trade(1), trade(2)]);
  const [tableDay] = listTableDays(root);
  truncateSync(join(directory, `trade_id.${STAMP}.bin`), 8);
  assert.throws(() => readColumns(tableDay!), /ends at byte 8/);
});

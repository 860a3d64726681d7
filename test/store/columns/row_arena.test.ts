/** Rows of many lists in one memory: each list has exactly its rows in their order, whatever the others do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HEADER_WORDS, type Table } from '../../../src/schema/layout.js';
import { TABLES } from '../../../src/schema/tables.js';
import { RowArena } from '../../../src/store/columns/row_arena.js';
import { beginBatch, columnStart, transpose } from '../../../src/store/columns/transpose.js';
import { Random } from '../../support/random.js';

/** A slab has 256 chunks, of which a list takes one for a few dozen rows. */
const LISTS = 700;
const STEPS = 4000;

interface Modelled {
  readonly list: number;
  readonly table: Table;
  /** first word of each row; those behind it count up */
  readonly rows: number[];
}

function rowsOf(waiting: RowArena, { list, table }: Modelled): number[][] {
  const found: number[][] = [];
  waiting.visit(list, table.words, (records, from, rows) => {
    for (let row = 0; row < rows; row++)
      found.push([...records.slice(from + row * table.words, from + (row + 1) * table.words)]);
  });
  return found;
}

const recordOf = (table: Table, first: number) => Array.from({ length: table.words }, (_, i) => first + i);

function check(waiting: RowArena, modelled: Modelled): void {
  const { list, table, rows } = modelled;
  assert.equal(waiting.rows(list), rows.length);
  assert.deepEqual(
    rowsOf(waiting, modelled),
    rows.map((first) => recordOf(table, first)),
  );
  if (rows.length === 0) return;
  assert.equal(waiting.oldest(list, 3), rows[0]! + 3);
  assert.equal(waiting.newest(list, table.words, 3), rows.at(-1)! + 3);
}

function stage(waiting: RowArena, { list, table, rows }: Modelled, first: number): void {
  // not at the start of what it is copied from
  waiting.stage(list, Uint32Array.from([9, 9, ...recordOf(table, first)]), 2, table.words);
  rows.push(first);
}

test('every list keeps its rows while others come, are written and come again', () => {
  const random = new Random(7);
  const waiting = new RowArena();
  const all: Modelled[] = Array.from({ length: LISTS }, (_, n) => ({
    list: waiting.addList(n),
    table: random.of(TABLES),
    rows: [],
  }));
  let first = 1;
  for (let step = 0; step < STEPS; step++) {
    const modelled = random.of(all);
    if (random.chance(0.2)) {
      check(waiting, modelled);
      waiting.clear(modelled.list);
      modelled.rows.length = 0;
    } else for (let n = random.of([1, 5, 200]); n > 0; n--) stage(waiting, modelled, (first += 100));
    if (random.chance(0.01)) waiting.rest();
  }
  assert.ok(waiting.bytes > 2 ** 21, 'several slabs were needed');
  for (const modelled of all) check(waiting, modelled);
  for (const { list } of all) waiting.clear(list);
  assert.equal(waiting.bytes, 0);
  for (const modelled of all) {
    modelled.rows.length = 0;
    stage(waiting, modelled, (first += 100));
  }
  for (const modelled of all) check(waiting, modelled);
  for (const [n, { list }] of all.entries()) assert.equal(waiting.ring(list), n);
});

test('memory that is not needed is given back, and asked for again', () => {
  const waiting = new RowArena();
  const modelled = { list: waiting.addList(0), table: TABLES[0]!, rows: [] as number[] };
  const other = { list: waiting.addList(0), table: TABLES[0]!, rows: [] as number[] };
  for (let n = 0; n < 50_000; n++) stage(waiting, modelled, n);
  stage(waiting, other, 1);
  const full = waiting.bytes;
  waiting.clear(modelled.list);
  assert.ok(waiting.bytes < full / 100);
  assert.ok(waiting.heldBytes >= full, 'it is kept for a while');
  waiting.rest();
  waiting.rest();
  check(waiting, other);
  assert.ok(waiting.heldBytes < full / 4);
  const held = () => {
    waiting.clear(modelled.list);
    modelled.rows.length = 0;
    for (let n = 0; n < 50_000; n++) stage(waiting, modelled, n);
    return waiting.heldBytes;
  };
  assert.equal(held(), held(), 'what was given back is used again');
  check(waiting, modelled);
  check(waiting, other);
});

for (const table of TABLES)
  test(`columns of ${table.name} have the words of their rows`, () => {
    const waiting = new RowArena();
    const modelled: Modelled = { list: waiting.addList(0), table, rows: [] };
    for (let n = 0; n < 500; n++) stage(waiting, modelled, n * 1000);
    const rows = modelled.rows.length;
    const batch = beginBatch(rows, table.words);
    let done = 0;
    waiting.visit(modelled.list, table.words, (records, from, count) => {
      transpose(records, from, count, table.words, table.columns, done, rows);
      done += count;
    });
    assert.equal(done, rows);
    const view = new DataView(batch.buffer, batch.byteOffset);
    for (const column of table.columns) {
      assert.ok(column.word >= HEADER_WORDS);
      for (let row = 0; row < rows; row++)
        for (let part = 0; part < column.words; part++)
          assert.equal(
            view.getUint32(columnStart(column, rows) + row * column.bytes + part * 4, true),
            row * 1000 + column.word + part,
            `${column.name} of row ${row}`,
          );
    }
  });

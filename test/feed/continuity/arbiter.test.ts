/** Which rows count while several connections bring the same streams, one or the other first, or one of them alone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Arbiter, NOBODY, VERDICT } from '../../../src/feed/continuity/arbiter.js';
import { flag } from '../../../src/schema/flags.js';
import type { Table } from '../../../src/schema/layout.js';
import { BBO, BOOK, MD, TRADES } from '../../../src/schema/tables.js';

const { keep, drop, dropEvent } = VERDICT;
const [FIRST, SECOND] = [0, 1];

class Rig {
  readonly taken: string[] = [];
  readonly arbiter: Arbiter;
  private readonly u32 = new Uint32Array(64);

  constructor(tables: readonly Table[], ownsBooks = false, owner = FIRST) {
    this.arbiter = new Arbiter(
      tables,
      ownsBooks,
      { taken: (slot, from) => this.taken.push(`${slot} from ${from}`), known: () => {} },
      owner,
      2,
    );
  }

  /** A row with this price, received at some moment of its own. */
  row(seat: number, table: Table, price: number, flags = 0, slot = 0): number {
    this.arbiter.seat = seat;
    this.u32.fill(0);
    this.u32[table.at.recv_nanos] = Math.floor(Math.random() * 1e9);
    this.u32[table.words - 1] = price;
    this.u32[table.at.flags] = flags;
    return this.arbiter.judge(table, slot, this.u32, 0);
  }
}

test('whoever is first has its row stored, and the other one finds it, whichever that is', () => {
  const rig = new Rig([MD, BBO]);
  assert.deepEqual(
    [rig.row(FIRST, MD, 1), rig.row(FIRST, MD, 2), rig.row(SECOND, MD, 1), rig.row(SECOND, MD, 2)],
    [keep, keep, drop, drop],
  );
  assert.deepEqual([rig.row(SECOND, MD, 3), rig.row(FIRST, MD, 3)], [keep, drop]);
  assert.equal(rig.row(SECOND, BBO, 3), keep, 'another table');
  assert.equal(rig.row(SECOND, MD, 3, 0, 1), keep, 'another symbol');
});

test('a row that comes twice on each connection is stored twice', () => {
  const rig = new Rig([MD]);
  assert.deepEqual([rig.row(FIRST, MD, 7), rig.row(FIRST, MD, 7)], [keep, keep]);
  assert.deepEqual([rig.row(SECOND, MD, 7), rig.row(SECOND, MD, 7)], [drop, drop]);
});

test('what one of them never brings holds nothing up, and an end of one loses nothing', () => {
  const rig = new Rig([MD]);
  for (let price = 0; price < 1000; price++) assert.equal(rig.row(FIRST, MD, price), keep);
  assert.equal(rig.row(SECOND, MD, 999), drop);
  assert.equal(rig.row(SECOND, MD, 1000), keep);
});

test('rows of receipt alone are the same whenever they are received', () => {
  const rig = new Rig([BBO]);
  const untimed = flag('no_event_time');
  assert.deepEqual([rig.row(FIRST, BBO, 5, untimed), rig.row(SECOND, BBO, 5, untimed)], [keep, drop]);
});

test('what a connection that joins later brings is new to it, not what was stored before', () => {
  const rig = new Rig([MD]);
  rig.row(FIRST, MD, 1);
  rig.arbiter.join(SECOND);
  assert.equal(rig.row(SECOND, MD, 1), keep, 'the same values again');
  assert.equal(rig.row(FIRST, MD, 1), drop);
});

test('rows with ids are left to their ids', () => {
  const rig = new Rig([MD]);
  assert.deepEqual([rig.row(FIRST, TRADES, 1), rig.row(SECOND, TRADES, 1)], [keep, keep]);
});

test('whole books are compared as wholes, although their levels may be the same', () => {
  const rig = new Rig([BOOK]);
  const end = flag('event_end');
  const event = (seat: number, prices: readonly number[]) => {
    rig.arbiter.seat = seat;
    rig.arbiter.bookEvent(0, true);
    return prices.map((price, i) => rig.row(seat, BOOK, price, i === prices.length - 1 ? end : 0));
  };
  assert.deepEqual(event(FIRST, [1, 2]), [keep, keep]);
  assert.deepEqual(event(SECOND, [1, 3]), [keep, keep]);
  assert.deepEqual(event(SECOND, [1, 2]), [keep, dropEvent]);
  assert.deepEqual(event(FIRST, [1, 3]), [keep, dropEvent]);
});

test('a book is one connection’s, and passes with a snapshot of the successor alone', () => {
  const rig = new Rig([], true);
  const { arbiter } = rig;
  assert.deepEqual([rig.row(FIRST, BOOK, 1), rig.row(SECOND, BOOK, 1)], [keep, drop]);
  arbiter.seat = SECOND;
  arbiter.bookEvent(0, true);
  assert.equal(arbiter.ownerOf(0), FIRST, 'nobody has named a successor');
  arbiter.successor = SECOND;
  arbiter.bookEvent(0, false);
  assert.equal(arbiter.ownerOf(0), FIRST, 'a change is not enough');
  arbiter.bookEvent(0, true);
  assert.deepEqual([arbiter.ownerOf(0), arbiter.ownerOf(1), rig.taken], [SECOND, FIRST, ['0 from 0']]);
  assert.deepEqual([rig.row(FIRST, BOOK, 2), rig.row(SECOND, BOOK, 2)], [drop, keep]);
  // a snapshot that could not be written
  arbiter.bookEvent(1, true);
  arbiter.takeBack();
  assert.equal(arbiter.ownerOf(1), FIRST);
});

test('a book that is nobody’s goes to whoever has a snapshot first', () => {
  const rig = new Rig([], true, NOBODY);
  rig.arbiter.seat = SECOND;
  rig.arbiter.bookEvent(1, true);
  assert.equal(rig.arbiter.ownerOf(1), SECOND);
  assert.equal(rig.arbiter.ownerOf(0), NOBODY);
});

/**
 * Books that an exchange sends whole and without a number, several of them within a millisecond: two connections bring
 * them in an order of their own, and levels that the books share say nothing of which book a row is of.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { flag } from '../../../src/schema/flags.js';
import { type ChannelComparison, compareLedger } from '../../../src/simulator/compare/compare.js';
import { levelHash } from '../../../src/simulator/market/book.js';
import { EventValues, LEDGER_FLAGS, LedgerStream } from '../../../src/simulator/market/ledger.js';
import { type Row, write } from '../stand_in.js';

const directory = mkdtempSync(join(tmpdir(), 'logger-whole-books-'));
after(() => rmSync(directory, { recursive: true, force: true }));

const TIME_S = 1_790_000_000;
const [BID, ASK] = [1, 2];
type Level = readonly [side: number, price: number, size: number];
type Book = readonly Level[];

const FIRST: Book = [[BID, 100, 5], [BID, 99, 7], [ASK, 101, 3], [ASK, 102, 4]]; // biome-ignore format: a book a line
/** The last level of the first book is the third of this one. */
const SECOND: Book = [[BID, 100, 5], [BID, 98, 1], [ASK, 102, 4], [ASK, 103, 9]]; // biome-ignore format: a book a line

function writeLedger(path: string, books: readonly Book[]): void {
  const stream = new LedgerStream(path, 'upbit', 'KRW-BTC', 'book');
  const values = new EventValues();
  values.time_s = TIME_S;
  for (const book of books) {
    for (const [i, [side, price, size]] of book.entries()) {
      values.side = side;
      values.set(0, price, 0);
      values.set(1, size, 0);
      const start = i === 0 ? LEDGER_FLAGS.snapshot_start : 0;
      stream.record(values, TIME_S * 1e6, 2, LEDGER_FLAGS.snapshot | start);
    }
    stream.endEvent(
      book.reduce((sum, [side, price, size]) => sum + levelHash(side - 1, price, 0, size, 0), 0),
    );
  }
  stream.flush();
}

const rowsOfBook = (book: Book): Row[] =>
  book.map(([side, price, size], i) => ({
    ...{ time: TIME_S, nanos: 0, recv_time: TIME_S, recv_nanos: 0 },
    ...{ side, price, size, price_digits: BigInt(price), size_digits: BigInt(size), scales: 0 },
    flags:
      flag('snapshot') |
      (i === 0 ? flag('snapshot_start') : 0) |
      (i === book.length - 1 ? flag('event_end') : 0),
  }));

let runs = 0;
function compared(sent: readonly Book[], rows: readonly Row[]): ChannelComparison {
  const [ledger, data] = [join(directory, `ledger-${runs}`), join(directory, `data-${runs++}`)];
  writeLedger(ledger, sent);
  write(data, 'upbit', new Map([['KRW-BTC BOOK', [...rows]]]));
  return compareLedger(ledger, data).channels[0];
}

const faults = ({ missing, repeated, unexpected, different, wrong_books }: ChannelComparison) => ({
  ...{ missing, repeated, unexpected, different, wrong_books },
});
const NONE = { missing: 0, repeated: 0, unexpected: 0, different: 0, wrong_books: 0 };

test('a level that two books share belongs to the book that it stands in, whichever comes first', () => {
  for (const order of [
    [FIRST, SECOND],
    [SECOND, FIRST],
  ]) {
    // biome-ignore format: two orders
    const result = compared([FIRST, SECOND], order.flatMap(rowsOfBook));
    assert.deepEqual(faults(result), NONE, result.examples.join('\n'));
    assert.equal(result.books, 2);
  }
});

test('the same book twice is two events, a third one is a repetition', () => {
  const twice = [FIRST, FIRST].flatMap(rowsOfBook);
  assert.deepEqual(faults(compared([FIRST, FIRST], twice)), NONE);
  assert.equal(compared([FIRST], [FIRST, FIRST, FIRST].flatMap(rowsOfBook)).repeated, FIRST.length);
});

test('a wrong flag, a missing level and a wrong size are found in such books', () => {
  const rows = [SECOND, FIRST].flatMap(rowsOfBook);
  const wrongFlag = rows.map((row, i) => (i === 3 ? { ...row, flags: flag('snapshot') } : row));
  assert.equal(compared([FIRST, SECOND], wrongFlag).different, 1);
  assert.equal(
    compared(
      [FIRST, SECOND],
      rows.filter((_, i) => i !== 1),
    ).missing,
    1,
  );
  const wrongSize = rows.map((row, i) => (i === 1 ? { ...row, size: 2, size_digits: 2n } : row));
  const found = faults(compared([FIRST, SECOND], wrongSize));
  assert.ok(found.different + found.unexpected >= 1, JSON.stringify(found));
});

/**
 * `logger verify` on order books: recorded events as rows of one day or two, whole and damaged. The rows come from the
 * parser, the files from a writer that shares nothing with the product.
 */
import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it, type TestContext } from 'node:test';
import { runTasks } from '../../../src/commands/pool.js';
import { verifyBooksTask } from '../../../src/commands/verify_books_task.js';
import { loadExchange } from '../../../src/exchanges/index.js';
import type { Exchange } from '../../../src/feed/exchange.js';
import { flag } from '../../../src/schema/flags.js';
import { BOOK, BOOK_SIDE } from '../../../src/schema/tables.js';
import { verifyTableDay } from '../../../src/store/verify/table_day.js';
import { readMessages } from '../../support/corpus.js';
import { Harness } from '../../support/harness.js';
import { dataDirectory, type Row, writeTableDay } from '../column_writer.js';

/** 2026-08-01, when it was recorded, and the day after. */
const DAY = 20_666;
const STAMPS = ['01.08.26', '02.08.26'];
const SECONDS = 86_400;
const SYMBOL = 'BTC%2FUSD';
const request = { exchange: 'kraken', symbol: 'BTC/USD' };

let kraken: Exchange;
before(async () => {
  kraken = await loadExchange('kraken');
});

/** Rows of a recording of depth 10 with seven new snapshots; the receive time grows by a second per message. */
function recorded(): Row[] {
  const harness = new Harness(kraken, ['BTC/USD'], {
    channels: ['book'],
    receivedSeconds: DAY * SECONDS + 10_000,
  });
  for (const { raw } of readMessages('kraken/v2-crossbook-20260801-btcusd-book10-resync')) {
    harness.received[0]++;
    harness.feed(raw);
  }
  return harness.takeRows().map((row) => ({ ...(row.values as Row) }));
}

/** The rows from `at` on, a day later. */
function aDayLater(rows: readonly Row[], at: number): [Row[], Row[]] {
  const later = rows.slice(at).map((row) => ({
    ...row,
    time: Number(row.time) + SECONDS,
    recv_time: Number(row.recv_time) + SECONDS,
  }));
  return [rows.slice(0, at), later];
}

const isEnd = (row: Row) => (Number(row.flags) & flag('event_end')) !== 0;
const isStart = (row: Row) => (Number(row.flags) & flag('snapshot_start')) !== 0;

/** What verification says of rows on one or two days. */
async function told(
  t: TestContext,
  days: readonly (readonly Row[])[],
  day?: number,
  gaps: readonly Row[] = [],
) {
  const data = dataDirectory(t);
  for (const [i, rows] of days.entries())
    writeTableDay(data, { exchange: 'kraken', symbol: SYMBOL, table: 'BOOK', stamp: STAMPS[i] }, rows);
  if (gaps.length > 0)
    writeTableDay(data, { exchange: 'kraken', symbol: SYMBOL, table: 'GAPS', stamp: STAMPS[0] }, gaps);
  const report = await verifyBooksTask({ data, ...request, day });
  const problems = report.days.flatMap(({ day: of, problems: { told } }) =>
    told.map(({ text }) => `${of - DAY} ${text}`),
  );
  return { problems, events: report.events, checksums: report.checksums, data };
}

/** Books with a bid and an ask of these prices, without a checksum. */
function quotes(pairs: readonly (readonly [bid: number, ask: number])[]): Row[] {
  const base = { recv_time: DAY * SECONDS, time: DAY * SECONDS, size: 1, size_digits: 1, scales: 0 };
  return pairs.flatMap(([bid, ask]) => {
    const flags = flag('snapshot') | BOOK.missing.checksum | BOOK.missing.seq;
    return [
      { ...base, side: BOOK_SIDE.bid, price: bid, price_digits: bid, flags: flags | flag('snapshot_start') },
      { ...base, side: BOOK_SIDE.ask, price: ask, price_digits: ask, flags: flags | flag('event_end') },
    ];
  });
}

describe('order books on disk', () => {
  it('have the checksums that the exchange sent, also across midnight', async (t) => {
    const rows = recorded();
    const events = rows.filter(isEnd).length;
    assert.equal(events, 301);
    assert.deepEqual(await told(t, [rows]).then(({ data, ...rest }) => rest), {
      problems: [],
      events,
      checksums: events,
    });
    // not on a snapshot: the second day begins with changes of the first day's book
    const middle = rows.findIndex((row, i) => i > rows.length / 2 && isEnd(rows[i - 1]) && !isStart(row));
    const both = await told(t, aDayLater(rows, middle));
    assert.deepEqual([both.problems, both.events], [[], events]);
    const second = await told(t, aDayLater(rows, middle), DAY + 1);
    assert.deepEqual([second.problems, second.events], [[], rows.slice(middle).filter(isEnd).length]);
  });

  it('are followed in the order of receipt where an event is filed under the day before', async (t) => {
    const rows = recorded();
    const ends = rows.flatMap((row, i) => (isEnd(row) ? [i + 1] : []));
    const [first, later] = aDayLater(rows, ends[150]);
    // the third event of the second day carries a time of the first
    const [from, to] = [ends[152] - ends[150], ends[153] - ends[150]];
    const strays = later.splice(from, to - from).map((row) => ({ ...row, time: Number(row.time) - SECONDS }));
    const found = await told(t, [[...first, ...strays], later]);
    assert.deepEqual([found.problems, found.events], [[], 301]);
  });

  it('show every damage of a row within the checksum', async (t) => {
    const rows = recorded();
    const of = (change: (row: Row) => Row, at: number) =>
      rows.map((row, i) => (i === at ? change(row) : row));
    const digit = (row: Row) => ({ ...row, size_digits: BigInt(row.size_digits) + 1n });
    // the best level of the first snapshot, so that its own event shows it
    for (const damaged of [
      of(digit, 0),
      of((row) => ({ ...row, price_digits: BigInt(row.price_digits) - 1n }), 0),
      of((row) => ({ ...row, side: BOOK_SIDE.ask }), 0),
      rows.filter((_, i) => i !== 1),
      of((row) => ({ ...row, checksum: (Number(row.checksum) ^ 1) >>> 0 }), rows.findIndex(isEnd)),
    ]) {
      const { problems, events } = await told(t, [damaged]);
      assert.equal(problems.length, 1);
      assert.match(
        problems[0],
        /^0 row 1[89], the end of an event received .*: its checksum is \d+, that of the rows is \d+$/,
      );
      assert.ok(events > 200, 'the next snapshot begins anew');
    }
    const late = await told(t, [of(digit, rows.length - 1)]);
    assert.equal(late.problems.length, 1);
  });

  it('are followed behind a gap from the next snapshot on only', async (t) => {
    const rows = recorded();
    const starts = rows.flatMap((row, i) => (isStart(row) ? [i] : []));
    // an event is missing in the middle of the second book
    const ends = rows.flatMap((row, i) => (isEnd(row) && i > starts[1] + 100 ? [i + 1] : []));
    const without = [...rows.slice(0, ends[0]), ...rows.slice(ends[1])];
    assert.equal((await told(t, [without])).problems.length, 1, 'unlisted it is damage');
    const to = { to_time: rows[ends[1]].recv_time, to_nanos: 0 };
    const gap = { time: DAY * SECONDS, table: BOOK.id, cause: 5, from_time: 1, ...to };
    assert.deepEqual((await told(t, [without], undefined, [gap])).problems, []);
    // what was received while the book did not agree with its checksum is no part of it
    const unsynced = rows.map((row, i) =>
      i >= ends[0] && i < ends[1]
        ? { ...row, checksum: 5, flags: Number(row.flags) | flag('unsynced') }
        : row,
    );
    assert.deepEqual((await told(t, [unsynced])).problems, []);
  });

  it('are found damaged in their files', async (t) => {
    const { data } = await told(t, [recorded()]);
    const directory = join(data, 'kraken', SYMBOL, 'BOOK');
    const file = join(directory, `size_digits.${STAMPS[0]}.bin`);
    const bytes = readFileSync(file);
    bytes[5 * 8]++;
    writeFileSync(file, bytes);
    const { days } = await verifyBooksTask({ data, ...request });
    assert.equal(days[0].problems.count, 1);
    // a column that was cut is told by the check of files, and ends the book
    appendFileSync(file, Buffer.alloc(3));
    utimesSync(file, 1, 1);
    const report = await verifyTableDay({ ...request, directory, table: 'BOOK', day: DAY });
    assert.ok(report.problems.told.some(({ check }) => check === 'files'));
  });

  it('are told once when they stay crossed, and again when they are anew', async (t) => {
    const { problems } = await told(t, [quotes([[10, 11]])]);
    assert.deepEqual(problems, []);
    const crossed = await told(t, [
      quotes([
        [10, 11],
        [11, 11],
        [9, 11],
        [12, 11],
      ]),
    ]);
    assert.deepEqual(
      crossed.problems.map((text) => text.replace(/ received .*:/, ':')),
      [
        '0 row 3, the end of an event: the best bid, 11, is not below the best ask, 11',
        '0 row 7, the end of an event: the best bid, 12, is not below the best ask, 11',
      ],
    );
  });

  it('are judged by the rule of their exchange, also in pool threads; without a file of it by none', async (t) => {
    const rows = recorded();
    const { data } = await told(t, [rows]);
    writeTableDay(data, { exchange: 'gone', symbol: SYMBOL, table: 'BOOK', stamp: STAMPS[0] }, rows);
    const requests = ['kraken', 'gone'].map((exchange) => ({ data, exchange, symbol: request.symbol }));
    const { name } = verifyBooksTask;
    for (const threads of [1, 2]) {
      const reports = await runTasks({ name, requests, threads, inline: verifyBooksTask });
      assert.deepEqual(
        reports.map(({ checksums }) => checksums),
        [301, 0],
      );
    }
  });
});

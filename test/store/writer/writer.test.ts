/**
 * The writer on a real folder, fed through real rings: what is in the files afterwards is read with plain buffer code
 * and compared with what was sent. The disk is also made to fail.
 */
import assert from 'node:assert/strict';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import { TIME } from '../../../src/base/time.js';
import { CounterReader, createCounters } from '../../../src/counters/counters.js';
import { DRAIN_COUNTERS, WRITER_COUNTERS } from '../../../src/counters/declarations.js';
import { createHistogram } from '../../../src/counters/histogram.js';
import { RowWriter } from '../../../src/feed/rows/row_writer.js';
import { StreamIndex } from '../../../src/feed/rows/streams.js';
import { createDoorbell, createRing } from '../../../src/ring/layout.js';
import { RingProducer } from '../../../src/ring/producer.js';
import { factsOf, instrumentRecord } from '../../../src/schema/instrument.js';
import { STREAM_WORD, type Table } from '../../../src/schema/layout.js';
import { INSTRUMENTS, MD, TRADES } from '../../../src/schema/tables.js';
import { DiskIo, type StoreIo } from '../../../src/store/disk/io.js';
import { newestInstrument } from '../../../src/store/read/instruments.js';
import { resumeStream } from '../../../src/store/read/resume.js';
import {
  Writer,
  type WriterCommand,
  type WriterInit,
  type WriterReport,
} from '../../../src/store/writer/writer.js';
import { startWriter } from '../../../src/supervisor/threads.js';
import { until } from '../../feed/connection/websocket/helpers.js';
import { randomFrom } from '../../support/random.js';

const DAY = 86_400;
/** 2026-11-21 in days since 1970 */
const TODAY = 20_778;
const STAMP = '21.11.26';
const YESTERDAY_STAMP = '20.11.26';
const NOON = TODAY * DAY + DAY / 2;

/** Two rings of two streams each, and everything a writer needs. */
class Rig {
  readonly folder: string;
  readonly rows: RowWriter[] = [];
  readonly producers: RingProducer[] = [];
  readonly init: WriterInit;
  readonly received = new Uint32Array([NOON, 0]);
  reports: WriterReport[] = [];

  constructor(t: TestContext, options: Partial<WriterInit> & { folder?: string; ringWords?: number } = {}) {
    this.folder = options.folder ?? mkdtempSync(join(tmpdir(), 'writer-test-'));
    if (options.folder === undefined) t.after(() => rmSync(this.folder, { recursive: true }));
    const names = ['A', 'B', 'C', 'D'];
    const streams = names.map((directory, stream) => ({
      stream,
      exchange: 'venue',
      directory,
      symbol: directory,
      ring: stream >> 1,
    }));
    const doorbell = createDoorbell();
    const rings = [0, 1].map(() => ({
      ring: createRing(options.ringWords ?? 1 << 16),
      drain: createCounters(DRAIN_COUNTERS),
    }));
    rings.forEach(({ ring }, i) => {
      const producer = new RingProducer(ring, doorbell);
      const specs = streams
        .filter((s) => s.ring === i)
        .map((s) => ({
          ...s,
          native: s.directory,
          symbol: s.directory,
          lastTradeId: '',
          recentTradeIds: [],
          unlistedIds: [],
          lastReceived: {},
          resumedAfter: 'downtime' as const,
        }));
      this.producers.push(producer);
      this.rows.push(new RowWriter(producer, new StreamIndex(specs), this.received, DAY));
    });
    this.init = {
      dataPath: this.folder,
      flushIntervalMs: 5000,
      rowsPerTableDay: 4096,
      exact: true,
      stored: new Map(),
      journal: undefined,
      descriptorsMax: 1000,
      rings,
      streams,
      doorbell,
      counters: createCounters(WRITER_COUNTERS),
      latency: createHistogram(),
      ...options,
    };
  }

  /** Sends one trade of stream 0 to 3 with a price as text. */
  trade(stream: number, id: number, price = '1.50', seconds = NOON): boolean {
    const rows = this.rows[stream >> 1];
    if (!rows.begin(TRADES, stream & 1)) return false;
    const { at } = TRADES;
    TIME[0] = seconds;
    TIME[1] = id % 1e9;
    rows.time(at.trade_time, at.trade_nanos);
    rows.set(at.trade_id, id);
    const bytes = Buffer.from(price);
    assert.ok(rows.decimal(at.trade_price, at.price_digits, 0, bytes, 0, bytes.length, true));
    rows.commit(TRADES);
    return true;
  }

  ticker(stream: number, price: string): void {
    const rows = this.rows[stream >> 1];
    assert.ok(rows.begin(MD, stream & 1));
    TIME[0] = NOON;
    rows.time(MD.at.time, MD.at.nanos);
    const bytes = Buffer.from(price);
    assert.ok(rows.decimal(MD.at.price, MD.at.price_digits, 0, bytes, 0, bytes.length, true));
    rows.commit(MD);
  }

  publish(): void {
    for (const producer of this.producers) producer.publish();
  }

  /** Runs the writer on this thread over everything published, until it has stopped. */
  run(io: StoreIo = new DiskIo(), stopAtOnce = true, commands: readonly WriterCommand[] = []): void {
    this.publish();
    const { port1, port2 } = new MessageChannel();
    for (const command of commands) port2.postMessage(command);
    this.stop = () => port2.postMessage({ kind: 'stop' });
    if (stopAtOnce) this.stop();
    const port = Object.assign(port1, { postMessage: (report: WriterReport) => this.reports.push(report) });
    new Writer(this.init, port, io).run();
    port1.close();
  }

  stop = (): void => {};

  counters() {
    return new CounterReader(WRITER_COUNTERS, this.init.counters).read();
  }

  path(symbol: string, table: string, file: string): string {
    return join(this.folder, 'venue', symbol, table, file);
  }

  ids(symbol: string, stamp = STAMP): number[] {
    const path = this.path(symbol, 'TRADES', `trade_id.${stamp}.bin`);
    if (!existsSync(path)) return [];
    const bytes = readFileSync(path);
    assert.equal(bytes.length % 8, 0, 'no torn value');
    return Array.from({ length: bytes.length / 8 }, (_, i) => Number(bytes.readBigUInt64LE(i * 8)));
  }

  /** Row counts of every column file of a table-day; they must agree. */
  rowsIn(symbol: string, table: Table = TRADES, stamp = STAMP, exact = true): number {
    const counts = table.columns
      .filter((column) => (exact || !column.exact) && column.own !== true)
      .map(
        (column) =>
          statSync(this.path(symbol, table.name, `${column.name}.${stamp}.bin`)).size / column.bytes,
      );
    assert.equal(new Set(counts).size, 1, `all columns of ${symbol} have the same rows: ${counts}`);
    return counts[0];
  }
}

const upTo = (n: number, from = 1) => Array.from({ length: n }, (_, i) => from + i);

describe('writer', () => {
  it('writes what the main thread knows of instruments, every row of it before it ends', (t) => {
    const rig = new Rig(t);
    const records = upTo(200).map((n) => {
      const record = instrumentRecord({ state: 'trading', tick: `0.${n}`, lot: '1' }, NOON * 1000 + n);
      record[STREAM_WORD] = n % 4;
      return record;
    });
    rig.trade(0, 1);
    rig.run(new DiskIo(), true, [{ kind: 'instruments', records }]);
    for (const symbol of ['A', 'B', 'C', 'D']) assert.equal(rig.rowsIn(symbol, INSTRUMENTS), 50);
    const digits = readFileSync(rig.path('B', 'INSTRUMENTS', `tick_size_digits.${STAMP}.bin`));
    assert.deepEqual(
      Array.from({ length: 50 }, (_, row) => Number(digits.readBigUInt64LE(row * 8))),
      upTo(50).map((n) => n * 4 - 3),
    );
    const { rows_drained, rows_written, dropped_rows } = rig.counters();
    assert.deepEqual([rows_drained, rows_written, dropped_rows], [201, 201, 0]);
    const [last] = records.slice(-4);
    assert.equal(
      newestInstrument(rig.folder, 'venue', 'B'),
      factsOf((column) => last[INSTRUMENTS.at[column]]),
    );
    assert.equal(newestInstrument(rig.folder, 'venue', 'E'), undefined);
  });

  it('writes the rows of many streams, tables and days each to its own files, in order', (t) => {
    const rig = new Rig(t, { ringWords: 1 << 18 });
    const random = randomFrom(4);
    const sent = new Map<string, number[]>();
    const tickers = [0, 0, 0, 0];
    for (let id = 1; id <= 6000; id++) {
      const stream = random(4);
      if (random(4) === 0) {
        rig.ticker(stream, `${id}.5`);
        tickers[stream]++;
        continue;
      }
      const late = random(5) === 0;
      assert.ok(rig.trade(stream, id, '2.5', late ? NOON - DAY : NOON));
      const key = `${'ABCD'[stream]} ${late ? YESTERDAY_STAMP : STAMP}`;
      sent.set(key, [...(sent.get(key) ?? []), id]);
    }
    rig.run();
    for (const [key, ids] of sent) {
      const [symbol, stamp] = key.split(' ');
      assert.deepEqual(rig.ids(symbol, stamp), ids);
      assert.equal(rig.rowsIn(symbol, TRADES, stamp), ids.length);
    }
    assert.deepEqual(
      ['A', 'B', 'C', 'D'].map((symbol) => rig.rowsIn(symbol, MD)),
      tickers,
    );
    const { rows_written, rows_drained, dropped_rows, stopped, buffered_rows } = rig.counters();
    assert.deepEqual(
      [rows_written, rows_drained, dropped_rows, stopped, buffered_rows],
      [6000, 6000, 0, 1, 0],
    );
  });

  it('writes every column as it was sent', (t) => {
    const rig = new Rig(t);
    rig.trade(0, 77, '131072.01', NOON);
    rig.trade(0, 78, '0.00000001', NOON);
    rig.run();
    const column = (name: string) => readFileSync(rig.path('A', 'TRADES', `${name}.${STAMP}.bin`));
    assert.equal(column('trade_price').readFloatLE(0), Math.fround(131072.01));
    assert.equal(column('trade_price').readFloatLE(4), Math.fround(1e-8));
    assert.deepEqual(
      [column('price_digits').readBigUInt64LE(0), column('price_digits').readBigUInt64LE(8)],
      [13107201n, 1n],
    );
    assert.deepEqual([column('scales').readUInt32LE(0), column('scales').readUInt32LE(4)], [2, 8]);
    assert.deepEqual(
      [column('trade_time').readUInt32LE(0), column('trade_nanos').readUInt32LE(0)],
      [NOON, 77],
    );
    assert.deepEqual([column('recv_time').readUInt32LE(0), column('maker_order_id').length], [NOON, 32]);
  });

  it('appends behind an earlier run, and continues its ids', (t) => {
    const first = new Rig(t);
    for (const id of upTo(100)) first.trade(0, id);
    first.run();
    assert.equal(resumeStream(first.folder, 'venue', 'A', [TRADES]).lastTradeId, '100');
    const second = new Rig(t, { folder: first.folder });
    for (const id of upTo(50, 101)) second.trade(0, id);
    second.run();
    assert.deepEqual(second.ids('A'), upTo(150));
    assert.equal(second.rowsIn('A'), 150);
  });

  it('cuts columns that a killed process left half-written', (t) => {
    const first = new Rig(t);
    for (const id of upTo(20)) first.trade(0, id);
    first.run();
    // two more ids, one more time and half of a price: the flush had begun
    appendFileSync(first.path('A', 'TRADES', `trade_id.${STAMP}.bin`), Buffer.alloc(16, 0xee));
    appendFileSync(first.path('A', 'TRADES', `trade_time.${STAMP}.bin`), Buffer.alloc(4, 0xee));
    appendFileSync(first.path('A', 'TRADES', `trade_price.${STAMP}.bin`), Buffer.alloc(2, 0xee));
    const second = new Rig(t, { folder: first.folder });
    for (const id of upTo(5, 21)) second.trade(0, id);
    second.run();
    assert.deepEqual(second.ids('A'), upTo(25));
    assert.equal(second.rowsIn('A'), 25);
  });

  it('keeps the columns that a day began with when `exact` is switched', (t) => {
    const plain = new Rig(t, { exact: false });
    plain.trade(0, 1);
    plain.run();
    assert.equal(plain.rowsIn('A', TRADES, STAMP, false), 1);
    assert.ok(!existsSync(plain.path('A', 'TRADES', `price_digits.${STAMP}.bin`)));
    const exact = new Rig(t, { folder: plain.folder });
    exact.trade(0, 2);
    exact.trade(1, 9);
    exact.run();
    assert.equal(exact.rowsIn('A', TRADES, STAMP, false), 2);
    assert.ok(!existsSync(exact.path('A', 'TRADES', `price_digits.${STAMP}.bin`)));
    assert.equal(exact.rowsIn('B'), 1);
    const back = new Rig(t, { folder: plain.folder, exact: false });
    back.trade(1, 10);
    back.run();
    assert.equal(back.rowsIn('B'), 2, 'a day with digits goes on with them');
  });

  it('writes numbers that do not fit beside their rows', (t) => {
    const rig = new Rig(t, { rowsPerTableDay: 8 });
    const long = '12345678901234567890.5';
    for (const id of upTo(40)) rig.trade(0, id, id % 10 === 0 ? `${id}${long}` : '1.5');
    rig.run();
    const lines = readFileSync(rig.path('A', 'TRADES', `literals.${STAMP}.jsonl`), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    assert.deepEqual(
      lines,
      [9, 19, 29, 39].map((row) => ({ row, column: 'trade_price', text: `${row + 1}${long}` })),
    );
  });

  it('writes refused messages to a file of the exchange', (t) => {
    const rig = new Rig(t);
    assert.ok(rig.rows[0].rejected(10, 'bad "one"'));
    assert.ok(rig.rows[1].rejected(12, 'bad two\n'));
    rig.run();
    const lines = readFileSync(join(rig.folder, 'venue', `rejected.${STAMP}.jsonl`), 'utf8')
      .trimEnd()
      .split('\n');
    assert.deepEqual(
      lines.map((line) => JSON.parse(line) as object),
      [
        { day: '2026-11-21', reason: 10, text: 'bad "one"' },
        { day: '2026-11-21', reason: 12, text: 'bad two\n' },
      ],
    );
  });

  it('holds a bounded number of descriptors, and closes all of them', (t) => {
    const rig = new Rig(t, { descriptorsMax: 3 });
    const io = new CountingIo();
    for (const id of upTo(2000)) rig.trade(id % 4, id);
    rig.run(io);
    assert.ok(io.openMax <= 4, `${io.openMax} at a time`);
    assert.equal(io.open_, 0);
    assert.equal(rig.rowsIn('A') + rig.rowsIn('B') + rig.rowsIn('C') + rig.rowsIn('D'), 2000);
  });

  it('a table-day that has reached its size is written at once, the others wait', (t) => {
    const rig = new Rig(t, { rowsPerTableDay: 10 });
    for (const id of upTo(25)) rig.trade(0, id);
    rig.trade(1, 1);
    const seen: number[][] = [];
    const io = new (class extends DiskIo {
      override write(fd: number, bytes: Uint8Array, from: number, to: number, position: number): void {
        seen.push([to - from, position]);
        super.write(fd, bytes, from, to, position);
      }
    })();
    rig.run(io);
    assert.deepEqual(seen[0], [80, 0], 'ten ids');
    assert.deepEqual(rig.ids('A'), upTo(25));
    assert.equal(rig.counters().flushes, 4);
  });
});

class CountingIo extends DiskIo {
  open_ = 0;
  openMax = 0;
  override open(path: string): number {
    const fd = super.open(path);
    this.openMax = Math.max(this.openMax, ++this.open_);
    return fd;
  }
  override close(fd: number): void {
    this.open_--;
    super.close(fd);
  }
}

describe('a disk that fails', () => {
  /** Fails write number n for n in [from, to), sometimes after half of the bytes; calls `healed` at the end. */
  const failing = (from: number, to: number, healed: () => void) => {
    let calls = 0;
    return new (class extends DiskIo {
      override write(fd: number, bytes: Uint8Array, start: number, end: number, position: number): void {
        const call = calls++;
        if (call >= from && call < to) {
          const half = start + ((end - start) >> 1);
          if (call % 2 === 0 && half > start) super.write(fd, bytes, start, half, position);
          throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
        }
        super.write(fd, bytes, start, end, position);
        if (call === to) healed();
      }
    })();
  };

  it('keeps the rows and writes them when there is room again, nothing torn and nothing twice', (t) => {
    for (const from of [0, 1, 5, 14]) {
      const rig = new Rig(t, { rowsPerTableDay: 16, flushIntervalMs: 0 });
      for (const id of upTo(200)) rig.trade(0, id, id === 40 ? '-1' : '1.5');
      rig.run(
        failing(from, from + 2, () => rig.stop()),
        false,
      );
      assert.deepEqual(rig.ids('A'), upTo(200), `from write ${from}`);
      assert.equal(rig.rowsIn('A'), 200);
      const { disk_errors, disk_failing, dropped_rows, rows_written } = rig.counters();
      assert.deepEqual([disk_errors, disk_failing, dropped_rows, rows_written], [2, 0, 0, 200]);
      assert.equal(
        readFileSync(rig.path('A', 'TRADES', `literals.${STAMP}.jsonl`), 'utf8').split('\n').length,
        2,
      );
      const levels = rig.reports.flatMap((r) => (r.kind === 'log' ? [r.level] : []));
      assert.deepEqual(levels, ['error', 'info'], 'said once, and once when it is over');
    }
  });

  it('says what could not be written when the end comes first', (t) => {
    const rig = new Rig(t);
    for (const id of upTo(30)) rig.trade(0, id);
    rig.trade(2, 1);
    rig.run(failing(0, 1e9, () => {}));
    assert.deepEqual(
      rig.ids('A').filter((id) => id > 30),
      [],
    );
    const { dropped_rows, rows_written, disk_failing, stopped } = rig.counters();
    assert.deepEqual([dropped_rows, rows_written, disk_failing, stopped], [31, 0, 1, 1]);
  });
});

describe('the writer thread', () => {
  it('flushes by itself, takes further streams, and stops with everything on disk', {
    timeout: 60_000,
  }, async (t) => {
    const rig = new Rig(t, { flushIntervalMs: 300 });
    const writer = startWriter(rig.init);
    const reports: WriterReport[] = [];
    writer.onReport((report) => reports.push(report));
    for (const id of upTo(10)) rig.trade(0, id);
    rig.publish();
    await until(() => rig.ids('A').length === 10);
    for (const id of upTo(10, 11)) rig.trade(0, id);
    rig.publish();
    await until(() => rig.ids('A').length === 20);
    const ring = createRing(1 << 12);
    const stream = { stream: 4, exchange: 'other', directory: 'E', symbol: 'E', ring: 2 };
    writer.send({
      kind: 'add',
      rings: [{ ring, drain: createCounters(DRAIN_COUNTERS) }],
      streams: [stream],
    });
    await until(() => reports.some((report) => report.kind === 'added'));
    const producer = new RingProducer(ring, rig.init.doorbell);
    const spec = {
      ...stream,
      native: 'E',
      symbol: 'E',
      lastTradeId: '',
      recentTradeIds: [],
      unlistedIds: [],
      lastReceived: {},
      resumedAfter: 'downtime' as const,
    };
    rig.rows[0] = new RowWriter(producer, new StreamIndex([spec]), rig.received, DAY);
    rig.trade(0, 5);
    producer.publish();
    for (const id of upTo(1000)) rig.trade(2, id);
    rig.publish();
    writer.send({ kind: 'stop' });
    await until(() => reports.some((report) => report.kind === 'stopped'));
    writer.terminate();
    assert.deepEqual(rig.ids('C'), upTo(1000));
    assert.equal(statSync(join(rig.folder, 'other', 'E', 'TRADES', `trade_id.${STAMP}.bin`)).size, 8);
    assert.equal(rig.counters().stopped, 1);
  });
});

describe('a text that is drained later than its row', () => {
  it('is written all the same', (t) => {
    // the writer gives another ring its turn after 64 Ki words: the row lies before that, its text behind
    const before = Math.floor((64 * 1024) / TRADES.words);
    const rig = new Rig(t, { ringWords: 1 << 18, flushIntervalMs: 0 });
    for (const id of upTo(before)) rig.trade(0, id);
    rig.trade(0, before + 1, '-1.5');
    rig.run();
    const [line] = readFileSync(rig.path('A', 'TRADES', `literals.${STAMP}.jsonl`), 'utf8').split('\n');
    assert.deepEqual(JSON.parse(line), { row: before, column: 'trade_price', text: '-1.5' });
  });
});

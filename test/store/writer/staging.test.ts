/** Memory of rows that wait: what is written leaves room at once, and nothing is written ahead of its time for it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCounters } from '../../../src/counters/counters.js';
import { DRAIN, DRAIN_COUNTERS, WRITER, WRITER_COUNTERS } from '../../../src/counters/declarations.js';
import { DAY_WORD, STREAM_WORD, type Table } from '../../../src/schema/layout.js';
import { GAPS, TRADES } from '../../../src/schema/tables.js';
import { DiskHealth } from '../../../src/store/disk/disk_health.js';
import { FilePool } from '../../../src/store/disk/file_pool.js';
import { Quarantine } from '../../../src/store/disk/quarantine.js';
import { Staging } from '../../../src/store/writer/staging.js';
import { Random } from '../../support/random.js';
import { SimulatedDisk } from '../../support/simulated_disk.js';
import { DATA, FIRST_DAY, STREAMS } from '../../support/store_world.js';

const STAGED_BYTES_MAX = 100_000;

function scene() {
  const disk = new SimulatedDisk(new Random(1));
  disk.makeFolder(DATA);
  const counters = new Uint32Array(createCounters(WRITER_COUNTERS));
  const clock = { ms: 1000 };
  const nowMs = () => clock.ms;
  const staging = new Staging(
    {
      dataPath: DATA,
      flushIntervalMs: 1000,
      rowsPerTableDay: 1 << 16,
      stagedBytesMax: STAGED_BYTES_MAX,
      stored: new Map(),
      exact: false,
      files: new FilePool(disk, 0, () => undefined),
      journaled: false,
      quarantine: new Quarantine(disk, DATA, 'now'),
      counters,
      disk: new DiskHealth(counters, () => undefined, nowMs),
      nowMs,
    },
    {
      opened: () => undefined,
      lost: () => undefined,
      openedRejected: () => undefined,
      setAside: () => undefined,
      beforeFlush: () => undefined,
      flushable: () => true,
      dayBegan: () => undefined,
    },
  );
  for (const stream of STREAMS) staging.addStream(stream);
  const drains = [0, 1].map(() => new Uint32Array(createCounters(DRAIN_COUNTERS)));
  for (const drain of drains) staging.addRing(drain);
  const words = new Uint32Array(TRADES.words);
  const rows = (stream: number, count: number, ring = 0) => {
    words[0] = TRADES.headerWord;
    words[STREAM_WORD] = stream;
    words[DAY_WORD] = FIRST_DAY;
    for (let n = 0; n < count; n++) assert.ok(staging.row(words, 0, ring));
  };
  const written = () => drains.map((drain) => drain[DRAIN.rows_written]);
  return { staging, clock, rows, written, flushes: () => counters[WRITER.flushes]! };
}

test('memory that a burst left empty makes nobody write early', () => {
  const { staging, clock, rows, flushes } = scene();
  rows(0, 2000);
  assert.ok(staging.overfull);
  clock.ms += 900;
  staging.flushDue(false);
  assert.equal(flushes(), 1);
  assert.ok(!staging.overfull, 'the memory is there for the rows of others');
  rows(2, 1);
  assert.ok(staging.relieve());
  assert.equal(flushes(), 1, 'the one row waits for its time');
  assert.ok(staging.bytes < STAGED_BYTES_MAX / 2);
});

test('rows that do wait are written until half of the memory is free', () => {
  const { staging, rows, flushes } = scene();
  rows(0, 2000);
  rows(2, 1);
  assert.ok(staging.relieve());
  assert.equal(flushes(), 1, 'the oldest only');
  assert.ok(staging.bytes > 0 && staging.bytes < STAGED_BYTES_MAX / 2);
});

test('rows of one table-day are counted for the ring that each came from', () => {
  const { staging, clock, rows, written } = scene();
  rows(0, 3);
  rows(0, 5, 1);
  rows(0, 2);
  assert.ok(staging.flushNow(1), 'the second ring has rows here, too');
  assert.deepEqual(written(), [5, 5]);
  rows(0, 1, 1);
  clock.ms += 900;
  staging.flushDue(false);
  assert.deepEqual(written(), [5, 6], 'what was written once is not counted again');
  rows(0, 4);
  assert.ok(staging.flushNow(1));
  assert.deepEqual(written(), [5, 6], 'nothing of the second ring waits');
});

test('many table-days that begin at once go to the journal in parts, but rows never without the gap that they show', () => {
  const { staging } = scene();
  const table = (gapAt: number) => (n: number) => (n === gapAt ? GAPS : TRADES);
  /** Records of as many days, and where each ends. */
  const records = (count: number, tableOf: (n: number) => Table) => {
    const ends = [0];
    const words = new Uint32Array(count * Math.max(TRADES.words, GAPS.words));
    for (let n = 0; n < count; n++) {
      const at = ends[n];
      words[at] = tableOf(n).headerWord;
      words[at + STREAM_WORD] = tableOf(n) === GAPS ? 1 : 0;
      words[at + DAY_WORD] = FIRST_DAY + n;
      ends.push(at + tableOf(n).words);
    }
    return { words, ends };
  };
  const plain = records(20, table(-1));
  assert.equal(staging.take(plain.words, 0, plain.ends[20], plain.ends[20], 0), plain.ends[8]);
  const late = records(20, table(14));
  const again = scene().staging;
  assert.equal(again.take(late.words, 0, late.ends[20], late.ends[20], 0), late.ends[15]);
});

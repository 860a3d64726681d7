/** A sync of the journal that does not come back: rings are drained, rows reach their files, and nothing is promised. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { JOURNAL_HELD_BYTES_MAX } from '../../../src/base/limits.js';
import { createFileSyncWords, FileSync } from '../../../src/store/disk/file_sync.js';
import { DiskIo } from '../../../src/store/disk/io.js';
import { columnFile } from '../../../src/store/disk/paths.js';
import { Journal } from '../../../src/store/journal/journal.js';
import { recover } from '../../../src/store/recovery/recovery.js';
import { Durability } from '../../../src/store/writer/durability.js';
import { until } from '../../support/processes.js';
import { Random } from '../../support/random.js';
import { SimulatedDisk } from '../../support/simulated_disk.js';
import { Oracle } from '../../support/store_oracle.js';
import { storeScene } from '../../support/store_scene.js';
import { DATA, FIRST_DAY } from '../../support/store_world.js';

class HangingDisk extends SimulatedDisk {
  override prompt = true;
  hangs = false;

  override syncEnded(wait: boolean): boolean {
    if (!this.hangs) return super.syncEnded(wait);
    if (wait) throw new Error('the writer waits for a disk that hangs');
    return false;
  }
}

function scene() {
  const made = storeScene(new HangingDisk(new Random(3)), 150, { flushIntervalMs: 300, segmentBytes: 1 });
  const { world } = made;
  const released = () => [0, 1].map((ring) => world.released(ring));
  const durable = () => [0, 1].map((ring) => world.durableRows(ring));
  const sent = () => world.items.map((items) => items.length);
  return { ...made, released, durable, sent };
}

test('a sync that hangs keeps nobody from draining the rings', () => {
  const { disk, world, counter, turns, released, durable, sent } = scene();
  turns(10);
  disk.hangs = true;
  turns(1);
  const before = { durable: durable(), written: counter('rows_written') };
  turns(300);
  assert.deepEqual(released(), sent());
  assert.deepEqual(durable(), before.durable, 'nothing is promised that no sync covers');
  assert.ok(counter('rows_written') > before.written + 800);
  assert.ok(counter('unsynced_ms') >= 300 * 150);
  assert.ok(counter('journal_sync_running_ms') >= 300 * 150 * 0.9);
  // killed: what was handed over is there
  disk.restart(false);
  recover(disk, DATA);
  assert.deepEqual(new Oracle((path) => disk.contentOf(path)).settle(world.items, sent()), []);
});

test('the same is seen to fail where the writer makes the call itself', () => {
  const { doWork: turn } = Durability.prototype;
  try {
    Durability.prototype.doWork = function () {
      this.complete();
    };
    const { disk, turns } = scene();
    turns(10);
    disk.hangs = true;
    assert.throws(() => turns(3), /the writer waits for a disk that hangs/);
  } finally {
    Durability.prototype.doWork = turn;
  }
});

test('when the sync comes back, what was written before it began is durable, and the rest with the next one', () => {
  const { disk, clock, world, turns, durable, sent } = scene();
  turns(10);
  disk.hangs = true;
  turns(20);
  disk.hangs = false;
  turns(2);
  clock.ms += 300;
  world.writer.doWork();
  assert.deepEqual(durable(), sent());
  disk.restart(true);
  recover(disk, DATA);
  assert.deepEqual(new Oracle((path) => disk.contentOf(path)).settle(world.items, sent()), []);
});

test('a new table-day waits for its base, and no row of it is lost', () => {
  const { disk, clock, world, turns } = scene();
  turns(10);
  disk.hangs = true;
  turns(10);
  for (let turn = 0; turn < 10; turn++) {
    world.row(0, FIRST_DAY + 1);
    world.publish();
    clock.ms += 150;
    world.writer.doWork();
  }
  const file = `${DATA}/x/A/TRADES/${columnFile('trade_price', FIRST_DAY + 1)}`;
  assert.equal(Math.max(0, disk.sizeOf(file)), 0, 'nothing is written before its base is durable');
  disk.restart(true);
  recover(disk, DATA);
  const oracle = new Oracle((path) => disk.contentOf(path));
  assert.deepEqual(
    oracle.settle(
      world.items,
      [0, 1].map((ring) => world.durableRows(ring)),
    ),
    [],
  );
});

test('what is not durable has a limit: then the rings wait, and that is counted', () => {
  const disk = new HangingDisk(new Random(3));
  disk.makeFolder(DATA);
  const events: string[] = [];
  const journal = new Journal(
    disk,
    DATA,
    { segmentBytes: 1 << 30, streams: () => [], event: (event) => events.push(event) },
    { sequence: 0, segment: 0, segments: [] },
  );
  const words = new Uint32Array(1 << 18);
  journal.appendRecords(words, 0, words.length);
  journal.sync();
  disk.hangs = true;
  let appended = 0;
  for (; !journal.crowded; appended += words.byteLength) {
    journal.appendRecords(words, 0, words.length);
    journal.startSync();
  }
  assert.ok(
    appended >= JOURNAL_HELD_BYTES_MAX - words.byteLength && appended <= JOURNAL_HELD_BYTES_MAX + 1e6,
  );
  disk.hangs = false;
  journal.sync();
  assert.equal(journal.synced, journal.sequence);
  assert.equal(journal.unsyncedBytes, 0);
});

test('the sync thread makes the calls on real files and tells what the kernel says', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'logger-file-sync-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const words = createFileSyncWords();
  const thread = new Worker(new URL('../../../workers/sync.js', import.meta.url), { workerData: words });
  t.after(() => thread.terminate());
  const io = new DiskIo(undefined, new FileSync(words));
  const fd = io.open(join(folder, 'file'));
  io.beginFdatasync(fd);
  await until('the file is synced', () => io.syncEnded(false));
  io.beginSyncFolder(folder);
  assert.equal(io.syncEnded(true), true);
  io.close(fd);
  io.beginFdatasync(fd);
  assert.throws(() => io.syncEnded(true), { code: 'EBADF' });
  io.beginSyncFolder(folder);
  assert.equal(io.syncEnded(true), true, 'a failure is not told twice');
});

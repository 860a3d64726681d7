/** The sync of a checkpoint on a disk that takes its time: nobody waits for it, and a stop says what is true. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { LAST_CHECKPOINT_MS_MAX } from '../../../src/base/limits.js';
import { STOPPED } from '../../../src/counters/declarations.js';
import { BackgroundSync, createSyncWord, runSync } from '../../../src/store/disk/background_sync.js';
import { readCheckpoint } from '../../../src/store/journal/checkpoint.js';
import { journalFolder } from '../../../src/store/journal/start.js';
import { recover } from '../../../src/store/recovery/recovery.js';
import { until } from '../../support/processes.js';
import { Random } from '../../support/random.js';
import { SimulatedDisk } from '../../support/simulated_disk.js';
import { Oracle } from '../../support/store_oracle.js';
import { storeScene } from '../../support/store_scene.js';
import { DATA } from '../../support/store_world.js';

/** A disk on which a background sync ends when the test says so. */
class SlowDisk extends SimulatedDisk {
  slow = true;
  override prompt = true;
  begun = 0;
  /** time passes while somebody waits */
  polled = () => {};

  override beginSyncFs(): void {
    this.begun++;
    super.beginSyncFs();
  }

  override syncFsEnded(): boolean {
    this.polled();
    return !this.slow && super.syncFsEnded();
  }
}

function scene() {
  const made = storeScene(new SlowDisk(new Random(3)), 200, { checkpointMs: 1000, flushIntervalMs: 200 });
  const covered = () => {
    const checkpoint = readCheckpoint(made.disk, journalFolder(DATA));
    return checkpoint === undefined || checkpoint === 'damaged' ? -1 : checkpoint.sequence;
  };
  return { ...made, covered };
}

test('rings are drained and files written while a checkpoint waits for its sync', () => {
  const { disk, world, counter, turns, covered } = scene();
  turns(10);
  assert.equal(disk.begun, 1);
  const before = {
    checkpoints: counter('checkpoints'),
    written: counter('rows_written'),
    covered: covered(),
  };
  turns(40);
  assert.equal(disk.begun, 1);
  assert.equal(counter('checkpoints'), before.checkpoints);
  assert.equal(covered(), before.covered);
  assert.ok(counter('rows_written') > before.written + 60);
  assert.deepEqual(
    [0, 1].map((ring) => world.released(ring)),
    world.items.map((items) => items.length),
  );
  disk.slow = false;
  turns(10);
  assert.ok(counter('checkpoints') > before.checkpoints);
  assert.ok(covered() > before.covered);
});

test('a stop on a disk that is too slow for a last checkpoint loses nothing and says what is left to do', () => {
  for (const running of [false, true]) {
    const { disk, clock, world, counter, turns } = scene();
    turns(running ? 10 : 2);
    assert.equal(disk.begun, running ? 1 : 0);
    const asked = clock.ms;
    disk.polled = () => {
      clock.ms += 100;
    };
    world.writer.finish();
    assert.ok(clock.ms - asked <= LAST_CHECKPOINT_MS_MAX + 200);
    assert.deepEqual([counter('stopped'), counter('dropped_rows')], [STOPPED.redo, 0]);
    const logged = world.writer.reports.flatMap((report) => (report.kind === 'log' ? [report.text] : []));
    assert.match(logged.at(-1)!, /every row is in the journal, and the next start redoes/);
    disk.restart(true);
    const { findings } = recover(disk, DATA);
    assert.ok(findings.some(({ label }) => label === 'redo'));
    const oracle = new Oracle((path) => disk.contentOf(path));
    const all = world.items.map((items) => items.length);
    assert.deepEqual(oracle.settle(world.items, all), []);
  }
});

test('a stop that ends its last checkpoint says so', () => {
  const { disk, world, counter, turns } = scene();
  turns(10);
  disk.slow = false;
  world.writer.finish();
  assert.equal(counter('stopped'), STOPPED.complete);
});

test('the file system is synced by a process, and its failure is told as an error of the system', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'logger-sync-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const word = createSyncWord();
  let path = folder;
  const sync = new BackgroundSync(word, () => runSync(path, word));
  sync.begin();
  assert.equal(sync.ended(), false);
  await until('the sync ends', () => sync.ended());
  path = join(folder, 'missing');
  sync.begin();
  const failure = await until('the sync fails', () => {
    try {
      sync.ended();
      return undefined;
    } catch (error) {
      return error as NodeJS.ErrnoException;
    }
  });
  assert.equal(failure.code, 'EIO');
});

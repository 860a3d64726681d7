/** What a kill would cost is measured where rows wait, and shown for a second or two. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HEADER_WORDS } from '../../../src/schema/layout.js';
import { TRADES } from '../../../src/schema/tables.js';
import { LongestAge } from '../../../src/store/writer/windows.js';
import { Random } from '../../support/random.js';
import { SimulatedDisk } from '../../support/simulated_disk.js';
import { storeScene } from '../../support/store_scene.js';
import { FIRST_DAY } from '../../support/store_world.js';

test('the longest age of the last second or two', () => {
  const age = new LongestAge();
  assert.equal(age.read(5000), 0);
  age.seen(30);
  age.seen(700);
  age.seen(2);
  assert.equal(age.read(5500), 700);
  assert.equal(age.read(6100), 700);
  age.seen(3);
  assert.equal(age.read(7000), 700);
  assert.equal(age.read(7200), 700);
  assert.equal(age.read(7300), 3);
  assert.equal(age.read(9500), 3);
  assert.equal(age.read(9600), 0);
});

test('rows that waited in their ring are seen there and on their way to the journal', () => {
  const disk = new SimulatedDisk(new Random(1));
  disk.prompt = true;
  const { world, clock, counter } = storeScene(disk, 100, {});
  const { recv_time } = TRADES.at;
  assert.ok(recv_time >= HEADER_WORDS);
  world.row(0, FIRST_DAY);
  const [producer] = world.producers;
  // received three seconds ago
  producer!.u32[recv_time] = Math.floor(Date.now() / 1000) - 3;
  producer!.u32[TRADES.at.recv_nanos!] = 0;
  world.publish();
  for (let turn = 0; turn < 3; turn++) {
    clock.ms += 150;
    world.writer.doWork();
  }
  for (const name of ['ring_wait_ms', 'unjournaled_ms'] as const)
    assert.ok(counter(name) >= 3000 && counter(name) < 60_000, `${name} ${counter(name)}`);
});

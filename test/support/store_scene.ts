/** A store on a disk with a will of its own: every turn brings a row of each stream and lets some time pass. */
import assert from 'node:assert/strict';
import { slotsOf } from '../../src/counters/counters.js';
import { WRITER_COUNTERS } from '../../src/counters/declarations.js';
import type { SimulatedDisk } from './simulated_disk.js';
import { DATA, FIRST_DAY, STREAMS, World, type WorldOptions } from './store_world.js';

const COUNTER = slotsOf(WRITER_COUNTERS);

export function storeScene<D extends SimulatedDisk>(disk: D, turnMs: number, options: WorldOptions) {
  disk.makeFolder(DATA);
  const clock = { ms: 1000 };
  const world = new World(
    disk,
    clock,
    STREAMS.map(() => 0),
    options,
  );
  const counter = (name: keyof typeof COUNTER) => new Uint32Array(world.counters)[COUNTER[name]]!;
  const turns = (n: number) => {
    for (let turn = 0; turn < n; turn++) {
      for (const { stream } of STREAMS) assert.ok(world.row(stream, FIRST_DAY), 'the ring has room');
      world.publish();
      clock.ms += turnMs;
      world.writer.doWork();
    }
  };
  return { disk, clock, world, counter, turns };
}

/**
 * Every call to the disk fails in turn, once and from then on, while a writer works and while recovery does. No column
 * is torn, nothing that was promised is lost, and the writer goes on, or says that the process must end.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { slotsOf } from '../../src/counters/counters.js';
import { WRITER_COUNTERS } from '../../src/counters/declarations.js';
import { DiskUnreliable } from '../../src/store/disk/disk_health.js';
import { recover } from '../../src/store/recovery/recovery.js';
import { FAULTY_CALLS, type Fault, type FaultyCall, FaultyIo } from '../support/faulty_io.js';
import { Random } from '../support/random.js';
import { SimulatedDisk } from '../support/simulated_disk.js';
import { Oracle } from '../support/store_oracle.js';
import { DATA, FIRST_DAY, STREAMS, World } from '../support/store_world.js';

const WRITER = slotsOf(WRITER_COUNTERS);
const OPTIONS = { segmentBytes: 2500, checkpointMs: 700, flushIntervalMs: 300, rowsPerTableDay: 6 };
const TURNS = 9;
const TURNS_MAX = 100;

type Outcome = 'stopped' | 'fatal' | 'never started';

interface Life {
  readonly outcome: Outcome;
  readonly world: World | undefined;
  /** items of each ring that had been given back before the stop */
  readonly released: readonly number[];
  readonly io: FaultyIo;
  readonly disk: SimulatedDisk;
}

/** A short life in which everything happens: new days, texts, rotation, checkpoints, retries, a stop. */
function live(fault: Fault | undefined, seed: number, stop: boolean): Life {
  const disk = new SimulatedDisk(new Random(seed));
  const io = new FaultyIo(disk, fault);
  disk.makeFolder(DATA);
  const clock = { ms: 1000 };
  let world: World | undefined;
  let released = [0, 0];
  const note = () => {
    released = [0, 1].map((ring) => world?.released(ring) ?? 0);
  };
  try {
    world = new World(
      io,
      clock,
      STREAMS.map(() => 0),
      OPTIONS,
    );
    for (let turn = 0; turn < TURNS; turn++) {
      for (const { stream } of STREAMS) {
        for (let n = 0; n <= turn % 3; n++)
          world.row(stream, FIRST_DAY + Math.floor(turn / 5) - (n === 2 ? 1 : 0));
      }
      world.text('literal', 0, FIRST_DAY + Math.floor(turn / 5), turn);
      if (turn % 4 === 1) world.text('rejected', 2, FIRST_DAY, turn);
      world.publish();
      clock.ms += 120;
      world.writer.doWork();
      note();
    }
    // time for what failed once to be tried again
    for (let turn = 0; turn < 8 || (turn < TURNS_MAX && !world.drained); turn++) {
      clock.ms += 300;
      world.writer.doWork();
      note();
    }
    if (stop) world.writer.finish();
    return { outcome: 'stopped', world, released, io, disk };
  } catch (error) {
    if (world !== undefined && !(error instanceof DiskUnreliable)) throw error;
    return { outcome: world === undefined ? 'never started' : 'fatal', world, released, io, disk };
  }
}

/** What the next start finds. */
function judge({ world, released, disk }: Life, powerCut: boolean, complete: boolean): void {
  const promised = [0, 1].map((ring) => {
    if (world === undefined) return 0;
    const items = world.items[ring]!;
    if (complete) return items.length;
    if (!powerCut) return released[ring]!;
    const rows = world.durableRows(ring);
    let seen = 0;
    let count = 0;
    while (seen < rows) if (items[count++]!.kind === 'row') seen++;
    return count;
  });
  disk.restart(powerCut);
  const { quarantine, cutBytes } = recover(disk, DATA);
  // a journal that could not be written lacks what the files have
  assert.equal(quarantine !== undefined, cutBytes > 0);
  const oracle = new Oracle((path) => disk.contentOf(path));
  assert.deepEqual(oracle.settle(world?.items ?? [[], []], promised), []);
}

function countOf(life: Life, counter: keyof typeof WRITER): number {
  return new Uint32Array(life.world!.counters)[WRITER[counter]]!;
}

const CODES: Readonly<Partial<Record<FaultyCall, readonly string[]>>> = {
  open: ['EMFILE', 'EIO', 'ENOSPC'],
  write: ['ENOSPC', 'EIO', 'EDQUOT'],
  fdatasync: ['EIO', 'ENOSPC'],
  syncFolder: ['EIO', 'EMFILE'],
  syncFs: ['EIO', 'EAGAIN'],
  makeFolder: ['ENOSPC', 'EROFS'],
};

/** Every n of a call until the life has no n-th call any more. */
function* faults(call: FaultyCall, forever: boolean): Generator<{ fault: Fault; life: Life }> {
  for (let n = 1; ; n++) {
    const codes = CODES[call] ?? ['EIO'];
    const fault = { call, n, forever, code: codes[n % codes.length]!, short: n % 2 === 0 };
    const life = live(fault, n, n % 3 !== 0);
    if (life.io.failed === 0) return;
    yield { fault, life };
  }
}

// only a recovery cuts files
for (const call of FAULTY_CALLS.filter((name) => name !== 'truncate')) {
  test(`${call} fails once, at every place in turn`, () => {
    let places = 0;
    for (const { fault, life } of faults(call, false)) {
      places++;
      const where = JSON.stringify(fault);
      const stopped = life.outcome === 'stopped' && fault.n % 3 !== 0;
      if (life.outcome === 'stopped' && call !== 'close') {
        assert.ok(
          countOf(life, 'disk_errors') + countOf(life, 'journal_poisoned') > 0,
          `${where} is not counted`,
        );
        assert.equal(countOf(life, 'dropped_rows'), 0, where);
      }
      try {
        judge(life, fault.n % 2 === 0, stopped);
      } catch (error) {
        throw new Error(`${where}: ${life.outcome}: ${error}`);
      }
    }
    assert.ok(places > 0, `${call} is never used`);
  });

  test(`${call} fails from some place on`, () => {
    for (const { fault, life } of faults(call, true)) {
      try {
        judge(life, fault.n % 2 === 0, false);
      } catch (error) {
        throw new Error(`${JSON.stringify(fault)}: ${life.outcome}: ${error}`);
      }
    }
  });
}

test('without a fault everything is written and the next start has nothing to do', () => {
  const life = live(undefined, 1, true);
  assert.equal(life.outcome, 'stopped');
  judge(life, true, true);
});

test('a journal that cannot be synced is replaced once; the second failure ends the process', () => {
  // the first three calls are for a segment and two checkpoints
  const once = live({ call: 'fdatasync', n: 4, forever: false, code: 'EIO' }, 1, true);
  assert.equal(once.outcome, 'stopped');
  assert.equal(countOf(once, 'journal_poisoned'), 1);
  const warnings = once.world?.writer.reports.filter((r) => r.kind === 'log' && r.level === 'warn') ?? [];
  assert.match(JSON.stringify(warnings), /journal could not be made durable once: EIO/);
  assert.equal(countOf(once, 'disk_failing'), 0);
  assert.equal(live({ call: 'fdatasync', n: 4, forever: true, code: 'EIO' }, 1, true).outcome, 'fatal');
});

test('a file system that cannot be synced ends the process', () => {
  assert.equal(live({ call: 'syncFs', n: 2, forever: false, code: 'EIO' }, 1, true).outcome, 'fatal');
});

test('recovery that fails at any call is run again to the same end', () => {
  for (const call of FAULTY_CALLS) {
    for (let n = 1; ; n++) {
      const life = live(undefined, n, false);
      life.disk.restart(n % 2 === 0);
      const io = new FaultyIo(life.disk, { call, n, forever: false, code: 'EIO', short: true });
      try {
        recover(io, DATA);
      } catch (error) {
        assert.equal((error as NodeJS.ErrnoException).code, 'EIO');
      }
      judge(life, n % 2 === 0, false);
      if (io.failed === 0) break;
    }
  }
});

test('what a failed sync left in memory only is written again before anything depends on it', () => {
  for (let calls = 1; ; calls++) {
    const life = live({ call: 'fdatasync', n: 6, forever: true, code: 'EIO' }, calls, false);
    assert.equal(life.outcome, 'fatal');
    // the process ends, but not the system: what was never synced can still be read
    life.disk.restart(false);
    life.disk.dieAfter(calls);
    try {
      recover(life.disk, DATA);
      return;
    } catch {
      judge(life, true, false);
    }
  }
});

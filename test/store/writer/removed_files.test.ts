/**
 * Files that are removed under the writer, on a simulated disk: whatever call fails meanwhile, no row that is found
 * afterwards is torn, misaligned or made of zeros, what waited is there, and what is not there is listed.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { slotsOf } from '../../../src/counters/counters.js';
import { WRITER_COUNTERS } from '../../../src/counters/declarations.js';
import { GAP_CAUSES, GAPS, TRADES } from '../../../src/schema/tables.js';
import { columnFile, literalsFile, rejectedFile, tableDirectory } from '../../../src/store/disk/paths.js';
import { recover } from '../../../src/store/recovery/recovery.js';
import { FAULTY_CALLS, type Fault, FaultyIo } from '../../support/faulty_io.js';
import { Random } from '../../support/random.js';
import { SimulatedDisk } from '../../support/simulated_disk.js';
import { DATA, textOf, World, wordOf } from '../../support/store_world.js';

const WRITER = slotsOf(WRITER_COUNTERS);
const TODAY = Math.floor(Date.now() / 86_400_000);
const BEFORE = 12;
const AFTER = 7;
/** streams of TRADES in the world */
const [X, Y] = [0, 2];
const exchangeOf = (stream: number) => (stream === X ? 'x' : 'y');
const folderOf = (stream: number) => tableDirectory(DATA, exchangeOf(stream), 'A', 'TRADES');
const JOURNAL = `${DATA}/journal`;

function removeAll(disk: SimulatedDisk, folder: string): void {
  for (const name of disk.list(folder)) {
    const path = `${folder}/${name}`;
    if (disk.sizeOf(path) < 0) removeAll(disk, path);
    else disk.unlink(path);
  }
}

/** Numbers of the rows of a table-day, each seen to be the same row in every column. */
function rowsOf(disk: SimulatedDisk, stream: number): number[] {
  const columns = TRADES.columns
    .filter(({ exact, own }) => !exact && own !== true)
    .map((column) => ({
      column,
      bytes: disk.contentOf(`${folderOf(stream)}/${columnFile(column.name, TODAY)}`),
    }));
  const [{ column: first, bytes: ids }] = columns;
  assert.ok(ids !== undefined);
  return Array.from({ length: ids.length / first.bytes }, (_, row) => {
    const n = Array.from({ length: 100 }, (_, i) => i).find(
      (i) => wordOf(stream, i, first.word) === ids.readUInt32LE(row * first.bytes),
    );
    assert.ok(n !== undefined, `row ${row} of stream ${stream} was never sent`);
    for (const { column, bytes } of columns) {
      assert.equal(bytes?.length, (ids.length / first.bytes) * column.bytes, column.name);
      for (let word = 0; word < column.words; word++)
        assert.equal(
          bytes?.readUInt32LE(row * column.bytes + word * 4),
          wordOf(stream, n, column.word + word),
          `${column.name} of row ${row}`,
        );
    }
    return n;
  });
}

/** Rows that GAPS of a stream lists as lost with their files, by table. */
function listed(disk: SimulatedDisk, stream: number): [table: number, rows: number][] {
  const folder = tableDirectory(DATA, exchangeOf(stream), 'A', 'GAPS');
  // the day may end within the test
  const read = (name: string) =>
    Buffer.concat(
      [TODAY, TODAY + 1].map(
        (day) => disk.contentOf(`${folder}/${columnFile(name, day)}`) ?? Buffer.alloc(0),
      ),
    );
  const [causes, tables, messages] = [read('cause'), read('table'), read('messages')];
  return Array.from({ length: causes.length / 4 }, (_, row) => {
    assert.equal(causes.readUInt32LE(row * 4), GAP_CAUSES.disk.id);
    return [tables.readUInt32LE(row * 4), Number(messages.readBigUInt64LE(row * 8))];
  });
}

interface Life {
  readonly disk: SimulatedDisk;
  readonly io: FaultyIo;
  readonly world: World;
}

/** Rows that are written, a removal, rows that come after it, and time for everything to be in order again. */
function live(remove: (disk: SimulatedDisk) => void, fault?: Fault): Life {
  const disk = new SimulatedDisk(new Random(3));
  disk.makeFolder(DATA);
  const clock = { ms: 1000 };
  const io = new FaultyIo(disk, fault, true);
  const world = new World(io, clock, [0, 0, 0], { flushIntervalMs: 100 });
  const turns = (count: number) => {
    for (let turn = 0; turn < count; turn++) {
      clock.ms += 150;
      world.writer.doWork();
    }
  };
  for (let n = 0; n < BEFORE; n++) for (const stream of [X, Y]) world.row(stream, TODAY);
  world.text('literal', X, TODAY, 1);
  world.text('rejected', X, TODAY, 2);
  world.publish();
  // every row is in its file
  disk.prompt = true;
  turns(5);
  disk.prompt = false;
  remove(disk);
  io.arm();
  for (let n = 0; n < AFTER; n++) for (const stream of [X, Y]) world.row(stream, TODAY);
  world.text('literal', X, TODAY, 3);
  world.text('rejected', X, TODAY, 4);
  world.publish();
  turns(30);
  return { disk, io, world };
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
const counterOf = ({ world }: Life, name: keyof typeof WRITER) =>
  new Uint32Array(world.counters)[WRITER[name]];

const REMOVALS: readonly (readonly [string, (disk: SimulatedDisk) => void, gone: boolean])[] = [
  ['a table', (disk) => removeAll(disk, folderOf(X)), true],
  ['one column', (disk) => disk.unlink(`${folderOf(X)}/${columnFile('trade_side', TODAY)}`), true],
  ['an exchange', (disk) => removeAll(disk, `${DATA}/x`), true],
  ['the journal', (disk) => removeAll(disk, JOURNAL), false],
  [
    'an exchange and the journal',
    (disk) => ['x', 'journal'].map((name) => removeAll(disk, `${DATA}/${name}`)),
    true,
  ],
];

function judge(life: Life, gone: boolean): void {
  const { disk } = life;
  assert.deepEqual(rowsOf(disk, X), gone ? range(BEFORE, BEFORE + AFTER) : range(0, BEFORE + AFTER));
  assert.deepEqual(rowsOf(disk, Y), range(0, BEFORE + AFTER));
  assert.deepEqual(listed(disk, X), gone ? [[TRADES.id, BEFORE]] : []);
  assert.deepEqual(listed(disk, Y), []);
}

for (const [name, remove, gone] of REMOVALS) {
  test(`${name} is removed: what waits begins new files, what was lost is listed`, () => {
    const life = live(remove);
    judge(life, gone);
    assert.equal(counterOf(life, 'removed_rows'), gone ? BEFORE : 0);
    assert.equal(counterOf(life, 'removals'), 1);
    assert.equal(counterOf(life, 'disk_failing'), 0);
    const texts = life.disk.contentOf(`${folderOf(X)}/${literalsFile(TODAY)}`)?.toString() ?? '';
    const rows = texts
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { row: number; text: string });
    const last = {
      row: gone ? AFTER - 1 : BEFORE + AFTER - 1,
      column: TRADES.columns[3].name,
      text: textOf('literal', 3),
    };
    assert.deepEqual(rows.at(-1), last);
    const refused = life.disk.contentOf(`${DATA}/x/${rejectedFile(TODAY)}`)?.toString() ?? '';
    assert.doesNotMatch(refused, /\0/);
    // a crash from here on loses nothing and finds no contradiction
    life.disk.restart(false);
    assert.equal(recover(life.disk, DATA).quarantine, undefined);
    judge(life, gone);
  });

  test(`${name} is removed while any call fails in turn`, () => {
    for (const call of FAULTY_CALLS) {
      for (let n = 1; ; n++) {
        const fault = { call, n, forever: false, code: 'ENOSPC', short: n % 2 === 0 };
        // a file system that cannot be synced ends the process
        if (call === 'syncFs' || call === 'fdatasync') fault.code = 'ENOMEM';
        const life = live(remove, fault);
        if (life.io.failed === 0) break;
        try {
          judge(life, gone);
        } catch (error) {
          throw new Error(`${JSON.stringify(fault)}: ${error}`);
        }
      }
    }
  });
}

test('the list of what was lost is lost in turn and written again', () => {
  const life = live((disk) => removeAll(disk, folderOf(X)));
  removeAll(life.disk, tableDirectory(DATA, 'x', 'A', 'GAPS'));
  for (let turn = 0; turn < 30; turn++) {
    life.world.clock.ms += 150;
    life.world.writer.doWork();
  }
  assert.deepEqual(
    listed(life.disk, X).sort(([a], [b]) => a - b),
    [
      [TRADES.id, BEFORE],
      [GAPS.id, 1],
    ],
  );
});

/**
 * Files of one table-day that are damaged, missing, links or closed to us, found at its first row or under the writer:
 * they go to the quarantine, the day begins anew with a row of GAPS, and every other table-day goes on.
 */
import assert from 'node:assert/strict';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { slotsOf } from '../../../src/counters/counters.js';
import { WRITER_COUNTERS } from '../../../src/counters/declarations.js';
import { GAP_CAUSES, TRADES } from '../../../src/schema/tables.js';
import { DiskIo } from '../../../src/store/disk/io.js';
import { columnFile, literalsFile, rejectedFile } from '../../../src/store/disk/paths.js';
import { recover } from '../../../src/store/recovery/recovery.js';
import { STREAMS, World, type WorldOptions, wordOf } from '../../support/store_world.js';

const WRITER = slotsOf(WRITER_COUNTERS);
const TODAY = Math.floor(Date.now() / 86_400_000);
const BEFORE = 12;
const AFTER = 5;
const [X, B, Y] = [0, 1, 2];
const PRICE = columnFile('trade_price', TODAY);

/** Disk calls of a user who may not use one path: tests may run as root, whom no mode stops. */
class ClosedIo extends DiskIo {
  closed = '';

  override openExisting(path: string): number {
    if (path === this.closed) throw Object.assign(new Error(`EACCES: ${path}`), { code: 'EACCES' });
    return super.openExisting(path);
  }

  override rename(from: string, to: string): void {
    super.rename(from, to);
    if (from === this.closed) this.closed = '';
  }
}

class Scene {
  readonly root: string;
  readonly dataPath: string;
  readonly folder: string;
  readonly clock = { ms: 1000 };
  readonly io = new ClosedIo();
  private readonly numbers = STREAMS.map(() => 0);

  constructor(
    t: { after(run: () => void): void },
    readonly options: WorldOptions = {},
  ) {
    this.root = mkdtempSync(join(tmpdir(), 'logger-damaged-'));
    t.after(() => rmSync(this.root, { recursive: true, force: true }));
    this.dataPath = join(this.root, 'data');
    this.folder = join(this.dataPath, 'x', 'A', 'TRADES');
  }

  start(): World {
    recover(this.io, this.dataPath);
    const options = { dataPath: this.dataPath, flushIntervalMs: 100, rowsPerTableDay: 64, ...this.options };
    return new World(this.io, this.clock, this.numbers, options);
  }

  rows(world: World, count: number): void {
    for (let n = 0; n < count; n++) for (const stream of [X, Y]) world.row(stream, TODAY);
    world.publish();
    this.turns(world, 8);
  }

  turns(world: World, count: number): void {
    for (let turn = 0; turn < count; turn++) {
      this.clock.ms += 150;
      world.writer.doWork();
    }
  }

  /** A life that ends in order. */
  live(count: number): World {
    const world = this.start();
    this.rows(world, count);
    world.writer.finish();
    return world;
  }

  column(exchange: string, name: string, table = 'TRADES'): Buffer {
    return readFileSync(join(this.dataPath, exchange, 'A', table, columnFile(name, TODAY)));
  }

  /** Rows of a table-day, each the same in every column; numbered from `first` on. */
  expectRows(stream: number, first: number, count: number): void {
    for (const { name, bytes, word, exact, own } of TRADES.columns) {
      if (exact || own === true) continue;
      const content = this.column(stream === X ? 'x' : 'y', name);
      assert.equal(content.length, count * bytes, name);
      for (let row = 0; row < count; row++)
        assert.equal(content.readUInt32LE(row * bytes), wordOf(stream, first + row, word), `${name} ${row}`);
    }
  }

  /** Rows that GAPS of x A lists as lost, one entry a row. */
  listed(): number[] {
    if (!existsSync(join(this.dataPath, 'x', 'A', 'GAPS'))) return [];
    const [causes, tables] = [this.column('x', 'cause', 'GAPS'), this.column('x', 'table', 'GAPS')];
    const messages = this.column('x', 'messages', 'GAPS');
    return Array.from({ length: causes.length / 4 }, (_, row) => {
      assert.equal(causes.readUInt32LE(row * 4), GAP_CAUSES.disk.id);
      assert.equal(tables.readUInt32LE(row * 4), TRADES.id);
      return Number(messages.readBigUInt64LE(row * 8));
    });
  }

  /** The one folder of the quarantine that holds something of the path, which is below the data directory. */
  quarantined(path: string): string {
    const root = join(this.dataPath, 'quarantine');
    const found = readdirSync(root).filter((name) => existsSync(join(root, name, path)));
    assert.equal(found.length, 1, `${path} in ${found}`);
    return join(root, found[0], path);
  }
}

type Damage = (scene: Scene) => void;

const DAMAGES: readonly (readonly [string, Damage])[] = [
  ['a base column is empty', ({ folder }) => truncateSync(join(folder, PRICE), 0)],
  ['a base column is missing', ({ folder }) => rmSync(join(folder, PRICE))],
  [
    'a base column is a link to nowhere',
    ({ folder, root }) => {
      rmSync(join(folder, PRICE));
      symlinkSync(join(root, 'nowhere'), join(folder, PRICE));
    },
  ],
  [
    'a column is a link to a file elsewhere',
    ({ folder, root }) => {
      renameSync(join(folder, PRICE), join(root, 'elsewhere'));
      symlinkSync(join(root, 'elsewhere'), join(folder, PRICE));
    },
  ],
  [
    'a column is a link to itself',
    ({ folder }) => {
      rmSync(join(folder, PRICE));
      symlinkSync(PRICE, join(folder, PRICE));
    },
  ],
  [
    'a column is a folder',
    ({ folder }) => {
      rmSync(join(folder, PRICE));
      mkdirSync(join(folder, PRICE));
    },
  ],
  ['a column may not be opened', ({ folder, io }) => void (io.closed = join(folder, PRICE))],
  ['the side-car is a link', ({ folder, root }) => symlinkSync(root, join(folder, literalsFile(TODAY)))],
];

for (const [name, damage] of DAMAGES) {
  test(`${name}: its table-day is begun anew, the others go on`, (t) => {
    const scene = new Scene(t);
    scene.live(BEFORE);
    damage(scene);
    const world = scene.live(AFTER);
    scene.expectRows(X, BEFORE, AFTER);
    scene.expectRows(Y, 0, BEFORE + AFTER);
    assert.deepEqual(scene.listed(), [BEFORE]);
    const kept = scene.quarantined(`x/A/TRADES/${columnFile('trade_size', TODAY)}`);
    assert.equal(readFileSync(kept).length, BEFORE * 4);
    const counters = new Uint32Array(world.counters);
    assert.deepEqual([counters[WRITER.damages], counters[WRITER.damaged_rows]], [1, BEFORE]);
    assert.ok(world.writer.reports.some((r) => r.kind === 'log' && r.level === 'error'));
    assert.equal(counters[WRITER.disk_errors], 0);
    // and nothing more comes of it
    scene.live(1);
    scene.expectRows(X, BEFORE, AFTER + 1);
    assert.deepEqual(scene.listed(), [BEFORE]);
  });

  test(`${name} under the writer: nothing else stops for long`, (t) => {
    const scene = new Scene(t);
    const world = scene.start();
    scene.rows(world, BEFORE);
    // nothing is held open
    scene.clock.ms += 100_000;
    scene.turns(world, 3);
    damage(scene);
    scene.rows(world, AFTER);
    scene.turns(world, 20);
    const [first, count] = scene.listed().length === 0 ? [0, BEFORE + AFTER] : [BEFORE, AFTER];
    scene.expectRows(X, first, count);
    scene.expectRows(Y, 0, BEFORE + AFTER);
    assert.equal(new Uint32Array(world.counters)[WRITER.disk_failing], 0);
    world.writer.finish();
    assert.ok(scene.listed().length === 1 || name === 'the side-car is a link');
  });
}

test('a folder that is a link is not followed', (t) => {
  for (const linked of ['x/A/TRADES', 'x/A', 'x']) {
    const scene = new Scene(t);
    scene.live(BEFORE);
    const path = join(scene.dataPath, linked);
    const elsewhere = join(scene.root, 'elsewhere');
    renameSync(path, elsewhere);
    symlinkSync(elsewhere, path);
    const before = readdirSync(elsewhere, { recursive: true });
    scene.live(AFTER);
    scene.expectRows(X, BEFORE, AFTER);
    scene.expectRows(Y, 0, BEFORE + AFTER);
    assert.deepEqual(readdirSync(elsewhere, { recursive: true }), before);
    assert.equal(readlinkSync(scene.quarantined(linked)), elsewhere);
  }
});

test('a folder that is a link costs every table below it, and all of them are listed', (t) => {
  const scene = new Scene(t);
  const both = (world: World) => {
    for (let n = 0; n < BEFORE; n++) world.row(B, TODAY);
    scene.rows(world, BEFORE);
    world.writer.finish();
    return world;
  };
  both(scene.start());
  const elsewhere = join(scene.root, 'elsewhere');
  renameSync(join(scene.dataPath, 'x'), elsewhere);
  symlinkSync(elsewhere, join(scene.dataPath, 'x'));
  const counters = new Uint32Array(both(scene.start()).counters);
  assert.deepEqual([counters[WRITER.damages], counters[WRITER.damaged_rows]], [2, 2 * BEFORE]);
  assert.deepEqual(scene.listed(), [BEFORE]);
});

test('a quarantine that is a link is not followed, and nothing goes there', (t) => {
  const scene = new Scene(t);
  scene.live(BEFORE);
  const elsewhere = join(scene.root, 'elsewhere');
  mkdirSync(elsewhere);
  symlinkSync(elsewhere, join(scene.dataPath, 'quarantine'));
  rmSync(join(scene.folder, PRICE));
  const world = scene.start();
  scene.rows(world, AFTER);
  assert.deepEqual(readdirSync(elsewhere), []);
  assert.equal(new Uint32Array(world.counters)[WRITER.disk_failing], 1);
  scene.expectRows(Y, 0, BEFORE);
});

test('a column that is short costs the rows behind its end, and they are kept and listed', (t) => {
  const scene = new Scene(t);
  scene.live(BEFORE);
  truncateSync(join(scene.folder, PRICE), 9 * 4 + 2);
  scene.live(AFTER);
  for (const { name, bytes } of TRADES.columns.filter((c) => !c.exact && c.own !== true))
    assert.equal(scene.column('x', name).length, (9 + AFTER) * bytes);
  assert.deepEqual(scene.listed(), [BEFORE - 9]);
  const size = columnFile('trade_size', TODAY);
  assert.equal(readFileSync(scene.quarantined(`x/A/TRADES/${size}.from-36`)).length, 3 * 4);
});

test('bytes behind the last row cost no row; they are kept and told', (t) => {
  const scene = new Scene(t);
  scene.live(BEFORE);
  appendFileSync(join(scene.folder, PRICE), 'odd');
  const world = scene.live(AFTER);
  scene.expectRows(X, 0, BEFORE + AFTER);
  assert.deepEqual(scene.listed(), []);
  assert.equal(readFileSync(scene.quarantined(`x/A/TRADES/${PRICE}.from-${BEFORE * 4}`), 'utf8'), 'odd');
  assert.ok(world.writer.reports.some((r) => r.kind === 'log' && /TRADES .* end within row 12/.test(r.text)));
});

test('what stands in the place of the refused messages goes to the quarantine, also in a recovery', (t) => {
  for (const dies of [false, true]) {
    const scene = new Scene(t);
    scene.live(BEFORE);
    const path = join(scene.dataPath, 'x', rejectedFile(TODAY));
    mkdirSync(path);
    const world = scene.start();
    world.text('rejected', X, TODAY, 1);
    world.publish();
    world.writer.doWork();
    // without an end it is in the journal alone
    if (!dies) world.writer.finish();
    if (dies) scene.start();
    assert.match(readFileSync(path, 'utf8'), /"text":"rejected 1/);
    assert.deepEqual(readdirSync(scene.quarantined(`x/${rejectedFile(TODAY)}`)), []);
    const told = world.writer.reports.filter((r) => r.kind === 'log' && r.level === 'error');
    assert.equal(told.length, dies ? 0 : 1);
  }
});

test('some of the exact columns are no day without exact columns', (t) => {
  const scene = new Scene(t, { exact: true });
  scene.live(BEFORE);
  rmSync(join(scene.folder, columnFile('price_digits', TODAY)));
  scene.live(AFTER);
  scene.expectRows(X, BEFORE, AFTER);
  assert.deepEqual(scene.listed(), [BEFORE]);
});

test('without a journal, rows of a first flush that some columns lack are cut off, kept and listed', (t) => {
  for (const cut of ['flags', 'trade_price']) {
    const scene = new Scene(t, { journal: false });
    scene.live(BEFORE);
    truncateSync(join(scene.folder, columnFile(cut, TODAY)), 0);
    scene.live(AFTER);
    scene.expectRows(X, BEFORE, AFTER);
    assert.deepEqual(scene.listed(), [BEFORE]);
    const size = columnFile('trade_size', TODAY);
    // a kill leaves the last columns empty, and what is before them is cut; anything else goes away whole
    assert.ok(scene.quarantined(`x/A/TRADES/${size}`));
  }
});

test('a file in the place of a symbol folder stops nobody else', (t) => {
  const scene = new Scene(t);
  mkdirSync(join(scene.dataPath, 'x'), { recursive: true });
  writeFileSync(join(scene.dataPath, 'x', 'A'), 'no folder');
  scene.live(AFTER);
  scene.expectRows(X, 0, AFTER);
  scene.expectRows(Y, 0, AFTER);
  assert.equal(readFileSync(scene.quarantined('x/A'), 'utf8'), 'no folder');
});

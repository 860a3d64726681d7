/**
 * The journal as it is followed: every durable row once, in order, with its number and its texts, while a writer with tiny
 * rings and segments goes on. In the style of test/store: a simulated disk, and turns that the test takes.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RecordView } from '../../src/delivery/record_view.js';
import { TailSource } from '../../src/delivery/tail_source.js';
import { flag } from '../../src/schema/flags.js';
import { readWhole } from '../../src/store/disk/io.js';
import { dayStamp } from '../../src/store/disk/paths.js';
import { type Checkpoint, readCheckpoint } from '../../src/store/journal/checkpoint.js';
import { createProgress, ProgressReader } from '../../src/store/journal/progress.js';
import { JournalTail, TailLost } from '../../src/store/journal/tail.js';
import { Random } from '../support/random.js';
import { SimulatedDisk } from '../support/simulated_disk.js';
import { DATA, FIRST_DAY, STREAMS, textOf, World, wordOf } from '../support/store_world.js';

const FOLDER = `${DATA}/journal`;
const SIDECAR = flag('literal_in_sidecar');
const STREAM_OF = new Map(
  STREAMS.map(({ exchange, directory, stream }) => [`${exchange}/${directory}`, stream]),
);

/** What a follower has to see: numbers and texts by what was put into the rings. */
class Expected {
  private readonly seen = STREAMS.map(() => 0);
  private readonly rows = new Map<string, number>();

  constructor(private readonly texts: readonly ReadonlySet<number>[]) {}

  get count(): number {
    return this.seen.reduce((sum, rows) => sum + rows, 0);
  }

  check(view: RecordView): void {
    const { place } = view;
    const stream = STREAM_OF.get(`${place.exchange}/${place.directory}`) as number;
    const n = this.seen[stream]++;
    for (const { word, words } of place.table.columns)
      for (let part = word; part < word + words; part++)
        assert.equal(view.u32(part), wordOf(stream, n, part), `row ${n} of stream ${stream}, word ${part}`);
    const key = `${stream} ${place.day}`;
    const row = this.rows.get(key) ?? 0;
    assert.equal(view.row, row, `number of row ${n} of stream ${stream}`);
    this.rows.set(key, row + 1);
    if ((view.flags & SIDECAR) === 0) return;
    const text = this.texts[stream].has(n) ? textOf('literal', n) : undefined;
    assert.deepEqual([...(view.texts?.values() ?? [])], text === undefined ? [] : [text]);
  }
}

class Scene {
  readonly disk: SimulatedDisk;
  readonly clock = { ms: 1000 };
  readonly progress = createProgress();
  readonly reader = new ProgressReader(this.progress);
  readonly world: World;
  readonly texts = STREAMS.map(() => new Set<number>());
  private readonly numbers = STREAMS.map(() => 0);
  private readonly random: Random;

  constructor(seed: number) {
    this.random = new Random(seed);
    this.disk = new SimulatedDisk(new Random(seed));
    this.disk.prompt = true;
    this.world = new World(this.disk, this.clock, this.numbers, {
      ...{ segmentBytes: 8000, checkpointMs: 3000, flushIntervalMs: 200, ringWords: 1024 },
      progress: this.progress,
    });
    this.hold();
  }

  /** As the cursor of a sink does. */
  hold(): void {
    this.disk.makeFolder(`${FOLDER}/cursors`);
    const bytes = Buffer.from('{"position":0}');
    this.disk.write(this.disk.open(`${FOLDER}/cursors/all.json`), bytes, 0, bytes.length, 0);
  }

  checkpoint(): Checkpoint {
    return readCheckpoint(this.disk, FOLDER) as Checkpoint;
  }

  source(checkpoint: Checkpoint, delivered = checkpoint.sequence): TailSource {
    const tail = new JournalTail(this.disk, FOLDER, checkpoint.sequence, () => this.reader.durable());
    return new TailSource({
      tail,
      checkpoint,
      delivered,
      filter: () => true,
      names: () => undefined,
      since: 0,
    });
  }

  /** Rows, some of them with a text, of two days. */
  turn(): void {
    const { random, world } = this;
    for (let i = random.below(12); i > 0; i--) {
      const stream = random.below(STREAMS.length);
      const day = FIRST_DAY + random.below(2);
      const n = this.numbers[stream];
      if (!world.row(stream, day)) continue;
      if (random.below(3) === 0 && world.text('literal', stream, day, n)) this.texts[stream].add(n);
      if (random.below(20) === 0) world.text('rejected', stream, day, n);
    }
    world.publish();
    this.clock.ms += 50;
    world.writer.doWork();
  }

  get rows(): number {
    return this.numbers.reduce((sum, n) => sum + n, 0);
  }
}

function drain(source: TailSource, expected: Expected): void {
  for (let view = source.next(); view !== undefined; view = source.next()) expected.check(view);
}

for (let seed = 1; seed <= 5; seed++)
  test(`every durable row once, with its number and texts, through rings and segments that end anywhere (${seed})`, () => {
    const scene = new Scene(seed);
    const source = scene.source(scene.checkpoint());
    const expected = new Expected(scene.texts);
    for (let turn = 0; turn < 400; turn++) {
      scene.turn();
      drain(source, expected);
      assert.ok(expected.count <= [0, 1].reduce((sum, ring) => sum + scene.world.durableRows(ring), 0));
    }
    scene.world.finish();
    drain(source, expected);
    assert.equal(expected.count, scene.rows);
    assert.ok(scene.rows > 1000);
    assert.ok(scene.checkpoint().segmentsUsed > 3);
  });

test('whoever begins at a later checkpoint, or goes on behind a block, numbers rows alike', () => {
  const scene = new Scene(6);
  const whole = scene.source(scene.checkpoint());
  const first = scene.checkpoint();
  for (let turn = 0; turn < 200; turn++) scene.turn();
  const second = scene.checkpoint();
  assert.ok(second.sequence > first.sequence);
  for (let turn = 0; turn < 100; turn++) scene.turn();
  const names = (source: TailSource) => {
    const seen: string[] = [];
    for (let view = source.next(); view !== undefined; view = source.next())
      seen.push(`${view.place.exchange} ${view.place.directory} ${view.place.day} ${view.row}`);
    return seen;
  };
  const all = names(whole);
  const late = names(scene.source(second));
  assert.ok(late.length > 0 && late.length < all.length);
  assert.deepEqual(all.slice(-late.length), late);
  const behind = names(scene.source(first, second.sequence));
  assert.deepEqual(behind, late);
});

test('a block that is not there any more is said to be lost', () => {
  const scene = new Scene(7);
  const { checkpoint, source } = { checkpoint: scene.checkpoint(), source: scene.source(scene.checkpoint()) };
  scene.disk.unlink(`${FOLDER}/cursors/all.json`);
  for (let turn = 0; turn < 300; turn++) scene.turn();
  assert.ok(scene.checkpoint().sequence > checkpoint.sequence);
  assert.throws(() => source.next(), TailLost);
});

test('the rows of files that were removed and begun again have the numbers of the new files', () => {
  const scene = new Scene(8);
  const source = scene.source(scene.checkpoint());
  const rows = new Map<string, Map<number, number>>();
  let gaps = 0;
  const take = () => {
    for (let view = source.next(); view !== undefined; view = source.next()) {
      const { exchange, directory, table, day } = view.place;
      const key = `${exchange}/${directory}/${table.name} ${day}`;
      if (!rows.has(key)) rows.set(key, new Map());
      rows.get(key)?.set(view.row, view.u32(table.columns[0].word));
      if (key.startsWith('x/A/GAPS')) gaps++;
    }
  };
  for (let turn = 0; turn < 150; turn++) scene.turn();
  take();
  const folder = `${DATA}/x/A/TRADES`;
  for (const name of scene.disk.list(folder)) scene.disk.unlink(`${folder}/${name}`);
  for (let turn = 0; turn < 150; turn++) scene.turn();
  scene.world.finish();
  take();
  for (const day of [FIRST_DAY, FIRST_DAY + 1]) {
    const file = readWhole(scene.disk, `${folder}/trade_id.${dayStamp(day)}.bin`) as Buffer;
    const seen = rows.get(`x/A/TRADES ${day}`) as Map<number, number>;
    const stored = Array.from({ length: file.length / 8 }, (_, row) => file.readUInt32LE(row * 8));
    // those that waited for their file when it was removed had come by then
    const waited = stored.findIndex((value, row) => seen.get(row) === value);
    assert.ok(waited >= 0 && waited < stored.length / 2, `${waited} of ${stored.length} rows waited`);
    for (const [row, value] of stored.slice(waited).entries()) assert.equal(seen.get(waited + row), value);
  }
  assert.equal(gaps, 2, 'the rows that list the loss arrive, too');
});

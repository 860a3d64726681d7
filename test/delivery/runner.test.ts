/**
 * A runner on a real folder: a writer whose turns the test takes, and a target that fails, forgets and refuses. What the
 * target holds in the end is compared with what went into the rings.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { Beginning } from '../../src/config/beginning.js';
import { CounterReader, createCounters } from '../../src/counters/counters.js';
import { SINK_COUNTERS } from '../../src/counters/declarations.js';
import type { Batch } from '../../src/delivery/batch.js';
import { CursorFiles } from '../../src/delivery/cursor.js';
import type { RecordView } from '../../src/delivery/record_view.js';
import { Runner } from '../../src/delivery/runner.js';
import type { Sink, SinkContext } from '../../src/delivery/sink.js';
import { DiskIo } from '../../src/store/disk/io.js';
import { cursorPath } from '../../src/store/journal/cursors.js';
import { createProgress, ProgressReader } from '../../src/store/journal/progress.js';
import { Random } from '../support/random.js';
import {
  FIRST_DAY,
  receivedWord,
  STREAMS,
  World,
  type WorldOptions,
  wordOf,
} from '../support/store_world.js';

const STREAM_OF = new Map(
  STREAMS.map(({ exchange, directory, stream }) => [`${exchange}/${directory}`, stream]),
);
/** How often a row of the target may have come: what it holds by the name of the row. */
type Rows = Map<string, number>;

/** A target in memory. What a flush has not covered is gone when it fails, unless it `keeps` all it was given. */
class Target {
  readonly rows: Rows = new Map();
  /** for a target that keeps cursors */
  cursor: string | null = null;
  opened = 0;
  /** of a hundred calls */
  failures: number;
  private waiting: string[] = [];
  private newest = '';

  constructor(
    private readonly random: Random,
    private readonly options: {
      readonly failures: number;
      readonly kind: 'forgets' | 'keeps' | 'transaction';
      readonly poison?: (row: RecordView) => boolean;
    },
  ) {
    this.failures = options.failures;
  }

  open(context: SinkContext): Sink {
    this.opened++;
    this.waiting = [];
    this.mayFail();
    return {
      ...(this.options.kind === 'transaction' ? { cursor: this.cursor } : {}),
      deliver: (batch) => this.deliver(batch, context),
      flush: () => this.flush(),
      close: () => {},
    };
  }

  private mayFail(): void {
    if (this.random.below(100) < this.failures) throw new Error('the target has had enough');
  }

  private deliver(batch: Batch, context: SinkContext): void {
    this.mayFail();
    batch.each((row) => {
      if (this.options.poison?.(row)) context.refuse(row, 'poison');
      else this.take(nameOf(row));
    });
    this.newest = batch.cursor;
    this.mayFail();
  }

  private take(name: string): void {
    if (this.options.kind === 'keeps') this.add(name);
    else this.waiting.push(name);
  }

  private flush(): void {
    this.mayFail();
    for (const name of this.waiting.splice(0)) this.add(name);
    this.cursor = this.newest;
    // the answer to a commit is lost
    if (this.options.kind === 'transaction') this.mayFail();
  }

  private add(name: string): void {
    this.rows.set(name, (this.rows.get(name) ?? 0) + 1);
  }
}

/** The name of a row, behind a look at its values. */
function nameOf(view: RecordView): string {
  const { place } = view;
  const stream = STREAM_OF.get(`${place.exchange}/${place.directory}`) as number;
  const n = numberOf(stream, view);
  assert.ok(n >= 0, `row ${view.row} of stream ${stream} is one that was sent`);
  return `${stream} ${n}`;
}

/** Which row of a stream it is, by all of its values that every source has. */
function numberOf(stream: number, view: RecordView): number {
  const received = receivedWord(view.place.table);
  const columns = view.place.table.columns.filter(
    ({ exact, own, word }) => exact !== true && own !== true && word !== received,
  );
  const [first] = columns;
  const isRow = (n: number) => columns.every(({ word }) => view.u32(word) === wordOf(stream, n, word));
  for (let n = 0; n < ROWS_MAX; n++)
    if (view.u32(first.word) === wordOf(stream, n, first.word) && isRow(n)) return n;
  return -1;
}

const ROWS_MAX = 20_000;
/** When rows are received, seconds since 1970. */
const START = 1_790_000_000;

class Scene {
  readonly folder: string;
  readonly io = new DiskIo();
  readonly clock = { ms: 1000 };
  readonly progress = createProgress();
  readonly memory = createCounters(SINK_COUNTERS);
  readonly counters = new CounterReader(SINK_COUNTERS, this.memory);
  readonly world: World;
  readonly log: string[] = [];
  trouble: string | undefined;
  private readonly numbers = STREAMS.map(() => 0);

  constructor(
    t: TestContext,
    private readonly random: Random,
    options: Pick<WorldOptions, 'bytesMax' | 'segmentBytes'> = {},
  ) {
    this.folder = mkdtempSync(join(tmpdir(), 'runner-test-'));
    t.after(() => rmSync(this.folder, { recursive: true }));
    this.world = new World(this.io, this.clock, this.numbers, {
      ...{ dataPath: this.folder, segmentBytes: 8000, checkpointMs: 2000, flushIntervalMs: 200 },
      ...options,
      progress: this.progress,
    });
    this.world.receivedSeconds = START;
  }

  get journal(): string {
    return join(this.folder, 'journal');
  }

  turns(turns: number): void {
    for (; turns > 0; turns--) {
      for (let i = this.random.below(12); i > 0; i--)
        this.world.row(this.random.below(STREAMS.length), FIRST_DAY + this.random.below(2));
      this.world.publish();
      this.clock.ms += 50;
      this.world.writer.doWork();
    }
  }

  runner(target: Target, from: Beginning = 'start'): Runner {
    return new Runner({
      ...{
        name: 'sink',
        io: this.io,
        dataPath: this.folder,
        from,
        filter: () => true,
        names: () => undefined,
      },
      batch: { rows: 40, bytes: 1 << 20, secs: 0.001 },
      progress: new ProgressReader(this.progress),
      counters: new Uint32Array(this.memory),
      open: (context) => target.open(context),
      log: (_, text) => this.log.push(text),
      trouble: (reason) => {
        this.trouble = reason;
      },
    });
  }

  /** Lets the writer go on while a runner works, and ends both; what is durable is delivered then. */
  async life(target: Target, turns: number, from: Beginning = 'start'): Promise<void> {
    const runner = this.runner(target, from);
    const done = runner.run();
    for (; turns > 0; turns--) {
      this.turns(1);
      await setImmediate();
    }
    runner.stop();
    await done;
  }

  /** Rows that went into the rings and that the target does not have. */
  missing({ rows }: Target): string[] {
    return this.sent.filter((name) => !rows.has(name));
  }

  /** Names of the rows that went into the rings. */
  get sent(): string[] {
    return this.numbers.flatMap((count, stream) => Array.from({ length: count }, (_, n) => `${stream} ${n}`));
  }

  /** Behind a last life without errors: every row as often as `allowed` says. */
  expect(target: Target, allowed: (times: number) => boolean, refused = 0): void {
    const missing = this.missing(target);
    assert.equal(missing.length, refused, `missing: ${missing.slice(0, 5).join(', ')}`);
    for (const [name, times] of target.rows) assert.ok(allowed(times), `${name} came ${times} times`);
    assert.equal(this.counters.read().waiting_since, 0, 'nothing waits any more');
  }

  async finish(target: Target): Promise<void> {
    this.world.finish();
    target.failures = 0;
    const runner = this.runner(target);
    const done = runner.run();
    runner.stop();
    await done;
  }
}

for (const kind of ['forgets', 'transaction', 'keeps'] as const)
  test(`a target that fails at any time and ${kind === 'transaction' ? 'keeps the cursor in its transaction' : kind} gets every row`, async (t) => {
    const random = new Random(11);
    const scene = new Scene(t, random);
    // on disk before there is a sink
    scene.turns(80);
    const target = new Target(random, { failures: 3, kind });
    for (let life = 0; life < 4; life++) await scene.life(target, 60);
    await scene.finish(target);
    scene.expect(target, (times) => (kind === 'keeps' ? times >= 1 : times === 1));
    assert.ok(scene.counters.read().errors > 0);
    assert.ok(target.opened > 5);
  });

test('a row that the target refuses goes to the dead letters and stops nothing', async (t) => {
  const random = new Random(12);
  const scene = new Scene(t, random);
  const target = new Target(random, { failures: 0, kind: 'forgets', poison: ({ row }) => row % 50 === 7 });
  await scene.life(target, 150);
  await scene.finish(target);
  const { dead_letters } = scene.counters.read();
  const lines = readFileSync(join(scene.folder, 'dead_letters', 'sink.jsonl'), 'utf8')
    .trimEnd()
    .split('\n');
  assert.equal(lines.length, dead_letters);
  assert.ok(lines.length > 5);
  for (const line of lines) {
    const { reason, row } = JSON.parse(line);
    assert.deepEqual([reason, row.row % 50], ['poison', 7]);
  }
  scene.expect(target, (times) => times === 1, dead_letters);
});

test('a sink that was cut off has every row in the end, from the column files', async (t) => {
  const random = new Random(13);
  const scene = new Scene(t, random, { segmentBytes: 50_000, bytesMax: 500_000 });
  const target = new Target(random, { failures: 0, kind: 'keeps' });
  await scene.life(target, 60);
  // it does not run while the journal grows beyond its limit
  scene.world.receivedSeconds = START + 5000;
  while (!existsSync(cursorPath(scene.journal, 'sink', 'cutOff'))) scene.turns(10);
  scene.turns(100);
  await scene.life(target, 20);
  assert.ok(!existsSync(cursorPath(scene.journal, 'sink', 'cutOff')));
  await scene.finish(target);
  scene.expect(target, (times) => times >= 1);
});

test('a sink begins with what was received since a time, in the files and in the journal', async (t) => {
  const random = new Random(18);
  const scene = new Scene(t, random);
  const since = { since: START + 1000 };
  scene.turns(60);
  const before = scene.sent;
  scene.world.receivedSeconds = START + 1000;
  scene.turns(60);
  const target = new Target(random, { failures: 0, kind: 'keeps' });
  const runner = scene.runner(target, since);
  const done = runner.run();
  scene.world.finish();
  runner.stop();
  await done;
  const old = new Set(before);
  assert.deepEqual(
    [...target.rows.keys()].filter((name) => old.has(name)),
    [],
  );
  assert.equal(target.rows.size, scene.sent.length - before.length);
});

test('a sink is sent back to the first row while it runs, and begins with what comes when it is told to', async (t) => {
  const random = new Random(14);
  const scene = new Scene(t, random);
  scene.turns(100);
  const target = new Target(random, { failures: 0, kind: 'keeps' });
  await scene.life(target, 50, 'now');
  const before = target.rows.size;
  assert.ok(before > 0);
  new CursorFiles(scene.io, scene.journal, 'sink').askToRewind('start');
  await scene.finish(target);
  assert.ok(target.rows.size > before);
  scene.expect(target, (times) => times >= 1);
  assert.ok(!existsSync(cursorPath(scene.journal, 'sink', 'rewind')));
});

test('a target that has lost what it held gets it again', async (t) => {
  const random = new Random(15);
  const scene = new Scene(t, random);
  await scene.life(new Target(random, { failures: 0, kind: 'transaction' }), 100);
  const empty = new Target(random, { failures: 0, kind: 'transaction' });
  await scene.life(empty, 50);
  await scene.finish(empty);
  scene.expect(empty, (times) => times === 1);
  assert.match(scene.log.join('\n'), /the target lacks what was delivered/);
});

test('the reason of a burst of errors is told once, and so is its end', async (t) => {
  const random = new Random(16);
  const scene = new Scene(t, random);
  mkdirSync(join(scene.folder, 'block'));
  let broken = true;
  const target = new Target(random, { failures: 0, kind: 'forgets' });
  const open = target.open.bind(target);
  target.open = (context) => {
    if (broken) throw new Error('no route to host');
    return open(context);
  };
  const runner = scene.runner(target);
  const done = runner.run();
  while (scene.counters.read().errors < 3) {
    scene.turns(1);
    await setImmediate();
  }
  assert.equal(scene.trouble, 'no route to host');
  broken = false;
  while (scene.counters.read().delivered_rows === 0) {
    scene.turns(1);
    await setImmediate();
  }
  assert.equal(scene.trouble, undefined);
  runner.stop();
  await done;
  assert.deepEqual(scene.log, [
    'nothing is delivered: no route to host; it is tried again',
    'rows are delivered again',
  ]);
});

test('a checkpoint or a cursor that is gone makes a sink begin again, not stop', async (t) => {
  const random = new Random(17);
  const scene = new Scene(t, random);
  const target = new Target(random, { failures: 0, kind: 'keeps' });
  await scene.life(target, 60);
  unlinkSync(cursorPath(scene.journal, 'sink', 'checkpoint'));
  await scene.life(target, 60);
  await scene.finish(target);
  scene.expect(target, (times) => times >= 1);
});

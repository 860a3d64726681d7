/** Every case of recovery, made on purpose and decided as the table of cases says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoggerError } from '../../../src/base/errors.js';
import { GAP_CAUSES } from '../../../src/schema/tables.js';
import { withFile } from '../../../src/store/disk/io.js';
import { columnFile } from '../../../src/store/disk/paths.js';
import { readCheckpoint, writeCheckpoint } from '../../../src/store/journal/checkpoint.js';
import {
  BLOCK_HEADER_BYTES,
  BLOCK_KIND,
  crcMatches,
  readHeader,
  segmentFile,
  writeHeader,
} from '../../../src/store/journal/format.js';
import { listSegments, SegmentReader } from '../../../src/store/journal/reader.js';
import { NO_STATES } from '../../../src/store/journal/states.js';
import { CASES, type CaseLabel } from '../../../src/store/recovery/cases.js';
import { planRecovery, recover } from '../../../src/store/recovery/recovery.js';
import { explain } from '../../../src/store/recovery/report.js';
import { Random } from '../../support/random.js';
import { SimulatedDisk } from '../../support/simulated_disk.js';
import { Oracle } from '../../support/store_oracle.js';
import { DATA, FIRST_DAY, STREAMS, World, type WorldOptions } from '../../support/store_world.js';

const FOLDER = `${DATA}/journal`;
const TRADES_FOLDER = `${DATA}/x/A/TRADES`;
const PRICE = `${TRADES_FOLDER}/trade_price.04.10.24.bin`;

const tested = new Set<CaseLabel>();

/** A disk with a writer that has taken `turns` turns, each with rows of every stream. */
class Scene {
  readonly disk = new SimulatedDisk(new Random(1));
  readonly clock = { ms: 1000 };
  readonly numbers = STREAMS.map(() => 0);
  readonly oracle = new Oracle((path) => this.disk.contentOf(path));
  world: World | undefined;

  constructor() {
    this.disk.prompt = true;
    this.disk.makeFolder(DATA);
  }

  /** A process captures; without a stop it is killed at the end. */
  capture(turns: number, options: WorldOptions = {}, stop = false): World {
    const world = (this.world = new World(this.disk, this.clock, this.numbers, options));
    for (let turn = 0; turn < turns; turn++) {
      for (const { stream } of STREAMS) world.row(stream, FIRST_DAY);
      world.publish();
      this.clock.ms += 250;
      world.writer.doWork();
    }
    if (stop) world.writer.finish();
    return world;
  }

  get segments(): number[] {
    return listSegments(this.disk, FOLDER);
  }

  path(segment: number): string {
    return `${FOLDER}/${segmentFile(segment)}`;
  }

  /** Offsets of the blocks of a segment, its head first, and the end of the last. */
  offsets(segment: number): number[] {
    const reader = new SegmentReader(this.disk, FOLDER, segment);
    const offsets = [0, reader.offset];
    while (reader.next() !== undefined) offsets.push(reader.offset);
    reader.close();
    return offsets;
  }

  damage(segment: number, block: number, byte = BLOCK_HEADER_BYTES): void {
    const at = this.offsets(segment)[block]! + byte;
    const old = this.disk.contentOf(this.path(segment))![at]!;
    this.disk.damage(this.path(segment), at, Uint8Array.of(old ^ 0xff));
  }

  truncate(path: string, bytes: number): void {
    withFile(this.disk, this.disk.open(path), (fd) => this.disk.truncate(fd, bytes));
  }

  /** Changes a block and makes its CRC right again. */
  forge(segment: number, block: number, change: (bytes: Buffer, at: number) => void): void {
    const offsets = this.offsets(segment);
    const bytes = Buffer.from(this.disk.contentOf(this.path(segment))!);
    const at = offsets[block]!;
    change(bytes, at + BLOCK_HEADER_BYTES);
    writeHeader(bytes, at, readHeader(bytes, at)!);
    this.disk.damage(this.path(segment), 0, bytes);
  }

  labels(): CaseLabel[] {
    return planRecovery(this.disk, DATA).findings.map(({ label }) => label);
  }

  /** Everything that was captured since the last call is in the files, or the first `rows` of each ring are. */
  complete(promised?: readonly number[]): void {
    const items = this.world?.items ?? [[], []];
    assert.deepEqual(this.oracle.settle(items, promised ?? items.map((list) => list.length)), []);
  }
}

/** Declares a test of one case: `make` brings it about, `check` looks at what came of it. */
function found(
  label: CaseLabel,
  make: (scene: Scene) => void,
  check: (scene: Scene) => void = (s) => s.complete(),
) {
  tested.add(label);
  test(`${label}: ${CASES[label].doc} (${CASES[label].decision})`, () => {
    const scene = new Scene();
    make(scene);
    scene.disk.restart(false);
    assert.ok(scene.labels().includes(label), `found ${scene.labels()}`);
    assert.match(explain(planRecovery(scene.disk, DATA)), new RegExp(`${label} `));
    recover(scene.disk, DATA);
    check(scene);
    assert.deepEqual(
      scene.labels().filter((l) => l !== 'clean' && l !== 'fresh'),
      [],
    );
    // whatever was found, capture goes on behind it
    scene.capture(3, {}, true);
    scene.complete();
  });
}

/** Declares a test of a case that is refused, changes nothing, and is set aside when the loss is accepted. */
function refused(label: CaseLabel, make: (scene: Scene) => void, code = 'JOURNAL_DAMAGED') {
  tested.add(label);
  test(`${label}: ${CASES[label].doc} (${CASES[label].decision})`, () => {
    const scene = new Scene();
    make(scene);
    scene.disk.restart(false);
    assert.equal(CASES[label].decision, 'refuse');
    const calls = scene.disk.calls;
    assert.throws(
      () => recover(scene.disk, DATA),
      (error) => error instanceof LoggerError && error.code === code && error.message.includes(label),
    );
    assert.equal(scene.disk.calls, calls, 'nothing was changed');
    const { quarantine } = recover(scene.disk, DATA, { acceptLoss: true });
    assert.ok(quarantine !== undefined);
    assert.match(scene.disk.contentOf(`${quarantine}/report.txt`)!.toString(), new RegExp(label));
    assert.deepEqual(scene.labels(), ['clean']);
    // columns are of equal length again and capture goes on
    const oracle = new Oracle((path) => scene.disk.contentOf(path));
    const before = scene.disk.contentOf(PRICE)?.length ?? 0;
    scene.capture(2, {}, true);
    assert.equal(scene.disk.contentOf(PRICE)!.length, before + 2 * 4, `${oracle.rows}`);
  });
}

found('fresh', () => {});
found(
  'journal-missing',
  (s) => {
    s.capture(3, {}, true);
    s.complete();
    for (const name of s.disk.list(FOLDER)) s.disk.unlink(`${FOLDER}/${name}`);
  },
  (s) => {
    s.capture(3);
    recover(s.disk, DATA);
    s.complete();
  },
);
found('clean', (s) => s.capture(4, {}, true));
found('redo', (s) => s.capture(4));
found(
  'torn-tail',
  (s) => {
    s.capture(4);
    const [segment] = s.segments;
    s.truncate(s.path(segment!), s.offsets(segment!).at(-1)! - 20);
  },
  (s) => s.complete([6, 3]),
);
found('superseded-tail', (s) => {
  const world = s.capture(3);
  for (const { stream } of STREAMS) world.row(stream, FIRST_DAY);
  world.publish();
  world.writer.doWork();
  // the sync fails: the blocks go to a new segment, the old one keeps half of them
  const journal = world.writer.theJournal;
  const { beginFdatasync } = s.disk;
  s.disk.beginFdatasync = (fd) => {
    s.disk.beginFdatasync = beginFdatasync;
    s.disk.failFdatasync(fd);
    throw Object.assign(new Error('EIO'), { code: 'EIO' });
  };
  journal.sync();
  const [first] = s.segments;
  s.truncate(s.path(first!), s.offsets(first!).at(-1)! - 20);
});
found('unborn-segment', (s) => {
  s.capture(3);
  const fd = s.disk.open(s.path(9));
  s.disk.write(fd, Buffer.alloc(700), 0, 700, 0);
});
found('covered-segment', (s) => {
  s.disk.makeFolder(`${FOLDER}/cursors`);
  withFile(s.disk, s.disk.open(`${FOLDER}/cursors/slow.json`), (fd) =>
    s.disk.write(fd, Buffer.from('{"position":1}'), 0, 14, 0),
  );
  s.capture(14, { checkpointMs: 500, flushIntervalMs: 200 });
  s.disk.unlink(`${FOLDER}/cursors/slow.json`);
});
found('covered-damage', (s) => {
  s.disk.makeFolder(`${FOLDER}/cursors`);
  withFile(s.disk, s.disk.open(`${FOLDER}/cursors/slow.json`), (fd) =>
    s.disk.write(fd, Buffer.from('{"position":1}'), 0, 14, 0),
  );
  s.capture(4, { segmentBytes: 1e9 }, true);
  const [segment] = s.segments;
  const offsets = s.offsets(segment!);
  s.damage(segment!, offsets.length - 2);
  s.disk.unlink(`${FOLDER}/cursors/slow.json`);
});
found('file-long', (s) => {
  s.capture(3, { flushIntervalMs: 100 });
  withFile(s.disk, s.disk.open(PRICE), (fd) => s.disk.write(fd, Buffer.alloc(40, 1), 0, 40, 12));
});
found(
  'cursor-ahead',
  (s) => {
    s.capture(3);
    s.disk.makeFolder(`${FOLDER}/cursors`);
    withFile(s.disk, s.disk.open(`${FOLDER}/cursors/fast.json`), (fd) =>
      s.disk.write(fd, Buffer.from('{"position":500}'), 0, 16, 0),
    );
  },
  (s) => {
    s.complete();
    assert.equal((readCheckpoint(s.disk, FOLDER) as { sequence: number }).sequence, 500);
  },
);

found(
  'cursor-damaged',
  (s) => {
    s.capture(3);
    s.disk.makeFolder(`${FOLDER}/cursors`);
    withFile(s.disk, s.disk.open(`${FOLDER}/cursors/odd.json`), (fd) =>
      s.disk.write(fd, Buffer.from('garbage!'), 0, 8, 0),
    );
  },
  (s) => {
    s.complete();
    assert.ok(s.segments.length > 0, 'what the sink may not have yet is kept');
    s.disk.unlink(`${FOLDER}/cursors/odd.json`);
    recover(s.disk, DATA);
  },
);
found(
  'losses-damaged',
  (s) => {
    s.capture(3);
    withFile(s.disk, s.disk.open(`${FOLDER}/losses`), (fd) =>
      s.disk.write(fd, Buffer.from('garbage!'), 0, 8, 0),
    );
  },
  (s) => {
    s.complete();
    assert.equal(quarantined(s, 'journal/losses').toString(), 'garbage!');
  },
);
found('file-foreign', (s) => {
  s.capture(4);
  s.disk.makeFolder(PRICE);
});

refused('checkpoint-missing', (s) => {
  s.capture(3);
  s.disk.unlink(`${FOLDER}/checkpoint`);
});
refused('checkpoint-damaged', (s) => {
  s.capture(3);
  s.disk.damage(`${FOLDER}/checkpoint`, 20, Buffer.from('?'));
});
refused('segment-missing', (s) => {
  s.capture(3);
  s.disk.unlink(s.path(s.segments[0]!));
});
refused('head-damaged', (s) => {
  s.capture(3);
  s.damage(s.segments[0]!, 0);
});
refused('damaged-block', (s) => {
  s.capture(6);
  s.damage(s.segments[0]!, 3);
});
refused('hole', (s) => {
  s.capture(6, { segmentBytes: 1200 });
  s.disk.unlink(s.path(s.segments[1]!));
});
refused(
  'unknown-layout',
  (s) => {
    s.capture(3);
    s.forge(s.segments[0]!, 0, (bytes, at) => bytes.write('{"format":2', at));
  },
  'JOURNAL_FOREIGN',
);
refused('unreadable-record', (s) => {
  s.capture(4);
  // the last block of records gets a table that nobody declared
  const segment = s.segments[0]!;
  s.forge(segment, s.offsets(segment).length - 2, (bytes, at) => bytes.writeUInt8(77, at + 2));
});
refused('base-missing', (s) => {
  s.capture(3);
  // the first block of records becomes one of another day
  const segment = s.segments[0]!;
  const offsets = s.offsets(segment);
  s.forge(segment, offsets.length - 2, (bytes, at) => bytes.writeUInt32LE(FIRST_DAY + 9, at + 8));
});
refused('base-disagrees', (s) => {
  s.capture(3, { flushIntervalMs: 100 });
  const checkpoint = readCheckpoint(s.disk, FOLDER);
  assert.ok(checkpoint !== undefined && checkpoint !== 'damaged');
  const state = { exchange: 'x', directory: 'A', table: 'TRADES', day: FIRST_DAY, textBytes: 0 };
  const states = { tableDays: [{ ...state, rows: 1, columns: ['trade_price'] }], rejected: [] };
  writeCheckpoint(s.disk, FOLDER, { ...checkpoint, states });
});
refused('file-short', (s) => {
  s.capture(12, { checkpointMs: 500, flushIntervalMs: 100 });
  s.truncate(PRICE, 4);
});

found(
  'foreign-layout',
  (s) => {
    s.capture(4);
    // a version in which a table had another name for a column
    const segment = s.segments[0]!;
    const bytes = Buffer.from(s.disk.contentOf(s.path(segment))!);
    rewriteWithLayout(s, segment, bytes);
  },
  (s) => {
    assert.equal(s.disk.contentOf(`${TRADES_FOLDER}/trade_worth.04.10.24.bin`)!.length, 4 * 4);
    // back to the name of today, so that the values can be compared
    s.disk.rename(`${TRADES_FOLDER}/trade_worth.04.10.24.bin`, PRICE);
    s.disk.rename(
      `${DATA}/y/A/TRADES/trade_worth.04.10.24.bin`,
      `${DATA}/y/A/TRADES/trade_price.04.10.24.bin`,
    );
    s.complete();
  },
);

/** What GAPS of x A lists: causes and numbers of rows. */
function listed(s: Scene): [cause: number, rows: number][] {
  const folder = `${DATA}/x/A/GAPS`;
  const today = Math.floor(Date.now() / 86_400_000);
  const read = (name: string) =>
    Buffer.concat(
      [today - 1, today].map(
        (day) => s.disk.contentOf(`${folder}/${columnFile(name, day)}`) ?? Buffer.alloc(0),
      ),
    );
  const [causes, messages] = [read('cause'), read('messages')];
  return Array.from({ length: causes.length / 4 }, (_, row) => [
    causes.readUInt32LE(row * 4),
    Number(messages.readBigUInt64LE(row * 8)),
  ]);
}

/** Content of the first file of the quarantine that ends so. */
function quarantined(s: Scene, ending: string): Buffer {
  const folders = s.disk.list(`${DATA}/quarantine`);
  const [found] = folders.flatMap((name) => s.disk.contentOf(`${DATA}/quarantine/${name}/${ending}`) ?? []);
  assert.ok(found !== undefined, `${ending} in ${folders}`);
  return found;
}

for (const when of ['at its end', 'whole', 'turned into garbage'] as const) {
  test(`a last segment that is lost ${when}: what is cut off columns is kept, told and listed`, () => {
    const scene = new Scene();
    scene.capture(6, { flushIntervalMs: 100 });
    const size = () => scene.disk.contentOf(PRICE)!.length;
    const [before, column] = [size(), Buffer.from(scene.disk.contentOf(PRICE)!)];
    const path = scene.path(scene.segments.at(-1)!);
    if (when === 'at its end') scene.truncate(path, scene.offsets(scene.segments.at(-1)!)[3]!);
    else if (when === 'whole') scene.truncate(path, 0);
    else scene.disk.damage(path, 0, Buffer.alloc(scene.disk.contentOf(path)!.length, 7));
    scene.disk.restart(false);
    const told = explain(planRecovery(scene.disk, DATA));
    assert.doesNotMatch(told, /without loss/);
    if (when === 'at its end') assert.match(told, /kept in quarantine\/ and listed in GAPS/);
    const { quarantine, lostRows } = recover(scene.disk, DATA);
    assert.ok(quarantine !== undefined);
    if (when !== 'at its end')
      assert.ok(quarantined(scene, `journal/${segmentFile(1)}`) !== undefined, 'the segment is kept');
    const lost = (before - (when === 'at its end' ? size() : before)) / 4;
    if (when === 'at its end') {
      assert.ok(lost > 0 && lostRows >= lost);
      assert.deepEqual(
        quarantined(scene, `x/A/TRADES/trade_price.04.10.24.bin.from-${size()}`),
        column.subarray(size()),
      );
      // the next writer lists it, once
      scene.capture(8, {}, true);
      assert.deepEqual(listed(scene), [[GAP_CAUSES.disk.id, lost]]);
      scene.disk.restart(false);
      recover(scene.disk, DATA);
      scene.capture(8, {}, true);
      assert.deepEqual(listed(scene), [[GAP_CAUSES.disk.id, lost]]);
      assert.equal(scene.disk.sizeOf(`${FOLDER}/losses`), -1);
    }
  });
}

test('of a column that is short when that is accepted, the others keep what they had in the quarantine', () => {
  const size = `${TRADES_FOLDER}/trade_size.04.10.24.bin`;
  const scene = new Scene();
  scene.capture(12, { checkpointMs: 500, flushIntervalMs: 100 });
  scene.truncate(PRICE, 4);
  scene.disk.restart(false);
  const plan = planRecovery(scene.disk, DATA);
  const { base, rows } = plan.tableDays.get('x/A/TRADES 2024-10-04')!;
  const before = Buffer.from(scene.disk.contentOf(size)!);
  assert.ok(base.rows > 1 && rows > 0, 'there is something in the way of what is redone');
  const { lostRows } = recover(scene.disk, DATA, { acceptLoss: true });
  assert.equal(lostRows, base.rows - 1);
  assert.deepEqual(quarantined(scene, 'x/A/TRADES/trade_size.04.10.24.bin.from-4'), before.subarray(4));
  assert.equal(scene.disk.contentOf(size)!.length, (1 + rows) * 4);
  scene.capture(8, {}, true);
  assert.deepEqual(listed(scene), [[GAP_CAUSES.disk.id, base.rows - 1]]);
});

test('a table-day that cannot be used begins anew, however often its recovery is cut short', () => {
  for (let calls = 1; ; calls++) {
    const scene = new Scene();
    scene.capture(12, { checkpointMs: 500, flushIntervalMs: 100 });
    const size = `${TRADES_FOLDER}/trade_size.04.10.24.bin`;
    const rows = scene.disk.contentOf(size)!.length / 4;
    scene.disk.unlink(PRICE);
    scene.disk.makeFolder(PRICE);
    scene.disk.restart(false);
    scene.disk.dieAfter(calls);
    let whole = false;
    try {
      recover(scene.disk, DATA);
      whole = true;
    } catch {
      scene.disk.restart(false);
      recover(scene.disk, DATA);
    }
    scene.disk.restart(false);
    assert.equal(quarantined(scene, 'x/A/TRADES/trade_size.04.10.24.bin').length, rows * 4, `${calls}`);
    const redone = (scene.disk.contentOf(PRICE)?.length ?? 0) / 4;
    assert.equal((scene.disk.contentOf(size)?.length ?? 0) / 4, redone, `${calls}`);
    scene.capture(8, {}, true);
    assert.deepEqual(
      listed(scene).map(([cause]) => cause),
      [GAP_CAUSES.disk.id],
      `${calls}`,
    );
    if (whole) break;
  }
});

/** Gives a segment the tables of another version: one column has another name, the hashes agree. */
function rewriteWithLayout(s: Scene, segment: number, bytes: Buffer): void {
  const offsets = s.offsets(segment);
  const length = readHeader(bytes, 0)!.length;
  const head = JSON.parse(bytes.subarray(BLOCK_HEADER_BYTES, BLOCK_HEADER_BYTES + length).toString());
  const json = JSON.stringify(head).replaceAll('"trade_price"', '"trade_worth"');
  const hash = hashOf(JSON.parse(json).tables);
  // the number may have fewer digits; spaces are padding
  const text = json.replace(/"layout":\d+/, `"layout":${hash}`).padEnd(length, ' ');
  assert.equal(text.length, length);
  bytes.write(text, BLOCK_HEADER_BYTES);
  for (const at of offsets.slice(0, -1)) {
    const header = readHeader(bytes, at)!;
    if (header.kind === BLOCK_KIND.bases) {
      const from = at + BLOCK_HEADER_BYTES;
      const bases = bytes.subarray(from, from + header.length).toString();
      bytes.write(bases.replaceAll('"trade_price"', '"trade_worth"'), from);
    }
    writeHeader(bytes, at, { ...header, layout: hash });
    assert.ok(crcMatches(bytes, at, header.length));
  }
  s.disk.damage(s.path(segment), 0, bytes);
}

/** The fingerprint of tables, computed by hand. */
function hashOf(tables: { id: number; name: string; columns: [string, string][] }[]): number {
  const text = tables
    .map((t) => `${t.id}:${t.name}(${t.columns.map(([name, type]) => `${name} ${type}`).join(',')})`)
    .join(';');
  let crc = 0xffffffff;
  for (const byte of Buffer.from(text)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

test('every case of the table has its test', () => {
  assert.deepEqual([...tested].sort(), Object.keys(CASES).sort());
});

test('old blocks of the disk with the right sequence are not taken for new ones', () => {
  const scene = new Scene();
  scene.capture(4);
  const [segment] = scene.segments;
  const offsets = scene.offsets(segment!);
  const bytes = Buffer.from(scene.disk.contentOf(scene.path(segment!))!);
  // the last block comes from a segment with another number, or from an earlier file of the same number
  const at = offsets.at(-2)!;
  for (const other of [{ segment: 77 }, { salt: 1 }]) {
    writeHeader(bytes, at, { ...readHeader(bytes, at)!, ...other });
    scene.disk.damage(scene.path(segment!), 0, bytes);
    assert.equal(planRecovery(scene.disk, DATA).end, readHeader(bytes, at)!.sequence - 1);
  }
  const undo = SegmentReader.prototype as unknown as Record<string, unknown>;
  const { follows } = undo;
  undo['follows'] = () => true;
  try {
    assert.notEqual(
      planRecovery(scene.disk, DATA).end,
      readHeader(bytes, at)!.sequence - 1,
      'the test can fail',
    );
  } finally {
    undo['follows'] = follows;
  }
});

test('recovering twice changes nothing more, and a second plan finds nothing', () => {
  const scene = new Scene();
  scene.capture(5);
  assert.equal(recover(scene.disk, DATA).rows, 15);
  const calls = scene.disk.calls;
  assert.equal(recover(scene.disk, DATA).clean, true);
  assert.equal(scene.disk.calls, calls);
  scene.complete();
});

test('a journal that is switched off later leaves nothing behind that would cut what is written meanwhile', () => {
  const scene = new Scene();
  scene.capture(3);
  recover(scene.disk, DATA);
  scene.complete();
  scene.capture(3, { journal: false }, true);
  scene.complete();
  assert.equal(recover(scene.disk, DATA).clean, true);
  scene.capture(3);
  recover(scene.disk, DATA);
  scene.complete();
});

test('the columns that a day began with stay, whatever exact says later', () => {
  const scene = new Scene();
  scene.capture(3, { exact: false }, true);
  scene.complete();
  scene.capture(3, { exact: true });
  recover(scene.disk, DATA);
  scene.complete();
  assert.equal(scene.disk.sizeOf(`${TRADES_FOLDER}/scales.04.10.24.bin`), -1);
});

test('what does not fit together without a crash goes to the quarantine, not away', () => {
  const scene = new Scene();
  scene.capture(4, {}, true);
  scene.complete();
  scene.truncate(`${TRADES_FOLDER}/trade_size.04.10.24.bin`, 8);
  const price = Buffer.from(scene.disk.contentOf(PRICE)!);
  scene.capture(1, {}, true);
  assert.equal(scene.disk.contentOf(PRICE)!.length, 3 * 4);
  const [folder] = scene.disk.list(`${DATA}/quarantine`);
  const kept = scene.disk.contentOf(
    `${DATA}/quarantine/${folder}/x/A/TRADES/trade_price.04.10.24.bin.from-8`,
  );
  assert.deepEqual(kept, price.subarray(8));
});

test('a checkpoint without states is what an orderly stop leaves', () => {
  const scene = new Scene();
  scene.capture(3, {}, true);
  assert.deepEqual((readCheckpoint(scene.disk, FOLDER) as { states: unknown }).states, NO_STATES);
  assert.deepEqual(scene.segments, []);
});

/** The journal by itself: bytes as documented, what a reader gets back, new segments, and the limits of its size. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { slotsOf } from '../../../src/counters/counters.js';
import { WRITER_COUNTERS } from '../../../src/counters/declarations.js';
import { LAYOUT_HASH, TABLES } from '../../../src/schema/tables.js';
import { readCursors } from '../../../src/store/journal/cursors.js';
import { BLOCK_KIND, segmentFile, segmentHeader, tablesOf } from '../../../src/store/journal/format.js';
import { Journal } from '../../../src/store/journal/journal.js';
import { listSegments, SegmentReader } from '../../../src/store/journal/reader.js';
import { Random } from '../../support/random.js';
import { SimulatedDisk } from '../../support/simulated_disk.js';
import { FIRST_DAY, STREAMS, World, type WorldOptions } from '../../support/store_world.js';

const FOLDER = '/data/journal';
const WRITER = slotsOf(WRITER_COUNTERS);

function open(options: { segmentBytes?: number } = {}) {
  const disk = new SimulatedDisk(new Random(1));
  disk.makeFolder(FOLDER);
  disk.syncFs();
  const events: string[] = [];
  const journal = new Journal(
    disk,
    FOLDER,
    {
      segmentBytes: 1 << 20,
      streams: () => [[7, 'x', 'A']],
      event: (event) => events.push(event),
      ...options,
    },
    { sequence: 40, segment: 2, segments: [] },
  );
  return { disk, journal, events };
}

/** [sequence, payload words] of every block of a segment. */
function blocksOf(disk: SimulatedDisk, segment: number): [number, number[]][] {
  const reader = new SegmentReader(disk, FOLDER, segment);
  const blocks: [number, number[]][] = [];
  for (let block = reader.next(); block !== undefined; block = reader.next())
    blocks.push([block.sequence, block.kind === BLOCK_KIND.records ? [...block.words] : []]);
  reader.close();
  return blocks;
}

test('the bytes of a block stand where the format says', () => {
  const { disk, journal } = open();
  journal.write();
  journal.appendRecords(Uint32Array.of(9, 1, 2, 3), 1, 4);
  journal.sync();
  const bytes = disk.contentOf(`${FOLDER}/000000000003.segment`)!;
  const headLength = bytes.readUInt32LE(8);
  const head = JSON.parse(bytes.subarray(48, 48 + headLength).toString('utf8'));
  assert.deepEqual([head.format, head.crc, head.layout], [1, 'CRC-32/ISO-HDLC', LAYOUT_HASH]);
  assert.deepEqual(head.streams, [[7, 'x', 'A']]);
  assert.deepEqual(
    head.tables.map((t: { name: string }) => t.name),
    TABLES.map(({ name }) => name),
  );
  const block = bytes.subarray(48 + headLength);
  assert.equal(block.length, 48 + 12);
  assert.equal(block.subarray(0, 4).toString('latin1'), 'GOLJ');
  assert.equal(block.readUInt32LE(4), crc32(block.subarray(8)));
  assert.deepEqual([block.readUInt32LE(8), block.readUInt32LE(12)], [12, BLOCK_KIND.records]);
  assert.deepEqual([block.readBigUInt64LE(16), block.readBigUInt64LE(24)], [41n, 40n]);
  assert.deepEqual([block.readUInt32LE(32), block.readUInt32LE(40)], [3, LAYOUT_HASH]);
  assert.deepEqual([block.readUInt32LE(36), bytes.readUInt32LE(36)].length, 2);
  assert.equal(block.readUInt32LE(36), bytes.readUInt32LE(36), 'the salt of the segment');
  assert.deepEqual([...new Uint32Array(block.slice(48).buffer.slice(0, 12))].length, 3);
  assert.deepEqual([block.readUInt32LE(48), block.readUInt32LE(52), block.readUInt32LE(56)], [1, 2, 3]);
});

test('a reader gets every block back, also those larger than its window', () => {
  const { disk, journal } = open();
  const large = Uint32Array.from({ length: 200_000 }, (_, i) => i);
  journal.appendRecords(large, 0, 3);
  journal.appendRecords(large, 0, large.length);
  journal.appendJson(BLOCK_KIND.streams, [[1, 'é', 'B']]);
  journal.appendRecords(large, 5, 6);
  journal.sync();
  const blocks = blocksOf(disk, 3);
  assert.deepEqual(
    blocks.map(([sequence, words]) => [sequence, words.length]),
    [
      [41, 3],
      [42, 200_000],
      [43, 0],
      [44, 1],
    ],
  );
  assert.deepEqual(blocks[1]![1], [...large]);
});

test('no byte of a block can change unseen', () => {
  const { disk, journal } = open();
  journal.appendRecords(Uint32Array.of(1, 2, 3, 4), 0, 4);
  journal.sync();
  const path = `${FOLDER}/${segmentFile(3)}`;
  const bytes = Buffer.from(disk.contentOf(path)!);
  const start = bytes.length - 48 - 16;
  for (let at = start; at < bytes.length; at++) {
    for (const bit of [1, 0x80]) {
      const damaged = Buffer.from(bytes);
      damaged[at]! ^= bit;
      disk.damage(path, 0, damaged);
      assert.deepEqual(blocksOf(disk, 3), [], `byte ${at - start}`);
    }
  }
});

test('zeros, garbage and a cut end are the end', () => {
  const { disk, journal } = open();
  journal.appendRecords(Uint32Array.of(1), 0, 1);
  journal.sync();
  const path = `${FOLDER}/${segmentFile(3)}`;
  const whole = disk.contentOf(path)!.length;
  const fd = disk.open(path);
  for (const tail of [Buffer.alloc(600), Buffer.alloc(600, 0x4a), Buffer.from('GOLJ')]) {
    disk.truncate(fd, whole);
    disk.write(fd, tail, 0, tail.length, whole);
    assert.equal(blocksOf(disk, 3).length, 1);
  }
  disk.truncate(fd, whole - 1);
  assert.equal(blocksOf(disk, 3).length, 0);
});

test('a segment that is large enough is followed by another, and numbers go on', () => {
  const { disk, journal } = open({ segmentBytes: 4000 });
  const words = Uint32Array.from({ length: 100 }, (_, i) => i);
  for (let n = 0; n < 12; n++) {
    journal.appendRecords(words, 0, 100);
    journal.sync();
  }
  const segments = listSegments(disk, FOLDER);
  assert.ok(segments.length >= 3);
  assert.deepEqual(
    segments.flatMap((segment) => blocksOf(disk, segment).map(([sequence]) => sequence)),
    Array.from({ length: 12 }, (_, i) => 41 + i),
  );
  journal.removeUpTo(46, Number.POSITIVE_INFINITY);
  const left = listSegments(disk, FOLDER).flatMap((segment) => blocksOf(disk, segment));
  assert.ok(left.some(([sequence]) => sequence === 47) && left.length < 12);
});

test('what a failed sync held back goes to a new segment', () => {
  const { disk, journal, events } = open();
  journal.appendRecords(Uint32Array.of(1), 0, 1);
  journal.sync();
  journal.appendRecords(Uint32Array.of(2), 0, 1);
  journal.write();
  journal.appendRecords(Uint32Array.of(3), 0, 1);
  const { beginFdatasync } = disk;
  disk.beginFdatasync = (fd) => {
    disk.beginFdatasync = beginFdatasync;
    disk.failFdatasync(fd);
    throw Object.assign(new Error('EIO'), { code: 'EIO' });
  };
  journal.sync();
  assert.equal(journal.synced, 43);
  assert.ok(events.includes('poisoned'));
  disk.restart(true);
  assert.deepEqual(blocksOf(disk, 4), [
    [42, [2]],
    [43, [3]],
  ]);
});

test('the layout of a segment is understood or refused, never guessed', () => {
  const header = segmentHeader(TABLES, []);
  assert.equal(tablesOf(header), TABLES);
  const other = segmentHeader(TABLES.slice(1), []);
  assert.deepEqual(
    tablesOf(other)!.map(({ name, words }) => [name, words]),
    TABLES.slice(1).map(({ name, words }) => [name, words]),
  );
  assert.equal(tablesOf({ ...other, layout: 1 }), undefined);
  assert.equal(tablesOf({ ...header, format: 2 }), undefined);
  const unknown = JSON.parse(JSON.stringify(other).replace('"f32"', '"f16"'));
  assert.equal(tablesOf(unknown), undefined);
});

/** A minute of checkpoints with a sink that lags and one that does not; what the journal held at most. */
function holdBack(limits: Pick<WorldOptions, 'bytesMax' | 'freeBytesMin'>, freeBytes: number) {
  const disk = new SimulatedDisk(new Random(1));
  disk.freeBytes = () => freeBytes;
  disk.prompt = true;
  disk.makeFolder(`${FOLDER}/cursors`);
  for (const [name, position] of [
    ['slow', 2],
    ['fast', 1e6],
  ]) {
    const text = Buffer.from(JSON.stringify({ position }));
    disk.write(disk.open(`${FOLDER}/cursors/${name}.json`), text, 0, text.length, 0);
  }
  const clock = { ms: 1000 };
  const world = new World(
    disk,
    clock,
    STREAMS.map(() => 0),
    {
      ...limits,
      segmentBytes: 16_000,
      checkpointMs: 500,
      flushIntervalMs: 200,
    },
  );
  let largest = 0;
  for (let turn = 0; turn < 60; turn++) {
    for (const { stream } of STREAMS) world.row(stream, FIRST_DAY);
    world.publish();
    clock.ms += 250;
    world.writer.doWork();
    largest = Math.max(largest, world.writer.theJournal.bytes);
  }
  const sinks = readCursors(disk, FOLDER).map(({ sink }) => sink);
  return { world, largest, sinks, cutOff: new Uint32Array(world.counters)[WRITER.cursors_cut_off] };
}

test('a sink that holds the journal back is cut off at the limit, and the log says so', () => {
  const { world, largest, sinks, cutOff } = holdBack({ bytesMax: 100_000 }, 1e12);
  assert.deepEqual([sinks, cutOff], [['fast'], 1]);
  assert.ok(largest > 75_000 && largest < 175_000, `${largest}`);
  const told = world.writer.reports.filter((report) => report.kind === 'log' && report.level === 'error');
  assert.equal(told.length, 1);
  assert.match(JSON.stringify(told), /sink slow is cut off at block 2/);
});

test('the same when the disk has less room than is to stay free, and not before', () => {
  const limits = { bytesMax: 1e12, freeBytesMin: 1000 };
  assert.deepEqual(holdBack(limits, 1000).sinks, ['fast', 'slow']);
  const { world, sinks, cutOff } = holdBack(limits, 999);
  assert.deepEqual([sinks, cutOff], [['fast'], 1]);
  assert.match(JSON.stringify(world.writer.reports), /999 bytes left.*sink slow is cut off/);
});

/**
 * Entry point of a writer thread as workers/writer.ts that besides writes down when it has written to the journal. So no
 * other process has to look at the journal all the time, which would take CPU from the very writer whose delay is
 * measured.
 */
import { fstatSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { DiskIo } from '../../src/store/disk/io.js';
import { JOURNAL_FOLDER, NEXT_SEGMENT_FILE, parseSegmentFile } from '../../src/store/journal/format.js';
import { clockUs } from '../clock.js';
import { STAMP_NUMBERS, STAMPS_ENV } from './stamped_logger.js';

/** Writes at most, some hundred a second. */
const STAMPS_MAX = 1 << 18;

const stamps = new Float64Array(STAMPS_MAX * STAMP_NUMBERS);
let numbers = 0;
/** of segments that are open, by descriptor */
const inodes = new Map<number, number>();

function isSegment(path: string): boolean {
  const name = basename(path);
  return (
    basename(dirname(path)) === JOURNAL_FOLDER &&
    (name === NEXT_SEGMENT_FILE || parseSegmentFile(name) !== undefined)
  );
}

const { open, close, write } = DiskIo.prototype;
DiskIo.prototype.open = function (this: DiskIo, path: string): number {
  const fd = open.call(this, path);
  if (isSegment(path)) inodes.set(fd, fstatSync(fd).ino);
  return fd;
};
DiskIo.prototype.close = function (this: DiskIo, fd: number): void {
  inodes.delete(fd);
  close.call(this, fd);
};
DiskIo.prototype.write = function (this: DiskIo, fd, bytes, from, to, position): void {
  write.call(this, fd, bytes, from, to, position);
  const inode = inodes.get(fd);
  if (inode === undefined) return;
  if (numbers === stamps.length) throw new Error('more writes to the journal than there is room for');
  stamps[numbers++] = inode;
  stamps[numbers++] = position + to - from;
  stamps[numbers++] = clockUs();
};
process.on('exit', () => writeFileSync(process.env[STAMPS_ENV] ?? '', stamps.subarray(0, numbers)));
await import('../../workers/writer.js');

/** A large file that is removed: its name is gone at once, its space in small pieces. */
import assert from 'node:assert/strict';
import {
  existsSync,
  fstatSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { DiskIo } from '../../../src/store/disk/io.js';
import { PIECE_BYTES, Removal } from '../../../src/store/disk/removal.js';

/** Notes by how much a file became smaller in each call. */
class MeasuredIo extends DiskIo {
  readonly pieces: number[] = [];
  readonly held = new Set<number>();

  override openExisting(path: string): number {
    const fd = super.openExisting(path);
    this.held.add(fd);
    return fd;
  }

  override truncate(fd: number, bytes: number): void {
    this.pieces.push(fstatSync(fd).size - bytes);
    super.truncate(fd, bytes);
  }

  override close(fd: number): void {
    this.pieces.push(fstatSync(fd).size);
    this.held.delete(fd);
    super.close(fd);
  }
}

function scene(t: { after(run: () => void): void }) {
  const folder = mkdtempSync(join(tmpdir(), 'logger-removal-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const io = new MeasuredIo();
  const file = (name: string, bytes: number) => {
    const path = join(folder, name);
    writeFileSync(path, '');
    truncateSync(path, bytes);
    return path;
  };
  return { folder, io, file, removal: new Removal(io) };
}

test('no call gives back more than a piece, and in the end nothing is left', (t) => {
  const { folder, io, file, removal } = scene(t);
  const bytes = 20 * PIECE_BYTES + 7;
  removal.add(file('large', bytes));
  removal.add(file('small', 100));
  assert.deepEqual(readdirSync(folder), []);
  for (let calls = 0; io.held.size > 0; calls++) {
    assert.ok(calls < 30);
    removal.doWork();
  }
  assert.ok(io.pieces.every((piece) => piece <= PIECE_BYTES));
  assert.equal(
    io.pieces.reduce((a, b) => a + b),
    bytes,
  );
  removal.doWork();
});

test('much of it takes no more calls, but larger pieces', (t) => {
  const { io, file, removal } = scene(t);
  for (const name of ['a', 'b', 'c']) removal.add(file(name, 100 * PIECE_BYTES));
  let calls = 0;
  for (; io.held.size > 0; calls++) removal.doWork();
  assert.ok(calls < 80, `${calls}`);
});

test('a file that cannot be removed is told, and no descriptor is left', (t) => {
  const { io, file, removal } = scene(t);
  const path = file('large', 2 * PIECE_BYTES);
  io.unlink = () => {
    throw new Error('refused');
  };
  assert.throws(() => removal.add(path), /refused/);
  assert.deepEqual([io.held.size, existsSync(path)], [0, true]);
});

/**
 * Everything the store asks of the operating system, in one small interface, so that a simulator of power cuts and
 * failing calls can stand in for the disk under the very code that runs. All calls are synchronous: they run on the
 * writer thread, which has nothing else to wait for, or before capture starts. Failures are thrown as Node's system
 * errors.
 *
 * What a crash may undo: everything since the last fdatasync of a file, and the names that were made, renamed or
 * removed in a folder since its last syncFolder. syncFs makes all of it durable.
 */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { dirname } from 'node:path';
import type { BackgroundSync } from './background_sync.js';
import { type FileSync, SYNC_CALL } from './file_sync.js';

export interface StoreIo {
  /** Opens for positioned reading and writing, creating the file but never its folder. */
  open(path: string): number;
  /** The same of a file that exists. */
  openExisting(path: string): number;
  /** Opens a file that exists, changing nothing. */
  openToRead(path: string): number;
  close(fd: number): void;
  /** Writes all of bytes[from, to) at `position`, or throws. */
  write(fd: number, bytes: Uint8Array, from: number, to: number, position: number): void;
  /** Reads up to `bytes.length - from` bytes; answers how many there were. */
  read(fd: number, bytes: Uint8Array, from: number, position: number): number;
  /** Size of a file, NO_FILE when there is none, FOREIGN where something else stands or access is denied. */
  sizeOf(path: string): number;
  /** What stands at a path itself: links are not followed. */
  kindOf(path: string): PathKind;
  /** Bytes that can still be written to the file system of a path. */
  freeBytes(path: string): number;
  truncate(fd: number, bytes: number): void;
  /** Creates a folder and those above it. */
  makeFolder(path: string): void;
  /** Names in a folder, sorted; none when there is no such folder. */
  list(folder: string): string[];
  rename(from: string, to: string): void;
  unlink(path: string): void;
  /** Data and size of a file. A failure is final for the file: a second call may succeed without the data. */
  fdatasync(fd: number): void;
  /** The names in a folder. */
  syncFolder(path: string): void;
  /**
   * Begins an fdatasync in the background; what is written from now on need not be among it. One at a time, and
   * the descriptor stays open until it has ended.
   */
  beginFdatasync(fd: number): void;
  /** The same for syncFolder. */
  beginSyncFolder(path: string): void;
  /** Whether what was begun last has ended; throws as the call does, and then it has ended, too. `wait`: for its end. */
  syncEnded(wait: boolean): boolean;
  /** Everything of the file system that holds `path`. EIO: something is not on disk, and it is unknown what. */
  syncFs(path: string): void;
  /** Begins what syncFs does; what is written from now on need not be among it. */
  beginSyncFs(path: string): void;
  /** Whether what was begun has ended; throws as syncFs does, and then it has ended, too. */
  syncFsEnded(): boolean;
}

export type PathKind = 'file' | 'folder' | 'none' | 'foreign';

/** What sizeOf answers without a file: both are below every size. */
export const NO_FILE = -1;
export const FOREIGN = -2;

/** Errors of one path, not of the disk: what stands there is not what we made, or is not ours to use. */
const OF_PATH: readonly unknown[] = [
  'EACCES',
  'EISDIR',
  'ELOOP',
  'ENAMETOOLONG',
  'ENOTDIR',
  'ENXIO',
  'EPERM',
];

export function isOfPath(error: unknown): boolean {
  return OF_PATH.includes((error as NodeJS.ErrnoException).code);
}

/** Never in append mode: Linux would ignore the positions. */
const WRITE_FLAGS = fs.constants.O_RDWR | fs.constants.O_NOFOLLOW;

export class DiskIo implements StoreIo {
  private folderFd = -1;

  /** Without a background thread a sync that is begun ends before anything else happens. */
  constructor(
    private readonly background?: BackgroundSync,
    private readonly files?: FileSync,
  ) {}

  open(path: string): number {
    return fs.openSync(path, WRITE_FLAGS | fs.constants.O_CREAT, 0o640);
  }

  openExisting(path: string): number {
    return fs.openSync(path, WRITE_FLAGS);
  }

  openToRead(path: string): number {
    return fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW);
  }

  close(fd: number): void {
    fs.closeSync(fd);
  }

  write(fd: number, bytes: Uint8Array, from: number, to: number, position: number): void {
    let at = from;
    while (at < to) {
      // a short write hides its reason; asking for the rest shows it
      const written = fs.writeSync(fd, bytes, at, to - at, position + at - from);
      if (written <= 0) throw Object.assign(new Error('EIO: the disk took no bytes'), { code: 'EIO' });
      at += written;
    }
  }

  read(fd: number, bytes: Uint8Array, from: number, position: number): number {
    let at = from;
    while (at < bytes.length) {
      const got = fs.readSync(fd, bytes, at, bytes.length - at, position + at - from);
      if (got === 0) break;
      at += got;
    }
    return at - from;
  }

  sizeOf(path: string): number {
    const found = look(path);
    if (typeof found === 'string') return found === 'none' ? NO_FILE : FOREIGN;
    return found.isFile() ? found.size : FOREIGN;
  }

  kindOf(path: string): PathKind {
    const found = look(path);
    if (typeof found === 'string') return found;
    return found.isFile() ? 'file' : found.isDirectory() ? 'folder' : 'foreign';
  }

  freeBytes(path: string): number {
    const { bavail, bsize } = fs.statfsSync(path);
    return bavail * bsize;
  }

  truncate(fd: number, bytes: number): void {
    fs.ftruncateSync(fd, bytes);
  }

  makeFolder(path: string): void {
    fs.mkdirSync(path, { recursive: true, mode: 0o750 });
  }

  list(folder: string): string[] {
    try {
      return fs.readdirSync(folder).sort();
    } catch (error) {
      if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
      throw error;
    }
  }

  rename(from: string, to: string): void {
    fs.renameSync(from, to);
  }

  unlink(path: string): void {
    fs.unlinkSync(path);
  }

  fdatasync(fd: number): void {
    fs.fdatasyncSync(fd);
  }

  syncFolder(path: string): void {
    const fd = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
    try {
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
  }

  beginFdatasync(fd: number): void {
    if (this.files === undefined) this.fdatasync(fd);
    else this.files.begin(SYNC_CALL.fdatasync, fd);
  }

  beginSyncFolder(path: string): void {
    if (this.files === undefined) this.syncFolder(path);
    else {
      this.folderFd = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
      this.files.begin(SYNC_CALL.fsync, this.folderFd);
    }
  }

  syncEnded(wait: boolean): boolean {
    if (this.files === undefined) return true;
    try {
      if (!this.files.ended(wait)) return false;
    } catch (error) {
      this.closeFolder();
      throw error;
    }
    this.closeFolder();
    return true;
  }

  private closeFolder(): void {
    if (this.folderFd >= 0) fs.closeSync(this.folderFd);
    this.folderFd = -1;
  }

  syncFs(path: string): void {
    // one call for tens of thousands of files; Node has no syncfs of its own
    const { error, status, stderr } = spawnSync('sync', ['-f', path], { encoding: 'utf8' });
    if (error !== undefined) throw error;
    if (status !== 0)
      throw Object.assign(new Error(`EIO: sync -f ${path} failed: ${stderr.trim()}`), { code: 'EIO' });
  }

  beginSyncFs(path: string): void {
    if (this.background === undefined) this.syncFs(path);
    else this.background.begin();
  }

  syncFsEnded(): boolean {
    return this.background?.ended() ?? true;
  }
}

function look(path: string): fs.Stats | 'none' | 'foreign' {
  try {
    return fs.lstatSync(path, { throwIfNoEntry: false }) ?? 'none';
  } catch (error) {
    if (isOfPath(error)) return 'foreign';
    throw error;
  }
}

/** Opens a file and makes its folder when that is what is missing. */
export function openWithFolder(io: StoreIo, path: string): number {
  try {
    return io.open(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    io.makeFolder(dirname(path));
    return io.open(path);
  }
}

/** Errors that say that a call was not even tried; of a sync that is, nothing was lost by it. */
const NOT_TRIED: readonly unknown[] = ['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN'];

export function wasTried(error: unknown): boolean {
  return !NOT_TRIED.includes((error as NodeJS.ErrnoException).code);
}

/** Runs `use` with a descriptor and closes it whatever happens. */
export function withFile<R>(io: StoreIo, fd: number, use: (fd: number) => R): R {
  try {
    return use(fd);
  } finally {
    io.close(fd);
  }
}

/** What a link, a folder or a closed file in the place of one of ours is answered with. */
export function notOurs(path: string, code: 'ELOOP' | 'ENOTDIR'): Error {
  return Object.assign(
    new Error(`${code}: ${path} is none of ours: a link, of another kind, or closed to us`),
    {
      code,
    },
  );
}

/** The bytes of a file, or undefined when there is none. */
export function readWhole(io: StoreIo, path: string): Buffer | undefined {
  const size = io.sizeOf(path);
  if (size === FOREIGN) throw notOurs(path, 'ELOOP');
  if (size < 0) return undefined;
  return withFile(io, io.openToRead(path), (fd) => {
    const bytes = Buffer.alloc(size);
    return bytes.subarray(0, io.read(fd, bytes, 0, 0));
  });
}

/** Puts a small file in the place of an older one so that a crash leaves the one or the other, whole. */
export function replaceFile(io: StoreIo, folder: string, name: string, bytes: Uint8Array): void {
  withFile(io, writeTemporary(io, folder, name, bytes), (fd) => io.fdatasync(fd));
  io.rename(temporaryOf(folder, name), `${folder}/${name}`);
  io.syncFolder(folder);
}

/** What is to become a file, under another name; the descriptor is open. */
export function writeTemporary(io: StoreIo, folder: string, name: string, bytes: Uint8Array): number {
  const temporary = temporaryOf(folder, name);
  // after a crash within a rename both names may stand for the file that is to be replaced
  if (io.sizeOf(temporary) >= 0) io.unlink(temporary);
  const fd = io.open(temporary);
  try {
    io.write(fd, bytes, 0, bytes.length, 0);
    return fd;
  } catch (error) {
    io.close(fd);
    throw error;
  }
}

export function temporaryOf(folder: string, name: string): string {
  return `${folder}/${name}.tmp`;
}

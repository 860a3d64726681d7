/**
 * Everything the store asks of the operating system, in one small interface, so that a simulator of power cuts and
 * failing calls can stand in for the disk under the very code that runs. All calls are synchronous: they run on the
 * writer thread, which has nothing else to wait for. Failures are thrown as Node's system errors.
 */
import * as fs from 'node:fs';
import { dirname } from 'node:path';

export interface StoreIo {
  /** Opens for positioned reading and writing, creating the file but never its folder. */
  open(path: string): number;
  close(fd: number): void;
  /** Writes all of bytes[from, to) at `position`, or throws. */
  write(fd: number, bytes: Uint8Array, from: number, to: number, position: number): void;
  /** Size of a file, or -1 when there is none. */
  sizeOf(path: string): number;
  truncate(fd: number, bytes: number): void;
  /** Creates a folder and those above it. */
  makeFolder(path: string): void;
}

export class DiskIo implements StoreIo {
  open(path: string): number {
    // never in append mode: Linux would ignore the positions
    const flags = fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_NOFOLLOW;
    return fs.openSync(path, flags, 0o640);
  }

  close(fd: number): void {
    fs.closeSync(fd);
  }

  write(fd: number, bytes: Uint8Array, from: number, to: number, position: number): void {
    let at = from;
    while (at < to) {
      // a short write hides its reason; asking for the rest tells it
      const written = fs.writeSync(fd, bytes, at, to - at, position + at - from);
      if (written <= 0) throw Object.assign(new Error('EIO: the disk took no bytes'), { code: 'EIO' });
      at += written;
    }
  }

  sizeOf(path: string): number {
    return fs.statSync(path, { throwIfNoEntry: false })?.size ?? -1;
  }

  truncate(fd: number, bytes: number): void {
    fs.ftruncateSync(fd, bytes);
  }

  makeFolder(path: string): void {
    fs.mkdirSync(path, { recursive: true, mode: 0o750 });
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

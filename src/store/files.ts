/**
 * The descriptors of the store. Column files come by the ten thousand, so only a bounded number is held open; beyond
 * that a file is opened for each flush and closed again, which costs microseconds. Writer thread only.
 */
import { openWithFolder, type StoreIo, withFile } from './io.js';

/** Files in use were removed, or are shorter than what was written to them. */
export class FilesGone extends Error {
  readonly code = 'ENOENT';

  constructor(readonly path: string) {
    super(`ENOENT: ${path} was removed while it was in use`);
  }
}

export class FilePool {
  private held = 0;

  constructor(
    readonly io: StoreIo,
    private readonly heldMax: number,
    private readonly opened: () => void,
  ) {}

  /** A file that is opened when it is first needed; `hold` asks to keep it open while there is room. */
  file(path: string): PooledFile {
    return new PooledFile(this, path);
  }

  open(path: string): number {
    this.opened();
    return openWithFolder(this.io, path);
  }

  truncate(path: string, bytes: number): void {
    withFile(this.io, this.open(path), (fd) => this.io.truncate(fd, bytes));
  }

  /** Whether one more descriptor may be kept. */
  take(): boolean {
    if (this.held >= this.heldMax) return false;
    this.held++;
    return true;
  }

  give(): void {
    this.held--;
  }
}

export class PooledFile {
  private fd = -1;

  constructor(
    private readonly pool: FilePool,
    private readonly path: string,
  ) {}

  /** Writes bytes[from, to) at `position`; a descriptor that failed is closed, because its state is not known. */
  write(bytes: Uint8Array, from: number, to: number, position: number): void {
    const { pool } = this;
    const fd = this.fd >= 0 ? this.fd : pool.open(this.path);
    let keep = this.fd >= 0;
    try {
      pool.io.write(fd, bytes, from, to, position);
      if (!keep && pool.take()) {
        keep = true;
        this.fd = fd;
      }
    } catch (error) {
      if (keep) pool.give();
      keep = false;
      this.fd = -1;
      throw error;
    } finally {
      if (!keep) pool.io.close(fd);
    }
  }

  /** Before a write behind `bytes`: a file that is not held open must still have them, or FilesGone is thrown. */
  expect(bytes: number): void {
    if (this.fd < 0 && bytes > 0 && this.pool.io.sizeOf(this.path) < bytes) throw new FilesGone(this.path);
  }

  close(): void {
    if (this.fd < 0) return;
    const { fd } = this;
    this.fd = -1;
    this.pool.give();
    try {
      this.pool.io.close(fd);
    } catch {
      // the descriptor is gone either way, and what did not reach the disk is told by the sync of a checkpoint
    }
  }
}

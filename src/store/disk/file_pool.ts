/**
 * The descriptors of the store. Column files come by the ten thousand, so only a bounded number is held open; beyond
 * that a file is opened for each flush and closed again, which costs microseconds. Writer thread only.
 */
import { openWithFolder, type StoreIo, withFile } from './io.js';

/** Files in use were removed, are shorter than what was written to them, or cannot be used any more. */
export class FilesGone extends Error {
  readonly code = 'ENOENT';

  constructor(
    readonly path: string,
    why = `ENOENT: ${path} was removed while it was in use`,
  ) {
    super(why);
  }
}

const LAST_BYTE = new Uint8Array(1);

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

  /** Opens a file that was written before: FilesGone, or what the disk says, when it does not hold `bytes` any more. */
  openAgain(path: string, bytes: number): number {
    this.opened();
    const fd = this.io.openExisting(path);
    // costs less than to ask for the size, and the write needs the block that it is in
    if (this.io.read(fd, LAST_BYTE, 0, bytes - 1) === 1) return fd;
    this.io.close(fd);
    throw new FilesGone(path);
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

  /**
   * Writes bytes[from, to) at `position`, up to which the file was written before: behind the end of a file that
   * was removed they would leave zeros that look like rows. A descriptor that failed is closed, because its state
   * is not known.
   */
  write(bytes: Uint8Array, from: number, to: number, position: number): void {
    const { pool } = this;
    const fd = this.fd >= 0 ? this.fd : this.open(position);
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

  private open(bytes: number): number {
    return bytes > 0 ? this.pool.openAgain(this.path, bytes) : this.pool.open(this.path);
  }

  close(): void {
    if (this.fd < 0) return;
    const { fd } = this;
    this.fd = -1;
    this.pool.give();
    try {
      this.pool.io.close(fd);
    } catch {
      // the descriptor is gone either way, and what did not reach the disk shows at the sync of a checkpoint
    }
  }
}

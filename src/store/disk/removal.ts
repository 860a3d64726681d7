/**
 * Removes large files without a pause: the name goes at once, the space a piece at a time. Giving back hundreds of
 * megabytes in one call keeps the caller for a third of a second, and longer on a busy disk. What is left when the process
 * ends the kernel gives back. Writer thread only.
 */
import type { StoreIo } from './io.js';

/** The least that is given back at a time. */
export const PIECE_BYTES = 4 * 1024 * 1024;
/** However much waits, it is gone after about so many calls. */
const PIECES_MAX = 64;

export class Removal {
  private readonly files: { readonly fd: number; bytes: number }[] = [];
  private pieceBytes = PIECE_BYTES;

  constructor(private readonly io: StoreIo) {}

  /** Removes a file; doWork() gives its space back. */
  add(path: string): void {
    const { io, files } = this;
    const bytes = io.sizeOf(path);
    if (bytes <= PIECE_BYTES) {
      io.unlink(path);
      return;
    }
    const fd = io.openExisting(path);
    try {
      io.unlink(path);
    } catch (error) {
      io.close(fd);
      throw error;
    }
    files.push({ fd, bytes });
    const waiting = files.reduce((sum, file) => sum + file.bytes, 0);
    this.pieceBytes = Math.max(PIECE_BYTES, Math.ceil(waiting / PIECES_MAX));
  }

  /** Gives one piece back; there is nothing to do most of the time. */
  doWork(): void {
    const { io, files, pieceBytes } = this;
    if (files.length === 0) return;
    const [file] = files;
    file.bytes -= pieceBytes;
    // the last piece goes with the descriptor
    if (file.bytes > 0) io.truncate(file.fd, file.bytes);
    else {
      files.shift();
      io.close(file.fd);
    }
  }
}

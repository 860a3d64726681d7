/**
 * replaceFile() without waiting: the two calls that may keep a busy disk for seconds run in the background, one after
 * the other, while the writer goes on draining rings. Writer thread only.
 */
import { type StoreIo, temporaryOf, writeTemporary } from './io.js';

/** Makes calls in the background, one at a time (Journal). */
export interface Calls {
  /** Begins one and reports its end; false when another one runs. */
  beside(begin: () => void, ended: (error: unknown) => void): boolean;
  /** Takes note of what has ended. */
  settle(): boolean;
}

export class Replacement {
  private readonly fd: number;
  private open = true;
  private step: 'data' | 'name' | 'done' = 'data';
  private running = false;
  private failure: unknown;

  constructor(
    private readonly io: StoreIo,
    private readonly folder: string,
    private readonly name: string,
    bytes: Uint8Array,
    private readonly calls: Calls,
  ) {
    this.fd = writeTemporary(io, folder, name, bytes);
  }

  /**
   * Goes on as far as is possible now; answers whether the new file is durable. Throws what the disk says: begin again.
   */
  doWork(): boolean {
    const { io, folder, fd, calls } = this;
    const begin = () => (this.step === 'data' ? io.beginFdatasync(fd) : io.beginSyncFolder(folder));
    while (this.step !== 'done') {
      this.running ||= calls.beside(begin, (error) => this.ended(error));
      calls.settle();
      if (this.failure !== undefined) {
        this.abandon();
        throw this.failure;
      }
      if (this.running || !calls.settle()) return false;
    }
    return true;
  }

  private ended(error: unknown): void {
    this.running = false;
    try {
      if (error !== undefined) throw error;
      if (this.step === 'data') this.giveName();
      else this.step = 'done';
    } catch (failure) {
      this.failure = failure;
    }
  }

  private giveName(): void {
    const { io, folder, name } = this;
    this.abandon();
    io.rename(temporaryOf(folder, name), `${folder}/${name}`);
    this.step = 'name';
  }

  /** Gives the descriptor back; no call for it may be running. */
  abandon(): void {
    if (!this.open) return;
    this.open = false;
    this.io.close(this.fd);
  }
}

/**
 * A sync of the file system that does not stop the writer: it asks for one, goes on draining rings, and looks at a
 * shared word from time to time. The main thread, which has an event loop to hear of its end, runs it as a process;
 * neither of them waits, and a disk that hangs hangs that process alone.
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { errnoOf, systemError } from '../../base/errors.js';

/** Values of the shared word; below zero it is the errno of a failure. */
const RUNNING = 0;
const DONE = 1;

const { errno } = constants;

export function createSyncWord(): SharedArrayBuffer {
  return new SharedArrayBuffer(4);
}

/** The writer's side. */
export class BackgroundSync {
  private readonly word: Int32Array;

  constructor(
    word: SharedArrayBuffer,
    /** has the main thread call runSync() */
    private readonly ask: () => void,
  ) {
    this.word = new Int32Array(word);
  }

  begin(): void {
    Atomics.store(this.word, 0, RUNNING);
    this.ask();
  }

  /** Whether it has ended; throws a system error when it failed. */
  ended(): boolean {
    const state = Atomics.load(this.word, 0);
    if (state >= 0) return state === DONE;
    throw systemError(-state, 'the file system cannot be synced');
  }
}

/** The main thread's side: syncs the file system of `path` and says so in the word. */
export function runSync(path: string, shared: SharedArrayBuffer): void {
  const word = new Int32Array(shared);
  const end = (state: number) => Atomics.store(word, 0, state);
  // in a session of its own: Ctrl-C is for us and must not look like a failed disk
  const child = spawn('sync', ['-f', path], { stdio: 'ignore', detached: true });
  child.unref();
  child.on('error', (error) => end(-(errnoOf(error) || errno.EIO)));
  // killed: nothing was found out about the disk
  child.on('exit', (status, signal) =>
    end(status === 0 ? DONE : signal !== null ? -errno.EAGAIN : -errno.EIO),
  );
}

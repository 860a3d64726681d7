/**
 * fdatasync without waiting for it: the writer asks through a few shared words, goes on draining rings, and looks at
 * them from time to time. A thread of its own makes the call, because a busy disk may keep it for seconds; descriptors
 * belong to the process, so it needs only their numbers. One call at a time. The descriptor stays open until the call
 * has ended: its number would go to the next file that is opened, which would be synced instead.
 */
import { fdatasyncSync, fsyncSync } from 'node:fs';
import { constants } from 'node:os';
import { errnoOf, systemError } from '../../base/errors.js';

const AT = { state: 0, call: 1, fd: 2 } as const;
/** Values of the state; below zero it is the errno of a failure. */
const ASKED = 0;
const DONE = 1;

export const SYNC_CALL = { fdatasync: 0, fsync: 1 } as const;

export function createFileSyncWords(): SharedArrayBuffer {
  const shared = new SharedArrayBuffer(Object.keys(AT).length * 4);
  new Int32Array(shared)[AT.state] = DONE;
  return shared;
}

/** The writer's side. */
export class FileSync {
  private readonly words: Int32Array;

  constructor(shared: SharedArrayBuffer) {
    this.words = new Int32Array(shared);
  }

  begin(call: number, fd: number): void {
    const { words } = this;
    words[AT.call] = call;
    words[AT.fd] = fd;
    Atomics.store(words, AT.state, ASKED);
    Atomics.notify(words, AT.state);
  }

  /** Whether it has ended; throws a system error when it failed. `wait`: until it has. */
  ended(wait: boolean): boolean {
    const { words } = this;
    while (wait && Atomics.load(words, AT.state) === ASKED) Atomics.wait(words, AT.state, ASKED);
    const state = Atomics.load(words, AT.state);
    if (state < 0) throw systemError(-state, 'the journal cannot be synced');
    return state === DONE;
  }
}

/** The sync thread's side: makes the calls it is asked for until the thread is ended. */
export function serveFileSyncs(shared: SharedArrayBuffer): never {
  const words = new Int32Array(shared);
  for (;;) {
    const state = Atomics.load(words, AT.state);
    if (state !== ASKED) {
      Atomics.wait(words, AT.state, state);
      continue;
    }
    Atomics.store(words, AT.state, syncFile(words[AT.call] as number, words[AT.fd] as number));
    Atomics.notify(words, AT.state);
  }
}

function syncFile(call: number, fd: number): number {
  try {
    if (call === SYNC_CALL.fsync) fsyncSync(fd);
    else fdatasyncSync(fd);
    return DONE;
  } catch (error) {
    return -(errnoOf(error) || constants.errno.EIO);
  }
}

/**
 * One owner per data directory: an flock on `{data_path}/lock`. The kernel frees it with the descriptor, however the
 * process ends, so there is no stale lock and no pid file to believe; it holds between containers that share the
 * directory; and only who may open the file, which is ours alone, can take it. Main thread, before anything is read from
 * or written to the directory.
 *
 * Node has no flock, and a native addon would need a compiler where there is no prebuilt one. But a lock belongs to the
 * open file, not to the process that asks for it: flock(1) of util-linux or busybox gets our descriptor, locks it and
 * ends, and the lock stays with us. A socket of our own in the directory would do without it, but a killed owner leaves
 * its name behind, and two that remove it at once both own.
 *
 * An abstract socket as well, named by device and inode of the directory, tells a client who the owner is, in
 * one JSON line. Any process can take that name; nothing depends on it.
 */
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  statSync,
} from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { LoggerError, messageOf } from '../base/errors.js';
import { writable } from './resources.js';

/** What the owner of a data directory says about itself. */
export interface Owner {
  readonly pid: number;
  /** ISO 8601, UTC */
  readonly started: string;
}

/** In the data directory: the file whose lock decides who owns it. */
export const LOCK_FILE = 'lock';
/** A killed owner may need so long to give its threads and with them its descriptor back to the kernel. */
const DYING_MS_MAX = 3000;
/** The same when a process claims to be the owner, which may not be true. */
const ANSWERED_MS_MAX = 1000;
const ATTEMPT_MS = 100;
/** What flock(1) ends with when another process has the lock. */
const CONFLICT = 1;
/** Size of sun_path in Linux, the leading zero included. */
const SOCKET_NAME_BYTES = 108;
/** An owner that does not answer in this time is there nevertheless: stopped, or very busy. */
const ANSWER_MS_MAX = 1000;
const ANSWER_BYTES_MAX = 1024;

/** A lock that is held: the open file, the directory it stands in, and the socket that names us. */
interface Held {
  readonly fd: number;
  readonly directory: string;
  readonly server: Server;
}

export class DataLock {
  private constructor(
    private readonly dataPath: string,
    private held: Held,
  ) {}

  /** Takes the directory, which is made when it is missing. Throws DATA_LOCKED when another process has it. */
  static async take(dataPath: string): Promise<DataLock> {
    return new DataLock(dataPath, await acquire(dataPath));
  }

  /** Whether the directory and its lock are still those that were taken: they may have been removed or replaced. */
  holds(): boolean {
    const { fd, directory } = this.held;
    try {
      return nameOf(this.dataPath) === directory && isAt(fd, join(this.dataPath, LOCK_FILE));
    } catch {
      return false;
    }
  }

  /** Takes what stands in its place now; a directory that was removed is made again. Throws as take() does. */
  async relock(): Promise<void> {
    const before = this.held;
    this.held = await acquire(this.dataPath);
    letGo(before);
  }

  release(): void {
    letGo(this.held);
  }
}

/** Whether another process owns the directory; undefined when that cannot be found out. */
export function isOwned(dataPath: string): boolean | undefined {
  let fd: number;
  try {
    fd = openSync(join(dataPath, LOCK_FILE), constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? false : undefined;
  }
  try {
    return !flock(fd, '-s');
  } catch {
    return undefined;
  } finally {
    closeSync(fd);
  }
}

function letGo({ fd, server }: Held): void {
  server.close();
  closeSync(fd);
}

async function acquire(dataPath: string): Promise<Held> {
  const began = performance.now();
  for (;;) {
    const fd = writable(dataPath, () => openLock(dataPath));
    if (isTaken(fd, dataPath)) {
      const directory = nameOf(dataPath);
      return { fd, directory, server: tellOwner(directory) };
    }
    closeSync(fd);
    const owner = await askOwner(nameOf(dataPath));
    const waited = performance.now() - began;
    if (waited > (owner === 'gone' ? DYING_MS_MAX : ANSWERED_MS_MAX))
      throw locked(dataPath, owner === 'gone' ? 'mute' : owner);
    await new Promise((resolve) => setTimeout(resolve, ATTEMPT_MS));
  }
}

/** A file that only its owner may open, since any process that can open it can lock it. */
function openLock(dataPath: string): number {
  mkdirSync(dataPath, { recursive: true, mode: 0o750 });
  const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants;
  const path = join(dataPath, LOCK_FILE);
  const fd = openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
  const { mode, uid } = fstatSync(fd);
  if ((mode & 0o077) !== 0 && uid === process.getuid?.()) fchmodSync(fd, 0o600);
  return fd;
}

/**
 * Locks the open file for us alone; false when another process has it, or has put another file in its place meanwhile.
 */
function isTaken(fd: number, dataPath: string): boolean {
  try {
    return flock(fd, '-x') && isAt(fd, join(dataPath, LOCK_FILE));
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Whether the lock of an open file is ours now, exclusively (-x) or shared with others that look (-s). */
function flock(fd: number, kind: '-x' | '-s'): boolean {
  const { status, error, stderr } = spawnSync('flock', [kind, '-n', '3'], {
    stdio: ['ignore', 'ignore', 'pipe', fd],
    encoding: 'utf8',
  });
  if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT')
    throw new LoggerError(
      'DEPENDENCY_MISSING',
      'the program flock is missing; install util-linux, which has it',
    );
  if (error !== undefined || (status !== 0 && status !== CONFLICT))
    throw new LoggerError(
      'DISK_WRITE',
      `the data directory cannot be locked: ${error === undefined ? stderr.trim() : messageOf(error)}`,
    );
  return status === 0;
}

function isAt(fd: number, path: string): boolean {
  const held = fstatSync(fd, { bigint: true });
  const found = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return held.ino === found?.ino && held.dev === found.dev;
}

function nameOf(dataPath: string): string {
  const { dev, ino } = statSync(dataPath, { bigint: true });
  // some versions of Node fill the name up with zeros: a name of full length is the same in all of them
  return `\0logger:${dev}:${ino}:`.padEnd(SOCKET_NAME_BYTES, '-');
}

function locked(dataPath: string, owner: Owner | 'mute'): LoggerError {
  const who =
    owner === 'mute'
      ? 'a process that does not answer; look for a stopped logger, or for one in another container'
      : `process ${owner.pid}, running since ${owner.started}`;
  return new LoggerError(
    'DATA_LOCKED',
    `${dataPath} is in use by ${who}; stop it, or set another [logger] data_path`,
  );
}

/** Answers clients that we own the directory; not possible when another process has taken the name. */
function tellOwner(name: string): Server {
  const owner: Owner = { pid: process.pid, started: new Date().toISOString() };
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.end(`${JSON.stringify(owner)}\n`);
  });
  server.on('error', () => {});
  server.listen({ path: name, exclusive: true });
  // it keeps no process running
  server.unref();
  return server;
}

/** Who claims the lock; 'gone' when no process has the name, 'mute' when its owner answers nothing of use. */
function askOwner(name: string): Promise<Owner | 'gone' | 'mute'> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect({ path: name });
    const timer = setTimeout(() => answer('mute'), ANSWER_MS_MAX);
    const answer = (owner: Owner | 'gone' | 'mute') => {
      clearTimeout(timer);
      socket.destroy();
      resolve(owner);
    };
    socket.on('data', (chunk) => {
      text += chunk;
      if (text.length > ANSWER_BYTES_MAX) answer('mute');
      else if (text.endsWith('\n')) answer(parseOwner(text));
    });
    // an owner that was just killed refuses, or drops who waits for it
    socket.on('error', () => answer('gone'));
    socket.on('end', () => answer('gone'));
  });
}

function parseOwner(text: string): Owner | 'mute' {
  try {
    const { pid, started } = JSON.parse(text) as Partial<Owner>;
    return typeof pid === 'number' && typeof started === 'string' ? { pid, started } : 'mute';
  } catch {
    return 'mute';
  }
}

/**
 * One owner per data directory. The lock is a listening abstract unix socket named by device and inode of the
 * directory: the kernel binds a name once and frees it with the process, however that ends, so there is no stale lock
 * and no pid file to believe. Whoever connects is told the owner in one JSON line. Main thread, before anything is
 * read from or written to the directory. Abstract names belong to a network namespace: containers that share a
 * directory but no network need the `flock` of deploy/logger.service besides.
 */
import { mkdirSync, statSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { LoggerError, messageOf } from '../base/errors.js';

/** What the owner of a data directory tells about itself. */
export interface Owner {
  readonly pid: number;
  /** ISO 8601, UTC */
  readonly started: string;
}

/** A killed owner may need so long to give its threads and with them its socket back to the kernel. */
const DYING_MS_MAX = 3000;
const ATTEMPT_MS = 20;
/** Size of sun_path in Linux, the leading zero included. */
const SOCKET_NAME_BYTES = 108;
/** An owner that does not answer in this time is there nevertheless: stopped, or very busy. */
const ANSWER_MS_MAX = 1000;
const ANSWER_BYTES_MAX = 1024;

export class DataLock {
  private constructor(
    private readonly dataPath: string,
    private server: Server,
    private name: string,
  ) {}

  /** Takes the directory, which is made when it is missing. Throws DATA_LOCKED when another process has it. */
  static async take(dataPath: string): Promise<DataLock> {
    const name = lockName(dataPath);
    return new DataLock(dataPath, await listen(dataPath, name), name);
  }

  /** Whether a process has the directory, which must exist. */
  static async isTaken(dataPath: string): Promise<boolean> {
    return (await askOwner(nameOf(dataPath))) !== 'gone';
  }

  /** Whether the directory is still the one that was taken: it may have been removed or replaced. */
  holds(): boolean {
    try {
      return nameOf(this.dataPath) === this.name;
    } catch {
      return false;
    }
  }

  /** Takes what stands in its place now; a directory that was removed is made again. Throws as take() does. */
  async renew(): Promise<void> {
    const { dataPath, server } = this;
    const name = lockName(dataPath);
    this.server = await listen(dataPath, name);
    this.name = name;
    server.close();
  }

  release(): void {
    this.server.close();
  }
}

/** Name of the lock of a directory. Throws DISK_WRITE when there is none and none can be made. */
function lockName(dataPath: string): string {
  try {
    mkdirSync(dataPath, { recursive: true, mode: 0o750 });
    return nameOf(dataPath);
  } catch (error) {
    throw new LoggerError('DISK_WRITE', `cannot use the data directory: ${messageOf(error)}`);
  }
}

function nameOf(dataPath: string): string {
  const { dev, ino } = statSync(dataPath, { bigint: true });
  // some versions of Node fill the name up with zeros: a name of full length is the same in all of them
  return `\0logger:${dev}:${ino}:`.padEnd(SOCKET_NAME_BYTES, '-');
}

async function listen(dataPath: string, name: string): Promise<Server> {
  const deadline = performance.now() + DYING_MS_MAX;
  for (;;) {
    const server = await tryListen(name);
    if (server !== undefined) return server;
    const owner = await askOwner(name);
    if (owner !== 'gone') throw locked(dataPath, owner);
    if (performance.now() > deadline) throw locked(dataPath, 'mute');
    await new Promise((resolve) => setTimeout(resolve, ATTEMPT_MS));
  }
}

function locked(dataPath: string, owner: Owner | 'mute'): LoggerError {
  const who =
    owner === 'mute'
      ? 'a process that does not answer; look for a stopped logger'
      : `process ${owner.pid}, running since ${owner.started}`;
  return new LoggerError(
    'DATA_LOCKED',
    `${dataPath} is in use by ${who}; stop it, or set another [logger] data_path`,
  );
}

/** undefined when the name is taken. */
function tryListen(name: string): Promise<Server | undefined> {
  const owner: Owner = { pid: process.pid, started: new Date().toISOString() };
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.end(`${JSON.stringify(owner)}\n`);
  });
  return new Promise((resolve, reject) => {
    server.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(new LoggerError('DATA_LOCKED', `cannot take the lock: ${error.message}`));
    });
    server.listen({ path: name, exclusive: true }, () => {
      // the lock alone keeps no process running
      server.unref();
      resolve(server);
    });
  });
}

/** Who has a lock; 'gone' when nobody has it any more, 'mute' when its owner does not answer. */
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

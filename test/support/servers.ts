/** Servers that sinks deliver to, started by the scripts in scripts/servers/ on free ports and with folders of their own. */
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterProcesses, temporaryFolder } from './processes.js';

const run = promisify(execFile);

export interface Server {
  readonly port: number;
  readonly folder: string;
  /** Starts it, again with what it had. */
  start(): Promise<void>;
  /** As a crash would end it. */
  kill(): Promise<void>;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** `options`: what the script hands on; `at`: on a port, or in the folder of a server that has ended. */
export async function startServer(
  name: string,
  options: readonly string[] = [],
  at: { readonly port?: number; readonly folder?: string } = {},
): Promise<Server> {
  const script = resolve('scripts/servers', `${name}.sh`);
  const folder = at.folder ?? temporaryFolder(name);
  const free = at.port ?? (await freePort());
  const server: Server = {
    port: free,
    folder,
    start: async () => void (await run(script, ['start', folder, String(free), ...options])),
    kill: async () => void (await run(script, ['kill', folder])),
  };
  afterProcesses(() => execFileSync(script, ['kill', folder]));
  await server.start();
  return server;
}

/** Why a test is skipped without a program; false where it is there. */
export function lacksProgram(path: string, args: readonly string[], reason: string): string | false {
  try {
    execFileSync(path, args, { stdio: 'ignore' });
    return false;
  } catch {
    return reason;
  }
}

/** What a program prints; it may be much. */
export async function printed(program: string, args: readonly string[]): Promise<string> {
  const { stdout, stderr } = await run(program, args, { maxBuffer: 2 ** 30 });
  assert.equal(stderr, '');
  return stdout;
}

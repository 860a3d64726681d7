/** Runs the program as a user does: a process of its own, in any folder, without what could configure it. */
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';

export const CLI = resolve('dist/src/cli.js');

/** The environment of the tests without variables of the logger. */
export const ENV = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !name.startsWith('LOGGER__')),
);

export interface Run {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Surroundings {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** descriptor of a file that the standard output goes to */
  readonly stdout?: number;
}

export function logger(args: readonly string[], { cwd, env, stdout }: Surroundings = {}): Run {
  const run = spawnSync(process.execPath, [CLI, ...args], {
    encoding: 'utf8',
    cwd,
    env: { ...ENV, ...env },
    stdio: ['ignore', stdout ?? 'pipe', 'pipe'],
  });
  return { status: run.status, stdout: run.stdout ?? '', stderr: run.stderr };
}

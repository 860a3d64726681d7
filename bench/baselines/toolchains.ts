/**
 * Baselines outside of Node: built or installed once into the cache folder of the user, and only where their toolchain
 * is on the machine. Runs in the process of a stage.
 */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BUILD_MS_MAX = 600_000;
/** A command to which the task is added, or what the machine lacks for it. */
export type Command = readonly string[] | { readonly missing: string };

/** The compiled program lies two folders deeper than the sources of the baselines. */
const SOURCES = fileURLToPath(new URL('../../../bench/baselines/', import.meta.url));

function cacheFolder(): string {
  const home = homedir();
  const base = process.env['XDG_CACHE_HOME'] ?? (home === '' ? tmpdir() : join(home, '.cache'));
  return join(base, 'logger-bench');
}

function run(command: string, args: readonly string[], cwd?: string): SpawnSyncReturns<string> {
  return spawnSync(command, args, { cwd, encoding: 'utf8', timeout: BUILD_MS_MAX });
}

function isThere(command: string): boolean {
  return run(command, ['--version']).status === 0;
}

/** Name of what these sources make: other sources are built anew. */
function hashOf(folder: string): string {
  const hash = createHash('sha256');
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
    const file = join(folder, name);
    if (statSync(file).isFile()) hash.update(name).update(readFileSync(file));
  }
  return hash.digest('hex').slice(0, 16);
}

/**
 * Makes something from a folder of sources in a folder of the cache, once. The mark is written last, so that what was
 * interrupted is made again. Answers the folder, or why it could not be made.
 */
function madeOnce(
  name: string,
  make: (source: string, folder: string) => SpawnSyncReturns<string>,
): string | { readonly missing: string } {
  const source = join(SOURCES, name);
  const folder = join(cacheFolder(), `${name}-${hashOf(source)}`);
  const mark = join(folder, '.made');
  if (existsSync(mark)) return folder;
  mkdirSync(folder, { recursive: true });
  const { status, stderr, error } = make(source, folder);
  if (status !== 0) {
    const reason = (stderr || error?.message || '').trim().split('\n').at(-1);
    return { missing: `it could not be made: ${reason}` };
  }
  writeFileSync(mark, '');
  return folder;
}

/** A Rust program, compiled with cargo; both are at once. */
export async function rustCommand(program: 'columns' | 'same_work'): Promise<Command> {
  if (!isThere('cargo')) return { missing: 'cargo is not installed' };
  const made = madeOnce('rust', (source, folder) => {
    // cargo writes beside its manifest
    cpSync(source, folder, { recursive: true });
    return run('cargo', ['build', '--release', '--locked', '--quiet'], folder);
  });
  return typeof made === 'string' ? [join(made, 'target/release', program)] : made;
}

/** The Python program, in an environment of its own. */
export async function cryptofeedCommand(): Promise<Command> {
  if (!isThere('python3')) return { missing: 'python3 is not installed' };
  const made = madeOnce('cryptofeed', (source, folder) => {
    const environment = run('python3', ['-m', 'venv', folder]);
    if (environment.status !== 0) return environment;
    const wanted = join(source, 'requirements.txt');
    return run(join(folder, 'bin/pip'), ['install', '--quiet', '--requirement', wanted]);
  });
  if (typeof made !== 'string') return made;
  return [join(made, 'bin/python'), join(SOURCES, 'cryptofeed/baseline.py')];
}

/**
 * The data folder of a demo. What an earlier demo has left is put aside at once, and removed while the new one runs:
 * hundreds of thousands of files take their time. The marker stays from the first moment to the last, so the folder of a
 * demo that was interrupted is still a demo's. Used by demo.ts.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { LoggerError } from '../base/errors.js';
import { DataLock, LOCK_FILE } from '../supervisor/lock.js';
import { writable } from '../supervisor/resources.js';

/** Marks a data folder as the demo's own, which the next demo may empty. */
const MARKER = '.demo';
/** Holds what is to be removed; no exchange has such a name. */
const ASIDE = '.removed';

/**
 * Makes an empty folder of the demo's own; answers whether there is something to remove. Throws USAGE, DATA_LOCKED,
 * DISK_WRITE.
 */
export async function emptyFolder(path: string): Promise<boolean> {
  // a logger that is at work there keeps its files
  (await DataLock.take(path)).release();
  const names = readdirSync(path).filter((name) => name !== LOCK_FILE);
  if (names.length > 0 && !existsSync(join(path, MARKER)))
    throw new LoggerError(
      'USAGE',
      `${path} holds data that is not a demo's; name another folder with --data`,
    );
  const left = names.filter((name) => name !== MARKER && name !== ASIDE);
  writable(path, () => putAside(path, left));
  return left.length > 0 || names.includes(ASIDE);
}

function putAside(path: string, names: readonly string[]): void {
  writeFileSync(join(path, MARKER), 'The next `logger demo` empties this folder.\n');
  if (names.length === 0) return;
  const aside = join(path, ASIDE, String(Date.now()));
  mkdirSync(aside, { recursive: true });
  for (const name of names) renameSync(join(path, name), join(aside, name));
}

/** Removes what was put aside, a folder of a symbol at a time; what it does not come to is left to the next demo. */
export async function removeAside(path: string): Promise<void> {
  const aside = join(path, ASIDE);
  if (!existsSync(aside)) return;
  for (const demo of await readdir(aside)) {
    for (const exchange of await readdir(join(aside, demo))) await removeByParts(join(aside, demo, exchange));
  }
  await rm(aside, { recursive: true, force: true });
}

async function removeByParts(path: string): Promise<void> {
  const entries = await readdir(path).catch(() => []);
  for (const entry of entries) await rm(join(path, entry), { recursive: true, force: true });
  await rm(path, { recursive: true, force: true });
}

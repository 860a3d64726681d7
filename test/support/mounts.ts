/** File systems of their own in image files, for which one must be root. */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterProcesses } from './processes.js';

const IMAGE_BYTES = 256 * 1024 * 1024;

/** Whether a program is there and ends well. */
export const runs = (program: string, ...args: string[]) => spawnSync(program, args).status === 0;

/** Mounts a new file system until the tests of the file are over; false when it cannot be mounted. */
export function mountImage(folder: string, at: string): boolean {
  const image = join(folder, 'image');
  mkdirSync(at, { recursive: true });
  const mounted =
    runs('truncate', '-s', String(IMAGE_BYTES), image) &&
    runs('mkfs.ext4', '-q', image) &&
    runs('mount', '-o', 'loop', image, at);
  if (mounted)
    afterProcesses(() => {
      runs('fsfreeze', '-u', at);
      runs('umount', '-l', at);
    });
  return mounted;
}

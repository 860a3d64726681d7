/**
 * A core of its own for a server that never sleeps: the kernel wakes a thread where its message was sent, and it would
 * wait there until the server has used up its time slice. Runs in the process of a stage.
 */
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

/** What stands in front of a command. */
interface Placement {
  readonly server: readonly string[];
  /** on all cores but the server's */
  readonly program: readonly string[];
}

function isThere(): boolean {
  return spawnSync('taskset', ['--version']).status === 0;
}

/** Anywhere, unless both ends are to be `apart`; on one core or without `taskset` they cannot be. */
export function placementOf(apart: boolean): Placement {
  const last = availableParallelism() - 1;
  if (!apart || last === 0 || !isThere()) return { server: [], program: [] };
  const on = (cores: string) => ['taskset', '--cpu-list', cores];
  return { server: on(String(last)), program: on(`0-${last - 1}`) };
}

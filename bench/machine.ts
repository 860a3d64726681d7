/** What a reader must know of the machine and the sources that figures come from. */
import { spawnSync } from 'node:child_process';
import { readFileSync, realpathSync } from 'node:fs';
import { cpus, release, totalmem, type } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Machine } from './report.js';

/** Type of the file system that holds `folder`, as the kernel's table of mounts names it. */
function fileSystemOf(folder: string): string {
  let mounts: string[][];
  try {
    mounts = readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .map((line) => line.split(' '));
  } catch {
    return 'unknown';
  }
  const path = `${realpathSync(folder)}/`;
  // of mounts one over the other the last one counts
  const [, , found] = mounts
    .filter(([, point]) => point !== undefined && path.startsWith(point === '/' ? point : `${point}/`))
    .reduce((best, mount) => (mount[1].length >= best[1].length ? mount : best), ['', '', 'unknown']);
  return found;
}

/** Clock ticks of all processors since the machine was started, and those that a hypervisor kept for others. */
export function cpuTicks(): { readonly all: number; readonly stolen: number } {
  try {
    const [line] = readFileSync('/proc/stat', 'utf8').split('\n', 1);
    // user nice system idle iowait irq softirq steal; guests are part of user
    const ticks = line.trim().split(/\s+/).slice(1, 9).map(Number);
    return { all: ticks.reduce((a, b) => a + b, 0), stolen: ticks[7] ?? 0 };
  } catch {
    return { all: 0, stolen: 0 };
  }
}

export function machineOf(folder: string): Machine {
  const processors = cpus();
  return {
    cpu: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memory_bytes: totalmem(),
    kernel: `${type()} ${release()}`,
    file_system: fileSystemOf(folder),
  };
}

/** Commit of the sources that this program was built in; undefined where they are in no repository. */
export function commitOfSources(): string | undefined {
  const cwd = fileURLToPath(new URL('../..', import.meta.url));
  const git = (...args: readonly string[]) => spawnSync('git', args, { cwd, encoding: 'utf8' });
  const { status, stdout } = git('rev-parse', '--short=12', 'HEAD');
  if (status !== 0) return undefined;
  const changed = git('status', '--porcelain', '--untracked-files=no').stdout !== '';
  return stdout.trim() + (changed ? '+' : '');
}

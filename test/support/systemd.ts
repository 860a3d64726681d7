/**
 * A systemd of our own, so that a unit runs as it is deployed: a system manager as the first process of its own
 * namespaces and control group, for which one must be root. What it writes below /etc, /run and /var/lib is its own.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterProcesses, until } from './processes.js';

const MANAGER = '/usr/lib/systemd/systemd';
const CONTROL_GROUP = ['/sys/fs/cgroup/unified', '/sys/fs/cgroup']
  .filter((path) => existsSync(join(path, 'cgroup.procs')))
  .map((path) => join(path, 'logger-test'))
  .at(0);
/** Its processes are gone a moment after they were killed. */
const REMOVE_CONTROL_GROUP = `for attempt in $(seq 50); do
  kill -9 $(find ${CONTROL_GROUP} -name cgroup.procs -exec cat {} +)
  find ${CONTROL_GROUP} -depth -type d -exec rmdir {} ';'
  [ -e ${CONTROL_GROUP} ] || exit
  sleep 0.1
done 2>/dev/null`;
/** What units wait for by default; no others are known, so that nothing else is started. */
const TARGETS = ['idle', 'sysinit', 'basic', 'shutdown', 'network-online', 'time-sync', 'multi-user'];

export interface ManagerOptions {
  /** a folder for its unit files, which only root can enter */
  readonly folder: string;
  /** units by their file names */
  readonly units: Readonly<Record<string, string>>;
  /** a user that is there as well */
  readonly user: string;
  /** folders that it sees elsewhere: below /etc, /opt, /run or /var/lib */
  readonly mounts: readonly (readonly [from: string, to: string])[];
}

export interface Manager {
  /** `systemctl`; answers what it printed. */
  systemctl(...args: string[]): string;
  property(unit: string, name: string): string;
  /** What a program prints that sees what its services see. */
  output(...line: string[]): string;
}

/** Runs in namespaces of its own; only what is below /sys/fs/cgroup is seen outside. */
function script({ folder, user, mounts }: ManagerOptions): string {
  return `set -e
mkdir -p ${CONTROL_GROUP} && echo $$ > ${CONTROL_GROUP}/cgroup.procs
exec unshare --cgroup --mount --uts --ipc --pid --fork --kill-child --mount-proc sh -ec '
  umount -R /sys/fs/cgroup
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
  # it would raise limits of the whole machine
  mount --bind /proc/sys /proc/sys
  mount -o remount,bind,ro /proc/sys
  cp -a /etc ${folder}/etc
  echo "${user}:x:4999:4999::/nonexistent:/usr/sbin/nologin" >> ${folder}/etc/passwd
  echo "${user}:x:4999:" >> ${folder}/etc/group
  mount --bind ${folder}/etc /etc
  for path in /run /opt /var/lib; do mount -t tmpfs tmpfs $path; done
  mkdir -p /run/systemd/system
${mounts.map(([from, to]) => `  mkdir -p ${to} && mount --bind ${from} ${to}\n`).join('')}
  exec env container=logger-test SYSTEMD_UNIT_PATH=${folder}/units ${MANAGER} --system --unit=idle.target
'`;
}

/** Starts a manager that knows these units alone; undefined where that cannot be. */
export async function startManager(options: ManagerOptions): Promise<Manager | undefined> {
  if (process.getuid?.() !== 0 || !existsSync(MANAGER) || CONTROL_GROUP === undefined) return undefined;
  const { folder, units } = options;
  const idle = '[Unit]\nDefaultDependencies=no\n';
  const all = { ...Object.fromEntries(TARGETS.map((name) => [`${name}.target`, idle])), ...units };
  for (const [path, text] of Object.entries(all)) {
    mkdirSync(join(folder, 'units', path, '..'), { recursive: true });
    writeFileSync(join(folder, 'units', path), text);
  }
  const outside = spawn('sh', ['-c', script(options)], { stdio: 'ignore' });
  afterProcesses(() => {
    outside.kill('SIGKILL');
    spawnSync('sh', ['-c', REMOVE_CONTROL_GROUP]);
  });
  const inside = () => spawnSync('pgrep', ['-P', String(outside.pid)], { encoding: 'utf8' }).stdout.trim();
  const run = (...line: readonly string[]) =>
    spawnSync('nsenter', ['-t', inside(), '-m', '-p', ...line], { encoding: 'utf8' });
  const up = await until(
    'the manager answers',
    () => run('systemctl', 'is-active', 'idle.target').status === 0,
    10,
  ).catch(() => false);
  if (!up) return undefined;
  return {
    systemctl: (...args) => {
      const { status, stdout, stderr } = run('systemctl', ...args);
      assert.equal(status, 0, `systemctl ${args.join(' ')}: ${stdout}${stderr}`);
      return stdout;
    },
    property: (unit, name) => run('systemctl', 'show', unit, '--value', '--property', name).stdout.trim(),
    output: (...line) => run(...line).stdout,
  };
}

/**
 * The unit of deploy/ under a real systemd: a user manager in a mount namespace and control group of its own, for which
 * one must be root. It starts the logger again after a kill and when the watchdog is not fed, and not after another
 * owner of the data directory.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { EXIT } from '../../src/base/errors.js';
import { compareLedger, formatComparison } from '../../src/simulator/compare/compare.js';
import {
  afterProcesses,
  startLoggerProcess,
  startSimulatorProcess,
  temporaryFolder,
  until,
  verifyProblems,
  writeConfig,
} from '../support/processes.js';

const MANAGER = '/usr/lib/systemd/systemd';
const HIERARCHIES = ['systemd', 'unified'].map((name) => `/sys/fs/cgroup/${name}`);
const CONTROL_GROUP = 'logger-test';
/** Settings of the unit that a user manager knows as well. */
const KEPT =
  /^(Type|NotifyAccess|ExecReload|KillMode|KillSignal|TimeoutStopSec|TimeoutStartSec|Restart|RestartSec|RestartPreventExitStatus)=/;
const SYMBOLS_PER_EXCHANGE = 4;
/** two exchanges, with trades and ticker each */
const CHANNELS = 2 * 2 * SYMBOLS_PER_EXCHANGE;
/** A watchdog that is not fed is noticed in seconds. */
const WATCHDOG_SECS = 8;

interface Manager {
  /** `systemctl --user`; answers what it printed. */
  systemctl(...args: string[]): string;
  /** a property of the service */
  property(name: string): string;
}

/** Starts a user manager that knows one unit; undefined where that cannot be. */
async function startManager(folder: string, unit: string): Promise<Manager | undefined> {
  if (process.getuid?.() !== 0 || !existsSync(MANAGER) || !HIERARCHIES.every((path) => existsSync(path)))
    return undefined;
  const units = join(folder, 'config', 'systemd', 'user');
  mkdirSync(units, { recursive: true });
  writeFileSync(join(units, 'logger.service'), unit);
  writeFileSync(join(units, 'idle.target'), '[Unit]\nDefaultDependencies=no\n');
  const env = {
    ...process.env,
    HOME: folder,
    XDG_CONFIG_HOME: join(folder, 'config'),
    XDG_RUNTIME_DIR: '/run/user/0',
  };
  const groups = HIERARCHIES.map((path) => join(path, CONTROL_GROUP));
  const script = `for g in ${groups.join(' ')}; do mkdir -p $g && echo $$ > $g/cgroup.procs; done
mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system /run/user/0
exec ${MANAGER} --user --unit=idle.target`;
  const manager = spawn('unshare', ['-m', 'sh', '-c', script], { env, stdio: 'ignore' });
  afterProcesses(() => {
    manager.kill('SIGKILL');
    spawnSync('sh', ['-c', `kill -9 $(find ${groups.join(' ')} -name cgroup.procs -exec cat {} +)`]);
    spawnSync('find', [...groups, '-depth', '-type', 'd', '-exec', 'rmdir', '{}', ';']);
  });
  const run = (args: readonly string[]) =>
    spawnSync('nsenter', ['-t', String(manager.pid), '-m', 'systemctl', '--user', ...args], {
      env,
      encoding: 'utf8',
    });
  const up = await until(
    'the manager answers',
    () => run(['is-active', 'idle.target']).status === 0,
    10,
  ).catch(() => false);
  if (!up) return undefined;
  return {
    systemctl: (...args) => {
      const { status, stdout, stderr } = run(args);
      assert.equal(status, 0, `systemctl ${args.join(' ')}: ${stdout}${stderr}`);
      return stdout;
    },
    property: (name) => run(['show', 'logger', '--value', '--property', name]).stdout.trim(),
  };
}

test('systemd starts it again after a kill and a hang, and not beside another owner', async (t) => {
  const folder = temporaryFolder('service');
  const out = join(folder, 'out');
  const simulator = await startSimulatorProcess(join(folder, 'ledger'), [
    '--symbols',
    String(SYMBOLS_PER_EXCHANGE),
    '--rate',
    '500',
  ]);
  const config = writeConfig({ folder }, simulator);
  const deployed = readFileSync('deploy/logger.service', 'utf8').split('\n');
  const unit = [
    '[Unit]',
    'DefaultDependencies=no',
    'StartLimitIntervalSec=0',
    '[Service]',
    ...deployed.filter((line) => KEPT.test(line)),
    `WatchdogSec=${WATCHDOG_SECS}`,
    `WorkingDirectory=${resolve('.')}`,
    `Environment=PATH=${process.env.PATH}`,
    `ExecStart=${process.execPath} ${resolve('dist/src/cli.js')} run --config ${config}`,
    `StandardOutput=append:${out}`,
  ];
  const manager = await startManager(folder, `${unit.join('\n')}\n`);
  if (manager === undefined) return t.skip('a systemd user manager cannot be run here');
  const { systemctl, property } = manager;
  const pid = () => Number(property('MainPID'));
  /** A start can only list what it lacks of a channel that had rows before. */
  const everyChannelWritten = async () => {
    await simulator.summary();
    const { channels } = compareLedger(simulator.ledger, join(folder, 'data'));
    return channels.length === CHANNELS && channels.every(({ on_disk }) => on_disk > 0);
  };
  const up = (restarts: number) =>
    until(
      `start ${restarts} is up`,
      () => property('NRestarts') === String(restarts) && property('SubState') === 'running',
      90,
    );

  // comes back when READY=1 was told
  systemctl('start', 'logger');
  assert.equal(property('SubState'), 'running');
  await until('every channel has rows on disk', everyChannelWritten);
  process.kill(pid(), 'SIGKILL');
  await up(1);
  process.kill(pid(), 'SIGSTOP');
  await until('the watchdog has acted', () => property('NRestarts') === '2', 90);
  await up(2);
  systemctl('reload', 'logger');
  await until('it has read its configuration', () =>
    readFileSync(out, 'utf8').includes('configuration reloaded'),
  );
  systemctl('stop', 'logger');
  assert.equal(property('Result'), 'success');
  assert.equal(property('ExecMainStatus'), String(EXIT.ok));

  const owner = startLoggerProcess({ folder }, simulator);
  await owner.ready();
  assert.throws(() => systemctl('start', 'logger'));
  assert.equal(property('ExecMainStatus'), String(EXIT.locked));
  assert.equal(property('ActiveState'), 'failed');
  assert.equal(await owner.stop(), EXIT.ok);
  await simulator.stop();
  const comparison = compareLedger(simulator.ledger, join(folder, 'data'));
  assert.ok(comparison.ok, formatComparison(comparison));
  assert.equal(await verifyProblems(join(folder, 'data')), '');
});

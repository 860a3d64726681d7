/**
 * The unit of deploy/ as it is, with all that it forbids, under a real systemd: it becomes ready, is started again after
 * a kill and when the watchdog is not fed, reads its configuration again, stops in order, and is not started again
 * beside another owner of the data directory.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { EXIT } from '../../src/base/errors.js';
import { compareLedger, formatComparison } from '../../src/simulator/compare/compare.js';
import {
  startLoggerProcess,
  startSimulatorProcess,
  temporaryFolder,
  until,
  verifyProblems,
  writeConfig,
} from '../support/processes.js';
import { startManager } from '../support/systemd.js';

const SYMBOLS_PER_EXCHANGE = 4;
/** two exchanges, with trades and ticker each */
const CHANNELS = 2 * 2 * SYMBOLS_PER_EXCHANGE;
/** A watchdog that is not fed is noticed in seconds. */
const WATCHDOG_SECS = 8;

test('systemd starts it again after a kill and a hang, and not beside another owner', async (t) => {
  const folder = temporaryFolder('service');
  const out = join(folder, 'out');
  const data = join(folder, 'data');
  const simulator = await startSimulatorProcess(join(folder, 'ledger'), [
    '--symbols',
    String(SYMBOLS_PER_EXCHANGE),
    '--rate',
    '500',
  ]);
  mkdirSync(data);
  const config = join(folder, 'config');
  writeConfig({ folder: config, dataPath: '/var/lib/logger' }, simulator);
  const manager = await startManager({
    folder: join(folder, 'manager'),
    user: 'logger',
    units: {
      'logger.service': readFileSync('deploy/logger.service', 'utf8'),
      'logger.service.d/test.conf': `[Service]\nWatchdogSec=${WATCHDOG_SECS}\nStandardOutput=append:${out}\n`,
    },
    mounts: [
      [resolve('.'), '/opt/logger'],
      [config, '/etc/logger'],
      [data, '/var/lib/logger'],
    ],
  });
  if (manager === undefined) return t.skip('a systemd of our own cannot be run here');
  const { systemctl } = manager;
  const property = (name: string) => manager.property('logger', name);
  /** A start can only list what it lacks of a channel that had rows before. */
  const everyChannelWritten = async () => {
    await simulator.summary();
    const { channels } = compareLedger(simulator.ledger, data);
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
  const pid = property('MainPID');
  const status = manager.output('cat', `/proc/${pid}/status`);
  for (const bounded of [/^Seccomp:\t2$/m, /^NoNewPrivs:\t1$/m, /^CapBnd:\t0+$/m, /^Uid:\t4999\b/m])
    assert.match(status, bounded);
  await until('every channel has rows on disk', everyChannelWritten);
  const priorities = () => manager.output('ps', '-L', '-o', 'ni=', '-p', pid).split(/\s+/);
  await until('the sealer runs at the lowest priority', () => priorities().includes('19'));
  systemctl('kill', '--signal=KILL', '--kill-whom=main', 'logger');
  await up(1);
  systemctl('kill', '--signal=STOP', '--kill-whom=main', 'logger');
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
  const comparison = compareLedger(simulator.ledger, data);
  assert.ok(comparison.ok, formatComparison(comparison));
  assert.equal(await verifyProblems(data), '');
});

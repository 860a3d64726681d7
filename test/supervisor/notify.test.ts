import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Notifier, watchdogMs } from '../../src/supervisor/notify.js';
import { temporaryFolder, until } from '../support/processes.js';

const missing = (program: string, flag: string) => spawnSync(program, [flag]).error !== undefined;
const skipReal =
  missing('systemd-notify', '--version') || missing('socat', '-V')
    ? 'systemd-notify and socat are needed for the real protocol'
    : false;

/** A stand-in for systemd-notify that writes down what it is told. */
function standIn(folder: string): { env: Record<string, string>; told: () => string[] } {
  const bin = join(folder, 'bin');
  const file = join(folder, 'told');
  mkdirSync(bin);
  writeFileSync(join(bin, 'systemd-notify'), `#!/bin/sh\nprintf '%s\\n' "$*" >> ${file}\n`);
  chmodSync(join(bin, 'systemd-notify'), 0o755);
  const told = () => (existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : []);
  return { env: { PATH: `${bin}:${process.env.PATH}`, NOTIFY_SOCKET: join(folder, 'socket') }, told };
}

test('states arrive in order, each as one argument', async () => {
  const { env, told } = standIn(temporaryFolder('notify'));
  const notifier = new Notifier(env);
  const states = ['READY=1', 'STATUS=$(reboot) "quoted" \\n `x`', 'WATCHDOG=1'];
  for (const state of states) notifier.send(state);
  notifier.stopping();
  await until('all were told', () => told().length === states.length + 1);
  assert.deepEqual(told(), [...states, 'STOPPING=1']);
});

test('the watchdog is fed while the work is done, and only then', async () => {
  const { env, told } = standIn(temporaryFolder('notify'));
  const notifier = new Notifier({ ...env, WATCHDOG_USEC: '20000' });
  let asked = 0;
  notifier.watch(() => ++asked <= 3);
  await until('it was asked often', () => asked > 10);
  notifier.stopping();
  await until('it was told of the stop', () => told().includes('STOPPING=1'));
  assert.deepEqual(told(), ['WATCHDOG=1', 'WATCHDOG=1', 'WATCHDOG=1', 'STOPPING=1']);
});

test('outside a service nothing is started', () => {
  const notifier = new Notifier({});
  notifier.watch(() => true);
  notifier.send('READY=1');
  notifier.stopping();
});

test('the interval is half of what is granted to this very process', () => {
  assert.equal(watchdogMs({}, 1), undefined);
  assert.equal(watchdogMs({ WATCHDOG_USEC: '30000000' }, 1), 15_000);
  assert.equal(watchdogMs({ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '1' }, 1), 15_000);
  assert.equal(watchdogMs({ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '2' }, 1), undefined);
});

test('the real systemd-notify reaches a unix datagram socket', { skip: skipReal }, async () => {
  const socket = join(temporaryFolder('notify'), 'socket');
  const listener = spawn('socat', ['-u', `UNIX-RECV:${socket}`, 'STDOUT'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    await until('it listens', () => existsSync(socket));
    let text = '';
    listener.stdout.on('data', (chunk) => (text += chunk));
    const notifier = new Notifier({ PATH: process.env.PATH, NOTIFY_SOCKET: socket });
    notifier.send('READY=1');
    notifier.stopping();
    await until('both arrived', () => /READY=1[\s\S]*STOPPING=1/.test(text));
  } finally {
    listener.kill('SIGKILL');
    await once(listener, 'exit');
  }
});

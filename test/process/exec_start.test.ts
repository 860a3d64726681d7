/**
 * The command lines of deploy/logger.service, word by word, with its folders below a folder of ours: the logger starts,
 * reads its configuration again, refuses a second one, and stops in order.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import { EXIT } from '../../src/base/errors.js';
import {
  startLoggerLine,
  startSimulatorProcess,
  temporaryFolder,
  verifyProblems,
  writeConfig,
} from '../support/processes.js';

const UNIT = readFileSync('deploy/logger.service', 'utf8');

/** The value of a setting that the unit has once. */
function setting(name: string): string {
  const values = [...UNIT.matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map(([, value]) => value);
  assert.equal(values.length, 1, name);
  // what systemd would read otherwise than by words
  assert.doesNotMatch(values[0], /["'\\%]/, name);
  return values[0];
}

const root = temporaryFolder('exec-start');
const inRoot = (path: string) => path.replace(/^\/(opt|etc|var)\//, `${root}/$1/`);
const words = (text: string) =>
  text.split(' ').map((word) => (word === '/usr/bin/node' ? process.execPath : inRoot(word)));

test('the lines of the unit start, reload and stop the logger, and start no second one', async () => {
  const data = inRoot(setting('WorkingDirectory'));
  mkdirSync(data, { recursive: true });
  mkdirSync(join(root, 'opt'));
  symlinkSync(resolve('.'), join(root, 'opt/logger'));
  const line = words(setting('ExecStart'));
  const [config] = line.slice(-1);
  for (const path of [line[0], dirname(data)]) assert.ok(existsSync(path), path);
  const simulator = await startSimulatorProcess(join(root, 'ledger'), ['--symbols', '2']);
  assert.equal(writeConfig({ folder: dirname(config), dataPath: data }, simulator), config);
  const env = Object.fromEntries(
    setting('Environment')
      .split(' ')
      .map((pair) => pair.split('=')),
  );

  const logger = startLoggerLine(line, { env, cwd: data });
  await logger.ready();
  const [kill, ...rest] = words(setting('ExecReload'));
  const reload = spawnSync(
    kill,
    rest.map((word) => word.replace('$MAINPID', String(logger.child.pid))),
  );
  assert.equal(reload.status, 0);
  await logger.logged(/configuration reloaded/);
  const second = startLoggerLine(line, { env, cwd: data });
  assert.equal((await second.exited).code, EXIT.locked);
  assert.ok(setting('RestartPreventExitStatus').split(' ').includes(String(EXIT.locked)));
  assert.equal(await logger.stop(), EXIT.ok);
  await simulator.stop();
  assert.equal(await verifyProblems(data), '');
});

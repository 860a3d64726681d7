import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { EXIT, LoggerError } from '../../src/base/errors.js';
import { DataLock } from '../../src/supervisor/lock.js';

const RACERS = 100;
const skip = process.platform === 'linux' ? false : 'abstract sockets are a matter of Linux';

const root = mkdtempSync(join(tmpdir(), 'logger-lock-'));
after(() => rmSync(root, { recursive: true, force: true }));

interface Racer {
  readonly child: ChildProcessWithoutNullStreams;
  text: string;
}

function start(directory: string): Racer {
  const child = spawn(process.execPath, ['dist/test/support/take_lock.js', directory]);
  const racer = { child, text: '' };
  child.stdout.on('data', (chunk) => (racer.text += chunk));
  return racer;
}

const refusal = (text: RegExp) => (error: unknown) =>
  error instanceof LoggerError && error.code === 'DATA_LOCKED' && text.test(error.message);

test('of a hundred racing starts one owns the directory and the others name it', { skip }, async () => {
  const directory = join(root, 'race');
  const racers = Array.from({ length: RACERS }, () => start(directory));
  // a child that has not begun to read yet finds its line in the pipe
  for (const { child } of racers) child.stdin.write('go\n');
  while (racers.filter(({ child }) => child.exitCode === null).length > 1) await delay();
  const owners = () => racers.filter(({ text }) => text.startsWith('owner'));
  while (owners().length === 0) await delay();
  assert.equal(owners().length, 1);
  const [owner] = owners();
  const losers = racers.filter((racer) => racer !== owner);
  assert.deepEqual(new Set(losers.map(({ child }) => child.exitCode)), new Set([EXIT.locked]));
  for (const { text } of losers)
    assert.match(text, new RegExp(`process ${owner.child.pid}, running since 2`));

  // killed, not asked: the next one starts at once
  owner.child.kill('SIGKILL');
  (await DataLock.take(directory)).release();
});

function delay(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 50));
}

test('the lock is one of the directory, whatever path leads to it', { skip }, async () => {
  const directory = join(root, 'real');
  const lock = await DataLock.take(directory);
  symlinkSync(directory, join(root, 'link'));
  await assert.rejects(DataLock.take(join(root, 'link')), refusal(new RegExp(`process ${process.pid},`)));
  const other = await DataLock.take(join(root, 'other'));
  other.release();
  lock.release();
  (await DataLock.take(join(root, 'link'))).release();
});

test('the name leaves nothing to padding, which differs between versions of Node', { skip }, async () => {
  const lock = await DataLock.take(join(root, 'named'));
  const names = readFileSync('/proc/net/unix', 'utf8').match(/@logger:\d+:\d+:-+$/gm) ?? [];
  // /proc shows the zero in front as @
  assert.ok(names.length > 0 && names.every((name) => name.length === 108));
  lock.release();
});

test('an owner that is stopped still owns', { skip }, async () => {
  const directory = join(root, 'stopped');
  const { child } = start(directory);
  child.stdin.write('go\n');
  await once(child.stdout, 'data');
  child.kill('SIGSTOP');
  await assert.rejects(DataLock.take(directory), refusal(/does not answer/));
  child.kill('SIGKILL');
});

test('a directory that was replaced or removed is another one', { skip }, async () => {
  const directory = join(root, 'replaced');
  const lock = await DataLock.take(directory);
  assert.equal(lock.holds(), true);
  renameSync(directory, join(root, 'away'));
  assert.equal(lock.holds(), false);
  const next = await DataLock.take(directory);
  assert.equal(lock.holds(), false);
  assert.equal(next.holds(), true);
  await assert.rejects(DataLock.take(join(root, 'away')), refusal(/in use/));
  next.release();
  lock.release();
});

import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { EXIT, LoggerError } from '../../src/base/errors.js';
import { DataLock, isOwned } from '../../src/supervisor/lock.js';
import { until } from '../support/processes.js';

const RACERS = 100;
const KILLED_ROUNDS = 3;
const skip = process.platform === 'linux' ? false : 'abstract sockets are a matter of Linux';

const root = mkdtempSync(join(tmpdir(), 'logger-lock-'));
const children: ChildProcessWithoutNullStreams[] = [];
after(() => {
  // one that is left by a test that failed, perhaps stopped, would keep this process running
  for (const child of children) child.kill('SIGKILL');
  rmSync(root, { recursive: true, force: true });
});

/** A process that takes a lock when it is told to, and what it says. */
class Racer {
  text = '';
  errors = '';

  constructor(readonly child: ChildProcessWithoutNullStreams) {
    child.stdout.on('data', (chunk) => (this.text += chunk));
    child.stderr.on('data', (chunk) => (this.errors += chunk));
    // one that has died does not read any more
    child.stdin.on('error', () => {});
  }

  /** A child that has not begun to read yet finds its line in the pipe. */
  go(): void {
    this.child.stdin.write('go\n');
  }

  /** However it ended: one that is killed has no exit code. */
  get ended(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** Resolves when it owns the directory. */
  async owns(): Promise<void> {
    await until('it has said whether it owns the directory', () => this.ended || this.text.endsWith('\n'));
    assert.match(this.text, /^owner /, this.errors);
  }
}

function start(directory: string, ...more: string[]): Racer {
  const child = spawn(process.execPath, ['dist/test/support/take_lock.js', directory, ...more]);
  children.push(child);
  return new Racer(child);
}

const refusal = (text: RegExp) => (error: unknown) =>
  error instanceof LoggerError && error.code === 'DATA_LOCKED' && text.test(error.message);

test('of a hundred racing starts one owns the directory and the others name it', { skip }, async () => {
  const directory = join(root, 'race');
  const racers = Array.from({ length: RACERS }, () => start(directory));
  for (const racer of racers) racer.go();
  const running = () => racers.filter(({ ended }) => !ended);
  await until('all but one have ended', () => running().length <= 1);
  const [owner] = running();
  await owner.owns();
  for (const { child, text, errors } of racers.filter((racer) => racer !== owner)) {
    assert.equal(child.exitCode, EXIT.locked, `${child.signalCode} ${errors}`);
    // an owner among a hundred processes that start may need too long to say who it is
    assert.match(text, new RegExp(`process ${owner.child.pid}, running since 2|does not answer`));
  }
  await until('the owner says who it is', async () => {
    await assert.rejects(
      DataLock.take(directory),
      refusal(new RegExp(`process ${owner.child.pid}, running`)),
    );
    return true;
  });

  // killed, not asked: the next one starts at once
  owner.child.kill('SIGKILL');
  (await DataLock.take(directory)).release();
});

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
  const racer = start(directory);
  racer.go();
  await racer.owns();
  const { child } = racer;
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

test('whoever takes the name of the socket does not keep the logger from starting', { skip }, async (t) => {
  const directory = join(root, 'squatted');
  mkdirSync(directory);
  const { dev, ino } = statSync(directory, { bigint: true });
  const squatter = createServer(() => {});
  squatter.listen({ path: `\0logger:${dev}:${ino}:`.padEnd(108, '-') });
  await once(squatter, 'listening');
  t.after(() => squatter.close());
  const lock = await DataLock.take(directory);
  assert.equal(lock.holds(), true);
  assert.equal(statSync(join(directory, 'lock')).mode & 0o777, 0o600);
  // a second one is refused all the same, it only does not learn by whom
  await assert.rejects(DataLock.take(directory), refusal(/does not answer/));
  lock.release();
});

test('a lock file that was removed or replaced is not the lock any more', { skip }, async () => {
  const directory = join(root, 'unlinked');
  const lock = await DataLock.take(directory);
  rmSync(join(directory, 'lock'));
  assert.equal(lock.holds(), false);
  await lock.relock();
  assert.equal(lock.holds(), true);
  await assert.rejects(DataLock.take(directory), refusal(/in use/));
  lock.release();
});

test('a link in the place of the lock file is not followed', { skip }, async () => {
  const directory = join(root, 'linked');
  mkdirSync(directory);
  symlinkSync(join(root, 'elsewhere'), join(directory, 'lock'));
  await assert.rejects(
    DataLock.take(directory),
    (error) => error instanceof LoggerError && error.code === 'DISK_WRITE',
  );
  assert.equal(existsSync(join(root, 'elsewhere')), false);
});

test('what the owner starts does not keep the lock when the owner is killed', { skip }, async () => {
  const directory = join(root, 'children');
  for (let round = 0; round < KILLED_ROUNDS; round++) {
    const racer = start(directory, 'with-child');
    racer.go();
    await racer.owns();
    const grandchild = Number(/child (\d+)/.exec(racer.text)?.[1]);
    racer.child.kill('SIGKILL');
    const lock = await DataLock.take(directory);
    assert.equal(lock.holds(), true);
    assert.equal(process.kill(grandchild, 0), true, 'the child lives on');
    process.kill(grandchild, 'SIGKILL');
    lock.release();
  }
});

test('whether a directory is owned can be asked without taking it', { skip }, async () => {
  const directory = join(root, 'asked');
  assert.equal(isOwned(directory), false);
  const lock = await DataLock.take(directory);
  assert.equal(isOwned(directory), true);
  lock.release();
  assert.equal(isOwned(directory), false);
  (await DataLock.take(directory)).release();
});

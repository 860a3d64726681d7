/** A few rounds of what `npm run test:crash` does by the hundred. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { temporaryFolder } from '../support/processes.js';
import { type CrashOptions, killAtRandom, killAtSyscalls, killInSlowSyncs, stopAtRandom } from './rounds.js';

const OPTIONS: Omit<CrashOptions, 'folder' | 'rounds'> = {
  untilMs: Number.POSITIVE_INFINITY,
  seed: 7,
  windowMs: 1500,
  journaled: true,
  symbols: 6,
  rate: 1000,
  report: () => {},
};
const noStrace = spawnSync('strace', ['-V']).status === 0 ? false : 'strace is not installed';

test('killed at random moments and while starting', async () => {
  const { problems } = await killAtRandom({ ...OPTIONS, rounds: 3, folder: temporaryFolder('kill') });
  assert.deepEqual(problems, []);
});

test('killed in the middle of writing', { skip: noStrace }, async () => {
  const options = { ...OPTIONS, rounds: 0, folder: temporaryFolder('syscall') };
  const { problems, lives } = await killAtSyscalls(options, 'pwrite64', 3, 1500);
  assert.deepEqual(problems, []);
  // the first call of the three at least, and one in the midst of capture
  assert.ok(lives.length > 1);
});

test('killed while the disk keeps every sync for seconds', { skip: noStrace }, async () => {
  const options = { ...OPTIONS, rounds: 2, folder: temporaryFolder('sync') };
  const { problems } = await killInSlowSyncs(options, 4000);
  assert.deepEqual(problems, []);
});

test('stopped in the middle of writing', async () => {
  const { problems } = await stopAtRandom({ ...OPTIONS, rounds: 2, folder: temporaryFolder('stops') });
  assert.deepEqual(problems, []);
});

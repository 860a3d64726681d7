/** The programs behind `npm run test:crash`, `test:damage`, `test:images` and `test:power`, in short. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { mountImage } from '../support/mounts.js';
import { runProgram, temporaryFolder } from '../support/processes.js';

/** What a kill may take is not measured here, where other tests run meanwhile. */
const WINDOW = ['--window', '30000'];

async function passes(last: RegExp, ...args: readonly string[]): Promise<void> {
  const { status, text } = await runProgram(...args);
  assert.equal(status, 0, text);
  assert.match(text, last);
}

const probe = temporaryFolder('probe');
const noMount = mountImage(probe, join(probe, 'disk')) ? false : 'a file system cannot be mounted here';

test('kills at random moments', () =>
  passes(/^SIGKILL: 2 kills, nothing lost$/m, 'dist/test/crash/run.js', '--rounds', '2', ...WINDOW));

test('damage to a stopped data directory', () =>
  passes(
    /^2 kinds of damage, 0 not as they should be$/m,
    'dist/test/crash/damage.js',
    '--only',
    'column missing',
  ));

test('real power cuts', { skip: noMount }, () =>
  passes(/^every copy was whole$/m, 'dist/test/crash/images.js', '--cuts', '2', '--fs', 'ext4', ...WINDOW),
);

test('simulated power cuts', () => passes(/^0 bad$/m, 'scripts/power.mjs', '--histories', '100'));

test('each of them has a help, and says which option it does not know', async () => {
  const programs = ['crash/run', 'crash/damage', 'crash/images', 'fuzz/run', 'rotation/run'];
  for (const program of [...programs.map((name) => `dist/test/${name}.js`), 'scripts/power.mjs']) {
    const help = await runProgram(program, '--help');
    assert.equal(help.status, 0, help.text);
    assert.match(help.text, /^usage: npm run test:\w+ -- \[options\]/);
    const unknown = await runProgram(program, '--rouns', '1');
    assert.equal(unknown.status, 2, unknown.text);
    assert.match(unknown.text, /--rouns/);
  }
});

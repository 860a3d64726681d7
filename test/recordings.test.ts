/**
 * The slice of recordings that a clean clone tests with: every exchange is in it, it is small, and where the whole corpus
 * is, it is what the script would cut from it now, and the tests of the exchanges pass with it, too.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isWholeCorpus } from './support/corpus.js';
import { recordingFolders } from './support/fixtures.js';

const SLICE = join('test', 'recordings');
const BYTES_MAX = 3_000_000;
/** Those whose tests compare rows with expectations. */
const TESTS = ['corpus', 'binance', 'bybit_corpus', 'coinbase', 'kraken', 'okx', 'upbit'];

function run(...args: string[]): { status: number | null; output: string } {
  // a test runner within a test runner reports to the outer one
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    env: { ...env, LOGGER_CORPUS: SLICE },
    encoding: 'utf8',
  });
  return { status, output: stdout + stderr };
}

test('every exchange has recordings in the slice, which is small', () => {
  for (const folder of recordingFolders()) assert.ok(readdirSync(join(SLICE, folder)).length >= 2, folder);
  const files = readdirSync(SLICE, { recursive: true, encoding: 'utf8' });
  const bytes = files.reduce((sum, file) => sum + statSync(join(SLICE, file)).size, 0);
  assert.ok(bytes < BYTES_MAX, `${bytes} bytes`);
});

if (isWholeCorpus) {
  test('cutting the slice anew changes nothing', () => {
    const { status, output } = run('scripts/slice_recordings.mjs', '../shared/corpus', '--check');
    assert.equal(status, 0, output);
  });

  test('the tests of the exchanges pass with the slice', () => {
    const { status, output } = run('--test', ...TESTS.map((name) => `dist/test/exchanges/${name}.test.js`));
    assert.equal(status, 0, output);
    assert.match(output, /\bpass [1-9]/);
  });
}

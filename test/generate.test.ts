/** What is generated, pages and own_columns.ts, is what its declarations say. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

test('generating again changes nothing', () => {
  const { status, stderr } = spawnSync(process.execPath, ['scripts/generate.mjs', '--check'], {
    encoding: 'utf8',
  });
  assert.deepEqual([status, stderr], [0, '']);
});

/** OPTIONS.md, TABLES.md and logger.toml are what their declarations say. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

test('generating the pages again changes nothing', () => {
  const { status, stderr } = spawnSync(process.execPath, ['scripts/generate.mjs', '--check'], {
    encoding: 'utf8',
  });
  assert.deepEqual([status, stderr], [0, '']);
});

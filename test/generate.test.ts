/** OPTIONS.md, TABLES.md, logger.toml and the table of channels in README.md are what their declarations say. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

test('generating the pages again changes nothing', () => {
  const { status, stderr } = spawnSync(process.execPath, ['scripts/generate.mjs', '--check'], {
    encoding: 'utf8',
  });
  assert.deepEqual([status, stderr], [0, '']);
});

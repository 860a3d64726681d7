/** A message's time is read in one process and compared in another: both must have the same clock. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { clockUs } from '../../bench/clock.js';

const OTHER = `import { clockUs } from '${new URL('../../bench/clock.js', import.meta.url)}'; console.log(clockUs());`;

test('what another process reads lies between our readings before and after', async () => {
  for (let n = 0; n < 3; n++) {
    const before = clockUs();
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', OTHER]);
    const after = clockUs();
    assert.ok(before < Number(stdout) && Number(stdout) < after, `${before} ${stdout} ${after}`);
  }
});

test('it is the time since 1970', () => {
  // the system clock may have been corrected since
  assert.ok(Math.abs(clockUs() / 1000 - Date.now()) < 60_000);
});

/** What a data directory tells of itself before anything is written to it. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openToOthers } from '../../src/supervisor/resources.js';

test('a data directory that every user can write to is warned of', (t) => {
  const path = mkdtempSync(join(tmpdir(), 'logger-open-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  for (const [mode, open] of [
    [0o750, false],
    [0o770, false],
    [0o775, false],
    [0o777, true],
    [0o1777, true],
    [0o702, true],
  ] as const) {
    chmodSync(path, mode);
    assert.equal(openToOthers(path) !== undefined, open, mode.toString(8));
  }
});

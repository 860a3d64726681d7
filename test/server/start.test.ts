/** Which library a server runs on. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { LoggerError } from '../../src/base/errors.js';
import { chooseServer } from '../../src/server/start.js';

test('where no package is installed, node:http serves, and one line says why and what it means', () => {
  const choice = chooseServer(undefined, ['no-such-package', 'nor-this-one']);
  assert.ok(choice.kind === 'node' && choice.notice !== undefined);
  assert.match(choice.notice, /^uWebSockets\.js does not load with Node \d+\.\d+\.\d+ on \w+ \w+: /);
  assert.match(choice.notice, /Cannot find module 'nor-this-one'; node:http and ws serve the same instead/);
  assert.ok(!choice.notice.includes('\n'));
});

test('a binary that does not load is no end, its reason is told', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'logger-server-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const binary = join(folder, 'uws.node');
  writeFileSync(binary, 'no program');
  const choice = chooseServer(undefined, [binary]);
  assert.ok(choice.kind === 'node' && choice.notice !== undefined);
  assert.match(choice.notice, /uws\.node: (file too short|invalid ELF header)/);
});

test('of a message with a cause below it, as the official package has, the cause is told', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'logger-server-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const script = join(folder, 'uws.js');
  writeFileSync(
    script,
    'throw new Error("This version supports …\\n\\nError: Cannot find module x\\nRequire stack:\\n- y")',
  );
  const choice = chooseServer(undefined, [script]);
  assert.ok(choice.kind === 'node');
  assert.match(choice.notice ?? '', /: Cannot find module x; node:http/);
});

test('LOGGER_SERVER decides: node without a word, uws or an error', () => {
  assert.deepEqual(chooseServer('node'), { kind: 'node' });
  const code = (wanted: string) => {
    try {
      return chooseServer(wanted, ['no-such-package']).kind;
    } catch (error) {
      assert.ok(error instanceof LoggerError);
      return error.code;
    }
  };
  assert.equal(code('uws'), 'DEPENDENCY_MISSING');
  assert.equal(code('apache'), 'USAGE');
  assert.equal(code(''), 'node');
});

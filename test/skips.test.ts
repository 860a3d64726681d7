/** A test can be left out only for a reason that test/skips.json lists: `npm test` itself, on a project of a few lines. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type TestContext, test } from 'node:test';

interface Allowed {
  readonly reason: string;
  readonly files: readonly string[];
  readonly installed_by_ci: boolean;
}

/** Runs `npm test` where one file holds `body`; answers its status and what it printed. */
function runTests(
  t: TestContext,
  body: string,
  allowed: readonly Allowed[],
  { ci = false, args = [] as readonly string[] } = {},
) {
  const root = mkdtempSync(join(tmpdir(), 'logger-skips-'));
  t.after(() => rmSync(root, { recursive: true }));
  mkdirSync(join(root, 'dist/test'), { recursive: true });
  mkdirSync(join(root, 'test'));
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(root, 'test/skips.json'), JSON.stringify(allowed));
  writeFileSync(join(root, 'test/some.test.ts'), '');
  writeFileSync(
    join(root, 'dist/test/some.test.js'),
    `import { describe, test } from 'node:test';\ntest('good', () => {});\n${body}`,
  );
  // a runner within a test would take itself for a part of it
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, [resolve('scripts/test.mjs'), ...args], {
    cwd: root,
    env: { ...env, CI: String(ci) },
    encoding: 'utf8',
  });
  return { status, stderr, lines: stdout.trimEnd().split('\n') };
}

const SKIPPED = "test('sharp', { skip: 'no whetstone' }, () => {});\n";
const listed = (over: Partial<Allowed> = {}): Allowed[] => [
  { reason: 'no whetstone', files: ['some'], installed_by_ci: false, ...over },
];

test('a listed skip is told with its reason and is no failure', (t) => {
  for (const ci of [false, true]) {
    const { status, stderr, lines } = runTests(t, SKIPPED, listed(), { ci });
    assert.deepEqual([status, stderr], [0, '']);
    assert.deepEqual(lines.slice(-3), [
      'skipped, no whetstone: 1',
      '  some: sharp',
      '1 files: 1 passed, 0 failed, 1 skipped',
    ]);
  }
});

test('a skip that is not listed fails the run', (t) => {
  const bodies = [
    SKIPPED,
    "describe('sharp', { skip: 'no whetstone' }, () => { test('edge', () => {}); });\n",
    "test('sharp', (t) => t.skip('no whetstone'));\n",
    "test('group', async (t) => { await t.test('sharp', { skip: 'no whetstone' }, () => {}); });\n",
  ];
  for (const body of bodies)
    for (const allowed of [[], listed({ reason: 'no steel' }), listed({ files: ['other'] })]) {
      const { status, stderr } = runTests(t, body, allowed);
      assert.deepEqual(
        [status, stderr],
        [1, 'not listed in test/skips.json: some: sharp (no whetstone)\n'],
        body,
      );
    }
});

test('a skip for what CI installs fails in CI alone', (t) => {
  const allowed = listed({ installed_by_ci: true });
  assert.equal(runTests(t, SKIPPED, allowed).status, 0);
  const { status, stderr } = runTests(t, SKIPPED, allowed, { ci: true });
  assert.deepEqual([status, stderr], [1, 'not to be skipped in CI: some: sharp (no whetstone)\n']);
});

test('a failing test fails the run and is counted', (t) => {
  const { status, lines } = runTests(t, "test('bad', () => { throw new Error('bad'); });\n", []);
  assert.equal(status, 1);
  assert.equal(lines.at(-1), '1 files: 1 passed, 1 failed, 0 skipped');
});

test('--name runs some tests of a file, and what it leaves out is not skipped', (t) => {
  const bad = "test('bad', () => { throw new Error('bad'); });\n";
  const { status, stderr, lines } = runTests(t, bad, [], { args: ['some', '--name', 'good'] });
  assert.deepEqual([status, stderr, lines.at(-1)], [0, '', '1 files: 1 passed, 0 failed, 0 skipped']);
});

test('a name that no file has is wrong use', (t) => {
  const { status, stderr } = runTests(t, '', [], { args: ['other'] });
  assert.deepEqual([status, stderr], [2, 'no test file matches other\n']);
});

test('the list names files that are there, and no reason twice', () => {
  const allowed = JSON.parse(readFileSync('test/skips.json', 'utf8')) as Allowed[];
  const files = allowed.flatMap((entry) => entry.files);
  assert.deepEqual(
    files.filter((file) => !existsSync(`test/${file}.test.ts`)),
    [],
  );
  assert.equal(new Set(allowed.map(({ reason }) => reason)).size, allowed.length);
});

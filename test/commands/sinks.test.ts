/** `logger sinks` without a logger that runs: what it shows of cursors, and how one is sent back. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { EXIT } from '../../src/base/errors.js';
import { logger } from './run_logger.js';

const CURSOR = { position: 4, delivered: 7, run: 'a', since: 0, batches: 3, received: 1_796_031_233 };
const FILLING = {
  ...CURSOR,
  received: 0,
  columns: { day: 20_778, exchange: 'x', directory: 'A', table: 'MD', row: 5 },
};

function configure(t: TestContext, names: readonly string[], cursors: Readonly<Record<string, object>> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'logger-sinks-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const files = join(folder, 'data', 'journal', 'cursors');
  mkdirSync(files, { recursive: true });
  for (const [file, cursor] of Object.entries(cursors))
    writeFileSync(join(files, file), JSON.stringify(cursor));
  const config = join(folder, 'logger.toml');
  const sections = names.map((name) => `[sinks.${name}]\ntype = "jsonl"\n`);
  // nothing listens there
  writeFileSync(config, `[logger]\ndata_path = "${folder}/data"\n[http]\nport = 1\n${sections.join('')}`);
  return { config, files };
}

test('every sink is shown with how far it is', (t) => {
  const cursors = {
    'a.json': CURSOR,
    'b.json': FILLING,
    'c.cut-off': CURSOR,
    'e.json': CURSOR,
    'e.rewind': { to: 'start' },
  };
  const { config } = configure(t, ['a', 'b', 'c', 'd', 'e'], cursors);
  const { status, stdout, stderr } = logger(['sinks', '--config', config]);
  assert.deepEqual([status, stderr], [EXIT.ok, '']);
  const states = stdout
    .split('\n')
    .slice(1)
    .map((line) => line.split(/ {2,}/).slice(0, 4).join(' | '));
  assert.deepEqual(states.slice(0, 5), [
    'a | jsonl | rests | 2026-11-30T09:33:53.000Z',
    'b | jsonl | fills from files, at 2026-11-21 | -',
    'c | jsonl | cut off | -',
    'd | jsonl | new | -',
    'e | jsonl | goes back to start | 2026-11-30T09:33:53.000Z',
  ]);
  const [first] = JSON.parse(logger(['sinks', '--config', config, '--json']).stdout);
  assert.deepEqual([first.sink, first.block, first.behind_rows], ['a', 7, null]);
});

test('a configuration without sinks says how to name one', (t) => {
  const { config } = configure(t, []);
  const { status, stdout } = logger(['sinks', '--config', config]);
  assert.deepEqual([status, stdout], [EXIT.ok, 'no sinks; name one in a section [sinks.<name>]\n']);
});

test('a sink is asked to go back, and what cannot be meant is refused', (t) => {
  const { config, files } = configure(t, ['a'], { 'a.json': CURSOR });
  const rewind = (...args: readonly string[]) => logger(['sinks', 'rewind', ...args, '--config', config]);
  assert.deepEqual(rewind('b', '--to', 'start'), {
    status: EXIT.usage,
    stdout: '',
    stderr: 'logger: no sink "b" in the configuration; there are a\n',
  });
  assert.match(rewind('a', '--to', 'yesterday').stderr, /--to must be "start", "now" or a time such as /);
  assert.equal(rewind('a', '--to', '2026-11-30T12:00:00Z').status, EXIT.ok);
  assert.deepEqual(JSON.parse(readFileSync(join(files, 'a.rewind'), 'utf8')), { to: '2026-11-30T12:00:00Z' });
});

/** What each command loads, in all threads of its process: what it works with, and nothing of the others. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { COMMAND_NAMES } from '../../src/commands/program.js';
import { startLoggerProcess, startSimulatorProcess, temporaryFolder } from '../support/processes.js';

const CLI = resolve('dist/src/cli.js');
const DIST = `${pathToFileURL(resolve('dist'))}/`;
/** What --version and --help load. */
const PROGRAM = [
  'src/base/errors.js',
  'src/base/printable.js',
  'src/base/version.js',
  'src/cli.js',
  'src/commands/common.js',
  'src/commands/output.js',
  'src/commands/program.js',
];
/** Commands that have to do with the simulator. */
const OF_SIMULATOR = ['demo', 'simulate'];

const folder = temporaryFolder('loading');
let traces = 0;

/** The environment of a process whose coverage report, a file per thread, tells what was loaded. */
function traced(): { NODE_V8_COVERAGE: string } {
  const trace = join(folder, String(traces++));
  mkdirSync(trace);
  return { NODE_V8_COVERAGE: trace };
}

/** The files of ours that a traced process has loaded, as paths below dist/. */
function loadedBy({ NODE_V8_COVERAGE }: { NODE_V8_COVERAGE: string }): string[] {
  const urls = readdirSync(NODE_V8_COVERAGE).flatMap((file): string[] =>
    JSON.parse(readFileSync(join(NODE_V8_COVERAGE, file), 'utf8')).result.map((s: { url: string }) => s.url),
  );
  const ours = urls.filter((url) => url.startsWith(DIST)).map((url) => url.slice(DIST.length));
  return [...new Set(ours)].sort();
}

function loadedFor(...args: string[]): string[] {
  const env = traced();
  const { status, stderr } = spawnSync(process.execPath, [CLI, ...args], {
    env: { ...process.env, ...env },
    encoding: 'utf8',
  });
  assert.deepEqual([status, stderr], [0, ''], args.join(' '));
  return loadedBy(env);
}

/** Folders of dist/src/, and `bench`. */
function roomsOf(files: readonly string[]): Set<string> {
  return new Set(files.map((file) => file.split('/')).map(([root, room]) => (root === 'src' ? room : root)));
}

test('--version, --help and help load no command', () => {
  for (const word of ['--version', '--help', 'help']) assert.deepEqual(loadedFor(word), PROGRAM, word);
});

test('the help of a command loads no other command, no exchange, and neither bench nor simulator without need', () => {
  const entryOf = (name: string) => `src/commands/${name.replaceAll('-', '_')}.js`;
  const entries = COMMAND_NAMES.map(entryOf);
  for (const name of COMMAND_NAMES) {
    const loaded = loadedFor(name, '--help');
    assert.deepEqual(
      loaded.filter((file) => entries.includes(file)),
      [entryOf(name)],
    );
    assert.deepEqual(
      loaded.filter((file) => file.startsWith('src/exchanges/') && !file.endsWith('/index.js')),
      [],
      name,
    );
    const rooms = roomsOf(loaded);
    assert.equal(rooms.has('bench'), name === 'bench', name);
    assert.equal(rooms.has('simulator'), OF_SIMULATOR.includes(name), name);
  }
});

test('run loads neither bench nor simulator, and a shard no exchange but its own', async () => {
  const simulator = await startSimulatorProcess(join(folder, 'ledger'), ['--symbols', '2'], 'kraken');
  const env = traced();
  const logger = startLoggerProcess({ folder, env }, simulator);
  await logger.ready();
  assert.equal(await logger.stop(), 0);
  await simulator.stop();
  const loaded = loadedBy(env);
  for (const thread of ['shard', 'writer'])
    assert.ok(loaded.includes(`workers/${thread}.js`), `the ${thread} thread is seen`);
  const rooms = roomsOf(loaded);
  assert.deepEqual([rooms.has('bench'), rooms.has('simulator')], [false, false]);
  assert.deepEqual(exchangesOfShards(env), ['kraken']);
});

/** The exchange files that the shard threads of a traced process have loaded. */
function exchangesOfShards({ NODE_V8_COVERAGE }: { NODE_V8_COVERAGE: string }): string[] {
  const reports = readdirSync(NODE_V8_COVERAGE)
    .map((file) => readFileSync(join(NODE_V8_COVERAGE, file), 'utf8'))
    .filter((text) => text.includes('dist/workers/shard.js'));
  const names = reports.flatMap((text) => [...text.matchAll(/dist\/src\/exchanges\/(\w+)\.js/g)]);
  return [...new Set(names.map(([, name]) => name!))].filter((name) => name !== 'index').sort();
}

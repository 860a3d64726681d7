/**
 * The program as it is installed somewhere: a folder with what was built and the production dependencies alone, which
 * captures from its own simulator on either server. `npm run test:package`; slow, because it installs.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { EXIT } from '../../src/base/errors.js';
import { chooseServer, SERVER_VARIABLE } from '../../src/server/start.js';
import { compareLedger, formatComparison } from '../../src/simulator/compare/compare.js';

const SHIPPED = [
  '.npmrc',
  'package.json',
  'package-lock.json',
  'symbol_mappings.yaml',
  'dist/src',
  'dist/workers',
  'dist/bench',
];

const program = mkdtempSync(join(tmpdir(), 'logger-package-'));
after(() => rmSync(program, { recursive: true, force: true }));
for (const path of SHIPPED) cpSync(path, join(program, path), { recursive: true });
const { dependencies, devDependencies } = JSON.parse(readFileSync('package.json', 'utf8'));

// the programs that processes.js starts are those of the working directory
process.chdir(program);
const { startLoggerProcess, startSimulatorProcess, temporaryFolder, until, verifyProblems } = await import(
  '../support/processes.js'
);

/** npm tells the scripts that it runs about itself; an installation of another folder must not know. */
function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(npm_(lifecycle|package|config_local)|INIT_CWD)/i.test(name),
    ),
  );
}

test('production dependencies install without a warning, and nothing else does', () => {
  const { status, stdout, stderr } = spawnSync('npm', ['ci', '--omit=dev', '--prefer-offline', '--no-fund'], {
    env: environment(),
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  assert.doesNotMatch(stdout + stderr, /EBADENGINE|npm warn/);
  const installed = (names: object) =>
    Object.keys(names).filter((name) => existsSync(join('node_modules', name)));
  assert.deepEqual(installed(dependencies), Object.keys(dependencies));
  // the lockfile knows which of them a driver of a sink needs as well
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8'));
  const needed = Object.keys(devDependencies).filter((name) => packages[`node_modules/${name}`].dev !== true);
  assert.deepEqual(installed(devDependencies), needed);
});

for (const kind of ['uws', 'node']) {
  test(`what it captures from its own simulator is what was sent, served by ${kind}`, async (t) => {
    if (kind === 'uws' && chooseServer().kind !== 'uws') return t.skip('uWebSockets.js does not load here');
    const env = { [SERVER_VARIABLE]: kind };
    const folder = temporaryFolder('package-data');
    const flags = ['--symbols', '6', '--rate', '1000'];
    const simulator = await startSimulatorProcess(join(folder, 'ledger'), flags, 'coinbase,binance', env);
    const logger = startLoggerProcess({ folder, env }, simulator);
    await logger.ready();
    await until('rows are written', async () => (await logger.health()).writer.rows_written > 2000);
    await simulator.finish();
    await logger.quiet();
    assert.equal(await logger.stop(), EXIT.ok, logger.stderr());
    await simulator.stop();
    const comparison = compareLedger(simulator.ledger, join(folder, 'data'));
    assert.ok(comparison.ok, formatComparison(comparison));
    assert.equal(await verifyProblems(join(folder, 'data')), '');
  });
}

test('a parser that is not compiled is refused at the start, with the command that compiles it', async () => {
  const folder = temporaryFolder('package-parser');
  const simulator = await startSimulatorProcess(join(folder, 'ledger'), ['--symbols', '2'], 'coinbase');
  const logger = startLoggerProcess({ folder, env: { LOGGER__LOGGER__PARSER: 'simdjson' } }, simulator);
  assert.equal((await logger.exited).code, EXIT.failed);
  assert.match(logger.stderr(), /^logger: parser = "simdjson" .* `npm run build:simdjson` /);
  await simulator.stop();
});

test('where uWebSockets.js cannot be loaded, one line of the log says so', async () => {
  for (const name of readdirSync('node_modules').filter((entry) => entry.startsWith('uWebSockets.js')))
    rmSync(join('node_modules', name), { recursive: true });
  const folder = temporaryFolder('package-fallback');
  const simulator = await startSimulatorProcess(join(folder, 'ledger'), ['--symbols', '2'], 'coinbase');
  const logger = startLoggerProcess({ folder }, simulator);
  await logger.ready();
  const told = logger.lines.filter(({ msg }) => /^uWebSockets\.js does not load/.test(msg));
  assert.equal(told.length, 1);
  assert.match(told[0].msg, /Capture is not affected/);
  assert.equal(await logger.stop(), EXIT.ok);
  await simulator.stop();
});

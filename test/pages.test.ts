/**
 * Every command that README.md and READING.md show, and every script of package.json, is run by something: those that
 * capture, look and read by this test, on a capture of its own, the others by what RUN_BY names. And every file, page
 * and heading that a page names is there.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import { buildCli } from '../src/commands/program.js';
import {
  afterProcesses,
  type LoggerProcess,
  runProgramIn,
  startLoggerLine,
  startSimulatorProcess,
  temporaryFolder,
  until,
  writeConfig,
} from './support/processes.js';

const PAGES = ['README.md', 'READING.md'];
const CLI = resolve('dist/src/cli.js');
const LOGGER = 'npx logger ';
/** First words of lines in a block that names no language: other blocks of that kind are pictures and paths. */
const PROGRAM = /^(npm|npx|node|logger|curl|git|docker|sudo|systemctl|pip3?|python3?|cargo|export|cd) /;
/** Where a line is run that begins so: a file, and what stands in it for the line. */
const RUN_BY: readonly (readonly [line: RegExp, file: string, text: string])[] = [
  [/^npm ci && npm start$/, '.ci/run', ' npm start -- --seconds 20\n'],
  [/^npm ci && npm test$/, '.ci/run', ' npm test\n'],
  [/^npm run build$/, '.ci/run', ' npm run build '],
  [/^npm test -- [\w/-]+( --name '[^']+')?$/, 'test/skips.test.ts', "args: ['some', '--name', 'good']"],
  [/^npm run test:quick$/, '.ci/run', ' npm run test:quick\n'],
  [/^npm run test:live -- kraken\b/, 'test/live/run.test.ts', "runProgram('dist/test/live/run.js'"],
  [/^(npm run|npx logger) bench\b/, 'test/commands/bench.test.ts', "bench('--smoke'"],
];
/** Where the program of a script is run. Scripts that .ci/run runs by their name need none. */
const SCRIPT_RUN_BY: Readonly<Record<string, readonly [file: string, text: string]>> = {
  'test:crash': ['test/crash/programs.test.ts', 'dist/test/crash/run.js'],
  'test:rotation': ['test/rotation/rotation.test.ts', 'dist/test/rotation/run.js'],
  'test:faults': ['test/faults/faults.test.ts', 'dist/test/faults/run.js'],
  'test:days': ['test/days/days.test.ts', 'dist/test/days/run.js'],
  'test:damage': ['test/crash/programs.test.ts', 'dist/test/crash/damage.js'],
  'test:images': ['test/crash/programs.test.ts', 'dist/test/crash/images.js'],
  'test:power': ['test/crash/programs.test.ts', 'scripts/power.mjs'],
  'test:live': ['test/live/run.test.ts', 'dist/test/live/run.js'],
  'test:fuzz': ['test/fuzz/fuzz.test.ts', 'dist/test/fuzz/run.js'],
  bench: ['test/commands/bench.test.ts', "bench('--smoke'"],
  generate: ['test/generate.test.ts', 'scripts/generate.mjs'],
  // what it would change fails `npm run lint`
  format: ['.ci/run', ' npm run lint\n'],
};

const read = (file: string) => readFileSync(file, 'utf8');

/** The commands of the blocks of a page, without their comments. */
function commandsOf(page: string): string[] {
  const blocks = [...read(page).matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)];
  return blocks.flatMap(([, language, text]) => {
    const lines = text
      .split('\n')
      .map((line) => line.replace(/(^|\s)#.*$/, '').trim())
      .filter((line) => line !== '');
    if (/^(sh|bash|shell|console)$/.test(language)) return lines;
    return language === '' ? lines.filter((line) => PROGRAM.test(line)) : [];
  });
}

const commands = PAGES.flatMap((page) => commandsOf(page).map((line) => ({ page, line })));
const shown = (of: RegExp) => commands.filter(({ line }) => of.test(line)).map(({ line }) => line);
const HERE =
  /^npx logger (check-config|run|read|verify|recover|symbols|sinks|schema)\b|^curl http:\/\/127\.0\.0\.1:9090\//;

test('every command of the pages is run by something', () => {
  assert.ok(commands.length > 5);
  for (const { page, line } of commands) {
    if (HERE.test(line)) continue;
    const rule = RUN_BY.find(([pattern]) => pattern.test(line));
    assert.ok(rule !== undefined, `${page}: nothing runs "${line}"; run it and say where in RUN_BY`);
    const [, file, text] = rule;
    assert.ok(read(file).includes(text), `${file} no longer runs "${line}" of ${page}`);
  }
});

test('every script of package.json is run by something', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const ci = read('.ci/run');
  for (const name of Object.keys(scripts)) {
    if (new RegExp(`\\bnpm (run )?${name}(?![\\w:-])`).test(ci)) continue;
    const run = SCRIPT_RUN_BY[name];
    assert.ok(run !== undefined, `nothing runs the script ${name}; run it and say where in SCRIPT_RUN_BY`);
    assert.ok(read(run[0]).includes(run[1]), `${run[0]} no longer runs the script ${name}`);
  }
});

test('the program knows every option and argument that the pages give it', async () => {
  for (const line of shown(/^npx logger /)) {
    const words = line.slice(LOGGER.length).split(' ');
    const program = await buildCli(words);
    for (const command of program.commands) command.action(() => {});
    await assert.doesNotReject(program.parseAsync(words, { from: 'user' }), line);
  }
});

/** What `npx logger` runs in this repository, and the arguments. */
function argumentsOf(line: string): string[] {
  return [CLI, ...line.slice(LOGGER.length).split(' ')];
}

test('what captures, looks and reads does so as it stands on the pages', async (t) => {
  assert.equal(resolve(JSON.parse(read('package.json')).bin.logger), CLI);
  const folder = temporaryFolder('pages');
  symlinkSync(resolve('symbol_mappings.yaml'), join(folder, 'symbol_mappings.yaml'));
  const simulator = await startSimulatorProcess(join(folder, 'ledger'), ['--symbols', '4']);
  writeConfig({ folder, dataPath: 'data' }, simulator);
  for (const line of shown(/^npx logger run\b/)) {
    const logger = startLoggerLine([process.execPath, ...argumentsOf(line)], { cwd: folder });
    await logger.ready();
    await until('rows are on disk', async () => (await logger.health()).writer.rows_written > 0);
    for (const look of shown(/^curl /)) await answers(logger, look);
    assert.equal(await logger.stop(), 0, line);
  }
  await simulator.stop();
  for (const line of shown(HERE).filter((line) => line.startsWith(LOGGER) && !/^npx logger run\b/.test(line)))
    await t.test(line, async () => {
      const run = / --follow\b/.test(line) ? followIn : runProgramIn;
      const { status, text } = await run(folder, ...argumentsOf(line));
      assert.equal(status, 0, text);
    });
});

test('every configuration that a page shows is accepted', async () => {
  const blocks = WRITTEN.flatMap((page) =>
    [...read(page).matchAll(/^```toml\n([\s\S]*?)^```$/gm)].map(([, text]) => ({ page, text })),
  );
  assert.ok(blocks.length > 0);
  for (const { page, text } of blocks) {
    const folder = temporaryFolder('pages-toml');
    symlinkSync(resolve('symbol_mappings.yaml'), join(folder, 'symbol_mappings.yaml'));
    writeFileSync(join(folder, 'logger.toml'), text);
    const { status, text: said } = await runProgramIn(folder, CLI, 'check-config');
    assert.equal(status, 0, `${page}: ${said}`);
  }
});

/** Runs what goes on until Ctrl+C, which comes once it has printed something. */
async function followIn(cwd: string, ...args: readonly string[]): Promise<{ status: number; text: string }> {
  const child = spawn(process.execPath, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  afterProcesses(() => child.kill('SIGKILL'));
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += chunk));
  child.stdout.once('data', () => child.kill('SIGINT'));
  const [status] = await once(child, 'close');
  return { status, text };
}

/** A running logger answers what the page asks, at its own port. */
async function answers(logger: LoggerProcess, line: string): Promise<void> {
  const { msg } = await logger.logged(/health at/);
  const port = /:(\d+)\/health/.exec(msg)?.[1] ?? '';
  const url = (line.split(' ')[1] ?? '').replace(':9090', `:${port}`);
  await until(`${line} answers 200`, async () => (await fetch(url)).status === 200);
}

/** Pages that people write, with those below docs/. */
const WRITTEN = [
  ...readdirSync('.'),
  ...readdirSync('docs/internals').map((name) => `docs/internals/${name}`),
]
  .filter((name) => name.endsWith('.md') && !['CHANGELOG.md', 'OPTIONS.md', 'TABLES.md'].includes(name))
  .sort();
/** Where a file that a page names may lie. */
const ROOTS = ['.', 'src', ...['feed', 'store'].map((room) => join('src', room))];

/** What a link to a heading of a page ends with, for all of them. */
function anchorsOf(page: string): string[] {
  const headings = [...read(page).matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading);
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^\w\s-]/g, '')
      .replaceAll(' ', '-'),
  );
}

test('every page, picture and heading that a page links to is there', () => {
  assert.ok(WRITTEN.includes('ARCHITECTURE.md') && WRITTEN.includes('docs/internals/store.md'));
  for (const page of WRITTEN)
    for (const [, target] of read(page).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      const [path, anchor] = target.split('#');
      const file = path === '' ? page : join(dirname(page), path);
      assert.ok(existsSync(file), `${page} links to ${target}`);
      if (anchor !== undefined) assert.ok(anchorsOf(file).includes(anchor), `${page} links to ${target}`);
    }
});

test('every file that a page names is there', () => {
  for (const page of WRITTEN)
    for (const [, name] of read(page).matchAll(/`([\w./-]+\/[\w.-]+\.(?:ts|js|json|mjs|svg|service))`/g)) {
      const source = name.replace(/^dist\/(.*)\.js$/, '$1.ts');
      assert.ok(
        ROOTS.some((root) => existsSync(join(root, source))),
        `${page} names ${name}`,
      );
    }
});

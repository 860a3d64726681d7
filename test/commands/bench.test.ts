/** `logger bench` as a user meets it, with tiny inputs: every stage runs, and its report can be used. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { type MeasuredFigure, measured, parseReport } from '../../bench/report.js';
import { STAGES } from '../../bench/stages.js';
import { MD, TRADES } from '../../src/schema/tables.js';
import { temporaryFolder, until } from '../support/processes.js';

const CLI = resolve('dist/src/cli.js');
const folder = temporaryFolder('bench');

function bench(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [CLI, 'bench', ...args, '--folder', folder],
    {
      encoding: 'utf8',
    },
  );
  return { status, stdout, stderr };
}

/** Measured as nothing where all is well. */
const ZERO_IS_GOOD = /allocated|growth/;

test('every stage yields figures, nothing is dropped, and JSON, page and charts say the same', () => {
  const out = join(folder, 'out');
  const { status, stdout, stderr } = bench('--smoke', '--out', out);
  assert.equal(status, 0, stdout + stderr);
  const text = readFileSync(join(out, 'report.json'), 'utf8');
  const report = parseReport(text, 'report.json');
  assert.equal(`${JSON.stringify(report, undefined, 2)}\n`, text);
  assert.deepEqual(
    report.stages.map(({ name }) => name),
    STAGES.map(({ name }) => name),
  );
  assert.ok(report.valid);
  for (const { name, figures, dropped, notes } of report.stages) {
    assert.equal(dropped, 0, name);
    if (name === 'sinks') assert.match(notes[0], /^no sinks in this version/);
    else assert.ok(figures.length > 0, name);
    assert.equal(new Set(figures.map((figure) => figure.name)).size, figures.length, `${name}: names`);
    for (const figure of figures) {
      for (const value of figure.values)
        assert.ok(
          Number.isFinite(value) && (value > 0 || ZERO_IS_GOOD.test(figure.group)),
          `${figure.name} ${value}`,
        );
      assert.ok(stdout.includes(figure.name), figure.name);
    }
  }
  const sizes = report.stages.find(({ name }) => name === 'columns')?.figures ?? [];
  for (const table of [TRADES, MD]) {
    // every row is in the files: none is there for bybit-linear alone
    const bytes = table.columns.reduce((sum, column) => sum + (column.own !== true ? column.bytes : 0), 0);
    assert.equal(sizes.find(({ name }) => name === table.name)?.median, bytes);
  }
  const page = readFileSync(join(out, 'README.md'), 'utf8');
  const charts = readdirSync(out).filter((name) => name.endsWith('.svg'));
  assert.ok(charts.length > 0);
  for (const name of charts) assert.ok(page.includes(`](${name})`), name);
  assert.deepEqual(readdirSync(folder), ['out'], 'nothing is left behind');
});

/** Writes a report in which every figure is so many times what is measured now. */
function reportTimes(factor: number): string {
  const { status, stdout } = bench('flush', '--smoke', '--json');
  assert.equal(status, 0);
  const report = parseReport(stdout, 'stdout');
  const scaled = (figure: MeasuredFigure) =>
    measured({ ...figure, values: figure.values.map((value) => value * factor) });
  const stages = report.stages.map((stage) => ({ ...stage, figures: stage.figures.map(scaled) }));
  const path = join(folder, 'before.json');
  writeFileSync(path, JSON.stringify({ ...report, stages }));
  return path;
}

test('--fail-on-regression ends with status 1 when a figure got much worse, and only then', () => {
  const faster = reportTimes(1e-6);
  const failed = bench('flush', '--smoke', '--compare', faster, '--fail-on-regression', '50');
  assert.equal(failed.status, 1, failed.stdout);
  assert.match(failed.stdout, /worse/);
  assert.equal(bench('flush', '--smoke', '--compare', faster).status, 0, 'it only tells');
  const slower = reportTimes(1e6);
  const good = bench('flush', '--smoke', '--compare', slower, '--fail-on-regression', '50');
  assert.equal(good.status, 0, good.stdout);
  assert.match(good.stdout, /better/);
});

test('wrong use is status 2 before anything is measured', () => {
  const path = join(folder, 'no-report.json');
  writeFileSync(path, '{}');
  for (const [args, line] of [
    [['no-such-stage'], /^logger: no stage no-such-stage; stages: parse, ring, /],
    [['--json', 'ring'], /^logger: --json would write to a file ring; stages come before it/],
    [['--fail-on-regression', '5'], /^logger: --fail-on-regression needs --compare/],
    [['paced', '--loads', '7x7'], /There is no load 7x7; loads: 500x1, .*, all\./],
    [['ring', '--loads', 'idle'], /^logger: --loads is for stage paced, which is not among the stages/],
    [['--compare', path], /no-report\.json is no report of logger bench/],
    [['--compare', join(folder, 'missing.json')], /missing\.json cannot be read/],
    [['--runs', '0'], /It is a number of runs, 1 to 999/],
    [['--effort', '-1'], /It must be a number above 0/],
  ] as const) {
    const { status, stdout, stderr } = bench(...args);
    assert.deepEqual([status, stdout], [2, ''], args.join(' '));
    assert.match(stderr, line);
  }
});

test('a stage that fails has no figures, and the report is invalid', () => {
  const command = [process.execPath, CLI, 'bench', 'journal', '--smoke', '--json', '--folder', folder];
  // no file may grow beyond 50 or 100 kB
  const { status, stdout, stderr } = spawnSync('sh', ['-c', 'ulimit -f 100; exec "$@"', 'sh', ...command], {
    encoding: 'utf8',
  });
  assert.equal(status, 1, stdout + stderr);
  const { valid, stages } = parseReport(stdout, 'stdout');
  assert.equal(valid, false);
  assert.match(stages[0].error ?? '', /EFBIG/);
  assert.deepEqual(stages[0].figures, []);
});

test('a signal ends it early, and nothing is left behind', async () => {
  const place = join(folder, 'signal');
  mkdirSync(place);
  const child = spawn(process.execPath, [CLI, 'bench', 'columns', '--effort', '100', '--folder', place]);
  let stderr = '';
  child.stderr.on('data', (chunk) => (stderr += chunk));
  await until('the stage writes', () => readdirSync(place, { recursive: true }).length > 10 || undefined);
  child.kill('SIGTERM');
  const [status] = await once(child, 'exit');
  assert.deepEqual([status, stderr], [1, 'logger: ended before everything was measured\n']);
  assert.deepEqual(readdirSync(place), []);
});

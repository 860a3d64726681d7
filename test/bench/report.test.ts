/** Figures, reports and the page made of them. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { alternate } from '../../bench/alternate.js';
import { barChart } from '../../bench/chart.js';
import { pageOf } from '../../bench/page.js';
import { measured, parseReport, reachesTarget } from '../../bench/report.js';
import { figureLines, noteLines } from '../../bench/table.js';
import { figureOf, reportOf } from './reports.js';

test('a figure is its median with its spread', () => {
  const { median, min, max, spread } = measured(figureOf('x', [4, 1, 3, 2]));
  assert.deepEqual({ median, min, max, spread }, { median: 2.5, min: 1, max: 4, spread: 1.2 });
  assert.equal(measured(figureOf('x', [9, 1, 5])).median, 5);
});

test('a figure without values, or with what is no number, is refused', () => {
  for (const values of [[], [1, Number.NaN], [Infinity], [-1]])
    assert.throws(
      () => measured(figureOf('x', values)),
      /^Error: x has no values that are numbers from 0 up/,
    );
});

test('targets and limits are numbers or times another figure', () => {
  const stage = reportOf([
    figureOf('own', [6], { target: { of: 'base', ratio: 0.5 }, limit: { of: 'base', ratio: 1 } }),
    figureOf('base', [10]),
    figureOf('rate', [6], { better: 'more', target: { value: 6 } }),
    figureOf('lost', [6], { target: { of: 'what was not measured', ratio: 1 } }),
  ]).stages[0];
  assert.deepEqual(
    stage.figures.map((figure) => reachesTarget(figure, stage.figures)),
    [false, undefined, true, undefined],
  );
  assert.deepEqual(
    figureLines(stage).map((line) => line.slice(-2)),
    [
      ['0.6 × base', '≤ 0.5 × base, is 0.6 ×: MISSED'],
      ['', ''],
      ['', '≥ 6 ms: reached'],
      ['', ''],
    ],
  );
});

test('measurements take turns', async () => {
  const order: string[] = [];
  const signal = new AbortController().signal;
  const say = (name: string) => () => order.push(name);
  const values = await alternate({ runs: 2, signal }, { a: say('a'), b: say('b') });
  assert.deepEqual(order, ['a', 'b', 'a', 'b']);
  assert.deepEqual(values, { a: [1, 3], b: [2, 4] });
});

test('a report survives as JSON, and what is no report is refused', () => {
  const report = reportOf([figureOf('x', [0.1, 1e-9, 123456789.123])]);
  assert.deepEqual(parseReport(JSON.stringify(report), 'x'), JSON.parse(JSON.stringify(report)));
  assert.throws(() => parseReport('{', 'a.json'), /a\.json is no report of logger bench/);
  assert.throws(() => parseReport('null', 'a.json'), /its format is not 1/);
  assert.throws(
    () => parseReport(JSON.stringify({ ...report, format: 99 }), 'a.json'),
    /its format is not 1/,
  );
  assert.throws(() => parseReport('{"format":1}', 'a.json'), /it has no stages/);
});

const WITHOUT_PYTHON =
  spawnSync('python3', ['-c', '']).status === 0 ? false : 'there is no python3 on this machine';
const HARD = 'a < b & "c" > \u0007 é';

/** What Python's parser finds in an SVG: [bars, texts]. */
function parsedByPython(svg: string): [number, string[]] {
  const program = `
import json, sys, xml.etree.ElementTree as tree
root = tree.fromstring(sys.stdin.buffer.read().decode("utf-8"))
space = "{http://www.w3.org/2000/svg}"
assert root.tag == space + "svg", root.tag
print(json.dumps([len(root.findall(space + "rect")), [t.text for t in root.findall(space + "text")]]))`;
  const { status, stdout, stderr } = spawnSync('python3', ['-c', program], { input: svg, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

test('a chart is well-formed, whatever the names, and has its bars, values and axis', {
  skip: WITHOUT_PYTHON,
}, () => {
  const bars = [
    { label: HARD, value: 2, min: 1, max: 3 },
    { label: 'nothing', value: 0, min: 0, max: 0 },
  ];
  const [drawn, texts] = parsedByPython(barChart(`title ${HARD}`, 'µs', 'less', bars));
  assert.equal(drawn, 2);
  const shown = HARD.replace('\u0007', '?');
  for (const text of [`title ${shown}`, shown, 'nothing', '2', '0', 'µs (less is better)'])
    assert.ok(texts.includes(text), text);
  parsedByPython(barChart('all zero', 'ms', 'more', [{ label: 'x', value: 0, min: 0, max: 0 }]));
});

test('a page has a chart per group, and every chart it names', { skip: WITHOUT_PYTHON }, () => {
  const report = reportOf([
    figureOf('x', [1], { notes: 'a | b' }),
    figureOf('y', [2]),
    figureOf('z', [3], { group: 'others', unit: 'MB/s', better: 'more' }),
  ]);
  const files = pageOf(report);
  assert.deepEqual(
    files.map(({ name }) => name),
    ['README.md', 'some-times-ms.svg', 'some-others-mb-s.svg'],
  );
  const [page, ...charts] = files;
  for (const { name, text } of charts) {
    assert.ok(page.text.includes(`](${name})`), name);
    parsedByPython(text);
  }
  assert.ok(page.text.includes('a \\| b'));
});

test('what has failed or was lost is said', () => {
  const report = reportOf([], { valid: false });
  const stages = [{ ...report.stages[0], dropped: 3, error: 'no disk', notes: ['a note'] }];
  assert.deepEqual(noteLines({ ...report, stages }), [
    'some has failed: no disk',
    'some has lost 3',
    'some: a note',
  ]);
  const machine = { ...report.machine, file_system: 'tmpfs' };
  assert.match(noteLines({ ...report, machine })[0], /^the folder lies in memory/);
});

/** A report as a page: Markdown with a bar chart per group of figures. */
import { barChart } from './chart.js';
import type { MeasuredFigure, Report, StageReport } from './report.js';
import { FIGURE_COLUMNS, figureLines, noteLines, originLines } from './table.js';

export interface PageFile {
  readonly name: string;
  readonly text: string;
}

interface Chart extends PageFile {
  readonly title: string;
}

/** One chart: figures of a group with one unit and one direction. */
function chartsOf({ name: stage, figures }: StageReport): Chart[] {
  const groups = new Map<string, MeasuredFigure[]>();
  for (const figure of figures) {
    const key = `${figure.group}, ${figure.unit}, ${figure.better}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [figure]);
    else group.push(figure);
  }
  return [...groups.values()].map((group) => {
    const [{ group: what, unit, better }] = group;
    const title = `${stage}: ${what}`;
    const bars = group.map(({ name, median, min, max }) => ({ label: name, value: median, min, max }));
    return {
      title,
      name: `${title}-${unit}`
        .toLowerCase()
        .replace(/[^a-z0-9]+/g, '-')
        .concat('.svg'),
      text: barChart(title, unit, better, bars),
    };
  });
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

function tableOf(stage: StageReport): string[] {
  // the stage is the heading
  const columns = FIGURE_COLUMNS.slice(1);
  return [
    `| ${columns.map(({ name }) => name).join(' | ')} |`,
    `|${columns.map(({ numeric }) => (numeric ? '---:' : '---')).join('|')}|`,
    ...figureLines(stage).map((line) => `| ${line.slice(1).map(cell).join(' | ')} |`),
  ];
}

/** The files of the page: `README.md` and its charts. */
export function pageOf(report: Report): PageFile[] {
  const charts = report.stages.map(chartsOf);
  const notes = noteLines(report);
  const lines = [
    '# Benchmark',
    '',
    'Made by `logger bench`; medians over alternating runs, the lines on the bars reach from the least to the greatest value.',
    '',
    ...originLines(report).map((line) => `- ${line}`),
    ...report.stages.flatMap((stage, i) =>
      stage.figures.length === 0
        ? []
        : [
            '',
            `## ${stage.name}`,
            '',
            ...charts[i].flatMap(({ title, name }) => [`![${title}](${name})`, '']),
            ...tableOf(stage),
          ],
    ),
    ...(notes.length === 0 ? [] : ['', '## Notes', '', ...notes.map((note) => `- ${cell(note)}`)]),
    '',
  ];
  return [{ name: 'README.md', text: lines.join('\n') }, ...charts.flat()];
}

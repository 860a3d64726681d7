/** The figures of a report as lines of text, for the terminal and for the page alike. */
import type { Change, Comparison } from './compare.js';
import { numberText, percentText } from './numbers.js';
import { boundValue, type MeasuredFigure, type Report, reachesTarget, type StageReport } from './report.js';

/** A column: its name, and whether it holds numbers. */
export interface TextColumn {
  readonly name: string;
  readonly numeric: boolean;
}

const text = (name: string): TextColumn => ({ name, numeric: false });
const number = (name: string): TextColumn => ({ name, numeric: true });

export const FIGURE_COLUMNS: readonly TextColumn[] = [
  text('stage'),
  text('figure'),
  number('median'),
  text('unit'),
  number('min'),
  number('max'),
  number('spread'),
  text('beside the limit'),
  text('target'),
];

export const CHANGE_COLUMNS: readonly TextColumn[] = [
  text('stage'),
  text('figure'),
  number('before'),
  number('now'),
  text('unit'),
  number('change'),
  text('beyond the spread'),
];

function limitText(figure: MeasuredFigure, figures: readonly MeasuredFigure[]): string {
  const { limit, median, unit } = figure;
  const value = limit === undefined ? undefined : boundValue(limit, figures);
  if (limit === undefined || value === undefined || value === 0) return '';
  const of = 'of' in limit ? limit.of : `${numberText(value)} ${unit}`;
  return `${numberText(median / value)} × ${of}`;
}

function targetText(figure: MeasuredFigure, figures: readonly MeasuredFigure[]): string {
  const { target, median, better, unit } = figure;
  const value = target === undefined ? undefined : boundValue(target, figures);
  if (target === undefined || value === undefined) return '';
  const sign = better === 'less' ? '≤' : '≥';
  const wanted =
    'of' in target
      ? `${sign} ${target.ratio} × ${target.of}, is ${numberText(median / (value / target.ratio))} ×`
      : `${sign} ${numberText(value)} ${unit}`;
  return `${wanted}: ${reachesTarget(figure, figures) ? 'reached' : 'MISSED'}`;
}

function figureLine(stage: string, figure: MeasuredFigure, figures: readonly MeasuredFigure[]): string[] {
  const { name, median, unit, min, max, spread } = figure;
  return [
    stage,
    name,
    numberText(median),
    unit,
    numberText(min),
    numberText(max),
    percentText(spread),
    limitText(figure, figures),
    targetText(figure, figures),
  ];
}

export function figureLines({ name, figures }: StageReport): string[][] {
  return figures.map((figure) => figureLine(name, figure, figures));
}

function changeLine(change: Change): string[] {
  const { stage, name, before, after, unit, percent, beyondSpread, worse } = change;
  const sign = percent > 0 ? '+' : '';
  const mark = beyondSpread ? (worse ? 'worse' : 'better') : '';
  return [
    stage,
    name,
    numberText(before),
    numberText(after),
    unit,
    Number.isFinite(percent) ? `${sign}${percent.toFixed(1)} %` : 'from 0',
    mark,
  ];
}

export function changeLines({ changes }: Comparison): string[][] {
  return changes.map(changeLine);
}

/** Where the figures come from, line by line. */
export function originLines(report: Report): string[] {
  const { date, version, commit, node, machine, load, effort, runs, input, smoke, stages } = report;
  const dropped = stages.reduce((sum, stage) => sum + stage.dropped, 0);
  const took = stages.map(({ name, seconds }) => `${name} ${numberText(seconds)} s`);
  return [
    `${date}, logger ${version}${commit === undefined ? '' : ` (${commit})`}, Node ${node}`,
    `${machine.cpu}, ${machine.cores} cores, ${numberText(machine.memory_bytes / 2 ** 30)} GiB of memory, ${machine.kernel}, ${machine.file_system}`,
    `load at the start ${load.map((value) => value.toFixed(2)).join(' ')}; effort ${effort}, ${runs} alternating runs${smoke ? ', tiny inputs that only show that it runs' : ''}`,
    `took ${took.join(', ')}`,
    `input ${input}; ${dropped} dropped${report.valid ? '' : '; NOT VALID'}`,
  ];
}

/** What the stages have said besides their figures. */
export function noteLines({ stages, machine }: Report): string[] {
  const inMemory = machine.file_system === 'tmpfs';
  return [
    ...(inMemory
      ? ['the folder lies in memory: figures of the disk say nothing, --folder chooses another']
      : []),
    ...stages.flatMap(({ name, notes, error, figures, dropped }) => [
      ...(error === undefined ? [] : [`${name} has failed: ${error}`]),
      ...(dropped === 0 ? [] : [`${name} has lost ${dropped}`]),
      ...notes.map((note) => `${name}: ${note}`),
      ...figures.flatMap((figure) =>
        figure.notes === undefined ? [] : [`${name}, ${figure.name}: ${figure.notes}`],
      ),
    ]),
  ];
}

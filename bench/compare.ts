/** What has changed from one report to another, figure by figure. */
import type { MeasuredFigure, Report } from './report.js';

export interface Change {
  readonly stage: string;
  readonly name: string;
  readonly unit: string;
  readonly before: number;
  readonly after: number;
  /** of the median, with the sign it has */
  readonly percent: number;
  /** no value of the one run lies among the values of the other */
  readonly beyondSpread: boolean;
  readonly worse: boolean;
}

export interface Comparison {
  readonly changes: readonly Change[];
  /** why a change may come from something else than the program */
  readonly warnings: readonly string[];
}

function changeOf(stage: string, before: MeasuredFigure, after: MeasuredFigure): Change {
  const { name, unit, better } = after;
  const difference = after.median - before.median;
  return {
    stage,
    name,
    unit,
    before: before.median,
    after: after.median,
    // from nothing to something is no percentage, but more than any other
    percent: difference === 0 ? 0 : (difference / before.median) * 100,
    beyondSpread: after.min > before.max || after.max < before.min,
    worse: better === 'less' ? difference > 0 : difference < 0,
  };
}

function warningsOf(before: Report, after: Report): string[] {
  const warnings: string[] = [];
  const differs = (what: string, a: unknown, b: unknown) => {
    if (a !== b) warnings.push(`${what} before: ${a}, now: ${b}`);
  };
  differs('processor', before.machine.cpu, after.machine.cpu);
  differs('cores', before.machine.cores, after.machine.cores);
  differs('kernel', before.machine.kernel, after.machine.kernel);
  differs('file system', before.machine.file_system, after.machine.file_system);
  differs('Node', before.node, after.node);
  differs('effort', before.effort, after.effort);
  for (const report of [before, after])
    if (!report.valid) warnings.push(`the report of ${report.date} is not valid`);
  for (const stage of after.stages) {
    const old = before.stages.find(({ name }) => name === stage.name);
    if (old !== undefined && old.input !== stage.input)
      warnings.push(`${stage.name} has another input than before`);
  }
  return warnings;
}

/** Compares what both reports have. */
export function compare(before: Report, after: Report): Comparison {
  const changes = after.stages.flatMap(({ name: stage, figures }) => {
    const old = before.stages.find(({ name }) => name === stage)?.figures ?? [];
    return figures.flatMap((figure) => {
      const same = old.find(({ name, unit }) => name === figure.name && unit === figure.unit);
      return same === undefined ? [] : [changeOf(stage, same, figure)];
    });
  });
  return { changes, warnings: warningsOf(before, after) };
}

/** Changes for the worse by more than `percent` and beyond the spread. */
export function regressions({ changes }: Comparison, percent: number): readonly Change[] {
  return changes.filter(
    (change) => change.worse && change.beyondSpread && Math.abs(change.percent) > percent,
  );
}

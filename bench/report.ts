/** The report of `logger bench`: what was measured, on what, and what follows from it. */
import { LoggerError } from '../src/base/errors.js';
import type { Bound, Figure } from './stage.js';

/** Counts up when a report of before cannot be compared any more. */
export const REPORT_FORMAT = 1;

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memory_bytes: number;
  readonly kernel: string;
  /** type of the file system that the store is measured on */
  readonly file_system: string;
}

export interface MeasuredFigure extends Figure {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** (max - min) / median */
  readonly spread: number;
}

export interface StageReport {
  readonly name: string;
  /** what it took */
  readonly seconds: number;
  /** SHA-256 over the bytes it measured with */
  readonly input: string;
  readonly dropped: number;
  readonly notes: readonly string[];
  /** why it has no figures */
  readonly error?: string;
  readonly figures: readonly MeasuredFigure[];
}

export interface Report {
  readonly format: typeof REPORT_FORMAT;
  readonly date: string;
  readonly version: string;
  /** of the sources, with a `+` behind it when they were changed; absent outside of a repository */
  readonly commit?: string;
  readonly node: string;
  readonly machine: Machine;
  /** average load of the last 1, 5 and 15 minutes when the bench began */
  readonly load: readonly number[];
  readonly smoke: boolean;
  readonly effort: number;
  readonly runs: number;
  /** SHA-256 over those of the stages */
  readonly input: string;
  /** every stage has run, and nothing was dropped */
  readonly valid: boolean;
  readonly stages: readonly StageReport[];
}

export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** A figure with what its values say together. */
export function measured(figure: Figure): MeasuredFigure {
  const { name, values } = figure;
  if (values.length === 0 || !values.every((value) => Number.isFinite(value) && value >= 0))
    throw new Error(`${name} has no values that are numbers from 0 up: ${values.join(', ')}`);
  const median = medianOf(values);
  const [min, max] = [Math.min(...values), Math.max(...values)];
  return { ...figure, median, min, max, spread: median === 0 ? 0 : (max - min) / median };
}

/** The number that a bound stands for; undefined when the figure it refers to was not measured. */
export function boundValue(bound: Bound, figures: readonly MeasuredFigure[]): number | undefined {
  if ('value' in bound) return bound.value;
  const other = figures.find(({ name }) => name === bound.of);
  return other === undefined ? undefined : other.median * bound.ratio;
}

/** Whether a figure reaches its target; undefined when it has none, or none that can be told here. */
export function reachesTarget(
  { better, median, target }: MeasuredFigure,
  figures: readonly MeasuredFigure[],
): boolean | undefined {
  const value = target === undefined ? undefined : boundValue(target, figures);
  if (value === undefined) return undefined;
  return better === 'less' ? median <= value : median >= value;
}

/** Reads what `--json` wrote; `path` is for the message when it is something else. */
export function parseReport(text: string, path: string): Report {
  const wrong = (why: string) => new LoggerError('USAGE', `${path} is no report of logger bench: ${why}`);
  let report: Partial<Report>;
  try {
    report = JSON.parse(text);
  } catch (error) {
    throw wrong((error as Error).message);
  }
  if (report?.format !== REPORT_FORMAT) throw wrong(`its format is not ${REPORT_FORMAT}`);
  if (!Array.isArray(report.stages)) throw wrong('it has no stages');
  return report as Report;
}

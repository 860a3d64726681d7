/** Reports made up for tests of what is done with them. */
import { measured, type Report } from '../../bench/report.js';
import type { Figure } from '../../bench/stage.js';

export function figureOf(name: string, values: readonly number[], rest: Partial<Figure> = {}): Figure {
  return { name, unit: 'ms', better: 'less', group: 'times', values, ...rest };
}

/** A valid report with one stage. */
export function reportOf(figures: readonly Figure[], rest: Partial<Report> = {}): Report {
  return {
    format: 1,
    date: '2026-11-21T00:00:00.000Z',
    version: '0.0.0',
    node: 'v20.0.0',
    machine: { cpu: 'a', cores: 2, memory_bytes: 2 ** 34, kernel: 'Linux', file_system: 'ext4' },
    load: [0, 0, 0],
    smoke: false,
    effort: 1,
    runs: 3,
    input: 'a',
    valid: true,
    stages: [{ name: 'some', seconds: 1, input: 'b', dropped: 0, notes: [], figures: figures.map(measured) }],
    ...rest,
  };
}

/** What goes between the bench and the process of a stage. */
import type { MeasuredFigure } from './report.js';

/** Argument of the process, as JSON. */
export interface StageInit {
  readonly stage: string;
  readonly smoke: boolean;
  readonly seconds: number;
  readonly effort: number;
  readonly runs: number;
  readonly loads: readonly string[];
  readonly folder: string;
}

export type StageMessage =
  | { readonly kind: 'progress'; readonly text: string }
  | { readonly kind: 'note'; readonly text: string }
  | { readonly kind: 'figure'; readonly figure: MeasuredFigure }
  /** the last one: SHA-256 of the input, what was lost, and why the stage failed if it did */
  | { readonly kind: 'ended'; readonly input: string; readonly dropped: number; readonly error?: string };

/** Stage `sinks`: what delivering costs. */
import type { Figure, StageContext } from '../stage.js';

export function figures(context: StageContext): Iterable<Figure> {
  context.note('no sinks in this version: nothing is delivered, so there is nothing to measure');
  return [];
}

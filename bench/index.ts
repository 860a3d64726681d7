/** What `logger bench` needs of the bench. Stages themselves are loaded in their own processes. */
export { type Comparison, compare, regressions } from './compare.js';
export { ALL_LOADS, PACED_LOADS } from './paced_loads.js';
export { pageOf } from './page.js';
export { parseReport, type Report } from './report.js';
export { runBench } from './run.js';
export { STAGES, secondsOf } from './stages.js';
export {
  CHANGE_COLUMNS,
  changeLines,
  FIGURE_COLUMNS,
  figureLines,
  noteLines,
  originLines,
  type TextColumn,
} from './table.js';

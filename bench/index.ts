/** What `logger bench` needs of the bench. Stages themselves are loaded in their own processes. */
export { type Comparison, compare, regressions } from './compare.js';
export { pageOf } from './page.js';
export { parseReport, type Report } from './report.js';
export { runBench } from './run.js';
export { STAGES } from './stages.js';
export {
  CHANGE_COLUMNS,
  changeLines,
  FIGURE_COLUMNS,
  figureLines,
  noteLines,
  originLines,
  type TextColumn,
} from './table.js';

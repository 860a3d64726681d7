/** Bar charts as SVG, readable on light and on dark pages: one horizontal bar per figure, its spread as a line. */
import { numberText } from './numbers.js';

export interface Bar {
  readonly label: string;
  readonly value: number;
  readonly min: number;
  readonly max: number;
}

const PLOT_WIDTH = 420;
const VALUE_WIDTH = 90;
/** Of the average character of a wide font; what is cut off cannot be read, room to spare can. */
const CHARACTER_WIDTH = 7.2;
const LABEL_GAP = 8;
const TOP = 34;
const BAR_STEP = 24;
const BAR_HEIGHT = 14;
const AXIS_HEIGHT = 44;
const TICKS = 4;

const STYLE = `
  svg { color: #1f2328; }
  @media (prefers-color-scheme: dark) { svg { color: #e6edf3; } }
  text { font: 12px system-ui, sans-serif; fill: currentColor; }
  .title { font-weight: 600; font-size: 13px; }
  .bar { fill: #3b82c4; }
  .spread { stroke: currentColor; stroke-width: 1.5; }
  .axis { stroke: currentColor; stroke-opacity: 0.25; }
`;

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replace(/\p{Cc}/gu, '?');
}

/** A round distance between the marks of an axis that reaches `max`. */
function tickOf(max: number): number {
  const rough = max / TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough) ?? 10;
  return step * power;
}

/** Where things lie in a chart. */
interface Frame {
  readonly left: number;
  readonly bottom: number;
  /** marks of the axis, from 0 on */
  readonly marks: readonly number[];
  readonly x: (value: number) => number;
}

function frameOf(bars: readonly Bar[]): Frame {
  const longest = Math.max(...bars.map(({ label }) => label.length));
  const left = Math.ceil(longest * CHARACTER_WIDTH) + LABEL_GAP;
  const largest = Math.max(...bars.map(({ max }) => max));
  const tick = largest > 0 ? tickOf(largest) : 1;
  const ticks = Math.max(1, Math.ceil(largest / tick));
  return {
    left,
    bottom: TOP + bars.length * BAR_STEP,
    marks: Array.from({ length: ticks + 1 }, (_, i) => i * tick),
    x: (value) => Number((left + (value / (ticks * tick)) * PLOT_WIDTH).toFixed(1)),
  };
}

function axisOf({ marks, bottom, x }: Frame): string[] {
  return marks.map(
    (mark) =>
      `<line class="axis" x1="${x(mark)}" y1="${TOP - 4}" x2="${x(mark)}" y2="${bottom}"/>` +
      `<text x="${x(mark)}" y="${bottom + 16}" text-anchor="middle">${numberText(mark)}</text>`,
  );
}

function drawn({ label, value, min, max }: Bar, y: number, { left, x }: Frame): string {
  const middle = y + BAR_HEIGHT / 2;
  const spread = `<line class="spread" x1="${x(min)}" y1="${middle}" x2="${x(max)}" y2="${middle}"/>`;
  return (
    `<text x="${left - LABEL_GAP}" y="${y + 11}" text-anchor="end">${escaped(label)}</text>` +
    `<rect class="bar" x="${left}" y="${y}" width="${(x(value) - left).toFixed(1)}" height="${BAR_HEIGHT}"/>` +
    `${max > min ? spread : ''}<text x="${x(max) + 6}" y="${y + 11}">${numberText(value)}</text>`
  );
}

/** A chart of bars that share `unit`; the axis begins at 0. */
export function barChart(title: string, unit: string, better: 'less' | 'more', bars: readonly Bar[]): string {
  const frame = frameOf(bars);
  const { left, bottom } = frame;
  const width = left + PLOT_WIDTH + VALUE_WIDTH;
  const height = bottom + AXIS_HEIGHT;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<style>${STYLE}</style>`,
    `<text class="title" x="0" y="16">${escaped(title)}</text>`,
    ...axisOf(frame),
    ...bars.map((bar, i) => drawn(bar, TOP + i * BAR_STEP, frame)),
    `<text x="${left + PLOT_WIDTH / 2}" y="${bottom + 36}" text-anchor="middle">${escaped(unit)} (${better} is better)</text>`,
    '</svg>',
    '',
  ].join('\n');
}

/** Bar charts as SVG, readable on light and on dark pages: one horizontal bar per figure, its spread as a line. */
import { numberText } from './numbers.js';

export interface Bar {
  readonly label: string;
  readonly value: number;
  readonly min: number;
  readonly max: number;
}

const WIDTH = 760;
const LABEL_WIDTH = 260;
const VALUE_WIDTH = 90;
const PLOT_WIDTH = WIDTH - LABEL_WIDTH - VALUE_WIDTH;
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

/** A chart of bars that share `unit`; the axis begins at 0. */
export function barChart(title: string, unit: string, better: 'less' | 'more', bars: readonly Bar[]): string {
  const largest = Math.max(...bars.map(({ max }) => max));
  const tick = largest > 0 ? tickOf(largest) : 1;
  const ticks = Math.max(1, Math.ceil(largest / tick));
  const scale = PLOT_WIDTH / (ticks * tick);
  const x = (value: number) => (LABEL_WIDTH + value * scale).toFixed(1);
  const bottom = TOP + bars.length * BAR_STEP;
  const height = bottom + AXIS_HEIGHT;
  const axis = Array.from({ length: ticks + 1 }, (_, i) => {
    const at = x(i * tick);
    return (
      `<line class="axis" x1="${at}" y1="${TOP - 4}" x2="${at}" y2="${bottom}"/>` +
      `<text x="${at}" y="${bottom + 16}" text-anchor="middle">${numberText(i * tick)}</text>`
    );
  });
  const drawn = bars.map(({ label, value, min, max }, i) => {
    const y = TOP + i * BAR_STEP;
    const middle = y + BAR_HEIGHT / 2;
    const spread =
      max > min ? `<line class="spread" x1="${x(min)}" y1="${middle}" x2="${x(max)}" y2="${middle}"/>` : '';
    return (
      `<text x="${LABEL_WIDTH - 8}" y="${y + 11}" text-anchor="end">${escaped(label)}</text>` +
      `<rect class="bar" x="${LABEL_WIDTH}" y="${y}" width="${(value * scale).toFixed(1)}" height="${BAR_HEIGHT}"/>` +
      `${spread}<text x="${(LABEL_WIDTH + max * scale + 6).toFixed(1)}" y="${y + 11}">${numberText(value)}</text>`
    );
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<style>${STYLE}</style>`,
    `<text class="title" x="0" y="16">${escaped(title)}</text>`,
    ...axis,
    ...drawn,
    `<text x="${LABEL_WIDTH + PLOT_WIDTH / 2}" y="${bottom + 36}" text-anchor="middle">${escaped(unit)} (${better} is better)</text>`,
    '</svg>',
    '',
  ].join('\n');
}

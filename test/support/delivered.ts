/** What the sink `jsonl` has written, compared with the column files. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { difference, plainRows, rowName } from './plain_rows.js';

type Line = Readonly<Record<string, unknown>>;

/** Every line of the files of a sink, complete ones and the one that is written, in their order. */
export function deliveredLines(folder: string, sink: string): Line[] {
  if (!existsSync(folder)) return [];
  const number = (name: string) => Number(/\.(\d{6})\.jsonl/.exec(name)?.[1]);
  const files = readdirSync(folder)
    .filter((name) => name.startsWith(`${sink}.`))
    .sort((a, b) => number(a) - number(b));
  return files.flatMap((name) => {
    const bytes = readFileSync(join(folder, name));
    const text = name.includes('.gz')
      ? bytes.length === 0
        ? ''
        : gunzipSync(bytes).toString()
      : String(bytes);
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Line);
  });
}

export interface Comparison {
  readonly rows: number;
  readonly delivered: number;
  readonly missing: readonly string[];
  readonly twice: readonly string[];
  readonly wrong: readonly string[];
}

/** `wanted`: the rows that the sink should have, all by default. */
export function compareDelivered(
  dataPath: string,
  lines: readonly Line[],
  wanted: (row: Line) => boolean = () => true,
): Comparison {
  const rows = new Map([...plainRows(dataPath)].filter(([, row]) => wanted(row)));
  const seen = new Set<string>();
  const twice: string[] = [];
  const wrong: string[] = [];
  for (const line of lines) {
    const name = rowName(line);
    if (seen.has(name)) twice.push(name);
    seen.add(name);
    const row = rows.get(name);
    const differs = row === undefined ? 'is in no column file' : difference(row, line);
    if (differs !== '') wrong.push(`${name}: ${differs}`);
  }
  const missing = [...rows.keys()].filter((name) => !seen.has(name));
  return { rows: rows.size, delivered: lines.length, missing, twice, wrong };
}

/** What is wrong in a few words; '' when nothing is. */
export function comparisonText({ rows, delivered, missing, twice, wrong }: Comparison): string {
  const parts = { missing, twice, wrong };
  const found = Object.entries(parts).filter(([, names]) => names.length > 0);
  if (found.length === 0) return '';
  const shown = found.map(([what, names]) => `${names.length} ${what}: ${names.slice(0, 3).join('; ')}`);
  return `of ${rows} rows ${delivered} were delivered; ${shown.join(' · ')}`;
}

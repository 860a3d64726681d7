/**
 * What has become of the rows of a data directory that was damaged: each that was there and is not itself damaged is
 * there still, or in the quarantine and listed in GAPS; no id is there twice, or there and listed. Goes by plain_files.ts
 * alone.
 */
import { type Dirent, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DISK, gapsOf, type PlainDay, type PlainGap, TABLE_IDS, valuesOf, widthOf } from './plain_files.js';

const REPAIRED = 1;

type Days = ReadonlyMap<string, PlainDay>;

export interface Judgement {
  /** rows that were there and are not, and how many of them GAPS lists */
  readonly lost: number;
  readonly listed: number;
  readonly problems: readonly string[];
}

export interface Case {
  readonly data: string;
  readonly before: Days;
  readonly after: Days;
  /** whether a file, or a folder above it, was damaged in place */
  readonly spoiled: (path: string) => boolean;
  /** rows that nobody has written and that are listed all the same */
  readonly made_up_rows: number;
}

export function judge(scene: Case): Judgement {
  const problems: string[] = [];
  let lost = 0;
  let listed = 0;
  for (const [name, before] of scene.before) {
    const found = lostOf(scene, name, before);
    problems.push(...found.problems);
    lost += found.lost.length;
    listed += found.listed;
  }
  for (const [name, day] of scene.after)
    if (day.ragged) problems.push(`${name}: columns of different lengths`);
  const symbols = new Set([...scene.after.values()].map(({ table }) => symbolOf(table)));
  for (const symbol of symbols) problems.push(...idProblems(scene, symbol));
  return { lost, listed, problems };
}

const symbolOf = (table: string) => table.split('/').slice(0, 2).join('/');
const kindOf = (table: string) => table.split('/')[2];

/** Rows of a table-day that are not in their place any more: in the quarantine, and in GAPS. */
function lostOf(
  scene: Case,
  name: string,
  before: PlainDay,
): { lost: number[]; listed: number; problems: string[] } {
  const whole = [...before.columns].filter(([column]) => !scene.spoiled(fileOf(before, column)));
  const kept = rowsKept(whole, scene.after.get(name), before.rows);
  const lost = Array.from({ length: before.rows - kept }, (_, row) => kept + row);
  const problems: string[] = [];
  if (whole.length > 0)
    for (const [column, bytes] of lost.length === 0 ? [] : whole) {
      const width = widthOf(column);
      const rows = bytes.subarray(kept * width, before.rows * width);
      if (!isQuarantined(scene.data, fileOf(before, column), rows))
        problems.push(`${fileOf(before, column)}: rows ${kept} to ${before.rows - 1} are gone`);
    }
  const listed = sum(newLosses(scene, before.table).map(({ messages }) => messages));
  // what is listed of GAPS is found again by its ids
  if (kindOf(before.table) === 'GAPS' || whole.length === 0) return { lost, listed, problems };
  if (listed !== lost.length + (lost.length === 0 ? madeUp(scene, before) : 0))
    problems.push(`${name}: ${lost.length} rows are lost, ${listed} are listed`);
  problems.push(...unlistedTimes(scene, before, lost));
  return { lost, listed, problems };
}

/** A column that is damaged in place is the one that is too long. */
function madeUp({ made_up_rows, spoiled }: Case, day: PlainDay): number {
  return [...day.columns.keys()].some((column) => spoiled(fileOf(day, column))) ? made_up_rows : 0;
}

const fileOf = ({ table, stamp }: PlainDay, column: string) => `${table}/${column}.${stamp}.bin`;
const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

/** Rows from the first on that have kept their values in all of these columns. */
function rowsKept(
  columns: readonly (readonly [string, Buffer])[],
  after: PlainDay | undefined,
  rows: number,
): number {
  const kept = columns.map(([name, bytes]) => {
    const now = after?.columns.get(name) ?? Buffer.alloc(0);
    const width = widthOf(name);
    const length = Math.min(now.length, rows * width);
    let same = 0;
    while (same < length && now[same] === bytes[same]) same++;
    return Math.floor(same / width);
  });
  return Math.min(rows, ...kept);
}

/** Whether the quarantine has these bytes in a file of this path; what a link there leads to counts. */
function isQuarantined(data: string, path: string, bytes: Buffer): boolean {
  const root = join(data, 'quarantine');
  if (!existsSync(root)) return false;
  return readdirSync(root).some((name) => {
    const folder = join(root, name, path, '..');
    const [file] = path.split('/').slice(-1);
    const names = existsSync(folder) && statSync(folder).isDirectory() ? entriesOf(folder) : [];
    return names
      .filter((entry) => entry.name.startsWith(file) && statSync(join(folder, entry.name)).isFile())
      .some((entry) => readFileSync(join(folder, entry.name)).includes(bytes));
  });
}

function entriesOf(folder: string): Dirent[] {
  return readdirSync(folder, { withFileTypes: true }).filter((entry) => existsSync(join(folder, entry.name)));
}

/** Rows of GAPS that tell of lost files of a table and were not there before. */
function newLosses({ before, after }: Case, table: string): PlainGap[] {
  const id = TABLE_IDS[kindOf(table)];
  const of = (days: Days) =>
    gapsOf(days, symbolOf(table)).filter((gap) => gap.table === id && gap.cause === DISK);
  const known = new Set(of(before).map((gap) => JSON.stringify(gap)));
  return of(after).filter((gap) => !known.has(JSON.stringify(gap)));
}

function unlistedTimes(scene: Case, before: PlainDay, lost: readonly number[]): string[] {
  if (lost.length === 0 || scene.spoiled(fileOf(before, 'recv_time'))) return [];
  const losses = newLosses(scene, before.table);
  const received = valuesOf(before, 'recv_time');
  const open = lost.filter(
    (row) => !losses.some((gap) => gap.from_time <= received[row] && received[row] <= gap.to_time),
  );
  return open.length === 0
    ? []
    : [`${before.table}: ${open.length} lost rows were received when GAPS lists no loss`];
}

/** Ids of the trades of a symbol, over all days. */
function idsOf(days: Days, symbol: string, spoiled: Case['spoiled'] = () => false): number[] {
  return [...days.values()]
    .filter((day) => day.table === `${symbol}/TRADES` && !spoiled(fileOf(day, 'trade_id')))
    .flatMap((day) => valuesOf(day, 'trade_id'));
}

/** Every id between the first and the last is there once, or listed, or in the quarantine. */
function idProblems(scene: Case, symbol: string): string[] {
  const { before, after, spoiled } = scene;
  const problems: string[] = [];
  const report = (what: string, ids: readonly number[]) => {
    if (ids.length > 0) problems.push(`${symbol}: ${ids.length} ids ${what}: ${ids[0]} to ${ids.at(-1)}`);
  };
  const found = idsOf(after, symbol, spoiled).sort((a, b) => a - b);
  const listed = gapsOf(after, symbol).filter(
    ({ table, from_id }) => table === TABLE_IDS.TRADES && from_id > 0,
  );
  // the last word counts
  const isListed = (id: number) => {
    const last = listed.findLast(({ from_id, to_id }) => from_id <= id && id <= to_id);
    return last !== undefined && (last.flags & REPAIRED) === 0;
  };
  report(
    'are there twice',
    found.filter((id, i) => id === found[i - 1]),
  );
  report('are there and listed', found.filter(isListed));
  const ranges = listed.filter(({ flags }) => (flags & REPAIRED) === 0).sort((a, b) => a.from_id - b.from_id);
  report(
    'are listed twice',
    ranges.filter(({ from_id }, i) => i > 0 && from_id <= ranges[i - 1].to_id).map(({ from_id }) => from_id),
  );
  const known = new Set([...found, ...setAsideIds(scene, symbol)]);
  const first = Math.min(...idsOf(before, symbol, spoiled), ...found);
  const missing = Array.from({ length: Math.max(0, (found.at(-1) ?? 0) - first) }, (_, i) => first + i);
  report(
    'are missing and not listed',
    missing.filter((id) => !known.has(id) && !isListed(id)),
  );
  return problems;
}

/** Ids that were there before and are listed by the times of their rows. */
function setAsideIds(scene: Case, symbol: string): number[] {
  const losses = newLosses(scene, `${symbol}/TRADES`).filter(({ from_id }) => from_id === 0);
  const days = [...scene.before.values()].filter(({ table }) => table === `${symbol}/TRADES`);
  return days.flatMap((day) => {
    const received = valuesOf(day, 'recv_time');
    const isLost = (row: number) =>
      losses.some((gap) => gap.from_time <= received[row] && received[row] <= gap.to_time);
    return valuesOf(day, 'trade_id').filter((_, row) => isLost(row));
  });
}

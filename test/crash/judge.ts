/**
 * What has become of the rows of a data directory that was damaged: each that was there and is not itself damaged is
 * there still, or in the quarantine and listed in GAPS; no id is there twice, or there and listed. Goes by plain_files.ts
 * alone.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DISK, gapsOf, type PlainDay, type PlainGap, TABLE_IDS, valuesOf, widthOf } from './plain_files.js';

const REPAIRED = 1;
const isRepaired = ({ flags }: PlainGap) => (flags & REPAIRED) !== 0;

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
  readonly made_up_rows: Readonly<Record<string, number>>;
  /** damage is left where it is, and columns of different lengths with it */
  readonly left: boolean;
}

interface Found {
  readonly lost: readonly number[];
  readonly listed: number;
  readonly problems: string[];
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
    if (day.ragged && !scene.left) problems.push(`${name}: columns of different lengths`);
  const symbols = new Set([...scene.after.values()].map(({ table }) => symbolOf(table)));
  for (const symbol of symbols) problems.push(...idProblems(scene, symbol));
  return { lost, listed, problems };
}

const symbolOf = (table: string) => table.split('/').slice(0, 2).join('/');
const kindOf = (table: string) => table.split('/')[2];

/** Rows of a table-day that are not in its files any more: in the quarantine, and in GAPS. */
function lostOf(scene: Case, name: string, before: PlainDay): Found {
  const whole = [...before.columns].filter(([column]) => !scene.spoiled(fileOf(before, column)));
  const lost = rowsMissing(whole, before.rows, scene.after.get(name));
  const listed = sum(newLosses(scene, before.table).map(({ messages }) => messages));
  const problems = whole
    .filter(([column, bytes]) => !isQuarantined(scene.data, fileOf(before, column), bytes, lost))
    .map(([column]) => `${fileOf(before, column)}: rows ${lost[0]} to ${lost.at(-1)} are gone`);
  // what GAPS has lost of itself is found again by the ids
  if (kindOf(before.table) === 'GAPS' || whole.length === 0) return { lost, listed, problems };
  const expected = lost.length + (scene.made_up_rows[name] ?? 0);
  if (listed !== expected) problems.push(`${name}: ${expected} rows are lost, ${listed} are listed`);
  problems.push(...unlistedTimes(scene, before, lost));
  return { lost, listed, problems };
}

const fileOf = ({ table, stamp }: PlainDay, column: string) => `${table}/${column}.${stamp}.bin`;
const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

/** Rows, by their number before, whose values in these columns no row has after; a row may have moved. */
function rowsMissing(
  columns: readonly (readonly [string, Buffer])[],
  rows: number,
  after: PlainDay | undefined,
): number[] {
  // nothing that is whole shows which rows they were
  if (columns.length === 0) return [];
  const names = columns.map(([name]) => name);
  const left = new Map<string, number>();
  for (const key of after === undefined ? [] : keysOf(after.columns, names, rowsOf(after, names)))
    left.set(key, (left.get(key) ?? 0) + 1);
  return keysOf(new Map(columns), names, rows).flatMap((key, row) => {
    const count = left.get(key) ?? 0;
    left.set(key, count - 1);
    return count > 0 ? [] : [row];
  });
}

/** Rows that these columns have, which may be more than all have. */
function rowsOf({ columns }: PlainDay, names: readonly string[]): number {
  return Math.floor(Math.min(...names.map((name) => (columns.get(name)?.length ?? 0) / widthOf(name))));
}

/** The values of each row in these columns. */
function keysOf(columns: ReadonlyMap<string, Buffer>, names: readonly string[], rows: number): string[] {
  return Array.from({ length: rows }, (_, row) =>
    names
      .map((name) => columns.get(name)?.toString('latin1', row * widthOf(name), (row + 1) * widthOf(name)))
      .join(),
  );
}

/** Whether the quarantine has the values of these rows in files of this path; what a link there leads to counts. */
function isQuarantined(data: string, path: string, bytes: Buffer, rows: readonly number[]): boolean {
  const width = widthOf(path.split('/').at(-1)?.split('.')[0] as string);
  const kept = quarantined(data, path);
  return stretches(rows).every(([from, to]) => {
    const wanted = bytes.subarray(from * width, (to + 1) * width);
    return kept.some((file) => file.includes(wanted));
  });
}

/** First and last of each run of numbers. */
function stretches(numbers: readonly number[]): [number, number][] {
  const found: [number, number][] = [];
  for (const n of numbers) {
    const last = found.at(-1);
    if (last !== undefined && n === last[1] + 1) last[1] = n;
    else found.push([n, n]);
  }
  return found;
}

/** Contents of the files in the quarantine that were, or were cut off, a file. */
function quarantined(data: string, path: string): Buffer[] {
  const root = join(data, 'quarantine');
  const name = path.split('/').at(-1) as string;
  return (existsSync(root) ? readdirSync(root) : []).flatMap((time) => {
    const folder = join(root, time, path, '..');
    const names = existsSync(folder) && statSync(folder).isDirectory() ? readdirSync(folder) : [];
    return names
      .map((file) => join(folder, file))
      .filter((file) => file.startsWith(join(folder, name)) && existsSync(file) && statSync(file).isFile())
      .map((file) => readFileSync(file));
  });
}

/** Rows of GAPS that list lost files of a table and were not there before; what takes them back lists nothing. */
function newLosses({ before, after }: Case, table: string): PlainGap[] {
  const id = TABLE_IDS[kindOf(table)];
  const of = (days: Days) =>
    gapsOf(days, symbolOf(table)).filter((gap) => gap.table === id && gap.cause === DISK && !isRepaired(gap));
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
    return last !== undefined && !isRepaired(last);
  };
  report(
    'are there twice',
    found.filter((id, i) => id === found[i - 1]),
  );
  report('are there and listed', found.filter(isListed));
  report('are listed twice', listedTwice(listed));
  const had = idsOf(before, symbol, spoiled);
  const known = new Set([...found, ...setAsideIds(scene, symbol)]);
  const [first = 0, last = 0] = [found[0], found.at(-1)];
  const missing = [
    ...had.filter((id) => id < first),
    ...Array.from({ length: last - first }, (_, i) => first + i),
  ];
  const newest = Math.max(...had);
  const next = found.find((id) => id > newest) ?? 0;
  const isDowntime = (id: number) => newest < id && id < next && hasInterval(scene, symbol);
  report(
    'are missing and not listed',
    missing.filter((id) => !known.has(id) && !isListed(id) && !isDowntime(id)),
  );
  return problems;
}

/** Ids that are listed while they are listed already; what was repaired may be lost again. */
function listedTwice(gaps: readonly PlainGap[]): number[] {
  const open = new Set<number>();
  const twice: number[] = [];
  for (const gap of gaps)
    for (let id = gap.from_id; id <= gap.to_id; id++)
      if (isRepaired(gap)) open.delete(id);
      else if (open.has(id)) twice.push(id);
      else open.add(id);
  return twice;
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

/** Whether GAPS lists, by times alone, what came between the rows before and those after. */
function hasInterval({ before, after }: Case, symbol: string): boolean {
  const intervals = (days: Days) =>
    gapsOf(days, symbol).filter(({ table, from_id }) => table === TABLE_IDS.TRADES && from_id === 0).length;
  return intervals(after) > intervals(before);
}

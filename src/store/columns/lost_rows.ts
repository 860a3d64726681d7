/**
 * Rows of a table-day whose files cannot stay as they are: which ids they have, so that GAPS can list them, and how their
 * files go to the quarantine. Nothing here trusts the files. Writer thread, and recovery.
 */
import type { GapValues } from '../../schema/gap.js';
import { readWhole, type StoreIo, withFile } from '../disk/io.js';
import { checksumsFile, literalsFile } from '../disk/paths.js';
import type { Quarantine } from '../disk/quarantine.js';
import { type FilesKey, foreignFolder, pathOf } from './found_files.js';
import { ID_BYTES, ID_COLUMN } from './id_range.js';

/** Separate stretches of ids that are listed one by one; beyond them ids are listed as one range. */
const STRETCHES_MAX = 64;
const ROWS_AT_ONCE = 65_536;
const DAY_SECS = 86_400;

export interface LostRows {
  /** as many as the longest column had */
  readonly rows: number;
  /** first and last of their ids, ascending; none where the table has no ids or they cannot be read */
  readonly ids: readonly (readonly [from: number, to: number])[];
  /** what was found */
  readonly why: string;
}

/** Rows of GAPS for them, if there are any: from the start of their day on, up to `to` (seconds and nanoseconds). */
export function gapsOf(
  { table, day }: Pick<FilesKey, 'table' | 'day'>,
  { rows, ids }: Pick<LostRows, 'rows' | 'ids'>,
  to: ArrayLike<number>,
): GapValues[] {
  if (rows === 0) return [];
  const told = ids.length > 0 ? ids : [[0, 0] as const];
  return told.map(([fromId, toId]) => ({
    tableId: table.id,
    cause: 'disk',
    fromId,
    toId,
    fromSeconds: day * DAY_SECS,
    fromNanos: 0,
    toSeconds: to[0],
    toNanos: to[1],
    messages: told.length > 1 ? toId - fromId + 1 : rows,
  }));
}

/** What the files hold from row `from` on. */
export function lostRows(io: StoreIo, key: FilesKey, from: number, why: string): LostRows {
  const counts = key.table.columns.map(({ name, bytes }) =>
    Math.floor(Math.max(0, io.sizeOf(pathOf(key, name))) / bytes),
  );
  return { rows: Math.max(0, ...counts) - from, ids: idsFrom(io, key, from), why };
}

function idsFrom(io: StoreIo, key: FilesKey, from: number): LostRows['ids'] {
  if (key.table.at[ID_COLUMN] === undefined) return [];
  const path = pathOf(key, ID_COLUMN);
  const rows = Math.floor(Math.max(0, io.sizeOf(path)) / ID_BYTES);
  if (rows <= from) return [];
  try {
    return stretchesOf(readIds(io, path, from, rows));
  } catch (error) {
    // they are in the quarantine, whatever they are
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    return [];
  }
}

function readIds(io: StoreIo, path: string, from: number, rows: number): Float64Array {
  const ids = new Float64Array(rows - from);
  withFile(io, io.openToRead(path), (fd) => {
    const chunk = Buffer.alloc(Math.min(ROWS_AT_ONCE, ids.length) * ID_BYTES);
    for (let row = 0; row < ids.length; row += ROWS_AT_ONCE) {
      const end = io.read(fd, chunk, 0, (from + row) * ID_BYTES) - ID_BYTES;
      for (let at = 0, i = row; at <= end && i < ids.length; at += ID_BYTES, i++)
        ids[i] = Number(chunk.readBigUInt64LE(at));
    }
  });
  return ids;
}

/** Ids beyond 2^53 have lost their last digits, and none is 0. */
function stretchesOf(found: Float64Array): LostRows['ids'] {
  const ids = found.filter((id) => id > 0 && id <= Number.MAX_SAFE_INTEGER).sort();
  const stretches: [number, number][] = [];
  for (const id of ids) {
    const last = stretches.at(-1);
    if (last !== undefined && id <= last[1] + 1) last[1] = id;
    else stretches.push([id, id]);
  }
  const [first, last] = [stretches[0], stretches.at(-1)];
  return first === undefined || last === undefined || stretches.length <= STRETCHES_MAX
    ? stretches
    : [[first[0], last[1]]];
}

/** Moves every file of the day to the quarantine; a folder that is none of ours goes there itself. */
export function setFilesAside(io: StoreIo, quarantine: Quarantine, key: FilesKey): void {
  const foreign = foreignFolder(io, key.folder);
  if (foreign !== undefined) {
    quarantine.move(foreign);
    return;
  }
  const { table, day, folder } = key;
  const others = [literalsFile(day), checksumsFile(day)].map((name) => `${folder}/${name}`);
  for (const path of [...table.columns.map(({ name }) => pathOf(key, name)), ...others])
    if (io.kindOf(path) !== 'none') quarantine.move(path);
}

/** Bytes of a side-car up to the first line that belongs to none of the first `rows` rows. */
export function textsOfRows(io: StoreIo, path: string, rows: number): number {
  const text = readWhole(io, path)?.toString('latin1') ?? '';
  let at = 0;
  for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', at)) {
    if (!(rowOf(text.slice(at, end)) < rows)) break;
    at = end + 1;
  }
  return at;
}

function rowOf(line: string): number {
  return Number(/^\{"row":(\d+),/.exec(line)?.[1]);
}

/**
 * The checksum file of a table-day: how many rows it had when it was sealed, and size and CRC-32 of each of its files
 * at that moment. Columns are append-only, so the files always begin with these bytes: rows behind them came late,
 * fewer rows or other bytes are damage. Nothing is taken back when a late row comes, so there is no moment at which
 * damage is not covered or a good file is accused. Used by the sealer and by verification; the reading of files is
 * made of steps, so that the sealer can pause.
 *
 *   {"format":1,"rows":2,"files":{"trade_id.21.11.26.bin":{"bytes":16,"crc32":"0a1b2c3d"}, …}}
 */
import { crc32 } from 'node:zlib';
import { messageOf } from '../../base/errors.js';
import { SEAL_GRACE_SECS } from '../../base/limits.js';
import type { Column } from '../../schema/columns.js';
import type { Table } from '../../schema/layout.js';
import { readWhole, replaceFile, type StoreIo } from '../disk/io.js';
import { checksumsFile, columnFile, literalsFile } from '../disk/paths.js';

export interface SealedFile {
  readonly bytes: number;
  /** of the first `bytes` bytes, eight hexadecimal digits */
  readonly crc32: string;
}

export interface Seal {
  readonly format: 1;
  readonly rows: number;
  /** by file name; the side-car only when it had bytes */
  readonly files: Readonly<Record<string, SealedFile>>;
}

/** Which table-day. */
export interface SealPlace {
  readonly folder: string;
  readonly table: Table;
  readonly day: number;
}

/** What the files of a table-day hold, measured without reading them. */
export interface Measured {
  readonly rows: number;
  /** bytes by file name; the side-car only when it has any */
  readonly files: ReadonlyMap<string, number>;
  /** why the columns do not agree: so it is while rows are written, and otherwise damage */
  readonly disagreement: string | undefined;
}

const DAY_MS = 86_400_000;

/** The newest UTC day whose table-days are to be sealed. `nowMs`: wall clock. */
export function newestClosedDay(nowMs: number): number {
  return Math.floor((nowMs - SEAL_GRACE_SECS * 1000) / DAY_MS) - 1;
}

/** Read between two chances to pause. */
const PIECE_BYTES = 1 << 20;

const hex = (crc: number): string => crc.toString(16).padStart(8, '0');

/** Rows and sizes as they are now. */
export function measure(io: StoreIo, { folder, table, day }: SealPlace): Measured {
  const files = new Map<string, number>();
  const sizes = table.columns.map((column) => {
    const name = columnFile(column.name, day);
    return { column, name, bytes: Math.max(0, io.sizeOf(`${folder}/${name}`)) };
  });
  // the others were made ahead of time, or the day began without them
  const filled = sizes.filter(({ bytes }) => bytes > 0);
  for (const { name, bytes } of filled) files.set(name, bytes);
  const texts = io.sizeOf(`${folder}/${literalsFile(day)}`);
  if (texts > 0) files.set(literalsFile(day), texts);
  const counts = filled.map(({ column, bytes }) => bytes / column.bytes);
  const rows = Math.max(0, ...counts.map(Math.floor));
  const odd = filled.find((_, i) => counts[i] !== rows);
  const empty = rows === 0 ? undefined : sizes.find(({ column, bytes }) => bytes === 0 && isAlways(column));
  const disagreement =
    odd !== undefined
      ? `${odd.name} has ${odd.bytes} bytes where others have ${rows} rows`
      : empty && `${empty.name} is missing or empty where others have ${rows} rows`;
  return { rows, files, disagreement };
}

/** Whether every day has the column. */
function isAlways({ exact, own }: Column): boolean {
  return exact !== true && own !== true;
}

/** The checksum file of a table-day: undefined when there is none, a text when it cannot be used. */
export function readSeal(io: StoreIo, { folder, table, day }: SealPlace): Seal | string | undefined {
  const bytes = readWhole(io, `${folder}/${checksumsFile(day)}`);
  if (bytes === undefined) return undefined;
  try {
    return parseSeal(JSON.parse(bytes.toString('utf8')), table, day);
  } catch (error) {
    return messageOf(error);
  }
}

/** Every value is looked at: a damaged checksum file must not pass for a good one. */
function parseSeal(seal: Seal, table: Table, day: number): Seal | string {
  if (seal?.format !== 1) return `its format is not 1`;
  const { rows } = seal;
  if (!Number.isSafeInteger(rows) || rows <= 0) return 'its rows are no number above 0';
  const widths = new Map(table.columns.map((column) => [columnFile(column.name, day), column.bytes]));
  const files = Object.entries(seal.files);
  for (const [name, file] of files) {
    const width = widths.get(name);
    if (width === undefined && name !== literalsFile(day)) return `${name} is no file of this table-day`;
    if (
      !Number.isSafeInteger(file.bytes) ||
      (width === undefined ? file.bytes <= 0 : file.bytes !== rows * width)
    )
      return `${name} with ${file.bytes} bytes does not go with ${rows} rows`;
    if (!/^[0-9a-f]{8}$/.test(file.crc32)) return `${name} has no CRC-32`;
  }
  return files.some(([name]) => widths.has(name)) ? seal : 'it names no column';
}

export function writeSeal(io: StoreIo, { folder, day }: SealPlace, seal: Seal): void {
  replaceFile(io, folder, checksumsFile(day), Buffer.from(`${JSON.stringify(seal, undefined, 1)}\n`));
}

/**
 * The CRC-32 of the first so many bytes of a file, for each of some lengths in ascending order, in one reading. Throws
 * what the disk says, and ENODATA when the file ends before.
 */
function* crcsOf(io: StoreIo, path: string, lengths: readonly number[]): Generator<'pause', string[]> {
  const fd = io.openToRead(path);
  try {
    const buffer = Buffer.allocUnsafe(Math.min(PIECE_BYTES, lengths[lengths.length - 1]));
    const crcs: string[] = [];
    let crc = 0;
    let at = 0;
    for (const length of lengths) {
      while (at < length) {
        const got = io.read(fd, buffer.subarray(0, length - at), 0, at);
        if (got === 0)
          throw Object.assign(new Error(`ENODATA: ${path} ends at byte ${at}`), { code: 'ENODATA' });
        crc = crc32(buffer.subarray(0, got), crc);
        at += got;
        yield 'pause';
      }
      crcs.push(hex(crc));
    }
    return crcs;
  } finally {
    io.close(fd);
  }
}

/** The seal of what was measured, or what is not as an earlier seal says. Throws what the disk says. */
export function* makeSeal(
  io: StoreIo,
  { folder }: SealPlace,
  measured: Measured,
  earlier: Seal | undefined,
): Generator<'pause', Seal | string> {
  const files: Record<string, SealedFile> = {};
  for (const [name, bytes] of measured.files) {
    const sealed = earlier?.files[name];
    const lengths = sealed === undefined ? [bytes] : [sealed.bytes, bytes];
    const crcs = yield* crcsOf(io, `${folder}/${name}`, lengths);
    if (sealed !== undefined && crcs[0] !== sealed.crc32) return otherBytes(name, sealed, crcs[0]);
    files[name] = { bytes, crc32: crcs[crcs.length - 1] };
  }
  return { format: 1, rows: measured.rows, files };
}

const otherBytes = (name: string, sealed: SealedFile, crc: string): string =>
  `${name} is damaged: its first ${sealed.bytes} bytes have the CRC-32 ${crc}, sealed was ${sealed.crc32}`;

/** Files that lack bytes of a seal, and columns that it does not know, by sizes alone. */
export function compareSizes(io: StoreIo, { folder, table, day }: SealPlace, seal: Seal): string[] {
  const problems: string[] = [];
  for (const [name, { bytes }] of Object.entries(seal.files)) {
    const size = io.sizeOf(`${folder}/${name}`);
    if (size < 0) problems.push(`${name} is missing, sealed are ${bytes} bytes`);
    else if (size < bytes) problems.push(`${name} has ${size} bytes where ${bytes} are sealed`);
  }
  for (const column of table.columns) {
    const name = columnFile(column.name, day);
    if (seal.files[name] === undefined && io.sizeOf(`${folder}/${name}`) > 0)
      problems.push(`${name} is not among the files that were sealed`);
  }
  return problems;
}

/** Everything about the files of a table-day that is not as its seal says. Throws what the disk says. */
export function compareWithSeal(io: StoreIo, place: SealPlace, seal: Seal): string[] {
  const problems = compareSizes(io, place, seal);
  for (const [name, sealed] of Object.entries(seal.files)) {
    const path = `${place.folder}/${name}`;
    if (io.sizeOf(path) < sealed.bytes) continue;
    const reading = crcsOf(io, path, [sealed.bytes]);
    let step = reading.next();
    while (!step.done) step = reading.next();
    if (step.value[0] !== sealed.crc32) problems.push(otherBytes(name, sealed, step.value[0]));
  }
  return problems;
}

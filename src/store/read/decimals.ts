/**
 * Exact numbers: the text an exchange sent from digits and scale or from the side-car, the correctly rounded f32 of
 * such a text, and the shortest text of an f32. Used by reading and verification, in commands and pool tasks.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { LoggerError } from '../../base/errors.js';
import { exactFloat32 } from '../../base/exact.js';
import { decimalText } from '../../schema/codec.js';
import { literalsFile } from '../disk/paths.js';

/** Decimals of the number at a byte of its packed scales column. */
export function scaleOf(scales: number, byte: number): number {
  return (scales >>> (byte * 8)) & 0xff;
}

/** The exact text of a number, trailing zeros included; `byte` is that of its decimals in `scales`. */
export function decimalOf(digits: bigint, scales: number, byte: number): string {
  return decimalText(digits, scaleOf(scales, byte));
}

/**
 * Relative distance that covers every rounding on the way to a double quotient: of the digits, of the power of ten
 * and of the division, 2^-53 each, with room.
 */
export const QUOTIENT_BELOW = 1 - 2 ** -50;
export const QUOTIENT_ABOVE = 1 + 2 ** -50;
/** 10^scale for every scale that fits its byte. */
export const POWERS_OF_TEN = Float64Array.from({ length: 256 }, (_, scale) => Number(`1e${scale}`));

const NUMBER = /^-?\d+(?:\.\d*)?(?:[eE][+-]?\d{1,4})?$/;

/** The correctly rounded f32 of a decimal text; undefined when the text is no such number. */
export function f32OfText(text: string): number | undefined {
  return NUMBER.test(text) ? exactFloat32(text) : undefined;
}

/** The smallest f32 with the full 24 bits; below it fewer digits may distinguish a value from its neighbours. */
const F32_NORMAL_MIN = 2 ** -126;

/** The shortest decimal that reads back as the same f32, without exponent in the usual range; '' for NaN. */
export function textOfF32(value: number): string {
  if (Number.isNaN(value)) return '';
  // six digits always come back from an f32, so a shorter text is found among them
  for (let precision = Math.abs(value) < F32_NORMAL_MIN ? 1 : 6; precision <= 9; precision++) {
    const candidate = Number(value.toPrecision(precision));
    if (Math.fround(candidate) === value) return plainDecimal(candidate);
  }
  return plainDecimal(value);
}

function plainDecimal(value: number): string {
  const text = String(value);
  const match = /^(-?)(\d)(?:\.(\d+))?e-(\d+)$/.exec(text);
  if (match === null) return text;
  const [, sign, whole, fraction = '', exponent] = match;
  return `${sign}0.${'0'.repeat(Number(exponent) - 1)}${whole}${fraction}`;
}

/** One line of a literals side-car; `error` says why a line cannot be used. */
export type LiteralLine =
  | { readonly line: number; readonly row: number; readonly column: string; readonly text: string }
  | { readonly line: number; readonly error: string };

const CHUNK_BYTES = 1 << 20;

/** Lines of a text file in fixed memory but for the longest line; `whole` is false for a last line without its end. */
function* readLines(file: string): Generator<{ text: string; whole: boolean }> {
  let fd: number;
  try {
    fd = openSync(file, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw new LoggerError('DATA_UNREADABLE', `cannot read ${file}: ${(error as Error).message}`);
  }
  try {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    let pending: Buffer[] = [];
    for (let count: number; (count = readSync(fd, chunk, 0, CHUNK_BYTES, null)) > 0; ) {
      let from = 0;
      for (let end: number; (end = chunk.indexOf(10, from)) >= 0 && end < count; from = end + 1) {
        yield { text: Buffer.concat([...pending, chunk.subarray(from, end)]).toString('utf8'), whole: true };
        pending = [];
      }
      if (from < count) pending.push(Buffer.from(chunk.subarray(from, count)));
    }
    if (pending.length > 0) yield { text: Buffer.concat(pending).toString('utf8'), whole: false };
  } finally {
    closeSync(fd);
  }
}

function parseLine(text: string, line: number): LiteralLine {
  let entry: unknown;
  try {
    entry = JSON.parse(text);
  } catch {
    return { line, error: 'is not JSON' };
  }
  const { row, column, text: value } = (entry ?? {}) as Record<string, unknown>;
  if (
    !Number.isSafeInteger(row) ||
    (row as number) < 0 ||
    typeof column !== 'string' ||
    typeof value !== 'string'
  )
    return { line, error: 'lacks row, column or text' };
  return { line, row: row as number, column, text: value };
}

/** Every line of the side-car of a table-day; nothing when there is none. */
export function* readLiteralLines(place: { directory: string; day: number }): Generator<LiteralLine> {
  let line = 0;
  for (const { text, whole } of readLines(join(place.directory, literalsFile(place.day)))) {
    line++;
    yield whole ? parseLine(text, line) : { line, error: 'is not complete' };
  }
}

/** Texts of a range of rows. */
export type Literals = ReadonlyMap<number, ReadonlyMap<string, string>>;

/**
 * Side-car texts of rows `fromRow` to `toRow` (exclusive) by row and f32 column. Reads the whole file but keeps only
 * these; lines that cannot be read are passed over (verification names them).
 */
export function readLiterals(
  place: { directory: string; day: number },
  fromRow: number,
  toRow: number,
): Literals {
  const found = new Map<number, Map<string, string>>();
  for (const entry of readLiteralLines(place)) {
    if ('error' in entry || entry.row < fromRow || entry.row >= toRow) continue;
    let row = found.get(entry.row);
    if (row === undefined) found.set(entry.row, (row = new Map()));
    row.set(entry.column, entry.text);
  }
  return found;
}

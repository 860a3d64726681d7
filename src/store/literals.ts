/**
 * Exact numbers: the text an exchange sent from digits and scale or from the side-car, the correctly rounded f32 of
 * such a text, and the shortest text of an f32. Used by reading and verification, in commands and pool tasks.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { LoggerError } from '../base/errors.js';
import { literalsFile } from './paths.js';

/** Decimals of the literal at a position of the packed `scales` column. */
export function scaleOf(scales: number, position: number): number {
  return (scales >>> (position * 8)) & 0xff;
}

/** The exact text of a number, trailing zeros included; `position` is that of its digits column in the table. */
export function literal(digits: bigint, scales: number, position: number): string {
  const scale = scaleOf(scales, position);
  const text = digits.toString();
  if (scale === 0) return text;
  const padded = text.padStart(scale + 1, '0');
  return `${padded.slice(0, -scale)}.${padded.slice(-scale)}`;
}

const parts = new DataView(new ArrayBuffer(8));

/** A finite double above 0 as `mantissa * 2^exponent`. */
function split(value: number): { mantissa: bigint; exponent: number } {
  parts.setFloat64(0, value);
  const bits = parts.getBigUint64(0);
  const biased = Number(bits >> 52n);
  const fraction = bits & 0xfffffffffffffn;
  return biased === 0
    ? { mantissa: fraction, exponent: -1074 }
    : { mantissa: fraction | 0x10000000000000n, exponent: biased - 1075 };
}

/** Sign of `digits / 10^scale - value`, exactly. */
function compareExact(digits: bigint, scale: number, value: number): number {
  const { mantissa, exponent } = split(value);
  let left = digits;
  let right = mantissa;
  if (scale >= 0) right *= 10n ** BigInt(scale);
  else left *= 10n ** BigInt(-scale);
  if (exponent >= 0) right <<= BigInt(exponent);
  else left <<= BigInt(-exponent);
  return left < right ? -1 : left > right ? 1 : 0;
}

const floatBits = new DataView(new ArrayBuffer(4));

function isEven(value: number): boolean {
  floatBits.setFloat32(0, value);
  return (floatBits.getUint32(0) & 1) === 0;
}

/**
 * Relative distance that covers every rounding on the way to a double quotient: of the digits, of the power of ten
 * and of the division, 2^-53 each, with room.
 */
export const QUOTIENT_BELOW = 1 - 2 ** -50;
export const QUOTIENT_ABOVE = 1 + 2 ** -50;
/** 10^scale for every scale that fits its byte. */
export const POWERS_OF_TEN = Float64Array.from({ length: 256 }, (_, scale) => Number(`1e${scale}`));

/** From here on a number is infinite as f32: half a unit above the largest one. */
const F32_OVERFLOW = (2 - 2 ** -24) * 2 ** 127;

/** `approximate` is the value of `digits / 10^scale` as a double, right to a few units. */
function roundOnce(approximate: number, digits: bigint, scale: number): number {
  const low = Math.fround(approximate * QUOTIENT_BELOW);
  const high = Math.fround(approximate * QUOTIENT_ABOVE);
  if (low === high) return high;
  const side = compareExact(digits, scale, Number.isFinite(high) ? (low + high) / 2 : F32_OVERFLOW);
  if (side === 0) return isEven(low) ? low : high;
  return side < 0 ? low : high;
}

/**
 * The f32 nearest to `digits / 10^scale` (scale 0 to 255), ties to even, rounded once. `Math.fround(Number(text))`
 * rounds twice and is off by one unit for one number in some hundred million.
 */
export function nearestF32(digits: bigint, scale: number): number {
  return roundOnce(Number(digits) / POWERS_OF_TEN[scale]!, digits, scale);
}

const NUMBER = /^(-?)(\d+)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/;

/** The correctly rounded f32 of a decimal text; undefined when the text is no such number. */
export function f32OfText(text: string): number | undefined {
  const match = NUMBER.exec(text);
  if (match === null) return undefined;
  const [, sign, whole, fraction = '', exponent = '0'] = match;
  const value = roundOnce(
    Math.abs(Number(text)),
    BigInt(whole + fraction),
    fraction.length - Number(exponent),
  );
  return sign === '-' ? -value : value;
}

/** The smallest f32 with the full 24 bits; below it fewer digits may tell a value from its neighbours. */
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

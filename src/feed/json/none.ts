/**
 * What exchanges send where they have no value and one is optional, besides `""`, `null` and leaving it out: -1, a time at
 * the very beginning of the calendar (year 1) or of the epoch, and 0 where nothing can be 0 (RowMapping says where). Cold:
 * only values that are not plain numbers or times are looked at. Shard threads.
 */
import { DECIMAL, DIGITS, parseDecimal } from '../../base/number.js';
import type { JsonSlots } from './slots.js';

const MINUS_ONE = Buffer.from('-1');
const FIRST_TIMES = ['0001-01-01T00:00:00', '1970-01-01T00:00:00'].map((text) => Buffer.from(text));
const ZERO = 0x30;
const POINT = 0x2e;

/** Whether the bytes in [from, to) stand for no number; `zeroIsNone`: so does any zero. */
export function isNoNumber(bytes: Uint8Array, from: number, to: number, zeroIsNone: boolean): boolean {
  if (startsWith(bytes, from, to, MINUS_ONE)) return isFraction(bytes, from + MINUS_ONE.length, to);
  return zeroIsNone && isZero(bytes, from, to);
}

/** Whether they stand for no time, be it in ISO form or counted since 1970. */
export function isNoTime(bytes: Uint8Array, from: number, to: number): boolean {
  return isNoNumber(bytes, from, to, true) || FIRST_TIMES.some((text) => startsWith(bytes, from, to, text));
}

/** Whether value `at`, which may be left out, is no number. */
export function isMissing(values: JsonSlots, at: number, zeroIsNone = false): boolean {
  if (!values.present(at)) return true;
  const digits = values.digits[at];
  if (digits >= 0) return zeroIsNone && digits === 0;
  return isNoNumber(values.bytes, values.from[at], values.to[at], zeroIsNone);
}

function startsWith(bytes: Uint8Array, from: number, to: number, text: Uint8Array): boolean {
  if (to - from < text.length) return false;
  for (let i = 0; i < text.length; i++) if (bytes[from + i] !== text[i]) return false;
  return true;
}

/** Nothing at all, or a point and zeros. */
function isFraction(bytes: Uint8Array, from: number, to: number): boolean {
  if (from === to) return true;
  if (bytes[from] !== POINT || from + 1 === to) return false;
  for (let i = from + 1; i < to; i++) if (bytes[i] !== ZERO) return false;
  return true;
}

function isZero(bytes: Uint8Array, from: number, to: number): boolean {
  const kind = parseDecimal(bytes, from, to);
  return (kind === DECIMAL.exact || kind === DECIMAL.normalized) && DIGITS[0] === 0 && DIGITS[1] === 0;
}

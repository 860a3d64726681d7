/** Source that compares texts, of functions that are compiled from messages. Cold: once per shape or template. */
import { UNFAMILIAR } from './bytes.js';

/**
 * Compares bytes[from, to) with what stands at `i`, and moves `i` behind it: eight at a time as a double, as far as they are ASCII,
 * which makes neither a zero nor a NaN; else four at a time, the last ones overlapping.
 */
export function literalSource(bytes: Uint8Array, from: number, to: number): string[] {
  const length = to - from;
  if (length === 0) return [];
  const view = new DataView(bytes.buffer, bytes.byteOffset + from, length);
  const tests: string[] = [];
  const word = (at: number) => `view.getInt32(i + ${at}, true) !== ${view.getInt32(at, true)}`;
  const double = (at: number) => `view.getFloat64(i + ${at}, true) !== ${view.getFloat64(at, true)}`;
  const isAscii = bytes.subarray(from, to).every((byte) => byte < 0x80);
  const [step, test] = length >= 8 && isAscii ? [8, double] : [4, word];
  if (length < 4) for (let at = 0; at < length; at++) tests.push(`bytes[i + ${at}] !== ${view.getUint8(at)}`);
  else {
    for (let at = 0; at < length - step; at += step) tests.push(test(at));
    tests.push(test(length - step));
  }
  return [`if (end - i < ${length} || ${tests.join(' || ')}) return ${UNFAMILIAR};`, `i += ${length};`];
}

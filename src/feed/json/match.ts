/**
 * The texts that functions compare which are compiled from messages, and their code. Cold: once per shape or template.
 * What is learned from is the work of an exchange, so it has bounds: a message with more text, or with text that would
 * have to be checked for UTF-8 each time, is always read in full.
 */
import { LEARNED_TEXT_BYTES_MAX } from '../../base/limits.js';
import { NO_MATCH } from './bytes.js';

/** The texts of one function, in order. */
export class MatchedTexts {
  private length = 0;
  private isAscii = true;

  constructor(private readonly bytes: Uint8Array) {}

  /** Whether a function may be made of the texts so far. */
  get areLearnable(): boolean {
    return this.isAscii && this.length <= LEARNED_TEXT_BYTES_MAX;
  }

  /**
   * Code that compares bytes[from, to) with what stands at `i`, and moves `i` behind it; none when it must not be
   * learned.
   */
  code(from: number, to: number): string[] {
    const { bytes } = this;
    this.length += to - from;
    for (let i = from; i < to && this.areLearnable; i++) if (bytes[i] >= 0x80) this.isAscii = false;
    return this.areLearnable ? matchCode(bytes, from, to) : [];
  }
}

/**
 * Eight bytes at a time as a double, which ASCII makes neither a zero nor a NaN; else four, the last ones overlapping.
 */
function matchCode(bytes: Uint8Array, from: number, to: number): string[] {
  const length = to - from;
  if (length === 0) return [];
  const view = new DataView(bytes.buffer, bytes.byteOffset + from, length);
  const tests: string[] = [];
  const word = (at: number) => `view.getInt32(i + ${at}, true) !== ${view.getInt32(at, true)}`;
  const double = (at: number) => `view.getFloat64(i + ${at}, true) !== ${view.getFloat64(at, true)}`;
  const [step, test] = length >= 8 ? [8, double] : [4, word];
  if (length < 4) for (let at = 0; at < length; at++) tests.push(`bytes[i + ${at}] !== ${view.getUint8(at)}`);
  else {
    for (let at = 0; at < length - step; at += step) tests.push(test(at));
    tests.push(test(length - step));
  }
  return [`if (end - i < ${length} || ${tests.join(' || ')}) return ${NO_MATCH};`, `i += ${length};`];
}

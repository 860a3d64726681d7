/** The values of a JSON text in the order they stand in, whatever their nesting. Cold: once per template. */
import { plainEnd } from '../../base/plain_number.js';
import { COLON, JsonBuffer, KIND, NO_MATCH, QUOTE, scalarEnd, scalarKind, skipSpace } from './bytes.js';

/** A string, number or word; a key is none. */
export interface Token {
  /** strings without their quotes */
  readonly from: number;
  readonly to: number;
  readonly kind: number;
  /** digits, with a point and more of them or without, as plainEnd() reads them */
  readonly plain: boolean;
  /** it has a point, if it is plain */
  readonly pointed: boolean;
}

const digits = new Float64Array(1);
const decimals = new Uint8Array(1);

/**
 * The values in bytes[start, end), a JSON text that a reader has accepted; undefined when it has escapes, or more values
 * than `countMax`.
 */
export function tokensOf(
  bytes: Uint8Array,
  start: number,
  end: number,
  countMax: number,
): Token[] | undefined {
  const buffer = new JsonBuffer();
  buffer.setBytes(bytes);
  const tokens: Token[] = [];
  for (let i = start; i < end; ) {
    const kind = scalarKind(bytes[i]);
    if (kind === KIND.absent) {
      i++;
      continue;
    }
    const behind = scalarEnd(buffer, i, end, kind);
    if (behind === NO_MATCH) return undefined;
    const next = skipSpace(bytes, behind, end);
    const quote = bytes[i] === QUOTE ? 1 : 0;
    const [from, to] = [i + quote, behind - quote];
    if (bytes[next] !== COLON || next >= end) {
      if (tokens.length === countMax) return undefined;
      const plain = plainEnd(buffer.view, from, to, 0, digits, decimals) === to && digits[0] >= 0;
      tokens.push({ from, to, kind, plain, pointed: plain && decimals[0] > 0 });
    }
    i = behind;
  }
  return tokens;
}

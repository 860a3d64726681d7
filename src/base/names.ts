/**
 * Names from exchanges as file names. A native symbol is data from outside: it becomes exactly one path component,
 * reversibly, or it is refused. Letters, digits, `.`, `_` and `-` stand for themselves; every other byte of its UTF-8
 * form is written %HH, and so is a leading dot or dash. `BTC/USD` is filed under `BTC%2FUSD`.
 */
import { LoggerError } from './errors.js';
import { NAME_BYTES_MAX, SYMBOL_BYTES_MAX } from './limits.js';

const PLAIN = /^[A-Za-z0-9_][A-Za-z0-9._-]*$/;

function isPlain(byte: number, first: boolean): boolean {
  const letterOrDigit =
    (byte >= 48 && byte <= 57) || (byte >= 65 && byte <= 90) || (byte >= 97 && byte <= 122);
  return letterOrDigit || byte === 0x5f || (!first && (byte === 0x2e || byte === 0x2d));
}

/** The path component for a native symbol; throws UNSAFE_NAME for what cannot or must not become one. */
export function encodeName(native: string): string {
  if (PLAIN.test(native) && native.length <= SYMBOL_BYTES_MAX) return native;
  const bytes = Buffer.from(native, 'utf8');
  if (bytes.length === 0 || bytes.length > SYMBOL_BYTES_MAX || bytes.toString('utf8') !== native) {
    throw new LoggerError(
      'UNSAFE_NAME',
      `symbol ${JSON.stringify(native.slice(0, 80))} is empty, longer than ${SYMBOL_BYTES_MAX} bytes or not valid text`,
    );
  }
  for (const byte of bytes) {
    if (byte < 0x20 || byte === 0x7f) {
      throw new LoggerError('UNSAFE_NAME', `symbol ${JSON.stringify(native)} holds a control character`);
    }
  }
  let name = '';
  bytes.forEach((byte, i) => {
    name += isPlain(byte, i === 0)
      ? String.fromCharCode(byte)
      : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  });
  if (name.length > NAME_BYTES_MAX)
    throw new LoggerError('UNSAFE_NAME', `symbol ${JSON.stringify(native)} is too long for a file name`);
  return name;
}

/** The native symbol of a path component made by encodeName; undefined for any other name. */
export function decodeName(name: string): string | undefined {
  try {
    const native = decodeURIComponent(name);
    return encodeName(native) === name ? native : undefined;
  } catch {
    return undefined;
  }
}

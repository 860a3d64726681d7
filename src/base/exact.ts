/**
 * The correctly rounded f32 of a decimal number by exact integer arithmetic. Cold: called where rounding by way of a
 * double could go wrong, and by checks of the stored columns.
 */

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** A positive finite f32 as mantissa × 2^exponent. */
function unpack(value: number): { mantissa: bigint; exponent: number } {
  float[0] = value;
  const biased = bits[0] >>> 23;
  const fraction = bits[0] & 0x7fffff;
  return biased === 0
    ? { mantissa: BigInt(fraction), exponent: -149 }
    : { mantissa: BigInt(fraction | 0x800000), exponent: biased - 150 };
}

/** Sign of digits × 10^-decimals − mantissa × 2^exponent. */
function compare(digits: bigint, decimals: number, mantissa: bigint, exponent: number): number {
  let left = digits;
  let right = mantissa;
  if (decimals >= 0) right *= 10n ** BigInt(decimals);
  else left *= 10n ** BigInt(-decimals);
  if (exponent >= 0) right <<= BigInt(exponent);
  else left <<= BigInt(-exponent);
  return left < right ? -1 : left > right ? 1 : 0;
}

/** The float nearest to digits × 10^-decimals, ties to even; Infinity beyond the largest one. */
export function nearestFloat32(digits: bigint, decimals: number): number {
  if (digits === 0n) return 0;
  const guess = Math.fround(Number(`${digits}e${-decimals}`));
  let below = guess;
  if (
    !Number.isFinite(below) ||
    compare(digits, decimals, unpack(below).mantissa, unpack(below).exponent) < 0
  ) {
    float[0] = guess;
    bits[0] -= 1;
    below = float[0];
  }
  const { mantissa, exponent } = unpack(below);
  // the middle between `below` and the next float is (2 × mantissa + 1) × 2^(exponent - 1)
  const side = compare(digits, decimals, 2n * mantissa + 1n, exponent - 1);
  if (side < 0 || (side === 0 && (mantissa & 1n) === 0n)) return below;
  float[0] = below;
  bits[0] += 1;
  return float[0];
}

/** As nearestFloat32 for a number that is known to be `-?digits[.digits][e[+-]digits]`. */
export function exactFloat32(text: string): number {
  const negative = text.startsWith('-');
  const [mantissa, exponent = '0'] = text
    .slice(negative ? 1 : 0)
    .toLowerCase()
    .split('e');
  const [integer, fraction = ''] = mantissa.split('.');
  const value = floatOfParts(integer + fraction, fraction.length - Number(exponent));
  return negative ? -value : value;
}

/** Clamps exponents that no float can have before they become huge integers. */
function floatOfParts(digitText: string, decimals: number): number {
  const digits = BigInt(digitText);
  const magnitude = digits.toString().length - decimals;
  if (digits === 0n || magnitude < -60) return 0;
  return magnitude > 60 ? Number.POSITIVE_INFINITY : nearestFloat32(digits, decimals);
}

/** A number with a sign, an exponent, padding or too many digits for the fast way. */
export interface IrregularDecimal {
  /** the digits as low and high word; undefined when they and the decimals do not fit a u64 and a byte */
  readonly words: readonly [number, number] | undefined;
  readonly decimals: number;
  /** digits and decimals give back the very text */
  readonly sameText: boolean;
  readonly value: number;
}

const DIGITS_MAX = 19;
const DECIMALS_MAX = 255;

/** Reads any decimal number; undefined when the text is none. */
export function parseIrregular(text: string): IrregularDecimal | undefined {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,4}))?$/.exec(text);
  if (match === null) return undefined;
  const [, sign, integer, fraction = '', exponent] = match;
  const value = exactFloat32(text);
  const padded = integer.length > 1 && integer.startsWith('0');
  let digits = (integer + fraction).replace(/^0+(?=\d)/, '');
  let decimals = fraction.length - Number(exponent ?? 0);
  if (decimals < 0 && digits.length - decimals <= DIGITS_MAX) {
    digits += '0'.repeat(-decimals);
    decimals = 0;
  }
  const fits =
    sign === '' && !padded && digits.length <= DIGITS_MAX && decimals >= 0 && decimals <= DECIMALS_MAX;
  return { words: fits ? u64Words(digits) : undefined, decimals, sameText: exponent === undefined, value };
}

/** Low and high word of decimal digits; undefined when they are none or above 2^64 - 1. */
export function u64Words(digits: string): [number, number] | undefined {
  if (!/^\d{1,20}$/.test(digits)) return undefined;
  const value = BigInt(digits);
  return value > 0xffffffffffffffffn ? undefined : [Number(value & 0xffffffffn), Number(value >> 32n)];
}

/** The words of a UUID column from its 32 hexadecimal digits; undefined when they are none. */
export function uuidWords(hex: string): [number, number, number, number] | undefined {
  if (!/^[0-9a-f]{32}$/.test(hex)) return undefined;
  const bytes = Buffer.from(hex, 'hex');
  return [bytes.readUInt32LE(0), bytes.readUInt32LE(4), bytes.readUInt32LE(8), bytes.readUInt32LE(12)];
}

/** digits × 10^-decimals as a number of at most 19 digits; what has more is rounded to fewer decimals. */
export function decimalText(digits: bigint, decimals: number): string {
  const surplus = Math.min(decimals, Math.max(0, digits.toString().length - DIGITS_MAX));
  const power = 10n ** BigInt(surplus);
  const rounded = (digits + power / 2n) / power;
  const left = decimals - surplus;
  const text = rounded.toString().padStart(left + 1, '0');
  return left === 0 ? text : `${text.slice(0, -left)}.${text.slice(-left)}`;
}

/**
 * Numbers from bytes against exact fractions of whole numbers, written here and apart from the code under test, and
 * once against Python's fractions and struct.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { DECIMAL, DIGITS, lastU64, parseDecimal, parseU64, parseUint, VALUE } from '../../src/base/number.js';
import { oneOf, randomFrom } from '../support/random.js';

const random = randomFrom(7);

interface Parsed {
  readonly literal: number;
  readonly digits: bigint;
  readonly decimals: number;
  readonly value: number;
}

/** Parses the text in the middle of other digits: what stands outside must not matter. */
function parse(text: string): Parsed {
  const bytes = Buffer.from(`-9${text}9.`);
  const literal = parseDecimal(bytes, 2, bytes.length - 2);
  return { literal, digits: digits64(), decimals: DIGITS[2], value: VALUE[0] };
}

function digits64(): bigint {
  return (BigInt(DIGITS[1]) << 32n) | BigInt(DIGITS[0]);
}

/** numerator / denominator of a literal. */
function fractionOf(text: string): [bigint, bigint] {
  const [mantissa, exponent = '0'] = text.replace(/^-/, '').toLowerCase().split(/e(.*)/s);
  const [whole, part = ''] = mantissa.split('.');
  const power = Number(exponent) - part.length;
  const digits = BigInt(whole + part);
  return power >= 0 ? [digits * 10n ** BigInt(power), 1n] : [digits, 10n ** BigInt(-power)];
}

/** The nearest f32 by definition: the largest 24-bit mantissa with its exponent that rounds to it, ties to even. */
function referenceFloat(text: string): number {
  const [n, d] = fractionOf(text);
  if (n === 0n) return 0;
  // the exponent for which n / d / 2^exponent has 24 bits before the point, but not below the subnormal one
  let exponent = n.toString(2).length - d.toString(2).length - 24;
  for (const step of [0, 1]) {
    const scaled =
      exponent + step >= 0 ? n / (d << BigInt(exponent + step)) : (n << BigInt(-exponent - step)) / d;
    if (scaled < 1n << 24n) {
      exponent += step;
      break;
    }
  }
  exponent = Math.max(exponent, -149);
  const [top, bottom] = exponent >= 0 ? [n, d << BigInt(exponent)] : [n << BigInt(-exponent), d];
  let mantissa = top / bottom;
  const twice = 2n * (top - mantissa * bottom);
  if (twice > bottom || (twice === bottom && mantissa % 2n === 1n)) mantissa++;
  return mantissa * (exponent >= 0 ? 1n << BigInt(exponent) : 1n) >= 1n << 128n
    ? Number.POSITIVE_INFINITY
    : Number(mantissa) * 2 ** exponent;
}

function digitsOf(count: number): string {
  let text = '';
  for (let i = 0; i < count; i++) text += String(random(10));
  return text;
}

/** A literal as exchanges send them: no padding, 1 to 19 significant digits. */
function plainLiteral(): string {
  const decimals = random(12) === 0 ? random(23) : random(10);
  const significant = 1 + random(19);
  const digits = `${1 + random(9)}${digitsOf(significant - 1)}`.padStart(decimals + 1, '0');
  return decimals === 0 ? digits : `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
}

/** A literal close to the middle of two floats, where rounding twice goes wrong. */
function nearMidpoint(): string {
  const exponent = random(30) - 20;
  const middle = 2n * BigInt(0x800000 + random(0x800000)) + 1n;
  const shift = exponent - 1;
  // decimals are cut so that at most 19 digits remain, which lands a hair beside the middle
  const decimals = Math.min(19, Math.max(0, -shift));
  const scaled = shift >= 0 ? middle << BigInt(shift) : (middle * 10n ** BigInt(decimals)) >> BigInt(-shift);
  const all = (scaled + BigInt(random(3)) - 1n).toString().padStart(decimals + 1, '0');
  const text = decimals === 0 ? all : `${all.slice(0, -decimals)}.${all.slice(-decimals)}`;
  return text.replace('.', '').replace(/^0+/, '').length > 19 ? text.slice(0, 19).replace(/\.$/, '') : text;
}

function checkExact(text: string): void {
  const parsed = parse(text);
  const decimals = text.split('.')[1]?.length ?? 0;
  assert.deepEqual(
    parsed,
    { literal: DECIMAL.exact, digits: BigInt(text.replace('.', '')), decimals, value: referenceFloat(text) },
    text,
  );
}

test('keeps every digit and rounds once, for random literals of every length and scale', () => {
  for (let i = 0; i < 60_000; i++) checkExact(plainLiteral());
});

test('rounds once what a double takes for the middle of two floats', () => {
  for (let i = 0; i < 40_000; i++) {
    // the middle times 10^decimals, cut to the 15 digits that are read as a double
    const decimals = random(23);
    let digits = BigInt(0x1000001 + 2 * random(0x800000)) * 10n ** BigInt(decimals);
    while (digits >= 10n ** 15n) digits = (digits + 1n) / 2n;
    const all = digits.toString().padStart(decimals + 1, '0');
    checkExact(decimals === 0 ? all : `${all.slice(0, -decimals)}.${all.slice(-decimals)}`);
  }
});

/** 1 to 40 digits, exactly on the middle of two floats or close to it at times, with zeros behind them at times. */
function longLiteral(): string {
  const plain = random(2) === 0 ? nearMidpoint() : plainLiteral();
  const more = `${'0'.repeat(random(12))}${random(3) === 0 ? digitsOf(random(12)) : ''}${'0'.repeat(random(6))}`;
  return plain.includes('.') || more === '' ? plain + more : `${plain}.${more}`;
}

/** A middle of two floats that often ends with zeros, and has zeros behind the point: exchanges pad numbers so. */
function paddedMiddle(): string {
  const middle = BigInt(0x1000009 + 10 * random(0x199998)) << BigInt(random(32));
  const zeros = random(17);
  return zeros === 0 ? String(middle) : `${middle}.${'0'.repeat(zeros)}`;
}

test('knows the value of digits of any number, zeros behind them or not', () => {
  for (let i = 0; i < 40_000; i++) {
    const text = random(8) === 0 ? paddedMiddle() : longLiteral();
    const kept = text.replace('.', '').replace(/^0+/, '').length <= 19;
    assert.deepEqual(
      parse(text),
      {
        literal: kept ? DECIMAL.exact : DECIMAL.oversized,
        digits: kept ? BigInt(text.replace('.', '')) : 0n,
        decimals: kept ? (text.split('.')[1]?.length ?? 0) : 0,
        value: referenceFloat(text),
      },
      text,
    );
  }
});

/** A literal in exponent form. */
function exponentLiteral(): string {
  const mantissa = [plainLiteral, nearMidpoint, paddedMiddle][random(3)]();
  return `${mantissa}${oneOf(random, ['e', 'E'])}${oneOf(random, ['', '+', '-'])}${random(4) === 0 ? '0' : ''}${random(24)}`;
}

test('keeps digits and value of exponent forms of any kind', () => {
  for (let i = 0; i < 40_000; i++) {
    const text = exponentLiteral();
    const parsed = parse(text);
    const [n, d] = fractionOf(text);
    assert.equal(parsed.value, referenceFloat(text), text);
    if (parsed.literal !== DECIMAL.oversized) {
      assert.equal(parsed.literal, DECIMAL.normalized, text);
      assert.equal(parsed.digits * d, n * 10n ** BigInt(parsed.decimals), text);
    } else {
      assert.deepEqual([parsed.digits, parsed.decimals], [0n, 0], text);
      // digits of the plain number that it stands for
      const [mantissa, exponent] = text.split(/e/i);
      const all = mantissa.replace('.', '').replace(/^0+(?=.)/, '');
      const decimals = (mantissa.split('.')[1]?.length ?? 0) - Number(exponent);
      assert.ok(all.length + Math.max(0, -decimals) > 19, text);
    }
  }
});

test('rounds once beside the middle of two floats', () => {
  for (let i = 0; i < 40_000; i++) checkExact(nearMidpoint());
  const ties = ['16777217', '16777219', '16777217.0', '33554434', '16777216.999999999', '16777217.000000001'];
  for (const text of ties) checkExact(text);
  assert.equal(parse('16777217.000000001').value, 16777218);
  assert.equal(parse('16777217').value, 16777216);
});

test('keeps the literals that are known to go wrong', () => {
  const texts = [
    '0', '0.0', '0.00000000', '0.00000001', '131072.01', '1.500', '100000000000000000.0', '9999999999999999999',
    '0.9999999999999999999', '999999999999999', '1000000000000000', '0.0000000000000000000001', '1.0000000000000000',
    '4294967295', '4294967296', '18446744.07370955161', '0.1', '0.10', '65536.00001', '9007199254740993',
  ]; // biome-ignore format: a table
  for (const text of texts) checkExact(text);
});

test('keeps trailing zeros: the text can be rebuilt', () => {
  assert.deepEqual(parse('1.10'), {
    literal: DECIMAL.exact,
    digits: 110n,
    decimals: 2,
    value: Math.fround(1.1),
  });
  assert.deepEqual(parse('0.00'), { literal: DECIMAL.exact, digits: 0n, decimals: 2, value: 0 });
});

test('leaves nothing of an earlier literal behind', () => {
  parse('12345678901234567.25');
  assert.deepEqual(parse('7'), { literal: DECIMAL.exact, digits: 7n, decimals: 0, value: 7 });
});

test('keeps the value of exponent forms and says so', () => {
  const cases: [string, bigint, number][] = [
    ['1e-7', 1n, 7],
    ['2.1E-7', 21n, 8],
    ['1.50e2', 150n, 0],
    ['1.505e2', 1505n, 1],
    ['1E+3', 1000n, 0],
    ['0e5', 0n, 0],
    ['12e0', 12n, 0],
  ];
  for (const [text, digits, decimals] of cases) {
    assert.deepEqual(
      parse(text),
      { literal: DECIMAL.normalized, digits, decimals, value: referenceFloat(text) },
      text,
    );
  }
});

test('says when a number does not fit, and rounds it all the same', () => {
  const texts = [
    '12345678901234567890', '99999999999999999999', `1${'0'.repeat(29)}`, `0.${'1'.repeat(30)}`, '-1.5', '-0', '-0.0',
    '1e30', '1e-300', '1e309', '-1e309', '1e-9999', '1e9999', '00.5', '007', '1.23456789012345678901234567890',
    '340282356779733661637539395458142568447', '340282356779733661637539395458142568448',
  ]; // biome-ignore format: a table
  for (const text of texts) {
    const value = text.startsWith('-') ? -referenceFloat(text) : referenceFloat(text);
    assert.deepEqual(parse(text), { literal: DECIMAL.oversized, digits: 0n, decimals: 0, value }, text);
  }
});

test('holds 30 decimals as long as the digits fit', () => {
  const text = `0.${'0'.repeat(28)}12`;
  assert.deepEqual(parse(text), {
    literal: DECIMAL.exact,
    digits: 12n,
    decimals: 30,
    value: referenceFloat(text),
  });
});

test('refuses what is not a number', () => {
  const texts = [
    '', '-', '.', '5.', '.5', '-.5', '+1', 'NaN', 'Infinity', '-Infinity', '0x10', ' 1', '1 ', '1 2', '1,5', '1.2.3',
    '1e', '1e+', 'e5', '1e5.0', '--1', '1-', '1_000', '٣', 'null', '1\0', '1e99999',
  ]; // biome-ignore format: a table
  for (const text of texts) assert.equal(parse(text).literal, DECIMAL.invalid, JSON.stringify(text));
});

test('agrees with Python on digits and f32', { skip: pythonMissing() }, () => {
  const kinds = [plainLiteral, nearMidpoint, longLiteral, paddedMiddle, exponentLiteral];
  const literals = Array.from({ length: 8000 }, (_, i) => kinds[i % kinds.length]());
  const program = `
import sys, struct
from fractions import Fraction
def nearest(f):
    if f == 0: return 0.0
    if f >= 2**128 - 2**103: return float('inf')
    guess = struct.unpack('<I', struct.pack('<f', float(f)))[0]
    asfloat = lambda bits: struct.unpack('<f', struct.pack('<I', bits))[0]
    best = min((abs(Fraction(asfloat(b)) - f), b & 1, b) for b in (guess - 1, guess, guess + 1))
    return asfloat(best[2])
for line in sys.stdin:
    text = line.strip()
    print(Fraction(text), repr(nearest(Fraction(text))).replace('inf', 'Infinity'))
`;
  const { stdout, status, stderr } = spawnSync('python3', ['-c', program], {
    input: `${literals.join('\n')}\n`,
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  stdout
    .trimEnd()
    .split('\n')
    .forEach((line, i) => {
      const [fraction, value] = line.split(' ');
      const [numerator, denominator = '1'] = fraction.split('/');
      const { literal, digits, decimals, value: read } = parse(literals[i]);
      assert.equal(read, Number(value), literals[i]);
      if (literal !== DECIMAL.oversized)
        assert.equal(digits * BigInt(denominator), BigInt(numerator) * 10n ** BigInt(decimals), literals[i]);
    });
});

function pythonMissing(): string | false {
  return spawnSync('python3', ['-c', '']).status === 0 ? false : 'there is no python3 on this machine';
}

test('reads u64 over the whole range', () => {
  const check = (text: string) => {
    const bytes = Buffer.from(`1${text}1`);
    const value = BigInt(text);
    const fits = value < 1n << 64n && text.length <= 20;
    assert.equal(parseU64(bytes, 1, bytes.length - 1), fits, text);
    if (!fits) return;
    assert.equal(digits64(), value, text);
    assert.equal(lastU64(), Number(value), text);
  };
  for (let bit = 0n; bit <= 65n; bit++) {
    for (const step of [-1n, 0n, 1n]) if ((1n << bit) + step >= 0n) check(String((1n << bit) + step));
  }
  for (let length = 1; length <= 24; length++) {
    for (let i = 0; i < 500; i++) check(digitsOf(length));
    check('0'.repeat(length));
    check('9'.repeat(length));
  }
  const texts = [
    '18446744073709551615',
    '18446744073709551616',
    '18446744073709551999',
    '18446744073709600000',
  ];
  for (const text of [...texts, '00000000000000000042', '007']) check(text);
});

test('refuses ids that are no whole numbers', () => {
  for (const text of ['', '-1', '+1', '1.0', '1e3', 'a', '1a', '0x1', ' 1', '1 ', '123456789012345678a', '٣'])
    assert.equal(parseU64(Buffer.from(text), 0, Buffer.byteLength(text)), false, JSON.stringify(text));
});

test('reads short whole numbers, and nothing else', () => {
  for (let i = 0; i < 5000; i++) {
    const text = digitsOf(1 + random(15));
    assert.equal(parseUint(Buffer.from(text), 0, text.length), Number(text));
  }
  for (const text of ['', '-1', '1.5', '1 ', '1234567890123456', oneOf(random, ['a', '1e3'])])
    assert.equal(parseUint(Buffer.from(text), 0, text.length), -1, text);
});

/**
 * Code that reads plain numbers, of functions that are compiled from messages (template_codegen.ts). Cold: once per
 * template. What it does is what plainEnd() does, which it calls for everything that is longer or looks different than
 * the number it was made from; but it is in place, has no loop, and its result is in variables.
 *
 * It reads up to READ_AHEAD_BYTES behind the number, whatever stands there.
 */
import { POWERS, ZEROS } from '../../base/plain_number.js';
import { NO_MATCH } from '../json/bytes.js';

/** Digits that are read in place, as whole numbers and on either side of a point. */
const WHOLE_MAX = 15;
const WHOLE_MIN = 5;
const BEFORE_POINT_MAX = 7;
const POINT = 0x2e;

/** Variables that the code uses. */
export const NUMBER_VARIABLES = 'let at = 0, count = 0, four = 0, odd = 0;';

/** What the code refers to. */
export const NUMBER_TOOLS = {
  POWERS,
  /** the least whole number of so many digits that has no leading zero; of 0 digits there is none */
  LEAST: Int32Array.of(1, 0, 10, 100, 1000, 10_000, 100_000, 1_000_000),
};

/** Four bytes at `at` as digits from 0 to 9, the first of them lowest in the word. */
function word(at: string): string {
  return `view.getInt32(${at}, true) ^ ${ZEROS}`;
}

/** As nonDigits() and fourDigits(), whose calls would not all be compiled in place. */
function oddOf(word: string): string {
  return `((${word} + 0x06060606) | ${word})`;
}
const HIGH_HALVES = '0xf0f0f0f0';

function four(word: string): string {
  return `(Math.imul((Math.imul(${word}, 2561) >>> 8) & 0x00ff00ff, 6553601) >>> 16)`;
}

/** By plainEnd(), where nothing has been read. */
function otherwise(n: number): string[] {
  return [
    `i = plainEnd(view, i, end, ${n}, digits, decimals);`,
    `number_${n} = digits[${n}];`,
    `if (number_${n} < 0) return ${NO_MATCH};`,
    `places_${n} = decimals[${n}];`,
  ];
}

/** Moves `i` behind number `n`; its digits and how many are behind the point go to number_n and places_n. */
function inPlace(n: number, read: readonly string[]): string[] {
  return [
    `let number_${n} = 0, places_${n} = 0;`,
    'at = -1;',
    ...read,
    'if (at < 0) {',
    ...otherwise(n),
    '} else i = at;',
  ];
}

/** Number `n`, which had `length` digits and no point; `behind` is the byte behind it. */
export function wholeCode(n: number, length: number, behind: number): string[] {
  if (length < WHOLE_MIN || length > WHOLE_MAX) return inPlace(n, []);
  const starts = Array.from({ length: Math.ceil(length / 4) }, (_, k) => 4 * k);
  const name = (from: number) => `digits_${n}_${from}`;
  const read = starts.map((from) => {
    const missing = Math.max(0, from + 4 - length);
    // what is behind the number is shifted out, and zeros come in front of its last digits
    const shift = missing === 0 ? '' : ` << ${8 * missing}`;
    return `const ${name(from)} = (${word(`i + ${from}`)})${shift};`;
  });
  const odd = starts.map((from) => oddOf(name(from))).join(' | ');
  const value = starts
    .slice(1)
    .reduce(
      (sum, from) => `(${sum} * ${10 ** Math.min(4, length - from)} + ${four(name(from))})`,
      four(name(0)),
    );
  return inPlace(n, [
    ...read,
    `if (((${odd}) & ${HIGH_HALVES}) === 0 && (${name(0)} & 0xff) !== 0 && bytes[i + ${length}] === ${behind}) {`,
    `number_${n} = ${value}; at = i + ${length};`,
    '}',
  ]);
}

/** How many digits stand in front of the byte that `odd` says is none. */
const COUNT = 'count = (31 - Math.clz32(odd & -odd)) >> 3;';

/** Number `n`, which may have up to 7 digits before its point and 8 behind. */
export function decimalCode(n: number): string[] {
  return inPlace(n, [
    `four = ${word('i')}; odd = ${oddOf('four')} & ${HIGH_HALVES};`,
    'if (odd === 0) {',
    `  number_${n} = ${four('four')};`,
    `  four = ${word('i + 4')}; odd = ${oddOf('four')} & ${HIGH_HALVES};`,
    `  if (odd === 0) count = ${BEFORE_POINT_MAX + 1};`,
    '  else {',
    `    ${COUNT}`,
    `    if (count > 0) number_${n} = number_${n} * POWERS[count] + ${four('(four << (32 - 8 * count))')};`,
    '    count += 4;',
    '  }',
    '} else {',
    `  ${COUNT}`,
    `  if (count > 0) number_${n} = ${four('(four << (32 - 8 * count))')};`,
    '}',
    `if (count <= ${BEFORE_POINT_MAX} && number_${n} >= LEAST[count]) {`,
    '  at = i + count;',
    `  if (bytes[at] === ${POINT}) {`,
    `    four = ${word('at + 1')}; odd = ${oddOf('four')} & ${HIGH_HALVES};`,
    '    if (odd === 0) {',
    `      number_${n} = number_${n} * 10000 + ${four('four')};`,
    `      four = ${word('at + 5')}; odd = ${oddOf('four')} & ${HIGH_HALVES};`,
    '      if (odd === 0) {',
    `        number_${n} = number_${n} * 10000 + ${four('four')}; places_${n} = 8;`,
    '        at = bytes[at + 9] - 0x30 >>> 0 > 9 ? at + 9 : -1;',
    '      } else {',
    `        ${COUNT}`,
    `        if (count > 0) number_${n} = number_${n} * POWERS[count] + ${four('(four << (32 - 8 * count))')};`,
    `        places_${n} = 4 + count; at += 5 + count;`,
    '      }',
    '    } else {',
    `      ${COUNT}`,
    `      number_${n} = number_${n} * POWERS[count] + ${four('(four << (32 - 8 * count))')};`,
    `      places_${n} = count; at = count > 0 ? at + 1 + count : -1;`,
    '    }',
    '  }',
    '}',
  ]);
}

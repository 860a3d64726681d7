/** Messages as an exchange gone mad could send them: changes of JSON texts and of their bytes, from a seed. */
import { everyMember, type Member } from '../support/json_text.js';
import type { Random } from '../support/random.js';

/** Values that divide parsers, or that a row must not be made of. */
const ODD_VALUES = [
  'null', 'true', 'false', '""', '"x"', '0', '-0', '007', '-1', '1.5', '1e3', '1E-7', '1e999', '-1.5e+10', '"1e-7"', '"-0"', '"NaN"',
  '"0.0094"', '"0.-10000"', '12345678901234567890', '"18446744073709551616"', '9007199254740993', '0.10', '100.00', '{}', '[]', '[{}]', '[[]]', '[[1]]',
  '["1","2"]', '[["1","2"]]', '[["1","2","3","4"],["5"]]', '{"a":1}', '[1,{"b":null}]', '"\\u0041"', '"\\ud800"', '"\\ud83d\\ude00"', '"币安人生"', '"\u007f"',
  '"a\\"b"', '"\\\\"', 'tru', 'nul', '"', '{', ']', '1.', '.5', '01', '+1', '"\t"', '"2027-01-15T08:00:00Z"', '"2027-01-15T09:30:00+01:30"',
  '"0001-01-01T00:00:00Z"', '"1970-01-01T00:00:00.000Z"', '"-1"', '-1.00', '"0.00"', '0e0', '1800000000000', '1800000000000000', '4294967296000',
]; // biome-ignore format: a table
const ODD_KEYS = [
  'zz',
  '__proto__',
  'constructor',
  'toString',
  '',
  'z\\u007a',
  '\\u005f_proto__',
  'ключ',
  '\\ud800',
  'data',
  'E',
  'type',
];
const SPECIAL_BYTES = Buffer.from('"\\{}[],:0-.eE tfn\x00\x1f\x7f\x80\xc3\xff', 'latin1');
const SPACES = [' ', '\n', '\t', '\r\n', '   ', '\u00a0', '\f'];

const ODD_CHARACTERS = [
  '\\',
  '\\x',
  '\\n',
  '\\u00e9',
  '\\ud800',
  '"',
  '\n',
  '\u007f',
  'é',
  '币',
  '😀',
  ' ',
  '',
];

/** A value nested so deeply. */
function nested(random: Random, depth: number): string {
  const kinds = Array.from({ length: depth }, () => random.chance(0.5));
  const open = kinds.map((isList) => (isList ? '[' : '{"n":')).join('');
  const close = kinds.map((isList) => (isList ? ']' : '}')).reverse();
  return `${open}${random.of(['1', '"x"', 'null', '"\\n"'])}${close.join('')}`;
}

function oddValue(random: Random): string {
  return random.chance(0.12) ? nested(random, 1 + random.below(40)) : random.of(ODD_VALUES);
}

const replaced = (text: string, from: number, to: number, by: string) =>
  text.slice(0, from) + by + text.slice(to);

/** A character of a string or key as an escape. */
function escapedAt(text: string, from: number, to: number, random: Random): string {
  const at = from + random.below(Math.max(1, to - from));
  if (!/[A-Za-z0-9]/.test(text[at] ?? '')) return text;
  const code = text.charCodeAt(at).toString(16).padStart(4, '0');
  return replaced(text, at, at + 1, `\\u${code}`);
}

type MemberChange = (text: string, member: Member, random: Random) => string;

const MEMBER_CHANGES: readonly MemberChange[] = [
  // the same key twice: behind, in front, and with something else in between
  (text, { key, to }, random) => replaced(text, to, to, `,"${key}":${oddValue(random)}`),
  (text, { key, at }, random) => replaced(text, at, at, `"${key}":${oddValue(random)},`),
  (text, { key, from, to }, random) =>
    replaced(text, to, to, `,"${key}":${oddValue(random)},"${key}":${text.slice(from, to)}`),
  // another value, no value, another key, an unknown one beside it
  (text, { from, to }, random) => replaced(text, from, to, oddValue(random)),
  (text, { at, to }) => {
    const behind = /^\s*,/.exec(text.slice(to))?.[0].length ?? 0;
    return behind > 0
      ? replaced(text, at, to + behind, '')
      : replaced(text, at, to, '').replace(/,\s*([}\]])/, '$1');
  },
  (text, { at, key }, random) => replaced(text, at + 1, at + 1 + key.length, random.of(ODD_KEYS)),
  (text, { at }, random) => replaced(text, at, at, `"${random.of(ODD_KEYS)}":${oddValue(random)},`),
  (text, { to }, random) => replaced(text, to, to, `,"${random.of(ODD_KEYS)}":${oddValue(random)}`),
  // the same in other clothes
  (text, { at }, random) => replaced(text, at, at, random.of(SPACES)),
  (text, { to }, random) => replaced(text, to, to, random.of(SPACES)),
  (text, { at, key }, random) => escapedAt(text, at + 1, at + 1 + key.length, random),
  (text, { from, to }, random) => (text[from] === '"' ? escapedAt(text, from + 1, to - 1, random) : text),
  // a character within a text that does not belong there
  (text, { from, to }, random) => {
    if (text[from] !== '"' || to - from < 3) return text;
    const at = from + 1 + random.below(to - from - 2);
    return replaced(text, at, at + random.below(2), random.of(ODD_CHARACTERS));
  },
  // other digits, which leave a number one
  (text, { from, to }, random) => {
    const at = from + random.below(to - from);
    return /[1-9]/.test(text[at]) ? replaced(text, at, at + 1, String(1 + random.below(9))) : text;
  },
  // elements of lists: twice, many times, beside something that is none
  (text, { from, to }, random) => {
    if (text[from] !== '[' || to - from < 3) return text;
    const inner = text.slice(from + 1, to - 1);
    const times = random.of([1, 1, 2, random.below(300)]);
    return replaced(text, to - 1, to - 1, `,${inner}`.repeat(times));
  },
  (text, { from, to }, random) =>
    text[from] === '['
      ? replaced(text, from + 1, from + 1, `${oddValue(random)}${to - from > 2 ? ',' : ''}`)
      : text,
];

/** The text with one of its members changed. */
function changedMember(text: string, random: Random): string {
  const members = everyMember(text);
  if (members.length === 0) return random.of(['[]', '{}', '1', text, `[${text}]`]);
  return random.of(MEMBER_CHANGES)(text, random.of(members), random);
}

type ByteChange = (bytes: Buffer, at: number, random: Random) => Uint8Array[];

const BYTE_CHANGES: readonly ByteChange[] = [
  (bytes, at, random) => [
    bytes.subarray(0, at),
    Buffer.of(bytes[at] ^ (1 << random.below(8))),
    bytes.subarray(at + 1),
  ],
  (bytes, at, random) => [
    bytes.subarray(0, at),
    Buffer.of(random.of([...SPECIAL_BYTES])),
    bytes.subarray(at + 1),
  ],
  (bytes, at, random) => [
    bytes.subarray(0, at),
    Buffer.of(random.of([...SPECIAL_BYTES])),
    bytes.subarray(at),
  ],
  (bytes, at, random) => [bytes.subarray(0, at), bytes.subarray(at + 1 + random.below(4))],
  (bytes, at, random) => [bytes.subarray(0, at + random.below(20)), bytes.subarray(at)],
  (bytes, at) => [bytes.subarray(0, at)],
];

/** The message changed a few times, mostly in its values, at times in its bytes. */
export function mutated(message: string, random: Random): Uint8Array {
  let text = message;
  for (let left = random.below(4); left > 0; left--) text = changedMember(text, random);
  if (random.chance(0.03))
    text = random.of([`[${text}]`, `[${text},${message}]`, `${text} `, ` ${text}`, `${text}${text}`]);
  const bytes = Buffer.from(text);
  if (bytes.length === 0 || random.chance(0.7)) return bytes;
  return Buffer.concat(random.of(BYTE_CHANGES)(bytes, random.below(bytes.length), random));
}

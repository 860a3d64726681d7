/**
 * The code of functions that write one row, from the declaration of what its columns are made of. Cold: a few times
 * per connection. The same declaration is compiled twice, for values that the reader of all messages has found
 * (compile_row.ts) and for values of messages that look like one before (templates.ts); FieldExpressions is what
 * differs.
 *
 * The code is made of the texts below and of integers; nothing that an exchange sent ever stands in it as text.
 */
import { assert } from '../../base/errors.js';
import { HIGH_WORD, nearestFloat32, POWERS_OF_TEN } from '../../base/number.js';
import { EPOCH, parseIsoTime, setTimeFromEpoch, TIME, TIME_RESULT } from '../../base/time.js';
import { flag } from '../../schema/flags.js';
import { HEADER_WORDS, scalesByte, scalesColumn, type Table } from '../../schema/layout.js';
import { KIND } from '../json/bytes.js';
import { isNoNumber } from '../json/none.js';
import { RESULT } from './result.js';
import { type ColumnMapping, fieldOf, type RowMapping, timeField } from './row_mapping.js';

/** Functions that read a time that is not plain. */
export type TimeReader = 'epochTime' | 'isoTime' | 'epochTimeOrReceipt' | 'isoTimeOrReceipt';

/** How the code gets at a field: expressions. */
export interface FieldExpressions {
  /** whether a string or number is there that is not empty */
  there(field: number): string;
  /** the number that was read, NOT_PLAIN for what is none */
  digits(field: number): string;
  decimals(field: number): string;
  from(field: number): string;
  to(field: number): string;
  kind(field: number): string;
  /** calls for a number that is not plain, whose value is false when it is none; '' where there are no such */
  decimalCall(field: number, word: number, digitsWord: number, position: number, positive: boolean): string;
  floatCall(field: number, word: number): string;
  idCall(field: number, word: number): string;
  timeCall(read: TimeReader, field: number, seconds: number, nanos: number): string;
  /** statement for a text that is no UUID; `mask` flags the column as missing */
  notUuid(field: number, mask: number): string;
  /** statements that give an id to the sequence, and go on with its row when it has to be stored */
  acceptId(field: number): string[];
  /** statement for a row that cannot be written, for this RESULT */
  refuse(result: number): string;
}

/** Expressions for the fields of the row's object and of the message around it. */
export interface RowExpressions {
  readonly row: FieldExpressions;
  readonly message: FieldExpressions;
}

/** What the code refers to, in addition to `rows`, `sequence`, `table`, `u32` and `f32`. */
export const ROW_TOOLS = {
  ...{ POWERS_OF_TEN, nearestFloat32, parseIsoTime, EPOCH, TIME, setTimeFromEpoch, isNoNumber },
  double: new Float64Array(1),
  doubleBits: new Uint32Array(0),
};
ROW_TOOLS.doubleBits = new Uint32Array(ROW_TOOLS.double.buffer);

const NOT_POSITIVE = flag('failed_validation');
/** The double nearest to a number may be the middle of two floats: then its low bits are these. */
const MIDDLE_MASK = 0x1fffffff;
const MIDDLE_BITS = 0x10000000;

const UUID_WORDS = 4;
/** Columns that the RowWriter sets when it keeps a row. */
const SET_AT_THE_END = ['recv_time', 'recv_nanos', 'scales', 'flags'];

/** Whether the fields that every row needs are there. */
export function requiredCode(mapping: RowMapping, access: RowExpressions): string[] {
  const { row } = access;
  const tests = requiredFields(mapping).map((field) => row.there(field));
  if (mapping.time.orReceipt !== true)
    tests.push(timeExpressions(mapping, access).there(timeField(mapping.time)));
  return tests.map((test) => `if (!(${test})) ${row.refuse(RESULT.missingField)}`);
}

function timeExpressions({ time }: RowMapping, { row, message }: RowExpressions): FieldExpressions {
  return time.inEnvelope === true ? message : row;
}

/**
 * Writes the row of the stream in `slot` from `bytes`. `extraCall`: a call that sets the columns of `mapping.also`;
 * `complete`: a statement for when every value is there and the row cannot be refused any more.
 */
export function rowCode(
  mapping: RowMapping,
  { row: access, message }: RowExpressions,
  extraCall = '',
  complete = '',
): string[] {
  const { table, columns, extraColumns } = mapping;
  const names = table.columns.map(({ name }) => name);
  for (const name of Object.keys(columns)) assert(names.includes(name), `${table.name} has ${name}`);
  const others = extraCall === '' ? [] : (extraColumns?.columns ?? []);
  const absent = names.filter(
    (name) => maskOf(table, name) !== 0 && !(name in columns) && !others.includes(name),
  );
  const flags = absent.reduce((mask, name) => mask | maskOf(table, name), mapping.flags ?? 0);
  return [
    `if (!rows.open(table, slot)) ${access.refuse(RESULT.ringFull)}`,
    'const record = rows.record;',
    `let flags = ${flags}, scales = 0, scales_high = 0, digit = 0, low = 0, value = 0, start = 0;`,
    ...emptyCode(mapping, absent),
    ...timeCode(mapping, timeExpressions(mapping, { row: access, message })),
    ...Object.entries(columns).flatMap(([name, column]) => columnCode(table, name, column, access)),
    ...[extraCall, complete].filter((statement) => statement !== '').map((statement) => `${statement};`),
    ...acceptCode(mapping, access),
    'rows.finish(table, flags, scales, scales_high);',
  ];
}

function maskOf(table: Table, name: string): number {
  return table.missing[name];
}

/** Fields of the object without which there is no row. */
function requiredFields({ table, columns }: RowMapping): number[] {
  return Object.entries(columns)
    .filter(([name, mapping]) => maskOf(table, name) === 0 && isRequired(mapping))
    .map(([, mapping]) => fieldOf(mapping));
}

function isRequired(mapping: ColumnMapping): boolean {
  if ('id' in mapping) return mapping.orZero !== true;
  return 'decimal' in mapping || 'uuid' in mapping;
}

/** Zeros for every word that a row may leave as it is, and NaN for numbers that are never sent. */
function emptyCode(mapping: RowMapping, absent: readonly string[]): string[] {
  const { columns, words } = mapping.table;
  const always = wordsAlwaysSet(mapping);
  const nans = columns.filter(({ name, type }) => type === 'f32' && absent.includes(name));
  for (const { word } of nans) always.add(word);
  const others = Array.from({ length: words - HEADER_WORDS }, (_, n) => HEADER_WORDS + n);
  return [
    ...others.filter((word) => !always.has(word)).map((word) => zeroCode(word, 1)),
    ...nans.map(({ word }) => `f32[record + ${word}] = NaN;`),
  ];
}

function zeroCode(word: number, words: number): string {
  return Array.from({ length: words }, (_, n) => `u32[record + ${word + n}] = 0;`).join(' ');
}

/** Words that hold a value of the row whenever there is one. */
function wordsAlwaysSet({ table, columns }: RowMapping): Set<number> {
  const names = [...table.time, ...SET_AT_THE_END];
  for (const [name, mapping] of Object.entries(columns)) {
    const isNeeded = maskOf(table, name) === 0 && isRequired(mapping);
    // a decimal that is missing is NaN, its digits are zero
    if (isNeeded || 'decimal' in mapping) names.push(name);
    const exact = 'decimal' in mapping ? exactNumberOf(table, name) : undefined;
    if (isNeeded && exact !== undefined) names.push(`${exact}_digits`);
  }
  const set = table.columns.filter(({ name }) => names.includes(name));
  return new Set(set.flatMap(({ word, words }) => Array.from({ length: words }, (_, n) => word + n)));
}

function timeCode({ table, time }: RowMapping, access: FieldExpressions): string[] {
  const [seconds, nanos] = table.time.map((name) => table.at[name]);
  const field = timeField(time);
  const optional = time.orReceipt === true;
  const reader = time.epoch === undefined ? 'isoTime' : 'epochTime';
  const bad = access.refuse(RESULT.badTime);
  const call = access.timeCall(optional ? `${reader}OrReceipt` : reader, field, seconds, nanos);
  const otherwise = call === '' ? bad : `if (!${call}) ${bad}`;
  const digits = access.digits(field);
  const isRead =
    reader === 'epochTime'
      ? `(EPOCH[0] = ${digits}) >= 0 && ${access.decimals(field)} === 0 && setTimeFromEpoch()`
      : `parseIsoTime(view, ${access.from(field)}, ${access.to(field)}) === ${TIME_RESULT.ok}`;
  // the first second of 1970 is no time
  const isMeant = optional ? `${isRead} && TIME[0] > 0` : isRead;
  const set = `if (${isMeant}) rows.time(${seconds}, ${nanos}); else { ${otherwise} }`;
  return optional
    ? [`if (!(${access.there(field)})) rows.timeOfReceipt(${seconds}, ${nanos}); else ${set}`]
    : [set];
}

function columnCode(table: Table, name: string, mapping: ColumnMapping, access: FieldExpressions): string[] {
  const field = fieldOf(mapping);
  const word = table.at[name];
  const mask = maskOf(table, name);
  const [from, to] = [access.from(field), access.to(field)];
  if ('decimal' in mapping) return decimalCode(table, name, mapping, access);
  if ('id' in mapping) return idCode(word, mask, mapping, access);
  if ('uuid' in mapping) {
    const read = `rows.uuid(${word}, view, ${from}, ${to})`;
    if (mask === 0) return [`if (!(${access.there(field)}) || !${read}) ${access.refuse(RESULT.badId)}`];
    return [
      `if (!(${access.there(field)})) flags |= ${mask};`,
      `else if (!${read}) { ${zeroCode(word, UUID_WORDS)} ${access.notUuid(field, mask)} }`,
    ];
  }
  if ('word' in mapping)
    return [
      `value = ${access.kind(field)};`,
      `if (value === ${KIND.true}) u32[record + ${word}] = ${mapping.values[1]};`,
      `else if (value === ${KIND.false}) u32[record + ${word}] = ${mapping.values[0]};`,
      ...(mask === 0 ? [] : [`else flags |= ${mask};`]),
    ];
  if ('firstTrue' in mapping)
    return mapping.firstTrue.map(([field, value], n) => {
      const test = `if (${access.kind(field)} === ${KIND.true}) u32[record + ${word}] = ${value};`;
      return n === 0 ? test : `else ${test}`;
    });
  return [
    `value = 0; if (${access.kind(field)} === ${KIND.string}) { start = ${from}; value = ${to} - start; }`,
    ...Object.entries(mapping.values).map(
      ([text, meaning]) => `if (${isTextCode(text)}) u32[record + ${word}] = ${meaning}; else`,
    ),
    ...(mapping.other === undefined ? [] : [`if (value > 0) u32[record + ${word}] = ${mapping.other}; else`]),
    `flags |= ${mask};`,
  ];
}

/** Whether the `value` bytes from `start` on are this ASCII text. */
function isTextCode(text: string): string {
  const bytes = Array.from(Buffer.from(text), (byte, i) => `bytes[start + ${i}] === ${byte}`);
  return [`value === ${bytes.length}`, ...bytes].join(' && ');
}

/** Whether a number that may be missing is. */
function isNoneCode(field: number, access: FieldExpressions, zeroIsNone = false): string {
  const [from, to] = [access.from(field), access.to(field)];
  return `!(${access.there(field)}) || isNoNumber(bytes, ${from}, ${to}, ${zeroIsNone})`;
}

/** The whole number in `digit`. */
function storeU64(word: number): string {
  return `low = digit >>> 0; u32[record + ${word}] = low; u32[record + ${word + 1}] = (digit - low) * ${HIGH_WORD};`;
}

function idCode(
  word: number,
  mask: number,
  { id: field, orZero = false }: Extract<ColumnMapping, { id: number }>,
  access: FieldExpressions,
): string[] {
  const call = access.idCall(field, word);
  const bad = access.refuse(RESULT.badId);
  return [
    `digit = ${access.digits(field)};`,
    `if (digit >= 0 && ${access.decimals(field)} === 0) { ${storeU64(word)} }`,
    ...(mask === 0 && !orZero ? [] : [`else if (${isNoneCode(field, access)}) flags |= ${mask};`]),
    call === '' ? `else ${bad}` : `else if (!${call}) ${bad}`,
  ];
}

/** The number whose exact digits are kept with this column. */
function exactNumberOf(table: Table, name: string): string | undefined {
  return table.exactNumbers.find((exact) => name === exact || name === `trade_${exact}`);
}

function decimalCode(
  table: Table,
  name: string,
  { decimal: field, positive = false, zeroIsNone = false }: Extract<ColumnMapping, { decimal: number }>,
  access: FieldExpressions,
): string[] {
  const word = table.at[name];
  const mask = maskOf(table, name);
  assert(!zeroIsNone || mask !== 0, `${table.name}.${name} may be missing`);
  const decimals = access.decimals(field);
  const exact = exactNumberOf(table, name);
  const position = exact === undefined ? -1 : table.exactNumbers.indexOf(exact);
  const digitsWord = exact === undefined ? -1 : table.at[`${exact}_digits`];
  const call =
    position < 0
      ? access.floatCall(field, word)
      : access.decimalCall(field, word, digitsWord, position, positive);
  const keep =
    position < 0
      ? []
      : [storeU64(digitsWord), `${scalesColumn(position)} |= ${decimals} << ${8 * scalesByte(position)};`];
  const bad = access.refuse(RESULT.badNumber);
  return [
    `digit = ${access.digits(field)};`,
    `if (digit ${zeroIsNone ? '>' : '>='} 0) {`,
    `value = digit / POWERS_OF_TEN[${decimals}]; double[0] = value;`,
    `if ((doubleBits[0] & ${MIDDLE_MASK}) === ${MIDDLE_BITS})`,
    `value = nearestFloat32(digit, ${decimals}, bytes, ${access.from(field)}, ${access.to(field)});`,
    `f32[record + ${word}] = value;`,
    ...keep,
    ...(positive ? [`if (digit === 0) flags |= ${NOT_POSITIVE};`] : []),
    '}',
    ...(mask === 0
      ? []
      : [
          `else if (${zeroIsNone ? 'digit === 0 || ' : ''}${isNoneCode(field, access, zeroIsNone)})`,
          `{ f32[record + ${word}] = NaN; flags |= ${mask}; }`,
        ]),
    call === '' ? `else ${bad}` : `else if (!${call}) ${bad}`,
  ];
}

function acceptCode({ accept, columns }: RowMapping, access: FieldExpressions): string[] {
  if (accept === 'all') return ['sequence.touch(slot);'];
  if (accept === 'unordered') return [`if (!rows.isNew(sequence, slot)) return ${RESULT.duplicate};`];
  return access.acceptId(fieldOf(columns.trade_id));
}

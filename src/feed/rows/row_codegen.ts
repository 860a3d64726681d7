/**
 * The source of functions that write one row, from the declaration of what its columns are made of. Cold: a few times
 * per connection. The same declaration is compiled twice, for values that the reader of all messages has found
 * (row_plan.ts) and for values of messages that look like one before (templates.ts); Access is what differs.
 *
 * The source is made of the texts below and of integers; nothing that an exchange sent ever stands in it as text.
 */
import { assert } from '../../base/errors.js';
import { HIGH_WORD, nearestFloat32, POWERS_OF_TEN } from '../../base/number.js';
import { EPOCH, parseIsoTime, setTimeFromEpoch, TIME_RESULT } from '../../base/time.js';
import { flag } from '../../schema/flags.js';
import { HEADER_WORDS, scalesByte, scalesColumn, type Table } from '../../schema/layout.js';
import { KIND } from '../json/bytes.js';
import { RESULT } from './result.js';

/**
 * What a column is made of; the numbers are fields of the object. A column that may be missing may lack its value and
 * says so in `flags`; of the others decimals, ids and UUIDs are required.
 */
export type Source =
  /** a number with its exact digits, where the column has any; `positive`: zero is not believed */
  | { readonly decimal: number; readonly positive?: boolean }
  /** a whole number; `orZero`: where the column cannot be missing the value still can */
  | { readonly id: number; readonly orZero?: boolean }
  | { readonly uuid: number }
  /** what a string stands for; 0 for every other one */
  | { readonly text: number; readonly values: Readonly<Record<string, number>> }
  /** what `false` and `true` stand for; 0 for everything else */
  | { readonly word: number; readonly values: readonly [no: number, yes: number] };

/** The field of the event time, in milliseconds or microseconds or in ISO form; required unless `orReceipt`. */
export interface TimeSource {
  readonly epoch?: number;
  readonly iso?: number;
  readonly orReceipt?: boolean;
  /** it is a field of the message, not of the object that becomes the row */
  readonly ofMessage?: boolean;
}

export interface RowPlan {
  readonly table: Table;
  readonly columns: Readonly<Record<string, Source>>;
  readonly time: TimeSource;
  /** how the sequence judges the row: by its trade_id, by an id without order, or as one of a channel without ids */
  readonly accept: 'contiguous' | 'unordered' | 'all';
  /** bits of `flags` of every row */
  readonly flags?: number;
  /** columns that are set, or flagged as missing, by a function when one of these fields is there */
  readonly also?: { readonly columns: readonly string[]; readonly fields: readonly number[] };
}

/** How the source gets at a field: expressions. */
export interface Access {
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
  timeCall(read: 'epochTime' | 'isoTime', field: number, seconds: number, nanos: number): string;
  /** statement for a text that is no UUID; `mask` flags the column as missing */
  notUuid(field: number, mask: number): string;
  /** statements that tell the sequence of an id, and go on with its row when it has to be stored */
  acceptId(field: number): string[];
  /** statement for a row that cannot be written, for this RESULT */
  refuse(result: number): string;
}

/** Access to the fields of the row's object and of the message around it. */
export interface RowAccess {
  readonly row: Access;
  readonly message: Access;
}

/** What the source refers to, beside `rows`, `sequence`, `table`, `u32` and `f32` of the plan. */
export const ROW_TOOLS = {
  ...{ POWERS_OF_TEN, nearestFloat32, parseIsoTime, EPOCH, setTimeFromEpoch },
  double: new Float64Array(1),
  doubleBits: new Uint32Array(0),
};
ROW_TOOLS.doubleBits = new Uint32Array(ROW_TOOLS.double.buffer);

const NOT_POSITIVE = flag('failed_validation');
/** The double nearest to a literal may be the middle of two floats: then its low bits are these. */
const MIDDLE_MASK = 0x1fffffff;
const MIDDLE_BITS = 0x10000000;

const UUID_WORDS = 4;
/** Columns that Rows sets when it keeps a row. */
const SET_AT_THE_END = ['recv_time', 'recv_nanos', 'scales', 'flags'];

/** Whether the fields that every row needs are there. */
export function requiredSource(plan: RowPlan, access: RowAccess): string[] {
  const { row } = access;
  const tests = requiredFields(plan).map((field) => row.there(field));
  if (plan.time.orReceipt !== true) tests.push(timeAccess(plan, access).there(timeField(plan.time)));
  return tests.map((test) => `if (!(${test})) ${row.refuse(RESULT.missingField)}`);
}

function timeAccess({ time }: RowPlan, { row, message }: RowAccess): Access {
  return time.ofMessage === true ? message : row;
}

/**
 * Writes the row of the stream in `slot` from `bytes`. `alsoCall`: a call that sets the columns of `plan.also`; `complete`: a
 * statement for when every value is there and the row cannot be refused any more.
 */
export function rowSource(
  plan: RowPlan,
  { row: access, message }: RowAccess,
  alsoCall = '',
  complete = '',
): string[] {
  const { table, columns, also } = plan;
  const names = table.columns.map(({ name }) => name);
  for (const name of Object.keys(columns)) assert(names.includes(name), `${table.name} has ${name}`);
  const others = alsoCall === '' ? [] : (also?.columns ?? []);
  const absent = names.filter(
    (name) => maskOf(table, name) !== 0 && !(name in columns) && !others.includes(name),
  );
  const flags = absent.reduce((mask, name) => mask | maskOf(table, name), plan.flags ?? 0);
  return [
    `if (!rows.open(table, slot)) ${access.refuse(RESULT.ringFull)}`,
    'const record = rows.record;',
    `let flags = ${flags}, scales = 0, scales_high = 0, digit = 0, low = 0, value = 0, start = 0;`,
    ...emptySource(plan, absent),
    ...timeSource(plan, timeAccess(plan, { row: access, message })),
    ...Object.entries(columns).flatMap(([name, source]) => columnSource(table, name, source, access)),
    ...[alsoCall, complete].filter((statement) => statement !== '').map((statement) => `${statement};`),
    ...acceptSource(plan, access),
    'rows.finish(table, flags, scales, scales_high);',
  ];
}

function maskOf(table: Table, name: string): number {
  return table.missing[name];
}

/** Fields of the object without which there is no row. */
function requiredFields({ table, columns }: RowPlan): number[] {
  return Object.entries(columns)
    .filter(([name, source]) => maskOf(table, name) === 0 && isRequired(source))
    .map(([, source]) => fieldOf(source));
}

export function timeField({ epoch, iso }: RowPlan['time']): number {
  const field = epoch ?? iso;
  assert(field !== undefined, 'a row has an event time');
  return field;
}

function isRequired(source: Source): boolean {
  if ('id' in source) return source.orZero !== true;
  return 'decimal' in source || 'uuid' in source;
}

/** The field that a column is made of. */
export function fieldOf(source: Source): number {
  if ('decimal' in source) return source.decimal;
  if ('id' in source) return source.id;
  if ('uuid' in source) return source.uuid;
  return 'text' in source ? source.text : source.word;
}

/** Zeros for every word that a row may leave as it is, and NaN for numbers that are never sent. */
function emptySource(plan: RowPlan, absent: readonly string[]): string[] {
  const { columns, words } = plan.table;
  const always = wordsAlwaysSet(plan);
  const nans = columns.filter(({ name, type }) => type === 'f32' && absent.includes(name));
  for (const { word } of nans) always.add(word);
  const others = Array.from({ length: words - HEADER_WORDS }, (_, n) => HEADER_WORDS + n);
  return [
    ...others.filter((word) => !always.has(word)).map((word) => zeroSource(word, 1)),
    ...nans.map(({ word }) => `f32[record + ${word}] = NaN;`),
  ];
}

function zeroSource(word: number, words: number): string {
  return Array.from({ length: words }, (_, n) => `u32[record + ${word + n}] = 0;`).join(' ');
}

/** Words that hold a value of the row whenever there is one. */
function wordsAlwaysSet({ table, columns }: RowPlan): Set<number> {
  const names = [...table.time, ...SET_AT_THE_END];
  for (const [name, source] of Object.entries(columns)) {
    const isNeeded = maskOf(table, name) === 0 && isRequired(source);
    // a decimal that is missing is NaN, its digits are zero
    if (isNeeded || 'decimal' in source) names.push(name);
    const literal = 'decimal' in source ? literalOf(table, name) : undefined;
    if (isNeeded && literal !== undefined) names.push(`${literal}_digits`);
  }
  const set = table.columns.filter(({ name }) => names.includes(name));
  return new Set(set.flatMap(({ word, words }) => Array.from({ length: words }, (_, n) => word + n)));
}

function timeSource({ table, time }: RowPlan, access: Access): string[] {
  const [seconds, nanos] = table.time.map((name) => table.at[name]);
  const field = timeField(time);
  const isEpoch = time.epoch !== undefined;
  const bad = access.refuse(RESULT.badTime);
  const call = access.timeCall(isEpoch ? 'epochTime' : 'isoTime', field, seconds, nanos);
  const otherwise = call === '' ? bad : `if (!${call}) ${bad}`;
  const digits = access.digits(field);
  const read = isEpoch
    ? `(EPOCH[0] = ${digits}) >= 0 && ${access.decimals(field)} === 0 && setTimeFromEpoch()`
    : `parseIsoTime(view, ${access.from(field)}, ${access.to(field)}) === ${TIME_RESULT.ok}`;
  const set = `if (${read}) rows.time(${seconds}, ${nanos}); else { ${otherwise} }`;
  return time.orReceipt === true
    ? [`if (!(${access.there(field)})) rows.timeOfReceipt(${seconds}, ${nanos}); else ${set}`]
    : [set];
}

function columnSource(table: Table, name: string, source: Source, access: Access): string[] {
  const field = fieldOf(source);
  const word = table.at[name];
  const mask = maskOf(table, name);
  const [from, to] = [access.from(field), access.to(field)];
  if ('decimal' in source) return decimalSource(table, name, source, access);
  if ('id' in source) return idSource(word, mask, source, access);
  if ('uuid' in source) {
    const read = `rows.uuid(${word}, view, ${from}, ${to})`;
    if (mask === 0) return [`if (!(${access.there(field)}) || !${read}) ${access.refuse(RESULT.badId)}`];
    return [
      `if (!(${access.there(field)})) flags |= ${mask};`,
      `else if (!${read}) { ${zeroSource(word, UUID_WORDS)} ${access.notUuid(field, mask)} }`,
    ];
  }
  if ('word' in source)
    return [
      `value = ${access.kind(field)};`,
      `if (value === ${KIND.true}) u32[record + ${word}] = ${source.values[1]};`,
      `else if (value === ${KIND.false}) u32[record + ${word}] = ${source.values[0]};`,
      ...(mask === 0 ? [] : [`else flags |= ${mask};`]),
    ];
  return [
    `value = 0; if (${access.kind(field)} === ${KIND.string}) { start = ${from}; value = ${to} - start; }`,
    ...Object.entries(source.values).map(
      ([text, meaning]) => `if (${isTextSource(text)}) u32[record + ${word}] = ${meaning}; else`,
    ),
    `flags |= ${mask};`,
  ];
}

/** Whether the `value` bytes from `start` on are this ASCII text. */
function isTextSource(text: string): string {
  const bytes = Array.from(Buffer.from(text), (byte, i) => `bytes[start + ${i}] === ${byte}`);
  return [`value === ${bytes.length}`, ...bytes].join(' && ');
}

/** The whole number in `digit`. */
function storeU64(word: number): string {
  return `low = digit >>> 0; u32[record + ${word}] = low; u32[record + ${word + 1}] = (digit - low) * ${HIGH_WORD};`;
}

function idSource(
  word: number,
  mask: number,
  { id: field, orZero = false }: Extract<Source, { id: number }>,
  access: Access,
): string[] {
  const call = access.idCall(field, word);
  const bad = access.refuse(RESULT.badId);
  return [
    `digit = ${access.digits(field)};`,
    `if (digit >= 0 && ${access.decimals(field)} === 0) { ${storeU64(word)} }`,
    ...(mask === 0 && !orZero ? [] : [`else if (!(${access.there(field)})) flags |= ${mask};`]),
    call === '' ? `else ${bad}` : `else if (!${call}) ${bad}`,
  ];
}

/** The literal whose digits are kept beside this column. */
function literalOf(table: Table, name: string): string | undefined {
  return table.literals.find((literal) => name === literal || name === `trade_${literal}`);
}

function decimalSource(
  table: Table,
  name: string,
  { decimal: field, positive = false }: Extract<Source, { decimal: number }>,
  access: Access,
): string[] {
  const word = table.at[name];
  const mask = maskOf(table, name);
  const decimals = access.decimals(field);
  const literal = literalOf(table, name);
  const position = literal === undefined ? -1 : table.literals.indexOf(literal);
  const digitsWord = literal === undefined ? -1 : table.at[`${literal}_digits`];
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
    'if (digit >= 0) {',
    `value = digit / POWERS_OF_TEN[${decimals}]; double[0] = value;`,
    `if ((doubleBits[0] & ${MIDDLE_MASK}) === ${MIDDLE_BITS})`,
    `value = nearestFloat32(digit, ${decimals}, bytes, ${access.from(field)}, ${access.to(field)});`,
    `f32[record + ${word}] = value;`,
    ...keep,
    ...(positive ? [`if (digit === 0) flags |= ${NOT_POSITIVE};`] : []),
    '}',
    ...(mask === 0
      ? []
      : [`else if (!(${access.there(field)})) { f32[record + ${word}] = NaN; flags |= ${mask}; }`]),
    call === '' ? `else ${bad}` : `else if (!${call}) ${bad}`,
  ];
}

function acceptSource({ accept, columns }: RowPlan, access: Access): string[] {
  if (accept === 'all') return ['sequence.touch(slot);'];
  if (accept === 'unordered') return [`if (!rows.isNew(sequence, slot)) return ${RESULT.duplicate};`];
  return access.acceptId(fieldOf(columns.trade_id));
}

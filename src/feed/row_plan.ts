/**
 * HOT: rows from the values of an object, once per trade, ticker or quote, in shard threads. An exchange declares which
 * value goes to which column, and that declaration is compiled to one function, several times faster than a call per
 * column: what is constant for the exchange is constant in the code, and a plain number is copied from where the
 * reader left it. Everything out of the ordinary calls the same methods of Rows that are there for all.
 *
 *   const write = compileRow({ table: TRADES, columns: { trade_id: { id: ID }, … }, time: { epoch: TIME }, … }, …);
 *   …
 *   return write(o, slot);
 *
 * Like the source of a shape, that of a row is made of the texts below and of integers.
 */
import { assert } from '../base/errors.js';
import { nearestFloat32 } from '../base/number.js';
import { flag } from '../schema/flags.js';
import { HEADER_WORDS, scalesByte, scalesColumn, type Table } from '../schema/layout.js';
import { RESULT } from './exchange.js';
import { KIND } from './json_bytes.js';
import type { JsonSlots } from './json_slots.js';
import type { Rows } from './rows.js';
import { SEEN, type Sequence } from './sequence.js';
import { epochTime, isoTime, u64At } from './values.js';

/**
 * What a column is made of; the numbers are fields of the object. A column that may be missing may lack its value and
 * says so in `flags`; of the others decimals and ids are required.
 */
export type Source =
  /** a number with its exact digits, where the column has any; `positive`: zero is not believed */
  | { readonly decimal: number; readonly positive?: boolean }
  /** a whole number */
  | { readonly id: number }
  | { readonly uuid: number }
  /** what a string stands for; 0 for every other one */
  | { readonly text: number; readonly values: Readonly<Record<string, number>> }
  /** what `true` and `false` stand for; 0 for everything else */
  | { readonly word: number; readonly values: readonly [no: number, yes: number] };

export interface RowPlan {
  readonly table: Table;
  readonly columns: Readonly<Record<string, Source>>;
  /**
   * The event time: a field in milliseconds or microseconds, one in ISO form, or what a function of the object's first
   * value sets, false when it cannot be read. A field is required unless `orReceipt`.
   */
  readonly time:
    | { readonly epoch: number; readonly orReceipt?: boolean }
    | { readonly iso: number; readonly orReceipt?: boolean }
    | { readonly set: (o: number) => boolean };
  /** how the sequence judges the row: by its trade_id, by an id without order, or as one of a channel without ids */
  readonly accept: 'contiguous' | 'unordered' | 'all';
  /** of a row that stands for several ids: how many, the last of which is its trade_id */
  readonly count?: (o: number) => number;
  /** sets what the columns cannot say; RESULT.rows, or why the object is refused */
  readonly also?: (o: number) => number;
  /** columns that `also` sets, or flags as missing */
  readonly own?: readonly string[];
}

/** Writes the object whose first value is `o` as a row of the stream in `slot`: a RESULT. */
export type WriteRow = (o: number, slot: number) => number;

const NOT_POSITIVE = flag('failed_validation');
const DUPLICATE_KEPT = flag('duplicate_kept');
/** What makes the high word of a u64 a number. */
const HIGH_WORD = 1 / 4294967296;
/** The double nearest to a literal may be the middle of two floats: then its low bits are these. */
const MIDDLE_MASK = 0x1fffffff;
const MIDDLE_BITS = 0x10000000;
const POWERS = Float64Array.from({ length: 23 }, (_, i) => Number(`1e${i}`));
const double = new Float64Array(1);
const doubleBits = new Uint32Array(double.buffer);

/** Cold: `sequence` is undefined when nobody has subscribed to the rows. */
export function compileRow(
  plan: RowPlan,
  slots: JsonSlots,
  rows: Rows,
  sequence: Sequence | undefined,
): WriteRow {
  const tools = {
    ...{ slots, rows, sequence, table: plan.table, u32: rows.u32, f32: rows.f32 },
    ...{ POWERS, double, doubleBits, nearestFloat32, epochTime, isoTime, u64At },
    ...{ also: plan.also, count: plan.count, setTime: 'set' in plan.time ? plan.time.set : undefined },
  };
  const body = `return function row(o, slot) {\n${sourceOf(plan, sequence !== undefined).join('\n')}\n};`;
  return new Function(...Object.keys(tools), body)(...Object.values(tools)) as WriteRow;
}

function sourceOf(plan: RowPlan, wanted: boolean): string[] {
  const { table, columns } = plan;
  const names = table.columns.map(({ name }) => name);
  for (const name of Object.keys(columns)) assert(names.includes(name), `${table.name} has ${name}`);
  const lines = ['const { bytes, from, to, kind, digits, decimals } = slots;'];
  for (const field of requiredFields(plan))
    lines.push(`if (!(${isThere(field)})) return ${RESULT.missingField};`);
  if (!wanted) return [...lines, `return ${RESULT.unwanted};`];
  const absent = names.filter(
    (name) => maskOf(table, name) !== 0 && !(name in columns) && !plan.own?.includes(name),
  );
  lines.push(
    `if (slot < 0) return ${RESULT.unwanted};`,
    `if (!rows.open(table, slot)) return ${RESULT.ringFull};`,
    'const record = rows.record;',
    `let flags = ${absent.reduce((mask, name) => mask | maskOf(table, name), 0)}, scales = 0, scales_high = 0, digit = 0, low = 0, value = 0, start = 0;`,
    ...emptySource(table, absent),
    ...timeSource(plan),
  );
  for (const [name, source] of Object.entries(columns)) lines.push(...columnSource(table, name, source));
  if (plan.also !== undefined) lines.push('value = also(o);', `if (value !== ${RESULT.rows}) return value;`);
  lines.push(
    ...acceptSource(plan),
    'rows.finish(table, flags, scales, scales_high);',
    `return ${RESULT.rows};`,
  );
  return lines;
}

function maskOf(table: Table, name: string): number {
  return table.missing[name];
}

/** Fields without which there is no row. */
function requiredFields({ table, columns, time }: RowPlan): number[] {
  const fields = Object.entries(columns)
    .filter(([name, source]) => maskOf(table, name) === 0 && ('decimal' in source || 'id' in source))
    .map(([, source]) => fieldOf(source));
  if ('set' in time || time.orReceipt === true) return fields;
  return [...fields, 'epoch' in time ? time.epoch : time.iso];
}

function fieldOf(source: Source): number {
  if ('decimal' in source) return source.decimal;
  if ('id' in source) return source.id;
  if ('uuid' in source) return source.uuid;
  return 'text' in source ? source.text : source.word;
}

/** Whether a field holds a string or a number that is not empty. */
function isThere(field: number): string {
  const at = `o + ${field}`;
  const isText = `(kind[${at}] === ${KIND.string} || kind[${at}] === ${KIND.number}) && to[${at}] > from[${at}]`;
  return `digits[${at}] >= 0 || ${isText}`;
}

/** Zeros for every word behind the header and NaN for numbers that are never sent; what is set is set again. */
function emptySource({ columns, words }: Table, absent: readonly string[]): string[] {
  return [
    ...Array.from({ length: words - HEADER_WORDS }, (_, n) => `u32[record + ${HEADER_WORDS + n}] = 0;`),
    ...columns
      .filter(({ name, type }) => type === 'f32' && absent.includes(name))
      .map(({ word }) => `f32[record + ${word}] = NaN;`),
  ];
}

function timeSource({ table, time }: RowPlan): string[] {
  const [seconds, nanos] = table.time.map((name) => table.at[name]);
  if ('set' in time) return [`if (!setTime(o)) return ${RESULT.badTime};`];
  const [read, field] = 'epoch' in time ? ['epochTime', time.epoch] : ['isoTime', time.iso];
  const set = `if (!${read}(rows, slots, o + ${field}, ${seconds}, ${nanos})) return ${RESULT.badTime};`;
  if (time.orReceipt !== true) return [set];
  return [`if (!(${isThere(field)})) rows.timeOfReceipt(${seconds}, ${nanos});`, `else ${set}`];
}

function columnSource(table: Table, name: string, source: Source): string[] {
  const word = table.at[name];
  const mask = maskOf(table, name);
  const at = `o + ${fieldOf(source)}`;
  if ('decimal' in source) return decimalSource(table, name, source.decimal, source.positive === true);
  if ('id' in source) {
    const otherwise = `else if (!rows.idAt(slots, ${at}, ${word})) return ${RESULT.badId};`;
    return [
      `digit = digits[${at}];`,
      `if (digit >= 0 && decimals[${at}] === 0) { ${storeU64(word)} }`,
      ...(mask === 0 ? [] : [`else if (!(${isThere(source.id)})) flags |= ${mask};`]),
      otherwise,
    ];
  }
  if ('uuid' in source)
    return [
      `if (!(${isThere(source.uuid)}) || !rows.uuid(${word}, bytes, from[${at}], to[${at}])) flags |= ${mask};`,
    ];
  if ('word' in source)
    return [
      `value = kind[${at}];`,
      `if (value === ${KIND.true}) u32[record + ${word}] = ${source.values[1]};`,
      `else if (value === ${KIND.false}) u32[record + ${word}] = ${source.values[0]};`,
    ];
  return [
    `start = from[${at}];`,
    `value = kind[${at}] === ${KIND.string} ? to[${at}] - start : 0;`,
    ...Object.entries(source.values).map(
      ([text, side]) => `if (${isTextSource(text)}) u32[record + ${word}] = ${side}; else`,
    ),
    `flags |= ${mask};`,
  ];
}

/** Whether the `value` bytes from `start` on are this ASCII text. */
function isTextSource(text: string): string {
  const bytes = Buffer.from(text);
  return [
    `value === ${bytes.length}`,
    ...Array.from(bytes, (byte, i) => `bytes[start + ${i}] === ${byte}`),
  ].join(' && ');
}

/** The whole number in `digit`. */
function storeU64(word: number): string {
  return `low = digit >>> 0; u32[record + ${word}] = low; u32[record + ${word + 1}] = (digit - low) * ${HIGH_WORD};`;
}

function decimalSource(table: Table, name: string, field: number, positive: boolean): string[] {
  const word = table.at[name];
  const mask = maskOf(table, name);
  const at = `o + ${field}`;
  const position = table.literals.findIndex((literal) => name === literal || name === `trade_${literal}`);
  const exact = position >= 0;
  const digitsWord = exact ? table.at[`${table.literals[position]}_digits`] : 0;
  const call = exact
    ? `rows.decimalAt(slots, ${at}, ${word}, ${digitsWord}, ${position}, ${positive})`
    : `rows.floatAt(slots, ${at}, ${word})`;
  const keep = exact
    ? [storeU64(digitsWord), `${scalesColumn(position)} |= decimals[${at}] << ${8 * scalesByte(position)};`]
    : [];
  return [
    `digit = digits[${at}];`,
    'if (digit >= 0) {',
    `value = digit / POWERS[decimals[${at}]]; double[0] = value;`,
    `if ((doubleBits[0] & ${MIDDLE_MASK}) === ${MIDDLE_BITS})`,
    `value = nearestFloat32(digit, decimals[${at}], bytes, from[${at}], to[${at}]);`,
    `f32[record + ${word}] = value;`,
    ...keep,
    ...(positive ? [`if (digit === 0) flags |= ${NOT_POSITIVE};`] : []),
    '}',
    ...(mask === 0
      ? []
      : [`else if (!(${isThere(field)})) { f32[record + ${word}] = NaN; flags |= ${mask}; }`]),
    `else if (!${call}) return ${RESULT.badNumber};`,
  ];
}

function acceptSource({ accept, columns, count }: RowPlan): string[] {
  if (accept === 'all') return ['sequence.touch(slot);'];
  if (accept === 'unordered') return [`if (!rows.isNew(sequence, slot)) return ${RESULT.duplicate};`];
  const at = `o + ${fieldOf(columns.trade_id)}`;
  return [
    `value = u64At(slots, ${at});`,
    `low = sequence.acceptRange(slot, value${count === undefined ? '' : ' - count(o) + 1'}, value);`,
    `if (low === ${SEEN.duplicate}) return ${RESULT.duplicate};`,
    `if (low === ${SEEN.uncertain}) flags |= ${DUPLICATE_KEPT};`,
  ];
}

/**
 * Turns rows into text fields for printing: exact literals, times, sides, names instead of numbers. Called by
 * `logger read`, row by row; throughput matters less here than saying exactly what is in the files.
 */

import { type Column, isWrittenFor } from '../../schema/columns.js';
import { FLAGS, MISSING_SHIFT } from '../../schema/flags.js';
import type { Table } from '../../schema/layout.js';
import { GAP_CAUSES, GAPS, INSTRUMENT_STATES, INSTRUMENTS, SIDE, tableById } from '../../schema/tables.js';
import { decimalOf, type Literals, readLiterals, textOfF32 } from './decimals.js';
import { type Block, f32Of, type TableDay, u32Of, u64Of, uuidOf } from './reader.js';
import { type NumberRole, rolesOf } from './roles.js';

/** A value as it is printed; undefined when it is missing. */
export type FieldText = string | undefined;

/** One printed field of every row. */
export interface Field {
  readonly name: string;
  /** columns that must have been read for it */
  readonly needs: readonly string[];
  /** whether the text is a number (unless a side-car text says otherwise) */
  readonly numeric: boolean;
  readonly text: (block: Block, row: number, literals: Literals) => FieldText;
}

export interface FieldOptions {
  /** columns by name, in this order; by default all but the exact ones, which show in the numbers themselves */
  readonly columns?: readonly string[];
  /** values as stored: f32 instead of the exact digits, numbers for sides, causes and flags, and the exact columns too */
  readonly raw?: boolean;
  /** for people: times as ISO 8601, flags by name */
  readonly human?: boolean;
}

const LITERAL_IN_SIDECAR = 1 << FLAGS.literal_in_sidecar.bit;
const NO_LITERALS: Literals = new Map();

/** ISO 8601, UTC, with nanoseconds where they are known. */
export function isoTime(seconds: number, nanos?: number): string {
  const fraction = nanos === undefined ? '' : `.${String(nanos).padStart(9, '0')}`;
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}${fraction}Z`;
}

/** RFC 4122 text of the 16 bytes at `offset`. */
export function uuidText(bytes: Uint8Array, offset: number): string {
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset + offset, 16).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Names of the bits that are set, joined by `|`; a missing column as `no_{column}`, an unknown bit by number. */
export function flagNames(table: Table, flags: number): string {
  const names: string[] = [];
  for (let bit = 0; bit < 32; bit++) {
    const mask = 1 << bit;
    if ((flags & mask) === 0) continue;
    const known = Object.entries(FLAGS).find(([, f]) => f.bit === bit)?.[0];
    const column =
      bit < MISSING_SHIFT ? undefined : table.columns.find((c) => table.missing[c.name] === mask);
    names.push(known ?? (column === undefined ? `bit_${bit}` : `no_${column.name}`));
  }
  return names.join('|');
}

const SIDE_NAMES = new Map(Object.entries(SIDE).map(([name, id]): [number, string] => [id, name]));
const CAUSE_NAMES = namesById(GAP_CAUSES);
const STATE_NAMES = namesById(INSTRUMENT_STATES);

function namesById(declared: Readonly<Record<string, { readonly id: number }>>): Map<number, string> {
  return new Map(Object.entries(declared).map(([name, { id }]) => [id, name]));
}

/** Name of a cause in GAPS. */
export function causeName(cause: number): string {
  return CAUSE_NAMES.get(cause) ?? String(cause);
}

function isZero(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (bytes[i] !== 0) return false;
  return true;
}

/** The value of a column as stored. */
function storedText(column: Column): Field['text'] {
  const { name } = column;
  switch (column.type) {
    case 'u32':
      return (block, row) => String(u32Of(block, name)[row]);
    case 'u64':
      return (block, row) => String(u64Of(block, name)[row]);
    case 'f32':
      return (block, row) => textOfF32(f32Of(block, name)[row]!) || undefined;
    case 'uuid':
      return (block, row) => uuidText(uuidOf(block, name), row * 16);
  }
}

function literalText(role: NumberRole, stored: Field['text'], exact: boolean): Field['text'] {
  return (block, row, literals) => {
    const inSidecar = literals.get(row + block.fromRow)?.get(role.value);
    if (inSidecar !== undefined) return inSidecar;
    if (!exact) return stored(block, row, literals);
    return decimalOf(u64Of(block, role.digits)[row]!, u32Of(block, role.scales)[row]!, role.byte);
  };
}

/** Empty when the row's flags say that the message did not carry the column. */
function unlessMissing(mask: number, text: Field['text']): Field['text'] {
  if (mask === 0) return text;
  return (block, row, literals) =>
    (u32Of(block, 'flags')[row]! & mask) !== 0 ? undefined : text(block, row, literals);
}

/** Seconds and nanoseconds as one field. */
function timeField(name: string, nanos: string | undefined): Field {
  const text: Field['text'] = (block, row) => {
    const seconds = u32Of(block, name)[row]!;
    const fraction = nanos === undefined ? undefined : u32Of(block, nanos)[row];
    return seconds === 0 ? undefined : isoTime(seconds, fraction);
  };
  return { name, needs: nanos === undefined ? [name] : [name, nanos], numeric: false, text };
}

function fieldOf(tableDay: TableDay, column: Column, options: FieldOptions): Field {
  const { table } = tableDay;
  const { name } = column;
  const stored = storedText(column);
  const plain: Field = { name, needs: [name], numeric: column.type !== 'uuid', text: stored };
  if (options.raw) return plain;
  const roles = rolesOf(table);
  if (options.human && roles.times.has(name)) return timeField(name, roles.times.get(name));
  if (name === 'flags') {
    if (!options.human) return plain;
    return { ...plain, numeric: false, text: (block, row) => flagNames(table, u32Of(block, name)[row]!) };
  }
  const missing = table.missing[name]!;
  const needs = missing === 0 ? [name] : [name, 'flags'];
  const enumerated = namesOfNumbers(table, name);
  if (enumerated !== undefined) {
    const text: Field['text'] = (block, row) => enumerated(u32Of(block, name)[row]!);
    return { name, needs, numeric: false, text: unlessMissing(missing, text) };
  }
  const role = roles.numbers.find((r) => r.value === name);
  if (role !== undefined) {
    const exact = tableDay.columns.includes(role.digits) && tableDay.columns.includes(role.scales);
    return {
      name,
      needs: exact ? [name, role.digits, role.scales, 'flags'] : [name, 'flags'],
      numeric: true,
      text: unlessMissing(missing, literalText(role, stored, exact)),
    };
  }
  if (column.type === 'uuid') {
    const text: Field['text'] = (block, row, literals) =>
      isZero(uuidOf(block, name), row * 16, row * 16 + 16) ? undefined : stored(block, row, literals);
    return { ...plain, text };
  }
  return { ...plain, needs, text: unlessMissing(missing, stored) };
}

/** The words that the numbers of a column stand for; undefined where they are numbers. Tables may be of another layout. */
export function namesOfNumbers(table: Table, column: string): ((value: number) => string) | undefined {
  const isOf = ({ name }: Table) => table.name === name;
  if (rolesOf(table).sides.includes(column)) return (value) => SIDE_NAMES.get(value) ?? String(value);
  if (isOf(GAPS) && column === 'cause') return causeName;
  if (isOf(INSTRUMENTS) && column === 'state') return (value) => STATE_NAMES.get(value) ?? String(value);
  if (isOf(GAPS) && column === 'table') return (value) => tableById(value)?.name ?? String(value);
  return undefined;
}

/** Whether the numbers of a table-day can be printed exactly. */
export function hasExact(tableDay: TableDay): boolean {
  return tableDay.table.columns.every((c) => !c.exact || tableDay.columns.includes(c.name));
}

/** The fields of a printed row. A name in `columns` that the table does not have is passed over. */
export function planFields(tableDay: TableDay, options: FieldOptions = {}): Field[] {
  const { table } = tableDay;
  const folded = new Set(options.human && !options.raw ? rolesOf(table).times.values() : []);
  const names =
    options.columns ??
    table.columns
      .filter((c) => isWrittenFor(tableDay.exchange, c))
      .filter((c) => (options.raw ? tableDay.columns.includes(c.name) : !c.exact && !folded.has(c.name)))
      .map((c) => c.name);
  return names.flatMap((name) => {
    const column = table.columns.find((c) => c.name === name);
    return column === undefined ? [] : [fieldOf(tableDay, column, options)];
  });
}

/** Side-car texts that the rows of a block refer to; the file is read only when a row has the flag. */
export function literalsOf(block: Block): Literals {
  const flags = block.columns['flags'] === undefined ? undefined : u32Of(block, 'flags');
  if (!flags?.some((f) => (f & LITERAL_IN_SIDECAR) !== 0)) return NO_LITERALS;
  return readLiterals(block.tableDay, block.fromRow, block.fromRow + block.rows);
}

/** The fields of row `row` of a block (counted from its start), which must hold the columns the fields need. */
export function decodeRow(
  fields: readonly Field[],
  block: Block,
  row: number,
  literals: Literals,
): FieldText[] {
  return fields.map((field) => field.text(block, row, literals));
}

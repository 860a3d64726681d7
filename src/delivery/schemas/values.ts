/**
 * The values of a row for binary formats. Whole numbers of 64 bits are two halves, which the encoders write as they are:
 * nothing here makes a BigInt.
 */
import type { Field } from '../fields.js';
import type { RecordView } from '../record_view.js';
import type { RowSchema } from './row_schema.js';

/** A whole number of 64 bits; both halves are unsigned. */
export interface Halves {
  readonly low: number;
  readonly high: number;
}

export type Value = string | number | Halves | null;

/** A row by the names of its fields. */
export type Values = Record<string, Value>;

type Read = (view: RecordView) => Value;

const NANOS = 1_000_000_000;
const HALF_WORD = 65_536;

/** Nanoseconds since 1970. They exceed what a double holds, so they are put together from 16 bits and the rest. */
export function nanosHalves(seconds: number, nanos: number): Halves {
  const lower = (seconds % HALF_WORD) * NANOS + nanos;
  const upper = Math.floor(seconds / HALF_WORD) * NANOS + Math.floor(lower / HALF_WORD);
  return {
    low: ((upper % HALF_WORD) * HALF_WORD + (lower % HALF_WORD)) >>> 0,
    high: Math.floor(upper / HALF_WORD),
  };
}

function timeOf({ word, nanosWord }: Field): Read {
  return (view) => {
    const seconds = view.u32(word);
    return seconds === 0 ? null : nanosHalves(seconds, nanosWord < 0 ? 0 : view.u32(nanosWord));
  };
}

function floatOf(word: number): Read {
  return (view) => {
    const value = view.f32(word);
    return Number.isNaN(value) ? null : value;
  };
}

function readingOf(field: Field): Read {
  const { kind, word, text } = field;
  switch (kind) {
    case 'time':
      return timeOf(field);
    case 'float':
      return floatOf(word);
    case 'u32':
      return (view) => view.u32(word);
    case 'u64':
      return (view) => ({ low: view.u32(word), high: view.u32(word + 1) });
    case 'decimal':
    case 'uuid':
    case 'name':
      return text;
  }
}

/** Of an exchange that has no such column the value is missing. */
function readOf(field: Field, missing: number): Read {
  const read = readingOf(field);
  return (view) => (view.isMissing(missing) || !field.isIn(view.place.exchange) ? null : read(view));
}

/** Reads rows of a schema. */
export function valuesOf({ fields, tables: [table] }: RowSchema): (view: RecordView) => Values {
  const reads = fields.map((field) => {
    const column = table.columns.find(({ word }) => word === field.word);
    return [field.name, readOf(field, table.missing[column?.name ?? ''])] as const;
  });
  return (view) => {
    const { exchange, symbol, native, table: of, day } = view.place;
    const values: Values = { exchange, symbol, native, table: of.name, day, row: view.row };
    for (const [name, read] of reads) values[name] = read(view);
    return values;
  };
}

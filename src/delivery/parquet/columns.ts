/**
 * The columns of a Parquet file, derived from the fields of a table. Every reader takes them as what they are: times are
 * timestamps of nanoseconds in UTC, ids unsigned integers, names and UUIDs text.
 *
 * How many decimals a number has differs row by row, and DECIMAL has one scale per column. With 18 decimals it holds every
 * 64-bit number of digits that has at most 18 of them, exactly, and databases calculate with it. `{name}_f64` is the same
 * for fast work, and for libraries that make an object of every decimal. `{name}_scale` says how many decimals were sent,
 * so that the very text can be rebuilt. What DECIMAL cannot hold is null there, and its text stands in `irregular`.
 */
import type { ParquetWriter } from 'hyparquet-writer';
import { type Field, type FieldKind, fieldsOf, nanosOf } from '../fields.js';
import type { Place } from '../place.js';
import type { RecordView } from '../record_view.js';

type ParquetOptions = ConstructorParameters<typeof ParquetWriter>[0];
export type SchemaElement = ParquetOptions['schema'][number];
export type Value = string | number | bigint | null;

const PRECISION = 38;
const SCALE = 18;
const UNSCALED_END = 10n ** BigInt(PRECISION);
const POWERS = Array.from({ length: SCALE + 1 }, (_, exponent) => 10n ** BigInt(exponent));
const PLAIN_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/;

const TEXT = {
  type: 'BYTE_ARRAY',
  converted_type: 'UTF8',
  logical_type: { type: 'STRING' },
} as const;
const U32 = { type: 'INT32', converted_type: 'UINT_32' } as const;
const U64 = { type: 'INT64', converted_type: 'UINT_64' } as const;
const SCALES = { type: 'INT32', converted_type: 'UINT_8' } as const;
const DOUBLE = { type: 'DOUBLE' } as const;
const TIME = {
  type: 'INT64',
  logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'NANOS' },
} as const;
const DECIMAL = {
  type: 'FIXED_LEN_BYTE_ARRAY',
  type_length: 16,
  converted_type: 'DECIMAL',
  precision: PRECISION,
  scale: SCALE,
  logical_type: { type: 'DECIMAL', precision: PRECISION, scale: SCALE },
} as const;

interface Kind {
  readonly element: Omit<SchemaElement, 'name'>;
  readonly value: (field: Field, view: RecordView) => Value;
}

const ofText =
  (convert: (text: string) => Value): Kind['value'] =>
  (field, view) => {
    const text = field.text(view);
    return text === null ? null : convert(text);
  };

const KINDS: Readonly<Record<Exclude<FieldKind, 'decimal'>, Kind>> = {
  time: { element: TIME, value: nanosOf },
  float: { element: { type: 'FLOAT' }, value: ofText(Number) },
  u32: { element: U32, value: ofText(Number) },
  u64: { element: U64, value: ofText(BigInt) },
  uuid: { element: TEXT, value: (field, view) => field.text(view) },
  name: { element: TEXT, value: (field, view) => field.text(view) },
};

/** A decimal in units of 10^-18; undefined when DECIMAL cannot hold it, or would lose how it was written. */
function unscaledOf(text: string, scale: number): bigint | undefined {
  if (scale > SCALE || !PLAIN_NUMBER.test(text)) return undefined;
  const unscaled = BigInt(text.replace('.', '')) * POWERS[SCALE - scale];
  const isNegativeZero = unscaled === 0n && text.startsWith('-');
  return isNegativeZero || unscaled >= UNSCALED_END || unscaled <= -UNSCALED_END ? undefined : unscaled;
}

function decimalsOf(text: string): number {
  const point = text.indexOf('.');
  return point < 0 ? 0 : text.length - point - 1;
}

/** Values of one row group, column by column. */
export class ColumnData {
  rows = 0;
  private readonly columns: { readonly element: SchemaElement; data: Value[] }[] = [];
  private readonly fillers: ((view: RecordView) => void)[] = [];
  /** of the row that is added */
  private irregular: Record<string, string> | undefined;

  constructor({ exchange, native, table, exact }: Place) {
    const add = (name: string, nullable: boolean, element: Omit<SchemaElement, 'name'>) =>
      this.addColumn({ name, ...element, repetition_type: nullable ? 'OPTIONAL' : 'REQUIRED' });
    const natives = add('native', false, TEXT);
    const rows = add('row', false, { type: 'INT64' });
    this.fillers.push((view) => {
      natives.data.push(native);
      rows.data.push(BigInt(view.row));
    });
    for (const field of fieldsOf(table).filter(({ isIn }) => isIn(exchange)))
      if (field.kind === 'decimal') this.addDecimal(field, exact);
      else this.addField(field, KINDS[field.kind]);
    const irregular = this.addColumn({ name: 'irregular', ...TEXT, repetition_type: 'OPTIONAL' });
    this.fillers.push(() =>
      irregular.data.push(this.irregular === undefined ? null : JSON.stringify(this.irregular)),
    );
  }

  get schema(): SchemaElement[] {
    return [
      { name: 'row', num_children: this.columns.length },
      ...this.columns.map(({ element }) => element),
    ];
  }

  private addColumn(element: SchemaElement) {
    const column = { element, data: [] as Value[] };
    this.columns.push(column);
    return column;
  }

  private addField(field: Field, { element, value }: Kind): void {
    const repetition_type = field.nullable ? 'OPTIONAL' : 'REQUIRED';
    const column = this.addColumn({ name: field.name, ...element, repetition_type });
    this.fillers.push((view) => column.data.push(value(field, view)));
  }

  /** `exact`: whether its decimals are those that were sent. */
  private addDecimal({ name, text: textOf }: Field, exact: boolean): void {
    const optional = { repetition_type: 'OPTIONAL' } as const;
    const decimals = this.addColumn({ name, ...DECIMAL, ...optional });
    const doubles = this.addColumn({ name: `${name}_f64`, ...DOUBLE, ...optional });
    const scales = this.addColumn({ name: `${name}_scale`, ...SCALES, ...optional });
    this.fillers.push((view) => {
      const text = textOf(view);
      const scale = text === null ? 0 : decimalsOf(text);
      const unscaled = text === null ? undefined : unscaledOf(text, scale);
      decimals.data.push(unscaled ?? null);
      doubles.data.push(text === null ? null : Number(text));
      scales.data.push(unscaled === undefined || !exact ? null : scale);
      if (text !== null && unscaled === undefined) this.irregular = { ...this.irregular, [name]: text };
    });
  }

  add(view: RecordView): void {
    this.irregular = undefined;
    for (const fill of this.fillers) fill(view);
    this.rows++;
  }

  /** Everything that was added since the last call. */
  take(): { readonly name: string; readonly data: Value[] }[] {
    this.rows = 0;
    return this.columns.map((column) => {
      const { data } = column;
      column.data = [];
      return { name: column.element.name, data };
    });
  }
}

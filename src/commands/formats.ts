/** Rows as an aligned table, CSV or JSON lines, one text at a time. Called by the commands that print some. */
import type { Field, FieldText } from '../store/read/row_text.js';

/** What of a column decides its form. */
type Column = Pick<Field, 'name' | 'numeric'>;

export const FORMATS = ['table', 'csv', 'jsonl'] as const;
export type Format = (typeof FORMATS)[number];

/** Turns rows into text; `rows` may keep some back until `end`. */
export interface RowWriter {
  rows(values: readonly FieldText[]): string;
  end(): string;
}

/** Rows that are looked at before the widths of the table are fixed. */
const SAMPLE_ROWS = 200;

/** Text of exchanges must not steer a terminal. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, '?');
}

function tableWriter(fields: readonly Column[]): RowWriter {
  const widths = fields.map((f) => f.name.length);
  let sample: string[][] | undefined = [];
  const line = (cells: readonly string[]) =>
    `${cells
      .map((cell, i) => (fields[i]!.numeric ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd()}\n`;
  const release = (): string => {
    const held = sample ?? [];
    sample = undefined;
    widths.forEach((width, i) => {
      widths[i] = Math.max(width, ...held.map((cells) => cells[i]!.length));
    });
    return [fields.map((f) => f.name), ...held].map(line).join('');
  };
  return {
    rows(values) {
      const cells = values.map((value) => printable(value ?? ''));
      if (sample === undefined) return line(cells);
      sample.push(cells);
      return sample.length === SAMPLE_ROWS ? release() : '';
    },
    end: () => (sample === undefined ? '' : release()),
  };
}

function csvCell(value: FieldText): string {
  if (value === undefined) return '';
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}

function csvWriter(fields: readonly Column[]): RowWriter {
  let header = `${fields.map((f) => f.name).join(',')}\n`;
  const takeHeader = () => {
    const text = header;
    header = '';
    return text;
  };
  return { rows: (values) => `${takeHeader()}${values.map(csvCell).join(',')}\n`, end: takeHeader };
}

const JSON_NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?$/;
/** Text of 2^53: integers up to here survive a reader that keeps numbers as doubles. */
const EXACT_INTEGER_MAX = String(2 ** 53);

function isExactInteger(digits: string): boolean {
  return (
    digits.length < EXACT_INTEGER_MAX.length ||
    (digits.length === EXACT_INTEGER_MAX.length && digits <= EXACT_INTEGER_MAX)
  );
}

function jsonValue(field: Column, value: FieldText): string {
  if (value === undefined) return 'null';
  const bare =
    field.numeric &&
    JSON_NUMBER.test(value) &&
    (value.includes('.') || isExactInteger(value.replace('-', '')));
  return bare ? value : JSON.stringify(value);
}

function jsonWriter(fields: readonly Column[]): RowWriter {
  const keys = fields.map((f) => `${JSON.stringify(f.name)}:`);
  return {
    rows: (values) => `{${values.map((value, i) => keys[i] + jsonValue(fields[i]!, value)).join(',')}}\n`,
    end: () => '',
  };
}

/** The writer of a format; the table starts with a line of names, and so does CSV. */
export function rowWriter(format: Format, fields: readonly Column[]): RowWriter {
  switch (format) {
    case 'table':
      return tableWriter(fields);
    case 'csv':
      return csvWriter(fields);
    case 'jsonl':
      return jsonWriter(fields);
  }
}

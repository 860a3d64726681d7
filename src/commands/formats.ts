/** Rows as an aligned table, CSV or JSON lines, one text at a time. Called by the commands that print some. */
import type { Field, FieldText } from '../store/read/row_text.js';

/** What of a column decides its form. */
export type Column = Pick<Field, 'name' | 'numeric'>;

export const FORMATS = ['table', 'csv', 'jsonl'] as const;
export type Format = (typeof FORMATS)[number];

/** Turns rows into text; `rows` may keep some back until `release`, after which each comes out at once. */
export interface RowFormatter {
  rows(values: readonly FieldText[]): string;
  release(): string;
}

/** Rows that are looked at before the widths of the table are fixed. */
const SAMPLE_ROWS = 200;

/** Text of exchanges must not steer a terminal. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, '?');
}

function tableFormatter(fields: readonly Column[]): RowFormatter {
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
    release: () => (sample === undefined ? '' : release()),
  };
}

function csvCell(value: FieldText): string {
  if (value === undefined) return '';
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}

function csvFormatter(fields: readonly Column[]): RowFormatter {
  let header = `${fields.map((f) => f.name).join(',')}\n`;
  const takeHeader = () => {
    const text = header;
    header = '';
    return text;
  };
  return { rows: (values) => `${takeHeader()}${values.map(csvCell).join(',')}\n`, release: takeHeader };
}

const JSON_NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?$/;
/** Text of 2^53: integers up to here survive a reader that keeps numbers as doubles. */
const EXACT_INTEGER_MAX = String(2 ** 53);

/** Integers up to 2^53 as numbers, above as strings. */
export function jsonInteger(value: bigint): number | string {
  return isExactInteger(String(value)) ? Number(value) : String(value);
}

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

function jsonFormatter(fields: readonly Column[]): RowFormatter {
  const keys = fields.map((f) => `${JSON.stringify(f.name)}:`);
  return {
    rows: (values) => `{${values.map((value, i) => keys[i] + jsonValue(fields[i]!, value)).join(',')}}\n`,
    release: () => '',
  };
}

/** The formatter of a format; the table starts with a line of names, and so does CSV. */
export function rowFormatter(format: Format, fields: readonly Column[]): RowFormatter {
  switch (format) {
    case 'table':
      return tableFormatter(fields);
    case 'csv':
      return csvFormatter(fields);
    case 'jsonl':
      return jsonFormatter(fields);
  }
}

/** Lines that are all there as an aligned table. */
export function aligned(columns: readonly Column[], lines: Iterable<readonly FieldText[]>): string {
  const formatter = tableFormatter(columns);
  return Array.from(lines, (line) => formatter.rows(line)).join('') + formatter.release();
}

/** Rows that a target answers as texts, compared with the column files. */
import { type Comparison, compareDelivered } from './delivered.js';
import { type PlainRow, plainRows, rowName } from './plain_rows.js';

export type TextRow = Readonly<Record<string, string>>;

/** `rows`: what names a row, and its values without those that are missing. */
export function compareTexts(
  dataPath: string,
  rows: readonly TextRow[],
  wanted?: (row: PlainRow) => boolean,
): Comparison {
  const plain = plainRows(dataPath);
  const lines = rows.map((row) => typedLike(plain.get(rowName(row)) ?? {}, row));
  return compareDelivered(dataPath, lines, wanted as Parameters<typeof compareDelivered>[2]);
}

/** The texts as the types that the row of the column files has. */
function typedLike(plain: PlainRow, row: TextRow): Record<string, unknown> {
  const typed: Record<string, unknown> = { ...row };
  for (const [name, value] of Object.entries(plain)) {
    if (typeof value === 'number') typed[name] = Number(row[name]);
    if (value === null && !(name in row)) typed[name] = null;
  }
  return typed;
}

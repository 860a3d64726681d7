/**
 * TOML as the configuration needs it: parsed with one-line errors, and the line of every key, which the parser does
 * not tell. Used by load.ts only.
 */
import { parse, TomlError } from 'smol-toml';
import { LoggerError } from '../base/errors.js';

export type Tree = Readonly<Record<string, unknown>>;

export function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** Parses a whole file; a syntax error is CONFIG_INVALID with file, line, column and the parser's reason. */
export function parseToml(source: string, file: string): Tree {
  try {
    return parse(source);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const reason =
      advice(source, error.line) ?? error.message.split('\n', 1)[0].replace('Invalid TOML document: ', '');
    throw new LoggerError('CONFIG_INVALID', `${file}:${error.line}:${error.column}: ${reason}`);
  }
}

const COMMENT = /\s+(#.*)?$/;
const ASSIGNMENT = /^\s*([\w."'-][\w.\s"'-]*?)\s*=\s*(.*)$/;
/** In a list: text in quotes, or anything up to the next comma or bracket. */
const LIST_ITEM = /"(?:[^"\\]|\\.)*"|'[^']*'|[^\s,[\]"'#][^,[\]#]*/g;
const QUOTES = /^["'\u2018-\u201f]+|["'\u2018-\u201f]+$/g;
const TRUE_OR_FALSE: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  false: false,
  no: false,
  off: false,
};

/** What to write instead of a value that is no TOML, nearly always text without quotes; undefined when unsure. */
function advice(source: string, line: number): string | undefined {
  const rows = source.split('\n');
  const row = (rows[line - 1] ?? '').replace(COMMENT, '');
  const assignment = ASSIGNMENT.exec(row);
  if (assignment?.[2] === '') return `a value is missing behind ${assignment[1]} =`;
  const better = assignment === null ? listQuoted(row).trim() : `${assignment[1]} = ${quoted(assignment[2])}`;
  rows[line - 1] = better;
  if (parsesBeyond(rows.join('\n'), line)) return `invalid value; write: ${better}`;
  return undefined;
}

function quoted(value: string): string {
  if (value.startsWith('[')) return listQuoted(value);
  const truth = TRUE_OR_FALSE[value.toLowerCase()];
  // a table, or text over several lines, is not a value that lacks its quotes
  if (/^(\{|"""|''')/.test(value)) return value;
  return truth === undefined ? JSON.stringify(value.replace(QUOTES, '')) : String(truth);
}

function listQuoted(list: string): string {
  return list.replace(LIST_ITEM, (item) =>
    parseTomlValue(item) === undefined ? JSON.stringify(item.trim()) : item,
  );
}

function parsesBeyond(source: string, line: number): boolean {
  try {
    parse(source);
    return true;
  } catch (error) {
    return error instanceof TomlError && error.line > line;
  }
}

/** The value of one TOML expression, e.g. of an environment variable; undefined when it is none. */
export function parseTomlValue(source: string): unknown {
  try {
    const tree: Tree = parse(`value = ${source}`);
    return Object.keys(tree).length === 1 ? tree['value'] : undefined;
  } catch {
    return undefined;
  }
}

function collectKeys(tree: Tree, prefix: string, line: number, lines: Map<string, number>): void {
  for (const [name, value] of Object.entries(tree)) {
    const key = prefix === '' ? name : `${prefix}.${name}`;
    if (!lines.has(key)) lines.set(key, line);
    if (isTree(value)) collectKeys(value, key, line, lines);
  }
}

/**
 * Line of the statement that brought in each key (`http`, `http.port`, …) of a valid file. Found by parsing the
 * file line by line: a statement ends where the text so far is valid again, and it began on the line after the
 * previous such place. So there is no second grammar that could disagree with the parser.
 */
export function keyLines(source: string): Map<string, number> {
  const lines = new Map<string, number>();
  const rows = source.split('\n');
  let begin = 1;
  let text = '';
  rows.forEach((row, i) => {
    text += `${row}\n`;
    try {
      collectKeys(parse(text), '', begin, lines);
      begin = i + 2;
    } catch {
      // in the middle of a statement that spans lines
    }
  });
  return lines;
}

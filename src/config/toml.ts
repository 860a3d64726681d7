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

/** Texts, comments and brackets of a line, and what is between them. */
const TOKEN = /"""|'''|"(?:[^"\\]|\\.)*"|'[^']*'|#.*|[[\]{}]|[^"'#[\]{}]+|["']/y;
/** By the quotes of a text over several lines: the rest of it as far as a line goes, and the quotes that end it. */
const TEXTS = new Map([
  ['"""', /(?:[^"\\]|\\[\s\S]?|"(?!""))*("{3,5})?/y],
  ["'''", /(?:[^']|'(?!''))*('{3,5})?/y],
]);

/** What the lines so far have opened and not closed: brackets, or a text. */
class OpenEnds {
  private brackets = 0;
  /** of the text that has not ended */
  private text: RegExp | undefined;

  /** Takes a line; whether everything is closed behind it. */
  isClosedBehind(line: string): boolean {
    for (let at = 0; at < line.length; ) {
      const token = this.text ?? TOKEN;
      token.lastIndex = at;
      const [found = '', closing] = token.exec(line) ?? [];
      at += Math.max(1, found.length);
      if (this.text === undefined) this.take(found);
      else if (closing !== undefined) this.text = undefined;
    }
    return this.text === undefined && this.brackets <= 0;
  }

  private take(token: string): void {
    this.text = TEXTS.get(token);
    if (token === '[' || token === '{') this.brackets++;
    else if (token === ']' || token === '}') this.brackets--;
  }
}

/**
 * Line of the statement that brought in each key (`http`, `http.port`, …) of a valid file. Found by parsing the file
 * statement by statement, each behind the head of its table: where one may end is guessed by what is open, and whether it
 * does is what the parser says. So there is no second grammar that could disagree with the parser.
 */
export function keyLines(source: string): Map<string, number> {
  const lines = new Map<string, number>();
  const ends = new OpenEnds();
  let table = '';
  let begin = 1;
  let statement: string[] = [];
  for (const [i, row] of source.split('\n').entries()) {
    statement.push(row);
    if (!ends.isClosedBehind(row)) continue;
    const text = `${statement.join('\n')}\n`;
    const isHead = text.trimStart().startsWith('[');
    try {
      collectKeys(parse(isHead ? text : table + text), '', begin, lines);
    } catch {
      // it goes on all the same
      continue;
    }
    if (isHead) table = text;
    begin = i + 2;
    statement = [];
  }
  return lines;
}

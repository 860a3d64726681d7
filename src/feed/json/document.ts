/**
 * The slow path: a strict JSON parser over bytes that keeps the text of numbers (JSON.parse rounds ids beyond 2^53 and
 * drops trailing zeros that checksums need), and the two alternatives that the `parser` option offers. Shard threads,
 * for messages that the byte scanner does not know. Iterative, depth-limited, never uses a key as a prototype.
 */
import { isUtf8 } from 'node:buffer';
import { createRequire } from 'node:module';
import { LoggerError } from '../../base/errors.js';
import { JSON_DEPTH_MAX } from '../../base/limits.js';
import { JsonNumber, kindOf, textOf } from './fields.js';

export type JsonObject = { [key: string]: JsonValue };
export type JsonValue = string | number | boolean | null | JsonNumber | JsonValue[] | JsonObject;

/** Parses one document; throws for anything that JSON.parse refuses. */
export type JsonParser = (text: string) => JsonValue;

/** What is compiled of the package simdjson; without it the package itself answers, with JSON.parse. */
export const SIMDJSON = 'simdjson/build/Release/simdjson.node';

/** A mark, the beginning of a string, a number or a word. */
const TOKEN =
  /[ \t\n\r]*(?:([{}[\],:])|(")|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)|(true|false|null))/y;

/** One open array or object of the document being parsed. */
interface Level {
  readonly target: JsonValue[] | JsonObject;
  key: string;
}

function isArray(target: JsonValue[] | JsonObject): target is JsonValue[] {
  return Array.isArray(target);
}

/** Reads tokens with one regular expression; the state is what may come next. */
class Tokenizer {
  private readonly levels: Level[] = [];
  private expect: 'value' | 'value or ]' | 'key' | 'key or }' | ':' | ', or end' = 'value';
  private root: JsonValue | undefined;

  constructor(private readonly text: string) {}

  parse(): JsonValue {
    let at = 0;
    while (this.expect !== ', or end' || this.levels.length > 0) {
      TOKEN.lastIndex = at;
      const match = TOKEN.exec(this.text);
      if (match === null) throw new SyntaxError(`unexpected text at byte ${at}, expected ${this.expect}`);
      at = TOKEN.lastIndex;
      if (match[2] === undefined) this.take(match[1], match[3], match[4], at);
      else at = this.string(at);
    }
    if (/[^ \t\n\r]/.test(this.text.slice(at)))
      throw new SyntaxError(`unexpected text behind the document at byte ${at}`);
    return this.root as JsonValue;
  }

  /** Takes the string whose text begins at `from`; JSON.parse checks its inside. Answers where it ends. */
  private string(from: number): number {
    const { text } = this;
    let close = text.indexOf('"', from);
    while (close >= 0 && this.isEscaped(close)) close = text.indexOf('"', close + 1);
    if (close < 0) throw new SyntaxError(`the string at byte ${from - 1} has no end`);
    const value = JSON.parse(text.slice(from - 1, close + 1)) as string;
    if (this.expect === 'key' || this.expect === 'key or }') {
      (this.levels.at(-1) as Level).key = value;
      this.expect = ':';
    } else this.add(value, close);
    return close + 1;
  }

  /** Whether an odd number of backslashes stands in front of the quote. */
  private isEscaped(quote: number): boolean {
    let first = quote;
    while (this.text[first - 1] === '\\') first--;
    return (quote - first) % 2 === 1;
  }

  private take(
    mark: string | undefined,
    number: string | undefined,
    word: string | undefined,
    at: number,
  ): void {
    const top = this.levels.at(-1);
    if (number !== undefined) this.add(new JsonNumber(number), at);
    else if (word !== undefined) this.add(word === 'null' ? null : word === 'true', at);
    else if (mark === '{' || mark === '[') this.open(mark, at);
    else if (mark === ':' && this.expect === ':') this.expect = 'value';
    else if (mark === ',' && this.expect === ', or end' && top !== undefined)
      this.expect = isArray(top.target) ? 'value' : 'key';
    else if ((mark === '}' || mark === ']') && top !== undefined && isArray(top.target) === (mark === ']'))
      this.close(at);
    else throw new SyntaxError(`unexpected '${mark}' before byte ${at}, expected ${this.expect}`);
  }

  private add(value: JsonValue, at: number): void {
    if (this.expect !== 'value' && this.expect !== 'value or ]')
      throw new SyntaxError(`unexpected value before byte ${at}, expected ${this.expect}`);
    const top = this.levels.at(-1);
    if (top === undefined) this.root = value;
    else if (isArray(top.target)) top.target.push(value);
    else top.target[top.key] = value;
    this.expect = ', or end';
  }

  private open(mark: string, at: number): void {
    const target: JsonValue[] | JsonObject = mark === '[' ? [] : Object.create(null);
    this.add(target, at);
    if (this.levels.length >= JSON_DEPTH_MAX)
      throw new SyntaxError(`nested deeper than ${JSON_DEPTH_MAX} levels`);
    this.levels.push({ target, key: '' });
    this.expect = mark === '[' ? 'value or ]' : 'key or }';
  }

  private close(at: number): void {
    if (this.expect !== ', or end' && this.expect !== 'value or ]' && this.expect !== 'key or }') {
      throw new SyntaxError(`unexpected end of a list before byte ${at}, expected ${this.expect}`);
    }
    this.levels.pop();
    this.expect = ', or end';
  }
}

/** The parser of the slow path: numbers become JsonNumber. */
export function parseKeepingText(text: string): JsonValue {
  return new Tokenizer(text).parse();
}

/**
 * Numbers that a double may not hold, or whose text it would not give back (-0, 1.10, 1e5): the alternatives leave such
 * a message to the text-keeping parser. The quote distinguishes a value from a colon within a time.
 */
const FRAGILE_NUMBER = /(?:"\s*:|[[,])\s*(?:-|\d{16}|\d+[.eE])/;
/** What the native parser refuses (half a surrogate pair), or makes the prototype of an object. */
const FRAGILE_TEXT = /\\u|__proto__/;

function exactOr(parse: (text: string) => unknown): JsonParser {
  return (text) => (FRAGILE_NUMBER.test(text) ? parseKeepingText(text) : (parse(text) as JsonValue));
}

/** The document parser for a value of the `parser` option. */
export function createJsonParser(parser: 'scan' | 'json' | 'simdjson'): JsonParser {
  if (parser === 'scan') return parseKeepingText;
  if (parser === 'json') return exactOr(JSON.parse);
  const parse = loadSimdjson();
  return exactOr((text) => (FRAGILE_TEXT.test(text) ? parseKeepingText(text) : parse(text)));
}

/** The native parser; throws DEPENDENCY_MISSING where it is not compiled. */
export function loadSimdjson(): (text: string) => unknown {
  try {
    return createRequire(import.meta.url)(SIMDJSON).parse;
  } catch (cause) {
    throw new LoggerError(
      'DEPENDENCY_MISSING',
      'parser = "simdjson" needs the optional package simdjson, compiled: run `npm run build:simdjson` where a C++ compiler and Python are installed, or use parser = "scan"',
      { cause },
    );
  }
}

/** The text of a message, or undefined when it is not valid UTF-8. */
export function decodeUtf8(bytes: Uint8Array, start: number, end: number): string | undefined {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
  return isUtf8(view) ? view.toString('utf8') : undefined;
}

/** The beginning of a message for people: so many bytes at most, whole characters, and U+FFFD for what is none. */
export function sampleOf(bytes: Uint8Array, start: number, end: number, bytesMax: number): string {
  let to = Math.min(end, start + bytesMax);
  // a byte that continues a character is not the first one left out
  for (let back = 0; back < 3 && to < end && (bytes[to] & 0xc0) === 0x80; back++) to--;
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, to - start).toString('utf8');
}

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof JsonNumber)
  );
}

/** A string member, or undefined. */
export function stringOf(object: JsonObject, key: string): string | undefined {
  const value = Object.hasOwn(object, key) ? object[key] : undefined;
  return typeof value === 'string' ? value : undefined;
}

/** A time in ms since 1970, as a number or as text; undefined where there is none. */
export function millisOf(object: JsonObject, key: string): number | undefined {
  const value = Object.hasOwn(object, key) ? object[key] : undefined;
  const ms = Number(textOf(value, kindOf(value)));
  return ms > 0 && Number.isFinite(ms) ? ms : undefined;
}

/** The objects of a list; none when it is no list. */
export function objectsOf(value: JsonValue | undefined): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

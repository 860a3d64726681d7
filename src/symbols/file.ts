/**
 * Reads symbol_mappings.yaml. Called by the supervisor and the commands before anything connects. A file that
 * contradicts itself is refused as a whole, with the line of every problem: a wrong name here would file one
 * market's trades under another's.
 */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { didYouMean } from '../base/did_you_mean.js';
import { LoggerError, messageOf } from '../base/errors.js';
import { type Mapping, type QuoteType, type SymbolFile, SymbolMapper } from './mapper.js';

const FILE = 'symbol_mappings.yaml';
const SHIPPED = fileURLToPath(new URL(`../../../${FILE}`, import.meta.url));

/**
 * The symbol file: the one that is configured, else that of the working directory, else the one shipped with the
 * program.
 */
export function symbolFile(configured: string): string {
  if (configured !== '') return configured;
  return existsSync(FILE) ? FILE : SHIPPED;
}

const QUOTE_TYPES: readonly QuoteType[] = ['fiat', 'stablecoin', 'crypto'];
const SECTIONS = ['exchanges', 'equivalence', 'mappings'];
const FIELDS = ['normalized', 'base', 'quote', 'quote_type'];
/** `binance_alt` holds further names at Binance */
const ALTERNATIVES = '_alt';
/** an asset: no dash, which separates base and quote, and no white space */
const ASSET = /^[^\s-]+$/u;

type Value = Node | null | undefined;

/** State of one reading: where the nodes stand and what was found wrong. */
class Reading {
  readonly problems: string[] = [];
  private readonly lines: LineCounter;

  constructor(
    private readonly file: string,
    lines: LineCounter,
  ) {
    this.lines = lines;
  }

  line(node: Value): number {
    return node?.range ? this.lines.linePos(node.range[0]).line : 1;
  }

  problem(node: Value, what: string): void {
    this.problems.push(`${this.file}:${this.line(node)}: ${what}`);
  }

  /** The text of a scalar; numbers and booleans are not taken for names. */
  text(node: Value, what: string): string | undefined {
    if (isScalar(node) && typeof node.value === 'string' && node.value !== '') return node.value;
    this.problem(node, `${what} must be text that is not empty; put it in quotes if it looks like a number`);
    return undefined;
  }

  /** The texts of a list, each with its node; a single text counts as a list of one where `single` is set. */
  texts(node: Value, what: string, single = false): { text: string; node: Node }[] {
    if (single && isScalar(node)) {
      const text = this.text(node, what);
      return text === undefined ? [] : [{ text, node }];
    }
    if (!isSeq(node)) {
      this.problem(node, `${what} must be a list`);
      return [];
    }
    return node.items.flatMap((item) => {
      const text = this.text(item as Node, `an entry of ${what}`);
      return text === undefined ? [] : [{ text, node: item as Node }];
    });
  }

  /** Keys and values of a map. */
  pairs(node: Value, what: string): { key: string; keyNode: Node; value: Value }[] {
    if (!isMap(node)) {
      this.problem(node, `${what} must be a map of keys and values`);
      return [];
    }
    return node.items.flatMap(({ key, value }) => {
      const text = this.text(key as Node, `a key of ${what}`);
      return text === undefined ? [] : [{ key: text, keyNode: key as Node, value: value as Value }];
    });
  }

  unknownKey(node: Node, key: string, known: readonly string[]): void {
    const meant = didYouMean(key, known);
    const hint = meant === undefined ? `known are ${known.join(', ')}` : `did you mean ${meant}?`;
    this.problem(node, `unknown key ${key}; ${hint}`);
  }
}

function readEquivalence(reading: Reading, node: Value): Record<string, string[]> {
  const groups = new Map<string, string[]>();
  const groupOf = new Map<string, string>();
  for (const { key: group, value } of reading.pairs(node, 'equivalence')) {
    const assets: string[] = [];
    groups.set(group, assets);
    for (const { text: asset, node: place } of reading.texts(value, group)) {
      const other = groupOf.get(asset);
      if (other !== undefined) {
        reading.problem(
          place,
          other === group
            ? `asset ${asset} stands twice in ${group}`
            : `asset ${asset} is in ${group} and in ${other}; an asset belongs to one group`,
        );
      }
      groupOf.set(asset, group);
      assets.push(asset);
    }
  }
  // a name of the file may be one that objects have, too
  return Object.fromEntries(groups);
}

/** Checks that hold across mappings, in the order of the file. */
class Uniqueness {
  private readonly normalized = new Map<string, number>();
  private readonly natives = new Map<string, { normalized: string; line: number }>();
  private readonly quoteTypes = new Map<string, { type: string; line: number }>();

  constructor(private readonly reading: Reading) {}

  symbol(normalized: string, node: Value): void {
    const line = this.normalized.get(normalized);
    if (line !== undefined)
      this.reading.problem(node, `${normalized} is already mapped on line ${line}; merge the two`);
    else this.normalized.set(normalized, this.reading.line(node));
  }

  native(exchange: string, native: string, normalized: string, node: Node): void {
    const key = `${exchange} ${native}`;
    const other = this.natives.get(key);
    if (other === undefined) {
      this.natives.set(key, { normalized, line: this.reading.line(node) });
    } else {
      this.reading.problem(
        node,
        `${native} of ${exchange} already stands for ${other.normalized} on line ${other.line}; one of the two is wrong`,
      );
    }
  }

  quoteType(quote: string, type: string, node: Value): void {
    const other = this.quoteTypes.get(quote);
    if (other === undefined) this.quoteTypes.set(quote, { type, line: this.reading.line(node) });
    else if (other.type !== type)
      this.reading.problem(node, `quote ${quote} is ${type} here and ${other.type} on line ${other.line}`);
  }
}

function readMapping(
  reading: Reading,
  unique: Uniqueness,
  exchanges: ReadonlySet<string>,
  node: Node,
): Mapping[] {
  const fields = new Map<string, string>();
  const places = new Map<string, Node>();
  const named: { exchange: string; native: string; alternative: boolean; node: Node }[] = [];
  for (const { key, keyNode, value } of reading.pairs(node, 'a mapping')) {
    const alternative = key.endsWith(ALTERNATIVES);
    const exchange = alternative ? key.slice(0, -ALTERNATIVES.length) : key;
    places.set(key, keyNode);
    if (FIELDS.includes(key)) {
      const text = reading.text(value, key);
      if (text !== undefined) fields.set(key, text);
    } else if (exchanges.has(exchange)) {
      for (const { text, node: place } of reading.texts(value, key, alternative || isScalar(value)))
        named.push({ exchange, native: text, alternative, node: place });
    } else {
      reading.unknownKey(keyNode, key, [...FIELDS, ...exchanges]);
    }
  }
  const absent = FIELDS.filter((field) => !places.has(field));
  if (absent.length > 0) reading.problem(node, `the mapping lacks ${absent.join(', ')}`);
  const [normalized, base, quote, type] = FIELDS.map((field) => fields.get(field));
  if (normalized === undefined || base === undefined || quote === undefined || type === undefined) return [];

  if (!ASSET.test(base) || !ASSET.test(quote))
    reading.problem(
      places.get('base'),
      `base ${base} and quote ${quote} must be without dash and white space`,
    );
  if (normalized !== `${base}-${quote}`)
    reading.problem(
      places.get('normalized'),
      `${normalized} must be ${base}-${quote}, as base and quote say`,
    );
  if (!QUOTE_TYPES.includes(type as QuoteType))
    reading.problem(places.get('quote_type'), `quote_type must be ${QUOTE_TYPES.join(', ')}; it is ${type}`);
  unique.quoteType(quote, type, places.get('quote_type'));
  unique.symbol(normalized, places.get('normalized'));
  if (named.length === 0) reading.problem(node, `${normalized} names no exchange`);

  const natives = new Map<string, string[]>();
  for (const alternative of [false, true]) {
    for (const name of named.filter((entry) => entry.alternative === alternative)) {
      unique.native(name.exchange, name.native, normalized, name.node);
      const names = natives.get(name.exchange);
      if (names === undefined) natives.set(name.exchange, [name.native]);
      else names.push(name.native);
    }
  }
  const first = new Set(named.filter((entry) => !entry.alternative).map(({ exchange }) => exchange));
  for (const { exchange, node: place } of named.filter((entry) => entry.alternative)) {
    if (!first.has(exchange))
      reading.problem(place, `${exchange}${ALTERNATIVES} without ${exchange}: which name is the first?`);
  }
  return [{ normalized, base, quote, quote_type: type as QuoteType, natives: Object.fromEntries(natives) }];
}

/** Parses the text of a symbol file; throws SYMBOL_FILE_INVALID with every problem, one a line. */
export function parseSymbolFile(source: string, file: string): SymbolFile {
  const lines = new LineCounter();
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false });
  const reading = new Reading(file, lines);
  for (const { pos, message } of document.errors)
    reading.problems.push(`${file}:${lines.linePos(pos[0]).line}: ${message.split('\n', 1)[0]}`);
  const sections = new Map<string, Value>();
  if (document.errors.length === 0) {
    for (const { key, keyNode, value } of reading.pairs(document.contents, 'the file')) {
      if (SECTIONS.includes(key)) sections.set(key, value);
      else reading.unknownKey(keyNode, key, SECTIONS);
    }
    const absent = SECTIONS.filter((section) => !sections.has(section));
    if (absent.length > 0) reading.problem(document.contents, `the file lacks ${absent.join(', ')}`);
  }
  const exchanges = sections.has('exchanges')
    ? reading.texts(sections.get('exchanges'), 'exchanges').map(({ text }) => text)
    : [];
  const equivalence = sections.has('equivalence')
    ? readEquivalence(reading, sections.get('equivalence'))
    : {};
  const mappings: Mapping[] = [];
  const list = sections.get('mappings');
  const unique = new Uniqueness(reading);
  const known = new Set(exchanges);
  if (isSeq(list)) {
    for (const node of list.items) mappings.push(...readMapping(reading, unique, known, node as Node));
  } else if (sections.has('mappings')) {
    reading.problem(list, 'mappings must be a list');
  }
  if (reading.problems.length > 0) throw new LoggerError('SYMBOL_FILE_INVALID', reading.problems.join('\n'));
  return { exchanges, mappings, equivalence };
}

/** Reads a symbol file from disk into a mapper. */
export function loadSymbolMapper(path: string): SymbolMapper {
  let source: string;
  try {
    source = readFileSync(path, 'utf8');
  } catch (error) {
    throw new LoggerError('SYMBOL_FILE_INVALID', `${path}: cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
  return new SymbolMapper(parseSymbolFile(source, path));
}

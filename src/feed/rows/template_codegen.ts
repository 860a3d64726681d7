/**
 * The code of templates (templates.ts). Cold: once per template. It is made of the texts below and of numbers; nothing
 * that an exchange sent ever stands in it as text.
 */
import { compile } from '../../base/compile.js';
import { LEARNED_VALUES_MAX } from '../../base/limits.js';
import { plainEnd } from '../../base/plain_number.js';
import type { Sequence } from '../continuity/sequence.js';
import { KIND, NO_MATCH, numberEnd, scalarKind, textEnd, wordEnd } from '../json/bytes.js';
import type { JsonFields } from '../json/fields.js';
import { MatchedTexts } from '../json/match.js';
import { JsonSlots } from '../json/slots.js';
import { type Token, tokensOf } from '../json/tokens.js';
import { decimalCode, NUMBER_TOOLS, NUMBER_VARIABLES, wholeCode } from './number_codegen.js';
import { RESULT } from './result.js';
import { type FieldExpressions, ROW_TOOLS, rowCode } from './row_codegen.js';
import { type ColumnMapping, fieldOf, fieldsOf, type RowMapping, timeField } from './row_mapping.js';
import type { RowWriter } from './row_writer.js';
import type { StreamIndex } from './streams.js';

const UUID_LENGTH = 36;

/** Where the native symbol of a row stands. */
export interface SymbolPlace {
  readonly slots: JsonSlots;
  readonly field: number;
  /** text in front of it in the same value */
  readonly prefix?: string;
  /** of a symbol in the object itself: counted from the object's first value */
  readonly inRow?: boolean;
}

/** A number of the message around the rows that has to grow by one from message to message; -1 before the first. */
export interface MessageNumber {
  readonly field: number;
  readonly newest: Float64Array;
}

/** A row that templates may be made of. */
export interface Candidate {
  readonly mapping: RowMapping;
  readonly slots: JsonSlots;
  readonly sequence: Sequence;
  readonly symbol: SymbolPlace;
}

export type Template = (bytes: Uint8Array, view: DataView, i: number, end: number) => number;

/** Where rows go, and of which stream they are. */
export interface RowTarget {
  readonly rows: RowWriter;
  readonly streams: StreamIndex;
}

/** Values that do not matter for the row: of which node, and which field. */
export type IgnoredFields = readonly (readonly [slots: JsonSlots, fields: readonly number[]])[];

/** What is around the rows of a message. */
export interface Envelope {
  readonly root: JsonFields;
  readonly ignored: IgnoredFields;
  readonly number?: MessageNumber | undefined;
}

/**
 * From a message whose object at `o` became one row, the template of messages like it; undefined when it cannot be one.
 * What the parser reads in the envelope, goes into no row and is not ignored, is part of the texts.
 */
export function compileTemplate(
  target: RowTarget,
  candidate: Candidate,
  o: number,
  envelope: Envelope,
  bytes: Uint8Array,
  start: number,
  end: number,
): Template | undefined {
  const { mapping, slots, sequence, symbol } = candidate;
  const { root, ignored } = envelope;
  const numbered = envelope.number !== undefined && root.present(envelope.number.field);
  const number = numbered ? envelope.number : undefined;
  const tokens = tokensOf(bytes, start, end, LEARNED_VALUES_MAX);
  if (tokens === undefined) return undefined;
  const asked = askedPlaces(root, ignored);
  const wanted = wantedPlaces(mapping, slots, o, root, number);
  const symbolPosition = (symbol.inRow === true ? o : 0) + symbol.field;
  if (!symbol.slots.present(symbolPosition)) return undefined;
  const symbolAt = symbol.slots.from[symbolPosition];
  if (mapping.extraColumns?.fields.some((field) => slots.kind[o + field] !== KIND.absent)) return undefined;
  const lines = ['let slot = -1, word = 0;', NUMBER_VARIABLES];
  const texts = new MatchedTexts(bytes);
  let at = start;
  const match = (to: number) => {
    lines.push(...texts.code(at, to));
    at = to;
  };
  for (const [n, token] of tokens.entries()) {
    const value = wanted.get(token.from);
    const isSymbol = token.from === symbolAt;
    if (value === undefined && !isSymbol && asked.has(token.from)) continue;
    match(token.from);
    if (isSymbol) {
      const prefix = Buffer.byteLength(symbol.prefix ?? '');
      match(token.from + prefix);
      lines.push(...SYMBOL_CODE);
    } else
      lines.push(...(value === undefined ? ignoredCode(token, n, bytes) : valueCode(token, n, value, bytes)));
    if (value !== undefined) value.token = n;
    at = token.to;
  }
  match(end);
  if (!texts.areLearnable) return undefined;
  const values = [...wanted.values()];
  const access = {
    row: accessTo(
      tokens,
      (field) => values.find((value) => value.field === field && !value.inEnvelope)?.token,
    ),
    message: accessTo(
      tokens,
      (field) => values.find((value) => value.field === field && value.inEnvelope)?.token,
    ),
  };
  lines.push(`if (i !== end) return ${NO_MATCH};`);
  if (number !== undefined)
    lines.push(`if (${access.message.digits(number.field)} !== newest[0] + 1) return ${NO_MATCH};`);
  if (mapping.accept === 'contiguous')
    lines.push(
      `if (${access.row.digits(fieldOf(mapping.columns.trade_id))} !== sequence.expected(slot)) return ${NO_MATCH};`,
    );
  lines.push(...rowCode(mapping, access, '', countCode(access.message, number)), `return ${RESULT.rows};`);
  return evaluate(target, lines, mapping, sequence, number);
}

/** Takes the number of the message as the newest one, once its row cannot be refused any more. */
function countCode(message: FieldExpressions, number: MessageNumber | undefined): string {
  return number === undefined ? '' : `newest[0] = ${message.digits(number.field)}`;
}

function evaluate(
  { rows, streams }: RowTarget,
  lines: readonly string[],
  mapping: RowMapping,
  sequence: Sequence,
  number: MessageNumber | undefined,
): Template {
  const tools = {
    ...{ ...ROW_TOOLS, ...NUMBER_TOOLS },
    ...{
      newest: number?.newest,
      rows,
      streams,
      sequence,
      table: mapping.table,
      u32: rows.u32,
      f32: rows.f32,
    },
    ...{ plainEnd, numberEnd, scalarKind, textEnd, wordEnd },
    ...{ digits: new Float64Array(LEARNED_VALUES_MAX), decimals: new Uint8Array(LEARNED_VALUES_MAX) },
  };
  const name = `template_${streams.specs[0].exchange}_${mapping.table.name}`;
  return compile<Template>(name, 'bytes, view, i, end', lines, tools);
}

/** A value that goes into the row. */
interface WantedValue {
  readonly field: number;
  readonly uuid: boolean;
  /** a number that may have a point */
  readonly decimal: boolean;
  readonly inEnvelope: boolean;
  /** which of the message's it is */
  token: number | undefined;
}

/** What goes into the row of the object at `o`, by where it begins. */
function wantedPlaces(
  { columns, time }: RowMapping,
  slots: JsonSlots,
  o: number,
  root: JsonSlots,
  number: MessageNumber | undefined,
): Map<number, WantedValue> {
  const places = new Map<number, WantedValue>();
  const want = (
    node: JsonSlots,
    base: number,
    field: number,
    inEnvelope: boolean,
    mapping?: ColumnMapping,
  ) => {
    if (!isScalar(node, base + field)) return;
    const [uuid, decimal] = ['uuid', 'decimal'].map((kind) => mapping !== undefined && kind in mapping);
    places.set(node.from[base + field], { field, uuid, decimal, inEnvelope, token: undefined });
  };
  for (const mapping of Object.values(columns))
    for (const field of fieldsOf(mapping)) want(slots, o, field, false, mapping);
  if (time.inEnvelope === true) want(root, 0, timeField(time), true);
  else want(slots, o, timeField(time), false);
  if (number !== undefined) want(root, 0, number.field, true);
  return places;
}

/** Where the values begin that the parser reads and that are not ignored. */
function askedPlaces(root: JsonFields, fields: IgnoredFields): Set<number> {
  const places = new Set<number>();
  for (const node of root.nodes) {
    if (!(node instanceof JsonSlots)) continue;
    const ignored = fields.find(([slots]) => slots === node)?.[1] ?? [];
    for (let at = 0; at < node.count * node.width; at++)
      if (isScalar(node, at) && !ignored.includes(at % node.width)) places.add(node.from[at]);
  }
  return places;
}

function isScalar(slots: JsonSlots, at: number): boolean {
  const kind = slots.kind[at];
  return kind !== KIND.absent && kind !== KIND.nested;
}

/** Moves `i` behind the symbol, whose slot is the row's. */
const SYMBOL_CODE = [
  'slot = streams.findQuoted(view, i);',
  `if (slot < 0) return ${NO_MATCH};`,
  'i += streams.lengthOf(slot);',
];

/** Moves `i` behind value number `n`, which is not needed. */
function ignoredCode(token: Token, n: number, bytes: Uint8Array): string[] {
  if (token.kind === KIND.string) return ['i = textEnd(view, i, end);'];
  if (token.kind !== KIND.number) return wordCode();
  if (token.plain) return numberCode(token, n, bytes, token.pointed);
  return ['i = numberEnd(bytes, i, end);', `if (i < 0) return ${NO_MATCH};`];
}

function looksLikeUuid(token: Token): boolean {
  return token.kind === KIND.string && token.to - token.from === UUID_LENGTH;
}

/** The same for a value that goes into the row; a UUID is looked at when it is written. */
function valueCode(token: Token, n: number, { uuid, decimal }: WantedValue, bytes: Uint8Array): string[] {
  if (uuid && looksLikeUuid(token))
    return [`const from_${n} = i;`, `i += ${UUID_LENGTH};`, `const to_${n} = i;`];
  const isText = token.kind === KIND.string || token.kind === KIND.number;
  if (!isText) return [...wordCode(), `const kind_${n} = word;`];
  const read = token.plain
    ? numberCode(token, n, bytes, decimal || token.pointed)
    : ignoredCode(token, n, bytes);
  return [`const from_${n} = i;`, ...read, `const to_${n} = i;`];
}

/** A plain number; what is behind it is compared with the text that follows. */
function numberCode({ from, to }: Token, n: number, bytes: Uint8Array, decimal: boolean): string[] {
  return decimal ? decimalCode(n) : wholeCode(n, to - from, bytes[to]);
}

const [TRUE, FALS] = ['true', 'fals'].map((text) => Buffer.from(text).readInt32LE());
const E = 0x65;

/** true, false or null, whose kind goes to `word`. */
function wordCode(): string[] {
  return [
    'word = view.getInt32(i, true);',
    `if (word === ${TRUE}) { word = ${KIND.true}; i += 4; }`,
    `else if (word === ${FALS} && bytes[i + 4] === ${E}) { word = ${KIND.false}; i += 5; }`,
    'else {',
    'word = scalarKind(bytes[i]);',
    'i = wordEnd(bytes, i, end, word);',
    `if (i < 0) return ${NO_MATCH};`,
    '}',
  ];
}

/** The values of a message; `tokenOf`: which token a field is, when it is there. */
function accessTo(
  tokens: readonly Token[],
  tokenOf: (field: number) => number | undefined,
): FieldExpressions {
  const of = (field: number, present: (n: number, token: Token) => string, absent: string) => {
    const n = tokenOf(field);
    return n === undefined ? absent : present(n, tokens[n]);
  };
  const isText = ({ kind }: Token) => kind === KIND.string || kind === KIND.number;
  const call = (field: number, of_: (text: string) => string) =>
    of(field, (n, token) => (isText(token) && !token.plain ? of_(`bytes, from_${n}, to_${n}`) : ''), '');
  return {
    there: (field) => of(field, (n, token) => (isText(token) ? `to_${n} > from_${n}` : 'false'), 'false'),
    digits: (field) => of(field, (n, { plain }) => (plain ? `number_${n}` : '-1'), '-1'),
    decimals: (field) => of(field, (n, { plain }) => (plain ? `places_${n}` : '0'), '0'),
    from: (field) => of(field, (n, token) => (isText(token) ? `from_${n}` : '0'), '0'),
    to: (field) => of(field, (n, token) => (isText(token) ? `to_${n}` : '0'), '0'),
    kind: (field) =>
      of(field, (n, token) => (isText(token) ? String(token.kind) : `kind_${n}`), `${KIND.absent}`),
    // that it is the next one has been seen
    acceptId: () => ['sequence.advance(slot);'],
    decimalCall: (field, word, digitsWord, position, positive) =>
      call(field, (text) => `rows.decimal(${word}, ${digitsWord}, ${position}, ${text}, ${positive})`),
    floatCall: (field, word) => call(field, (text) => `rows.float(${word}, ${text})`),
    idCall: (field, word) => call(field, (text) => `rows.id(${word}, ${text})`),
    timeCall: () => '',
    notUuid: (field, mask) =>
      of(field, (_, token) => (looksLikeUuid(token) ? `return ${NO_MATCH};` : `flags |= ${mask};`), ''),
    refuse: () => `return ${NO_MATCH};`,
  };
}

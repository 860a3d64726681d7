/**
 * HOT: the arrays of messages as nodes of a reader (fields.ts): objects of one kind, tuples of scalars, and values that
 * may be one or the other. Shard threads.
 */
import { plainEnd } from '../../base/plain_number.js';
import {
  CLOSE_ARRAY,
  COMMA,
  JsonBuffer,
  KIND,
  NO_MATCH,
  NUMERIC,
  OPEN_ARRAY,
  OPEN_OBJECT,
  QUOTE,
  scalarEnd,
  scalarKind,
  skipSpace,
} from './bytes.js';
import { type JsonFields, type JsonNode, kindOf, textOf } from './fields.js';
import { JsonSlots } from './slots.js';

const FIRST_TUPLES = 64;

/** An array of objects; its rows are those of `element`. */
export class JsonList implements JsonNode {
  readonly nodes: readonly JsonNode[];
  private buffer = new JsonBuffer();

  constructor(readonly element: JsonFields) {
    this.nodes = [this, ...element.nodes];
  }

  get count(): number {
    return this.element.count;
  }

  set count(rows: number) {
    this.element.count = rows;
  }

  attach(buffer: JsonBuffer): void {
    this.buffer = buffer;
  }

  value(i: number, end: number): number {
    const { element, buffer } = this;
    const { bytes } = buffer;
    if (i >= end || bytes[i] !== OPEN_ARRAY) return NO_MATCH;
    i = skipSpace(bytes, i + 1, end);
    if (i < end && bytes[i] === CLOSE_ARRAY) return i + 1;
    for (;;) {
      i = element.value(i, end);
      if (i < 0) return NO_MATCH;
      i = skipSpace(bytes, i, end);
      if (i >= end) return NO_MATCH;
      if (bytes[i] === CLOSE_ARRAY) return i + 1;
      if (bytes[i] !== COMMA) return NO_MATCH;
      i = skipSpace(bytes, i + 1, end);
    }
  }

  load(value: unknown): boolean {
    return Array.isArray(value) && value.every((element) => this.element.load(element));
  }
}

/** An array of arrays of scalars, of which the first `width` are kept: `[["0.0024","10"],["0.0025","7"]]`. */
export class JsonTuples extends JsonSlots implements JsonNode {
  readonly nodes: readonly JsonNode[] = [this];

  constructor(width: number) {
    super(width, FIRST_TUPLES);
  }

  value(i: number, end: number): number {
    const { bytes } = this.buffer;
    if (i >= end || bytes[i] !== OPEN_ARRAY) return NO_MATCH;
    i = skipSpace(bytes, i + 1, end);
    if (i < end && bytes[i] === CLOSE_ARRAY) return i + 1;
    for (;;) {
      i = this.tuple(i, end);
      if (i < 0) return NO_MATCH;
      i = skipSpace(bytes, i, end);
      if (i >= end) return NO_MATCH;
      if (bytes[i] === CLOSE_ARRAY) return i + 1;
      if (bytes[i] !== COMMA) return NO_MATCH;
      i = skipSpace(bytes, i + 1, end);
    }
  }

  private tuple(i: number, end: number): number {
    const { width } = this;
    const { bytes } = this.buffer;
    if (i >= end || bytes[i] !== OPEN_ARRAY) return NO_MATCH;
    const base = this.nextRow();
    if (base < 0) return NO_MATCH;
    if (width === 2) {
      const behind = this.pair(base, i, end);
      if (behind >= 0) return behind;
    }
    i = skipSpace(bytes, i + 1, end);
    if (i < end && bytes[i] === CLOSE_ARRAY) return i + 1;
    for (let column = 0; ; column++) {
      i =
        column < width
          ? this.member(base + column, i, end)
          : scalarEnd(this.buffer, i, end, scalarKind(bytes[i]));
      if (i < 0) return NO_MATCH;
      i = skipSpace(bytes, i, end);
      if (i >= end) return NO_MATCH;
      if (bytes[i] === CLOSE_ARRAY) return i + 1;
      if (bytes[i] !== COMMA) return NO_MATCH;
      i = skipSpace(bytes, i + 1, end);
    }
  }

  /** Most tuples are `["digits","digits"]`; NO_MATCH for all others. */
  private pair(at: number, i: number, end: number): number {
    const { buffer, digits, decimals } = this;
    const { bytes, view } = buffer;
    const first = i + 2;
    const comma = plainEnd(view, first, end, at, digits, decimals) + 1;
    const second = comma + 2;
    const close = plainEnd(view, second, end, at + 1, digits, decimals);
    if (close + 2 > end || digits[at] < 0 || digits[at + 1] < 0) return NO_MATCH;
    const quotes =
      (bytes[i + 1] ^ QUOTE) |
      (bytes[comma - 1] ^ QUOTE) |
      (bytes[comma + 1] ^ QUOTE) |
      (bytes[close] ^ QUOTE);
    if ((quotes | (bytes[comma] ^ COMMA) | (bytes[close + 1] ^ CLOSE_ARRAY)) !== 0) return NO_MATCH;
    this.kind[at] = this.kind[at + 1] = KIND.string;
    this.from[at] = first;
    this.to[at] = comma - 1;
    this.from[at + 1] = second;
    this.to[at + 1] = close;
    return close + 2;
  }

  /** Index behind the scalar that begins at `i`, which becomes value `at`; NO_MATCH when it is none. */
  private member(at: number, i: number, end: number): number {
    const { buffer } = this;
    const { bytes, view } = buffer;
    const quote = bytes[i] === QUOTE ? 1 : 0;
    const from = i + quote;
    const to = plainEnd(view, from, end, at, this.digits, this.decimals);
    if (to < end && this.digits[at] >= 0 && (quote === 1 ? bytes[to] === QUOTE : NUMERIC[bytes[to]] === 0)) {
      this.kind[at] = quote === 1 ? KIND.string : KIND.number;
      this.from[at] = from;
      this.to[at] = to;
      return to + quote;
    }
    const kind = i < end ? scalarKind(bytes[i]) : KIND.absent;
    const behind = scalarEnd(buffer, i, end, kind);
    if (behind >= 0) this.place(at, kind, from, behind - quote);
    return behind;
  }

  /** Index of the first column of a new row, or NO_MATCH when the message cannot have so many. */
  private nextRow(): number {
    const { width } = this;
    const base = this.count++ * width;
    if (base + width > this.from.length && !this.grow()) return NO_MATCH;
    for (let column = 0; column < width; column++) this.kind[base + column] = KIND.absent;
    return base;
  }

  load(value: unknown): boolean {
    return Array.isArray(value) && value.every((tuple) => this.loadTuple(tuple));
  }

  private loadTuple(tuple: unknown): boolean {
    if (!Array.isArray(tuple)) return false;
    const base = this.nextRow();
    if (base < 0) return false;
    return tuple.every((value, column) => {
      const kind = kindOf(value);
      if (kind === KIND.nested) return false;
      if (column >= this.width) return true;
      const from = this.buffer.addText(textOf(value, kind));
      this.place(base + column, kind, from, this.buffer.end);
      return true;
    });
  }
}

/**
 * A value whose structure depends on the kind of message: an object, a list of such objects, or tuples. Its own count
 * stays 0: what was read shows in `fields` or `tuples`.
 */
export class JsonEither implements JsonNode {
  readonly count = 0;
  readonly nodes: readonly JsonNode[];
  private buffer = new JsonBuffer();
  private readonly list: JsonList;

  /** `element` reads the objects of a list, where they are of another kind than a single one. */
  constructor(
    readonly fields: JsonFields,
    readonly tuples?: JsonTuples,
    element: JsonFields = fields,
  ) {
    this.list = new JsonList(element);
    const nodes = [this, ...this.list.nodes, ...fields.nodes, ...(tuples === undefined ? [] : [tuples])];
    this.nodes = [...new Set<JsonNode>(nodes)];
  }

  attach(buffer: JsonBuffer): void {
    this.buffer = buffer;
    this.list.attach(buffer);
  }

  value(i: number, end: number): number {
    const { bytes } = this.buffer;
    if (i < end && bytes[i] === OPEN_OBJECT) return this.fields.value(i, end);
    const first = skipSpace(bytes, i + 1, end);
    if (this.tuples !== undefined && first < end && bytes[first] === OPEN_ARRAY)
      return this.tuples.value(i, end);
    return this.list.value(i, end);
  }

  load(value: unknown): boolean {
    if (!Array.isArray(value)) return this.fields.load(value);
    return this.tuples !== undefined && Array.isArray(value[0])
      ? this.tuples.load(value)
      : this.list.load(value);
  }
}

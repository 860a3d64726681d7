/**
 * HOT: finds the values of known keys in the objects of a message, in shard threads. A reader is a tree of nodes that
 * follows the nesting of the messages: JsonFields for objects, JsonList and JsonTuples for arrays (lists.ts). The whole
 * message is read before anything is made of it, so a broken one leaves no trace. Positions land in arrays that are
 * kept from message to message:
 *
 *   object number `row`, field number `f`:   from[row * width + f] … to[row * width + f], kind[row * width + f]
 *
 * For a nested value with a node of its own, `from` and `to` are the first row of that node and the one behind the
 * last. Only what JSON.parse accepts is accepted; whatever is not certain (escapes, for example) is left to the JSON
 * parser by answering NO_MATCH. The same positions can be filled from a parsed document (load), so an exchange turns
 * them into rows in one place whichever parser found them.
 */
import { isUtf8 } from 'node:buffer';
import { assert } from '../../base/errors.js';
import { LEARNED_VALUES_MAX } from '../../base/limits.js';
import {
  CLOSE_OBJECT,
  COLON,
  COMMA,
  type JsonBuffer,
  KIND,
  NO_MATCH,
  NODES_MAX,
  OPEN_ARRAY,
  OPEN_OBJECT,
  QUOTE,
  scalarEnd,
  scalarKind,
  skipSpace,
  stringEnd,
  valueEnd,
} from './bytes.js';
import { learnShape, type NestedReader, type Shape, type ValueSeen } from './shapes.js';
import { JsonSlots } from './slots.js';

export { KIND, NO_MATCH };

/** The text of a JSON number, kept because JSON.parse rounds and drops trailing zeros. */
export class JsonNumber {
  constructor(readonly text: string) {}
}

/** A part of a message that has a structure of its own. */
export interface JsonNode {
  /** rows read in this message so far */
  count: number;
  /** this node and every one below it */
  readonly nodes: readonly JsonNode[];
  attach(buffer: JsonBuffer, node: number): void;
  /** HOT: reads the value that begins at `i`; index behind it, or NO_MATCH. */
  value(i: number, end: number): number;
  /** Cold: the same from a parsed value; false when it is of another structure. */
  load(value: unknown): boolean;
}

const HASH_SIZE = 256;
const FIRST_ROWS = 4;
/** Shapes that are remembered; once there are so many, only every so many misses one is exchanged. */
const SHAPES_MAX = 8;
const MISSES_PER_EXCHANGE = 65_536;
/** Nested values that are read so often, on the average of the whole message, are read without shapes from then on. */
const READINGS_MAX = 8;
const NO_VALUES: readonly ValueSeen[] = [];

export class JsonFields extends JsonSlots implements JsonNode, NestedReader {
  readonly nodes: readonly JsonNode[];
  private readonly keyBytes: readonly Uint8Array[];
  private readonly hash = new Int16Array(HASH_SIZE).fill(-1);
  /** by field: what reads its nested values */
  private readonly children: readonly (JsonNode | undefined)[];
  /** rows of all nodes before the object that is being read, to take a failed shape back */
  private readonly before = new Int32Array(NODES_MAX);
  private readonly isLeaf: boolean;
  private readonly shapes: Shape[] = [];
  private nextShape = 0;
  private misses = 0;
  /** values of the object being learned from; undefined when nothing is to be learned */
  private seen: ValueSeen[] | undefined;

  /** Field numbers are positions in `keys`; `children` reads the nested values of some of them. */
  constructor(
    readonly keys: readonly string[],
    children: Readonly<Record<string, JsonNode>> = {},
  ) {
    super((keys.length + 3) & ~3, FIRST_ROWS);
    this.keyBytes = keys.map((key) => Buffer.from(key));
    this.children = keys.map((key) => children[key]);
    assert(
      Object.keys(children).every((key) => keys.includes(key)),
      'a nested reader belongs to a key',
    );
    this.nodes = [this, ...new Set(Object.values(children).flatMap((child) => [...child.nodes]))];
    this.isLeaf = this.nodes.length === 1;
    for (let field = 0; field < keys.length; field++) {
      const bytes = this.keyBytes[field];
      assert(bytes.length > 0 && bytes.length < 64, 'a key has 1 to 63 bytes');
      let slot = this.slotOf(bytes, 0, bytes.length);
      while (this.hash[slot] >= 0) slot = (slot + 1) & (HASH_SIZE - 1);
      this.hash[slot] = field;
    }
    assert(this.nodes.length <= NODES_MAX, 'a reader has few nodes');
    this.buffer.nodes = this.nodes.length;
    for (const [n, node] of this.nodes.entries()) node.attach(this.buffer, n);
  }

  /**
   * Reads the message in bytes[start, end), white space around it allowed. Returns 0, or NO_MATCH, as for a message
   * with a known key that occurs twice.
   */
  scan(bytes: Uint8Array, start: number, end: number): number {
    const { buffer, nodes } = this;
    buffer.setBytes(bytes);
    buffer.length = end - start;
    buffer.read = 0;
    for (let n = 0; n < nodes.length; n++) buffer.counts[n] = 0;
    let i = this.value(start, end);
    if (i < 0) return NO_MATCH;
    if (i < end) i = skipSpace(bytes, i, end);
    if (i !== end) return NO_MATCH;
    return buffer.nonAscii && !validUtf8(bytes, start, end) ? NO_MATCH : 0;
  }

  value(i: number, end: number): number {
    const { buffer, shapes } = this;
    const row = this.count++;
    if ((row + 1) * this.width > this.from.length && !this.grow()) return NO_MATCH;
    if (!this.isLeaf) this.mark();
    // values within values are read anew with every shape of each object around them
    const count = this.isLeaf || buffer.read <= buffer.length * READINGS_MAX ? shapes.length : 0;
    for (let s = 0; s < count; s++) {
      const behind = shapes[s](buffer, this, i, end, row, this);
      if (behind >= 0) {
        if (s > 0) this.promote(s);
        return behind;
      }
      if (!this.isLeaf) this.takeBack();
    }
    return this.learn(i, end, row);
  }

  private mark(): void {
    const { before } = this;
    const { counts, nodes } = this.buffer;
    for (let n = 0; n < nodes; n++) before[n] = counts[n];
  }

  private takeBack(): void {
    const { before } = this;
    const { counts, nodes } = this.buffer;
    for (let n = 0; n < nodes; n++) counts[n] = before[n];
  }

  /** The shapes that are met most often come first. */
  private promote(s: number): void {
    const { shapes } = this;
    const shape = shapes[s];
    shapes[s] = shapes[s - 1];
    shapes[s - 1] = shape;
  }

  nested(field: number, i: number, end: number, row: number): number {
    const child = field < 0 ? undefined : this.children[field];
    if (child === undefined) {
      // a shape may have been learned from a message that had an object where this one has a scalar
      const open = this.buffer.bytes[i];
      if (open !== OPEN_OBJECT && open !== OPEN_ARRAY) return NO_MATCH;
      const behind = valueEnd(this.buffer, i, end);
      this.countRead(i, behind);
      if (behind >= 0 && field >= 0) this.place(row * this.width + field, KIND.nested, i, behind);
      return behind;
    }
    const first = child.count;
    const behind = child.value(i, end);
    this.countRead(i, behind);
    if (behind >= 0) this.place(row * this.width + field, KIND.nested, first, child.count);
    return behind;
  }

  private countRead(from: number, behind: number): void {
    if (behind >= 0) this.buffer.read += behind - from;
  }

  /** Reads in full; an object of a new shape is remembered. */
  private learn(start: number, end: number, row: number): number {
    const { bytes } = this.buffer;
    start = skipSpace(bytes, start, end);
    this.misses++;
    const learning = this.shapes.length < SHAPES_MAX || this.misses % MISSES_PER_EXCHANGE === 0;
    this.seen = learning ? [] : undefined;
    const behind = this.read(start, end, row);
    const values = this.seen ?? NO_VALUES;
    this.seen = undefined;
    if (behind < 0 || !learning || values.length > LEARNED_VALUES_MAX) return behind;
    const shape = learnShape(bytes, start, behind, values, this.width);
    if (shape === undefined) return behind;
    this.shapes[this.nextShape] = shape;
    this.nextShape = (this.nextShape + 1) % SHAPES_MAX;
    return behind;
  }

  private read(start: number, end: number, row: number): number {
    const { buffer } = this;
    const { bytes } = buffer;
    this.kind.fill(KIND.absent, row * this.width, (row + 1) * this.width);
    let i = start;
    if (i >= end || bytes[i] !== OPEN_OBJECT) return NO_MATCH;
    i = skipSpace(bytes, i + 1, end);
    if (i < end && bytes[i] === CLOSE_OBJECT) return i + 1;
    for (;;) {
      if (i >= end || bytes[i] !== QUOTE) return NO_MATCH;
      const keyEnd = stringEnd(buffer, i + 1, end);
      if (keyEnd < 0) return NO_MATCH;
      const field = this.fieldOf(bytes, i + 1, keyEnd);
      i = skipSpace(bytes, keyEnd + 1, end);
      if (i >= end || bytes[i] !== COLON) return NO_MATCH;
      i = skipSpace(bytes, i + 1, end);
      i = this.member(field, i, end, row);
      if (i < 0) return NO_MATCH;
      i = skipSpace(bytes, i, end);
      if (i >= end) return NO_MATCH;
      if (bytes[i] === CLOSE_OBJECT) return i + 1;
      if (bytes[i] !== COMMA) return NO_MATCH;
      i = skipSpace(bytes, i + 1, end);
    }
  }

  /** Index behind the value that begins at `i`, or NO_MATCH. */
  private member(field: number, i: number, end: number, row: number): number {
    if (i >= end) return NO_MATCH;
    const { buffer } = this;
    const byte = buffer.bytes[i];
    // of a key that occurs twice the last value counts, which only the JSON parser makes sure of for nested ones, too
    if (field >= 0 && this.kind[row * this.width + field] !== KIND.absent) return NO_MATCH;
    if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      // objects within may be read by a node that learns, too, but never by this one
      const { seen } = this;
      const behind = this.nested(field, i, end, row);
      if (behind >= 0) note(seen, field, KIND.nested, i, behind);
      return behind;
    }
    const kind = scalarKind(byte);
    const behind = scalarEnd(buffer, i, end, kind);
    if (behind < 0) return NO_MATCH;
    const quote = kind === KIND.string ? 1 : 0;
    note(this.seen, field, kind, i + quote, behind - quote);
    if (field >= 0) this.place(row * this.width + field, kind, i + quote, behind - quote);
    return behind;
  }

  private slotOf(bytes: Uint8Array, start: number, end: number): number {
    return (
      (bytes[start] * 7 + bytes[end - 1] * 31 + bytes[(start + end) >> 1] * 11 + (end - start) * 67) &
      (HASH_SIZE - 1)
    );
  }

  private fieldOf(bytes: Uint8Array, start: number, end: number): number {
    if (end === start) return -1;
    let slot = this.slotOf(bytes, start, end);
    for (let field = this.hash[slot]; field >= 0; field = this.hash[slot]) {
      const key = this.keyBytes[field];
      if (key.length === end - start) {
        let i = 0;
        while (i < key.length && key[i] === bytes[start + i]) i++;
        if (i === key.length) return field;
      }
      slot = (slot + 1) & (HASH_SIZE - 1);
    }
    return -1;
  }

  /** Cold: reads a parsed document; false when it is not of the structure that this reader knows. */
  loadDocument(document: unknown): boolean {
    this.buffer.counts.fill(0);
    this.buffer.beginTexts();
    return this.load(document);
  }

  load(value: unknown): boolean {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof JsonNumber)
      return false;
    const row = this.count++;
    if ((row + 1) * this.width > this.from.length && !this.grow()) return false;
    this.kind.fill(KIND.absent, row * this.width, (row + 1) * this.width);
    return this.keys.every((key, field) => {
      if (!Object.hasOwn(value, key)) return true;
      return this.loadMember(field, (value as Record<string, unknown>)[key], row);
    });
  }

  private loadMember(field: number, value: unknown, row: number): boolean {
    const kind = kindOf(value);
    const child = this.children[field];
    if (kind === KIND.nested && child !== undefined) {
      const first = child.count;
      if (!child.load(value)) return false;
      this.place(row * this.width + field, kind, first, child.count);
      return true;
    }
    const from = this.buffer.addText(textOf(value, kind));
    this.place(row * this.width + field, kind, from, this.buffer.end);
    return true;
  }

  /** HOT: behind each message; gives back what a large one has needed. What was read is gone then. */
  release(): void {
    if (this.buffer.isLarge) this.shrinkAll();
  }

  /** Cold. */
  private shrinkAll(): void {
    for (const node of this.nodes) if (node instanceof JsonSlots) node.shrink();
    this.buffer.shrink();
  }

  /** Cold: makes the first row of `other`, without its first `skipped` fields, the only row here; the rest must agree. */
  copyRow(other: JsonFields, skipped: number): void {
    assert(other.keys.length - skipped === this.keys.length, 'both readers have the same fields');
    this.count = 1;
    for (let field = 0; field < this.keys.length; field++) this.copy(field, other, skipped + field);
  }
}

/** Notes down a value to learn from; of more than may be learned no more than one. */
function note(seen: ValueSeen[] | undefined, field: number, kind: number, from: number, to: number): void {
  if (seen !== undefined && seen.length <= LEARNED_VALUES_MAX) seen.push({ field, kind, from, to });
}

/** Cold: kind of a parsed value. */
export function kindOf(value: unknown): number {
  if (typeof value === 'string') return KIND.string;
  if (typeof value === 'number' || value instanceof JsonNumber) return KIND.number;
  if (value === true) return KIND.true;
  if (value === false) return KIND.false;
  return value === null || value === undefined ? KIND.null : KIND.nested;
}

/** Cold: text of a parsed string or number, the latter as sent where the parser kept it; '' for everything else. */
export function textOf(value: unknown, kind: number): string {
  if (kind === KIND.string) return value as string;
  if (kind !== KIND.number) return '';
  return value instanceof JsonNumber ? value.text : String(value);
}

/** Only asked for the rare message with bytes beyond ASCII, e.g. a Chinese symbol. */
function validUtf8(bytes: Uint8Array, start: number, end: number): boolean {
  return isUtf8(new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start));
}

/**
 * HOT: finds the values of known keys in one flat JSON object, several times per message, in shard threads. Positions
 * land in preallocated arrays. It accepts only what JSON.parse accepts; whatever it is not sure about (escapes, nested
 * values under unknown keys, broken text) is left to the JSON parser by answering UNFAMILIAR.
 *
 * The same fields can be filled from a parsed document (load), so an exchange turns fields into rows in one place
 * whichever parser found them.
 */
import { isUtf8 } from 'node:buffer';
import { assert } from '../base/errors.js';
import { createSlots, type FieldSlots, KIND, numberEnd, Shape, type ValueSeen } from './shapes.js';

export { KIND };

/** The answer of scan() when the JSON parser has to look at the message. */
export const UNFAMILIAR = -1;

/** The text of a JSON number, kept because JSON.parse rounds and drops trailing zeros. */
export class JsonNumber {
  constructor(readonly text: string) {}
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const HASH_SIZE = 256;
const SCRATCH_BYTES = 4096;
/** Shapes that are remembered; once there are so many, only every so many misses one is exchanged. */
const SHAPES_MAX = 8;
const MISSES_PER_EXCHANGE = 1024;

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

export class JsonFields {
  /** first byte of each value (strings without their quotes), by field number */
  from: Int32Array;
  to: Int32Array;
  kind: Uint8Array;
  /** where load() puts the texts of a parsed document */
  readonly scratch = new Uint8Array(SCRATCH_BYTES);
  private readonly keys: readonly string[];
  private readonly keyBytes: readonly Uint8Array[];
  private readonly hash = new Int16Array(HASH_SIZE).fill(-1);
  private readonly nested: Uint8Array;
  /** filled by full reading and by load(); a shape that matches shows its own */
  private readonly own: FieldSlots;
  private nonAscii = 0;
  private viewed: Uint8Array = new Uint8Array(0);
  private view: DataView = new DataView(this.viewed.buffer);
  private readonly shapes: Shape[] = [];
  private nextShape = 0;
  private misses = 0;
  /** values of the message being learned from; undefined when nothing is to be learned */
  private seen: ValueSeen[] | undefined;

  /** Field numbers are positions in `keys`; the value of a key in `nested` may be an object or array, seen as one span. */
  constructor(keys: readonly string[], nested: readonly string[] = []) {
    this.keys = keys;
    this.keyBytes = keys.map((key) => Buffer.from(key));
    this.nested = Uint8Array.from(keys, (key) => (nested.includes(key) ? 1 : 0));
    this.own = createSlots(keys.length);
    this.from = this.own.from;
    this.to = this.own.to;
    this.kind = this.own.kind;
    for (let field = 0; field < keys.length; field++) {
      const bytes = this.keyBytes[field];
      assert(bytes.length > 0 && bytes.length < 64, 'a key has 1 to 63 bytes');
      let slot = this.slotOf(bytes, 0, bytes.length);
      while (this.hash[slot] >= 0) slot = (slot + 1) & (HASH_SIZE - 1);
      this.hash[slot] = field;
    }
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

  /**
   * Scans the object in bytes[start, end), white space around it allowed. Returns the number of keys, or UNFAMILIAR.
   * Of a key that occurs twice the last value counts, as in JSON.parse.
   */
  scan(bytes: Uint8Array, start: number, end: number): number {
    // a connection reads into one buffer for as long as it lives
    if (bytes !== this.viewed) this.look(bytes);
    for (let s = 0; s < this.shapes.length; s++) {
      const shape = this.shapes[s];
      if (!shape.match(bytes, this.view, start, end)) continue;
      this.show(shape.slots);
      return shape.count;
    }
    return this.learn(bytes, start, end);
  }

  private look(bytes: Uint8Array): void {
    this.viewed = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  private show(slots: FieldSlots): void {
    this.from = slots.from;
    this.to = slots.to;
    this.kind = slots.kind;
  }

  /** Reads in full; a message of a new shape is remembered. */
  private learn(bytes: Uint8Array, start: number, end: number): number {
    this.misses++;
    this.show(this.own);
    const learning = this.shapes.length < SHAPES_MAX || this.misses % MISSES_PER_EXCHANGE === 0;
    this.seen = learning ? [] : undefined;
    const count = this.read(bytes, start, end);
    if (count < 0 || this.seen === undefined) return count;
    this.shapes[this.nextShape] = new Shape(bytes, start, end, this.seen, this.keys.length);
    this.nextShape = (this.nextShape + 1) % SHAPES_MAX;
    return count;
  }

  private read(bytes: Uint8Array, start: number, end: number): number {
    this.kind.fill(KIND.absent);
    this.nonAscii = 0;
    let i = start;
    while (i < end && isSpace(bytes[i])) i++;
    if (i >= end || bytes[i] !== 0x7b) return UNFAMILIAR;
    i++;
    let count = 0;
    for (;;) {
      while (i < end && isSpace(bytes[i])) i++;
      if (i >= end) return UNFAMILIAR;
      if (bytes[i] === 0x7d && count === 0) break;
      if (bytes[i] !== QUOTE) return UNFAMILIAR;
      const keyEnd = this.stringEnd(bytes, i + 1, end);
      if (keyEnd < 0) return UNFAMILIAR;
      const field = this.fieldOf(bytes, i + 1, keyEnd);
      i = keyEnd + 1;
      while (i < end && isSpace(bytes[i])) i++;
      if (i >= end || bytes[i] !== 0x3a) return UNFAMILIAR;
      i++;
      while (i < end && isSpace(bytes[i])) i++;
      i = this.value(bytes, i, end, field);
      if (i < 0) return UNFAMILIAR;
      count++;
      while (i < end && isSpace(bytes[i])) i++;
      if (i >= end) return UNFAMILIAR;
      if (bytes[i] === 0x7d) break;
      if (bytes[i] !== 0x2c) return UNFAMILIAR;
      i++;
    }
    i++;
    while (i < end && isSpace(bytes[i])) i++;
    if (i !== end) return UNFAMILIAR;
    return this.nonAscii !== 0 && !validUtf8(bytes, start, end) ? UNFAMILIAR : count;
  }

  /** Index of the closing quote of the string whose text begins at `i`; -1 for escapes and broken strings. */
  private stringEnd(bytes: Uint8Array, i: number, end: number): number {
    let or = 0;
    while (i < end) {
      const byte = bytes[i];
      if (byte === QUOTE) {
        if (or >= 0x80) this.nonAscii = 1;
        return i;
      }
      if (byte === BACKSLASH || byte < 0x20) return -1;
      or |= byte;
      i++;
    }
    return -1;
  }

  /** Index behind the value that begins at `i`, or -1; records the value when `field` is a field. */
  private value(bytes: Uint8Array, i: number, end: number, field: number): number {
    if (i >= end) return -1;
    const byte = bytes[i];
    if (byte === QUOTE) {
      const close = this.stringEnd(bytes, i + 1, end);
      if (close < 0) return -1;
      this.record(field, KIND.string, i + 1, close);
      return close + 1;
    }
    if (byte === 0x2d || (byte >= 0x30 && byte <= 0x39)) {
      const stop = numberEnd(bytes, i, end);
      if (stop > 0) this.record(field, KIND.number, i, stop);
      return stop;
    }
    if (byte === 0x7b || byte === 0x5b) {
      if (field < 0 || this.nested[field] === 0) return -1;
      const stop = nestedEnd(bytes, i, end);
      if (stop > 0) this.record(field, KIND.nested, i, stop);
      return stop;
    }
    return this.word(bytes, i, end, field);
  }

  /** true, false and null. */
  private word(bytes: Uint8Array, i: number, end: number, field: number): number {
    let kind: number = KIND.absent;
    let length = 4;
    if (bytes[i] === 0x74 && bytes[i + 1] === 0x72 && bytes[i + 2] === 0x75 && bytes[i + 3] === 0x65)
      kind = KIND.true;
    else if (bytes[i] === 0x6e && bytes[i + 1] === 0x75 && bytes[i + 2] === 0x6c && bytes[i + 3] === 0x6c)
      kind = KIND.null;
    else if (
      bytes[i] === 0x66 &&
      bytes[i + 1] === 0x61 &&
      bytes[i + 2] === 0x6c &&
      bytes[i + 3] === 0x73 &&
      bytes[i + 4] === 0x65
    ) {
      kind = KIND.false;
      length = 5;
    }
    if (kind === KIND.absent || i + length > end) return -1;
    this.record(field, kind, i, i + length);
    return i + length;
  }

  private record(field: number, kind: number, from: number, to: number): void {
    if (this.seen !== undefined) this.note(field, kind, from, to);
    if (field < 0) return;
    this.kind[field] = kind;
    this.from[field] = from;
    this.to[field] = to;
  }

  /** What a shape is learned from; one with nested values is not worth it. */
  private note(field: number, kind: number, from: number, to: number): void {
    if (kind === KIND.nested) this.seen = undefined;
    else this.seen?.push({ field, kind, from, to });
  }

  /** Fills the fields from a parsed object; afterwards positions refer to `scratch`. False when it does not fit. */
  load(document: Readonly<Record<string, unknown>>): boolean {
    this.show(this.own);
    this.seen = undefined;
    this.kind.fill(KIND.absent);
    let at = 0;
    for (let field = 0; field < this.keys.length; field++) {
      const key = this.keys[field];
      if (!Object.hasOwn(document, key)) continue;
      const value = document[key];
      const kind = kindOf(value);
      const text = kind === KIND.string ? (value as string) : kind === KIND.number ? numberText(value) : '';
      if (Buffer.byteLength(text) > SCRATCH_BYTES - at) return false;
      const length = Buffer.from(this.scratch.buffer).write(text, at);
      this.record(field, kind, at, at + length);
      at += length;
    }
    return true;
  }

  /** Whether the field is a string or number that is not empty. */
  present(field: number): boolean {
    return (
      (this.kind[field] === KIND.string || this.kind[field] === KIND.number) &&
      this.to[field] > this.from[field]
    );
  }

  /** Whether the field is a string with this ASCII text. */
  equals(bytes: Uint8Array, field: number, text: Uint8Array): boolean {
    const from = this.from[field];
    if (this.kind[field] !== KIND.string || this.to[field] - from !== text.length) return false;
    for (let i = 0; i < text.length; i++) if (bytes[from + i] !== text[i]) return false;
    return true;
  }
}

function kindOf(value: unknown): number {
  if (typeof value === 'string') return KIND.string;
  if (typeof value === 'number' || value instanceof JsonNumber) return KIND.number;
  if (value === true) return KIND.true;
  if (value === false) return KIND.false;
  return value === null ? KIND.null : KIND.nested;
}

/** The literal of a number: as sent where the parser kept it, else the shortest that gives the same double. */
function numberText(value: unknown): string {
  return value instanceof JsonNumber ? value.text : String(value);
}

/** Index behind the object or array that begins at `start`; its inside is only balanced, the caller reads it in turn. */
function nestedEnd(bytes: Uint8Array, start: number, end: number): number {
  let depth = 0;
  for (let i = start; i < end; i++) {
    const byte = bytes[i];
    if (byte === QUOTE) {
      i++;
      while (i < end && bytes[i] !== QUOTE) {
        if (bytes[i] === BACKSLASH) return -1;
        i++;
      }
      if (i >= end) return -1;
    } else if (byte === 0x7b || byte === 0x5b) depth++;
    else if ((byte === 0x7d || byte === 0x5d) && --depth === 0) return i + 1;
  }
  return -1;
}

/** Only asked for the rare message with bytes beyond ASCII, e.g. a Chinese symbol. */
function validUtf8(bytes: Uint8Array, start: number, end: number): boolean {
  return isUtf8(new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start));
}

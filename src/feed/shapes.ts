/**
 * HOT: objects of one kind look alike. A shape is what all of them share, learned from one: the bytes between the
 * values. Matching an object against a shape only compares those bytes and looks for the end of each value, which is
 * several times cheaper than reading keys. An object that differs in any way is read in full again (fields.ts), so a
 * shape can never change what is understood. Shard threads.
 *
 *   {"e":"trade","E":1672515782136,"s":"BNBBTC","t":12345}
 *   ^^^^^^     ^^^^^^             ^^^^^^      ^^^^^^      ^   bytes of the shape; the rest are values
 */
import {
  type JsonSource,
  KIND,
  NUMERIC,
  numberEnd,
  PLAIN,
  QUOTE,
  scalarKind,
  UNFAMILIAR,
  wordEnd,
} from './json_bytes.js';

/** A value that full reading found, in the order of the object. */
export interface ValueSeen {
  /** -1 for a value that nobody asked for */
  readonly field: number;
  readonly kind: number;
  /** strings without their quotes, nested values with their brackets */
  readonly from: number;
  readonly to: number;
}

/** Reads the nested values of an object. */
export interface NestedReader {
  /** Index behind the nested value of a field (-1: of nobody) that begins at `i`, or UNFAMILIAR. */
  nested(field: number, i: number, end: number, row: number): number;
}

/** Where the values of objects stand: by row × number of fields + field. */
export interface FieldSlots {
  readonly from: Int32Array;
  readonly to: Int32Array;
  readonly kind: Uint8Array;
}

/** What stands between two values, in words of 8 or 4 bytes of which the last overlaps the one before. */
interface Literal {
  readonly length: number;
  readonly words: readonly number[];
}

export class Shape {
  private readonly count: number;
  private readonly lengths: Int32Array;
  /** index of the first word of each literal; ASCII is never NaN, so equal bytes are equal numbers */
  private readonly firstWord: Int32Array;
  private readonly words: Float64Array;
  /** kind of each value; true stands for any word */
  private readonly kinds: Uint8Array;
  private readonly fields: Int16Array;
  /** length of each value in the object before, mostly that of the next one, too */
  private readonly guesses: Int32Array;
  /** kinds of all fields, words and absent ones included, as they were in the object it was learned from */
  private readonly template: Uint8Array;

  private constructor(literals: readonly Literal[], values: readonly ValueSeen[], width: number) {
    this.count = values.length;
    this.lengths = Int32Array.from(literals, ({ length }) => length);
    this.words = Float64Array.from(literals.flatMap(({ words }) => words));
    let word = 0;
    this.firstWord = Int32Array.from(literals, ({ words }) => (word += words.length) - words.length);
    this.kinds = Uint8Array.from(values, ({ kind }) =>
      kind === KIND.nested ? kind : Math.min(kind, KIND.true),
    );
    this.fields = Int16Array.from(values, ({ field }) => field);
    this.guesses = Int32Array.from(values, ({ from, to }) => to - from);
    this.template = new Uint8Array(width);
    for (const { field, kind } of values) if (field >= 0) this.template[field] = kind;
  }

  /** Learns from the object in bytes[start, end) and its values in order; undefined when it cannot be compared. */
  static learn(
    bytes: Uint8Array,
    start: number,
    end: number,
    values: readonly ValueSeen[],
    width: number,
  ): Shape | undefined {
    const literals: Literal[] = [];
    let at = start;
    for (const { from, to } of values) {
      literals.push(literalOf(bytes, at, from));
      at = to;
    }
    literals.push(literalOf(bytes, at, end));
    if (literals.some(({ words }) => words.some(Number.isNaN))) return undefined;
    return new Shape(literals, values, width);
  }

  /** Index behind the object that begins at `i`, whose values go to row `row` of `slots`; UNFAMILIAR for another shape. */
  match(
    source: JsonSource,
    slots: FieldSlots,
    i: number,
    end: number,
    row: number,
    reader: NestedReader,
  ): number {
    const { kinds, fields, count, template, lengths, guesses } = this;
    const { from, to, kind } = slots;
    const { bytes, view } = source;
    const base = row * template.length;
    for (let field = 0; field < template.length; field++) kind[base + field] = template[field];
    for (let v = 0; v < count; v++) {
      if (end - i < lengths[v] || !this.same(view, i, v)) return UNFAMILIAR;
      i += lengths[v];
      const begin = i;
      const field = fields[v];
      if (kinds[v] === KIND.string) {
        const guess = i + guesses[v];
        if (guess < end && bytes[guess] === QUOTE && isPlain(view, i, guess)) i = guess;
        else {
          while (i < end && PLAIN[bytes[i]] === 1) i++;
          guesses[v] = i - begin;
        }
      } else if (kinds[v] === KIND.number) {
        const guess = i + guesses[v];
        if (guess < end && NUMERIC[bytes[guess]] === 0 && isInteger(view, i, guess)) i = guess;
        else {
          i = numberEnd(bytes, i, end);
          guesses[v] = i - begin;
        }
      } else if (kinds[v] === KIND.nested) {
        // its place is noted by the reader
        i = reader.nested(field, i, end, row);
        if (i < 0) return UNFAMILIAR;
        continue;
      } else {
        const word = i < end ? scalarKind(bytes[i]) : KIND.absent;
        i = wordEnd(bytes, i, end, word);
        if (field >= 0) kind[base + field] = word;
      }
      if (i < 0) return UNFAMILIAR;
      if (field >= 0) {
        from[base + field] = begin;
        to[base + field] = i;
      }
    }
    return end - i >= lengths[count] && this.same(view, i, count) ? i + lengths[count] : UNFAMILIAR;
  }

  /** Whether literal `v` stands at `i`. */
  private same(view: DataView, i: number, v: number): boolean {
    const { words } = this;
    const length = this.lengths[v];
    let word = this.firstWord[v];
    if (length >= 8) {
      const last = i + length - 8;
      for (; i < last; i += 8, word++) if (view.getFloat64(i, true) !== words[word]) return false;
      return view.getFloat64(last, true) === words[word];
    }
    if (length >= 4)
      return (
        view.getInt32(i, true) === words[word] && view.getInt32(i + length - 4, true) === words[word + 1]
      );
    for (let b = 0; b < length; b++) if (view.getUint8(i + b) !== words[word + b]) return false;
    return true;
  }
}

/** Whether the four bytes at every place in between are plain ASCII. Too short a text is not looked at: false. */
function isPlain(view: DataView, from: number, to: number): boolean {
  if (to - from < 4) return to === from;
  const last = to - 4;
  let odd = 0;
  for (let i = from; i < last; i += 4) odd |= oddBytes(view.getInt32(i, true));
  return ((odd | oddBytes(view.getInt32(last, true))) & 0x80808080) === 0;
}

/** The high bit of a byte says that it is a quote, a backslash, a control or beyond ASCII, or follows such a one. */
function oddBytes(word: number): number {
  return word | (word - 0x20202020) | ((word ^ 0x22222222) - 0x01010101) | ((word ^ 0x5c5c5c5c) - 0x01010101);
}

/** Whether all bytes in between are digits, the first of them not 0, four at the least. */
function isInteger(view: DataView, from: number, to: number): boolean {
  const last = to - 4;
  if (last < from || view.getUint8(from) === 0x30) return false;
  let odd = 0;
  for (let i = from; i < last; i += 4) odd |= noDigits(view.getInt32(i, true));
  return ((odd | noDigits(view.getInt32(last, true))) & 0x80808080) === 0;
}

/** The high bit of a byte says that it is no digit, or follows one that is none. */
function noDigits(word: number): number {
  const value = word ^ 0x30303030;
  return value | (value + 0x76767676);
}

function literalOf(bytes: Uint8Array, from: number, to: number): Literal {
  const length = to - from;
  const view = new DataView(bytes.buffer, bytes.byteOffset + from, length);
  if (length < 4) return { length, words: Array.from({ length }, (_, at) => view.getUint8(at)) };
  if (length < 8) return { length, words: [view.getInt32(0, true), view.getInt32(length - 4, true)] };
  const words: number[] = [];
  for (let at = 0; at < length - 8; at += 8) words.push(view.getFloat64(at, true));
  words.push(view.getFloat64(length - 8, true));
  return { length, words };
}

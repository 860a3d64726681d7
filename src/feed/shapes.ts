/**
 * HOT: messages of one kind look alike. A shape is what all of them share, learned from one: the bytes between the
 * values. Matching a message against a shape only compares those bytes and looks for the end of each value, which is
 * several times cheaper than reading keys. A message that differs in any way is read in full again (fields.ts), so a
 * shape can never change what is understood. Shard threads.
 *
 *   {"e":"trade","E":1672515782136,"s":"BNBBTC","t":12345}
 *   ^^^^^^     ^^^^^^             ^^^^^^      ^^^^^^      ^   bytes of the shape; the rest are values
 */
export const KIND = { absent: 0, string: 1, number: 2, true: 3, false: 4, null: 5, nested: 6 } as const;

/** A value that full reading found, in the order of the message. */
export interface ValueSeen {
  /** -1 for a value that nobody asked for */
  readonly field: number;
  readonly kind: number;
  /** strings without their quotes */
  readonly from: number;
  readonly to: number;
}

/** Where the values of fields stand, by field number. */
export interface FieldSlots {
  readonly from: Int32Array;
  readonly to: Int32Array;
  readonly kind: Uint8Array;
}

export function createSlots(fields: number): FieldSlots {
  return { from: new Int32Array(fields), to: new Int32Array(fields), kind: new Uint8Array(fields) };
}

/** 1 for every byte that a string may hold without a second look: ASCII but for quote, backslash and controls. */
const PLAIN = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x20 && byte < 0x80 && byte !== 0x22 && byte !== 0x5c ? 1 : 0,
);

export class Shape {
  /** the values of the last message that matched; fields that the shape lacks are absent for ever */
  readonly slots: FieldSlots;
  /** number of values */
  readonly count: number;
  private readonly literal: DataView;
  /** end of the literal in front of each value, within `literal`; the last entry is the end of all */
  private readonly literalEnd: Int32Array;
  /** kind of each value; true stands for any word */
  private readonly kinds: Uint8Array;
  private readonly fields: Int16Array;

  /** Learns from the message in bytes[start, end) and its values in order. */
  constructor(
    bytes: Uint8Array,
    start: number,
    end: number,
    values: readonly ValueSeen[],
    fieldCount: number,
  ) {
    const literal: number[] = [];
    const ends: number[] = [];
    let at = start;
    for (const { from, to } of values) {
      for (; at < from; at++) literal.push(bytes[at]);
      ends.push(literal.length);
      at = to;
    }
    for (; at < end; at++) literal.push(bytes[at]);
    ends.push(literal.length);
    this.literal = new DataView(Uint8Array.from(literal).buffer);
    this.literalEnd = Int32Array.from(ends);
    this.kinds = Uint8Array.from(values, ({ kind }) => Math.min(kind, KIND.true));
    this.fields = Int16Array.from(values, ({ field }) => field);
    this.count = values.length;
    this.slots = createSlots(fieldCount);
  }

  /** Whether bytes[start, end), of which `view` is a view, has this shape; the values are in `slots` then. */
  match(bytes: Uint8Array, view: DataView, start: number, end: number): boolean {
    const { literalEnd, kinds, fields, count } = this;
    const { from, to, kind } = this.slots;
    let i = start;
    let l = 0;
    for (let v = 0; v < count; v++) {
      const stop = literalEnd[v];
      if (end - i < stop - l || !this.same(view, i, l, stop)) return false;
      const begin = (i += stop - l);
      l = stop;
      let found: number = KIND.string;
      if (kinds[v] === KIND.string) while (i < end && PLAIN[bytes[i]] === 1) i++;
      else {
        found = kinds[v] === KIND.number ? KIND.number : wordKind(bytes, i, end);
        i = found === KIND.number ? numberEnd(bytes, i, end) : i + (found === KIND.false ? 5 : 4);
        if (i < 0 || found === KIND.absent) return false;
      }
      const field = fields[v];
      if (field >= 0) {
        from[field] = begin;
        to[field] = i;
        kind[field] = found;
      }
    }
    return end - i === literalEnd[count] - l && this.same(view, i, l, literalEnd[count]);
  }

  /** Whether the literal from `l` to `stop` stands at `i`; four bytes at a time, the last four overlapping. */
  private same(view: DataView, i: number, l: number, stop: number): boolean {
    const { literal } = this;
    const shift = i - l;
    if (stop - l < 4) {
      for (; l < stop; l++) if (view.getUint8(shift + l) !== literal.getUint8(l)) return false;
      return true;
    }
    for (; l < stop - 4; l += 4) if (view.getInt32(shift + l) !== literal.getInt32(l)) return false;
    return view.getInt32(shift + stop - 4) === literal.getInt32(stop - 4);
  }
}

/** Kind of the word that begins at `i`, absent when there is none. */
function wordKind(bytes: Uint8Array, i: number, end: number): number {
  if (end - i < 5) return KIND.absent;
  const first = bytes[i];
  if (first === 0x74)
    return bytes[i + 1] === 0x72 && bytes[i + 2] === 0x75 && bytes[i + 3] === 0x65 ? KIND.true : KIND.absent;
  if (first === 0x6e)
    return bytes[i + 1] === 0x75 && bytes[i + 2] === 0x6c && bytes[i + 3] === 0x6c ? KIND.null : KIND.absent;
  const rest =
    bytes[i + 1] === 0x61 && bytes[i + 2] === 0x6c && bytes[i + 3] === 0x73 && bytes[i + 4] === 0x65;
  return first === 0x66 && rest ? KIND.false : KIND.absent;
}

/** Index behind the JSON number that begins at `i`, or -1 when it is none. */
export function numberEnd(bytes: Uint8Array, start: number, end: number): number {
  let i = bytes[start] === 0x2d ? start + 1 : start;
  const integer = i;
  while (i < end && bytes[i] >= 0x30 && bytes[i] <= 0x39) i++;
  if (i === integer || (bytes[integer] === 0x30 && i > integer + 1)) return -1;
  if (i < end && bytes[i] === 0x2e) {
    const fraction = ++i;
    while (i < end && bytes[i] >= 0x30 && bytes[i] <= 0x39) i++;
    if (i === fraction) return -1;
  }
  if (i < end && (bytes[i] === 0x65 || bytes[i] === 0x45)) {
    i++;
    if (i < end && (bytes[i] === 0x2b || bytes[i] === 0x2d)) i++;
    const exponent = i;
    while (i < end && bytes[i] >= 0x30 && bytes[i] <= 0x39) i++;
    if (i === exponent) return -1;
  }
  return i;
}

/**
 * Number and time text written straight into a reused buffer, and the slab of frames of one batch.
 * HOT: called for every field of every frame the simulator sends; nothing here allocates.
 * Runs in the simulator process; called by the protocol files.
 */

/** Constant text of a frame, kept as words so that it is copied four bytes at a time. */
export class Text {
  readonly length: number;
  readonly words: Uint32Array;

  constructor(text: string) {
    const bytes = Buffer.from(text, 'utf8');
    this.length = bytes.length;
    this.words = new Uint32Array(Math.ceil(bytes.length / 4));
    new Uint8Array(this.words.buffer).set(bytes);
  }
}

const POWERS = [1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
const ZERO = 48;
const POINT = 46;

function pairs(count: number, radix: number): Uint16Array {
  const table = new Uint16Array(count);
  for (let i = 0; i < count; i++) {
    const text = i.toString(radix).padStart(2, '0');
    table[i] = text.charCodeAt(0) | (text.charCodeAt(1) << 8);
  }
  return table;
}

const DIGIT_PAIRS = pairs(100, 10);
const HEX_PAIRS = pairs(256, 16);

/**
 * Copies text; returns the position behind it, as all functions here do. Writes up to 3 zero bytes more, which what
 * follows writes over.
 */
export function putText(out: DataView, at: number, text: Text): number {
  const { words } = text;
  for (let i = 0; i < words.length; i++) out.setUint32(at + i * 4, words[i], true);
  return at + text.length;
}

export function putByte(out: DataView, at: number, byte: number): number {
  out.setUint8(at, byte);
  return at + 1;
}

/** Exactly `width` digits of an integer below 10^9, zeros in front. */
export function putPadded(out: DataView, at: number, value: number, width: number): number {
  let rest = value | 0;
  let p = at + width;
  while (p - at >= 2) {
    const tens = (rest / 100) | 0;
    p -= 2;
    out.setUint16(p, DIGIT_PAIRS[rest - tens * 100], true);
    rest = tens;
  }
  if (p > at) out.setUint8(at, ZERO + (rest % 10));
  return at + width;
}

function widthOf(value: number): number {
  if (value < 1e4) return value < 100 ? (value < 10 ? 1 : 2) : value < 1e3 ? 3 : 4;
  if (value < 1e6) return value < 1e5 ? 5 : 6;
  return value < 1e7 ? 7 : value < 1e8 ? 8 : 9;
}

/** A non-negative integer below 2^53. */
export function putUint(out: DataView, at: number, value: number): number {
  if (value < 1e9) return putPadded(out, at, value, widthOf(value));
  const high = Math.floor(value / 1e9);
  const p = putUint(out, at, high);
  return putPadded(out, p, value - high * 1e9, 9);
}

/** `units` × 10^-`scale` with exactly `scale` decimals; without a point when `scale` is 0. */
export function putDecimal(out: DataView, at: number, units: number, scale: number): number {
  if (scale === 0) return putUint(out, at, units);
  const power = POWERS[scale];
  const whole = Math.floor(units / power);
  const p = putUint(out, at, whole);
  out.setUint8(p, POINT);
  return putPadded(out, p + 1, units - whole * power, scale);
}

/** As putDecimal, with zeros appended up to `decimals` (at least `scale`). */
export function putDecimalPadded(
  out: DataView,
  at: number,
  units: number,
  scale: number,
  decimals: number,
): number {
  let p = putDecimal(out, at, units, scale);
  if (scale === 0 && decimals > 0) out.setUint8(p++, POINT);
  for (let i = scale; i < decimals; i++) out.setUint8(p++, ZERO);
  return p;
}

/** A non-negative number with exactly 8 decimals, for figures that need no exactness (volumes in quote currency). */
export function putApproximate(out: DataView, at: number, value: number): number {
  const whole = Math.floor(value);
  const p = putUint(out, at, whole);
  out.setUint8(p, POINT);
  return putPadded(out, p + 1, Math.floor((value - whole) * 1e8), 8);
}

/** How many of `scale` decimals remain when the zeros at the end of `units` (below 2^31) are cut. */
export function trimmedScale(units: number, scale: number): number {
  let rest = units | 0;
  let left = scale;
  while (left > 0 && rest % 10 === 0) {
    rest = (rest / 10) | 0;
    left--;
  }
  return left;
}

export function powerOfTen(exponent: number): number {
  return POWERS[exponent];
}

/** The low 16 bits of a word as 4 hexadecimal digits. */
export function putHex16(out: DataView, at: number, word: number): number {
  out.setUint16(at, HEX_PAIRS[(word >>> 8) & 0xff], true);
  out.setUint16(at + 2, HEX_PAIRS[word & 0xff], true);
  return at + 4;
}

const LETTER_Z = 90;

/** A time up to the point behind its second. Cold: once a second. */
function secondText(second: number): Text {
  return new Text(new Date(second * 1000).toISOString().slice(0, 20));
}

/** `2026-08-25T03:35:57.198335Z`; the part up to the point is made once a second. */
export class IsoTime {
  #prefix = new Text('1970-01-01T00:00:00.');
  #second = 0;

  /** Writes the time of `time_us` microseconds since 1970 UTC. */
  put(out: DataView, at: number, time_us: number): number {
    const second = Math.floor(time_us / 1e6);
    if (second !== this.#second) {
      this.#second = second;
      this.#prefix = secondText(second);
    }
    const p = putPadded(out, putText(out, at, this.#prefix), time_us - second * 1e6, 6);
    return putByte(out, p, LETTER_Z);
  }
}

/** A frame of market data; no power of two, so that slots do not share cache lines of the processor. */
const SLOT_BYTES = 16_384 + 192;
export const SLOTS = 64;
/** Frames up to this length are sent through views that are made once. */
const VIEW_BYTES = 1024;

/**
 * The frames of one batch, one per slot. A frame may have a shorter form inside it (Binance: the payload without
 * its stream wrapper): `inner_from`/`inner_bytes`.
 */
export class Slab {
  readonly #slot_bytes: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView;
  readonly length: Int32Array;
  readonly inner_from: Int32Array;
  readonly inner_bytes: Int32Array;
  readonly #views: (Uint8Array | undefined)[];
  readonly #inner_views = new Map<number, Uint8Array>();

  constructor(slots = SLOTS, slot_bytes = SLOT_BYTES) {
    this.#slot_bytes = slot_bytes;
    this.bytes = new Uint8Array(slots * slot_bytes);
    this.view = new DataView(this.bytes.buffer);
    this.length = new Int32Array(slots);
    this.inner_from = new Int32Array(slots);
    this.inner_bytes = new Int32Array(slots);
    this.#views = new Array(slots * VIEW_BYTES).fill(undefined);
  }

  /** First byte of a slot. */
  start(slot: number): number {
    return slot * this.#slot_bytes;
  }

  /** A frame was composed; throws when it has outgrown its slot. */
  finish(slot: number, end: number): void {
    const length = end - this.start(slot);
    if (length > this.#slot_bytes) throw new RangeError(`a frame of ${length} bytes outgrows its slot`);
    this.length[slot] = length;
  }

  frame(slot: number): Uint8Array {
    const length = this.length[slot];
    const from = this.start(slot);
    if (length >= VIEW_BYTES) return new Uint8Array(this.bytes.buffer, from, length);
    return (this.#views[slot * VIEW_BYTES + length] ??= new Uint8Array(this.bytes.buffer, from, length));
  }

  inner(slot: number): Uint8Array {
    return this.part(this.start(slot) + this.inner_from[slot], this.inner_bytes[slot]);
  }

  /** `length` bytes from `from`, for forms of a frame that begin elsewhere. */
  part(from: number, length: number): Uint8Array {
    if (length >= VIEW_BYTES) return new Uint8Array(this.bytes.buffer, from, length);
    const key = from * VIEW_BYTES + length;
    let view = this.#inner_views.get(key);
    if (view === undefined) {
      view = new Uint8Array(this.bytes.buffer, from, length);
      this.#inner_views.set(key, view);
    }
    return view;
  }
}

/**
 * Number and time text written straight into a reused buffer, and the slab of frames of one batch.
 * HOT: called for every field of every frame the simulator sends; nothing here allocates.
 * Runs in the simulator process; called by the protocol files.
 */

/** The constant bytes of a frame, made once. */
export function ascii(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'utf8'));
}

const POWERS = [1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
const DIGIT_PAIRS = ascii(Array.from({ length: 100 }, (_, i) => String(i).padStart(2, '0')).join(''));
const HEX_PAIRS = ascii(Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0')).join(''));

/** Copies bytes; returns the position behind them, as all functions here do. */
export function putBytes(out: Uint8Array, at: number, bytes: Uint8Array): number {
  const n = bytes.length;
  for (let i = 0; i < n; i++) out[at + i] = bytes[i];
  return at + n;
}

/** Exactly `width` digits of an integer below 10^9, zeros in front. */
export function putPadded(out: Uint8Array, at: number, value: number, width: number): number {
  let rest = value | 0;
  let p = at + width;
  while (p - at >= 2) {
    const tens = (rest / 100) | 0;
    const pair = (rest - tens * 100) * 2;
    rest = tens;
    out[--p] = DIGIT_PAIRS[pair + 1];
    out[--p] = DIGIT_PAIRS[pair];
  }
  if (p > at) out[at] = 48 + (rest % 10);
  return at + width;
}

function widthOf(value: number): number {
  let width = 1;
  while (width < 9 && value >= POWERS[width]) width++;
  return width;
}

/** A non-negative integer below 2^53. */
export function putUint(out: Uint8Array, at: number, value: number): number {
  if (value < 1e9) return putPadded(out, at, value, widthOf(value));
  const high = Math.floor(value / 1e9);
  const p = putUint(out, at, high);
  return putPadded(out, p, value - high * 1e9, 9);
}

/** `units` × 10^-`scale` with exactly `scale` decimals; without a point when `scale` is 0. */
export function putDecimal(out: Uint8Array, at: number, units: number, scale: number): number {
  if (scale === 0) return putUint(out, at, units);
  const power = POWERS[scale];
  const whole = Math.floor(units / power);
  let p = putUint(out, at, whole);
  out[p++] = 46;
  p = putPadded(out, p, units - whole * power, scale);
  return p;
}

/** As putDecimal, with zeros appended up to `decimals` (at least `scale`). */
export function putDecimalPadded(
  out: Uint8Array,
  at: number,
  units: number,
  scale: number,
  decimals: number,
): number {
  let p = putDecimal(out, at, units, scale);
  if (scale === 0 && decimals > 0) out[p++] = 46;
  for (let i = scale; i < decimals; i++) out[p++] = 48;
  return p;
}

/** A non-negative number with exactly 8 decimals, for figures that need no exactness (volumes in quote currency). */
export function putApproximate(out: Uint8Array, at: number, value: number): number {
  const whole = Math.floor(value);
  const p = putUint(out, at, whole);
  out[p] = 46;
  return putPadded(out, p + 1, Math.floor((value - whole) * 1e8), 8);
}

/** How many of `scale` decimals remain when the zeros at the end of `units` are cut, as Coinbase does. */
export function trimmedScale(units: number, scale: number): number {
  let rest = units;
  let left = scale;
  while (left > 0 && rest % 10 === 0) {
    rest /= 10;
    left--;
  }
  return left;
}

export function powerOfTen(exponent: number): number {
  return POWERS[exponent];
}

/** The low 16 bits of a word as 4 hexadecimal digits. */
export function putHex16(out: Uint8Array, at: number, word: number): number {
  const high = ((word >>> 8) & 0xff) * 2;
  const low = (word & 0xff) * 2;
  out[at] = HEX_PAIRS[high];
  out[at + 1] = HEX_PAIRS[high + 1];
  out[at + 2] = HEX_PAIRS[low];
  out[at + 3] = HEX_PAIRS[low + 1];
  return at + 4;
}

/** `2026-08-25T03:35:57.198335Z`; the part up to the second is made once a second. */
export class IsoTime {
  readonly #bytes = ascii('1970-01-01T00:00:00.000000Z');
  #second = 0;

  /** Writes the time of `time_us` microseconds since 1970 UTC. */
  put(out: Uint8Array, at: number, time_us: number): number {
    const second = Math.floor(time_us / 1e6);
    if (second !== this.#second) {
      this.#second = second;
      this.#bytes.set(ascii(new Date(second * 1000).toISOString().slice(0, 19)));
    }
    putPadded(this.#bytes, 20, time_us - second * 1e6, 6);
    return putBytes(out, at, this.#bytes);
  }
}

export const SLOT_BYTES = 1024;
export const SLOTS = 64;

/**
 * The frames of one batch, one per slot. A frame may have a shorter form inside it (Binance: the payload without
 * its stream wrapper): `inner_from`/`inner_bytes`. Views are made once per (slot, length) and reused.
 */
export class Slab {
  readonly bytes = new Uint8Array(SLOTS * SLOT_BYTES);
  readonly length = new Int32Array(SLOTS);
  readonly inner_from = new Int32Array(SLOTS);
  readonly inner_bytes = new Int32Array(SLOTS);
  readonly #views: (Uint8Array | undefined)[] = new Array(SLOTS * SLOT_BYTES).fill(undefined);

  frame(slot: number): Uint8Array {
    const length = this.length[slot];
    const key = slot * SLOT_BYTES + length;
    return (this.#views[key] ??= new Uint8Array(this.bytes.buffer, slot * SLOT_BYTES, length));
  }

  inner(slot: number): Uint8Array {
    const from = slot * SLOT_BYTES + this.inner_from[slot];
    return this.bytes.subarray(from, from + this.inner_bytes[slot]);
  }
}

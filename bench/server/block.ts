/**
 * HOT: frames that were made once, ready for the socket, with the digits that change put in place before each write.
 * Called per message by the feeder of a connection. Runs in the server's process.
 *
 * A frame costs some stores: four digits at a time from a table; digits further left only where they have changed.
 */
import { assert } from '../../src/base/errors.js';
import type { Listing } from '../../src/simulator/market/catalogue.js';
import { priceOf, sizeOf, type Template, type TimeForm, type Varied } from './templates.js';

/** Bytes of a block, one write. */
const BLOCK_BYTES = 256 * 1024;
/** First id of every stream; ten digits for the next eight thousand million. */
export const FIRST_ID = 1_000_000_000;
/** Sums of sizes are counted in units of 10^-8. */
const SIZE_DECIMALS = 8;

const PLACES = /<(id|time|price|size)>/g;
/** Room for the places of a kind in a text and the -1 behind them. */
const PLACES_MAX = 4;

const DIGITS4 = Uint32Array.from({ length: 10_000 }, (_, n) =>
  Buffer.from(String(n).padStart(4, '0')).readUInt32BE(0),
);
const DIGITS2 = Uint16Array.from({ length: 100 }, (_, n) =>
  Buffer.from(String(n).padStart(2, '0')).readUInt16BE(0),
);

/** Units of a time, how many of its last digits are written each time, and (Cold) the text of all of it. */
const TIMES = {
  ms: { per_us: 1e-3, low: 4, bytes: 13, text: (n: number) => String(n) },
  iso: {
    per_us: 1,
    low: 6,
    bytes: 27,
    text: (n: number) =>
      `${new Date(Math.floor(n / 1e6) * 1000).toISOString().slice(0, 19)}.${String(n % 1e6).padStart(6, '0')}Z`,
  },
} as const satisfies Record<TimeForm, unknown>;

/** One symbol's channel, whichever connection has it. */
export interface Stream {
  readonly listing: Listing;
  readonly template: Template;
  /** number of the stream within the server */
  readonly index: number;
}

/** What was sent of every stream, by its index. */
export class Totals {
  readonly messages: Float64Array;
  /** sum of sizes in units of 10^-8 */
  readonly size: Float64Array;

  constructor(streams: number) {
    this.messages = new Float64Array(streams);
    this.size = new Float64Array(streams);
  }
}

/** Pseudo-random numbers without an object: the state is the last one. */
function nextRandom(state: number): number {
  return (Math.imul(state, 1664525) + 1013904223) | 0;
}

export class Block {
  readonly bytes = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  readonly frames: number;
  /** a write has not been taken by the kernel yet */
  busy = false;
  /** where the next frame of this round begins */
  next = 0;
  private readonly view = new DataView(this.bytes.buffer);
  private readonly totals: Totals;
  private readonly form: (typeof TIMES)[TimeForm];
  /** by frame */
  private readonly end: Int32Array;
  private readonly stream: Int32Array;
  private readonly idAt: Int32Array;
  private readonly idHigh: Int32Array;
  private readonly timeAt: Int32Array;
  private readonly timeHigh: Float64Array;
  private readonly priceAt: Int32Array;
  private readonly sizeAt: Int32Array;
  /** 0 for four digits that change, 1 for two */
  private readonly sizeShort: Uint8Array;
  private readonly sizeUnit: Float64Array;
  private random: number;
  /** text of the time written last, without its low digits */
  private high = -1;
  private highText = Buffer.alloc(0);

  /** Frames of streams in random order, in their envelopes if `wrapped`. All streams write their times in the same form. */
  constructor(streams: readonly Stream[], wrapped: boolean, time: TimeForm, totals: Totals, seed: number) {
    this.totals = totals;
    this.form = TIMES[time];
    this.random = nextRandom(seed * 2654435761);
    const shortest = 64;
    const most = Math.ceil(BLOCK_BYTES / shortest);
    this.end = new Int32Array(most);
    this.stream = new Int32Array(most);
    this.idAt = new Int32Array(most);
    this.idHigh = new Int32Array(most).fill(-1);
    this.timeAt = new Int32Array(most * PLACES_MAX).fill(-1);
    this.timeHigh = new Float64Array(most).fill(-1);
    this.priceAt = new Int32Array(most * PLACES_MAX).fill(-1);
    this.sizeAt = new Int32Array(most).fill(-1);
    this.sizeShort = new Uint8Array(most);
    this.sizeUnit = new Float64Array(most);
    this.frames = this.fill(streams, wrapped);
  }

  private fill(streams: readonly Stream[], wrapped: boolean): number {
    let [frames, at] = [0, 0];
    for (;;) {
      this.random = nextRandom(this.random);
      const stream = streams[(this.random >>> 8) % streams.length];
      const frame = frameOf(stream, wrapped, (this.random & 128) !== 0, this.form.bytes);
      if (at + frame.bytes.length > BLOCK_BYTES || frames === this.end.length) return frames;
      frame.bytes.copy(this.bytes, at);
      this.stream[frames] = stream.index;
      this.idAt[frames] = at + frame.id;
      for (const [i, place] of frame.times.entries()) this.timeAt[frames * PLACES_MAX + i] = at + place;
      for (const [i, place] of frame.prices.entries()) this.priceAt[frames * PLACES_MAX + i] = at + place;
      this.sizeAt[frames] = at + frame.size;
      this.sizeShort[frames] = frame.sizeDigits === 2 ? 1 : 0;
      this.sizeUnit[frames] = 10 ** (SIZE_DECIMALS - frame.sizeScale);
      at += frame.bytes.length;
      this.end[frames] = at;
      frames++;
    }
  }

  /** Bytes in front of a frame. */
  startOf(frame: number): number {
    return frame === 0 ? 0 : this.end[frame - 1];
  }

  /** Puts the digits of `count` frames from `first` on, sent at `time_us`, in place. */
  render(first: number, count: number, time_us: number): void {
    const { view, totals } = this;
    const units = Math.floor(time_us * this.form.per_us);
    const span = 10 ** this.form.low;
    const high = Math.floor(units / span);
    const low = units - high * span;
    if (high !== this.high) this.newHigh(high, units);
    for (let frame = first; frame < first + count; frame++) {
      const stream = this.stream[frame];
      this.putId(frame, FIRST_ID + totals.messages[stream]++);
      this.putTimes(frame, high, low);
      this.random = nextRandom(this.random);
      const random = this.random >>> 4;
      for (let i = frame * PLACES_MAX; this.priceAt[i] >= 0; i++)
        view.setUint16(this.priceAt[i], DIGITS2[random % 100]);
      // never zero: a trade of nothing would be one that no exchange sends
      const digits = this.sizeShort[frame] === 1 ? 1 + (random % 99) : 1 + (random % 9999);
      if (this.sizeShort[frame] === 1) view.setUint16(this.sizeAt[frame], DIGITS2[digits]);
      else view.setUint32(this.sizeAt[frame], DIGITS4[digits]);
      totals.size[stream] += digits * this.sizeUnit[frame];
    }
  }

  private putId(frame: number, id: number): void {
    const { view } = this;
    const at = this.idAt[frame];
    const high = (id / 10_000) | 0;
    view.setUint32(at + 6, DIGITS4[id - high * 10_000]);
    if (this.idHigh[frame] === high) return;
    this.idHigh[frame] = high;
    view.setUint16(at, DIGITS2[(high / 10_000) | 0]);
    view.setUint32(at + 2, DIGITS4[high % 10_000]);
  }

  private putTimes(frame: number, high: number, low: number): void {
    const { view, form, timeAt, highText } = this;
    const last = form.bytes - (form.bytes === 27 ? 5 : 4);
    const changed = this.timeHigh[frame] !== high;
    this.timeHigh[frame] = high;
    for (let i = frame * PLACES_MAX; timeAt[i] >= 0; i++) {
      const at = timeAt[i];
      if (changed) this.bytes.set(highText, at);
      view.setUint32(at + last, DIGITS4[low % 10_000]);
      if (form.low === 6) view.setUint16(at + last - 2, DIGITS2[(low / 10_000) | 0]);
    }
  }

  private newHigh(high: number, units: number): void {
    this.high = high;
    this.highText = Buffer.from(this.form.text(units));
  }
}

interface Frame {
  readonly bytes: Buffer;
  readonly id: number;
  readonly times: readonly number[];
  readonly prices: readonly number[];
  readonly size: number;
  readonly sizeDigits: number;
  readonly sizeScale: number;
}

/** A text as an unmasked WebSocket frame, with the places of what changes in it. Cold: once per stream. */
function frameOf({ listing, template }: Stream, wrapped: boolean, sold: boolean, timeBytes: number): Frame {
  const price = priceOf(listing, template);
  const size = sizeOf(listing, template);
  const filler: Record<string, Varied> = {
    id: { text: String(FIRST_ID), at: 0, digits: 10, scale: 0 },
    time: { text: '0'.repeat(timeBytes), at: 0, digits: timeBytes, scale: 0 },
    price,
    size,
  };
  const places: Record<string, number[]> = { id: [], time: [], price: [], size: [] };
  const parts: Buffer[] = [];
  let length = 0;
  const add = (text: string) => {
    const part = Buffer.from(text);
    parts.push(part);
    length += part.length;
  };
  let from = 0;
  const data = template.text(listing, sold);
  const text = wrapped ? (template.envelope?.(listing, data) ?? data) : data;
  for (const match of text.matchAll(PLACES)) {
    add(text.slice(from, match.index));
    const [whole, kind] = match;
    places[kind].push(length + filler[kind].at);
    add(filler[kind].text);
    from = match.index + whole.length;
  }
  add(text.slice(from));
  assert(Math.max(places.time.length, places.price.length) < PLACES_MAX, 'a text has too many places');
  const header = frameHeader(length, template.binary === true);
  const shift = (at: number) => at + header.length;
  return {
    bytes: Buffer.concat([header, ...parts]),
    id: shift(places.id[0]),
    times: places.time.map(shift),
    prices: places.price.map(shift),
    size: shift(places.size[0]),
    sizeDigits: size.digits,
    sizeScale: size.scale,
  };
}

function frameHeader(length: number, binary: boolean): Buffer {
  const opcode = binary ? 0x82 : 0x81;
  return length < 126
    ? Buffer.from([opcode, length])
    : Buffer.from([opcode, 126, length >>> 8, length & 255]);
}

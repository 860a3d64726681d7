/**
 * The streams of one shard: which native symbols it carries and the index each has in ring and journal. Shard threads;
 * find() is HOT, once per message, everything else runs when the subscription changes.
 */
import { assert } from '../base/errors.js';
import { SYMBOL_BYTES_MAX } from '../base/limits.js';

/** One (exchange, native symbol) with everything a thread needs to know about it. */
export interface StreamSpec {
  /** index in the process, as in word 1 of every record */
  readonly stream: number;
  readonly exchange: string;
  /** the exchange's own name, e.g. `BTCUSDT` */
  readonly native: string;
  /** normalized name, e.g. `BTC-USDT` */
  readonly symbol: string;
  /** path component of the native name */
  readonly directory: string;
  /** newest trade id on disk when the thread started, as decimal text; '' when there is none */
  readonly lastTradeId: string;
  /** trade ids stored last, as decimal texts from old to new */
  readonly recentTradeIds: readonly string[];
  /** ids below it that are neither on disk nor in GAPS: first and last of each hole */
  readonly unlistedIds: readonly (readonly [from: number, to: number])[];
  /** receive time of the newest row on disk by table: seconds and nanoseconds since 1970 */
  readonly lastReceived: Readonly<Record<string, readonly [number, number]>>;
}

const SLOTS_PER_STREAM = 4;

export class StreamIndex {
  /** by slot: streams that were removed stay, so that a slot never changes its meaning */
  readonly specs: StreamSpec[] = [];
  private readonly wanted: boolean[] = [];
  private readonly names: Uint8Array[] = [];
  private readonly capitals = new Uint8Array(SYMBOL_BYTES_MAX);
  private table = new Int32Array(0);
  private mask = 0;

  constructor(specs: readonly StreamSpec[]) {
    for (const spec of specs) this.add(spec);
  }

  get size(): number {
    return this.specs.length;
  }

  /** Adds a stream, or takes one back that was removed; returns its slot in this shard. */
  add(spec: StreamSpec): number {
    const known = this.specs.findIndex((s) => s.stream === spec.stream);
    if (known >= 0) {
      this.wanted[known] = true;
      this.rebuild();
      return known;
    }
    this.specs.push(spec);
    this.wanted.push(true);
    this.names.push(Buffer.from(spec.native));
    this.rebuild();
    return this.specs.length - 1;
  }

  remove(stream: number): void {
    const slot = this.specs.findIndex((s) => s.stream === stream);
    assert(slot >= 0, `stream ${stream} belongs to this shard`);
    this.wanted[slot] = false;
    this.rebuild();
  }

  /** The streams that are subscribed. */
  active(): StreamSpec[] {
    return this.specs.filter((_, slot) => this.wanted[slot]);
  }

  /** Slot of the native symbol in bytes[start, end), or -1 when this shard does not carry it. */
  find(bytes: Uint8Array, start: number, end: number): number {
    let at = hashOf(bytes, start, end) & this.mask;
    for (let slot = this.table[at]; slot >= 0; slot = this.table[at]) {
      const name = this.names[slot];
      if (name.length === end - start) {
        let i = 0;
        while (i < name.length && name[i] === bytes[start + i]) i++;
        if (i === name.length) return slot;
      }
      at = (at + 1) & this.mask;
    }
    return -1;
  }

  /** As find() for a name whose ASCII letters are small ones while the exchange's own has capitals. */
  findCapitals(bytes: Uint8Array, start: number, end: number): number {
    const { capitals } = this;
    const length = end - start;
    if (length > capitals.length) return -1;
    for (let i = 0; i < length; i++) {
      const byte = bytes[start + i];
      capitals[i] = byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte;
    }
    return this.find(capitals, 0, length);
  }

  /** As find() for a name as text; for the slow path and control messages. */
  slotOf(native: string): number {
    const bytes = Buffer.from(native);
    return this.find(bytes, 0, bytes.length);
  }

  private rebuild(): void {
    let size = 16;
    while (size < this.specs.length * SLOTS_PER_STREAM) size *= 2;
    this.mask = size - 1;
    this.table = new Int32Array(size).fill(-1);
    this.names.forEach((name, slot) => {
      if (!this.wanted[slot]) return;
      let at = hashOf(name, 0, name.length) & this.mask;
      while (this.table[at] >= 0) at = (at + 1) & this.mask;
      this.table[at] = slot;
    });
  }
}

/** Of every byte: names of one exchange may differ in any of them, and thousands may differ in one alone. */
function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = end - start;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i], 0x9e3779b1);
  return hash ^ (hash >>> 15);
}

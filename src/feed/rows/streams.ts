/**
 * The streams of one session: which native symbols it carries and the index each has in ring and journal. Shard threads;
 * find() and findQuoted() are HOT, once per message, everything else runs when the subscription changes.
 */
import { assert } from '../../base/errors.js';
import { SYMBOL_BYTES_MAX } from '../../base/limits.js';
import type { GapCause } from '../../schema/tables.js';
import { QUOTE, QUOTES } from '../json/bytes.js';

/** What an earlier run has listed in GAPS of one table: ids, or, where these have no order, a time. */
export interface ListedGap {
  /** name of the table */
  readonly table: string;
  readonly cause: GapCause;
  readonly fromId: number;
  readonly toId: number;
  readonly fromSeconds: number;
  readonly fromNanos: number;
  readonly toSeconds: number;
  readonly toNanos: number;
  /** of ids without order: the one stored last in front of the gap, and all that were stored around and behind it */
  readonly anchor?: string;
  readonly known?: readonly string[];
}

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
  /** ids below it that are neither on disk nor in GAPS: first and last of each gap */
  readonly unlistedIds: readonly (readonly [from: number, to: number])[];
  /** what earlier runs have listed of it: what is still missing and may be had, and what is on disk all the same */
  readonly gaps?: { readonly open: readonly ListedGap[]; readonly filled: readonly ListedGap[] };
  /** newest id of its aggregate trades on disk, as decimal text; '' or undefined when there is none */
  readonly lastAggregateId?: string;
  /** receive time of the newest row on disk by table: seconds and nanoseconds since 1970 */
  readonly lastReceived: Readonly<Record<string, readonly [number, number]>>;
  /** why nothing was captured since then: cause of the gap that its next message may show */
  readonly resumedAfter: Extract<GapCause, 'downtime' | 'unsubscribed'>;
}

const SLOTS_PER_STREAM = 4;
const NAME_WORDS = SYMBOL_BYTES_MAX / 4;
/** By count of bytes: what keeps the first of them in a word. */
const MASKS = Int32Array.of(0, 0xff, 0xffff, 0xffffff);

export class StreamIndex {
  /** by slot: streams that were removed stay, so that a slot never changes its meaning */
  readonly specs: StreamSpec[] = [];
  /** by slot: index in the process */
  ids = new Uint32Array(0);
  private readonly wanted: boolean[] = [];
  /** names by slot, in NAME_WORDS words each with zeros behind, and their lengths in bytes */
  private names = new Int32Array(0);
  private lengths = new Uint8Array(0);
  private readonly name = new Int32Array(NAME_WORDS + 1);
  private readonly nameBytes = new Uint8Array(this.name.buffer);
  private readonly nameView = new DataView(this.name.buffer);
  private table = new Int32Array(0);
  private mask = 0;

  constructor(specs: readonly StreamSpec[]) {
    for (const spec of specs) this.place(spec);
    this.rebuild();
  }

  get size(): number {
    return this.specs.length;
  }

  /** Adds a stream, or takes one back that was removed; returns its slot in this session. */
  add(spec: StreamSpec): number {
    const slot = this.place(spec);
    this.rebuild();
    return slot;
  }

  private place(spec: StreamSpec): number {
    const known = this.specs.findIndex((s) => s.stream === spec.stream);
    if (known < 0) this.specs.push(spec);
    const slot = known < 0 ? this.specs.length - 1 : known;
    this.wanted[slot] = true;
    return slot;
  }

  remove(stream: number): void {
    const slot = this.specs.findIndex((s) => s.stream === stream);
    assert(slot >= 0, `stream ${stream} belongs to this session`);
    this.wanted[slot] = false;
    this.rebuild();
  }

  /** The streams that are subscribed. */
  active(): StreamSpec[] {
    return this.specs.filter((_, slot) => this.wanted[slot]);
  }

  /** Length in bytes of the name in a slot. */
  lengthOf(slot: number): number {
    return this.lengths[slot];
  }

  /** Slot of the native symbol in bytes[start, end), or -1 when this shard does not carry it. */
  find(bytes: Uint8Array, start: number, end: number): number {
    const length = end - start;
    if (length > SYMBOL_BYTES_MAX) return -1;
    const { nameBytes } = this;
    for (let i = 0; i < length; i++) nameBytes[i] = bytes[start + i];
    return this.findName(length);
  }

  private findName(length: number): number {
    this.nameBytes[length] = QUOTE;
    const slot = this.findQuoted(this.nameView, 0);
    // a name may have a quote within
    return slot >= 0 && this.lengths[slot] === length ? slot : -1;
  }

  /**
   * Slot of the native symbol that begins at `start` and ends in front of a quote, or -1. Reads up to three bytes behind
   * the quote, and no more than SYMBOL_BYTES_MAX bytes and a word without one.
   */
  findQuoted(view: DataView, start: number): number {
    let hash = 0;
    for (let at = start; at <= start + SYMBOL_BYTES_MAX; at += 4) {
      const word = view.getInt32(at, true);
      const others = word ^ QUOTES;
      // the high bit of each byte that is a quote
      const found = ~(((others & 0x7f7f7f7f) + 0x7f7f7f7f) | others) & 0x80808080;
      if (found === 0) {
        hash = mixed(hash, word);
        continue;
      }
      const count = (31 - Math.clz32(found & -found)) >> 3;
      const rest = word & MASKS[count];
      return this.lookUp(view, start, at - start + count, rest, mixed(hash, rest));
    }
    return -1;
  }

  /** `rest`: the bytes of the name that fill no word. */
  private lookUp(view: DataView, start: number, length: number, rest: number, hash: number): number {
    const { table, names, lengths, mask } = this;
    for (let at = hash & mask; table[at] >= 0; at = (at + 1) & mask) {
      const slot = table[at];
      if (lengths[slot] !== length) continue;
      const words = length >> 2;
      const name = slot * NAME_WORDS;
      let i = 0;
      while (i < words && names[name + i] === view.getInt32(start + 4 * i, true)) i++;
      if (i === words && (rest === 0 || names[name + words] === rest)) return slot;
    }
    return -1;
  }

  /** As find() for a name whose ASCII letters are small ones while the exchange's own has capitals. */
  findCapitals(bytes: Uint8Array, start: number, end: number): number {
    const length = end - start;
    if (length > SYMBOL_BYTES_MAX) return -1;
    const { nameBytes } = this;
    for (let i = 0; i < length; i++) {
      const byte = bytes[start + i];
      nameBytes[i] = byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte;
    }
    return this.findName(length);
  }

  /** As find() for a name as text; for the slow path and control messages. */
  slotOf(native: string): number {
    const bytes = Buffer.from(native);
    return this.find(bytes, 0, bytes.length);
  }

  private rebuild(): void {
    const { specs } = this;
    let size = 16;
    while (size < specs.length * SLOTS_PER_STREAM) size *= 2;
    this.mask = size - 1;
    this.table = new Int32Array(size).fill(-1);
    this.ids = Uint32Array.from(specs, ({ stream }) => stream);
    this.lengths = Uint8Array.from(specs, ({ native }) => Buffer.byteLength(native));
    this.names = new Int32Array(specs.length * NAME_WORDS);
    const bytes = Buffer.from(this.names.buffer);
    for (const [slot, { native }] of specs.entries()) {
      assert(this.lengths[slot] <= SYMBOL_BYTES_MAX, `${native} is a symbol that names a folder`);
      bytes.write(native, slot * SYMBOL_BYTES_MAX);
      if (!this.wanted[slot]) continue;
      const words = (this.lengths[slot] >> 2) + 1;
      let hash = 0;
      for (let i = 0; i < words; i++)
        hash = mixed(hash, i < NAME_WORDS ? this.names[slot * NAME_WORDS + i] : 0);
      let at = hash & this.mask;
      while (this.table[at] >= 0) at = (at + 1) & this.mask;
      this.table[at] = slot;
    }
  }
}

/** A hash of every byte: names of one exchange may differ in any of them, and thousands may differ in one alone. */
function mixed(hash: number, word: number): number {
  const product = Math.imul(hash ^ word, 0x9e3779b1);
  return product ^ (product >>> 15);
}

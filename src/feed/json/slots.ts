/**
 * HOT: where the values of a message stand, in arrays that are kept from message to message, and its plain numbers as
 * they were read on the way. Shard threads.
 *
 *   value number `at`:   bytes[from[at], to[at]), kind[at]; digits[at] / 10^decimals[at] unless digits[at] is NOT_PLAIN
 */
import { MESSAGE_VALUES_KEPT } from '../../base/limits.js';
import { POWERS_OF_TEN } from '../../base/number.js';
import { NOT_PLAIN } from '../../base/plain_number.js';
import { JsonBuffer, KIND } from './bytes.js';

export class JsonSlots {
  from: Int32Array;
  to: Int32Array;
  kind: Uint8Array;
  /** the same, four at a time; objects have a width that is a multiple of 4 */
  kinds: Int32Array;
  digits: Float64Array;
  decimals: Uint8Array;
  protected buffer = new JsonBuffer();
  private node = 0;

  /** `width`: values per object or tuple, which follow each other row by row. */
  constructor(
    readonly width: number,
    private readonly firstRows: number,
  ) {
    const size = width * firstRows;
    this.from = new Int32Array(size);
    this.to = new Int32Array(size);
    this.kind = new Uint8Array(size);
    this.kinds = new Int32Array(this.kind.buffer, 0, size >> 2);
    this.digits = new Float64Array(size).fill(NOT_PLAIN);
    this.decimals = new Uint8Array(size);
  }

  /** The buffer that positions refer to. */
  get bytes(): Uint8Array {
    return this.buffer.bytes;
  }

  /** The same buffer. */
  get view(): DataView {
    return this.buffer.view;
  }

  /** Makes it part `node` of the reader of this message. */
  attach(buffer: JsonBuffer, node: number): void {
    this.buffer = buffer;
    this.node = node;
  }

  /** Rows read in this message so far. */
  get count(): number {
    return this.buffer.counts[this.node];
  }

  set count(rows: number) {
    this.buffer.counts[this.node] = rows;
  }

  /** Cold: room for more rows, twice as many as before; false when the message cannot have so many. */
  protected grow(): boolean {
    const rows = this.from.length / this.width;
    const rowsMax = this.buffer.elementsMax;
    if (rows >= rowsMax) return false;
    const grown = new JsonSlots(this.width, Math.min(rows * 2, rowsMax));
    grown.copyAll(this);
    this.takeArrays(grown);
    if (this.from.length > MESSAGE_VALUES_KEPT) this.buffer.isLarge = true;
    return true;
  }

  /** Cold: gives back what a large message has needed. */
  shrink(): void {
    if (this.from.length > MESSAGE_VALUES_KEPT) this.takeArrays(new JsonSlots(this.width, this.firstRows));
  }

  private takeArrays(other: JsonSlots): void {
    ({ from: this.from, to: this.to, kind: this.kind, kinds: this.kinds } = other);
    ({ digits: this.digits, decimals: this.decimals } = other);
  }

  private copyAll({ from, to, kind, digits, decimals }: JsonSlots): void {
    this.from.set(from);
    this.to.set(to);
    this.kind.set(kind);
    this.digits.set(digits);
    this.decimals.set(decimals);
  }

  /** A value of which only the text is known. */
  protected place(at: number, kind: number, from: number, to: number): void {
    this.kind[at] = kind;
    this.from[at] = from;
    this.to[at] = to;
    this.digits[at] = NOT_PLAIN;
  }

  /** Makes value `at` what value `other` of `slots` is; its text stands at `from`. */
  copy(at: number, slots: JsonSlots, other: number, from = slots.from[other]): void {
    this.place(at, slots.kind[other], from, from + slots.to[other] - slots.from[other]);
    this.digits[at] = slots.digits[other];
    this.decimals[at] = slots.decimals[other];
  }

  /** Whether the value at `at` is a string or number that is not empty. */
  present(at: number): boolean {
    const kind = this.kind[at];
    return (kind === KIND.string || kind === KIND.number) && this.to[at] > this.from[at];
  }

  /** The value at `at` when it is a plain number, else -1. */
  plainValue(at: number): number {
    const digits = this.digits[at];
    return digits < 0 ? NOT_PLAIN : digits / POWERS_OF_TEN[this.decimals[at]];
  }

  /** Whether the value at `at` is a string with this ASCII text. */
  equals(at: number, text: Uint8Array): boolean {
    const from = this.from[at];
    if (this.kind[at] !== KIND.string || this.to[at] - from !== text.length) return false;
    const { bytes } = this.buffer;
    for (let i = 0; i < text.length; i++) if (bytes[from + i] !== text[i]) return false;
    return true;
  }

  /** Whether the value at `at` is a string that ends with this ASCII text. */
  endsWith(at: number, text: Uint8Array): boolean {
    const from = this.to[at] - text.length;
    if (this.kind[at] !== KIND.string || from < this.from[at]) return false;
    const { bytes } = this.buffer;
    for (let i = 0; i < text.length; i++) if (bytes[from + i] !== text[i]) return false;
    return true;
  }
}

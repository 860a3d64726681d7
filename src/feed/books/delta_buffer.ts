/**
 * Changes of order books that wait for the snapshot they follow, as copies of their texts: the messages are gone by
 * then. Shard threads; cold, once per change of a book that is not complete. What exceeds the limits makes the oldest
 * changes of the same book go: a snapshot that comes late is new, and only what is newer than it is needed.
 */
import { BOOK_CHANGES_BYTES_MAX, BOOK_CHANGES_KEPT_MAX } from '../../base/limits.js';
import { DECIMAL, parseDecimal } from '../../base/number.js';
import { type BookEvent, isLevel } from '../channels/levels.js';
import { JsonBuffer } from '../json/bytes.js';
import { JsonSlots } from '../json/slots.js';

/** A change of a book, and the sequence number of the one before it. */
export interface BookChange extends BookEvent {
  readonly previous: number;
}

export interface BufferedChange {
  readonly change: BookChange;
  readonly receivedSeconds: number;
  readonly receivedNanos: number;
  /** memory it takes */
  readonly size: number;
}

/** Price and size of a level. */
const WIDTH = 2;
/** What one value of JsonSlots takes, and what objects cost on top of their contents. */
const BYTES_PER_TEXT = 18;
const BYTES_PER_CHANGE = 512;

export class DeltaBuffer {
  private readonly bySlot = new Map<number, BufferedChange[]>();
  private bytes = 0;

  constructor(
    private readonly changesMax = BOOK_CHANGES_KEPT_MAX,
    private readonly bytesMax = BOOK_CHANGES_BYTES_MAX,
  ) {}

  /** Adds a copy; answers how many changes were dropped to make room. */
  add(slot: number, change: BookChange, received: ArrayLike<number>): number {
    const copy = copyOf(change);
    const size = copy.texts.bytes.length + copy.texts.from.length * BYTES_PER_TEXT + BYTES_PER_CHANGE;
    const buffered = this.bySlot.get(slot) ?? [];
    this.bySlot.set(slot, buffered);
    buffered.push({ change: copy, receivedSeconds: received[0], receivedNanos: received[1], size });
    this.bytes += size;
    let gone = 0;
    while (buffered.length > this.changesMax || (this.bytes > this.bytesMax && buffered.length > 0)) {
      this.bytes -= (buffered.shift() as BufferedChange).size;
      gone++;
    }
    return gone;
  }

  /** Forgets the oldest changes of a book, up to the one with this number. */
  dropTo(slot: number, last: number): void {
    const buffered = this.bySlot.get(slot);
    while (buffered !== undefined && buffered.length > 0 && buffered[0].change.last <= last)
      this.bytes -= (buffered.shift() as BufferedChange).size;
  }

  /** What is buffered of one book, oldest first. */
  of(slot: number): readonly BufferedChange[] {
    return this.bySlot.get(slot) ?? [];
  }

  /** The same, and keeps nothing of it any more. */
  take(slot: number): readonly BufferedChange[] {
    const buffered = this.of(slot);
    this.bySlot.delete(slot);
    for (const { size } of buffered) this.bytes -= size;
    return buffered;
  }

  /** Forgets everything; answers how many changes these were. */
  clear(): number {
    const gone = [...this.bySlot.values()].reduce((count, buffered) => count + buffered.length, 0);
    this.bySlot.clear();
    this.bytes = 0;
    return gone;
  }
}

/** Whether each of its levels can be written later. */
export function isReadable(change: BookChange): boolean {
  return (
    areReadable(change, change.firstBid, change.behindBids) &&
    areReadable(change, change.firstAsk, change.behindAsks)
  );
}

function areReadable({ texts }: BookChange, first: number, behind: number): boolean {
  for (let row = first; row < behind; row++) {
    const at = row * texts.width;
    if (!isLevel(texts, at)) return false;
    for (let t = at; t < at + WIDTH; t++)
      if (parseDecimal(texts.bytes, texts.from[t], texts.to[t]) === DECIMAL.invalid) return false;
  }
  return true;
}

function copyOf(change: BookChange): BookChange {
  const bids = change.behindBids - change.firstBid;
  const rows = [
    ...Array.from({ length: bids }, (_, i) => change.firstBid + i),
    ...Array.from({ length: change.behindAsks - change.firstAsk }, (_, i) => change.firstAsk + i),
  ];
  return {
    previous: change.previous,
    last: change.last,
    timed: change.timed,
    seconds: change.seconds,
    nanos: change.nanos,
    texts: copyTexts(change.texts, rows),
    firstBid: 0,
    behindBids: bids,
    firstAsk: bids,
    behindAsks: rows.length,
  };
}

/** Price and size of these rows, with bytes of their own. */
function copyTexts(texts: JsonSlots, rows: readonly number[]): JsonSlots {
  const copy = new JsonSlots(WIDTH, rows.length);
  const values = rows.flatMap((row) => [row * texts.width, row * texts.width + 1]);
  const lengths = values.map((at) => texts.to[at] - texts.from[at]);
  const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
  let from = 0;
  for (const [i, at] of values.entries()) {
    bytes.set(texts.bytes.subarray(texts.from[at], texts.to[at]), from);
    copy.copy(i, texts, at, from);
    from += lengths[i];
  }
  const buffer = new JsonBuffer();
  buffer.setBytes(bytes);
  copy.attach(buffer, 0);
  return copy;
}

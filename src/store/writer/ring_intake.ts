/**
 * HOT: what the writer takes from one ring: a run of records that becomes one block of the journal. A row and the texts
 * of its numbers stay in one run, also where the ring ends between them, so that readers of the journal have all of a row
 * at once. Writer thread only.
 */
import { RingConsumer } from '../../ring/consumer.js';
import { PADDING_TABLE_ID, recordTableId, recordWords } from '../../schema/layout.js';
import { isLiteral } from '../../schema/text.js';
import { receivedMs, type Staging } from './staging.js';

/** Words taken from one ring before the next has its turn. */
const TURN_WORDS = 64 * 1024;

export class RingIntake {
  readonly ring: RingConsumer;
  /** the run: words[from, to), and words[0, wrapped) behind the end of the ring */
  from = 0;
  to = 0;
  wrapped = 0;
  /** words that are staged but not yet in the journal's file */
  taken = 0;
  /** when the oldest record of the run was received, also if there was no room for it; 0 when that is not known */
  receivedMs = 0;

  constructor(
    memory: SharedArrayBuffer,
    private readonly index: number,
  ) {
    this.ring = new RingConsumer(memory);
  }

  /** Stages a run of records; answers the number of words that were taken, 0 when there are none. */
  take(staging: Staging): number {
    const { ring } = this;
    const available = ring.take();
    this.receivedMs = 0;
    if (available === 0) return 0;
    const { u32: words, start } = ring;
    const end = start + available;
    this.from = start;
    this.to = staging.take(words, start, Math.min(end, start + TURN_WORDS), end, this.index);
    const padded = this.to < end && recordTableId(words[this.to]) === PADDING_TABLE_ID;
    this.wrapped = padded || this.to === end ? this.takeWrapped(staging) : 0;
    this.receivedMs = receivedMs(words, start);
    this.taken = (padded ? end : this.to) - start + this.wrapped;
    return this.taken;
  }

  /** Takes the texts at the beginning of the ring that belong to the row at its end; answers their words. */
  private takeWrapped(staging: Staging): number {
    const { u32: words, behind } = this.ring;
    let end = 0;
    while (end < behind && isLiteral(words, end)) end += recordWords(words[end]);
    return end === 0 ? 0 : staging.take(words, 0, end, end, this.index);
  }

  /** The words that were taken are in the journal. */
  release(): void {
    this.ring.release(this.taken);
    this.taken = 0;
  }
}

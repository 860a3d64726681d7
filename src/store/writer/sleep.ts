/** How the writer sleeps between its turns, and what wakes it. Writer thread. */
import { DOORBELL, SLEEP } from '../../ring/layout.js';

/** How long a row waits in its ring for others to be written with it. */
const NAP_MS = 10;
/** The same while so few come that each would have a block of its own. */
const SPARSE_NAP_MS = 25;
/** Words of a turn from which on rows are no longer few: some 20. */
const SPARSE_WORDS = 512;
/** Turns without rows in a row that are followed by a nap. To be woken for a single row costs more than to look. */
const EMPTY_NAPS = 2;
/** Longest sleep without any row; what is due by the clock is late by no more than this. */
const REST_MS = 100;
/** The same while something is not durable yet. */
const UNSYNCED_REST_MS = 25;

export class Sleep {
  private readonly doorbell: Int32Array;
  private emptyTurns = 0;

  constructor(
    doorbell: SharedArrayBuffer,
    /** words that wait in the rings */
    private readonly backlog: () => number,
  ) {
    this.doorbell = new Int32Array(doorbell);
  }

  /** Behind a turn that took `words` from the rings. `unsynced`: something has to be made durable before long. */
  after(words: number, unsynced: boolean): void {
    this.emptyTurns = words > 0 ? 0 : this.emptyTurns + 1;
    // lets rows come together; a ring that fills ends it
    if (this.emptyTurns <= EMPTY_NAPS) this.sleep(SLEEP.nap, words >= SPARSE_WORDS ? NAP_MS : SPARSE_NAP_MS);
    // until a row comes
    else this.sleep(SLEEP.rest, unsynced ? UNSYNCED_REST_MS : REST_MS);
  }

  private sleep(how: number, milliseconds: number): void {
    const { doorbell } = this;
    const seen = Atomics.load(doorbell, DOORBELL.rings);
    Atomics.store(doorbell, DOORBELL.sleeping, how);
    // a producer that published before it could see that we rest rings no bell
    if (how !== SLEEP.rest || this.backlog() === 0)
      Atomics.wait(doorbell, DOORBELL.rings, seen, milliseconds);
    Atomics.store(doorbell, DOORBELL.sleeping, SLEEP.awake);
  }
}

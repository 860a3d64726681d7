/** How the writer sleeps between its turns, and what wakes it. Writer thread. */
import { DOORBELL, SLEEP } from '../../ring/layout.js';

/** How long a row waits in its ring for others to be written with it. */
const NAP_MS = 10;
/** Longest sleep without any row; what is due by the clock is late by no more than this. */
const REST_MS = 100;
/** The same while something is not durable yet. */
const UNSYNCED_REST_MS = 25;

export class Sleep {
  private readonly doorbell: Int32Array;

  constructor(
    doorbell: SharedArrayBuffer,
    /** words that wait in the rings */
    private readonly backlog: () => number,
  ) {
    this.doorbell = new Int32Array(doorbell);
  }

  /** Lets rows come together; a ring that fills ends it. */
  nap(): void {
    this.sleep(SLEEP.nap, NAP_MS);
  }

  /** Until a row comes. `unsynced`: something has to be made durable before long. */
  rest(unsynced: boolean): void {
    this.sleep(SLEEP.rest, unsynced ? UNSYNCED_REST_MS : REST_MS);
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

/**
 * Requests to have what stands in a ring written to its files without regard to its age: who takes a stream over reads
 * there where it stopped. Writer thread only.
 */
import type { RingIntake } from './ring_intake.js';

interface StoreRequest {
  readonly ring: number;
  /** position behind what is to be stored */
  readonly until: number;
  readonly request: number;
}

export class StoreRequests {
  private waiting: StoreRequest[] = [];

  constructor(private readonly rings: readonly RingIntake[]) {}

  /** Everything that the ring holds now is to be stored. */
  add(ring: number, request: number): void {
    this.waiting.push({ ring, request, until: (this.rings[ring] as RingIntake).ring.published() });
  }

  /** Writes what has been drained by now and reports what is stored; `write` answers false when the disk refuses. */
  doWork(write: (ring: number) => boolean, stored: (request: number) => void): void {
    this.waiting = this.waiting.filter(({ ring, until, request }) => {
      if (!(this.rings[ring] as RingIntake).ring.hasReleased(until) || !write(ring)) return true;
      stored(request);
      return false;
    });
  }
}

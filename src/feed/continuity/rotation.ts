/**
 * When connections are replaced that their exchange ends at a certain age. Each at an age of its own, spread evenly over
 * a part of their life, so that never all of them connect at once. Shard threads.
 */

/** The youngest and the oldest age, as shares of the one at which the exchange ends the connection. */
const YOUNGEST = 0.75;
const OLDEST = 0.95;
/** Multiples of it, less their whole parts, are spread evenly however many there are. */
const GOLDEN_RATIO = 0.618034;

/** Age in ms at which a connection is replaced; `replica`: which of several with the same streams. */
export function rotationAgeMs(maxMs: number, exchange: string, session: number, replica: number): number {
  const start = [...exchange].reduce((sum, letter) => sum + letter.charCodeAt(0), 0);
  // replicas are half the range apart
  const turns = (start + session) * GOLDEN_RATIO + replica / 2;
  return maxMs * (YOUNGEST + (OLDEST - YOUNGEST) * (turns - Math.floor(turns)));
}

/**
 * Times of Upbit's trades, and what their ids are made of: the time of the match and a counter. Some trades are
 * published behind younger ones, so that ids go backwards on the wire.
 * HOT: matchedMs() runs per trade. Runs in the simulator process; used by protocol.ts and pages.ts.
 */

/** A trade is published so much later than the market made it. */
export const PUBLISH_MS = 50;
/** Counters in ids begin anew here. */
export const IDS_PER_MS = 10_000;
/** One trade in so many was matched earlier than its neighbours, by so much. */
export const LATE_MS = 20;
const LATE_EVERY = 13;

/** By how much the trade with this counter was matched in front of its neighbours. */
export function earlierMs(counter: number): number {
  return counter % LATE_EVERY === 0 ? LATE_MS : 0;
}

/** When a trade of the market was matched. */
export function matchedMs(id: number, time_us: number): number {
  return Math.floor(time_us / 1000) - earlierMs(id % IDS_PER_MS);
}

/** The streams of a segment by their numbers, which another process gives to others. */
import type { StreamEntry } from './format.js';

export interface StreamName {
  readonly exchange: string;
  /** folder name of the symbol */
  readonly directory: string;
  /** normalized; undefined in segments of earlier versions */
  readonly symbol: string | undefined;
}

export type Streams = ReadonlyMap<number, StreamName>;

export function addStreams(streams: Map<number, StreamName>, entries: readonly StreamEntry[]): void {
  for (const [stream, exchange, directory, symbol] of entries)
    streams.set(stream, { exchange, directory, symbol });
}

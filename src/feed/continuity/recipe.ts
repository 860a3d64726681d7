/**
 * How an exchange gives what was missed: pages of its REST interface, as messages of its own WebSocket. So missed rows
 * are read and written by the same code as all others, with every digit. Part of the contract (feed/exchange.ts).
 */
import type { JsonValue } from '../json/document.js';

/** Where a page begins. */
export interface PageRequest {
  /** going up: the id that the page begins with · going down: the id that it ends in front of */
  readonly id: number;
  /** going up: the moment that the page begins with · going down: that it ends with; seconds since 1970 */
  readonly seconds: number;
  /** where the page before ended, in the words of the exchange; undefined for the first page */
  readonly cursor: string | undefined;
  /** of candles: that the last one ends with */
  readonly untilSeconds: number;
  /** seconds since 1970 */
  readonly nowSeconds: number;
}

/** A page that has been read. */
export interface HistoryPage {
  /**
   * documents of the exchange's own WebSocket form, numbers as they were sent; where ids have no order the newest
   * comes first
   */
  readonly messages: readonly JsonValue[];
  /** where the next page begins, if ids do not say it; undefined or as before when there is none */
  readonly cursor?: string;
}

/** Whether a candle that begins then was asked for. */
export function isWanted(openSeconds: number, { seconds, untilSeconds }: PageRequest): boolean {
  return openSeconds >= seconds && openSeconds < untilSeconds;
}

/** How what a channel has missed is fetched. */
export interface BackfillRecipe {
  readonly channel: string;
  /** up: from the oldest to the newest · down: from the newest to the oldest · newest: there is no page but the newest */
  readonly pages: 'up' | 'down' | 'newest';
  /** of a channel of candles: their length. Fetched are those that ended within the gap */
  readonly candleSeconds?: number;
  /** where history is served, if not at the default `rest_endpoint`; one that the configuration names serves all */
  readonly endpoint?: string;
  /** the page, below the endpoint */
  path(native: string, page: PageRequest): string;
  /** what an answer holds; undefined when it is no page */
  messages(document: JsonValue, native: string, request: PageRequest): HistoryPage | undefined;
}

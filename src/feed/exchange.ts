/**
 * What an exchange is to the rest of the program: one file in src/exchanges/ that default-exports an Exchange. It
 * knows endpoints, limits, symbol lists, subscriptions and how messages become rows; it knows nothing of sockets,
 * rings, files or other exchanges.
 */
import type { Table } from '../schema/layout.js';
import type { JsonValue } from './json.js';
import type { Rows } from './rows.js';
import type { Sequence } from './sequence.js';
import type { StreamIndex } from './streams.js';

/** What became of one message. Zero and below never carries a row. */
export const RESULT = {
  /** not of a shape the scanner knows: the JSON parser has to look at it */
  unfamiliar: -1,
  /** at least one row was written */
  rows: 1,
  /** no data: an acknowledgement, a heartbeat, a notice */
  control: 2,
  /** received before and not stored again */
  duplicate: 3,
  /** data of a symbol or channel that nobody subscribed */
  unwanted: 4,
  /** well-formed, but of a kind that nothing is known about */
  unknownKind: 5,
  /** the ring had no room */
  ringFull: 6,
  /** everything from here on is a refusal with a reason */
  badJson: 10,
  badUtf8: 11,
  missingField: 12,
  badNumber: 13,
  badTime: 14,
  badId: 15,
} as const;

/** Why a message was refused, for people. */
export const REFUSALS: Readonly<Record<number, string>> = {
  [RESULT.badJson]: 'not valid JSON',
  [RESULT.badUtf8]: 'not valid UTF-8',
  [RESULT.missingField]: 'a required value is missing or null',
  [RESULT.badNumber]: 'a value is not a number',
  [RESULT.badTime]: 'the time cannot be read',
  [RESULT.badId]: 'the trade id cannot be read',
};

/** One channel of one symbol. */
export interface Subscription {
  readonly channel: string;
  readonly native: string;
}

/** A message to the exchange that subscribes or unsubscribes, with what it covers. */
export interface ControlRequest {
  readonly id: number;
  readonly text: string;
  readonly covers: readonly Subscription[];
}

/** What an exchange says about a connection rather than about a market. */
export type ControlEvent =
  /** the request with this id was accepted as a whole */
  | { readonly kind: 'accepted'; readonly id: number }
  /** everything that is subscribed on this connection now */
  | { readonly kind: 'state'; readonly subscriptions: readonly Subscription[] }
  /** a request (when the exchange names it) or a symbol was refused */
  | { readonly kind: 'refused'; readonly id?: number; readonly native?: string; readonly reason: string }
  /** the exchange is about to close the connection */
  | { readonly kind: 'closing'; readonly reason: string };

export interface SymbolInfo {
  readonly native: string;
  readonly base: string;
  readonly quote: string;
}

/** How a channel's rows are checked for loss. */
export interface Channel {
  readonly table: Table;
  /** contiguous: every message has an id one above the previous · none: the newest message replaces the others */
  readonly ids: 'contiguous' | 'none';
}

/** What a parser is given by the shard. */
export interface ParserContext {
  readonly rows: Rows;
  readonly streams: StreamIndex;
  /** by channel name; only the subscribed channels */
  readonly sequences: ReadonlyMap<string, Sequence>;
  readonly control: (event: ControlEvent) => void;
}

/** Turns the messages of one connection into rows. */
export interface MessageParser {
  /** HOT: one message as bytes; answers a RESULT. */
  scan(bytes: Uint8Array, start: number, end: number): number;
  /** The same rows from a parsed document, for every message that the scanner leaves; answers a RESULT. */
  map(document: JsonValue): number;
}

/** Fetches and parses one REST resource; throws LoggerError('REST_FAILED'). */
export type FetchJson = (path: string) => Promise<JsonValue>;

export interface Exchange {
  readonly id: string;
  readonly title: string;
  /** defaults of its configuration section */
  readonly defaults: {
    readonly ws_endpoint: string;
    readonly rest_endpoint: string;
    readonly max_connections: number;
    readonly symbols_per_connection: number;
    readonly channels: readonly string[];
  };
  /** for the sample configuration: active markets that will still be there tomorrow */
  readonly sampleSymbols: readonly string[];
  readonly channels: Readonly<Record<string, Channel>>;
  readonly limits: {
    /** messages to the exchange per second and connection that stay below its limit */
    readonly requestsPerSecond: number;
    /** interval of our own pings when nothing arrives, in ms */
    readonly pingAfterMs: number;
    /** connection attempts per minute for the whole process */
    readonly connectsPerMinute: number;
  };
  /** Full URL of a connection for an endpoint of the configuration. */
  websocketUrl(endpoint: string): string;
  /** Tradable symbols. */
  listSymbols(fetchJson: FetchJson): Promise<SymbolInfo[]>;
  /** Messages that subscribe to all of these, in order, within the limits; ids count up from `firstId`. */
  subscribe(subscriptions: readonly Subscription[], firstId: number): ControlRequest[];
  unsubscribe(subscriptions: readonly Subscription[], firstId: number): ControlRequest[];
  createParser(context: ParserContext): MessageParser;
}

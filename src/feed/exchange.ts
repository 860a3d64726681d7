/**
 * What an exchange is to the rest of the program: one file in src/exchanges/ that default-exports an Exchange. It
 * knows endpoints, limits, symbol lists, subscriptions and how messages become rows; it knows nothing of sockets,
 * rings, files or other exchanges.
 */
import type { BookRule } from '../book/rules.js';
import type { InstrumentValues } from '../schema/instrument.js';
import type { Table } from '../schema/layout.js';
import type { InstrumentState, KlineInterval } from '../schema/tables.js';
import type { Books } from './books/books.js';
import type { BackfillRecipe } from './continuity/recipe.js';
import type { Sequence } from './continuity/sequence.js';
import type { JsonValue } from './json/document.js';
import type { JsonFields } from './json/fields.js';
import type { RowWriter } from './rows/row_writer.js';
import type { StreamIndex } from './rows/streams.js';
import type { RowTemplates } from './rows/templates.js';

export { type BackfillRecipe, type HistoryPage, isWanted, type PageRequest } from './continuity/recipe.js';

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

/** What there can be no more of: streams on a connection, or connections that carry a channel. */
export type Limit = 'streams' | 'connections';

/** What an exchange says about a connection rather than about a market. */
export type ControlEvent =
  /** the request with this id was accepted, as a whole or for one symbol of it */
  | { readonly kind: 'accepted'; readonly id: number; readonly native?: string }
  /** everything that is subscribed on this connection now */
  | { readonly kind: 'state'; readonly subscriptions: readonly Subscription[] }
  /** something was refused: a request, a symbol, a channel or one stream, as far as the exchange names them */
  | {
      readonly kind: 'refused';
      readonly id?: number;
      readonly native?: string;
      readonly channel?: string;
      /** the request of this id is refused as a whole, for what is named as well as for anything else in it */
      readonly whole?: boolean;
      /** the connection has no room for it */
      readonly limit?: Limit;
      /** in the exchange's words */
      readonly reason: string;
    }
  /** the request of this id, or whatever is unanswered, was one too many; it is to be sent again after a pause */
  | { readonly kind: 'throttled'; readonly id?: number; readonly reason: string }
  /** the exchange is about to close the connection */
  | { readonly kind: 'closing'; readonly reason: string };

/** Of a symbol that is listed. */
export type SymbolState = Exclude<InstrumentState, 'unlisted'>;

/** A symbol as the exchange lists it. */
export interface SymbolInfo extends InstrumentValues {
  readonly native: string;
  readonly base: string;
  readonly quote: string;
  readonly state: SymbolState;
  /** the state in the exchange's own words; '' where it has none */
  readonly status: string;
  /** it is another name of a symbol that is listed, too: captured when it is named alone */
  readonly alias?: boolean;
}

/** What a channel is to the rest of the program. */
export interface Channel {
  readonly table: Table;
  /**
   * How its rows are checked for loss. contiguous: every message has an id one above the previous · none: the newest
   * message replaces the others · book: snapshots and changes that follow each other by the exchange's rule ·
   * unordered: ids that say nothing about what is missing, but show a repeated message
   */
  readonly ids: 'contiguous' | 'unordered' | 'none' | 'book';
  /** of unordered ids: the column that holds them, where it is not trade_id */
  readonly idColumn?: string;
  /** columns of the table that the files of this exchange have and those of others lack */
  readonly ownColumns?: readonly string[];
  /** of books: a lost message does not show in those that follow, so every book has to be asked for again */
  readonly lossInvisible?: boolean;
  /** which address it is served at, for exchanges that have several; such channels get connections of their own */
  readonly route?: string;
  /** of a channel of candles: their interval; the option names all of them `klines` */
  readonly interval?: KlineInterval;
}

/** What is known of channels, and from what: the table in ADD_NEW_EXCHANGE.md. */
export interface Evidence {
  /** what the exchange calls them */
  readonly wire: string;
  /** what their messages are known from */
  readonly from: string;
  /** how a loss shows, where `ids` does not say it */
  readonly loss?: string;
}

/** A GET of the REST interface, below its endpoint. */
export interface RestRequest {
  /** what it is for, in the words of the parser that makes it */
  readonly kind: string;
  readonly slot: number;
  readonly path: string;
}

/** What a parser is given by the shard. */
export interface ParserContext {
  readonly rows: RowWriter;
  readonly streams: StreamIndex;
  /** by channel name; only the subscribed channels, without books */
  readonly sequences: ReadonlyMap<string, Sequence>;
  /** undefined when no channel of books is subscribed */
  readonly books: Books | undefined;
  readonly control: (event: ControlEvent) => void;
  /** Counts changes of books that were buffered for a snapshot and then dropped. */
  readonly unsynced: (changes: number) => void;
  /** The numbering of this connection shows that messages were lost, of unknown channels: every book is incomplete. */
  readonly lost: (messages: number) => void;
  /** Sends a request to the REST interface; parser.onResponse() gets the answer. Paced for the whole process. */
  readonly request: (kind: string, slot: number, path: string) => void;
}

/**
 * Turns the messages of one connection into rows. The shard has `fields` read a message, from its bytes or, when the
 * scanner does not know its shape, from the parsed document; emit() makes rows of what was found, and control() sees
 * the documents that are no data.
 */
export interface MessageParser {
  readonly fields: JsonFields;
  /** reads the messages that look like one before */
  readonly templates?: RowTemplates;
  /** HOT: rows from what `fields` has read; a RESULT, `noMatch` when the message is no data. */
  emit(): number;
  /** Cold: acknowledgements, errors, notices; RESULT.control, or unknownKind for what nothing is known about. */
  control(document: JsonValue): number;
  /** texts of the exchange that are no JSON, e.g. the answer to a keep-alive */
  readonly plainTexts?: ReadonlySet<string>;
  /** Cold: the answer to a request; undefined when it failed for good. */
  onResponse?(request: RestRequest, document: JsonValue | undefined): void;
  /** Cold: brings a book in order again; without it the symbol is subscribed anew. */
  resync?(slot: number): void;
  /** Cold: another connection, whose book this was, has ended; without it a new snapshot is asked for. */
  takeOver?(slot: number): void;
  /** Cold: everything a connection had said is void, a new one begins. */
  reconnected?(): void;
  /** Cold: a few times a second. */
  tick?(): void;
}

/** What headers of a REST answer say of a budget: how much of it is used, and when it is whole again. */
export type RestUsage = (
  header: (name: string) => string | undefined,
  nowMs: number,
) => { readonly share: number; readonly resetMs: number } | undefined;

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
    /** false for all that a configuration has to name before they are captured */
    readonly enabled?: boolean;
  };
  /** for the sample configuration: active markets that will still be there tomorrow */
  readonly sampleSymbols: readonly string[];
  readonly channels: Readonly<Record<string, Channel>>;
  /** by names of channels with spaces between; `klines` are those of every interval */
  readonly evidence: Readonly<Record<string, Evidence>>;
  /** of its books; absent: all levels are kept, and none has a checksum */
  readonly book?: BookRule;
  readonly limits: {
    /** messages to the exchange per second and connection that stay below its limit */
    readonly requestsPerSecond: number;
    /** the same per hour, for exchanges that count over so long */
    readonly requestsPerHour?: number;
    /** connection attempts per minute for the whole process */
    readonly connectsPerMinute: number;
    /** REST requests per minute for the whole process */
    readonly restPerMinute?: number;
  };
  /** how missed rows are fetched, by channel; those of any other channel are gone */
  readonly backfill?: readonly BackfillRecipe[];
  /** where history is served, if not at the default `rest_endpoint`; one that the configuration names serves all */
  readonly historyEndpoint?: string;
  /** reads the headers that count requests, where the exchange sends any */
  readonly restUsage?: RestUsage;
  /** how a connection is kept alive; without `text` by a ping frame. Absent: the exchange sees to it. */
  readonly keepAlive?: {
    readonly everyMs: number;
    /** only when nothing has arrived for so long */
    readonly onlyWhenQuiet: boolean;
    readonly text?: string;
  };
  /** seconds after which the exchange ends a connection, however well it works; a new one takes over before */
  readonly connectionSecsMax?: number;
  /** which address serves a channel is not promised: what arrives at another one is stored, too */
  readonly anyRoute?: boolean;
  /** Full URL of a connection for an endpoint of the configuration and the route of its channels. */
  websocketUrl(endpoint: string, route: string | undefined): string;
  /** Every symbol that is listed, in whatever state. */
  listSymbols(fetchJson: FetchJson): Promise<SymbolInfo[]>;
  /** false when the exchange never confirms a subscription: one that was sent counts as accepted */
  readonly acknowledges?: boolean;
  /** a request replaces everything that was subscribed before, so each one has to name all of it; nothing unsubscribes */
  readonly subscribeReplacesAll?: boolean;
  /** Messages that subscribe to all of these, in order, within the limits; ids count up from `firstId`. */
  subscribe(subscriptions: readonly Subscription[], firstId: number): ControlRequest[];
  unsubscribe(subscriptions: readonly Subscription[], firstId: number): ControlRequest[];
  createParser(context: ParserContext): MessageParser;
}

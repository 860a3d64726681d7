/**
 * Every option of the program, once: type, range, default, meaning and whether a change can be applied at run time.
 * Validation, `check-config`, OPTIONS.md and the sample logger.toml derive from these declarations; adding an
 * option, a section or an exchange is one entry. Read by the supervisor and the commands, never by a worker.
 */
import { KLINE_INTERVALS } from '../schema/tables.js';
import { refusesEntry } from '../symbols/selection.js';
import {
  allOrNames,
  boolean,
  choice,
  integer,
  integerOr,
  names,
  number,
  type Option,
  optionalText,
  proxy,
  selection,
  text,
  url,
} from './kinds.js';
import { SINKS, type SinkConfig, type SinkKind, sinkOptions } from './sinks.js';

export type Options = Readonly<Record<string, Option<unknown>>>;

/** What brings sections of its own: exchanges, and types of sinks. */
export interface Plugins {
  readonly exchanges: readonly ExchangeDefaults[];
  readonly sinks: readonly SinkKind[];
}

export interface Section<O extends Options = Options> {
  readonly doc: string;
  readonly options: O;
}

/** Sections that do not depend on an exchange, in the order of the file. */
export const SECTIONS = {
  logger: {
    doc: 'What is written, and where.',
    options: {
      data_path: text({
        default: 'data',
        doc: 'Folder of the column files. A relative path starts at the working directory of the process.',
      }),
      symbol_file: optionalText({
        default: '',
        doc: 'Symbol mappings; "" takes symbol_mappings.yaml of the working directory, else the one that comes with the program.',
      }),
      buffer_size: integer({
        default: 8192,
        min: 64,
        max: 1_048_576,
        doc: 'Rows of one table and day that are buffered before they are written ahead of the flush interval.',
      }),
      flush_interval_secs: number({
        default: 5,
        min: 1,
        max: 5,
        doc: 'Seconds after which a buffered row is written to its column files at the latest.',
      }),
      parser: choice({
        values: ['scan', 'json', 'simdjson'],
        default: 'scan',
        doc: 'How messages are read: "scan" finds values in the bytes; "json" builds a document of every message, with JSON.parse where that keeps every digit; "simdjson" does so with the optional package of that name, which `npm run build:simdjson` compiles. All give the same rows. Messages too large to be parsed (over 1 MiB or 50,000 values) are always walked: snapshots of order books.',
      }),
      exact: boolean({
        default: true,
        doc: 'Whether the columns that keep every digit as sent (`*_digits`, `scales`) are written.',
      }),
      log_level: choice({
        values: ['trace', 'debug', 'info', 'warn', 'error'],
        default: 'info',
        applies: 'reload',
        doc: 'The least severe level that is logged.',
      }),
      max_clock_skew_secs: integer({
        default: 86_400,
        min: 1,
        max: 31_536_000,
        doc: 'A row whose event time is further away from its receive time is filed under the receive day and flagged.',
      }),
    },
  },
  journal: {
    doc: 'What makes rows survive a crash or a power cut before they are in their column files.',
    options: {
      enabled: boolean({
        default: true,
        doc: 'Whether a journal is kept; without one a crash costs up to `flush_interval_secs` of rows.',
      }),
      sync_ms: integer({
        default: 200,
        min: 1,
        max: 10_000,
        doc: 'Milliseconds after which a row is durable at the latest: what a power cut may cost.',
      }),
      segment_bytes: integer({
        default: 268_435_456,
        min: 1_048_576,
        max: 4_294_967_296,
        doc: 'Size at which a new file of the journal is begun.',
      }),
      max_bytes: integer({
        default: 10_737_418_240,
        min: 16_777_216,
        max: 1_099_511_627_776,
        doc: 'Size beyond which the journal keeps nothing for a sink that lags behind: it goes on from the column files. Without such sinks the journal holds about a minute.',
      }),
      free_bytes_min: integer({
        default: 1_073_741_824,
        min: 0,
        max: 1_099_511_627_776,
        doc: 'Free space on its disk below which the journal keeps nothing for a sink that lags behind by more than some minutes.',
      }),
    },
  },
  feed: {
    doc: 'How connections are spread over threads.',
    options: {
      workers: integerOr({
        words: ['auto', 'per-connection'],
        default: 'auto' as 'auto' | 'per-connection' | number,
        min: 1,
        max: 1024,
        doc: 'Threads that host the connections. "auto": one per connection while there are cores for them, otherwise one per core apart from that of the writer, at least one; "per-connection": always one each.',
      }),
    },
  },
  symbols: {
    doc: 'How the lists of symbols are followed while the logger runs.',
    options: {
      refresh_secs: number({
        default: 600,
        min: 1,
        max: 86_400,
        doc: 'Seconds after which an exchange is asked again what it lists: new symbols that are meant are taken up, those that are gone are let go. SIGHUP asks at once.',
      }),
    },
  },
  http: {
    doc: 'The built-in HTTP server: `/health` and `/ready`.',
    options: {
      host: text({
        default: '127.0.0.1',
        doc: 'Address it listens on; "0.0.0.0" or "::" opens it to other hosts.',
      }),
      port: integer({
        default: 9090,
        min: 0,
        max: 65_535,
        doc: 'Port it listens on; 0 takes any free port.',
      }),
      allowed_hosts: names({
        default: [],
        what: 'host names without a port',
        doc: 'Names besides `localhost` and the address itself by which it may be asked. A request for another host is refused, so that no web page can reach it by a name of its own.',
      }),
    },
  },
  network: {
    doc: 'How exchanges are reached.',
    options: {
      proxy: proxy({
        default: '',
        doc: 'Proxy for every connection, WebSocket and REST; it resolves the names. Without one the variables `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` count, except for this machine itself.',
      }),
      name_servers: names({
        default: [],
        what: 'addresses of name servers, with a port or without',
        doc: 'Name servers that are asked instead of those of the system. /etc/hosts counts in any case.',
      }),
      address_timeout_secs: number({
        default: 2.5,
        min: 0.1,
        max: 60,
        doc: 'Seconds that one of several addresses of a name may take to accept a connection before the next one is tried.',
      }),
    },
  },
  websocket: {
    doc: 'How connections to exchanges are watched and renewed.',
    options: {
      message_timeout_secs: number({
        default: 20,
        min: 0.1,
        max: 3600,
        doc: 'A connection on which nothing arrived for so many seconds is given up and opened again; after half of that it is asked for a sign of life.',
      }),
      initial_retry_delay_secs: number({
        default: 1,
        min: 0.01,
        max: 3600,
        doc: 'Delay before the first attempt to reconnect; it doubles with every failure, and begins anew once messages arrive again.',
      }),
      max_retry_delay_secs: number({
        default: 15,
        min: 0.01,
        max: 3600,
        doc: 'Longest delay between two attempts to reconnect; 1 s at most while the exchange does not answer at all.',
      }),
      ack_timeout_secs: number({
        default: 10,
        min: 0.1,
        max: 3600,
        doc: 'A subscription that is not confirmed after so many seconds counts as failed.',
      }),
      frame_bytes_max: integer({
        default: 16_777_216,
        min: 65_536,
        max: 268_435_456,
        doc: 'Longest message in bytes; a longer one ends the connection.',
      }),
      ca_file: optionalText({
        default: '',
        doc: 'PEM file with certificate authorities to trust besides the built-in ones. A relative path starts at the working directory.',
      }),
    },
  },
} as const satisfies Readonly<Record<string, Section>>;

/** What an exchange brings to its section: its defaults and the channels it has. */
export interface ExchangeDefaults {
  readonly id: string;
  readonly ws_endpoint: string;
  readonly rest_endpoint: string;
  readonly max_connections: number;
  readonly symbols_per_connection: number;
  /** age at which it ends a connection; 0: it does not */
  readonly connection_secs_max: number;
  /** allowed in `channels` */
  readonly channels: readonly string[];
  readonly default_channels: readonly string[];
  readonly enabled: boolean;
  /** listed in the sample configuration in place of "all", which may be more than the connections carry */
  readonly sample_symbols: readonly string[];
}

/** The section `[exchanges.{id}]`; the same options for every exchange. */
export function exchangeSection(exchange: ExchangeDefaults) {
  return {
    doc: `The exchange ${exchange.id}.`,
    options: {
      enabled: boolean({ default: exchange.enabled, doc: 'Whether this exchange is captured.' }),
      ws_endpoint: url({
        schemes: ['wss', 'ws'],
        default: exchange.ws_endpoint,
        doc: 'Address of the WebSocket feed.',
      }),
      rest_endpoint: url({
        schemes: ['https', 'http'],
        default: exchange.rest_endpoint,
        doc: 'Address of the REST interface, which lists the symbols.',
      }),
      max_connections: integer({
        default: exchange.max_connections,
        min: 1,
        max: 1000,
        doc: 'Most connections that are opened.',
      }),
      symbols_per_connection: integer({
        default: exchange.symbols_per_connection,
        min: 1,
        max: 1000,
        doc: 'Symbols that share one connection.',
      }),
      redundancy: integer({
        default: 1,
        min: 1,
        max: 2,
        doc: 'Connections that carry the same streams all the time. What both bring is stored once; when one of them fails, nothing is missing.',
      }),
      connection_secs_max: integer({
        default: exchange.connection_secs_max,
        min: 0,
        max: 31_536_000,
        doc: 'Age in seconds at which the exchange ends a connection. A new one takes over at 75 to 95 % of it, each connection at another moment, without a gap. 0: the exchange does not end them.',
      }),
      symbols: allOrNames({
        what: 'symbols as this exchange names them, or patterns of them',
        refuses: refusesEntry,
        default: 'all' as 'all' | readonly string[],
        applies: 'reload',
        doc: 'What is captured; "all" is everything that the exchange lists. In a list, `*-USD` stands for every symbol that ends like this, `quote:USDT` and `base:BTC` for every symbol with these assets, and `!USDT-USD` leaves out what it names, whatever else does.',
      }),
      channels: selection({
        values: exchange.channels,
        default: exchange.default_channels,
        doc: 'Streams that are subscribed for each symbol.',
      }),
      kline_intervals: selection({
        values: Object.keys(KLINE_INTERVALS),
        default: ['1m', '5m', '15m', '1h'] as readonly string[],
        doc: 'Candles of the channel "klines"; those that the exchange does not send are aggregated from its trades.',
      }),
    },
  };
}

type Values<O extends Options> = { readonly [K in keyof O]: O[K] extends Option<infer T> ? T : never };

export type ExchangeConfig = Values<ReturnType<typeof exchangeSection>['options']>;

/** The whole configuration, typed from the declarations above. */
export type Config = { readonly [S in keyof typeof SECTIONS]: Values<(typeof SECTIONS)[S]['options']> } & {
  readonly exchanges: Readonly<Record<string, ExchangeConfig>>;
  readonly sinks: Readonly<Record<string, SinkConfig>>;
};

/** Rules between options; a broken one is reported at `key`. */
export const RELATIONS: readonly {
  readonly key: string;
  readonly rule: string;
  readonly holds: (config: Config) => boolean;
}[] = [
  {
    key: 'websocket.initial_retry_delay_secs',
    rule: 'must not be larger than websocket.max_retry_delay_secs',
    holds: ({ websocket }) => websocket.initial_retry_delay_secs <= websocket.max_retry_delay_secs,
  },
  {
    key: 'journal.max_bytes',
    rule: 'must be at least twice journal.segment_bytes',
    holds: ({ journal }) => journal.max_bytes >= 2 * journal.segment_bytes,
  },
  {
    key: 'journal.enabled',
    rule: 'must be true while there is a section [sinks.*]: a sink reads the journal',
    holds: ({ journal, sinks }) => journal.enabled || Object.keys(sinks).length === 0,
  },
];

/** A section with its place in the file, e.g. `exchanges.coinbase`. */
export interface DeclaredSection extends Section {
  readonly path: readonly string[];
  /** values that the sample file shows instead of the default */
  readonly samples: Readonly<Record<string, unknown>>;
}

/** The types of the sinks of a configuration, by name. */
export function sinkKinds({ sinks }: Config, plugins: Plugins): Map<string, SinkKind> {
  const kindOf = (type: string) => plugins.sinks.find((kind) => kind.type === type) as SinkKind;
  return new Map(Object.entries(sinks).map(([name, { type }]) => [name, kindOf(type)]));
}

/** Every section in the order of the file; `sinks`: the type of each by name. */
export function declaredSections(
  plugins: Plugins,
  sinks: ReadonlyMap<string, SinkKind> = new Map(),
): DeclaredSection[] {
  return [
    ...Object.entries<Section>(SECTIONS).map(([name, section]) => ({
      ...section,
      path: [name],
      samples: {},
    })),
    ...plugins.exchanges.map((exchange) => ({
      ...exchangeSection(exchange),
      path: ['exchanges', exchange.id],
      samples: { enabled: true, symbols: exchange.sample_symbols },
    })),
    ...[...sinks].map(([name, kind]) => ({
      doc: kind.doc,
      options: sinkOptions(plugins, kind),
      path: [SINKS, name],
      samples: {},
    })),
  ];
}

/** Environment variable that overrides an option, e.g. `LOGGER__HTTP__PORT`. */
export function envName(section: readonly string[], option: string): string {
  return ['logger', ...section, option].join('__').replaceAll('-', '_').toUpperCase();
}

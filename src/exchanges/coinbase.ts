/**
 * HOT: Coinbase Exchange (`ws-feed`); the same markets as Coinbase Advanced Trade (coinbase_advanced.ts), with other
 * messages. Runs in shard threads; found by its file name.
 *
 * `trade_id` grows by one per product, so every gap is a loss, and `heartbeat.last_trade_id` shows one at the end of a
 * stream; nothing shows a loss in a book. The maker's side is sent with a trade, the taker's with a ticker.
 *
 * Source: docs.cdp.coinbase.com, exchange/websocket-feed, and recorded messages.
 */
import { namedSide, SocketBooks } from '../feed/books/socket_books.js';
import { BOOK_SIDE } from '../feed/channels/levels.js';
import type { Sequence } from '../feed/continuity/sequence.js';
import type {
  ControlEvent,
  ControlRequest,
  Exchange,
  FetchJson,
  MessageParser,
  ParserContext,
  Subscription,
  SymbolInfo,
} from '../feed/exchange.js';
import { isObject, type JsonObject, type JsonValue, objectsOf, stringOf } from '../feed/json/document.js';
import { JsonFields, KIND } from '../feed/json/fields.js';
import { JsonTuples } from '../feed/json/lists.js';
import { streamsNamed } from '../feed/origins.js';
import type { WriteRow } from '../feed/rows/compile_row.js';
import { RESULT } from '../feed/rows/result.js';
import type { RowMapping } from '../feed/rows/row_mapping.js';
import { RowTemplates } from '../feed/rows/templates.js';
import { arePresent, u64At } from '../feed/rows/values.js';
import { flag } from '../schema/flags.js';
import { BOOK, MD, SIDE, TRADES } from '../schema/tables.js';
import { EXCHANGE_BACKFILL } from './rest/coinbase.js';

/** Name of each channel of ours in its subscriptions. */
const CHANNELS = { trades: 'matches', ticker: 'ticker', book: 'level2_batch' };
/** Our channels by every name that acknowledgements use. */
const OURS: ReadonlyMap<string, string> = new Map([
  ...Object.entries(CHANNELS).map(([channel, wire]): [string, string] => [wire, channel]),
  ['level2_50', 'book'],
]);
/** Our channels by the types of their messages. */
const CHANNEL_OF: ReadonlyMap<string, string> = new Map([
  ...['match', 'last_match'].map((type): [string, string] => [type, 'trades']),
  ...['snapshot', 'l2update'].map((type): [string, string] => [type, 'book']),
  ['ticker', 'ticker'],
]);
/** Carries last_trade_id once a second and keeps a quiet connection alive. */
const HEARTBEAT_CHANNEL = 'heartbeat';

// biome-ignore format: a list
const KEYS = ['type', 'product_id', 'trade_id', 'maker_order_id', 'taker_order_id', 'side', 'size', 'price', 'time',
  'best_bid', 'best_ask', 'volume_24h', 'last_size', 'last_trade_id', 'asks', 'bids', 'changes'] as const;
// biome-ignore format: a list like the one above
const [TYPE, PRODUCT, TRADE_ID, MAKER, TAKER, SIDE_KEY, SIZE, PRICE, TIME,
  BID, ASK, VOLUME, LAST_SIZE, LAST_TRADE_ID, ASKS, BIDS, CHANGES] = KEYS.keys();

const text = (ascii: string) => Buffer.from(ascii);
const MATCH = text('match');
const LAST_MATCH = text('last_match');
const TICKER_TYPE = text('ticker');
const HEARTBEAT = text('heartbeat');
const SNAPSHOT = text('snapshot');
const L2_UPDATE = text('l2update');
const BUY = text('buy');
const SELL = text('sell');

const HEARTBEAT_REQUIRES = [PRODUCT, LAST_TRADE_ID];

const TRADE: RowMapping = {
  table: TRADES,
  columns: {
    trade_id: { id: TRADE_ID },
    trade_price: { decimal: PRICE, positive: true },
    trade_size: { decimal: SIZE, positive: true },
    // the maker's side is sent
    trade_side: { text: SIDE_KEY, values: { sell: SIDE.buy, buy: SIDE.sell } },
    maker_order_id: { uuid: MAKER },
    taker_order_id: { uuid: TAKER },
  },
  time: { iso: TIME },
  accept: 'contiguous',
};
const REPLAYED_TRADE: RowMapping = { ...TRADE, flags: flag('replayed') };
const TICKER: RowMapping = {
  table: MD,
  columns: {
    price: { decimal: PRICE, positive: true },
    best_bid: { decimal: BID, zeroIsNone: true },
    best_ask: { decimal: ASK, zeroIsNone: true },
    volume: { decimal: LAST_SIZE },
    last_size: { decimal: LAST_SIZE },
    volume_24h: { decimal: VOLUME },
    // here the taker's side is sent
    side: { text: SIDE_KEY, values: { buy: SIDE.buy, sell: SIDE.sell } },
  },
  time: { iso: TIME, orReceipt: true },
  accept: 'all',
};

class CoinbaseParser implements MessageParser {
  /** price and size */
  private readonly asks = new JsonTuples(2);
  private readonly bids = new JsonTuples(2);
  /** side, price and size */
  private readonly changes = new JsonTuples(3);
  readonly fields = new JsonFields(KEYS, { asks: this.asks, bids: this.bids, changes: this.changes });
  readonly templates: RowTemplates;
  private readonly tradeSequence: Sequence | undefined;
  private readonly trade: WriteRow;
  private readonly replayedTrade: WriteRow;
  private readonly ticker: WriteRow;
  private readonly books: SocketBooks;

  constructor(private readonly context: ParserContext) {
    const { fields } = this;
    const { sequences } = context;
    this.tradeSequence = sequences.get('trades');
    this.templates = new RowTemplates(context, fields, [[fields, [TRADE_ID]]]);
    const symbol = { slots: fields, field: PRODUCT };
    this.trade = this.templates.row(TRADE, fields, this.tradeSequence, symbol);
    // history comes once
    this.replayedTrade = this.templates.row(REPLAYED_TRADE, fields, this.tradeSequence);
    this.ticker = this.templates.row(TICKER, fields, sequences.get('ticker'), symbol);
    this.books = new SocketBooks(context);
  }

  emit(): number {
    const { fields } = this;
    if (fields.equals(TYPE, MATCH)) return this.write(this.trade);
    if (fields.equals(TYPE, L2_UPDATE)) return this.bookChange();
    if (fields.equals(TYPE, TICKER_TYPE)) return this.write(this.ticker);
    if (fields.equals(TYPE, HEARTBEAT)) return this.heartbeat();
    if (fields.equals(TYPE, LAST_MATCH)) return this.write(this.replayedTrade);
    return fields.equals(TYPE, SNAPSHOT) ? this.bookSnapshot() : RESULT.noMatch;
  }

  private slot(): number {
    const { bytes, from, to } = this.fields;
    return this.context.streams.find(bytes, from[PRODUCT], to[PRODUCT]);
  }

  private write(row: WriteRow): number {
    return this.fields.present(PRODUCT) ? row(0, this.slot()) : RESULT.missingField;
  }

  /** Tells the sequence of the product's trades what the newest one is. */
  private heartbeat(): number {
    const { fields } = this;
    if (!arePresent(fields, 0, HEARTBEAT_REQUIRES)) return RESULT.control;
    const slot = this.slot();
    const newest = u64At(fields, LAST_TRADE_ID);
    if (slot >= 0 && newest >= 0) this.tradeSequence?.announce(slot, newest);
    return RESULT.control;
  }

  private bookSnapshot(): number {
    const { fields, asks, bids, books } = this;
    if (!fields.present(PRODUCT) || fields.kind[ASKS] !== KIND.nested || fields.kind[BIDS] !== KIND.nested)
      return RESULT.missingField;
    let result = books.begin(this.slot(), asks.count + bids.count, true, fields, TIME);
    if (result !== RESULT.rows) return result;
    for (let row = 0; row < asks.count && result === RESULT.rows; row++)
      result = books.level(BOOK_SIDE.ask, asks, row * 2, row * 2 + 1);
    for (let row = 0; row < bids.count && result === RESULT.rows; row++)
      result = books.level(BOOK_SIDE.bid, bids, row * 2, row * 2 + 1);
    return books.end(result);
  }

  private bookChange(): number {
    const { fields, changes, books } = this;
    if (!fields.present(PRODUCT) || fields.kind[CHANGES] !== KIND.nested) return RESULT.missingField;
    let result = books.begin(this.slot(), changes.count, false, fields, TIME);
    if (result !== RESULT.rows) return result;
    for (let row = 0; row < changes.count && result === RESULT.rows; row++) {
      const o = row * 3;
      result = books.level(namedSide(changes, o, BUY, SELL), changes, o + 1, o + 2);
    }
    return books.end(result);
  }

  control(document: JsonValue): number {
    const event = isObject(document) ? readControl(document) : undefined;
    if (event === undefined) return RESULT.unknownKind;
    this.context.control(event);
    return RESULT.control;
  }
}

/** `subscriptions` lists everything that is subscribed now. */
function readControl(document: JsonObject): ControlEvent | undefined {
  const type = stringOf(document, 'type');
  if (type === 'error') return refusal(document);
  if (type !== 'subscriptions') return undefined;
  const lists = objectsOf(document.channels);
  return {
    kind: 'state',
    subscriptions: lists.flatMap(({ name, product_ids }) => subscriptionsOf(OURS, name, product_ids)),
  };
}

/** An `error` of either address, which may name a product or a channel in its reason. */
export function refusal(document: JsonObject): ControlEvent {
  const parts = [stringOf(document, 'message'), stringOf(document, 'reason')];
  const reason = parts.filter((part) => part !== undefined).join(': ') || 'no reason given';
  const native = /(\S+) is not a valid product/.exec(reason)?.[1];
  // `level2, level3, and full channels now require authentication`, and Advanced Trade's limit of a session
  const ofBooks = /\blevel2\b.* require authentication|too many L2 streams/.test(reason);
  const limit = reason.startsWith('too many L2 streams') ? 'streams' : undefined;
  return { kind: 'refused', native, channel: ofBooks ? 'book' : undefined, limit, reason };
}

/** What a channel by its name there and a list of products stand for; none for other channels. */
export function subscriptionsOf(
  ours: ReadonlyMap<string, string>,
  name: JsonValue,
  products: JsonValue,
): Subscription[] {
  const channel = typeof name === 'string' ? ours.get(name) : undefined;
  if (channel === undefined || !Array.isArray(products)) return [];
  return products.filter((product) => typeof product === 'string').map((native) => ({ channel, native }));
}

/** Cold: subscriptions by the channels that their symbols want, so that each message covers as much as possible. */
function byChannels(subscriptions: readonly Subscription[]): Subscription[][] {
  const byProduct = new Map<string, Subscription[]>();
  for (const s of subscriptions) byProduct.set(s.native, [...(byProduct.get(s.native) ?? []), s]);
  const groups = new Map<string, Subscription[]>();
  for (const group of byProduct.values()) {
    const key = group
      .map((s) => s.channel)
      .sort()
      .join();
    groups.set(key, [...(groups.get(key) ?? []), ...group]);
  }
  return [...groups.values()];
}

function distinct(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}

/** One message per set of channels; there are no request ids. */
function requests(type: string, subscriptions: readonly Subscription[], firstId: number): ControlRequest[] {
  return byChannels(subscriptions).map((covers, i) => {
    const channels = distinct(covers.map((s) => s.channel))
      .sort()
      .map((channel) => CHANNELS[channel as keyof typeof CHANNELS]);
    const product_ids = distinct(covers.map((s) => s.native));
    return {
      id: firstId + i,
      text: JSON.stringify({ type, product_ids, channels: [...channels, HEARTBEAT_CHANNEL] }),
      covers,
    };
  });
}

/** Cold. The id decides: BTCAUCTION-USD has the base currency BTC. `steps`: the keys of tick and lot. */
export function symbolOf(
  native: string,
  entry: JsonObject,
  steps: readonly [tick: string, lot: string],
): SymbolInfo {
  const dash = native.lastIndexOf('-');
  const status = stringOf(entry, 'status') ?? '';
  const closed = status !== 'online' || entry.trading_disabled === true;
  const open = entry.auction_mode === true ? 'pre_trading' : 'trading';
  const [tick, lot] = steps.map((key) => stringOf(entry, key) ?? '');
  return {
    native,
    base: native.slice(0, dash),
    quote: native.slice(dash + 1),
    state: status === 'delisted' ? 'delisted' : closed ? 'halted' : open,
    status: entry.trading_disabled === true ? `${status}, trading disabled` : status,
    ...{ tick, lot },
  };
}

async function listSymbols(fetchJson: FetchJson): Promise<SymbolInfo[]> {
  return objectsOf(await fetchJson('/products')).flatMap((entry) => {
    const native = stringOf(entry, 'id') ?? '';
    return native === '' ? [] : [symbolOf(native, entry, ['quote_increment', 'base_increment'])];
  });
}

/** Markets of both addresses. */
export const SAMPLE_SYMBOLS = ['BTC', 'ETH', 'SOL', 'XRP', 'ADA', 'DOGE', 'LTC', 'LINK', 'AVAX', 'DOT'].map(
  (base) => `${base}-USD`,
);

const coinbase: Exchange = {
  id: 'coinbase',
  title: 'Coinbase Exchange',
  defaults: {
    ws_endpoint: 'wss://ws-feed.exchange.coinbase.com',
    rest_endpoint: 'https://api.exchange.coinbase.com',
    max_connections: 10,
    symbols_per_connection: 50,
    channels: ['ticker', 'trades'],
  },
  sampleSymbols: SAMPLE_SYMBOLS,
  channels: {
    ticker: { table: MD, ids: 'none' },
    trades: { table: TRADES, ids: 'contiguous' },
    book: { table: BOOK, ids: 'book', lossInvisible: true },
  },
  evidence: {
    trades: {
      wire: '`matches`',
      from: 'recordings of 2021, documentation',
      loss: 'ids that count up by one, `heartbeat`',
    },
    ticker: { wire: '`ticker`', from: 'recordings of 2021, documentation' },
    book: {
      wire: '`level2_batch`',
      from: 'recordings of 2021',
      loss: 'nothing: a lost message makes all books void',
    },
  },
  // ten requests a second may be made over REST
  limits: { requestsPerSecond: 8, connectsPerMinute: 240, restPerMinute: 300 },
  backfill: EXCHANGE_BACKFILL,
  keepAlive: { everyMs: 15_000, onlyWhenQuiet: true },
  websocketUrl: (endpoint) => endpoint,
  listSymbols,
  subscribe: (subscriptions, firstId) => requests('subscribe', subscriptions, firstId),
  unsubscribe: (subscriptions, firstId) => requests('unsubscribe', subscriptions, firstId),
  originsOf: ({ type, product_id }) => streamsNamed([CHANNEL_OF.get(String(type))], [product_id]),
  createParser: (context) => new CoinbaseParser(context),
};

export default coinbase;

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { flag } from '../../../src/schema/flags.js';
import { GAP_CAUSES, MD, TRADES } from '../../../src/schema/tables.js';
import {
  type ChannelComparison,
  compareLedger,
  formatComparison,
} from '../../../src/simulator/compare/compare.js';
import type { FaultRequest } from '../../../src/simulator/server/faults.js';
import { type Simulator, type SimulatorOptions, startSimulator } from '../../../src/simulator/simulator.js';
import { Client, type Json, until } from '../client.js';
import { type Row, rowsOf, type Store, store, write } from '../stand_in.js';

const directory = mkdtempSync(join(tmpdir(), 'logger-compare-test-'));
const simulators: Simulator[] = [];
// a listener left open by a failed test would keep the process alive
afterEach(() => {
  for (const simulator of simulators.splice(0)) simulator.stop();
});
after(() => rmSync(directory, { recursive: true, force: true }));
let runs = 0;

interface Run {
  readonly ledger: string;
  readonly received: Client['received'];
  /** first message of the second connection, when the first was cut */
  readonly resumed: number;
}

const MESSAGES = 3000;

type Exchange = 'coinbase' | 'binance' | 'binance-futures' | 'coinbase-advanced';

/** How a client of an exchange asks for every channel, and for a last answer that proves that all before it has come. */
interface Asking {
  readonly path: string;
  readonly symbols: (rest: string) => Promise<string[]>;
  readonly requests: (symbols: readonly string[]) => unknown[];
  readonly last: unknown;
  readonly answer: RegExp;
  /** path of the book that the client has to fetch itself, and how often it does */
  readonly depth?: string;
  readonly fetches?: number;
  /** before the first connection */
  readonly fault?: FaultRequest;
}

const getJson = async (url: string): Promise<Json> => (await fetch(url)).json();
const products = async (rest: string) =>
  (await getJson(`${rest}/products`)).filter((p: Json) => !p.trading_disabled).map((p: Json) => p.id);
const contracts = (path: string) => async (rest: string) =>
  (await getJson(`${rest}${path}/exchangeInfo`)).symbols
    .filter((s: Json) => s.status === 'TRADING')
    .map((s: Json) => s.symbol);
const streams = (kinds: readonly string[]) => (symbols: readonly string[]) => [
  {
    method: 'SUBSCRIBE',
    params: symbols.flatMap((name) => kinds.map((kind) => `${name.toLowerCase()}@${kind}`)),
    id: 1,
  },
];
const LAST_STREAM = { last: { method: 'LIST_SUBSCRIPTIONS', id: 99 }, answer: /"id":99/ };

const ASKING: Record<Exchange, Asking> = {
  coinbase: {
    path: '',
    symbols: products,
    requests: (product_ids) => [
      { type: 'subscribe', product_ids, channels: ['matches', 'ticker', 'level2_batch'] },
    ],
    last: { type: 'unsubscribe' },
    answer: /"subscriptions"/,
  },
  binance: {
    path: '/stream',
    symbols: contracts('/api/v3'),
    requests: streams(['trade', 'ticker', 'bookTicker', 'aggTrade', 'depth@100ms', 'kline_1m', 'kline_1h']),
    ...LAST_STREAM,
    depth: '/api/v3/depth?limit=1000',
  },
  'binance-futures': {
    path: '/public/stream',
    symbols: contracts('/fapi/v1'),
    requests: streams(['bookTicker', 'depth@100ms']),
    ...LAST_STREAM,
    depth: '/fapi/v1/depth?limit=1000',
  },
  'coinbase-advanced': {
    path: '',
    symbols: products,
    requests: (product_ids) =>
      ['market_trades', 'ticker', 'level2', 'candles'].map((channel) => ({
        type: 'subscribe',
        product_ids,
        channel,
      })),
    last: { type: 'subscribe', channel: 'heartbeats' },
    answer: /"heartbeats":\["heartbeats"\]/,
  },
};

/** Runs a market to its end with one client that reconnects when it is cut; faults come once data flow. */
async function run(
  exchange: Exchange,
  faults: readonly FaultRequest[] = [],
  options: SimulatorOptions = {},
  asking: Asking = ASKING[exchange],
): Promise<Run> {
  const ledger = join(directory, `ledger-${runs++}`);
  const { simulator, endpoints } = await startSimulator({
    exchanges: [exchange],
    symbols: 5,
    rate: 6000,
    mix: [3, 2, 2, 2, 2, 1],
    messages: MESSAGES,
    ledger_directory: ledger,
    ...options,
  });
  simulators.push(simulator);
  const received: Client['received'] = [];
  const { ws, rest } = endpoints.exchanges[exchange];
  const symbols = await asking.symbols(rest);
  const connect = async (): Promise<Client> => {
    const client = await Client.open(`${ws}${asking.path}`);
    for (const request of asking.requests(symbols)) client.send(request);
    if (asking.depth === undefined) return client;
    // a book that is fetched before the first change could not be told from one that is too old
    const changes = (symbol: string) =>
      client.texts.some((text) => text.includes(`"depthUpdate"`) && text.includes(`"s":"${symbol}"`));
    await client.until('changes of every book', () => symbols.every(changes));
    const wanted = Array.from({ length: asking.fetches ?? 1 }, () => symbols).flat();
    for (const symbol of wanted) {
      const depth = await getJson(`${rest}${asking.depth}&symbol=${symbol}`);
      const received_ms = performance.timeOrigin + performance.now();
      client.received.push({ text: JSON.stringify({ rest: symbol, depth }), received_ms });
    }
    return client;
  };
  if (asking.fault !== undefined) simulator.fault(asking.fault);
  let client = await connect();
  await until('data', () => client.received.length > 300);
  for (const fault of faults) simulator.fault(fault);
  await until('the end of the market', () => {
    if (client.close_code !== undefined && client.received.length > 0) {
      received.push(...client.received.splice(0));
      void connect().then((next) => {
        client = next;
      });
    }
    return simulator.totals().exchanges[exchange].finished;
  });
  client.send(asking.last);
  await until('the last reply', () => asking.answer.test(client.texts.at(-1) ?? ''));
  simulator.stop();
  client.socket.terminate();
  return { ledger, received: [...received, ...client.received], resumed: received.length };
}

function compared(ledger: string, exchange: string, rows: Store, exact = true) {
  const data = join(directory, `data-${runs++}`);
  write(data, exchange, rows, exact);
  return compareLedger(ledger, data);
}

const written = new Map<string, { readonly data: string; readonly rows: Store }>();

/** The comparison after a change of one table of a symbol; the others are written once for all changes. */
function damaged(exchange: 'coinbase' | 'binance', table: string, change: (rows: Row[]) => void) {
  const { ledger, received } = exchange === 'coinbase' ? coinbase : binance;
  const { data, rows } = written.get(exchange) ?? {
    data: join(directory, `data-${runs++}`),
    rows: store(exchange, received),
  };
  if (!written.has(exchange)) write(data, exchange, rows);
  written.set(exchange, { data, rows });
  const symbol = exchange === 'coinbase' ? 'ETH-USD' : 'ETHUSDT';
  const right = rowsOf(rows, symbol, table);
  const wrong = right.map((row) => ({ ...row }));
  change(wrong);
  write(data, exchange, new Map([[`${symbol} ${table}`, wrong]]));
  const result = compareLedger(ledger, data);
  write(data, exchange, new Map([[`${symbol} ${table}`, right]]));
  return { ...result, symbol };
}

function sum(channels: readonly ChannelComparison[], field: keyof ChannelComparison): number {
  return channels.reduce((total, channel) => total + Number(channel[field]), 0);
}

let coinbase: Run;
let binance: Run;
before(async () => {
  [coinbase, binance] = [await run('coinbase'), await run('binance')];
});

function assertAgrees(exchange: Exchange, { ledger, received }: Run, exact: boolean): ChannelComparison[] {
  const result = compared(ledger, exchange, store(exchange, received), exact);
  assert.ok(result.ok, formatComparison(result));
  assert.ok(sum(result.channels, 'sent') >= MESSAGES);
  assert.equal(sum(result.channels, 'delivered'), sum(result.channels, 'sent'));
  assert.ok(sum(result.channels, 'on_disk') >= MESSAGES);
  assert.equal(sum(result.channels, 'outside'), 0);
  const books = result.channels.filter(({ channel }) => channel === 'book');
  assert.equal(sum(result.channels, 'listed'), sum(books, 'listed'), 'only changes before a fetched book');
  if (exact)
    for (const each of books) assert.ok(each.books > 10, `${each.symbol}: ${each.books} books compared`);
  return [...result.channels];
}

test('what JSON.parse reads on the wire is what the ledger says, with and without exact digits', () => {
  for (const [exchange, kept] of Object.entries({ coinbase, binance }))
    for (const exact of [true, false]) assertAgrees(exchange as Exchange, kept, exact);
  const summary = JSON.parse(readFileSync(join(binance.ledger, 'ledger.json'), 'utf8'));
  assert.equal(summary.exchanges.binance.sent, MESSAGES);
});

test('the same of futures, on both paths, and of Advanced Trade', async () => {
  assertAgrees('binance-futures', await run('binance-futures'), true);
  const market = {
    ...ASKING['binance-futures'],
    path: '/market/stream',
    requests: streams(['aggTrade', 'ticker', 'kline_1m', 'markPrice']),
    depth: undefined,
  };
  const channels = assertAgrees('binance-futures', await run('binance-futures', [], {}, market), true);
  assert.deepEqual(
    [...new Set(channels.map(({ channel }) => channel))],
    ['ticker', 'agg_trades', 'klines_1m'],
  );
  assertAgrees('coinbase-advanced', await run('coinbase-advanced'), true);
});

type Field = 'missing' | 'unexpected' | 'repeated' | 'different' | 'disordered' | 'wrong_books';
interface Damage {
  readonly what: string;
  readonly exchange: 'coinbase' | 'binance';
  readonly table: string;
  readonly change: (rows: Row[]) => void;
  readonly field: Field;
}

/** A change of one value in the middle row. */
const set = (column: string, value: (old: Json, row: Row) => number | bigint | string) => (rows: Row[]) => {
  const row = rows[rows.length >> 1];
  row[column] = value(row[column], row);
};
const plusOne = (old: Json) => (typeof old === 'bigint' ? old + 1n : old + 1);
const middle = (rows: Row[]) => rows.length >> 1;

const DAMAGES: Damage[] = [
  ...['TRADES', 'MD', 'BBO', 'AGG_TRADES'].flatMap((table): Damage[] => [
    {
      what: 'a missing row',
      exchange: 'binance',
      table,
      change: (r) => r.splice(middle(r), 1),
      field: 'missing',
    },
    {
      what: 'a row twice',
      exchange: 'binance',
      table,
      change: (r) => r.splice(middle(r), 0, r[middle(r)]),
      field: 'repeated',
    },
    {
      what: 'a changed scale',
      exchange: 'binance',
      table,
      change: set('scales', plusOne),
      field: 'different',
    },
    {
      what: 'a changed time',
      exchange: 'binance',
      table,
      change: set(table.endsWith('TRADES') ? 'trade_nanos' : 'nanos', plusOne),
      field: 'different',
    },
    {
      what: 'two rows swapped',
      exchange: 'binance',
      table,
      change: (r) => r.splice(middle(r), 2, r[middle(r) + 1], r[middle(r)]),
      field: 'disordered',
    },
  ]),
  {
    what: 'a changed digit',
    exchange: 'coinbase',
    table: 'TRADES',
    change: set('price_digits', plusOne),
    field: 'different',
  },
  {
    what: 'a changed f32',
    exchange: 'coinbase',
    table: 'TRADES',
    change: set('trade_size', (v) => v * 1.0000002),
    field: 'different',
  },
  {
    what: 'a changed side',
    exchange: 'coinbase',
    table: 'TRADES',
    change: set('trade_side', (v) => 3 - v),
    field: 'different',
  },
  {
    what: 'a changed order id',
    exchange: 'coinbase',
    table: 'TRADES',
    change: set('taker_order_id', (_, row) => row['maker_order_id'] as string),
    field: 'different',
  },
  {
    what: 'a changed digit',
    exchange: 'coinbase',
    table: 'MD',
    change: set('best_ask_digits', plusOne),
    field: 'different',
  },
  {
    what: 'a changed price',
    exchange: 'coinbase',
    table: 'MD',
    change: set('price', (v) => v * 1.001),
    field: 'different',
  },
  {
    what: 'a changed side',
    exchange: 'coinbase',
    table: 'MD',
    change: set('side', (v) => 3 - v),
    field: 'different',
  },
  {
    what: 'a changed 24-hour volume',
    exchange: 'binance',
    table: 'MD',
    change: set('volume_24h', (v) => v * 1.001),
    field: 'different',
  },
  ...(['first_trade_id', 'last_trade_id'] as const).map((column) => ({
    what: `a changed ${column}`,
    exchange: 'binance' as const,
    table: 'AGG_TRADES',
    change: set(column, plusOne),
    field: 'different' as const,
  })),
  ...(['quote_volume_digits', 'scales_high', 'close_time', 'trades'] as const).map((column) => ({
    what: `a changed ${column}`,
    exchange: 'binance' as const,
    table: 'KLINES_1m',
    change: set(column, plusOne),
    field: 'different' as const,
  })),
  {
    what: 'a candle that is closed too early',
    exchange: 'binance',
    table: 'KLINES_1h',
    change: set('flags', (v) => v | flag('closed')),
    field: 'different',
  },
  {
    what: 'a missing row',
    exchange: 'binance',
    table: 'KLINES_1m',
    change: (r) => r.splice(middle(r), 1),
    field: 'missing',
  },
  {
    what: 'a missing level',
    exchange: 'binance',
    table: 'BOOK',
    change: (r) => r.splice(middle(r), 1),
    field: 'missing',
  },
  {
    what: 'a level twice',
    exchange: 'coinbase',
    table: 'BOOK',
    change: (r) => r.splice(middle(r), 0, r[middle(r)]),
    field: 'repeated',
  },
  {
    what: 'a missing end of an event',
    exchange: 'binance',
    table: 'BOOK',
    change: (r) => {
      const last = r.findLast(({ flags }) => (Number(flags) & flag('event_end')) !== 0) as Row;
      last['flags'] = 0;
    },
    field: 'different',
  },
  {
    what: 'a changed sequence',
    exchange: 'binance',
    table: 'BOOK',
    change: set('seq', plusOne),
    field: 'different',
  },
  {
    what: 'a trade that was never sent',
    exchange: 'coinbase',
    table: 'TRADES',
    change: (r) => r.push({ ...r[r.length - 1], trade_id: (r[r.length - 1]['trade_id'] as bigint) + 1n }),
    field: 'unexpected',
  },
  {
    what: 'a ticker that was never sent',
    exchange: 'coinbase',
    table: 'MD',
    change: (r) => r.push({ ...r[r.length - 1], price: 1 }),
    field: 'unexpected',
  },
];

for (const { what, exchange, table, change, field } of DAMAGES) {
  test(`the comparison finds ${what} in ${table} of ${exchange}, and nothing else`, () => {
    const { symbol, ...result } = damaged(exchange, table, change);
    assert.equal(result.ok, false);
    const fields = ['missing', 'unexpected', 'repeated', 'different', 'disordered'] as const;
    for (const name of fields)
      assert.equal(sum(result.channels, name), name === field ? 1 : 0, `${name} ${formatComparison(result)}`);
    assert.match(formatComparison(result), new RegExp(`${symbol}[^]*DIFFERENCES FOUND`));
    assert.ok(result.channels.flatMap(({ examples }) => examples).length > 0);
  });
}

/** Whether row `i` takes a level away that was there until then, and no later row says anything of that price. */
function removesLevel(levels: readonly Row[], i: number): boolean {
  const { side, price_digits, size_digits } = levels[i] as Row;
  // it would make up for the damage before the book is looked at
  if (levels.slice(i + 1).some((row) => row['price_digits'] === price_digits)) return false;
  const before = levels
    .slice(0, i)
    .findLast((row) => row['side'] === side && row['price_digits'] === price_digits);
  return size_digits === 0n && before !== undefined && before['size_digits'] !== 0n;
}

test('a wrong size, a wrong side and a level that was not removed give wrong books', () => {
  const damages: ((row: Row) => void)[] = [
    (row) => {
      row['size_digits'] = (row['size_digits'] as bigint) + 1n;
    },
    (row) => {
      row['side'] = 3 - Number(row['side']);
    },
    (row) => {
      Object.assign(row, { size: 1, size_digits: 100_000_000n });
    },
  ];
  const whole = rowsOf(store('binance', binance.received), 'ETHUSDT', 'BOOK');
  const places = whole.flatMap((_, i) => (removesLevel(whole, i) ? [i] : []));
  assert.ok(places.length > 5);
  for (const damage of damages) {
    for (const place of places.slice(-5)) {
      const { channels, ok } = damaged('binance', 'BOOK', (rows) => damage(rows[place] as Row));
      assert.equal(ok, false);
      // on the other side the event may have removed a level of the same price: then one is there twice
      const twice = sum(channels, 'repeated');
      assert.deepEqual([sum(channels, 'different'), sum(channels, 'missing')], twice ? [0, 1] : [1, 0]);
      assert.equal(sum(channels, 'wrong_books'), 1);
    }
  }
});

test('a wrong book is found although every row is right: the snapshot stands behind a change', () => {
  const levels = rowsOf(store('coinbase', coinbase.received), 'ETH-USD', 'BOOK');
  const ends = levels.flatMap(({ flags }, i) => ((Number(flags) & flag('event_end')) === 0 ? [] : [i]));
  // the snapshot is the first event; the longest change is the least likely to be made up for by the next one
  const changes = ends.slice(1).map((end, i) => ({ start: (ends[i] as number) + 1, end }));
  const longest = changes.slice(0, -10).reduce((a, b) => (b.end - b.start > a.end - a.start ? b : a));
  const { channels } = damaged('coinbase', 'BOOK', (rows) => {
    rows.unshift(...rows.splice(longest.start, longest.end - longest.start + 1));
  });
  assert.equal(sum(channels, 'missing') + sum(channels, 'different') + sum(channels, 'unexpected'), 0);
  assert.ok(sum(channels, 'disordered') > 0);
  assert.equal(sum(channels, 'wrong_books'), 1);
});

test('a fetched book may be thrown away as too old, but not in part', async () => {
  const fault: FaultRequest = { kind: 'stale-book', count: 5 };
  // slowly, so that books still change when all of them have been fetched
  const kept = await run('binance', [], { rate: 1500 }, { ...ASKING.binance, fetches: 2, fault });
  const channels = assertAgrees('binance', kept, true);
  const snapshots = kept.received.filter(({ text }) => text.startsWith('{"rest":'));
  assert.equal(snapshots.length, 10);
  const useless = sum(channels, 'listed');
  assert.ok(useless > 0, 'changes that the book fetched later holds');
  const rows = store('binance', kept.received);
  for (const key of [...rows.keys()].filter((name) => name.endsWith(' GAPS'))) rows.delete(key);
  const silent = compared(kept.ledger, 'binance', rows);
  assert.equal(sum(silent.channels, 'missing'), useless, 'not without a word in GAPS');
  const levels = rowsOf(rows, 'ETHUSDT', 'BOOK');
  const inside = levels.findIndex(({ flags }) => Number(flags) === flag('snapshot'));
  levels.splice(inside, 1);
  assert.equal(sum(compared(kept.ledger, 'binance', rows).channels, 'missing'), useless + 1);
});

test('a symbol on disk that was never simulated is unexpected', () => {
  const rows = store('coinbase', coinbase.received);
  rows.set('NEW-USD TRADES', [...rowsOf(rows, 'ETH-USD', 'TRADES')]);
  const result = compared(coinbase.ledger, 'coinbase', rows);
  assert.equal(sum(result.channels, 'unexpected'), rowsOf(rows, 'ETH-USD', 'TRADES').length);
});

test('dropped trades must stand in GAPS, by id', async () => {
  const { ledger, received } = await run('coinbase', [{ kind: 'drop', symbol: 'ETH-USD', count: 3 }]);
  const rows = store('coinbase', received);
  const unlisted = compared(ledger, 'coinbase', rows);
  assert.equal(sum(unlisted.channels, 'missing'), 3, formatComparison(unlisted));
  const ids = rowsOf(rows, 'ETH-USD', 'TRADES').map((row) => Number(row['trade_id']));
  const gap = ids.findIndex((id, i) => i > 0 && id !== ids[i - 1] + 1);
  const gaps = rowsOf(rows, 'ETH-USD', 'GAPS');
  const list = (from: number, to: number) =>
    gaps.push({
      time: Number(rowsOf(rows, 'ETH-USD', 'TRADES')[gap]['recv_time']),
      table: TRADES.id,
      cause: GAP_CAUSES.unknown.id,
      from_id: BigInt(from),
      to_id: BigInt(to),
    });
  list(ids[gap] - 3, ids[gap] - 2);
  assert.equal(sum(compared(ledger, 'coinbase', rows).channels, 'missing'), 1);
  list(ids[gap] - 1, ids[gap] - 1);
  const listed = compared(ledger, 'coinbase', rows);
  assert.ok(listed.ok, formatComparison(listed));
  assert.equal(sum(listed.channels, 'listed'), 3);
  // the same trades fetched afterwards: allowed only when marked as repaired
  const patched = rowsOf(rows, 'ETH-USD', 'TRADES');
  const fake = { ...patched[gap], trade_id: BigInt(ids[gap] - 1), flags: 0 };
  patched.push(fake);
  assert.equal(sum(compared(ledger, 'coinbase', rows).channels, 'unexpected'), 1);
  fake.flags = flag('repaired');
  assert.equal(
    sum(compared(ledger, 'coinbase', rows).channels, 'different'),
    1,
    'repaired with wrong values',
  );
});

test('a cut connection: what was missed must stand in GAPS, tickers by time', async () => {
  const { ledger, received, resumed } = await run('coinbase', [{ kind: 'cut' }], { messages: 6000 });
  const rows = store('coinbase', received);
  const result = compared(ledger, 'coinbase', rows);
  const missing = (channel: string) =>
    sum(
      result.channels.filter((c) => c.channel === channel),
      'missing',
    );
  assert.ok(missing('trades') > 0 && missing('ticker') > 0, formatComparison(result));
  for (const { symbol } of result.channels.filter(({ channel }) => channel === 'ticker')) {
    const tickers = rowsOf(rows, symbol, 'MD');
    const earlier = store('coinbase', received.slice(0, resumed)).get(`${symbol} MD`) ?? [];
    const [before, behind] = [tickers[earlier.length - 1], tickers[earlier.length]];
    const times = { from_time: before['recv_time'], from_nanos: before['recv_nanos'] };
    const until = { to_time: behind['recv_time'], to_nanos: behind['recv_nanos'] };
    rowsOf(rows, symbol, 'GAPS').push({
      time: behind['recv_time'],
      table: MD.id,
      cause: 1,
      ...times,
      ...until,
    });
  }
  const listed = compared(ledger, 'coinbase', rows);
  const tickers = listed.channels.filter(({ channel }) => channel === 'ticker');
  assert.equal(sum(tickers, 'missing'), 0, formatComparison(listed));
  assert.ok(sum(tickers, 'listed') > 0);
});

test('duplicated and reordered events: once on disk is right, twice is not', async () => {
  const { ledger, received } = await run('binance', [
    { kind: 'duplicate', count: 20 },
    { kind: 'reorder', count: 20 },
  ]);
  const rows = store('binance', received);
  const result = compared(ledger, 'binance', rows);
  assert.ok(result.ok, formatComparison(result));
  const trades = received.map(({ text }) => JSON.parse(text).data).filter((data) => data?.e === 'trade');
  const repeats = trades.length - new Set(trades.map(({ s, t }) => `${s}${t}`)).size;
  assert.equal(repeats, 20);
  const newest = new Map<string, number>();
  const backwards = trades.filter(({ s, t }) => {
    const late = t < (newest.get(s) ?? 0);
    newest.set(s, Math.max(t, newest.get(s) ?? 0));
    return late;
  });
  assert.equal(backwards.length, 20);
});

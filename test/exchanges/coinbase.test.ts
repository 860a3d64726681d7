/**
 * Coinbase Exchange and Coinbase Advanced Trade: every recorded order book and candle through all three parsers against
 * the expectation of the corpus, and what the two say about connections, frames that were lost and markets with two names.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, it } from 'node:test';
import { RING_WORDS } from '../../src/base/limits.js';
import { loadExchange } from '../../src/exchanges/index.js';
import type { Exchange } from '../../src/feed/exchange.js';
import type { JsonValue } from '../../src/feed/json/document.js';
import { RESULT } from '../../src/feed/rows/result.js';
import { type DecodedRow, decimalText } from '../../src/schema/codec.js';
import { flag } from '../../src/schema/flags.js';
import { BOOK, KLINES } from '../../src/schema/tables.js';
import {
  atLeast,
  corpusMissing,
  type Expected,
  isWholeCorpus,
  readExpected,
  readMessages,
  recordings,
  sentByCoinbase,
} from '../support/corpus.js';
import { Harness, type ParserName, simdjsonMissing } from '../support/harness.js';

const PARSERS: readonly ParserName[] = simdjsonMissing() ? ['scan', 'json'] : ['scan', 'json', 'simdjson'];
const coinbase = await loadExchange('coinbase');
const advanced = await loadExchange('coinbase-advanced');

const has = (row: DecodedRow, mask: number) => (Number(row.values.flags) & mask) !== 0;

/** The text of a column as it was sent. */
function sent(row: DecodedRow, name: string, position: number): string {
  const scales = Number(position < 4 ? row.values.scales : row.values.scales_high);
  const digits = row.values[`${name}_digits`] as bigint;
  const text = decimalText(digits, (scales >>> (8 * (position % 4))) & 255);
  assert.equal(row.values[name], Math.fround(Number(text)), `${name} as f32`);
  return text;
}

/** Rows of one event of a book in the words of the corpus. */
function eventOf(rows: readonly DecodedRow[], symbols: readonly string[]) {
  const [first] = rows;
  const last = rows.length - 1;
  const snapshot = has(first, flag('snapshot'));
  for (const [i, row] of rows.entries()) {
    assert.equal(
      has(row, flag('snapshot_start')),
      snapshot && i === 0,
      'a snapshot begins with its first row',
    );
    assert.equal(has(row, flag('snapshot')), snapshot, 'all rows of an event are alike');
    assert.equal(has(row, flag('event_end')), i === last, 'an event ends with its last row');
    assert.ok(has(row, BOOK.missing.checksum), 'no checksum is sent');
  }
  const levels = (side: number) =>
    rows
      .filter((row) => row.values.side === side)
      .map((row) => [sent(row, 'price', 0), sent(row, 'size', 1)]);
  const seconds = BigInt(Number(first.values.time)) * 1_000_000_000n;
  return {
    symbol: symbols[first.stream],
    is_snapshot: snapshot,
    bids: levels(1),
    asks: levels(2),
    time_ns: has(first, flag('no_event_time')) ? null : String(seconds + BigInt(Number(first.values.nanos))),
    seq: has(first, BOOK.missing.seq) ? undefined : String(first.values.seq),
  };
}

const expectedEvent = ({ symbol, is_snapshot, bids, asks, time_ns, seq }: Expected) => ({
  symbol,
  is_snapshot,
  bids,
  asks,
  time_ns,
  seq,
});

/** One event per run of rows that ends with the flag. */
function eventsOf(rows: readonly DecodedRow[], symbols: readonly string[]) {
  const events: ReturnType<typeof eventOf>[] = [];
  let first = 0;
  for (const [i, row] of rows.entries()) {
    if (!has(row, flag('event_end'))) continue;
    events.push(eventOf(rows.slice(first, i + 1), symbols));
    first = i + 1;
  }
  assert.equal(first, rows.length, 'every event has an end');
  return events;
}

function candleOf(row: DecodedRow, symbols: readonly string[]) {
  const { open_time, close_time } = row.values;
  assert.equal(Number(close_time) - Number(open_time), 300);
  for (const column of ['quote_volume', 'taker_buy_base', 'taker_buy_quote', 'trades'] as const)
    assert.ok(has(row, KLINES['5m'].missing[column]), `${column} is not sent`);
  return {
    symbol: symbols[row.stream],
    open_time_ns: `${open_time}000000000`,
    open: sent(row, 'open', 0),
    high: sent(row, 'high', 1),
    low: sent(row, 'low', 2),
    close: sent(row, 'close', 3),
    volume: sent(row, 'volume', 4),
  };
}

const expectedCandle = ({ symbol, open_time_ns, open, high, low, close, volume }: Expected) => ({
  symbol,
  open_time_ns,
  open,
  high,
  low,
  close,
  volume,
});

interface Compared {
  books: number;
  levels: number;
  candles: number;
  /** changes in front of any snapshot of their symbol */
  unsynced: number;
}

function compare(exchange: Exchange, recording: string, parser: ParserName): Compared {
  const expected = readExpected(recording).filter(({ kind }) => kind === 'book' || kind === 'kline');
  const symbols = [...new Set(expected.map(({ symbol }) => symbol))];
  const messages = readMessages(recording);
  const harness = new Harness(exchange, symbols, { parser, ringWords: RING_WORDS });
  const live = new Set<string>();
  const compared = { books: 0, levels: 0, candles: 0, unsynced: 0 };
  for (const [i, { raw }] of messages.entries()) {
    if (sentByCoinbase(raw) !== exchange.id) continue;
    // the snippets are from as many connections
    if (recording.includes('snippets')) harness.parser.reconnected?.();
    harness.feed(raw);
    const rows = harness.takeRows();
    const here = expected.filter(({ line }) => line === i + 1);
    const books = here.filter(({ kind, symbol, is_snapshot }) => {
      if (kind !== 'book') return false;
      if (is_snapshot === true) live.add(symbol);
      if (!live.has(symbol)) compared.unsynced++;
      return live.has(symbol);
    });
    const where = `${recording} line ${i + 1} with ${parser}`;
    const levels = rows.filter(({ table }) => table === 'BOOK');
    assert.deepEqual(eventsOf(levels, symbols), books.map(expectedEvent), where);
    const candles = rows.filter(({ table }) => table === 'KLINES_5m');
    const wanted = 'klines_5m' in exchange.channels ? here.filter(({ kind }) => kind === 'kline') : [];
    assert.deepEqual(
      candles.map((row) => candleOf(row, symbols)),
      wanted.map(expectedCandle),
      where,
    );
    compared.books += books.length;
    compared.levels += levels.length;
    compared.candles += candles.length;
  }
  assert.equal(harness.count('rejected'), 0);
  assert.equal(harness.count('lost'), 0, 'the recorded connections have no gap in their numbering');
  assert.equal(harness.count('unsynced'), compared.unsynced);
  return compared;
}

describe('recorded order books and candles of Coinbase', () => {
  for (const parser of PARSERS) {
    it(`each exchange gives the expected rows of its messages with parser = "${parser}"`, (t) => {
      const total = { books: 0, levels: 0, candles: 0, unsynced: 0 };
      for (const exchange of [coinbase, advanced])
        for (const recording of recordings('coinbase')) {
          const compared = compare(exchange, recording, parser);
          for (const key of Object.keys(total) as (keyof Compared)[]) total[key] += compared[key];
        }
      if (isWholeCorpus) assert.equal(total.books + total.unsynced, 6305, 'the events of INDEX.md');
      assert.ok(total.levels >= atLeast(84_900) && total.unsynced < 5);
      assert.ok(isWholeCorpus ? total.candles === 205 : total.candles > 0);
      t.diagnostic(JSON.stringify(total));
    });
  }
});

/** A frame of Advanced Trade. */
const frame = (channel: string, number: number, events: object[]) =>
  JSON.stringify({ channel, timestamp: '2027-01-15T08:00:00.5Z', sequence_num: number, events });
const bookFrame = (number: number, type: string, product_id: string, updates: [string, string, string][]) =>
  frame('l2_data', number, [
    {
      type,
      product_id,
      updates: updates.map(([side, price_level, new_quantity]) => ({ side, price_level, new_quantity })),
    },
  ]);
const LEVELS: [string, string, string][] = [
  ['bid', '100.5', '2'],
  ['offer', '101', '3'],
];

describe('a lost frame of Advanced Trade', () => {
  for (const parser of PARSERS) {
    it(`is counted and makes every book of the connection incomplete, ${parser}`, () => {
      const harness = new Harness(advanced, ['BTC-USD', 'ETH-USD'], { parser });
      harness.feed(frame('subscriptions', 0, [{ subscriptions: { level2: ['BTC-USD', 'ETH-USD'] } }]));
      harness.feed(bookFrame(1, 'snapshot', 'BTC-USD', LEVELS));
      harness.feed(bookFrame(2, 'snapshot', 'ETH-USD', LEVELS));
      harness.feed(frame('heartbeats', 3, [{ current_time: 'now', heartbeat_counter: 1 }]));
      harness.feed(bookFrame(4, 'update', 'ETH-USD', [['bid', '100.5', '0']]));
      assert.equal(harness.count('lost'), 0);
      assert.deepEqual(
        [0, 1].map((slot) => harness.books?.isLive(slot)),
        [true, true],
      );
      harness.takeRows();
      // 5 and 6 never arrive
      assert.equal(harness.feed(frame('heartbeats', 7, [])), RESULT.control);
      assert.equal(harness.count('lost'), 2);
      assert.deepEqual(
        [0, 1].map((slot) => harness.books?.isLive(slot)),
        [false, false],
      );
      harness.books?.doWork();
      assert.deepEqual(harness.resyncs, [0, 1]);
      assert.equal(harness.feed(bookFrame(8, 'update', 'BTC-USD', LEVELS)), RESULT.unsynced);
      assert.equal(harness.takeRows().length, 0);
      harness.feed(bookFrame(9, 'snapshot', 'BTC-USD', LEVELS));
      assert.equal(harness.feed(bookFrame(10, 'update', 'BTC-USD', LEVELS)), RESULT.rows);
      const [gap] = harness.gaps;
      assert.deepEqual(
        [gap.table.name, gap.cause, gap.slot, gap.fromId, gap.toId],
        ['BOOK', 'unknown', 0, 0, 0],
      );
      assert.equal(harness.books?.isLive(1), false);
    });

    it(`is told from a new connection, which counts anew, ${parser}`, () => {
      const harness = new Harness(advanced, ['BTC-USD'], { parser });
      harness.feed(bookFrame(7, 'snapshot', 'BTC-USD', LEVELS));
      harness.parser.reconnected?.();
      harness.feed(bookFrame(0, 'snapshot', 'BTC-USD', LEVELS));
      harness.feed(frame('new channel', 1, [{}]));
      assert.equal(harness.feed(bookFrame(2, 'update', 'BTC-USD', LEVELS)), RESULT.rows);
      assert.equal(harness.count('lost'), 0);
    });
  }

  it('that comes late or twice never changes a book', () => {
    const harness = new Harness(advanced, ['BTC-USD']);
    harness.feed(bookFrame(0, 'snapshot', 'BTC-USD', LEVELS));
    harness.feed(bookFrame(1, 'update', 'BTC-USD', LEVELS));
    harness.takeRows();
    assert.equal(harness.feed(bookFrame(1, 'update', 'BTC-USD', LEVELS)), RESULT.unsynced);
    assert.equal(harness.feed(bookFrame(0, 'snapshot', 'BTC-USD', LEVELS)), RESULT.unsynced);
    assert.equal(harness.takeRows().length, 0);
    assert.equal(harness.feed(bookFrame(2, 'update', 'BTC-USD', LEVELS)), RESULT.rows);
  });
});

describe('a book with a level that cannot be read', () => {
  const change = (changes: unknown[]) =>
    JSON.stringify({ type: 'l2update', product_id: 'BTC-USD', changes, time: '2027-01-15T08:00:00Z' });
  const snapshot = '{"type":"snapshot","product_id":"BTC-USD","asks":[["101","1"]],"bids":[["100","1"]]}';

  for (const bad of [['buy', '1'], ['bid', '1', '1'], ['buy', '0.-10000', '1'], ['buy', '1', null], []]) {
    it(`keeps none of the others and asks for it again: ${JSON.stringify(bad)}`, () => {
      for (const parser of PARSERS) {
        const harness = new Harness(coinbase, ['BTC-USD'], { parser });
        harness.feed(snapshot);
        harness.takeRows();
        const result = harness.feed(change([['buy', '99', '2'], bad, ['sell', '102', '2']]));
        assert.ok(result === RESULT.missingField || result === RESULT.badNumber);
        assert.equal(harness.count('rejected'), 1);
        assert.deepEqual(harness.takeRows(), []);
        assert.equal(harness.feed(change([['buy', '99', '3']])), RESULT.unsynced);
        harness.books?.doWork();
        assert.deepEqual(harness.resyncs, [0]);
        assert.equal(harness.feed(snapshot), RESULT.rows);
        assert.equal(harness.feed(change([['buy', '99', '0.000']])), RESULT.rows);
        assert.deepEqual(
          harness.gaps.map(({ cause }) => cause),
          ['malformed'],
        );
      }
    });
  }

  it('has the receive time in place of one that no clock can show', () => {
    const harness = new Harness(coinbase, ['BTC-USD'], { receivedSeconds: 1_800_000_000 });
    harness.feed(snapshot);
    harness.takeRows();
    harness.feed(change([['buy', '99', '3']]).replace('2027-01-15T08:00:00Z', '0001-01-01T00:00:00.000000Z'));
    const [row] = harness.takeRows();
    assert.equal(row.values.time, 1_800_000_000);
    assert.ok(has(row, flag('no_event_time')));
  });

  it('may be empty', () => {
    const harness = new Harness(coinbase, ['BTC-USD']);
    assert.equal(harness.feed('{"type":"snapshot","product_id":"BTC-USD","asks":[],"bids":[]}'), RESULT.rows);
    const [row] = harness.takeRows();
    assert.equal(row.values.side, 0);
    assert.ok(has(row, flag('event_end')) && has(row, flag('snapshot_start')));
    assert.equal(harness.feed(change([])), RESULT.control);
  });
});

describe('a market with two names', () => {
  const trade = (product: string, id: number) => {
    const time = '2027-01-15T08:00:00Z';
    return { product_id: product, trade_id: String(id), price: '5', size: '1', time, side: 'BUY' };
  };

  it('is filed under the one that was subscribed, and under its own when both are', () => {
    const frames = (id: number) =>
      frame('market_trades', id, [{ type: 'update', trades: [trade('BTC-USD', id)] }]);
    const aliased = new Harness(advanced, ['ETH-USD', 'BTC-USDC']);
    assert.equal(aliased.feed(frames(1)), RESULT.rows);
    assert.equal(aliased.takeRows()[0].stream, 1);
    const both = new Harness(advanced, ['BTC-USDC', 'BTC-USD']);
    assert.equal(both.feed(frames(1)), RESULT.rows);
    assert.equal(both.takeRows()[0].stream, 1);
    const other = new Harness(advanced, ['ETH-USDC', 'BTC-USDT']);
    assert.equal(other.feed(frames(1)), RESULT.unwanted);
  });

  it('is listed once', { skip: corpusMissing }, async () => {
    const corpus = resolve('..', 'shared', 'corpus', 'rest', 'coinbase');
    const read = (name: string) => JSON.parse(readFileSync(join(corpus, name), 'utf8')) as JsonValue;
    const paths: string[] = [];
    const listed = await advanced.listSymbols((path) => {
      paths.push(path);
      return Promise.resolve(read('advanced-products-20260809.json'));
    });
    assert.deepEqual(paths, ['/api/v3/brokerage/market/products?product_type=SPOT']);
    const open = listed.filter(({ state, alias }) => state === 'trading' && alias === false);
    const names = open.map(({ native }) => native);
    assert.ok(listed.some(({ native, alias }) => native === 'BTC-USDC' && alias === true));
    // counted in the answer: 516 markets online with a name of their own, 396 online under an alias, 8 delisted
    assert.equal(names.length, 516);
    assert.equal(new Set(names).size, 516);
    assert.ok(names.includes('BTC-USD') && names.includes('USDT-USDC') && !names.includes('BTC-USDC'));
    assert.deepEqual([open[0].native, open[0].base, open[0].quote], ['BTC-USD', 'BTC', 'USD']);
    assert.deepEqual([open[0].status, open[0].tick, open[0].lot], ['online', '0.01', '0.00000001']);
    assert.ok(advanced.sampleSymbols.every((name) => names.includes(name)));
  });
});

describe('candles of Advanced Trade', () => {
  const candle = (start: number, close: string, product_id = 'BTC-USD') => {
    return { start: String(start), high: '9', low: '1', open: '5', close, volume: '0.10', product_id };
  };
  const closed = (harness: Harness) =>
    harness
      .takeRows()
      .map((row) => [row.values.open_time, has(row, flag('closed')), has(row, flag('replayed'))]);

  it('are finished once a later one of the same symbol is known, in whatever order they come', () => {
    const harness = new Harness(advanced, ['BTC-USD', 'ETH-USD']);
    const candles = [
      candle(1_799_999_400, '6'),
      candle(1_799_999_700, '7'),
      candle(1_800_000_000, '8', 'ETH-USD'),
    ];
    harness.feed(frame('candles', 0, [{ type: 'snapshot', candles: candles.toReversed() }]));
    assert.deepEqual(closed(harness), [
      [1_800_000_000, false, true],
      [1_799_999_700, false, true],
      [1_799_999_400, true, true],
    ]);
    harness.feed(frame('candles', 1, [{ type: 'update', candles: [candle(1_800_000_000, '8')] }]));
    harness.feed(frame('candles', 2, [{ type: 'update', candles: [candle(1_799_999_700, '7.5')] }]));
    assert.deepEqual(closed(harness), [
      [1_800_000_000, false, false],
      [1_799_999_700, true, false],
    ]);
  });

  it('are refused with a begin that is none', () => {
    const harness = new Harness(advanced, ['BTC-USD']);
    for (const start of ['x', '-5', '1.5', '99999999999'])
      assert.equal(
        harness.feed(frame('candles', 0, [{ type: 'update', candles: [{ ...candle(0, '1'), start }] }])),
        RESULT.badTime,
      );
  });
});

describe('subscribing', () => {
  const native = (channel: string, ...natives: string[]) =>
    natives.map((name) => ({ channel, native: name }));

  it('coinbase: one message for symbols with the same channels', () => {
    const wanted = [...native('book', 'BTC-USD'), ...native('trades', 'BTC-USD', 'ETH-USD')];
    const requests = coinbase.subscribe(wanted, 5);
    assert.deepEqual(
      requests.map(({ id, text }) => [id, JSON.parse(text)]),
      [
        [
          5,
          { type: 'subscribe', product_ids: ['BTC-USD'], channels: ['level2_batch', 'matches', 'heartbeat'] },
        ],
        [6, { type: 'subscribe', product_ids: ['ETH-USD'], channels: ['matches', 'heartbeat'] }],
      ],
    );
    assert.deepEqual(requests.flatMap(({ covers }) => covers).length, 3);
  });

  it('coinbase-advanced: one message per channel, and heartbeats so that the connection stays', () => {
    const wanted = [
      ...native('trades', 'BTC-USD', 'ETH-USD'),
      ...native('book', 'BTC-USD'),
      ...native('klines_5m', 'ETH-USD'),
    ];
    const requests = advanced.subscribe(wanted, 5);
    assert.deepEqual(
      requests.map(({ text }) => JSON.parse(text)),
      [
        { type: 'subscribe', product_ids: ['BTC-USD', 'ETH-USD'], channel: 'market_trades' },
        { type: 'subscribe', product_ids: ['BTC-USD'], channel: 'level2' },
        { type: 'subscribe', product_ids: ['ETH-USD'], channel: 'candles' },
        { type: 'subscribe', channel: 'heartbeats' },
      ],
    );
    assert.deepEqual(
      requests.flatMap(({ covers }) => covers),
      wanted,
    );
    assert.equal(new Set(requests.map(({ id }) => id)).size, requests.length);
    const [request, ...more] = advanced.unsubscribe(native('book', 'BTC-USD'), 9);
    assert.equal(more.length, 0);
    assert.deepEqual(JSON.parse(request.text), {
      type: 'unsubscribe',
      product_ids: ['BTC-USD'],
      channel: 'level2',
    });
  });

  it('is confirmed by the state of the connection, whatever its channels are called there', () => {
    for (const parser of PARSERS) {
      const state = (exchange: Exchange, text: string) => {
        const harness = new Harness(exchange, ['BTC-USD'], { parser });
        assert.equal(harness.feed(text), RESULT.control);
        const [event] = harness.control;
        assert.ok(event.kind === 'state');
        return event.subscriptions.filter((s) => s.native === 'BTC-USD').map(({ channel }) => channel);
      };
      const ack =
        '{"type":"subscriptions","channels":[{"name":"level2_50","product_ids":["BTC-USD"],"account_ids":null},{"name":"matches","product_ids":["ETH-USD","BTC-USD"],"account_ids":null},{"name":"heartbeat","product_ids":["BTC-USD"]}]}';
      assert.deepEqual(state(coinbase, ack), ['book', 'trades']);
      const all = {
        level2: ['BTC-USD'],
        candles: ['BTC-USD'],
        ticker: ['BTC-USD'],
        heartbeats: ['heartbeats'],
      };
      assert.deepEqual(state(advanced, frame('subscriptions', 0, [{ subscriptions: all }])), [
        'book',
        'klines_5m',
        'ticker',
      ]);
      assert.deepEqual(state(advanced, frame('subscriptions', 0, [{ subscriptions: {} }])), []);
      const harness = new Harness(advanced, ['BTC-USD'], { parser });
      assert.equal(harness.feed('{"type":"error","message":"authentication failure"}'), RESULT.control);
      const nothingElse = { native: undefined, channel: undefined, limit: undefined };
      assert.deepEqual(harness.control, [
        { kind: 'refused', ...nothingElse, reason: 'authentication failure' },
      ]);
    }
  });
});

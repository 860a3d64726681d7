/** The session plan: every symbol exactly once, never a silent cut. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Channel } from '../../src/feed/exchange.js';
import { channelOptions, planSessions, wantedChannels } from '../../src/feed/plan.js';
import { AGG_TRADES, BOOK, KLINES, MD, TRADES } from '../../src/schema/tables.js';

const names = (n: number) => Array.from({ length: n }, (_, i) => `S${i}`);

const none = { ids: 'none' } as const;
const CHANNELS: Readonly<Record<string, Channel>> = {
  ticker: { table: MD, ...none },
  trades: { table: TRADES, ids: 'contiguous' },
  agg_trades: { table: AGG_TRADES, ...none, route: 'market' },
  book: { table: BOOK, ids: 'book' },
  book20: { table: BOOK, ...none },
  klines_1m: { table: KLINES['1m'], ...none, route: 'market', interval: '1m' },
};
const EXCHANGE = { id: 'coinbase', channels: CHANNELS };

function plan(
  symbols: readonly string[],
  maxConnections: number,
  symbolsPerConnection: number,
  channels = ['ticker', 'trades'],
) {
  return planSessions(EXCHANGE, symbols, channels, { maxConnections, symbolsPerConnection });
}

test('channels of another address get connections of their own', () => {
  const planned = plan(names(3), 4, 2, ['ticker', 'agg_trades', 'trades']);
  assert.deepEqual(
    planned.map(({ session, symbols, channels, route }) => [session, symbols.length, channels.join(), route]),
    [
      [0, 2, 'ticker,trades', undefined],
      [1, 1, 'ticker,trades', undefined],
      [2, 2, 'agg_trades', 'market'],
      [3, 1, 'agg_trades', 'market'],
    ],
  );
  assert.throws(() => plan(names(5), 5, 2, ['ticker', 'agg_trades']), { code: 'TOO_MANY_SYMBOLS' });
});

test('candles that the exchange does not send are added up from trades', () => {
  assert.deepEqual(channelOptions(EXCHANGE), ['ticker', 'trades', 'agg_trades', 'book', 'book20', 'klines']);
  const kline_intervals = ['1m', '5m'];
  assert.deepEqual(wantedChannels(EXCHANGE, { channels: ['trades', 'klines'], kline_intervals }), {
    channels: ['trades', 'klines_1m'],
    candles: ['5m'],
  });
  assert.deepEqual(wantedChannels(EXCHANGE, { channels: ['trades'], kline_intervals }).candles, []);
  assert.throws(
    () => wantedChannels(EXCHANGE, { channels: ['klines'], kline_intervals }),
    /added up from trades/,
  );
});

test('two channels that fill one table are refused', () => {
  assert.throws(
    () => wantedChannels(EXCHANGE, { channels: ['ticker', 'book', 'book20'], kline_intervals: [] }),
    /book and book20 fill the same table/,
  );
});

test('ten connections of fifty are filled in order', () => {
  const symbols = names(500);
  const planned = plan(symbols, 10, 50);
  assert.equal(planned.length, 10);
  assert.ok(planned.every(({ symbols }) => symbols.length === 50));
  assert.deepEqual(
    planned.map(({ exchange, session }) => `${exchange} ${session}`),
    names(10).map((_, i) => `coinbase ${i}`),
  );
  assert.deepEqual(
    planned.flatMap((session) => session.symbols),
    symbols,
  );
});

test('as few connections as possible', () => {
  for (const [count, sizes] of [
    [0, []],
    [1, [1]],
    [50, [50]],
    [51, [50, 1]],
    [120, [50, 50, 20]],
  ] as const) {
    assert.deepEqual(
      plan(names(count), 10, 50).map(({ symbols }) => symbols.length),
      sizes,
    );
  }
});

test('one symbol too many is refused with the numbers and what to change', () => {
  assert.throws(() => plan(names(501), 10, 50), {
    code: 'TOO_MANY_SYMBOLS',
    message:
      'coinbase: 501 symbols do not fit into max_connections (10) × symbols_per_connection (50) = 500; raise one of them or list fewer symbols in [exchanges.coinbase]',
  });
});

test('a symbol given twice is refused', () => {
  assert.throws(() => plan(['A', 'B', 'A'], 1, 10), /symbol A is listed twice/);
});

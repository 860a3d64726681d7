/**
 * Kraken: what is said to the exchange and what its answers mean, history on subscribing, and what follows when the
 * checksum of a book does not fit.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { before, describe, it } from 'node:test';
import { loadExchange } from '../../src/exchanges/index.js';
import { Subscriptions } from '../../src/feed/connection/subscriptions.js';
import type { Exchange, Subscription } from '../../src/feed/exchange.js';
import { routesOf } from '../../src/feed/plan.js';
import { RESULT } from '../../src/feed/rows/result.js';
import { flag } from '../../src/schema/flags.js';
import { corpusMissing, readMessages } from '../support/corpus.js';
import { Harness } from '../support/harness.js';

let kraken: Exchange;
before(async () => {
  kraken = await loadExchange('kraken');
});

const BOTH = ['BTC/USD', 'ETH/USD'];
const NOW = 1_800_000_000;
const of = (channel: string, natives: readonly string[]): Subscription[] =>
  natives.map((native) => ({ channel, native }));
const iso = (seconds: number) => new Date(seconds * 1000).toISOString();

function trades(kind: string, from: number, to: number, native = 'BTC/USD'): string {
  const data = Array.from({ length: to - from + 1 }, (_, i) => ({
    symbol: native,
    side: 'buy',
    price: 1.5,
    qty: 2.5,
    ord_type: 'limit',
    trade_id: from + i,
    timestamp: iso(NOW),
  }));
  return JSON.stringify({ channel: 'trade', type: kind, data });
}

function candle(kind: string, begins: readonly number[], interval = 1): string {
  const data = begins.map((begin) => ({
    symbol: 'BTC/USD',
    open: 1.5,
    high: 1.5,
    low: 1.5,
    close: 1.5,
    trades: 1,
    volume: 2.5,
    vwap: 1.5,
    interval_begin: iso(begin),
    interval,
  }));
  return JSON.stringify({ channel: 'ohlc', type: kind, timestamp: iso(NOW), data });
}

describe('kraken subscriptions', () => {
  it('are one message per channel and 100 symbols, with what the channel needs', () => {
    const natives = Array.from({ length: 150 }, (_, i) => `A${i}/USD`);
    const [first, second, book, candles] = kraken.subscribe(
      [...of('trades', natives), ...of('book', BOTH), ...of('klines_1h', BOTH)],
      7,
    );
    assert.deepEqual(JSON.parse(first.text), {
      method: 'subscribe',
      params: { channel: 'trade', symbol: natives.slice(0, 100), snapshot: true },
      req_id: 7,
    });
    assert.deepEqual([first.covers.length, second.covers.length, second.id], [100, 50, 8]);
    const depth = kraken.book?.depth;
    assert.deepEqual(JSON.parse(book.text).params, { channel: 'book', depth, symbol: BOTH, snapshot: true });
    assert.deepEqual(JSON.parse(candles.text).params, {
      channel: 'ohlc',
      interval: 60,
      symbol: BOTH,
      snapshot: true,
    });
    const [end] = kraken.unsubscribe(of('book', ['BTC/USD']), 3);
    assert.deepEqual(JSON.parse(end.text), {
      method: 'unsubscribe',
      params: { channel: 'book', depth, symbol: ['BTC/USD'] },
      req_id: 3,
    });
  });

  it('of tickers and best quotes are on connections of their own, as one connection takes one trigger', () => {
    assert.deepEqual(
      [...routesOf(kraken, ['trades', 'ticker', 'bbo', 'book'])],
      [
        [undefined, ['trades', 'ticker', 'book']],
        ['bbo', ['bbo']],
      ],
    );
    const triggers = ['ticker', 'bbo'].map(
      (channel) => JSON.parse(kraken.subscribe(of(channel, BOTH), 1)[0].text).params,
    );
    assert.deepEqual(
      triggers.map(({ channel, event_trigger }) => [channel, event_trigger]),
      [
        ['ticker', 'trades'],
        ['ticker', 'bbo'],
      ],
    );
    assert.equal(kraken.websocketUrl('wss://x.test/', 'bbo'), 'wss://x.test/v2');
    assert.equal(kraken.websocketUrl('wss://x.test', undefined), 'wss://x.test/v2');
  });

  it('are acknowledged and refused symbol by symbol', () => {
    const harness = new Harness(kraken, BOTH, { channels: ['trades', 'ticker', 'book', 'klines_1m'] });
    const acks: [string, string, string][] = [
      ['trades', 'BTC/USD', '"channel":"trade","snapshot":true'],
      ['ticker', 'ETH/USD', '"channel":"ticker","event_trigger":"trades","snapshot":true'],
      ['ticker', 'ETH/USD', '"channel":"ticker","snapshot":true'],
      ['book', 'BTC/USD', '"channel":"book","depth":10,"snapshot":true'],
      [
        'klines_1m',
        'BTC/USD',
        '"channel":"ohlc","interval":1,"snapshot":true,"warnings":["timestamp is deprecated"]',
      ],
    ];
    for (const [channel, native, text] of acks) {
      const ack = `{"method":"subscribe","req_id":3,"result":{${text},"symbol":"${native}"},"success":true,"time_in":"2026-08-26T15:16:16.576099Z","time_out":"2026-08-26T15:16:16.576140Z"}`;
      assert.equal(harness.feed(ack), RESULT.control);
      assert.deepEqual(harness.control.pop(), { kind: 'state', subscriptions: [{ channel, native }] });
    }
    harness.feed(
      '{"error":"Currency pair not supported XBT/USD","method":"subscribe","success":false,"symbol":"XBT/USD","req_id":9}',
    );
    assert.deepEqual(harness.control.pop(), {
      kind: 'refused',
      id: 9,
      native: 'XBT/USD',
      whole: false,
      reason: 'Currency pair not supported XBT/USD',
    });
    harness.feed('{"error":"Malformed request","method":"error","success":false,"req_id":4}');
    assert.deepEqual(harness.control.pop(), {
      kind: 'refused',
      id: 4,
      native: undefined,
      whole: true,
      reason: 'Malformed request',
    });
    harness.feed('{"method":"subscribe","result":null,"success":false,"req_id":4}');
    assert.equal(harness.control.pop()?.kind, 'refused');
    const quiet = [
      '{"channel":"heartbeat"}',
      '{"method":"pong","req_id":42,"time_in":"2023-09-25T09:05:00.123456Z","time_out":"2023-09-25T09:05:00.123500Z"}',
      '{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"online","api_version":"v2","connection_id":18125794168470749634,"upcoming_maintenance":[],"emergency":[]}]}',
      '{"method":"unsubscribe","result":{"channel":"book","depth":10,"symbol":"BTC/USD"},"success":true}',
      '{"channel":"instrument","type":"snapshot","data":{"assets":[],"pairs":[]}}',
    ];
    for (const text of quiet) assert.equal(harness.feed(text), RESULT.control, text);
    assert.deepEqual(harness.control, []);
    assert.equal(harness.feed('{"channel":"level3","type":"snapshot","data":[]}'), RESULT.unknownKind);
  });

  it('that are refused for one symbol or were there already cost no other', () => {
    const refused: string[] = [];
    const subscriptions = new Subscriptions(
      kraken,
      {
        refused: (s) => refused.push(`${s.channel} ${s.native}`),
        surplus: () => assert.fail('there is room'),
      },
      10_000,
      () => 0,
    );
    subscriptions.add([
      ...of('trades', ['BTC/USD', 'XBT/USD']),
      ...of('book', BOTH),
      ...of('ticker', ['ETH/USD']),
    ]);
    const [, book, ticker] = subscriptions.requests();
    subscriptions.take({ kind: 'refused', id: book.id, native: 'ETH/USD', reason: 'no' });
    assert.deepEqual(refused, ['book ETH/USD'], 'the ticker of this symbol is another request');
    subscriptions.take({ kind: 'refused', native: 'XBT/USD', reason: 'no' });
    const harness = new Harness(kraken, BOTH);
    harness.feed(
      `{"error":"Already subscribed","method":"subscribe","success":false,"symbol":"ETH/USD","req_id":${ticker.id}}`,
    );
    subscriptions.take(harness.control[0]);
    assert.deepEqual(refused, ['book ETH/USD', 'trades XBT/USD']);
    assert.deepEqual([subscriptions.count('confirmed'), subscriptions.count('requested')], [1, 2]);
  });
});

describe('kraken history', () => {
  it('of trades is stored once and marked', () => {
    const harness = new Harness(kraken, BOTH, { receivedSeconds: NOW });
    const stored = () =>
      harness
        .takeRows()
        .map((row) => [Number(row.values.trade_id), (Number(row.values.flags) & flag('replayed')) !== 0]);
    harness.feed(trades('snapshot', 1, 3));
    harness.feed(trades('update', 4, 4));
    assert.deepEqual(stored(), [
      [1, true],
      [2, true],
      [3, true],
      [4, false],
    ]);
    for (const sequence of harness.sequences.values()) sequence.interrupted('disconnect');
    // 5 and 6 were missed
    harness.feed(trades('snapshot', 2, 6));
    harness.feed(trades('update', 7, 8));
    assert.deepEqual(stored(), [
      [5, true],
      [6, true],
      [7, false],
      [8, false],
    ]);
    assert.equal(harness.count('duplicates'), 3);
    harness.nowMs = 60_000;
    harness.sequences.get('trades')?.reportDue();
    assert.deepEqual(harness.gaps, []);
  });

  it('of candles is stored as far as it may have been missed', () => {
    const harness = new Harness(kraken, BOTH, { receivedSeconds: NOW });
    const stored = () => harness.takeRows().map((row) => NOW - Number(row.values.open_time));
    harness.feed(candle('snapshot', [NOW - 86_460, NOW - 86_520, NOW - 86_580, NOW - 120, NOW - 60]));
    assert.deepEqual(stored(), [86_460, 120, 60], 'nothing that ended more than a day ago');
    harness.feed(candle('update', [NOW]));
    harness.feed(candle('snapshot', [NOW - 120, NOW - 60, NOW, NOW + 60]));
    assert.deepEqual(stored(), [0, 0, -60], 'the newest one again: it may have ended otherwise');
    assert.equal(harness.feed(candle('update', [NOW], 10_080)), RESULT.unwanted);
  });
});

/** The recording with its messages from the first snapshot on. */
function recorded(): string[] {
  return readMessages('kraken/v2-crossbook-20260801-btcusd-book10-resync').map(({ raw }) => raw);
}

describe('kraken books', () => {
  it('are asked for again when a digit was lost on the way, and the gap is listed', () => {
    const messages = recorded();
    const harness = new Harness(kraken, ['BTC/USD'], { channels: ['book'] });
    const isUpdate = (raw: string) => raw.startsWith('{"channel":"book","type":"update"');
    const isSnapshot = (raw: string) => raw.startsWith('{"channel":"book","type":"snapshot"');
    const first = messages.findIndex(isUpdate);
    const damaged = messages[first].replace('2.08665551', '2.08665552');
    assert.notEqual(damaged, messages[first]);
    const snapshots = messages.flatMap((raw, i) => (isSnapshot(raw) ? [i] : []));
    for (const raw of messages.slice(0, first)) harness.feed(raw);
    harness.takeRows();
    assert.equal(harness.feed(damaged), RESULT.rows);
    const [row] = harness.takeRows();
    assert.ok((Number(row.values.flags) & flag('unsynced')) !== 0);
    harness.books?.doWork();
    assert.deepEqual(harness.resyncs, [0]);
    // what comes meanwhile is of no use
    const between = messages.slice(first + 1, snapshots[1]).filter(isUpdate);
    for (const raw of between) assert.equal(harness.feed(raw), RESULT.unsynced);
    assert.deepEqual([harness.takeRows(), harness.count('unsynced')], [[], between.length]);
    harness.received[0] += 9;
    for (const raw of messages.slice(snapshots[1])) harness.feed(raw);
    assert.equal(harness.gaps.length, 1);
    assert.deepEqual(
      [harness.gaps[0].cause, harness.gaps[0].fromId, harness.gaps[0].toId],
      ['checksum', 0, 0],
    );
    assert.equal(harness.gaps[0].toSeconds - harness.gaps[0].fromSeconds, 9);
    assert.ok(harness.takeRows().every(({ values }) => (Number(values.flags) & flag('unsynced')) === 0));
  });

  it('are asked for again with the first event behind one that is missing', () => {
    const books = readMessages('kraken/v2-mhadiamiri-20260719-btcusd-book10')
      .map(({ raw }) => raw)
      .filter((raw) => raw.startsWith('{"channel":"book"'));
    let noticed = 0;
    for (let missing = 1; missing <= 100; missing++) {
      const harness = new Harness(kraken, ['BTC/USD'], { channels: ['book'] });
      for (const raw of books.slice(0, missing)) harness.feed(raw);
      assert.equal(harness.books?.isLive(0), true);
      harness.feed(books[missing + 1]);
      if (harness.books?.isLive(0) === false) noticed++;
    }
    // but for 12 whose levels the next event sets again or pushes out, so that the book is the same
    assert.equal(noticed, 88);
  });

  it('that cannot be read in part are not stored in part', () => {
    const messages = recorded();
    const snapshot = messages.find((raw) => raw.includes('"type":"snapshot"')) as string;
    for (const [from, to, result] of [
      ['"qty":0.01876947', '"qty":"x"', RESULT.badNumber],
      ['"qty":0.01876947', '"qty":null', RESULT.missingField],
      [/"checksum":\d+/, '"checksum":-5', RESULT.badNumber],
      [/"timestamp":"[^"]*"/, '"timestamp":"noon"', RESULT.badTime],
    ] as const) {
      const harness = new Harness(kraken, ['BTC/USD'], { channels: ['book'] });
      const changed = snapshot.includes('timestamp')
        ? snapshot
        : snapshot.replace(/\}\]\}$/, ',"timestamp":"x"}]}');
      assert.equal(harness.feed(changed.replace(from, to)), result);
      assert.deepEqual([harness.takeRows(), harness.books?.isLive(0)], [[], false]);
      harness.books?.doWork();
      assert.deepEqual(harness.resyncs, [0]);
    }
  });
});

describe('kraken pairs', { skip: corpusMissing }, () => {
  const answer = (name: string): unknown =>
    JSON.parse(readFileSync(join(resolve('..', 'shared', 'corpus', 'rest', 'kraken'), name), 'utf8'));

  it('have the names of version 2 on both sides', async () => {
    const pairs = await kraken.listSymbols(async () => answer('AssetPairs-20210417.json') as never);
    const named = new Map(pairs.map((pair) => [pair.native, pair]));
    assert.ok(pairs.length > 250);
    assert.deepEqual(named.get('BTC/USD'), {
      ...{ native: 'BTC/USD', base: 'BTC', quote: 'USD' },
      ...{ state: 'trading', status: 'online', tick: '', lot: '0.00000001' },
    });
    assert.deepEqual([named.get('ETH/BTC')?.base, named.get('ETH/BTC')?.quote], ['ETH', 'BTC']);
    assert.ok(named.has('DOGE/USD') && named.has('DOGE/BTC'));
    assert.ok(pairs.every(({ native }) => !/XBT|XDG/.test(native)));
    assert.equal(named.size, pairs.length);
  });

  it('are an error where the answer is one, although its status is 200', async () => {
    await assert.rejects(
      kraken.listSymbols(async () => ({ error: ['EGeneral:Too many requests'] })),
      /Too many requests/,
    );
    await assert.rejects(
      kraken.listSymbols(async () => []),
      /no pairs/,
    );
  });
});

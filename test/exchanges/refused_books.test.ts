/**
 * An event of an order book that cannot be written as a whole, of every exchange: none of its rows is stored, and what is
 * missing begins behind the last event that is.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadExchange } from '../../src/exchanges/index.js';
import { parseKeepingText } from '../../src/feed/json/document.js';
import { RESULT } from '../../src/feed/rows/result.js';
import { Harness } from '../support/harness.js';

type Levels = readonly (readonly [price: string, size: string])[];

interface Wire {
  readonly id: string;
  readonly symbol: string;
  readonly channel: string;
  /** number `n` of a connection; bids, then asks */
  event(n: number, snapshot: boolean, levels: Levels): string;
  /** events have numbers that GAPS shows */
  readonly numbered?: boolean;
  /** the snapshot is asked for */
  readonly rest?: boolean;
  /** every event is a book of its own: the next one makes up for it */
  readonly whole?: boolean;
}

const pairs = (levels: Levels) => JSON.stringify(levels);
const objects = (levels: Levels, price: string, size: string, others = '') =>
  levels.map(([p, s]) => `{${others}"${price}":"${p}","${size}":"${s}"}`).join(',');

const WIRES: readonly Wire[] = [
  {
    id: 'coinbase',
    symbol: 'BTC-USD',
    channel: 'book',
    event: (_, snapshot, levels) =>
      snapshot
        ? `{"type":"snapshot","product_id":"BTC-USD","bids":${pairs(levels)},"asks":[]}`
        : `{"type":"l2update","product_id":"BTC-USD","changes":${JSON.stringify(levels.map((l) => ['buy', ...l]))}}`,
  },
  {
    id: 'coinbase-advanced',
    symbol: 'BTC-USD',
    channel: 'book',
    event: (n, snapshot, levels) =>
      `{"channel":"l2_data","timestamp":"2027-01-15T08:00:00Z","sequence_num":${n},"events":[{"type":"${snapshot ? 'snapshot' : 'update'}","product_id":"BTC-USD","updates":[${objects(levels, 'price_level', 'new_quantity', '"side":"bid",')}]}]}`,
  },
  ...['bybit', 'bybit-linear'].map((id) => ({
    id,
    symbol: 'BTCUSDT',
    channel: 'book',
    numbered: true,
    event: (n: number, snapshot: boolean, levels: Levels) =>
      `{"topic":"orderbook.50.BTCUSDT","type":"${snapshot ? 'snapshot' : 'delta'}","ts":1800000000000,"data":{"s":"BTCUSDT","b":${pairs(levels)},"a":[],"u":${n}}}`,
  })),
  {
    id: 'kraken',
    symbol: 'BTC/USD',
    channel: 'book',
    event: (_, snapshot, levels) =>
      `{"channel":"book","type":"${snapshot ? 'snapshot' : 'update'}","data":[{"symbol":"BTC/USD","bids":[${objects(levels, 'price', 'qty')}],"asks":[]}]}`,
  },
  {
    id: 'okx',
    symbol: 'BTC-USDT',
    channel: 'book',
    numbered: true,
    event: (n, snapshot, levels) =>
      `{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"${snapshot ? 'snapshot' : 'update'}","data":[{"asks":[],"bids":${pairs(levels)},"ts":"1800000000000","prevSeqId":${snapshot ? -1 : n - 1},"seqId":${n}}]}`,
  },
  ...['binance', 'binance-futures'].map((id) => ({
    id,
    symbol: 'BTCUSDT',
    channel: 'book',
    numbered: true,
    rest: true,
    event: (n: number, snapshot: boolean, levels: Levels) =>
      snapshot
        ? `{"lastUpdateId":${n},"bids":${pairs(levels)},"asks":[]}`
        : `{"stream":"btcusdt@depth","data":{"e":"depthUpdate","E":1800000000000,"s":"BTCUSDT","U":${n},"u":${n},"pu":${n - 1},"b":${pairs(levels)},"a":[]}}`,
  })),
  {
    id: 'binance',
    symbol: 'BTCUSDT',
    channel: 'book20',
    whole: true,
    event: (n, _, levels) =>
      `{"stream":"btcusdt@depth20@100ms","data":{"lastUpdateId":${n},"bids":${pairs(levels)},"asks":[]}}`,
  },
  {
    id: 'upbit',
    symbol: 'KRW-BTC',
    channel: 'book',
    whole: true,
    event: (_, __, levels) =>
      `{"type":"orderbook","code":"KRW-BTC","timestamp":1800000000000,"orderbook_units":[${levels.map(([price, size]) => `{"ask_price":"${price}","bid_price":"1","ask_size":"${size}","bid_size":"1"}`)}]}`,
  },
];

const GOOD: Levels = [['100.5', '1']];
const MANY: Levels = [
  ['100.5', '1'],
  ['100.4', '1'],
  ['100.3', '1'],
  ['100.2', '1'],
];
const LEVEL_WORDS = 19;

for (const wire of WIRES) {
  const exchange = await loadExchange(wire.id);

  describe(`${wire.id} ${wire.channel}`, () => {
    /** Number `n` at second `n`; what is stored of it. */
    function connect(ringWords = 1 << 12) {
      const harness = new Harness(exchange, [wire.symbol], { channels: [wire.channel], ringWords });
      const begin = harness.received[0];
      const feed = (n: number, snapshot: boolean, levels: Levels): [result: number, rows: number] => {
        harness.received[0] = begin + n;
        const message = wire.event(n, snapshot, levels);
        const result = snapshot && wire.rest === true ? answer(harness, message) : harness.feed(message);
        return [result, harness.takeRows().length];
      };
      const gaps = () =>
        harness.gaps.map((g) => [g.cause, g.fromSeconds - begin, g.toSeconds - begin, g.fromId, g.toId]);
      return { harness, feed, gaps };
    }

    function answer(harness: Harness, snapshot: string): number {
      if (harness.requests.length === 0) {
        harness.nowMs += 60_000;
        harness.books?.doWork();
        for (const slot of harness.resyncs.splice(0)) harness.parser.resync?.(slot);
      }
      if (harness.requests.length === 0) harness.feed(wire.event(1, false, GOOD));
      for (const { slot } of harness.requests.splice(0)) harness.respond(slot, parseKeepingText(snapshot));
      return harness.books?.isLive(0) === true ? RESULT.rows : RESULT.badNumber;
    }

    const ids = (from: number, to: number) => (wire.numbered === true ? [from, to] : [0, 0]);
    /** A book whose snapshot is asked for has missed what was sent until the answer. */
    const awaited = (to: number) => ['snapshot', 5, to, 1, to];
    const begun = wire.rest === true ? [awaited(5)] : [];
    const rowsOf = (levels: Levels) => levels.length * (wire.id === 'upbit' ? 2 : 1);

    for (const bad of ['0.-10000', 'x', '']) {
      it(`stores nothing of a change with the level "${bad}", and lists what is missing from there`, () => {
        const { feed, gaps } = connect();
        assert.deepEqual(feed(5, true, GOOD), [RESULT.rows, rowsOf(GOOD)]);
        assert.deepEqual(feed(6, false, GOOD), [RESULT.rows, rowsOf(GOOD)]);
        const [result, rows] = feed(7, false, [...MANY, ['100', bad], ...MANY]);
        assert.ok(result > RESULT.ringFull);
        assert.equal(rows, 0);
        if (wire.whole === true) return;
        feed(20, true, MANY);
        assert.deepEqual(gaps(), [...begun, ['malformed', 6, 20, ...ids(7, 20)]]);
      });

      it(`stores nothing of a snapshot with the level "${bad}"`, () => {
        const { feed, gaps } = connect();
        const [result, rows] = feed(5, true, [...MANY, ['100', bad], ...MANY]);
        assert.ok(result > RESULT.ringFull);
        assert.equal(rows, 0);
        assert.deepEqual(feed(9, true, GOOD), [RESULT.rows, rowsOf(GOOD)]);
        if (wire.whole === true) return;
        assert.deepEqual(gaps(), [wire.rest === true ? awaited(9) : ['malformed', 5, 9, ...ids(0, 9)]]);
      });
    }

    it('stores nothing of a change that the ring has no room for', () => {
      const { feed, gaps } = connect(128);
      assert.ok(rowsOf(MANY) * 2 * LEVEL_WORDS > 128 - LEVEL_WORDS);
      assert.deepEqual(feed(5, true, GOOD), [RESULT.rows, rowsOf(GOOD)]);
      assert.deepEqual(feed(6, false, [...MANY, ...MANY]), [RESULT.ringFull, 0]);
      if (wire.whole === true) return;
      assert.deepEqual(feed(9, true, GOOD), [RESULT.rows, rowsOf(GOOD)]);
      assert.deepEqual(gaps(), [...begun, ['ring_full', 5, 9, ...ids(6, 9)]]);
    });
  });
}

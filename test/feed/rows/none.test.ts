/**
 * What exchanges send in an optional place when they have no value there: the row is the one of a message without that
 * key, whichever parser reads it and whatever was learned before.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadExchange } from '../../../src/exchanges/index.js';
import type { DecodedRow } from '../../../src/schema/codec.js';
import { Harness, type HarnessOptions, type ParserName, simdjsonMissing } from '../../support/harness.js';

const PARSERS: readonly ParserName[] = simdjsonMissing() ? ['scan', 'json'] : ['scan', 'json', 'simdjson'];
const WAYS: readonly HarnessOptions[] = [
  ...PARSERS.map((parser) => ({ parser })),
  { parser: 'scan', withoutTemplates: true },
];
const NOTHING = ['""', 'null'];
const NO_NUMBER = [...NOTHING, '"-1"', '-1', '"-1.00"', '-1.0'];
const NO_QUOTE = [...NO_NUMBER, '0', '0.0', '0.00000000', '0e0', '"0"', '"0.00"', '"0.0000000000000000000"'];
const NO_EPOCH = [...NOTHING, '0', '"0"', '-1', '"-1"'];
const NO_ISO = [
  ...NOTHING,
  '"0001-01-01T00:00:00Z"',
  '"0001-01-01T00:00:00.000000Z"',
  '"0001-01-01T00:00:00+00:00"',
  '"1970-01-01T00:00:00.000000Z"',
  '0',
];

interface Case {
  readonly exchange: string;
  readonly symbol: string;
  readonly channel: string;
  /** keys whose values may be missing, and what stands for none of each */
  readonly none: Readonly<Record<string, readonly string[]>>;
  readonly message: (id: number) => string;
  /** what has to come first */
  readonly before?: string;
}

const CASES: readonly Case[] = [
  {
    exchange: 'binance',
    symbol: 'BTCUSDT',
    channel: 'agg_trades',
    none: { f: NO_NUMBER, l: NO_NUMBER, m: NOTHING },
    message: (id) =>
      `{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":1800000000000,"s":"BTCUSDT","a":${id},"p":"100.25","q":"0.5","f":100,"l":105,"T":1800000000000,"m":true}}`,
  },
  {
    exchange: 'binance',
    symbol: 'BTCUSDT',
    channel: 'ticker',
    none: { b: NO_QUOTE, a: NO_QUOTE, v: NO_NUMBER, Q: NO_NUMBER },
    message: () =>
      `{"stream":"btcusdt@ticker","data":{"e":"24hrTicker","E":1800000000000,"s":"BTCUSDT","c":"100.25","Q":"10","b":"100.24","a":"100.26","v":"1000"}}`,
  },
  {
    exchange: 'binance-futures',
    symbol: 'BTCUSDT',
    channel: 'bbo',
    none: { E: NO_EPOCH, b: NO_QUOTE, B: NO_QUOTE, a: NO_QUOTE, A: NO_QUOTE },
    message: () =>
      `{"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":400900217,"s":"BTCUSDT","b":"25.35","B":"31.21","a":"25.36","A":"40.66","E":1800000000000}}`,
  },
  {
    exchange: 'binance',
    symbol: 'BTCUSDT',
    channel: 'klines_1m',
    none: { q: NO_NUMBER, V: NO_NUMBER, Q: NO_NUMBER, n: NO_NUMBER.filter((text) => !text.includes('.')) },
    message: () =>
      `{"stream":"btcusdt@kline_1m","data":{"e":"kline","E":1800000000000,"s":"BTCUSDT","k":{"t":1800000000000,"T":1800000059999,"s":"BTCUSDT","i":"1m","o":"1","c":"2","h":"3","l":"0.5","v":"7","n":30,"x":false,"q":"9","V":"58","Q":"20"}}}`,
  },
  {
    exchange: 'bybit',
    symbol: 'BTCUSDT',
    channel: 'bbo',
    none: { cts: NOTHING },
    message: () =>
      `{"topic":"orderbook.1.BTCUSDT","type":"snapshot","ts":1800000000131,"data":{"s":"BTCUSDT","b":[["64339.20","3.788"]],"a":[["64339.30","12.5"]],"u":72212457,"seq":5},"cts":1800000000129}`,
  },
  {
    exchange: 'bybit',
    symbol: 'BTCUSDT',
    channel: 'ticker',
    none: { ts: NO_EPOCH, volume24h: NO_NUMBER, bid1Price: NO_QUOTE },
    message: () =>
      `{"topic":"tickers.BTCUSDT","ts":1800000000131,"type":"snapshot","cs":5,"data":{"symbol":"BTCUSDT","lastPrice":"100.25","bid1Price":"100.24","ask1Price":"100.26","volume24h":"1000"}}`,
  },
  {
    exchange: 'bybit-linear',
    symbol: 'BTCUSDT',
    channel: 'ticker',
    none: { ts: NO_EPOCH, volume24h: NO_NUMBER, bid1Price: NO_QUOTE, ask1Price: NO_QUOTE },
    message: () =>
      `{"topic":"tickers.BTCUSDT","type":"snapshot","data":{"symbol":"BTCUSDT","lastPrice":"100.25","bid1Price":"100.24","ask1Price":"100.26","volume24h":"1000"},"cs":5,"ts":1800000000131}`,
  },
  {
    exchange: 'bybit-linear',
    symbol: 'BTCUSDT',
    channel: 'trades',
    none: { seq: NO_NUMBER },
    message: (id) =>
      `{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1800000000131,"data":[{"T":1800000000129,"s":"BTCUSDT","S":"Sell","v":"0.015","p":"100.25","L":"ZeroPlusTick","i":"20f43950-d8dd-5b31-9112-a178eb6023${id.toString(16).padStart(2, '0')}","BT":false,"RPI":false,"seq":5}]}`,
  },
  {
    exchange: 'coinbase',
    symbol: 'BTC-USD',
    channel: 'ticker',
    none: { time: NO_ISO, best_bid: NO_QUOTE, best_ask: NO_QUOTE, volume_24h: NO_NUMBER, side: NOTHING },
    message: () =>
      `{"type":"ticker","sequence":1,"product_id":"BTC-USD","price":"100.25","volume_24h":"1000","best_bid":"100.24","best_ask":"100.26","side":"buy","time":"2027-01-15T08:00:00.5Z","trade_id":7,"last_size":"0.5"}`,
  },
  {
    exchange: 'coinbase-advanced',
    symbol: 'BTC-USD',
    channel: 'ticker',
    none: { timestamp: NO_ISO, best_bid: NO_QUOTE, best_ask: NO_QUOTE, volume_24_h: NO_NUMBER },
    message: (id) =>
      `{"channel":"ticker","timestamp":"2027-01-15T08:00:00.5Z","sequence_num":${id},"events":[{"type":"update","tickers":[{"type":"ticker","product_id":"BTC-USD","price":"100.25","volume_24_h":"1000","best_bid":"100.24","best_ask":"100.26"}]}]}`,
  },
  {
    exchange: 'kraken',
    symbol: 'BTC/USD',
    channel: 'ticker',
    none: { timestamp: NO_ISO, bid: NO_QUOTE, ask: NO_QUOTE, volume: NO_NUMBER },
    message: () =>
      `{"channel":"ticker","type":"update","data":[{"symbol":"BTC/USD","bid":100.24,"bid_qty":1.5,"ask":100.26,"ask_qty":2.5,"last":100.25,"volume":1000.5,"timestamp":"2027-01-15T08:00:00.5Z"}]}`,
  },
  {
    exchange: 'kraken',
    symbol: 'BTC/USD',
    channel: 'bbo',
    none: { timestamp: NO_ISO, bid: NO_QUOTE, bid_qty: NO_QUOTE, ask: NO_QUOTE, ask_qty: NO_QUOTE },
    message: () =>
      `{"channel":"ticker","type":"update","data":[{"symbol":"BTC/USD","bid":100.24,"bid_qty":1.5,"ask":100.26,"ask_qty":2.5,"last":100.25,"volume":1000.5,"timestamp":"2027-01-15T08:00:00.5Z"}]}`,
  },
  {
    exchange: 'kraken',
    symbol: 'BTC/USD',
    channel: 'book',
    none: { timestamp: [...NO_ISO, '"-1"'] },
    message: () =>
      `{"channel":"book","type":"snapshot","data":[{"symbol":"BTC/USD","bids":[{"price":99.5,"qty":1.0}],"asks":[],"timestamp":"2027-01-15T08:00:00.5Z"}]}`,
  },
  {
    exchange: 'okx',
    symbol: 'BTC-USDT',
    channel: 'agg_trades',
    none: { count: NOTHING },
    message: (id) =>
      `{"arg":{"channel":"trades","instId":"BTC-USDT"},"data":[{"instId":"BTC-USDT","tradeId":"${id * 3}","px":"100.25","sz":"0.3","side":"sell","ts":"1800000000298","count":"3","source":"0"}]}`,
  },
  {
    exchange: 'okx',
    symbol: 'BTC-USDT',
    channel: 'ticker',
    none: { bidPx: NO_QUOTE, askPx: NO_QUOTE, lastSz: NO_NUMBER, vol24h: NO_NUMBER },
    message: () =>
      `{"arg":{"channel":"tickers","instId":"BTC-USDT"},"data":[{"instId":"BTC-USDT","last":"100.25","lastSz":"0.5","askPx":"100.26","bidPx":"100.24","vol24h":"1000","ts":"1800000000298"}]}`,
  },
  {
    exchange: 'upbit',
    symbol: 'KRW-BTC',
    channel: 'ticker',
    none: { acc_trade_volume_24h: NO_NUMBER, trade_volume: NO_NUMBER, ask_bid: NOTHING },
    message: () =>
      `{"type":"ticker","code":"KRW-BTC","trade_price":100.0,"ask_bid":"ASK","trade_volume":0.5,"acc_trade_volume_24h":1000.5,"timestamp":1800000000298,"stream_type":"REALTIME"}`,
  },
];

/** The message with another value of a key, or without the key. */
function changed(message: string, key: string, value?: string): string {
  const member = new RegExp(`"${key}":("[^"]*"|[^,}\\]]+)(,?)`);
  assert.match(message, member, `${key} is in ${message}`);
  const other = message.replace(member, value === undefined ? '' : `"${key}":${value}$2`);
  return other.replace(/,(?=[}\]])/g, '');
}

for (const { exchange: id, symbol, channel, none, message, before } of CASES)
  test(`${id} ${channel}: no value costs nothing but that value`, async () => {
    const exchange = await loadExchange(id);
    const rowsOf = (options: HarnessOptions, change: (text: string) => string): DecodedRow[] => {
      const harness = new Harness(exchange, [symbol], {
        ...options,
        channels: [channel],
        ringWords: 1 << 12,
      });
      if (before !== undefined) harness.feed(before);
      // what there is to learn is known by then
      for (const n of [1, 2, 3]) harness.feed(message(n));
      assert.equal(harness.takeRows().length, 3, `${id} ${channel}`);
      harness.feed(change(message(4)));
      assert.deepEqual(harness.refusals, [], change(message(4)));
      return harness.takeRows();
    };
    for (const [key, texts] of Object.entries(none)) {
      const [expected] = WAYS.map((way) => rowsOf(way, (text) => changed(text, key)));
      assert.equal(expected.length, 1);
      assert.notDeepEqual(expected, rowsOf(WAYS[0], String), `${key} matters`);
      for (const text of texts)
        for (const way of WAYS)
          assert.deepEqual(
            rowsOf(way, (original) => changed(original, key, text)),
            expected,
            `${key}: ${text} (${way.parser}${way.withoutTemplates === true ? ', in full' : ''})`,
          );
    }
  });

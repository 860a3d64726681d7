/** Messages that parsers of JSON are known to disagree about: here each of them has to do the same with them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { JSON_DEPTH_MAX } from '../../src/base/limits.js';
import { loadExchange } from '../../src/exchanges/index.js';
import type { Exchange } from '../../src/feed/exchange.js';
import { MessageHandler } from '../../src/feed/message_handler.js';
import { RESULT } from '../../src/feed/rows/result.js';
import { Harness, type ParserName, simdjsonMissing } from '../support/harness.js';
import { everyMember } from '../support/json_text.js';

const PARSERS: readonly ParserName[] = simdjsonMissing() ? ['scan', 'json'] : ['scan', 'json', 'simdjson'];
const SYMBOLS = { binance: 'BTCUSDT', coinbase: 'BTC-USD', kraken: 'BTC/USD', okx: 'BTC-USDT' } as const;

const exchanges = Object.fromEntries(
  await Promise.all(
    Object.keys(SYMBOLS).map(async (id): Promise<[string, Exchange]> => [id, await loadExchange(id)]),
  ),
);

const connect = (id: keyof typeof SYMBOLS, parser: ParserName) =>
  new Harness(exchanges[id], [SYMBOLS[id]], { parser, ringWords: 1 << 14 });

const TRADES = {
  binance: (id: number) =>
    `{"stream":"btcusdt@trade","data":{"e":"trade","E":1800000000000,"s":"BTCUSDT","t":${id},"p":"0.001","q":"100","T":1800000000000,"m":true}}`,
  coinbase: (id: number) =>
    `{"type":"match","trade_id":${id},"side":"buy","size":"0.5","price":"100.25","product_id":"BTC-USD","time":"2027-01-15T08:00:00Z"}`,
  kraken: (id: number) =>
    `{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"sell","price":100.25,"qty":0.50000000,"trade_id":${id},"timestamp":"2027-01-15T08:00:00.000001Z"}]}`,
  okx: (id: number) =>
    `{"arg":{"channel":"trades-all","instId":"BTC-USDT"},"data":[{"instId":"BTC-USDT","tradeId":"${id}","px":"100.25","sz":"0.5","side":"buy","ts":"1800000000000"}]}`,
} as const;
const IDS = Object.keys(TRADES) as (keyof typeof TRADES)[];

/** Values in place of those that a trade has. */
const OTHERS = ['"x"', '"0.0094"', '7', 'true', 'null', '{}', '[]', '[{}]', '[["1","2"]]'];

describe('a key that occurs twice', () => {
  for (const id of IDS) {
    it(`counts where it stands last: ${id}`, () => {
      const make = TRADES[id];
      const text = make(1);
      for (const parser of PARSERS) {
        const plain = connect(id, parser);
        const twice = connect(id, parser);
        let trade = 0;
        const same = (changed: (text: string) => string, meant: (text: string) => string) => {
          const next = make(++trade);
          const message = changed(next);
          assert.equal(twice.feed(message), plain.feed(meant(next)), `${parser}: ${message}`);
          assert.deepEqual(twice.takeRows(), plain.takeRows(), `${parser}: ${message}`);
        };
        for (const n of everyMember(text).keys()) {
          const member = (at: string) => everyMember(at)[n];
          for (const other of OTHERS) {
            const inFront = (at: string) => {
              const { key, at: from } = member(at);
              return `${at.slice(0, from)}"${key}":${other},${at.slice(from)}`;
            };
            const behind = (at: string) => {
              const { key, to } = member(at);
              return `${at.slice(0, to)},"${key}":${other}${at.slice(to)}`;
            };
            const instead = (at: string) => {
              const { from, to } = member(at);
              return at.slice(0, from) + other + at.slice(to);
            };
            const unchanged = (at: string) => at;
            same(unchanged, unchanged);
            same(inFront, unchanged);
            same(behind, instead);
            // and what was learned means the same as before
            same(inFront, unchanged);
            same(unchanged, unchanged);
          }
        }
      }
    });
  }

  it('around another value makes one row, not two', () => {
    for (const parser of PARSERS) {
      const harness = connect('binance', parser);
      const data = (id: number) => /"data":(\{.*\})\}$/.exec(TRADES.binance(id))?.[1] as string;
      const message = `{"stream":"btcusdt@trade","data":${data(1)},"data":1,"data":${data(2)}}`;
      assert.equal(harness.feed(message), RESULT.rows);
      const ids = harness.takeRows().map(({ values }) => values.trade_id);
      assert.deepEqual(ids, [2n], parser);
    }
  });
});

describe('nesting', () => {
  /** A document with so many levels, the deepest within a key that nothing reads. */
  const nested = (levels: number) =>
    TRADES.binance(1).replace('"data"', `"zz":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)},"data"`);

  it('is followed to the same depth', () => {
    for (const parser of PARSERS) {
      for (const levels of [2, 15, 16, 17, 18, 31, JSON_DEPTH_MAX])
        assert.equal(connect('binance', parser).feed(nested(levels)), RESULT.rows, `${parser} ${levels}`);
      for (const levels of [JSON_DEPTH_MAX + 1, 100, 20_000])
        assert.equal(connect('binance', parser).feed(nested(levels)), RESULT.badJson, `${parser} ${levels}`);
    }
  });

  it('ends no thread, however deep and broken', () => {
    for (const parser of PARSERS) {
      const harness = connect('binance', parser);
      for (const text of ['['.repeat(10_000), '{"a":'.repeat(10_000), `${'['.repeat(40)}${']'.repeat(40)}`])
        assert.equal(harness.feed(text), RESULT.badJson, parser);
      assert.equal(harness.feed(`"${'['.repeat(100)}"`), RESULT.unknownKind, 'brackets in a text are none');
    }
  });
});

describe('texts', () => {
  it('may hold half a surrogate pair, as for JSON.parse', () => {
    for (const parser of PARSERS) {
      const harness = connect('binance', parser);
      for (const [n, note] of ['\\ud800', '\\udc00', '\\ud83d\\ude00', '\\ud83dx'].entries())
        assert.equal(
          harness.feed(TRADES.binance(n).replace('"data"', `"note":"${note}","data"`)),
          RESULT.rows,
        );
    }
  });

  it('are no prototypes', () => {
    for (const parser of PARSERS) {
      const harness = connect('binance', parser);
      assert.equal(harness.feed('{"__proto__":{"error":{"msg":"x"},"id":1}}'), RESULT.unknownKind, parser);
      assert.equal(harness.feed('{"\\u005f_proto__":{"id":1}}'), RESULT.unknownKind, parser);
      assert.deepEqual(harness.control, []);
    }
  });
});

it('whatever a parser throws refuses the message', () => {
  for (const error of [
    new RangeError('Maximum call stack size exceeded'),
    new TypeError('x'),
    new Error('y'),
  ]) {
    const harness = connect('binance', 'json');
    const parse = () => {
      throw error;
    };
    const refusals: string[] = [];
    const events = { refused: (reason: string) => refusals.push(reason), unacceptable() {}, breaker() {} };
    const counters = new Uint32Array(64);
    const handler = new MessageHandler(harness.parser, parse, false, harness.rows, counters, events);
    assert.equal(handler.message(Buffer.from('{}'), 0, 2), RESULT.badJson);
    assert.equal(refusals.length, 1);
  }
});

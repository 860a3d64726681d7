/** What one message of an exchange may cost: whatever it sends, memory and time of a thread have bounds. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  MESSAGE_ELEMENTS_MAX,
  MESSAGE_VALUES_KEPT,
  PARSED_BYTES_MAX,
  RING_WORDS,
} from '../../src/base/limits.js';
import { loadExchange } from '../../src/exchanges/index.js';
import { JsonFields } from '../../src/feed/json/fields.js';
import { JsonSlots } from '../../src/feed/json/slots.js';
import { RESULT } from '../../src/feed/rows/result.js';
import { Harness, type ParserName, simdjsonMissing } from '../support/harness.js';

const PARSERS: readonly ParserName[] = simdjsonMissing() ? ['scan', 'json'] : ['scan', 'json', 'simdjson'];
const FRAME_BYTES = 16 * 1024 * 1024;

const [coinbase, advanced, kraken, okx] = await Promise.all(
  ['coinbase', 'coinbase-advanced', 'kraken', 'okx'].map(loadExchange),
);

/** So many of these with a comma in between. */
function list(count: number, element: (n: number) => string): string {
  return Array.from({ length: count }, (_, n) => element(n)).join(',');
}

/** The element as often as it fits into a message of so many bytes. */
function filled(bytes: number, element: string): string {
  return `${element},`.repeat(Math.floor(bytes / (element.length + 1))).slice(0, -1);
}

describe('messages that a JSON parser would need much memory for', () => {
  for (const parser of PARSERS) {
    it(`are refused and end the connection with parser = "${parser}"`, () => {
      const harness = new Harness(kraken, ['BTC/USD'], { parser });
      const messages = [
        `[${filled(FRAME_BYTES, '[]')}]`,
        `{"a":[${filled(FRAME_BYTES, '{}')}]}`,
        `[${list(50_001, () => '1')}]`,
        `{"a":"\\n${'x'.repeat(PARSED_BYTES_MAX)}"}`,
      ];
      for (const [n, message] of messages.entries()) {
        assert.equal(harness.feed(message), RESULT.tooLarge);
        assert.deepEqual(harness.closeCodes, Array(n + 1).fill(1009));
      }
      assert.deepEqual([harness.count('oversized'), harness.count('rejected')], [4, 4]);
    });

    it(`are what is larger only with parser = "${parser}"`, () => {
      const harness = new Harness(kraken, ['BTC/USD'], { parser });
      assert.equal(harness.feed(`[${list(49_000, () => '"[[[,,,\\"{{{"')}]`), RESULT.unknownKind);
      assert.equal(harness.feed(`{"a":"\\n${'x'.repeat(PARSED_BYTES_MAX - 100)}"}`), RESULT.unknownKind);
      assert.equal(harness.count('oversized'), 0);
    });

    it(`are no snapshots of books with parser = "${parser}"`, () => {
      const options = { parser, ringWords: RING_WORDS };
      const one = new Harness(coinbase, ['BTC-USD'], options);
      const asks = list(30_000, (n) => `["${50_000 + n}.01","0.${n}1"]`);
      const bids = list(30_000, (n) => `["${50_000 - n}.01","0.${n}1"]`);
      const snapshot = `{"type":"snapshot","product_id":"BTC-USD","asks":[${asks}],"bids":[${bids}]}`;
      assert.equal(one.feed(snapshot), RESULT.rows);
      assert.equal(one.takeRows().length, 60_000);
      // as long as those of BTC-USD are in fact
      const another = new Harness(advanced, ['BTC-USD'], options);
      const side = (name: string) => (n: number) =>
        `{"side":"${name}","event_time":"1970-01-01T00:00:00Z","price_level":"${50_000 + n}.01","new_quantity":"0.${n}1"}`;
      const updates = `${list(22_693, side('bid'))},${list(18_957, side('offer'))}`;
      const envelope = '"channel":"l2_data","timestamp":"2027-01-15T08:00:00.1Z","sequence_num":0';
      const message = `{${envelope},"events":[{"type":"snapshot","product_id":"BTC-USD","updates":[${updates}]}]}`;
      assert.ok(message.length > 4 * PARSED_BYTES_MAX);
      assert.equal(another.feed(message), RESULT.rows);
      assert.equal(another.takeRows().length, 41_650);
      assert.deepEqual([one.count('oversized'), another.count('oversized')], [0, 0]);
    });
  }
});

/** Bytes outside of the heap that typed arrays hold. */
function arrayBytes(): number {
  return process.memoryUsage().arrayBuffers;
}

describe('lists of empty elements', () => {
  const OKX = ['BTC-USDT'];
  const empty = filled(FRAME_BYTES - 200, '{}');
  const cases: readonly [name: string, harness: () => Harness, message: string][] = [
    [
      'trades of Kraken',
      () => new Harness(kraken, ['BTC/USD']),
      `{"channel":"trade","type":"update","data":[${empty}]}`,
    ],
    [
      'trades of OKX',
      () => new Harness(okx, OKX),
      `{"arg":{"channel":"trades-all","instId":"BTC-USDT"},"data":[${empty}]}`,
    ],
    [
      'levels of Kraken',
      () => new Harness(kraken, ['BTC/USD']),
      `{"channel":"book","type":"snapshot","data":[{"symbol":"BTC/USD","bids":[${empty}]}]}`,
    ],
    [
      'levels of OKX',
      () => new Harness(okx, OKX),
      `{"arg":{"channel":"books","instId":"BTC-USDT"},"data":[{"asks":[${filled(FRAME_BYTES - 200, '[]')}]}]}`,
    ],
  ];
  for (const [name, begin, message] of cases) {
    it(`take no more memory than rows for the ring would, and give it back: ${name}`, () => {
      const harness = begin();
      harness.feed('{"zz":1}');
      const bytes = Buffer.from(message);
      const { fields } = harness.parser;
      const release = fields.release.bind(fields);
      const before = arrayBytes();
      let peak = 0;
      fields.release = () => {
        peak = arrayBytes() - before;
        release();
      };
      assert.equal(harness.feed(bytes), RESULT.tooLarge);
      // the copy that the harness has made of the message, and the arrays with what they were before they grew
      assert.ok(peak < FRAME_BYTES + 2 * MESSAGE_ELEMENTS_MAX * 24 * 18, `${peak} bytes`);
      const kept = fields.nodes.reduce(
        (sum, node) => sum + (node instanceof JsonSlots ? node.from.length : 0),
        0,
      );
      assert.ok(kept < 2 * MESSAGE_VALUES_KEPT, `${kept} values`);
    });
  }

  it('of short messages are read by the JSON parser, whatever it makes of them', () => {
    const harness = new Harness(kraken, ['BTC/USD']);
    const message = `{"channel":"trade","type":"update","data":[${filled(10_000, '{}')}]}`;
    assert.equal(harness.feed(message), RESULT.missingField);
    assert.equal(harness.count('slow_path'), 1);
  });
});

describe('what is learned', () => {
  /** Feeds the message several times and answers how many functions were compiled for it. */
  function compiled(harness: Harness, message: string | Uint8Array): number {
    const { Function: original } = globalThis;
    let count = 0;
    globalThis.Function = new Proxy(original, {
      construct(target, args: string[]) {
        count++;
        return new target(...args);
      },
    });
    try {
      for (let n = 0; n < 3; n++) harness.feed(message);
    } finally {
      globalThis.Function = original;
    }
    return count;
  }

  const trade = (extra: string) =>
    `{"type":"match","trade_id":865127782,"side":"buy","size":"0.1","price":"49730.40","product_id":"BTC-USD","time":"2027-01-15T08:00:00.1Z"${extra}}`;
  const MANY = (count: number) => list(count, (n) => `"k${n}":${n}`);

  it('is a message of the usual size', () => {
    for (const extra of [
      '',
      ',"zz":1',
      `,${MANY(57)}`,
      `,"${'k'.repeat(3900)}":1`,
      `,"zz":"${'v'.repeat(8000)}"`,
    ])
      assert.equal(compiled(new Harness(coinbase, ['BTC-USD']), trade(extra)), 2, extra.slice(0, 20));
  });

  it('is not one with more values or texts', () => {
    for (const extra of [
      `,${MANY(58)}`,
      `,${MANY(100_000)}`,
      `,"${'k'.repeat(4096)}":1`,
      `,"${'k'.repeat(1 << 20)}":1`,
      `,${' '.repeat(1 << 20)}"zz":1`,
    ]) {
      const harness = new Harness(coinbase, ['BTC-USD']);
      assert.equal(compiled(harness, trade(extra)), 0, extra.slice(0, 20));
      assert.equal(harness.takeRows().length, 1, 'it is read all the same');
    }
  });

  it('is no text that is not ASCII, which is checked each time', () => {
    const harness = new Harness(coinbase, ['BTC-USD']);
    assert.equal(compiled(harness, trade(',"価格":1')), 0);
    assert.equal(harness.takeRows().length, 1);
    const broken = Buffer.from(trade(',"zz\xff":1'), 'latin1');
    assert.equal(compiled(harness, broken), 0);
    assert.equal(harness.feed(broken), RESULT.badUtf8);
    assert.deepEqual(harness.closeCodes, [1007, 1007, 1007, 1007]);
  });
});

describe('objects within objects', () => {
  it('are read a few times at the most, however many shapes are alike up to their ends', () => {
    const harness = new Harness(advanced, ['BTC-USD'], { ringWords: RING_WORDS });
    const message = (tail: string, count: number) => {
      const trade = `{"trade_id":"1","product_id":"BTC-USD","price":"1.5","size":"1","time":"2027-01-15T08:00:00Z","side":"BUY","${tail}":1}`;
      const event = `{"type":"update","trades":[${list(count, () => trade)}],"${tail}":1}`;
      return `{"channel":"market_trades","timestamp":"2027-01-15T08:00:00Z","sequence_num":0,"events":[${event}],"${tail}":1}`;
    };
    for (let n = 1; n <= 8; n++) harness.feed(message(`t${n}`, 1));
    // objects that were begun with trades in them
    const { nodes } = harness.parser.fields;
    const trades = nodes.find(
      (node) => node instanceof JsonFields && node.keys.includes('trade_id') && node !== nodes[0],
    );
    assert.ok(trades instanceof JsonFields);
    let begun = 0;
    const value = trades.value.bind(trades);
    trades.value = (i, end) => {
      begun++;
      return value(i, end);
    };
    harness.feed(message('t9', 1000));
    assert.ok(begun >= 1000 && begun < 20_000, `${begun} objects were begun`);
  });
});

describe('order books that are kept', () => {
  it('have no more levels than any exchange sends', () => {
    const harness = new Harness(okx, ['BTC-USDT'], { ringWords: RING_WORDS });
    const book = (action: string, first: number, count: number, seq: number) =>
      `{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"${action}","data":[{"asks":[${list(count, (n) => `["${first + n}","1","0","1"]`)}],"bids":[],"ts":"1800000000000","checksum":-1,"prevSeqId":${seq - 1},"seqId":${seq}}]}`;
    assert.equal(harness.feed(book('snapshot', 1, 10_000, 1)), RESULT.tooLarge);
    assert.equal(harness.feed(book('snapshot', 1, 400, 1)), RESULT.rows);
    assert.deepEqual(harness.closeCodes, [1009]);
  });
});

/** The door of a shard: counts what is refused, keeps its text within limits, and notices a feed gone mad. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { SESSION_COUNTERS } from '../../src/counters/declarations.js';
import { loadExchange } from '../../src/exchanges/index.js';
import type { Exchange } from '../../src/feed/exchange.js';
import { parseKeepingText } from '../../src/feed/json/document.js';
import { MessageHandler } from '../../src/feed/message_handler.js';
import { RESULT } from '../../src/feed/rows/result.js';
import { TEXT_KIND } from '../../src/schema/text.js';
import { Harness } from '../support/harness.js';

let binance: Exchange;
before(async () => {
  binance = await loadExchange('binance');
});

const trade = (id: number) =>
  `{"stream":"btcusdt@trade","data":{"e":"trade","E":1800000000000,"s":"BTCUSDT","t":${id},"p":"0.001","q":"100","T":1800000000000,"m":true,"M":true}}`;

describe('the message handler', () => {
  it('trips the breaker when most messages do not parse', () => {
    const harness = new Harness(binance, ['BTCUSDT']);
    for (let i = 0; i < 15; i++) harness.feed('garbage');
    assert.equal(harness.breaks, 0);
    harness.feed('garbage');
    assert.equal(harness.breaks, 1);
    for (let i = 0; i < 16; i++) harness.feed('garbage');
    assert.equal(harness.breaks, 2, 'and again after a clean start');
  });

  it('does not trip it while half of the messages are good', () => {
    const harness = new Harness(binance, ['BTCUSDT']);
    for (let i = 0; i < 5000; i++) {
      harness.feed(trade(i));
      if (i % 2 === 0) harness.feed('garbage');
    }
    assert.deepEqual([harness.breaks, harness.count('rejected')], [0, 2500]);
  });

  it('notices a feed that turns bad after a million good messages', () => {
    const harness = new Harness(binance, ['BTCUSDT']);
    for (let i = 0; i < 3000; i++) harness.feed(trade(i));
    harness.take();
    for (let i = 0; i < 200; i++) harness.feed('garbage');
    assert.ok(harness.breaks >= 1);
  });

  it('keeps the text of a limited number of refused messages a second, cut to a limit', () => {
    const harness = new Harness(binance, ['BTCUSDT']);
    const kept = () =>
      harness.take().filter((r) => r.table === 'TEXT' && 'kind' in r && r.kind === TEXT_KIND.rejected);
    for (let i = 0; i < 100; i++) harness.feed(`bad ${i}`);
    const texts = kept();
    assert.equal(texts.length, 20);
    assert.deepEqual('text' in texts[0] && [texts[0].text, texts[0].detail], ['bad 0', RESULT.badJson]);
    harness.feed('bad');
    assert.equal(kept().length, 0);
    harness.received[0]++;
    harness.feed(`{"x":"${'y'.repeat(100_000)}`);
    const [long] = kept();
    assert.equal('text' in long && long.text.length, 2048);
    assert.equal(harness.count('rejected'), 102);
  });

  it('keeps and shows text as the exchange wrote it', () => {
    const harness = new Harness(binance, ['BTCUSDT']);
    const samples: string[] = [];
    const events = {
      refused: (_: string, text: string) => samples.push(text),
      unacceptable() {},
      breaker() {},
    };
    const handler = new MessageHandler(
      harness.parser,
      parseKeepingText,
      true,
      harness.rows,
      new Uint32Array(64),
      events,
    );
    /** What is kept of a message, and what is shown of it. */
    const feed = (message: string | Uint8Array) => {
      const bytes = Buffer.from(message as string);
      handler.message(bytes, 0, bytes.length);
      const [record] = harness.take();
      return ['text' in record && record.text, samples.pop()];
    };
    assert.deepEqual(feed('{"s":"币安人生usdt"'), ['{"s":"币安人生usdt"', '{"s":"币安人生usdt"']);
    // cut between characters, of two, three and four bytes
    for (const [character, bytes] of [
      ['é', 2],
      ['币', 3],
      ['😀', 4],
    ] as const) {
      for (const front of ['', 'a', 'ab', 'abc']) {
        const whole = (length: number) =>
          front + character.repeat(Math.floor((length - front.length) / bytes));
        assert.deepEqual(feed(front + character.repeat(2000)), [whole(2048), whole(200)]);
      }
    }
    assert.deepEqual(feed(Buffer.from('"\xff\x80é"', 'latin1')), [
      '"\ufffd\ufffd\ufffd"',
      '"\ufffd\ufffd\ufffd"',
    ]);
    assert.deepEqual(feed(Buffer.alloc(5000, 0x80)), ['\ufffd'.repeat(2048 - 3), '\ufffd'.repeat(200 - 3)]);
  });

  it('counts every message exactly once', () => {
    const harness = new Harness(binance, ['BTCUSDT']);
    const messages = [
      trade(1),
      trade(1),
      trade(2),
      'x',
      '{"result":null,"id":1}',
      '{"e":"strange"}',
      trade(3).replace('BTCUSDT', 'ETHUSDT'),
    ];
    for (const message of messages) harness.feed(message);
    const names: (keyof typeof SESSION_COUNTERS)[] = [
      'duplicates',
      'rejected',
      'control',
      'unknown_kind',
      'unwanted',
      'dropped',
    ];
    const counts = names.map((name) => harness.count(name));
    assert.deepEqual(counts, [1, 1, 1, 1, 1, 0]);
    assert.equal(harness.count('messages'), messages.length);
    assert.equal(harness.takeRows().length, 2);
  });

  it('lets a message go when the ring is full, and reports the gap', () => {
    const harness = new Harness(binance, ['BTCUSDT'], { ringWords: 128 });
    const results = Array.from({ length: 10 }, (_, i) => harness.feed(trade(i)));
    assert.ok(results.includes(RESULT.ringFull));
    const stored = results.filter((result) => result === RESULT.rows).length;
    assert.equal(harness.count('dropped'), 10 - stored);
    assert.equal(harness.takeRows().length, stored);
    for (const sequence of harness.sequences.values()) sequence.interrupted('ring_full');
    assert.equal(harness.feed(trade(10)), RESULT.rows);
    harness.nowMs = 5000;
    for (const sequence of harness.sequences.values()) sequence.reportDue();
    assert.deepEqual(
      harness.gaps.map((gap) => [gap.cause, gap.fromId, gap.toId]),
      [['ring_full', stored, 9]],
    );
  });
});

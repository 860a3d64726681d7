/**
 * Upbit: recorded messages against their expectations through all three parsers, in both formats; numbers and ids that
 * JSON.parse would change; requests that replace each other.
 */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { loadExchange } from '../../src/exchanges/index.js';
import { Subscriptions } from '../../src/feed/connection/subscriptions.js';
import type { Exchange } from '../../src/feed/exchange.js';
import { RESULT } from '../../src/feed/rows/result.js';
import { BOOK } from '../../src/schema/tables.js';
import { atLeast, type Expected, readExpected, readMessages, recordings } from '../support/corpus.js';
import { Harness, type ParserName, simdjsonMissing } from '../support/harness.js';
import { eventsOf, expectedOf, isFlagged } from '../support/recorded_events.js';

const PARSERS: readonly ParserName[] = simdjsonMissing() ? ['scan', 'json'] : ['scan', 'json', 'simdjson'];
const RECEIVED = 1_800_000_000;

let upbit: Exchange;
before(async () => {
  upbit = await loadExchange('upbit');
});

function make(symbols: readonly string[], parser: ParserName = 'scan'): Harness {
  return new Harness(upbit, symbols, { parser, receivedSeconds: RECEIVED });
}

/** A trade that is sent again is stored once. */
function withoutRepeated(events: readonly Expected[]): Expected[] {
  const seen = new Set<string>();
  return events.filter((e) => {
    const key = `${e.symbol} ${e.trade_id}`;
    const repeated = e.kind === 'trade' && seen.has(key);
    seen.add(key);
    return !repeated;
  });
}

describe('upbit recordings', () => {
  for (const parser of PARSERS) {
    it(`give the expected rows with parser = "${parser}"`, (t) => {
      let compared = 0;
      for (const recording of recordings('upbit')) {
        const expected = withoutRepeated(readExpected(recording));
        const symbols = [...new Set(expected.map((e) => e.symbol))];
        const harness = make(symbols, parser);
        readMessages(recording).forEach(({ raw }, i) => {
          harness.feed(raw);
          const events = eventsOf(harness.takeRows(), symbols, BOOK.missing);
          const wanted = expected.filter((e) => e.line === i + 1).map((e) => expectedOf(e, false));
          assert.deepEqual(events, wanted, `${recording} line ${i + 1}`);
          compared += events.length;
        });
        assert.equal(
          harness.count('rejected') + harness.count('unwanted') + harness.count('unknown_kind'),
          0,
        );
      }
      assert.ok(compared >= atLeast(3000), `${compared} events compared`);
      t.diagnostic(`${compared} events compared`);
    });
  }
});

const trade = (id: string, extra = '') =>
  `{"type":"trade","code":"KRW-BTC","timestamp":1800000000500,"trade_timestamp":1800000000449,"trade_price":1.16539E8,"trade_volume":2.1E-7,"ask_bid":"BID","sequential_id":${id}${extra},"stream_type":"REALTIME"}`;

describe('upbit trades', () => {
  it('of the same millisecond are told apart by ids beyond 2^53', () => {
    for (const parser of PARSERS) {
      const harness = make(['KRW-BTC'], parser);
      for (const id of ['18000000004490000', '18000000004490001', '18000000004490003'])
        assert.equal(harness.feed(trade(id)), RESULT.rows);
      assert.deepEqual(
        harness.takeRows().map((row) => row.values.trade_id),
        [18000000004490000n, 18000000004490001n, 18000000004490003n],
      );
    }
  });

  it('that come in any order are stored once each, and leave no gap', () => {
    const harness = make(['KRW-BTC']);
    const ids = [
      '18000000004490003',
      '18000000004490000',
      '18000000004490003',
      '1618678262000003',
      '18000000004490000',
    ];
    assert.deepEqual(
      ids.map((id) => harness.feed(trade(id))),
      [RESULT.rows, RESULT.rows, RESULT.duplicate, RESULT.rows, RESULT.duplicate],
    );
    assert.deepEqual(
      [harness.takeRows().length, harness.count('duplicates'), harness.gaps.length],
      [3, 2, 0],
    );
  });

  it('of a snapshot are history, and known after a reconnect', () => {
    const harness = make(['KRW-BTC']);
    const snapshot = trade('18000000004490000').replace('REALTIME', 'SNAPSHOT');
    assert.equal(harness.feed(snapshot), RESULT.rows);
    const [row] = harness.takeRows();
    assert.ok(isFlagged(row, 'replayed'));
    for (const sequence of harness.sequences.values()) sequence.interrupted('disconnect');
    assert.equal(harness.feed(snapshot), RESULT.duplicate);
    assert.equal(harness.feed(trade('18000000004490007')), RESULT.rows);
    assert.ok(!isFlagged(harness.takeRows()[0], 'replayed'));
    assert.equal(harness.gaps.length, 0, 'nothing was traded while the connection was down');
    for (const sequence of harness.sequences.values()) sequence.interrupted('disconnect');
    harness.feed(trade('18000000004490009'));
    assert.deepEqual(
      harness.gaps.map(({ cause, table, messages }) => [cause, table.name, messages]),
      [['disconnect', 'TRADES', 0]],
    );
  });
});

const pair = (numbers: string) => {
  const [ask, bid, askSize, bidSize] = numbers.split(' ');
  return `{"ask_price":${ask},"bid_price":${bid},"ask_size":${askSize},"bid_size":${bidSize}}`;
};
const book = (...pairs: string[]) =>
  `{"type":"orderbook","code":"KRW-BTC","timestamp":1800000000500,"orderbook_units":[${pairs.map(pair)}],"stream_type":"REALTIME","level":0}`;

describe('upbit order books', () => {
  it('leave out what only fills up the shorter side, however its zeros are written', () => {
    for (const parser of PARSERS) {
      const harness = make(['KRW-BTC'], parser);
      harness.feed(
        book('100.5 99.5 0.00077720 7.9276E-4', '0 98 0 1', '0.0 97 0E-8 2', '0E0 96 0.00000000 3'),
      );
      const [event] = eventsOf(harness.takeRows(), ['KRW-BTC'], BOOK.missing);
      assert.deepEqual(event.asks, [['100.5', '0.00077720']]);
      assert.deepEqual(event.bids, [['99.5', '0.00079276'], ['98', '1'], ['97', '2'], ['96', '3']]); // biome-ignore format: a table
    }
  });

  it('without any level are still a snapshot', () => {
    const harness = make(['KRW-BTC']);
    for (const message of [book(), book('0 0 0 0')]) {
      assert.equal(harness.feed(message), RESULT.rows);
      const rows = harness.takeRows();
      assert.deepEqual([rows.length, rows[0].values.side], [1, 0]);
      assert.ok(isFlagged(rows[0], 'snapshot_start') && isFlagged(rows[0], 'event_end'));
    }
  });

  it('with a level that is no number have no end, and the next one is whole again', () => {
    for (const parser of PARSERS) {
      const harness = make(['KRW-BTC'], parser);
      assert.equal(harness.feed(book('100 99 1 2', '101 "x" 3 4', '102 97 5 6')), RESULT.badNumber);
      assert.equal(harness.count('rejected'), 1);
      assert.ok(harness.takeRows().every((row) => !isFlagged(row, 'event_end')));
      assert.equal(harness.feed(book('100 99 1 2')), RESULT.rows);
      assert.equal(eventsOf(harness.takeRows(), ['KRW-BTC'], BOOK.missing).length, 1);
      assert.equal(harness.feed(book('100 99 1 2', '101 null 3 4')), RESULT.missingField);
      assert.equal(harness.takeRows().length, 0);
    }
  });
});

describe('upbit control messages', () => {
  it('are told apart, and an error is a refusal, named where it names a type', () => {
    const harness = make(['KRW-BTC']);
    const feed = (text: string) => harness.feed(text);
    assert.equal(feed('{"status":"UP"}'), RESULT.control);
    assert.equal(feed('{"method":"LIST_SUBSCRIPTIONS","result":[],"ticket":"x"}'), RESULT.control);
    const error = '{"error":{"message":"Format 이 맞지 않습니다.","name":"WRONG_FORMAT"}}';
    assert.equal(feed(error), RESULT.control);
    assert.deepEqual(harness.control, [
      {
        kind: 'refused',
        channel: undefined,
        reason: 'WRONG_FORMAT: Format 이 맞지 않습니다.',
      },
    ]);
    assert.equal(feed('{"type":"myOrder","code":"KRW-BTC"}'), RESULT.unknownKind);
    assert.equal(feed(`[${trade('1')},${trade('2')}]`), RESULT.rows, 'the list formats');
    assert.equal(harness.takeRows().length, 2);
  });
});

describe('upbit subscriptions', () => {
  const of = (text: string) => {
    const [ticket, ...rest] = JSON.parse(text) as Record<string, unknown>[];
    assert.match(String(ticket.ticket), /^[0-9a-f-]{36}$/);
    return rest;
  };
  const all = (natives: readonly string[]) =>
    natives.flatMap((native) => ['ticker', 'book'].map((channel) => ({ channel, native })));

  it('are accepted when they are not refused soon, and every change names all of them', () => {
    const never = () => assert.fail('nothing is refused');
    const subscriptions = new Subscriptions(upbit, { refused: never, surplus: never }, 10_000, () => 0);
    subscriptions.add(all(['KRW-BTC', 'KRW-ETH']));
    const [first, ...none] = subscriptions.requests();
    assert.deepEqual(none, []);
    assert.deepEqual(of(first.text), [
      { type: 'ticker', codes: ['KRW-BTC', 'KRW-ETH'] },
      { type: 'orderbook', codes: ['KRW-BTC', 'KRW-ETH'] },
      { format: 'DEFAULT' },
    ]);
    subscriptions.sent(first, 0);
    subscriptions.tick(1000);
    assert.deepEqual([subscriptions.count('confirmed'), subscriptions.settled], [0, false]);
    subscriptions.tick(2000);
    assert.deepEqual([subscriptions.count('confirmed'), subscriptions.settled], [4, true]);
    assert.deepEqual(subscriptions.requests(), []);

    assert.deepEqual(subscriptions.remove(all(['KRW-BTC'])), []);
    subscriptions.add([{ channel: 'trades', native: 'BTC-ETH' }]);
    const [second] = subscriptions.requests();
    assert.deepEqual(of(second.text), [
      { type: 'ticker', codes: ['KRW-ETH'] },
      { type: 'orderbook', codes: ['KRW-ETH'] },
      { type: 'trade', codes: ['BTC-ETH'] },
      { format: 'DEFAULT' },
    ]);

    subscriptions.remove([{ channel: 'trades', native: 'BTC-ETH' }]);
    const [third] = subscriptions.requests();
    assert.deepEqual(of(third.text).length, 3, 'what was removed is ended by a request without it');
    subscriptions.reset();
    assert.deepEqual(of(subscriptions.requests()[0].text), of(third.text));
    subscriptions.remove(all(['KRW-ETH']));
    assert.deepEqual(subscriptions.requests(), [], 'a request has to name something');
  });
});

describe('upbit markets', () => {
  it('are named quote first', async () => {
    const markets = ['KRW-BTC', 'BTC-ETH', 'USDT-BTC', 'x'].map((market) => ({ market, korean_name: '비' }));
    const listed = await upbit.listSymbols(async () => markets);
    assert.deepEqual(
      listed.map(({ native, base, quote }) => [native, base, quote]),
      [
        ['KRW-BTC', 'BTC', 'KRW'],
        ['BTC-ETH', 'ETH', 'BTC'],
        ['USDT-BTC', 'BTC', 'USDT'],
      ],
    );
  });
});

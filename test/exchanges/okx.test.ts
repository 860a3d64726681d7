/**
 * OKX: recorded messages against their expectations through all three parsers, sums of trades, chains and checksums of
 * order books, and what is said to the exchange.
 */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { loadExchange } from '../../src/exchanges/index.js';
import { Subscriptions } from '../../src/feed/connection/subscriptions.js';
import type { Exchange } from '../../src/feed/exchange.js';
import { RESULT } from '../../src/feed/rows/result.js';
import { BOOK } from '../../src/schema/tables.js';
import {
  atLeast,
  type Expected,
  isWholeCorpus,
  readExpected,
  readMessages,
  recordings,
} from '../support/corpus.js';
import { Harness, type ParserName, simdjsonMissing } from '../support/harness.js';
import { eventsOf, expectedOf, isFlagged } from '../support/recorded_events.js';

const PARSERS: readonly ParserName[] = simdjsonMissing() ? ['scan', 'json'] : ['scan', 'json', 'simdjson'];
const RECEIVED = 1_800_000_000;
const SINGLE = ['ticker', 'trades', 'bbo', 'book', 'klines_1m', 'klines_1d'];
const ADDED = ['ticker', 'agg_trades', 'bbo', 'book', 'klines_1m', 'klines_1d'];

let okx: Exchange;
before(async () => {
  okx = await loadExchange('okx');
});

function make(channels: readonly string[] = SINGLE, parser: ParserName = 'scan'): Harness {
  return new Harness(okx, ['BTC-USDT', 'ETH-USDT'], { parser, channels, receivedSeconds: RECEIVED });
}

/** Why an expected event gives no row; undefined when it has to give one. */
function reasonForNone(e: Expected, raw: string, counted: boolean): string | undefined {
  if (/"channel":"books5"/.test(raw)) return 'five levels are no channel of ours';
  if (/"channel":"candle1D"/.test(raw)) return 'days of Hong Kong are no channel of ours';
  if (e.kind === 'trade' && !counted && (e.count ?? '1') !== '1')
    return 'a sum where single trades are wanted';
  if (e.kind !== 'book') return undefined;
  if ([e.bids, e.asks].every((side) => (side as unknown[]).length === 0)) return 'nothing has changed';
  return undefined;
}

/** What has no row although it is data, by reason. */
type Skipped = Record<string, number>;

function check(recording: string, channels: readonly string[], parser: ParserName, skipped: Skipped): number {
  const expected = readExpected(recording);
  const symbols = [...new Set(expected.map((e) => e.symbol))];
  // single messages, whose books are cut: each one is looked at alone
  const samples = recording.includes('snippets');
  const counted = channels === ADDED;
  const create = () => new Harness(okx, symbols, { parser, channels });
  let harness = create();
  let compared = 0;
  readMessages(recording).forEach(({ raw }, i) => {
    if (samples) harness = create();
    const events = expected.filter((e) => e.line === i + 1);
    if (samples && raw.includes('"action":"update"')) {
      assert.equal(harness.feed(raw), RESULT.unsynced);
      skipped['change without a snapshot'] = (skipped['change without a snapshot'] ?? 0) + events.length;
      return;
    }
    harness.feed(raw);
    const wanted = events.filter((e) => {
      const reason = reasonForNone(e, raw, counted);
      if (reason !== undefined) skipped[reason] = (skipped[reason] ?? 0) + 1;
      return reason === undefined;
    });
    const rows = harness.takeRows();
    assert.deepEqual(
      eventsOf(rows, symbols, BOOK.missing),
      wanted.map((e) => expectedOf(e, counted)),
      `${recording} line ${i + 1}`,
    );
    if (!samples)
      assert.ok(
        rows.every((row) => !isFlagged(row, 'unsynced')),
        'every checksum fits',
      );
    assert.equal(harness.count('rejected'), 0);
    compared += wanted.length;
  });
  if (!samples) assert.deepEqual([harness.resyncs, harness.books?.incomplete], [[], 0]);
  return compared;
}

describe('okx recordings', () => {
  for (const parser of PARSERS) {
    it(`give the expected rows with parser = "${parser}"`, (t) => {
      for (const channels of [SINGLE, ADDED]) {
        const skipped: Skipped = {};
        let compared = 0;
        for (const recording of recordings('okx')) compared += check(recording, channels, parser, skipped);
        assert.ok(compared >= atLeast(4900), `${compared} events compared`);
        const wanted = {
          'five levels are no channel of ours': 6,
          'days of Hong Kong are no channel of ours': 2,
          'nothing has changed': 44,
          'change without a snapshot': 2,
          ...(channels === SINGLE ? { 'a sum where single trades are wanted': 2 } : {}),
        };
        // of the slice there are as many reasons, but not as many events
        if (isWholeCorpus) assert.deepEqual(skipped, wanted);
        else for (const reason of Object.keys(skipped)) assert.ok(reason in wanted, reason);
        t.diagnostic(`${compared} events compared`);
      }
    });
  }
});

const push = (channel: string, data: string, action = '') =>
  `{"arg":{"channel":"${channel}","instId":"BTC-USDT"},${action === '' ? '' : `"action":"${action}",`}"data":[${data}]}`;
const item = (id: number | string, extra = '', ts = RECEIVED * 1000 + 449) =>
  `{"instId":"BTC-USDT","tradeId":"${id}","px":"83772.6","sz":"0.0000178","side":"buy","ts":"${ts}"${extra}}`;

describe('okx trades', () => {
  it('are single ones of trades-all, whose ids grow by one', () => {
    const harness = make();
    for (const id of [10, 11, 14]) assert.equal(harness.feed(push('trades-all', item(id))), RESULT.rows);
    assert.equal(harness.feed(push('trades-all', item(11))), RESULT.duplicate);
    assert.equal(harness.feed(push('trades-all', `${item(17)},${item(16)},${item(15)}`)), RESULT.rows);
    const rows = harness.takeRows();
    assert.deepEqual(
      rows.map((row) => [row.table, row.values.trade_id]),
      [10n, 11n, 14n, 15n, 16n, 17n].map((id) => ['TRADES', id]),
    );
    assert.ok(rows.every((row) => !isFlagged(row, 'replayed')));
    for (const sequence of harness.sequences.values()) sequence.reportDue(true);
    assert.deepEqual(
      harness.gaps.map(({ fromId, toId }) => [fromId, toId]),
      [[12, 13]],
    );
  });

  it('are sums where sums are subscribed, with the ids they stand for', () => {
    for (const parser of PARSERS) {
      const harness = make(ADDED, parser);
      const sum = (last: string, count: number) =>
        push('trades', item(last, `,"count":"${count}","seqId":81625379835`));
      const steps: readonly [string, number, bigint, number][] = [
        ['100', 1, 100n, RESULT.rows],
        ['103', 3, 101n, RESULT.rows],
        ['110', 4, 107n, RESULT.rows],
        ['103', 3, 0n, RESULT.duplicate],
        ['106', 3, 104n, RESULT.rows],
        ['112', 3, 110n, RESULT.rows],
      ]; // biome-ignore format: a table
      const first: bigint[] = [];
      for (const [last, count, from, result] of steps) {
        assert.equal(harness.feed(sum(last, count)), result);
        if (result === RESULT.rows) first.push(from);
      }
      const rows = harness.takeRows();
      assert.deepEqual(
        rows.map((row) => row.values.first_trade_id),
        first,
      );
      assert.deepEqual(
        rows.map((row) => row.values.last_trade_id),
        rows.map((row) => row.values.trade_id),
      );
      assert.deepEqual(
        rows.map((row) => isFlagged(row, 'duplicate_kept')),
        [false, false, false, false, true],
      );
      for (const sequence of harness.sequences.values()) sequence.reportDue(true);
      assert.deepEqual(harness.gaps, [], 'what was missing came late');
    }
  });

  it('count down to ids on the other side of 2^32 and 2^53', () => {
    for (const [last, count, first] of [
      ['4294967297', 5, 4294967293n],
      ['9007199254740993', 3, 9007199254740991n],
      ['18446744073709551615', 4294967296, 18446744069414584320n],
      ['633971452580106242', 2, 633971452580106241n],
    ] as const) {
      const harness = make(ADDED);
      assert.equal(harness.feed(push('trades', item(last, `,"count":"${count}"`))), RESULT.rows);
      const [row] = harness.takeRows();
      assert.deepEqual([row.values.first_trade_id, row.values.last_trade_id], [first, BigInt(last)]);
    }
    for (const count of ['0', '7', '-1', 'x', '1.5']) {
      const harness = make(ADDED);
      assert.equal(harness.feed(push('trades', item(5, `,"count":"${count}"`))), RESULT.badId, count);
    }
  });

  it('are single ones of sums of one, where sums are not subscribed', () => {
    const harness = make();
    assert.equal(harness.feed(push('trades', item(5, ',"count":"1"'))), RESULT.rows);
    assert.equal(harness.feed(push('trades', item(6))), RESULT.rows);
    assert.equal(harness.feed(push('trades', item(9, ',"count":"3"'))), RESULT.unwanted);
    assert.deepEqual(
      harness.takeRows().map((row) => row.table),
      ['TRADES', 'TRADES'],
    );
  });

  it('from before the subscription are history', () => {
    const harness = make(ADDED);
    const ack = () =>
      harness.feed(
        '{"event":"subscribe","arg":{"channel":"trades","instId":"BTC-USDT"},"connId":"a4d3ae55"}',
      );
    const flags = () => harness.takeRows().map((row) => isFlagged(row, 'replayed'));
    harness.received[1] = 500_000_000;
    ack();
    harness.feed(push('trades', item(1)));
    harness.feed(push('trades', item(2)));
    assert.deepEqual(flags(), [true, false]);
    harness.parser.reconnected?.();
    ack();
    harness.feed(push('trades', item(3, '', RECEIVED * 1000 + 501)));
    assert.deepEqual(flags(), [false], 'younger than the subscription');
    harness.parser.reconnected?.();
    harness.feed(push('trades', item(4)));
    assert.deepEqual(flags(), [true], 'in front of the acknowledgement');
  });
});

const levels = (...sides: string[]) =>
  `[${sides.map((level) => JSON.stringify([...level.split(' '), '0', '1']))}]`;
const change = (asks: string, bids: string, seq: number, previous: number, action = 'update', checksum = 0) =>
  push(
    'books',
    `{"asks":${asks},"bids":${bids},"ts":"${RECEIVED}000","checksum":${checksum},"seqId":${seq},"prevSeqId":${previous}}`,
    action,
  );

describe('okx order books', () => {
  it('follow the chain of numbers, through keep-alives and a reset', () => {
    for (const parser of PARSERS) {
      const harness = make(SINGLE, parser);
      const steps: readonly [string, number][] = [
        [change(levels('101 1', '102 2'), levels('100 3'), 10, -1, 'snapshot'), RESULT.rows],
        [change(levels('101 0'), '[]', 15, 10), RESULT.rows],
        [change('[]', '[]', 15, 15), RESULT.control],
        [change('[]', levels('99.5 0.5'), 3, 15), RESULT.rows],
        [change('[]', levels('99 1'), 5, 3), RESULT.rows],
      ];
      for (const [message, result] of steps) assert.equal(harness.feed(message), result);
      const events = eventsOf(harness.takeRows(), ['BTC-USDT'], BOOK.missing);
      assert.deepEqual(events.map((e) => [e.seq, e.is_snapshot]), [['10', true], ['15', false], ['3', false], ['5', false]]); // biome-ignore format: a table
      assert.deepEqual(events[1].asks, [['101', '0']]);
      assert.deepEqual([harness.books?.isLive(0), harness.gaps.length], [true, 0]);
    }
  });

  it('that miss a change store nothing until the next snapshot, and say what was missed', () => {
    const harness = make();
    harness.feed(change(levels('101 1'), levels('100 3'), 10, -1, 'snapshot'));
    assert.equal(harness.feed(change(levels('101 2'), '[]', 20, 12)), RESULT.unsynced);
    assert.equal(harness.feed(change(levels('101 2'), '[]', 25, 20)), RESULT.unsynced);
    assert.deepEqual([harness.takeRows().length, harness.count('unsynced')], [2, 2]);
    harness.books?.doWork();
    assert.deepEqual(harness.resyncs, [0]);
    assert.equal(harness.feed(change(levels('101 2'), levels('100 3'), 30, -1, 'snapshot')), RESULT.rows);
    assert.equal(harness.feed(change(levels('101 5'), '[]', 31, 30)), RESULT.rows);
    assert.deepEqual(
      harness.gaps.map(({ table, cause, fromId, toId }) => [table, cause, fromId, toId]),
      [[BOOK, 'unknown', 11, 30]],
    );
  });

  it('with a level that cannot be read are asked for again', () => {
    for (const bad of ['[["x","1"]]', '[["101",null]]', '[["101"]]', '[[]]']) {
      for (const parser of PARSERS) {
        const harness = make(SINGLE, parser);
        harness.feed(change(levels('101 1'), levels('100 3'), 10, -1, 'snapshot'));
        assert.ok(harness.feed(change(bad, levels('100 4'), 11, 10)) >= RESULT.badJson, bad);
        assert.equal(harness.count('rejected'), 1);
        assert.equal(harness.books?.isLive(0), false);
        assert.equal(harness.feed(change('[]', levels('100 4'), 12, 11)), RESULT.unsynced);
      }
    }
  });

  it('are compared with a checksum that is not 0', () => {
    // crc32 of 100:3:101:1 and of 100:3:101:2, from zlib
    const [one, two] = [-781022440, 1216076450];
    const harness = make();
    assert.equal(
      harness.feed(change(levels('101 1'), levels('100 3'), 10, -1, 'snapshot', one)),
      RESULT.rows,
    );
    assert.equal(harness.feed(change(levels('101 2'), '[]', 11, 10, 'update', two)), RESULT.rows);
    assert.ok(harness.takeRows().every((row) => !isFlagged(row, 'unsynced')));
    assert.equal(harness.feed(change(levels('101 3'), '[]', 12, 11, 'update', two)), RESULT.rows);
    assert.deepEqual(
      harness.takeRows().map((row) => isFlagged(row, 'unsynced')),
      [true],
    );
    assert.equal(harness.feed(change(levels('101 3'), '[]', 13, 12, 'update', 0)), RESULT.unsynced);
    harness.feed(change(levels('101 2'), levels('100 3'), 20, -1, 'snapshot', two));
    assert.deepEqual(
      harness.gaps.map(({ cause }) => cause),
      ['checksum'],
    );
    assert.equal(
      harness.feed(change(levels('101 3'), '[]', 21, 20, 'update', 0)),
      RESULT.rows,
      'no checksum, no check',
    );
  });
});

describe('okx best quotes and candles', () => {
  it('have a missing side, a day that begins at midnight UTC, and say when a candle is closed', () => {
    const harness = make();
    harness.feed(push('bbo-tbt', `{"asks":[],"bids":${levels('100 1')},"ts":"${RECEIVED}001","seqId":7}`));
    const [quote] = eventsOf(harness.takeRows(), ['BTC-USDT'], BOOK.missing);
    assert.deepEqual([quote.asks, quote.bids, quote.seq], [[], [['100', '1']], '7']);
    const candle = (confirm: string) => `["${RECEIVED}000","1","4","0.5","2","10.5","20","21","${confirm}"]`;
    harness.feed(push('candle1Dutc', `${candle('0')},${candle('1')}`));
    const rows = harness.takeRows();
    assert.deepEqual(rows.map((row) => [row.table, isFlagged(row, 'closed'), row.values.quote_volume, row.values.close_time]), [
      ['KLINES_1d', false, 21, RECEIVED + 86_400],
      ['KLINES_1d', true, 21, RECEIVED + 86_400],
    ]); // biome-ignore format: a table
    assert.equal(harness.feed(push('candle1D', candle('0'))), RESULT.unwanted);
    assert.equal(harness.feed(push('candle1m', `{"ts":"1"}`)), RESULT.unwanted);
    assert.equal(harness.feed(push('tickers', '')), RESULT.control);
  });
});

describe('okx control messages', () => {
  it('confirm and refuse argument by argument', () => {
    const refused: string[] = [];
    const subscriptions = new Subscriptions(
      okx,
      {
        refused: (s, reason) => refused.push(`${s.channel} ${s.native}: ${reason}`),
        surplus: () => assert.fail('there is room'),
      },
      10_000,
      () => 0,
    );
    const harness = make();
    const natives = ['BTC-USDT', 'NOPE-USDT', 'ETH-USDT'];
    subscriptions.add(
      natives.flatMap((native) => ['ticker', 'book'].map((channel) => ({ channel, native }))),
    );
    const [request] = subscriptions.requests();
    const { id, op, args } = JSON.parse(request.text) as {
      id: string;
      op: string;
      args: { channel: string; instId: string }[];
    };
    assert.deepEqual([op, args[0], args[3]], ['subscribe', { channel: 'tickers', instId: 'BTC-USDT' }, { channel: 'books', instId: 'NOPE-USDT' }]); // biome-ignore format: a table
    for (const { channel, instId } of args) {
      const text =
        instId === 'NOPE-USDT'
          ? `{"id":"${id}","event":"error","msg":"Subscribe failed, wrong URL or channel:${channel},instId:${instId} doesn't exist. Please use the correct URL, channel and parameters referring to API document.","code":"60018","connId":"b2b0944b"}`
          : `{"id":"${id}","event":"subscribe","arg":{"channel":"${channel}","instId":"${instId}"},"connId":"b2b0944b"}`;
      assert.equal(harness.feed(text), RESULT.control);
    }
    for (const event of harness.control) assert.deepEqual(subscriptions.take(event), []);
    assert.deepEqual([subscriptions.count('confirmed'), subscriptions.settled], [4, true]);
    assert.deepEqual(
      refused.map((text) => text.split(':')[0]),
      ['ticker NOPE-USDT', 'book NOPE-USDT'],
    );
  });

  it('that are no data are counted as such', () => {
    const harness = make();
    const texts = [
      'pong',
      '{"event":"unsubscribe","arg":{"channel":"tickers","instId":"BTC-USDT"},"connId":"d0b44253"}',
      '{"event":"error","msg":"Requests too frequent","code":"60014","connId":"d0b44253"}',
      '{"event":"notice","code":"64008","msg":"The connection will soon be closed for a service upgrade. Please reconnect.","connId":"a4d3ae55"}',
      '{"event":"subscribe","arg":{"channel":"status"},"connId":"a4d3ae55"}',
    ]; // biome-ignore format: a list
    for (const text of texts) assert.equal(harness.feed(text), RESULT.control, text);
    assert.deepEqual(harness.control, [
      { kind: 'throttled', id: undefined, reason: 'Requests too frequent (60014)' },
      {
        kind: 'closing',
        reason: 'The connection will soon be closed for a service upgrade. Please reconnect.',
      },
    ]);
    for (const text of ['{"event":"new thing"}', '{}', '[]', '5', '{"arg":{},"data":5}'])
      assert.equal(harness.feed(text), RESULT.unknownKind, text);
    assert.equal(harness.feed('pong '), RESULT.badJson);
  });

  it('are asked for at the address that serves the channel', () => {
    const { trades, ticker } = okx.channels;
    assert.equal(okx.anyRoute, true, 'where one address serves all, nothing is lost');
    assert.equal(
      okx.websocketUrl('wss://ws.okx.com:8443', trades.route),
      'wss://ws.okx.com:8443/ws/v5/business',
    );
    assert.equal(okx.websocketUrl('ws://127.0.0.1:9/', ticker.route), 'ws://127.0.0.1:9/ws/v5/public');
  });
});

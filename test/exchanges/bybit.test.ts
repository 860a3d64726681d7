/**
 * Bybit: what the wire does and a recording does not hold: repeated trades, any set of changed keys of a ticker, gaps
 * and restarts of books, refused requests.
 */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { loadExchange } from '../../src/exchanges/index.js';
import type { Exchange } from '../../src/feed/exchange.js';
import type { JsonValue } from '../../src/feed/json/document.js';
import { RESULT } from '../../src/feed/rows/result.js';
import { flag } from '../../src/schema/flags.js';
import { Harness, type ParserName, simdjsonMissing } from '../support/harness.js';
import { describeRow } from '../support/market_rows.js';
import { randomFrom } from '../support/random.js';

const PARSERS: readonly ParserName[] = simdjsonMissing() ? ['scan', 'json'] : ['scan', 'json', 'simdjson'];

const exchanges: Record<string, Exchange> = {};
before(async () => {
  for (const id of ['bybit', 'bybit-linear']) exchanges[id] = await loadExchange(id);
});

const wire = {
  trade: (symbol: string, ...trades: readonly Record<string, JsonValue>[]) =>
    JSON.stringify({
      topic: `publicTrade.${symbol}`,
      type: 'snapshot',
      ts: 1800000000000,
      data: trades.map((trade) => ({ T: 1800000000000, s: symbol, S: 'Buy', v: '1', p: '2', ...trade })),
    }),
  ticker: (symbol: string, type: string, data: Record<string, JsonValue>) =>
    JSON.stringify({ topic: `tickers.${symbol}`, type, data: { symbol, ...data }, cs: 1, ts: 1800000000000 }),
  book: (symbol: string, type: string, u: number, b: string[][], a: string[][], depth = 50) =>
    JSON.stringify({
      topic: `orderbook.${depth}.${symbol}`,
      type,
      ts: 1800000000001,
      data: { s: symbol, b, a, u, seq: 7 },
      cts: 1800000000000,
    }),
};

describe('trades', () => {
  it('stores a spot trade once whatever its neighbours beyond 2^53 look like, and counts the repetition', () => {
    for (const parser of PARSERS) {
      const harness = new Harness(exchanges.bybit, ['BTCUSDT'], { parser });
      const ids = ['2290000001202469355', '2290000001202469356', '2290000001202469358'];
      const all = ids.map((i) => ({ i }));
      assert.equal(harness.feed(wire.trade('BTCUSDT', ...all)), RESULT.rows);
      assert.equal(harness.feed(wire.trade('BTCUSDT', all[1])), RESULT.duplicate);
      assert.equal(harness.feed(wire.trade('BTCUSDT', all[2], { i: '2290000001202469357' })), RESULT.rows);
      const stored = harness.takeRows().map((row) => String(row.values.trade_id));
      assert.deepEqual(stored, [...ids, '2290000001202469357']);
      assert.equal(harness.count('duplicates'), 2);
      assert.deepEqual(harness.gaps, []);
    }
  });

  it('takes the UUID for the id of a linear trade: several share a sequence number', () => {
    const harness = new Harness(exchanges['bybit-linear'], ['BTCUSDT']);
    const uuid = (last: number) => `20f43950-d8dd-5b31-9112-a178eb602${String(last).padStart(3, '0')}`;
    harness.feed(
      wire.trade('BTCUSDT', { i: uuid(1), seq: 5 }, { i: uuid(2), seq: 5 }, { i: uuid(1), seq: 5 }),
    );
    const rows = harness.takeRows();
    assert.deepEqual(
      rows.map((row) => [
        row.values.trade_id,
        Buffer.from(row.values.trade_uuid as Uint8Array).toString('hex'),
      ]),
      [uuid(1), uuid(2)].map((id) => [5n, id.replaceAll('-', '')]),
    );
  });

  it('stores the rest of a message with a bad trade, refuses it and lists the loss', () => {
    for (const bad of [{ i: 'x' }, { p: 'x' }, { T: -1 }, { v: null }] as Record<string, JsonValue>[]) {
      const harness = new Harness(exchanges.bybit, ['BTCUSDT']);
      harness.feed(wire.trade('BTCUSDT', { i: '1' }, { i: '2', ...bad }, { i: '3' }));
      assert.deepEqual(
        harness.takeRows().map((row) => Number(row.values.trade_id)),
        [1, 3],
      );
      assert.equal(harness.count('rejected'), 1);
      assert.deepEqual(
        harness.gaps.map((gap) => [gap.table.name, gap.cause]),
        [['TRADES', 'malformed']],
      );
    }
  });
});

describe('tickers of linear contracts', () => {
  const NAMES = ['lastPrice', 'bid1Price', 'ask1Price', 'volume24h'] as const;
  const OTHERS = [
    'markPrice',
    'indexPrice',
    'bid1Size',
    'ask1Size',
    'openInterest',
    'turnover24h',
    'fundingRate',
  ];

  it('merges any set of changed keys, in any order, as an object would', () => {
    for (const parser of PARSERS) {
      const random = randomFrom(11);
      const symbols = ['BTCUSDT', 'DOGEUSDT', 'BTCUSDT-25DEC26'];
      const harness = new Harness(exchanges['bybit-linear'], symbols, { parser });
      const known = new Map<string, Record<string, string>>();
      const results = new Map<number, number>();
      for (let n = 0; n < 4000; n++) {
        const symbol = symbols[random(symbols.length)];
        const snapshot = random(300) === 0;
        // a new connection knows nothing
        if (random(500) === 0) {
          known.clear();
          harness.parser.reconnected?.();
        }
        const names = [...NAMES, ...OTHERS].filter(() => (random(snapshot ? 8 : 3) === 0) !== snapshot);
        const data: Record<string, string> = {};
        for (const name of names.sort(() => random(3) - 1))
          data[name] = random(40) === 0 ? '' : `${random(90_000) + 1}.${random(1000)}`;
        const before = known.get(symbol);
        const result = harness.feed(wire.ticker(symbol, snapshot ? 'snapshot' : 'delta', data));
        results.set(result, (results.get(result) ?? 0) + 1);
        const rows = harness.takeRows();
        const touched = NAMES.some((name) => name in data);
        if (!snapshot && before === undefined) {
          assert.equal(result, RESULT.unsynced);
          continue;
        }
        const merged = snapshot ? data : { ...before, ...data };
        known.set(symbol, merged);
        if (!touched || !merged.lastPrice) {
          assert.ok(
            result === RESULT.control || result === RESULT.unsynced || result === RESULT.missingField,
          );
          assert.equal(rows.length, 0);
          continue;
        }
        assert.equal(result, RESULT.rows, JSON.stringify(data));
        const [row] = rows.map((one) => describeRow(one, symbols, true));
        const text = (name: string) => merged[name] || 'null';
        assert.deepEqual(row, {
          table: 'MD',
          symbol,
          time: '1800000000000000000',
          price: text('lastPrice'),
          bid: text('bid1Price'),
          ask: text('ask1Price'),
          volume: text('volume24h'),
        });
      }
      for (const result of [RESULT.rows, RESULT.control, RESULT.unsynced, RESULT.missingField])
        assert.ok((results.get(result) ?? 0) > 10, `result ${result} occurred`);
    }
  });

  it('keeps the text of a number that does not fit beside every row that repeats it', () => {
    const harness = new Harness(exchanges['bybit-linear'], ['BTCUSDT']);
    const huge = '123456789012345678901234';
    harness.feed(wire.ticker('BTCUSDT', 'snapshot', { lastPrice: '1.50', volume24h: huge }));
    harness.feed(wire.ticker('BTCUSDT', 'delta', { lastPrice: '1.60' }));
    const texts = harness.take().flatMap((record) => ('text' in record ? [record.text] : []));
    assert.deepEqual(texts, [huge, huge]);
  });

  it('does not repeat a number that it could not read', () => {
    const harness = new Harness(exchanges['bybit-linear'], ['BTCUSDT']);
    harness.feed(wire.ticker('BTCUSDT', 'snapshot', { lastPrice: '1', bid1Price: '2', ask1Price: '3' }));
    assert.equal(harness.feed(wire.ticker('BTCUSDT', 'delta', { bid1Price: 'x' })), RESULT.badNumber);
    assert.equal(harness.feed(wire.ticker('BTCUSDT', 'delta', { ask1Price: '4' })), RESULT.rows);
    const rows = harness.takeRows();
    assert.equal(Number.isNaN(rows[1].values.best_bid), true);
    assert.equal(
      harness.feed(wire.ticker('BTCUSDT', 'delta', { lastPrice: `${'1'.repeat(65)}` })),
      RESULT.badNumber,
    );
    // without a price nothing can be said until the next one
    assert.equal(harness.feed(wire.ticker('BTCUSDT', 'delta', { ask1Price: '5' })), RESULT.unsynced);
    assert.equal(harness.feed(wire.ticker('BTCUSDT', 'delta', { lastPrice: '9' })), RESULT.rows);
  });

  it('knows what a message changed that the ring had no room for', () => {
    const harness = new Harness(exchanges['bybit-linear'], ['BTCUSDT'], { ringWords: 64 });
    harness.feed(wire.ticker('BTCUSDT', 'snapshot', { lastPrice: '1', bid1Price: '2' }));
    while (harness.feed(wire.ticker('BTCUSDT', 'delta', { lastPrice: '5', bid1Price: '3' })) === RESULT.rows);
    assert.equal(harness.feed(wire.ticker('BTCUSDT', 'delta', { bid1Price: '4' })), RESULT.ringFull);
    harness.release();
    harness.feed(wire.ticker('BTCUSDT', 'delta', { lastPrice: '7' }));
    const [row] = harness.takeRows();
    assert.deepEqual([row.values.price, row.values.best_bid], [7, 4]);
  });
});

describe('books', () => {
  const level = [['2', '1']];
  const rowsOf = (harness: Harness) => harness.takeRows().map((row) => Number(row.values.seq));

  it('follows u, sets stale changes aside, and asks again after a gap', () => {
    for (const parser of PARSERS) {
      const harness = new Harness(exchanges['bybit-linear'], ['BTCUSDT'], { parser });
      const feed = (type: string, u: number) => harness.feed(wire.book('BTCUSDT', type, u, level, []));
      assert.equal(feed('delta', 9), RESULT.unsynced);
      assert.deepEqual([feed('snapshot', 10), feed('delta', 11), feed('delta', 12)], [1, 1, 1]);
      assert.deepEqual([feed('delta', 12), feed('delta', 5)], [RESULT.unsynced, RESULT.unsynced]);
      assert.equal(feed('delta', 13), RESULT.rows);
      assert.equal(feed('delta', 15), RESULT.unsynced);
      assert.equal(feed('delta', 16), RESULT.unsynced);
      assert.deepEqual(rowsOf(harness), [10, 11, 12, 13]);
      assert.equal(harness.count('unsynced'), 5);
      harness.nowMs += 1000;
      harness.books?.doWork();
      assert.deepEqual(harness.resyncs, [0]);
      assert.equal(feed('snapshot', 20), RESULT.rows);
      assert.deepEqual(
        harness.gaps.map((gap) => [gap.table.name, gap.cause, gap.fromId, gap.toId]),
        [['BOOK', 'unknown', 14, 20]],
      );
    }
  });

  it('takes u = 1 for a snapshot, whatever it calls itself, and any snapshot for a new beginning', () => {
    const harness = new Harness(exchanges.bybit, ['BTCUSDT']);
    const feed = (type: string, u: number) => harness.feed(wire.book('BTCUSDT', type, u, level, level));
    assert.deepEqual(
      [feed('snapshot', 500), feed('delta', 1), feed('delta', 2), feed('snapshot', 2)],
      [1, 1, 1, 1],
    );
    const starts = harness.takeRows().map((row) => (Number(row.values.flags) & flag('snapshot_start')) !== 0);
    assert.deepEqual(starts, [true, false, true, false, false, false, true, false]);
  });

  it('says that a book is empty, and follows a change without levels', () => {
    const harness = new Harness(exchanges.bybit, ['BTCUSDT']);
    assert.equal(harness.feed(wire.book('BTCUSDT', 'snapshot', 5, [], [])), RESULT.rows);
    assert.equal(harness.feed(wire.book('BTCUSDT', 'delta', 6, [], [])), RESULT.control);
    assert.equal(harness.feed(wire.book('BTCUSDT', 'delta', 7, [], level)), RESULT.rows);
    assert.deepEqual(
      harness.takeRows().map((row) => Number(row.values.side)),
      [0, 2],
    );
  });

  it('breaks the book of an event that it cannot write as a whole', () => {
    for (const bad of [[['2', 'x']], [['2']], [[]], [[null, '1']]] as string[][][]) {
      const harness = new Harness(exchanges.bybit, ['BTCUSDT']);
      harness.feed(wire.book('BTCUSDT', 'snapshot', 5, level, level));
      const result = harness.feed(wire.book('BTCUSDT', 'delta', 6, level, bad));
      assert.ok(result >= RESULT.badJson, JSON.stringify(bad));
      assert.equal(harness.books?.isLive(0), false);
      assert.equal(harness.feed(wire.book('BTCUSDT', 'delta', 7, level, [])), RESULT.unsynced);
    }
  });

  it('keeps quotes and books apart, and stores quotes that are repeated with the same u', () => {
    const harness = new Harness(exchanges.bybit, ['BTCUSDT']);
    for (const u of [7, 7, 9])
      assert.equal(harness.feed(wire.book('BTCUSDT', 'snapshot', u, level, [], 1)), 1);
    assert.equal(harness.books?.isLive(0), false);
    assert.deepEqual(
      harness.takeRows().map((row) => [row.table, Number(row.values.update_id)]),
      [['BBO', 7], ['BBO', 7], ['BBO', 9]],
    ); // biome-ignore format: a table
    for (const depth of ['rpi', 'full', 'x1', ''])
      assert.equal(
        harness.feed(
          wire.book('BTCUSDT', 'snapshot', 1, level, []).replace('orderbook.50', `orderbook.${depth}`),
        ),
        RESULT.unknownKind,
      );
  });
});

describe('requests', () => {
  const many = (count: number) =>
    Array.from({ length: count }, (_, i) => ({
      channel: i % 2 === 0 ? 'trades' : 'klines_1h',
      native: `S${i >> 1}USDT`,
    }));

  it('name ten topics at most on spot, and less than 21,000 characters on a full connection', () => {
    const spot = exchanges.bybit.subscribe(many(23), 4);
    assert.deepEqual(
      spot.map(({ id, covers }) => [id, covers.length]),
      [[4, 10], [5, 10], [6, 3]],
    ); // biome-ignore format: a table
    assert.deepEqual(JSON.parse(spot[2].text), {
      req_id: '6',
      op: 'subscribe',
      args: ['publicTrade.S10USDT', 'kline.60.S10USDT', 'publicTrade.S11USDT'],
    });
    for (const exchange of Object.values(exchanges)) {
      const symbols = Array.from(
        { length: exchange.defaults.symbols_per_connection },
        (_, i) => `1000BABYDOGEUSD${i}`,
      );
      const everything = symbols.flatMap((native) =>
        Object.keys(exchange.channels).map((channel) => ({ channel, native })),
      );
      const topics = exchange
        .subscribe(everything, 1)
        .flatMap(({ text }) => (JSON.parse(text) as { args: string[] }).args);
      assert.equal(new Set(topics).size, everything.length);
      assert.ok(topics.join('').length < 21_000, `${topics.join('').length} characters`);
    }
  });

  const answer = (text: string, id = 'bybit-linear') => {
    const harness = new Harness(exchanges[id], ['BTCUSDT']);
    return { result: harness.feed(text), events: harness.control };
  };

  it('are answered as a whole', () => {
    assert.deepEqual(
      answer(
        '{"success":true,"ret_msg":"","conn_id":"d9tc9d83r8h4ejgu2cu0-ctw7","req_id":"12","op":"subscribe"}',
      ).events,
      [{ kind: 'accepted', id: 12 }],
    );
    const refusal = 'error:handler not found,topic:publicTrade.NOTASYMBOL';
    assert.deepEqual(
      answer(`{"success":false,"ret_msg":"${refusal}","conn_id":"c","req_id":"3","op":"subscribe"}`).events,
      [{ kind: 'refused', id: 3, channel: 'trades', native: 'NOTASYMBOL', whole: true, reason: refusal }],
    );
    const spot = 'Invalid symbol :[orderbook.50.NOTREALUSDT]';
    assert.deepEqual(
      answer(`{"success":false,"ret_msg":"${spot}","conn_id":"c","op":"subscribe"}`, 'bybit').events,
      [{ kind: 'refused', id: undefined, channel: 'book', native: 'NOTREALUSDT', whole: true, reason: spot }],
    );
  });

  it('know that a topic which is subscribed already is no refusal', () => {
    const reason = 'error:already subscribed,topic:orderbook.1.ETHUSDT';
    const state = { kind: 'state', subscriptions: [{ channel: 'bbo', native: 'ETHUSDT' }] };
    assert.deepEqual(
      answer(`{"success":false,"ret_msg":"${reason}","conn_id":"c","req_id":"","op":"subscribe"}`).events,
      [state],
    );
    assert.deepEqual(
      answer(`{"success":false,"ret_msg":"${reason}","conn_id":"c","req_id":"6","op":"subscribe"}`).events,
      [state, { kind: 'refused', id: 6, whole: true, reason }],
    );
  });

  it('pongs and other answers say nothing about subscriptions', () => {
    for (const text of [
      '{"success":true,"ret_msg":"pong","conn_id":"0970e817","op":"ping"}',
      '{"success":true,"ret_msg":"pong","conn_id":"465772b1","req_id":"","op":"ping"}',
      '{"args":["1672916271846"],"op":"pong"}',
      '{"success":true,"ret_msg":"","conn_id":"c","req_id":"7","op":"unsubscribe"}',
    ])
      assert.deepEqual(answer(text), { result: RESULT.control, events: [] }, text);
  });
});

describe('lists of symbols', () => {
  it('are read page by page with the state of each, contracts with an end under a name of their own', async () => {
    const asked: string[] = [];
    const entry = (symbol: string, baseCoin: string, quoteCoin: string, status = 'Trading') => ({
      symbol,
      baseCoin,
      quoteCoin,
      status,
    });
    const pages = [
      { list: [entry('BTCUSDT', 'BTC', 'USDT'), entry('OLDUSDT', 'OLD', 'USDT', 'Closed')], nextPageCursor: 'first%3DB' },
      { list: [entry('BTCPERP', 'BTC', 'USDC'), entry('BTCUSDT-25DEC26', 'BTC', 'USDT')], nextPageCursor: '' },
      { list: [entry('NEWUSDT', 'NEW', 'USDT', 'PreLaunch')], nextPageCursor: '' },
    ]; // biome-ignore format: a table
    const symbols = await exchanges['bybit-linear'].listSymbols((path) => {
      asked.push(path);
      return Promise.resolve({
        retCode: 0,
        retMsg: 'OK',
        result: pages[asked.length - 1],
      } as unknown as JsonValue);
    });
    assert.deepEqual(
      symbols.map(({ native, base, quote, state }) => [native, base, quote, state]),
      [
        ['BTCUSDT', 'BTC', 'USDT', 'trading'],
        ['OLDUSDT', 'OLD', 'USDT', 'delisted'],
        ['BTCPERP', 'BTC', 'USDC', 'trading'],
        ['BTCUSDT-25DEC26', 'BTC', 'USDT-25DEC26', 'trading'],
        ['NEWUSDT', 'NEW', 'USDT', 'pre_trading'],
      ],
    );
    assert.deepEqual(asked, [
      '/v5/market/instruments-info?category=linear&limit=1000',
      '/v5/market/instruments-info?category=linear&limit=1000&cursor=first%3DB',
      '/v5/market/instruments-info?category=linear&limit=1000&status=PreLaunch',
    ]);
  });

  it('that are refused or have no end are an error', async () => {
    await assert.rejects(
      exchanges.bybit.listSymbols(() =>
        Promise.resolve({ retCode: 10001, retMsg: 'params error', result: {} }),
      ),
      /params error/,
    );
    const endless = { result: { list: [], nextPageCursor: 'again' } } as unknown as JsonValue;
    await assert.rejects(
      exchanges.bybit.listSymbols(() => Promise.resolve(endless)),
      /no end/,
    );
  });
});

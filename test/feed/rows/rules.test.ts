/** Rules that rows have to keep: what breaks one is flagged and counted, or set aside, and too much of it trips a breaker. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadExchange } from '../../../src/exchanges/index.js';
import { REJECTED_REASONS } from '../../../src/feed/rows/result.js';
import { RULES, type RuleOptions } from '../../../src/feed/rows/rules.js';
import type { DecodedRow, DecodedText } from '../../../src/schema/codec.js';
import { flag } from '../../../src/schema/flags.js';
import { TEXT_KIND } from '../../../src/schema/text.js';
import { DEFAULT_RULES, Harness, type ParserName } from '../../support/harness.js';

const binance = await loadExchange('binance');
const bybit = await loadExchange('bybit');
const kraken = await loadExchange('kraken');
const FLAG = DEFAULT_RULES;
const ASIDE: RuleOptions = { ...FLAG, setsAside: true };
const FAILED = flag('failed_validation');
const SUSPECT = flag('suspect_clock');
const RECEIVED = 1_800_000_000;

const trade = (id: number, price = '100.25', size = '0.5', time = RECEIVED) =>
  `{"stream":"btcusdt@trade","data":{"e":"trade","E":${RECEIVED}000,"s":"BTCUSDT","t":${id},"p":"${price}","q":"${size}","T":${time}000,"m":true,"M":true}}`;
const quotes = (bid: string, ask: string) =>
  `{"stream":"btcusdt@bookTicker","data":{"u":1,"s":"BTCUSDT","b":"${bid}","B":"1","a":"${ask}","A":"2"}}`;
const ticker = (price: string, bid: string, ask: string) =>
  `{"stream":"btcusdt@ticker","data":{"e":"24hrTicker","E":${RECEIVED}000,"s":"BTCUSDT","c":"${price}","Q":"1","b":"${bid}","a":"${ask}","v":"9"}}`;

const start = (rules: RuleOptions, parser: ParserName = 'scan', exchange = binance) =>
  new Harness(exchange, ['BTCUSDT', 'ETHUSDT'], {
    rules,
    parser,
    channels: Object.keys(exchange.channels).filter((name) => /^(trades|ticker|bbo)$/.test(name)),
  });

const isText = (record: DecodedRow | DecodedText): record is DecodedText => record.table === 'TEXT';

/** Flags of the rows since the last call, of the rules alone. */
function failed(harness: Harness): boolean[] {
  return harness.takeRows().map(({ values }) => (Number(values.flags) & FAILED) !== 0);
}

for (const parser of ['scan', 'json'] as const) {
  test(`${parser}: a bid that is not below the ask is flagged, however near they are`, () => {
    const harness = start(FLAG, parser);
    const pairs: [string, string, boolean][] = [
      ['100', '101', false],
      ['101', '100', true],
      ['100', '100', true],
      ['100', '100.0', true],
      // the same float
      ['131072.01', '131072.02', false],
      ['131072.02', '131072.01', true],
      ['16777217', '16777217.5', false],
      ['16777217.5', '16777217', true],
      ['0.1234567891234', '0.12345678912341', false],
    ];
    for (const [bid, ask] of pairs) {
      harness.feed(quotes(bid, ask));
      harness.feed(ticker('100', bid, ask));
    }
    assert.deepEqual(
      failed(harness),
      pairs.flatMap(([, , isCrossed]) => [isCrossed, isCrossed]),
    );
    const crossed = pairs.filter(([, , isCrossed]) => isCrossed).length;
    assert.equal(harness.count('broken_crossed'), 2 * crossed);
    harness.feed(quotes('100', ''));
    harness.feed(quotes('', '100'));
    assert.deepEqual(failed(harness), [false, false], 'there is nothing to compare');
  });

  test(`${parser}: a price that jumps is flagged, and the next one is measured by it`, () => {
    const harness = start({ ...FLAG, jumpPercentMax: 50 }, parser);
    const prices = ['100', '149', '100', '66', '200', '201', '100.5', '67.1', '44.5'];
    for (const [id, price] of prices.entries()) harness.feed(trade(id, price));
    assert.deepEqual(failed(harness), [false, false, false, true, true, false, true, false, true]);
    assert.equal(harness.count('broken_jump'), 4);
    for (const price of ['10', '14', '30']) harness.feed(ticker(price, '1', '2'));
    assert.deepEqual(failed(harness), [false, false, true], 'each table has a price of its own');
  });
}

test('no jump is too far by default', () => {
  const harness = start(FLAG);
  for (const [id, price] of ['0.00000001', '99999999', '0.1'].entries()) harness.feed(trade(id, price));
  assert.deepEqual(failed(harness), [false, false, false]);
});

test('every rule counts what breaks it', () => {
  const harness = start({ ...FLAG, jumpPercentMax: 50 });
  harness.feed(trade(1));
  harness.feed(trade(2, '0'));
  harness.feed(trade(3, '100', '-1'));
  harness.feed(trade(4, '300'));
  harness.feed(trade(5, '300', '1', RECEIVED - 90_000));
  harness.feed(quotes('2', '1'));
  const counts = Object.keys(RULES).map((name) => harness.count(`broken_${name as keyof typeof RULES}`));
  // a price of 0 is far from any other, too
  assert.deepEqual(counts, [2, 1, 2, 1]);
  const flags = harness.takeRows().map(({ values }) => Number(values.flags) & (FAILED | SUSPECT));
  assert.deepEqual(flags, [0, FAILED, FAILED, FAILED, SUSPECT, FAILED]);
  assert.equal(harness.count('set_aside'), 0);
});

for (const parser of ['scan', 'json'] as const)
  test(`${parser}: what is set aside leaves its text with a reason, and the rest of its message is stored`, () => {
    const harness = start(ASIDE, parser, bybit);
    const item = (id: number, price: string) =>
      `{"i":"${id}","T":${RECEIVED}000,"p":"${price}","v":"1","S":"Buy","seq":1,"s":"BTCUSDT","BT":false,"RPI":false}`;
    const message = (...items: string[]) =>
      `{"topic":"publicTrade.BTCUSDT","ts":${RECEIVED}000,"type":"snapshot","data":[${items.join()}]}`;
    for (const id of [1, 2, 3]) harness.feed(message(item(id, '5')));
    harness.take();
    const bad = message(item(4, '5'), item(5, '0'), item(6, '5'));
    harness.feed(bad);
    harness.feed(message(item(7, '5')));
    const records = harness.take();
    const ids = records.flatMap((record) => (isText(record) ? [] : [record.values.trade_id]));
    assert.deepEqual(ids, [4n, 6n, 7n]);
    const texts = records.filter(isText);
    assert.deepEqual(
      texts.map(({ kind, text, detail }) => [kind, text, REJECTED_REASONS[detail]]),
      [[TEXT_KIND.rejected, bad, `a row was set aside: ${RULES.positive.doc}`]],
    );
    assert.deepEqual(harness.setAside, [['TRADES', 0]]);
    assert.deepEqual([harness.count('set_aside'), harness.count('rejected')], [1, 0]);
  });

test('a template sets aside what it reads, too, and knows the row for what it is', () => {
  const harness = start(ASIDE);
  for (const id of [1, 2, 3]) harness.feed(trade(id));
  const misses = harness.count('template_misses');
  harness.feed(trade(4, '0.00'));
  harness.feed(trade(5));
  assert.equal(harness.count('template_misses'), misses);
  const records = harness.take();
  assert.deepEqual(
    records.map((record) => (isText(record) ? record.text : record.values.trade_id)),
    [1n, 2n, 3n, trade(4, '0.00'), 5n],
  );
  assert.deepEqual(harness.gaps, [], 'the sequence has seen the id');
});

test('rows of books are never set aside', () => {
  const harness = new Harness(kraken, ['BTC/USD'], { rules: ASIDE, channels: ['book'] });
  harness.feed(
    '{"channel":"book","type":"snapshot","data":[{"symbol":"BTC/USD","bids":[{"price":0.0,"qty":1.0}],"asks":[{"price":2.0,"qty":1.0}]}]}',
  );
  assert.deepEqual(failed(harness), [true, false]);
  assert.deepEqual([harness.count('set_aside'), harness.count('broken_positive')], [0, 1]);
});

test('the breaker of a symbol trips when too many of its rows fail, and closes when fewer do', () => {
  const harness = start({ ...ASIDE, breakerRows: 100, breakerPercent: 20 });
  let id = 0;
  const feed = (rows: number, isBad: (row: number) => boolean) => {
    for (let row = 0; row < rows; row++) harness.feed(trade(++id, isBad(row) ? '0' : '1'));
  };
  const rules = harness.rules!;
  feed(100, (row) => row % 5 === 0);
  assert.deepEqual([rules.tripped, harness.count('set_aside')], [[], 20], 'not more than the share');
  feed(40, (row) => row >= 19);
  assert.deepEqual([rules.tripped, harness.count('set_aside')], [[0], 40], 'from the 21st on they are kept');
  const { revision } = rules;
  harness.take();
  feed(60, () => true);
  assert.deepEqual(failed(harness), Array(60).fill(true), 'and flagged');
  assert.deepEqual(rules.tripped, [0]);
  feed(101, (row) => row < 20);
  assert.deepEqual(rules.tripped, []);
  assert.equal(rules.revision, revision + 1);
  assert.equal(harness.count('set_aside'), 40);
  feed(1, () => true);
  assert.equal(harness.count('set_aside'), 41);
});

test('the breaker is that of one symbol', () => {
  const harness = start({ ...FLAG, breakerRows: 10 });
  for (let id = 1; id < 100; id++) {
    harness.feed(trade(id, '0'));
    harness.feed(trade(id).replaceAll('BTC', 'ETH').replaceAll('btc', 'eth'));
  }
  assert.deepEqual(harness.rules!.tripped, [0]);
  harness.rules!.leave(0);
  assert.deepEqual(harness.rules!.tripped, []);
});

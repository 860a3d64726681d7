/** Values that are out of the ordinary keep their row and say so, whichever parser and whichever form of a message. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadExchange } from '../../../src/exchanges/index.js';
import { flag } from '../../../src/schema/flags.js';
import { Harness, type ParserName, simdjsonMissing } from '../../support/harness.js';

const PARSERS: readonly ParserName[] = simdjsonMissing() ? ['scan', 'json'] : ['scan', 'json', 'simdjson'];
const RECEIVED = 1_800_000_000;
const binance = await loadExchange('binance');
const coinbase = await loadExchange('coinbase');

const trade = (id: number, time: string) =>
  `{"stream":"btcusdt@trade","data":{"e":"trade","E":${RECEIVED}000,"s":"BTCUSDT","t":${id},"p":"100.25","q":"0.5","T":${time},"m":true,"M":true}}`;

for (const parser of PARSERS) {
  test(`${parser}: an event time that no u32 holds keeps the trade, with the time of receipt`, () => {
    const harness = new Harness(binance, ['BTCUSDT'], { parser, channels: ['trades'] });
    const times = ['4294967296000', '9999999999999999', '99999999999999999', '123456789012345678901234'];
    // the shape of the message is known by then
    for (const id of [1, 2, 3]) harness.feed(trade(id, `${RECEIVED}000`));
    for (const [i, time] of times.entries()) harness.feed(trade(4 + i, time));
    const rows = harness.takeRows().slice(3);
    assert.deepEqual(
      rows.map(({ values }) => [Number(values.trade_id), values.trade_time]),
      times.map((_, i) => [4 + i, RECEIVED]),
    );
    const expected = flag('suspect_clock') | flag('no_event_time');
    for (const { values } of rows) assert.equal(Number(values.flags) & expected, expected);
    for (const time of ['""', '"later"', '-1', '"-"', '1e', 'true']) harness.feed(trade(20, time));
    assert.deepEqual(harness.takeRows(), [], 'what is no number at all is refused');
  });

  test(`${parser}: a negative number is flagged, also where the f32 alone is kept`, () => {
    const harness = new Harness(coinbase, ['BTC-USD'], { parser, channels: ['ticker'] });
    const ticker = (size: string, volume: string) =>
      `{"type":"ticker","sequence":1,"product_id":"BTC-USD","price":"1285.22","open_24h":"1310.79","volume_24h":"${volume}","low_24h":"1280.52","high_24h":"1313.8","volume_30d":"9788783.6","best_bid":"1285.04","best_bid_size":"0.4","best_ask":"1285.27","best_ask_size":"1.5","side":"buy","time":"2027-01-15T08:00:00.5Z","trade_id":370843401,"last_size":"${size}"}`;
    for (let n = 0; n < 3; n++) harness.feed(ticker('1.5', '10'));
    harness.feed(ticker('-1.5', '10'));
    harness.feed(ticker('1.5', '-10'));
    harness.feed(ticker('1.5', '10'));
    assert.deepEqual(
      harness.takeRows().map(({ values }) => (Number(values.flags) & flag('failed_validation')) !== 0),
      [false, false, false, true, true, false],
    );
  });
}

/** A message that could not be read casts suspicion on the streams that it names, and on all when it names none. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Exchange } from '../../src/feed/exchange.js';
import { parseKeepingText } from '../../src/feed/json/document.js';
import { originsOf } from '../../src/feed/origins.js';
import { EXCHANGES, readFixtures } from '../support/fixtures.js';
import { Harness } from '../support/harness.js';

function namesOf(exchange: Exchange, message: string): string[] {
  return originsOf(exchange, parseKeepingText(message)).map(
    ({ native, channel }) =>
      `${native} ${channel === undefined ? '?' : exchange.channels[channel].table.name}`,
  );
}

for (const exchange of EXCHANGES)
  describe(`origins: ${exchange.id}`, () => {
    const {
      messages,
      symbols: [native],
    } = readFixtures(exchange.id);

    it('names the symbol and the table of every row', () => {
      for (const { message, rows, name } of messages) {
        const names = namesOf(exchange, message);
        // raw streams do not say whose they are
        if (names.length === 0 && !message.includes('"stream"') && exchange.id.startsWith('binance'))
          continue;
        for (const { symbol = native, table } of rows)
          assert.ok(names.includes(`${symbol} ${table}`), `${name}: ${symbol} ${table} in ${names.join()}`);
      }
    });

    it('names nothing where anything may be meant', () => {
      for (const message of ['{}', '[]', '[{}]', '1', '"text"', '{"data":[{}]}', '{"data":{}}'])
        assert.deepEqual(namesOf(exchange, message), [], message);
      assert.deepEqual(originsOf(exchange, undefined), []);
    });
  });

it('a refused message is read again for what it names, unless it is no JSON', () => {
  const okx = EXCHANGES.find(({ id }) => id === 'okx')!;
  const harness = new Harness(okx, ['BTC-USDT']);
  harness.feed(
    '{"arg":{"channel":"trades-all","instId":"BTC-USDT"},"data":[{"instId":"BTC-USDT","tradeId":"1","px":"x","sz":"1","side":"buy","ts":"1800000000000"}]}',
  );
  harness.feed('{"arg":{"channel":"trades-all","instId":"BTC-USDT"},"data":[{"instId":');
  assert.deepEqual(
    harness.refused.map((document) => originsOf(okx, document)),
    [[{ native: 'BTC-USDT', channel: 'trades' }], []],
  );
});

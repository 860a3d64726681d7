/** What an exchange's symbols have to do with its trouble: it is named, tried again before long, and over once it is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import type { SymbolInfo } from '../../src/feed/exchange.js';
import { ExchangeSymbols } from '../../src/supervisor/exchange_symbols.js';
import { until } from '../support/processes.js';

const BTC: SymbolInfo = {
  native: 'BTC-USD',
  base: 'BTC',
  quote: 'USD',
  status: 'online',
  tick: '0.01',
  lot: '1',
  state: 'trading',
};

for (const [what, text] of [
  ['list', /^the list of symbols cannot be had: out of order$/],
  ['capture', /^its symbols cannot be captured: out of order$/],
] as const)
  test(`a ${what} that fails is named and tried again, and no trouble is left once it works`, async (t) => {
    let broken = true;
    const captured: string[][] = [];
    const attempt = (part: string) => {
      if (broken && part === what) throw new Error('out of order');
    };
    const symbols = new ExchangeSymbols({
      ...{ exchange: 'coinbase', symbols: 'all', room: 10, roomText: 'no room', intervalMs: 3_600_000 },
      list: async () => {
        attempt('list');
        return [BTC];
      },
      capture: async (natives) => {
        attempt('capture');
        captured.push([...natives]);
      },
      listed: () => undefined,
      record: async () => undefined,
      log: pino({ level: 'silent' }),
    });
    t.after(() => symbols.stop());
    symbols.start();
    await until('the trouble is named', () => text.test(symbols.status().trouble ?? ''));
    assert.deepEqual(captured, []);
    broken = false;
    // long before the interval is over
    await until('the symbol is captured', () => captured.length > 0);
    await until('no trouble is left', () => symbols.status().trouble === undefined);
    assert.deepEqual(captured, [['BTC-USD']]);
  });

/** What recorded lists of the exchanges say of an instrument: state, steps with every digit, and since when it is listed. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, it } from 'node:test';
import { loadExchange } from '../../src/exchanges/index.js';
import type { SymbolInfo } from '../../src/feed/exchange.js';
import type { JsonValue } from '../../src/feed/json/document.js';
import { corpusMissing } from '../support/corpus.js';

type Wanted = readonly [native: string, state: string, tick: string, lot: string, listed: string];

// biome-ignore format: a table
const LISTS: readonly (readonly [exchange: string, file: string, ...Wanted])[] = [
  ['binance', 'binance-spot/exchangeInfo-20211012', 'BTCUSDT', 'trading', '0.01000000', '0.00001000', ''],
  ['binance-futures', 'binance-futures/exchangeInfo-20250822', 'BTCUSDT', 'trading', '0.10', '0.001', '2019-09-25T08:00:00.000Z'],
  ['bybit', 'bybit/instruments-info-spot-20260809', 'BTCUSDT', 'trading', '0.1', '0.000001', ''],
  ['bybit-linear', 'bybit/instruments-info-linear-20260809', 'BTCUSDT', 'trading', '0.10', '0.001', '2020-03-15T00:00:00.000Z'],
  ['coinbase', 'coinbase/products-20250818', 'BTC-USD', 'trading', '0.01', '1e-08', ''],
  ['coinbase-advanced', 'coinbase/advanced-products-20260809', 'BTC-USD', 'trading', '0.01', '0.00000001', '2023-01-01T00:00:00.000Z'],
  ['kraken', 'kraken/AssetPairs-nautilus-sample', 'BTC/USDT', 'trading', '0.1', '0.00000001', ''],
  ['okx', 'okx/instruments-SPOT-20220513', 'BTC-USDT', 'trading', '0.1', '0.00000001', '2019-01-22T05:03:33.000Z'],
  ['upbit', 'upbit/all-20210417', 'KRW-BTC', 'trading', '', '', ''],
];

const said = ({ native, state, tick, lot, listedMs }: SymbolInfo): Wanted => [
  ...([native, state, tick, lot] as const),
  listedMs === undefined ? '' : new Date(listedMs).toISOString(),
];

describe('a recorded list', { skip: corpusMissing }, () => {
  for (const [exchange, file, ...wanted] of LISTS)
    it(`of ${exchange}`, async () => {
      const path = resolve('..', 'shared', 'corpus', 'rest', `${file}.json`);
      const document = JSON.parse(readFileSync(path, 'utf8')) as JsonValue;
      const listed = await (await loadExchange(exchange)).listSymbols(async () => document);
      assert.deepEqual(said(listed.find(({ native }) => native === wanted[0]) as SymbolInfo), wanted);
    });
});

/** What a reload reports. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diffConfig } from '../../src/config/diff.js';
import { read } from './fixtures.js';

test('an unchanged configuration has no changes, also when written differently', () => {
  assert.deepEqual(diffConfig(read('').config, read('[http]\nport = 9090\n').config), []);
});

test('each changed key is listed with both values and with when it applies', () => {
  const before = read('').config;
  const after = read(`
[logger]
log_level = "debug"
data_path = "/data"
[exchanges.binance]
symbols = ["BTCUSDT"]
channels = ["trades"]
`).config;
  assert.deepEqual(diffConfig(before, after), [
    { key: 'logger.data_path', before: 'data', after: '/data', applies: 'restart' },
    { key: 'logger.log_level', before: 'info', after: 'debug', applies: 'reload' },
    { key: 'exchanges.binance.symbols', before: 'all', after: ['BTCUSDT'], applies: 'reload' },
    {
      key: 'exchanges.binance.channels',
      before: ['ticker', 'trades'],
      after: ['trades'],
      applies: 'restart',
    },
  ]);
});

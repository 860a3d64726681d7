/** Lines of keys, compared with what a person counts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keyLines } from '../../src/config/toml.js';

test('every key has the line its statement begins on, whatever spans lines in between', () => {
  const source = [
    '# a comment with [section] in it', // 1
    'top = """', // 2
    'not = 1', // 3
    '[nor] this', // 4
    '"""', // 5
    '', // 6
    '[http]', // 7
    'symbols = [ # comment ]', // 8
    '  "A", # one', // 9
    '', // 10
    '  "B"', // 11
    ']', // 12
    "'quoted.key' = 1", // 13
    'inline = { x = 1, y = [1, 2] }', // 14
    'websocket.dotted = 1', // 15
    '[exchanges.binance]', // 16
    'enabled = true', // 17
  ].join('\r\n');
  assert.deepEqual(Object.fromEntries(keyLines(source)), {
    top: 2,
    http: 7,
    'http.symbols': 8,
    'http.quoted.key': 13,
    'http.inline': 14,
    'http.inline.x': 14,
    'http.inline.y': 14,
    'http.websocket': 15,
    'http.websocket.dotted': 15,
    exchanges: 16,
    'exchanges.binance': 16,
    'exchanges.binance.enabled': 17,
  });
});

/** Lines of keys, compared with what a person counts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keyLines, parseToml } from '../../src/config/toml.js';

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

test('a value that is no TOML is answered with what to write', () => {
  const told = (source: string) => {
    try {
      parseToml(source, 'FILE');
      return '';
    } catch (error) {
      return (error as Error).message;
    }
  };
  const write = (better: string) => `invalid value; write: ${better}`;
  for (const [source, place, better] of [
    ['[logger]\nlog_level = info # as ever\n', '2:16', 'log_level = "info"'],
    ['log_level = fast', '1:13', 'log_level = "fast"'],
    ['data_path = /var/lib/logger', '1:13', 'data_path = "/var/lib/logger"'],
    ['ws_endpoint = wss://host:1/ws#a', '1:15', 'ws_endpoint = "wss://host:1/ws#a"'],
    ['host = 127.0.0.1', '1:13', 'host = "127.0.0.1"'],
    ['log_level = "info', '1:13', 'log_level = "info"'],
    ['log_level = “info”', '1:13', 'log_level = "info"'],
    ['enabled = True', '1:11', 'enabled = true'],
    ['enabled = off', '1:11', 'enabled = false'],
    ['symbols = [BTC-USD, "A,B", ETH/USD]', '1:12', 'symbols = ["BTC-USD", "A,B", "ETH/USD"]'],
    ['symbols = [\n  "A",\n  B, C, # two\n]', '3:3', '"B", "C",'],
    ['kline_intervals = [1m,\n 5m]', '1:21', 'kline_intervals = ["1m",'],
  ] as const) {
    assert.equal(told(source), `FILE:${place}: ${write(better)}`);
  }
  assert.equal(told('port =\nhost = "a"'), 'FILE:1:7: a value is missing behind port =');
  // nothing is made up where quotes are not what is missing
  for (const other of ['a = { b = c }', '[http\na = 1', 'a = 1\na = 2', 'a = """\nopen', 'a ! b'])
    assert.doesNotMatch(told(other), /; write/, other);
});

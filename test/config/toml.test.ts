/** Lines of keys, compared with what a person counts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allOrNames } from '../../src/config/kinds.js';
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

test('the same where a text over several lines has quotes and backslashes within', () => {
  const texts = [
    `a = """x ""y"" \\"""" # "`,
    `b = """\\\\"""`,
    `c = """"quoted"""""`,
    `d = '''\\'''`,
    `e = '''it's ''fine'' ]'''''`,
    `f = """`,
    `  [not]`,
    `  \\""" [`,
    `"""`,
    `g = [ "]", '[', """`,
    `]""", [`,
    `], ]`,
    `h = {}`,
    `[i]`,
    `j = 1`,
    `[[k]]`,
    `l = 1`,
    `[m]`,
  ];
  const lines = { a: 1, b: 2, c: 3, d: 4, e: 5, f: 6, g: 10, h: 13, i: 14, 'i.j': 15, k: 16, m: 18 };
  assert.deepEqual(Object.fromEntries(keyLines(texts.join('\n'))), lines);
  assert.deepEqual(Object.fromEntries(keyLines(texts.join('\r\n'))), lines);
});

test('a long list and many keys take time by their lines, not by the square of these', () => {
  // by the square these take minutes
  const list = Array.from({ length: 100_000 }, (_, i) => `  "S${i}-USD",`);
  const keys = Array.from({ length: 3000 }, (_, i) => `key_${i} = ${i}`);
  const lines = keyLines(['symbols = [', ...list, ']', '[a.b]', ...keys].join('\n'));
  assert.equal(lines.get('symbols'), 1);
  assert.equal(lines.get('a.b.key_2999'), 100_003 + 3000);
  const [option, twice] = [
    allOrNames({ doc: '', default: 'all', what: 'names', refuses: () => undefined }),
    'S7',
  ];
  const names = Array.from({ length: 100_000 }, (_, i) => `S${i}`);
  assert.equal(option.refuses(names), undefined);
  assert.match(option.refuses([...names, twice]) ?? '', /"S7" is listed twice/);
});

/** Loading: defaults, file, environment; every way a configuration is refused, and that nothing is ignored. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoggerError } from '../../src/base/errors.js';
import { loadConfig } from '../../src/config/load.js';
import { EXCHANGES, fileWith, PLUGINS, problems, read } from './fixtures.js';

test('an empty file gives the defaults that are promised to users', () => {
  const { config } = read('');
  assert.deepEqual(config, {
    logger: {
      data_path: 'data',
      symbol_file: '',
      buffer_size: 8192,
      flush_interval_secs: 5,
      parser: 'scan',
      exact: true,
      log_level: 'info',
      max_clock_skew_secs: 86_400,
    },
    journal: {
      enabled: true,
      sync_ms: 200,
      segment_bytes: 268_435_456,
      max_bytes: 10_737_418_240,
      free_bytes_min: 1_073_741_824,
    },
    feed: { workers: 'auto' },
    symbols: { refresh_secs: 600 },
    http: { host: '127.0.0.1', port: 9090, allowed_hosts: [] },
    network: { proxy: '', name_servers: [], address_timeout_secs: 2.5 },
    websocket: {
      message_timeout_secs: 20,
      initial_retry_delay_secs: 1,
      max_retry_delay_secs: 15,
      ack_timeout_secs: 10,
      frame_bytes_max: 16 * 1024 * 1024,
      ca_file: '',
    },
    exchanges: {
      coinbase: {
        enabled: true,
        ws_endpoint: 'wss://ws-feed.exchange.coinbase.com',
        rest_endpoint: 'https://api.exchange.coinbase.com',
        max_connections: 10,
        symbols_per_connection: 50,
        redundancy: 1,
        connection_secs_max: 0,
        symbols: 'all',
        channels: ['ticker', 'trades'],
        kline_intervals: ['1m', '5m', '15m', '1h'],
      },
      binance: {
        enabled: true,
        ws_endpoint: 'wss://stream.binance.com:9443',
        rest_endpoint: 'https://api.binance.com',
        max_connections: 5,
        symbols_per_connection: 100,
        redundancy: 1,
        connection_secs_max: 86_400,
        symbols: 'all',
        channels: ['ticker', 'trades'],
        kline_intervals: ['1m', '5m', '15m', '1h'],
      },
    },
    sinks: {},
  });
});

test('values of the file win over defaults, and their origin is known', () => {
  const { config, origins } = read(
    '[http]\nport = 1\n\n[exchanges.binance]\nsymbols = [\n  "A",\n  "B"\n]\n',
  );
  assert.equal(config.http.port, 1);
  assert.deepEqual(config.exchanges['binance'].symbols, ['A', 'B']);
  assert.match(origins.get('http.port')!, /\.toml:2$/);
  assert.match(origins.get('exchanges.binance.symbols')!, /\.toml:5$/);
  assert.equal(origins.get('http.host'), 'default');
});

test('the configuration is frozen to the bottom, and the declarations are not shared with it', () => {
  const { config } = read('');
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    assert.ok(Object.isFrozen(value));
    Object.values(value).forEach(visit);
  };
  visit(config);
  assert.throws(() => ((config.http as { port: number }).port = 1), TypeError);
  assert.throws(() => (config.exchanges['binance'].channels as string[]).push('x'), TypeError);
  assert.ok(!Object.isFrozen(EXCHANGES[0].default_channels));
});

const REFUSED: readonly [string, string, readonly string[]][] = [
  ['an unknown key', '[http]\nprot = 1\n', ['FILE:2: unknown key http.prot; did you mean http.port?']],
  ['a key in the wrong section', 'port = 1\n', ['FILE:1: unknown key port; did you mean http.port?']],
  [
    'an unknown key that resembles nothing',
    '[http]\n\nxyzzy = 1\n',
    ['FILE:3: unknown key http.xyzzy; known are host, port, allowed_hosts'],
  ],
  ['a path in quotes', '"http.port" = 1\n', ['FILE:1: unknown key http.port; did you mean http.port?']],
  ['an unknown section', '[htpp]\nport = 1\n', ['FILE:1: unknown section [htpp]; did you mean http?']],
  [
    'an exchange that does not exist',
    '[exchanges.nowhere]\nenabled = true\n',
    ['FILE:1: unknown section [exchanges.nowhere]; known are coinbase, binance'],
  ],
  ['a section that is a value', 'http = 3\n', ['FILE:1: http must be a section, written [http]']],
  [
    'an option that is a section',
    '[http.port]\nx = 1\n',
    ['FILE:1: http.port must be an integer from 0 to 65535; it is {"x":1}'],
  ],
  [
    'names that objects inherit',
    '[constructor]\na = 1\n[http]\n"__proto__" = 1\n',
    [
      'FILE:1: unknown section [constructor]; known are logger, journal, feed, symbols, http, network, websocket, exchanges, sinks',
      'FILE:4: unknown key http.__proto__; known are host, port, allowed_hosts',
    ],
  ],
  [
    'a wrong type',
    '[http]\nport = "9090"\n',
    ['FILE:2: http.port must be an integer from 0 to 65535; it is "9090"'],
  ],
  [
    'a date',
    '[http]\nport = 2026-11-21\n',
    ['FILE:2: http.port must be an integer from 0 to 65535; it is 2026-11-21'],
  ],
  ['a fraction', '[http]\nport = 1.5\n', ['FILE:2: http.port must be an integer from 0 to 65535; it is 1.5']],
  [
    'out of range',
    '[http]\nport = 65536\n',
    ['FILE:2: http.port must be an integer from 0 to 65535; it is 65536'],
  ],
  [
    'a flush interval beyond what is promised',
    '[logger]\nflush_interval_secs = 5.1\n',
    ['FILE:2: logger.flush_interval_secs must be a number from 1 to 5; it is 5.1'],
  ],
  [
    'not a number',
    '[logger]\nflush_interval_secs = nan\n',
    ['FILE:2: logger.flush_interval_secs must be a number from 1 to 5; it is NaN'],
  ],
  [
    'buffers out of range',
    '[logger]\nbuffer_size = 63\n',
    ['FILE:2: logger.buffer_size must be an integer from 64 to 1048576; it is 63'],
  ],
  [
    'a choice that does not exist',
    '[logger]\nparser = "fast"\n',
    ['FILE:2: logger.parser must be one of "scan", "json", "simdjson"; it is "fast"'],
  ],
  [
    'an empty path',
    '[logger]\ndata_path = ""\n',
    ['FILE:2: logger.data_path must be text that is not empty; it is ""'],
  ],
  [
    'a URL of another scheme',
    '[exchanges.binance]\nws_endpoint = "https://a.example"\n',
    [
      'FILE:2: exchanges.binance.ws_endpoint must be a URL that begins with wss:// or ws://; it is "https://a.example"',
    ],
  ],
  [
    'no URL',
    '[exchanges.binance]\nrest_endpoint = "a.example"\n',
    [
      'FILE:2: exchanges.binance.rest_endpoint must be a URL that begins with https:// or http://; it is "a.example"',
    ],
  ],
  [
    'credentials in a URL, not repeated in the message',
    '[exchanges.binance]\nws_endpoint = "wss://u:secret@a.example"\n',
    [
      'FILE:2: exchanges.binance.ws_endpoint must be a URL that begins with wss:// or ws://; it holds a user or password',
    ],
  ],
  [
    'an empty list of symbols',
    '[exchanges.binance]\nsymbols = []\n',
    [
      'FILE:2: exchanges.binance.symbols must be "all" or a list of symbols as this exchange names them, or patterns of them, at least one, none twice; the list is empty',
    ],
  ],
  [
    'a symbol twice',
    '[exchanges.binance]\nsymbols = ["A", "B", "A"]\n',
    [
      'FILE:2: exchanges.binance.symbols must be "all" or a list of symbols as this exchange names them, or patterns of them, at least one, none twice; "A" is listed twice',
    ],
  ],
  [
    'a channel that the exchange does not have',
    '[exchanges.coinbase]\nchannels = ["bbo"]\n',
    [
      'FILE:2: exchanges.coinbase.channels must be a list of "ticker", "trades", at least one, none twice; the list holds "bbo"',
    ],
  ],
  [
    'options that contradict each other',
    '[websocket]\nmax_retry_delay_secs = 5\ninitial_retry_delay_secs = 6\n',
    [
      'FILE:3: websocket.initial_retry_delay_secs must not be larger than websocket.max_retry_delay_secs; it is 6',
    ],
  ],
];

for (const [name, text, expected] of REFUSED) {
  test(`refused: ${name}`, () => assert.deepEqual(problems(text), expected));
}

test('an environment that switches the checks of certificates off is refused, another value of it is not', () => {
  assert.deepEqual(
    problems('', { NODE_TLS_REJECT_UNAUTHORIZED: '0' }).map((line) => line.split(',')[0]),
    ['NODE_TLS_REJECT_UNAUTHORIZED: must not be 0'],
  );
  assert.ok(loadConfig(fileWith(''), PLUGINS, { NODE_TLS_REJECT_UNAUTHORIZED: '1' }));
});

test('all problems are reported together, each on one line, as wrong use', () => {
  const text = '[logger]\nparser = 1\nexakt = true\n[http]\nport = -1\n';
  assert.deepEqual(
    problems(text, { LOGGER__HTTP__HOST: '', LOGGER__NO: '1' }).map((line) => line.split(' ')[0]),
    ['FILE:2:', 'FILE:3:', 'FILE:5:', 'LOGGER__HTTP__HOST:', 'LOGGER__NO:'],
  );
  assert.throws(
    () => loadConfig(fileWith(text), PLUGINS, {}),
    (error: unknown) => error instanceof LoggerError && error.exitStatus === 2,
  );
});

test('broken TOML names line, column and reason', () => {
  assert.deepEqual(problems('a = 1\nb = \n'), ['FILE:2:5: a value is missing behind b =']);
  assert.deepEqual(problems('[http]\nport = 1\n[http]\n'), [
    'FILE:3:2: trying to redefine an already defined table or value',
  ]);
});

test('a missing file says how to make one, an unreadable one why', () => {
  assert.throws(() => loadConfig('/nowhere/logger.toml', PLUGINS, {}), {
    code: 'CONFIG_INVALID',
    message:
      '/nowhere/logger.toml: no such file; make one with: logger check-config --print-default > /nowhere/logger.toml',
  });
  assert.throws(() => loadConfig('/', PLUGINS, {}), /^LoggerError: \/: cannot be read: /);
});

test('environment variables win over the file; values are TOML or bare text', () => {
  const { config, origins } = read('[http]\nport = 1\n', {
    LOGGER__HTTP__PORT: '9191',
    LOGGER__LOGGER__EXACT: 'false',
    LOGGER__LOGGER__PARSER: 'json',
    LOGGER__LOGGER__DATA_PATH: '123',
    LOGGER__WEBSOCKET__CA_FILE: '"/etc/ca.pem"',
    LOGGER__WEBSOCKET__MESSAGE_TIMEOUT_SECS: '0.5',
    LOGGER__EXCHANGES__COINBASE__SYMBOLS: '["BTC-USD"]',
    LOGGER__EXCHANGES__BINANCE__SYMBOLS: 'all',
    LOGGER__EXCHANGES__BINANCE__WS_ENDPOINT: 'ws://127.0.0.1:8080/x=1',
    LOGGER_OTHER: 'not ours',
    PATH: '/bin',
  });
  assert.equal(config.http.port, 9191);
  assert.equal(config.logger.exact, false);
  assert.equal(config.logger.parser, 'json');
  assert.equal(config.logger.data_path, '123');
  assert.equal(config.websocket.ca_file, '/etc/ca.pem');
  assert.equal(config.websocket.message_timeout_secs, 0.5);
  assert.deepEqual(config.exchanges['coinbase'].symbols, ['BTC-USD']);
  assert.equal(config.exchanges['binance'].symbols, 'all');
  assert.equal(config.exchanges['binance'].ws_endpoint, 'ws://127.0.0.1:8080/x=1');
  assert.equal(origins.get('http.port'), 'LOGGER__HTTP__PORT');
});

test('refused environment variables are named', () => {
  assert.deepEqual(problems('', { LOGGER__HTTP__PROT: '1' }), [
    'LOGGER__HTTP__PROT: unknown environment variable; did you mean LOGGER__HTTP__PORT?',
  ]);
  assert.deepEqual(problems('', { LOGGER__HTTP__PORT: 'abc' }), [
    'LOGGER__HTTP__PORT: http.port must be an integer from 0 to 65535; it is "abc"',
  ]);
  assert.deepEqual(problems('', { LOGGER__HTTP__PORT: '' }), [
    'LOGGER__HTTP__PORT: http.port must be an integer from 0 to 65535; it is ""',
  ]);
  assert.deepEqual(problems('', { LOGGER__HTTP__PORT: '1\nhost = "0.0.0.0"' }).length, 1);
});

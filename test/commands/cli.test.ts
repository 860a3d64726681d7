/** The program as a user meets it: a child process, its output and its exit status. */

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { test } from 'node:test';
import type { Command } from 'commander';
import { parse } from 'smol-toml';
import { buildCli, COMMAND_NAMES } from '../../src/commands/program.js';
import { fileWith } from '../config/fixtures.js';

const CLI = resolve('dist/src/cli.js');

/** The environment of the tests without what could configure the logger. */
const ENV = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('LOGGER__')));

function logger(args: readonly string[], env: Record<string, string> = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], {
    encoding: 'utf8',
    env: { ...ENV, ...env },
  });
  return { status, stdout, stderr };
}

test('wrong use is status 2 and one line', () => {
  for (const [args, line] of [
    [['no-such-command'], /^logger: unknown command 'no-such-command'\n$/],
    [['recovr'], /^logger: unknown command 'recovr' \(Did you mean recover\?\)\n$/],
    [['check-config', '--no-such-option'], /^logger: unknown option '--no-such-option'\n$/],
    [['check-config', '--confg', 'x'], /^logger: unknown option '--confg' \(Did you mean --config\?\)\n$/],
    [['symbols', 'normalize', 'kraken'], /^logger: missing required argument 'symbol'\n$/],
    [
      ['check-config', '-c', '/nowhere/logger.toml'],
      /^logger: \/nowhere\/logger.toml: no such file; make one with/,
    ],
    [['symbols', 'list', '--file', '/nowhere.yaml'], /^logger: \/nowhere.yaml: cannot be read/],
    [
      ['symbols', 'normalize', 'kraken', 'NOPE'],
      /^logger: symbol_mappings.yaml has no mapping for NOPE of kraken/,
    ],
  ] as const) {
    const { status, stdout, stderr } = logger(args);
    assert.deepEqual([status, stdout], [2, ''], args.join(' '));
    assert.match(stderr, line);
    assert.equal(stderr.split('\n').length, 2, stderr);
  }
});

test('no command at all shows the help as wrong use', () => {
  const { status, stderr } = logger([]);
  assert.equal(status, 2);
  assert.match(stderr, /^Usage: logger/);
});

test('--version is the version of the package', () => {
  const { status, stdout } = logger(['--version']);
  assert.equal(status, 0);
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
});

test('a command is explained whole by its --help and by help with its name', () => {
  const { status, stdout } = logger(['recover', '--help']);
  assert.equal(status, 0);
  assert.match(stdout, /^Usage: logger recover \[options\]\n\nbring the column files .*--accept-loss/s);
  assert.equal(logger(['help', 'recover']).stdout, stdout);
});

test('every command explains itself with an example', async () => {
  const visit = (command: Command, path: readonly string[]): void => {
    let help = '';
    command.configureOutput({ writeOut: (text) => (help += text) });
    command.outputHelp();
    assert.match(help, /\nExamples?:\n {2}\$ logger /, `logger ${path.join(' ')} --help`);
    assert.ok(path.length === 0 || help.includes(`$ logger ${path[0]}`), `example of ${path.join(' ')}`);
    for (const child of command.commands) visit(child, [...path, child.name()]);
  };
  visit(await buildCli(COMMAND_NAMES), []);
});

test('the printed default is what the program accepts, and check-config shows it as valid TOML', () => {
  const sample = logger(['check-config', '--print-default']);
  assert.equal(sample.status, 0);
  const file = fileWith(sample.stdout);
  const { status, stdout } = logger(['check-config', '--config', file]);
  assert.equal(status, 0);
  assert.deepEqual(parse(stdout), parse(sample.stdout));
  assert.match(stdout, /^# binance +0 +10 {2}BTCUSDT … /m);
  const bare = logger(['check-config', '--config', fileWith('')]);
  assert.match(bare.stdout, /^# binance +symbols = "all": the list is fetched at start/m);
});

test('check-config shows overrides with their origin and the plan of listed symbols', () => {
  const file = fileWith(
    '[exchanges.coinbase]\nsymbols_per_connection = 2\nsymbols = ["A", "B", "C"]\n[exchanges.binance]\nenabled = false\n',
  );
  const { status, stdout } = logger(['check-config', '-c', file], { LOGGER__HTTP__PORT: '9191' });
  assert.equal(status, 0);
  assert.match(stdout, /^port = 9191 +# LOGGER__HTTP__PORT$/m);
  assert.match(stdout, /^# coinbase +0 +2 {2}A … B$/m);
  assert.match(stdout, /^# coinbase +1 +1 {2}C$/m);
  assert.match(stdout, /^# binance +disabled$/m);
});

test('check-config reports every problem on a line of its own', () => {
  const file = fileWith('[http]\nport = 0.5\nhots = ""\n');
  const { status, stdout, stderr } = logger(['check-config', '-c', file], { LOGGER__HTTP__HOST: '' });
  assert.deepEqual([status, stdout], [2, '']);
  assert.deepEqual(
    stderr
      .trimEnd()
      .split('\n')
      .map((line) => line.replace(file, 'FILE')),
    [
      'logger: FILE:2: http.port must be an integer from 0 to 65535; it is 0.5',
      'logger: FILE:3: unknown key http.hots; did you mean http.host?',
      'logger: LOGGER__HTTP__HOST: http.host must be text that is not empty; it is ""',
    ],
  );
});

test('check-config refuses more symbols than the connections carry', () => {
  const file = fileWith(
    '[exchanges.coinbase]\nmax_connections = 1\nsymbols_per_connection = 1\nsymbols = ["A", "B"]\n',
  );
  const { status, stderr } = logger(['check-config', '-c', file]);
  assert.equal(status, 2);
  assert.match(stderr, /^logger: coinbase: 2 symbols do not fit/);
});

/** The program while a server stands in for the REST side of the exchanges. */
async function withRest(answers: Readonly<Record<string, unknown>>, args: readonly string[]) {
  const server = createServer((request, response) => {
    const body = answers[(request.url ?? '').split('?')[0]];
    response.writeHead(body === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body ?? {}));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const rest = `rest_endpoint = "http://127.0.0.1:${port}"\n`;
  const file = fileWith(`[exchanges.coinbase]\n${rest}[exchanges.binance]\n${rest}`);
  const child = spawn(process.execPath, [CLI, 'check-config', '-c', file, ...args], { env: ENV });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk) => (stdout += chunk));
  child.stderr.on('data', (chunk) => (stderr += chunk));
  const [status] = await once(child, 'close');
  server.close();
  return { status, stdout, stderr };
}

const PRODUCTS = ['A-USD', 'B-USD'].map((id) => ({ id, status: 'online', trading_disabled: false }));
const EXCHANGE_INFO = { symbols: [] };

test('check-config --online plans what the exchanges list, and one that fails does not hide the other', async () => {
  const listed = await withRest({ '/products': PRODUCTS, '/api/v3/exchangeInfo': EXCHANGE_INFO }, [
    '--online',
  ]);
  assert.equal(listed.status, 0, listed.stderr);
  assert.match(listed.stdout, /^# coinbase +0 +2 {2}A-USD … B-USD$/m);
  assert.match(listed.stdout, /^# binance +lists no symbols$/m);
  const offline = await withRest({}, []);
  assert.equal(offline.status, 0, 'nothing is fetched without --online');
  const failing = await withRest({ '/products': PRODUCTS }, ['--online']);
  assert.equal(failing.status, 1);
  assert.match(
    failing.stderr,
    /^logger: GET http:\/\/127\.0\.0\.1:\d+\/api\/v3\/exchangeInfo: HTTP status 404\n$/,
  );
  assert.match(failing.stdout, /^# coinbase +0 +2 /m);
});

test('an unexpected error is status 70 with its stack', () => {
  const source = `
    import { Command } from 'commander';
    import { runCli } from './dist/src/commands/program.js';
    await runCli(new Command('logger').action(() => { throw new TypeError("a bug"); }), ['node', 'logger']);`;
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', source], {
    encoding: 'utf8',
  });
  assert.equal(status, 70);
  assert.match(stderr, /^logger: unexpected: TypeError: a bug\nlogger: +at /);
});

test('symbols answers as lines and as JSON', () => {
  assert.equal(logger(['symbols', 'normalize', 'kraken', 'XBT/USD']).stdout, 'BTC-USD\n');
  assert.equal(logger(['symbols', 'normalize', 'kraken', 'XBT/USD', '--json']).stdout, '"BTC-USD"\n');
  assert.match(logger(['symbols', 'related', 'BTC', 'USDT']).stdout, /^BTC-USD +fiat +coinbase=BTC-USD/);
  assert.equal(logger(['symbols', 'related', 'NOPE', 'USD']).stdout, 'none\n');
  assert.equal(logger(['symbols', 'related', 'NOPE', 'USD', '--json']).stdout, '[]\n');
  const pairs = JSON.parse(logger(['symbols', 'usd-pairs', 'ETH', '--json']).stdout);
  assert.equal(pairs[0].normalized, 'ETH-USD');
  const listed = JSON.parse(logger(['symbols', 'list', '--exchange', 'upbit', '--json']).stdout);
  assert.ok(listed.length > 5 && listed.every((m: { natives: object }) => 'upbit' in m.natives));
});

test('symbols equivalent answers with its status, too', () => {
  assert.deepEqual(logger(['symbols', 'equivalent', 'BTC-USD', 'BTC-USDT']), {
    status: 0,
    stdout: 'yes\n',
    stderr: '',
  });
  assert.deepEqual(logger(['symbols', 'equivalent', 'BTC-USD', 'BTC-EUR', '--json']), {
    status: 1,
    stdout: 'false\n',
    stderr: '',
  });
});

test('a reader that goes away is no failure', async () => {
  const child = spawn(process.execPath, [CLI, 'symbols', 'list'], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  let stderr = '';
  child.stderr.on('data', (chunk) => (stderr += chunk));
  const [status] = await once(child, 'close');
  assert.deepEqual([status, stderr], [0, '']);
});

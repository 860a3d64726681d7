import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type LoggerError, messageOf } from '../../../src/base/errors.js';
import { LedgerRecords, ledgerFile } from '../../../src/simulator/market/ledger.js';
import { parseFault, parseFaultText } from '../../../src/simulator/server/faults.js';
import { type Simulator, type SimulatorOptions, startSimulator } from '../../../src/simulator/simulator.js';
import { PROTOCOLS } from '../../../src/simulator/venues/index.js';
import { readMessages, recordingPath } from '../../support/corpus.js';
import { Client, until } from '../client.js';

const directory = mkdtempSync(join(tmpdir(), 'logger-faults-test-'));
const simulators: Simulator[] = [];
// a listener left open by a failed test would keep the process alive
afterEach(() => {
  for (const simulator of simulators.splice(0)) simulator.stop();
});
after(() => rmSync(directory, { recursive: true, force: true }));

const SUBSCRIBE = {
  type: 'subscribe',
  product_ids: ['BTC-USD', 'ETH-USD'],
  channels: ['matches', 'heartbeat'],
};

async function start(options: SimulatorOptions = {}) {
  const started = await startSimulator({ exchanges: ['coinbase'], symbols: 2, rate: 1000, ...options });
  simulators.push(started.simulator);
  const { ws, rest } = started.endpoints.exchanges[options.exchanges?.[0] ?? 'coinbase'];
  const { control } = started.endpoints;
  const fault = async (request: unknown): Promise<number> => {
    const response = await fetch(`${control}/fault`, { method: 'POST', body: JSON.stringify(request) });
    return response.status;
  };
  return { ...started, ws, rest, control, fault };
}

async function subscriber(ws: string): Promise<Client> {
  const client = await Client.open(ws);
  client.send(SUBSCRIBE);
  await client.until('trades', () => client.texts.length > 5);
  return client;
}

test('fault requests are checked, the short form means the same', () => {
  const request = { kind: 'drop', exchange: 'coinbase', count: 3, channel: 'ticker', after: 0.5 };
  assert.deepEqual(parseFault(request), request);
  assert.deepEqual(parseFaultText('drop:exchange=coinbase,count=3,channel=ticker,after=0.5'), request);
  assert.deepEqual(parseFaultText('cut'), { kind: 'cut' });
  for (const bad of ['nonsense', 'drop:count=x', 'drop:colour=red', 'cut:code=12', 'drop:channel=books'])
    assert.throws(() => parseFaultText(bad), { code: 'USAGE' }, bad);
});

test('corrupt is for the books of exchanges that send checksums, and refused elsewhere', async () => {
  assert.throws(() => parseFaultText('corrupt:channel=trades'), { code: 'USAGE', message: /only books/ });
  const sent: string[] = [];
  for (const exchange of Object.keys(PROTOCOLS)) {
    const { simulator } = await startSimulator({ exchanges: [exchange], symbols: 1 });
    simulators.push(simulator);
    try {
      simulator.fault({ kind: 'corrupt' });
      sent.push(exchange);
    } catch (error) {
      assert.deepEqual(
        [(error as LoggerError).code, messageOf(error)],
        ['USAGE', `fault: ${exchange} sends no checksums`],
      );
    }
  }
  assert.deepEqual(sent, ['kraken']);
  await assert.rejects(start({ faults: [{ kind: 'corrupt' }] }), { code: 'USAGE' });
  const { fault } = await start({ exchanges: ['kraken', 'okx'] });
  assert.deepEqual(
    [await fault({ kind: 'corrupt' }), await fault({ kind: 'corrupt', exchange: 'okx' })],
    [200, 400],
  );
});

test('cut ends connections abruptly or with a code; refused ones get no answer; then all is well again', async () => {
  const { ws, rest, fault } = await start();
  const first = await subscriber(ws);
  assert.equal(await fault({ kind: 'cut' }), 200);
  await first.closed();
  assert.equal(first.close_code, 1006);
  const second = await subscriber(ws);
  await fault({ kind: 'cut', code: 4001 });
  await second.closed();
  assert.equal(second.close_code, 4001);
  await fault({ kind: 'refuse', seconds: 3600 });
  const refused = new Client(ws);
  await refused.closed();
  assert.equal(refused.close_code, 1006);
  await assert.rejects(fetch(`${rest}/time`));
  await fault({ kind: 'refuse', seconds: 0 });
  assert.equal((await fetch(`${rest}/time`)).status, 200);
  (await subscriber(ws)).socket.terminate();
  assert.equal(await fault({ kind: 'nothing' }), 400);
  assert.equal(await fault({ kind: 'cut', exchange: 'kraken' }), 400);
});

test('HTTP failures on REST and on the upgrade, as often as asked for', async () => {
  const { ws, rest, fault } = await start();
  await fault({ kind: 'http', status: 429, count: 2 });
  const statuses: number[] = [];
  for (let i = 0; i < 3; i++) statuses.push((await fetch(`${rest}/time`)).status);
  assert.deepEqual(statuses, [429, 429, 200]);
  await fault({ kind: 'http', status: 503, target: 'upgrade' });
  const client = new Client(ws);
  const [, response] = (await once(client.socket, 'unexpected-response')) as [
    unknown,
    { statusCode: number },
  ];
  assert.equal(response.statusCode, 503);
  (await subscriber(ws)).socket.terminate();
});

test('a stall sends nothing, then everything: no trade is lost', async () => {
  const { ws, fault } = await start();
  const client = await subscriber(ws);
  await fault({ kind: 'stall', seconds: 3600 });
  // a pong comes behind everything that was sent before it
  const pong = async () => {
    client.socket.ping();
    await once(client.socket, 'pong');
  };
  await pong();
  const silent = client.texts.length;
  client.send({ type: 'unsubscribe', channels: ['heartbeat'] });
  for (let i = 0; i < 20; i++) await pong();
  assert.equal(client.texts.length, silent);
  await fault({ kind: 'stall', seconds: 0 });
  await client.until('the rest', () => client.texts.length > silent + 300);
  const ids = client.ofType('match').filter((m) => m['product_id'] === 'BTC-USD');
  for (let i = 1; i < ids.length; i++) assert.equal(ids[i]['trade_id'], ids[i - 1]['trade_id'] + 1);
  assert.equal(client.ofType('subscriptions').length, 2, 'the answer was only held back');
  client.socket.terminate();
});

test('broken frames reach the client as such', async () => {
  const { ws, fault } = await start({ rate: 50 });
  const client = await subscriber(ws);
  await fault({ kind: 'garbage' });
  await client.until('garbage', () => client.texts.some((text) => !isJson(text)));
  await fault({ kind: 'huge', bytes: 3_000_000 });
  await client.until('a huge frame', () => client.texts.some((text) => text.length > 3_000_000));
  const errors: Error[] = [];
  client.socket.on('error', (error) => errors.push(error));
  await fault({ kind: 'invalid-utf8' });
  await client.closed();
  assert.match(errors[0].message, /UTF-8/i);
  const other = await subscriber(ws);
  const before = other.texts.length;
  await fault({ kind: 'half-frame' });
  await other.closed();
  assert.equal(other.close_code, 1006);
  assert.ok(
    other.texts.slice(before).every((text) => text.length < 1000),
    'the frame never became whole',
  );
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

test('planned ends of Binance: announced in the form of the connection, then closed with 1001', async () => {
  const { ws, fault } = await start({ exchanges: ['binance'] });
  const [raw, combined] = [await Client.open(`${ws}/ws`), await Client.open(`${ws}/stream`)];
  await fault({ kind: 'server-shutdown' });
  await until('the notice', () => raw.texts.length + combined.texts.length === 2);
  assert.match(raw.texts[0], /^\{"e":"serverShutdown","E":\d{13}\}$/);
  assert.match(
    combined.texts[0],
    /^\{"stream":"!serverShutdown","data":\{"e":"serverShutdown","E":\d{13}\}\}$/,
  );
  await fault({ kind: 'close-24h' });
  await raw.closed();
  assert.equal(raw.close_code, 1001);
});

test('a client that does not read is waited for; with slow-consumer it is disconnected', async () => {
  const { simulator, ws, fault } = await start({ rate: 0 });
  const client = await subscriber(ws);
  client.socket.pause();
  const sent = () => simulator.totals().exchanges['coinbase'].sent;
  let last = -1;
  for (let i = 0; i < 100 && sent() !== last; i++) {
    last = sent();
    await sleep(100);
  }
  assert.equal(sent(), last, 'the market waits');
  client.socket.resume();
  await until('the market to go on', () => sent() > last);
  client.socket.pause();
  await fault({ kind: 'slow-consumer', bytes: 10_000 });
  await until('the disconnection', () => simulator.totals().exchanges['coinbase'].connections === 0);
  client.socket.resume();
  await client.closed();
  const ids = client.ofType('match').filter((m) => m['product_id'] === 'BTC-USD');
  for (let i = 1; i < ids.length; i++) assert.equal(ids[i]['trade_id'], ids[i - 1]['trade_id'] + 1);
});

test('a rate is kept on the whole, and slow lowers it', async () => {
  const { simulator, ws } = await start({ rate: 2000, seconds: 1.5 });
  const client = await subscriber(ws);
  await until('the end', () => simulator.totals().exchanges['coinbase'].finished);
  const { sent } = simulator.totals().exchanges['coinbase'];
  assert.ok(sent > 2500 && sent <= 3100, `${sent} of 3000`);
  client.socket.terminate();
  simulator.stop();
  const slow = await start({ rate: 5000 });
  await slow.fault({ kind: 'slow', rate: 20, seconds: 0.5 });
  const other = await subscriber(slow.ws);
  assert.ok(other.texts.length < 200);
  await other.until('the ordinary rate', () => other.texts.length > 500);
  other.socket.terminate();
});

test('the ledger: one record per event with what became of it, missing trades are on REST', async () => {
  const ledger = join(directory, 'ledger');
  const { simulator, ws, rest, fault, control } = await start({ ledger_directory: ledger });
  const client = await subscriber(ws);
  await fault({ kind: 'drop', symbol: 'BTC-USD', count: 2 });
  await fault({ kind: 'duplicate', symbol: 'ETH-USD', count: 3 });
  await client.until('the faults to be over', () => client.texts.length > 200);
  const totals = (await (await fetch(`${control}/ledger`)).json()) as { exchanges: Record<string, unknown> };
  const trades = (totals.exchanges['coinbase'] as { channels: { trades: Record<string, number> } }).channels
    .trades;
  assert.equal(trades['undelivered'], 2);
  client.socket.terminate();
  simulator.stop();
  const records = new LedgerRecords(ledgerFile(ledger, 'coinbase', 'BTC-USD', 'trades'), 'trades');
  assert.ok(records.has(0, 'history'));
  const dropped: number[] = [];
  for (let i = 1; i < records.count; i++) {
    assert.equal(records.u64(i, 0), records.u64(i - 1, 0) + 1);
    if (records.word(i, 6) === 0) dropped.push(records.u64(i, 0));
  }
  const received = new Set(client.ofType('match').map((m) => m['trade_id']));
  const lost = dropped.filter((id) => id < Math.max(...received));
  assert.equal(lost.length, 2);
  assert.ok(lost.every((id) => !received.has(id)));
  const other = new LedgerRecords(ledgerFile(ledger, 'coinbase', 'ETH-USD', 'trades'), 'trades');
  let twice = 0;
  for (let i = 0; i < other.count; i++) if (other.word(i, 6) === 2) twice++;
  assert.equal(twice, 3);
  await assert.rejects(fetch(`${rest}/time`), 'stopped');
});

test('trades that a fault dropped are on REST all the same', async () => {
  const { ws, rest, fault } = await start();
  const client = await subscriber(ws);
  await fault({ kind: 'drop', symbol: 'BTC-USD', count: 4 });
  const trades = () => client.ofType('match').filter((m) => m['product_id'] === 'BTC-USD');
  const gap = () => trades().findIndex((m, i, all) => i > 0 && m['trade_id'] !== all[i - 1]['trade_id'] + 1);
  await client.until('the gap', () => gap() > 0);
  client.socket.terminate();
  const upper = trades()[gap()]['trade_id'] as number;
  const page = (await (await fetch(`${rest}/products/BTC-USD/trades?limit=4&after=${upper}`)).json()) as {
    trade_id: number;
  }[];
  assert.deepEqual(
    page.map(({ trade_id }) => trade_id),
    [upper - 1, upper - 2, upper - 3, upper - 4],
  );
  assert.equal(trades()[gap() - 1]['trade_id'], upper - 5);
});

test('plays a recording to its subscribers, in order, and lists its symbols', async () => {
  const name = 'coinbase/cf-20210417-matches-ticker-level2-a';
  const { ws, rest } = await start({ play: recordingPath(name), rate: 0 });
  const products = (await (await fetch(`${rest}/products`)).json()) as { id: string }[];
  assert.ok(products.some(({ id }) => id === 'BAND-GBP'));
  const client = await Client.open(ws);
  client.send({ type: 'subscribe', product_ids: ['BAND-GBP'], channels: ['heartbeat'] });
  const frames = readMessages(name).map(({ raw }) => raw);
  const played = () =>
    client.texts.filter((text) => !/^\{"type":("subscriptions".*"account_ids"|"heartbeat")/.test(text));
  await client.until('the recording', () => played().length >= frames.length);
  assert.deepEqual(played(), frames);
  client.socket.terminate();
});

/** Starts the command as a process; answers it with its first line. */
async function command(...options: string[]) {
  const script = join(directory, 'simulate.mjs');
  const module = join(process.cwd(), 'dist/src/commands/simulate.js');
  writeFileSync(
    script,
    `import { simulateCommand } from ${JSON.stringify(module)};
await simulateCommand().parseAsync(process.argv.slice(2), { from: 'user' });`,
  );
  const child = spawn(process.execPath, [script, ...options], { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  child.stdout.on('data', (data) => {
    text += data;
  });
  await until('the first line', () => text.includes('\n') || child.exitCode !== null);
  return { child, ready: JSON.parse(text.split('\n')[0]) };
}

test('the command: TLS, one line of endpoints, SIGTERM completes the ledger', async () => {
  const ledger = join(directory, 'command');
  const { child, ready } = await command('--tls', '--symbols', '2', '--ledger', ledger, '--seed', '5');
  assert.deepEqual(Object.keys(ready), ['ready', 'exchanges', 'control', 'ca']);
  const { ws } = ready.exchanges.binance;
  assert.match(ws, /^wss:\/\/127\.0\.0\.1:\d+$/);
  const client = await Client.open(`${ws}/stream?streams=btcusdt@trade`, { ca: readFileSync(ready.ca) });
  await client.until('trades', () => client.texts.length > 10);
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  assert.deepEqual(await exit, [0, null]);
  const summary = JSON.parse(readFileSync(join(ledger, 'ledger.json'), 'utf8'));
  const records = new LedgerRecords(ledgerFile(ledger, 'binance', 'BTCUSDT', 'trades'), 'trades');
  assert.equal(summary.exchanges.binance.channels.trades.events, records.count - 1);
});

test('POST /stop ends the process; a taken port is an error', async () => {
  const { child, ready } = await command('--exchanges', 'coinbase', '--quiet');
  const exit = once(child, 'exit');
  assert.equal((await fetch(`${ready.control}/stop`, { method: 'POST' })).status, 200);
  assert.deepEqual(await exit, [0, null]);
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as { port: number };
  await assert.rejects(startSimulator({ exchanges: ['coinbase'], port_base: port - 1 }), {
    code: 'ADDRESS_IN_USE',
  });
  taken.close();
});

/** The faults of networks: what a client sees of each, and that connections are well when it is over. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { afterEach, test } from 'node:test';
import { type Simulator, type SimulatorOptions, startSimulator } from '../../../src/simulator/simulator.js';
import { Client, until } from '../client.js';

const simulators: Simulator[] = [];
const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const simulator of simulators.splice(0)) simulator.stop();
});

const SUBSCRIBE = { type: 'subscribe', product_ids: ['BTC-USD'], channels: ['matches'] };

async function start(options: SimulatorOptions = {}) {
  const settings = {
    exchanges: ['coinbase'],
    symbols: 1,
    rate: 500,
    mix: [1],
    fault_proxy: true,
    ...options,
  };
  const { simulator, endpoints } = await startSimulator(settings);
  simulators.push(simulator);
  return { simulator, ca: endpoints.ca, ...endpoints.exchanges['coinbase'] };
}

async function subscriber(ws: string): Promise<Client> {
  const client = await Client.open(ws);
  client.send(SUBSCRIBE);
  await client.until('trades', () => client.ofType('match').length > 5);
  return client;
}

/** A connection without a protocol: the error that ended it, if one did, and the pieces that came. */
async function plain(rest: string) {
  const socket = connect(Number(new URL(rest).port), '127.0.0.1');
  sockets.push(socket);
  const seen = { error: '', ended: false, pieces: [] as Buffer[] };
  socket.on('error', (error: NodeJS.ErrnoException) => (seen.error = error.code ?? ''));
  socket.on('end', () => (seen.ended = true));
  socket.on('data', (bytes) => seen.pieces.push(bytes));
  await once(socket, 'connect').catch(() => {});
  return { socket, seen };
}

function connectionsOf(simulator: Simulator): number {
  return simulator.totals().exchanges['coinbase'].connections;
}

function idsOf(client: Client): number[] {
  return client.ofType('match').map(({ trade_id }) => trade_id);
}

/** Whether the ids follow each other from the first to the last. */
function isWhole(ids: readonly number[]): boolean {
  return ids.every((id, i) => id === ids[0] + i);
}

test('without the proxy such a fault is refused, by name', async () => {
  const { simulator } = await start({ fault_proxy: false });
  assert.throws(() => simulator.fault({ kind: 'net-cut' }), /net-cut needs --fault-proxy/);
});

test('cut and reset: the stream ends, orderly or not, also within a message', async () => {
  const { simulator, ws, rest } = await start();
  for (const [kind, error] of [
    ['net-cut', ''],
    ['net-reset', 'ECONNRESET'],
  ] as const) {
    const { socket, seen } = await plain(rest);
    // the proxy has accepted it when an answer comes
    socket.write('GET /nothing HTTP/1.1\r\nhost: localhost\r\n\r\n');
    await until('an answer', () => seen.pieces.length > 0);
    simulator.fault({ kind });
    await until(`${kind} to arrive`, () => seen.ended || seen.error !== '');
    assert.equal(seen.error, error);
  }
  const client = await subscriber(ws);
  simulator.fault({ kind: 'net-cut', bytes: 700 });
  await client.closed();
  assert.equal(client.close_code, 1006);
  assert.ok(isWhole(idsOf(await subscriber(ws))), 'the next connection is well');
});

test('half-open: nothing arrives and nothing ends; new connections wait', async () => {
  const { simulator, ws } = await start();
  const client = await subscriber(ws);
  const began = performance.now();
  simulator.fault({ kind: 'net-half-open', seconds: 1 });
  const other = await subscriber(ws);
  assert.ok(performance.now() - began > 950);
  // what had arrived before has been read by now
  const before = client.texts.length;
  await other.until('more trades', () => other.ofType('match').length > 50);
  assert.equal(client.texts.length, before, 'it stays dead');
  assert.equal(client.close_code, undefined, 'and open');
  await until('the exchange to give up the dead one', () => connectionsOf(simulator) === 1);
});

test('stall and delay: everything arrives later, in order and whole', async () => {
  const { simulator, ws } = await start();
  for (const fault of [
    { kind: 'net-stall', seconds: 0.3 },
    { kind: 'net-delay', seconds: 0.3, delay: 0.3 },
  ] as const) {
    const client = await subscriber(ws);
    simulator.fault(fault);
    const before = idsOf(client).length;
    await client.until('much later trades', () => idsOf(client).length > before + 300);
    assert.ok(isWhole(idsOf(client)), fault.kind);
    const waits = client.received.map(
      ({ received_ms }, i, all) => received_ms - (all[i - 1]?.received_ms ?? 0),
    );
    assert.ok(Math.max(...waits.slice(1)) > 200, `${fault.kind}: there was a pause`);
    client.socket.terminate();
  }
});

test('a trickle: one byte at a time', async () => {
  const { simulator, rest } = await start();
  const { socket, seen } = await plain(rest);
  simulator.fault({ kind: 'net-slow', seconds: 60, rate: 2000, bytes: 1 });
  socket.write('GET /time HTTP/1.1\r\nhost: localhost\r\n\r\n');
  await until('the whole answer', () => Buffer.concat(seen.pieces).includes('"epoch"'));
  assert.ok(seen.pieces.length > 20, `${seen.pieces.length} pieces`);
});

test('corrupt: a wrong bit ends a connection with TLS', async () => {
  const { simulator, ws, ca } = await start({ tls: true });
  const trusted = { ca: readFileSync(ca as string) };
  const client = await Client.open(ws, trusted);
  client.send(SUBSCRIBE);
  await client.until('trades', () => client.ofType('match').length > 5);
  simulator.fault({ kind: 'net-corrupt' });
  await client.closed();
  const next = await Client.open(ws, trusted);
  assert.equal(next.socket.readyState, next.socket.OPEN);
});

test('refused, and another certificate: new connections fail until it is over', async () => {
  const { simulator, rest, ca } = await start({ tls: true });
  simulator.fault({ kind: 'net-refuse', seconds: 0.5 });
  const { seen } = await plain(rest);
  assert.equal(seen.error, 'ECONNREFUSED');
  const connects = async () => {
    const client = new Client(rest.replace('https', 'wss'), { ca: readFileSync(ca as string) });
    return once(client.socket, 'open').then(
      () => 'open',
      (error: NodeJS.ErrnoException) => error.code,
    );
  };
  let answer = await connects();
  for (; answer !== 'open'; answer = await connects()) assert.equal(answer, 'ECONNREFUSED');
  simulator.fault({ kind: 'net-certificate', seconds: 0.5 });
  answer = await connects();
  assert.equal(answer, 'DEPTH_ZERO_SELF_SIGNED_CERT');
  for (; answer !== 'open'; answer = await connects()) assert.equal(answer, 'DEPTH_ZERO_SELF_SIGNED_CERT');
});

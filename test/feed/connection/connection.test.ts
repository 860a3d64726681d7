/**
 * A connection against a real `ws` server that plays the exchange: subscribing, refusals, lost answers, silence, cuts,
 * and the end. Time limits are short here; nothing is measured, everything is waited for.
 */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import type { WebSocket } from 'ws';
import { loadExchange } from '../../../src/exchanges/index.js';
import { Connection, type ConnectionOptions } from '../../../src/feed/connection/connection.js';
import type { ControlEvent, Exchange, Subscription } from '../../../src/feed/exchange.js';
import { test, until } from './websocket/helpers.js';
import { wsServer } from './websocket/servers.js';

const SYMBOLS = ['AAA-USD', 'BBB-USD', 'CCC-USD'];

interface Request {
  readonly at: number;
  readonly body: {
    method?: string;
    params?: string[];
    id: number;
    type?: string;
    product_ids?: string[];
    channels?: string[];
  };
}

/** A connection with everything it tells, and the requests that its server got. */
class Rig {
  readonly states: string[] = [];
  readonly lost: string[] = [];
  readonly rested: string[] = [];
  readonly refused: string[] = [];
  readonly surplus: string[] = [];
  readonly logs: string[] = [];
  readonly messages: string[] = [];
  readonly requests: Request[] = [];
  readonly sockets: WebSocket[] = [];
  readonly closes: [number, string][] = [];
  stale = 0;
  unanswered = 0;
  pings = 0;
  connection!: Connection;
  private ticker: NodeJS.Timeout | undefined;

  static async start(
    t: TestContext,
    exchange: Exchange,
    subscriptions: readonly Subscription[],
    onRequest: (socket: WebSocket, request: Request['body'], rig: Rig) => void,
    options: Partial<ConnectionOptions> = {},
  ): Promise<Rig> {
    const rig = new Rig();
    const url = await wsServer(t, (socket) => {
      rig.sockets.push(socket);
      socket.on('ping', () => rig.pings++);
      socket.on('close', (code, reason) => rig.closes.push([code, reason.toString()]));
      socket.on('message', (data) => {
        const body = JSON.parse(data.toString()) as Request['body'];
        rig.requests.push({ at: performance.now(), body });
        onRequest(socket, body, rig);
      });
    });
    rig.connection = new Connection(
      { ...exchange, websocketUrl: (endpoint) => endpoint },
      {
        endpoint: url,
        frameBytesMax: 1 << 20,
        messageTimeoutMs: 60_000,
        firstRetryMs: 20,
        longestRetryMs: 100,
        ackTimeoutMs: 60_000,
        ...options,
      },
      {
        chunk: () => {},
        message: (bytes, start, end) => {
          rig.onMessage(Buffer.from(bytes.subarray(start, end)).toString('utf8'));
          return true;
        },
        chunkEnd: () => {},
        state: (state) => rig.states.push(state),
        opened: () => {},
        lost: (reason, stale) => {
          rig.lost.push(reason);
          if (stale) rig.stale++;
        },
        rested: (reason) => rig.rested.push(reason),
        closing: () => {},
        unanswered: () => rig.unanswered++,
        surplus: (natives, limit) => rig.surplus.push(`${limit}: ${natives.join()}`),
        refused: (s, reason) => rig.refused.push(`${s.channel} ${s.native}: ${reason}`),
        log: (_level, text) => rig.logs.push(text),
        reserveConnect: () => 0,
      },
    );
    rig.ticker = setInterval(() => rig.connection.tick(), 10);
    t.after(async () => {
      clearInterval(rig.ticker);
      await rig.connection.stop();
    });
    rig.connection.start(subscriptions);
    return rig;
  }

  /** Control messages as `control {…}` hold a ControlEvent; the parsers have tests of their own. */
  private onMessage(text: string): void {
    if (text.startsWith('control ')) this.connection.control(JSON.parse(text.slice(8)) as ControlEvent);
    else this.messages.push(text);
  }

  active(): Promise<void> {
    return until(() => this.connection.state === 'ACTIVE');
  }
}

const tell = (socket: WebSocket, event: ControlEvent) => socket.send(`control ${JSON.stringify(event)}`);
const trades = (natives: readonly string[]) => natives.map((native) => ({ channel: 'trades', native }));
const accept = (socket: WebSocket, { id }: Request['body']) => tell(socket, { kind: 'accepted', id });
const [binance, coinbase] = [await loadExchange('binance'), await loadExchange('coinbase')];
const quick = { ...binance, limits: { ...binance.limits, requestsPerSecond: 200 } };

test('subscribes, is confirmed, receives, and ends with a close handshake', async (t) => {
  const rig = await Rig.start(t, binance, trades(SYMBOLS), accept);
  await rig.active();
  assert.deepEqual(rig.states, ['CONNECTING', 'CONNECTED', 'SUBSCRIBING', 'ACTIVE']);
  rig.sockets[0].send('hello');
  await until(() => rig.messages.length === 1);
  await rig.connection.stop();
  assert.equal(rig.connection.state, 'STOPPED');
  await until(() => rig.closes.length === 1);
  assert.deepEqual([rig.closes, rig.lost, rig.sockets.length], [[[1000, 'closing']], [], 1]);
});

test('keeps the others when the exchange names one symbol it does not know', async (t) => {
  const rig = await Rig.start(t, coinbase, trades([...SYMBOLS, 'NOPE-USD']), (socket, body) => {
    tell(socket, { kind: 'refused', native: 'NOPE-USD', reason: 'not a valid product' });
    const known = (body.product_ids ?? []).filter((p) => p !== 'NOPE-USD');
    tell(socket, { kind: 'state', subscriptions: trades(known) });
  });
  await rig.active();
  assert.deepEqual(rig.refused, ['trades NOPE-USD: not a valid product']);
  assert.equal(rig.connection.subscriptions.count('confirmed'), 3);
});

test('finds the culprit of a refused request by asking in halves', async (t) => {
  const names = Array.from({ length: 40 }, (_, i) => `S${i}`);
  const rig = await Rig.start(t, quick, trades(names), (socket, body) => {
    if (body.params?.includes('s17@trade')) tell(socket, { kind: 'refused', id: body.id, reason: 'invalid' });
    else accept(socket, body);
  });
  await rig.active();
  assert.deepEqual(rig.refused, ['trades S17: invalid']);
  assert.equal(rig.connection.subscriptions.count('confirmed'), 39);
  assert.equal(rig.sockets.length, 1);
});

test('asks again for what stays unconfirmed, and then goes on without it', async (t) => {
  const rig = await Rig.start(
    t,
    coinbase,
    trades(SYMBOLS),
    (socket, body) =>
      tell(socket, {
        kind: 'state',
        subscriptions: trades((body.product_ids ?? []).filter((p) => p !== 'CCC-USD')),
      }),
    { ackTimeoutMs: 150 },
  );
  await rig.active();
  assert.deepEqual(
    rig.requests.map((r) => r.body.product_ids),
    [SYMBOLS, ['CCC-USD']],
  );
  assert.deepEqual(rig.refused, ['trades CCC-USD: not confirmed by the exchange']);
});

test('tries another connection when nothing at all is confirmed', async (t) => {
  let confirming = false;
  const rig = await Rig.start(
    t,
    binance,
    trades(SYMBOLS),
    (socket, body) => {
      if (confirming) accept(socket, body);
    },
    { ackTimeoutMs: 100 },
  );
  await until(() => rig.lost.length > 0);
  confirming = true;
  await rig.active();
  assert.match(rig.lost[0], /none of the subscriptions/);
  assert.equal(rig.connection.subscriptions.count('confirmed'), 3);
});

test('connects again after every cut and subscribes to everything anew', async (t) => {
  const rig = await Rig.start(t, quick, trades(SYMBOLS), accept);
  for (let cut = 1; cut <= 4; cut++) {
    await rig.active();
    if (cut % 2 === 0) rig.sockets.at(-1)?.terminate();
    else rig.sockets.at(-1)?.close(1012, 'restart');
    await until(() => rig.lost.length === cut);
  }
  await rig.active();
  assert.equal(rig.sockets.length, 5);
  assert.equal(rig.connection.subscriptions.count('confirmed'), 3);
  assert.ok(rig.lost.every((line) => /next attempt in 0\.[01] s/.test(line)));
  assert.deepEqual(
    rig.requests.map((r) => r.body.params?.length),
    Array(5).fill(3),
  );
});

/** Seconds that a connection said it would wait. */
const waits = ({ lost }: Rig) => lost.map((line) => Number(/next attempt in ([\d.]+) s/.exec(line)?.[1]));
/** The longest wait that is told for a delay, which jitter only shortens. */
const SHORT = { firstRetryMs: 100, longestRetryMs: 10_000 };

test('waits the shortest time after every cut of a connection that delivered', async (t) => {
  const rig = await Rig.start(t, quick, trades(SYMBOLS), accept, SHORT);
  for (let cut = 1; cut <= 6; cut++) {
    await rig.active();
    rig.sockets.at(-1)?.send('a trade');
    await until(() => rig.messages.length === cut);
    rig.sockets.at(-1)?.terminate();
    await until(() => rig.lost.length === cut);
  }
  assert.deepEqual(waits(rig), Array(6).fill(0.1));
});

test('waits longer and longer where all is confirmed and nothing delivered', async (t) => {
  const rig = await Rig.start(
    t,
    quick,
    trades(SYMBOLS),
    (socket, body) => {
      accept(socket, body);
      tell(socket, { kind: 'closing', reason: 'not today' });
      socket.close(1013);
    },
    SHORT,
  );
  await until(() => rig.lost.length === 4);
  assert.ok(rig.states.includes('ACTIVE'));
  assert.ok(waits(rig)[3] >= 0.6, `${waits(rig)}`);
});

test('tries a peer that does not answer again soon, and leaves one in peace that refuses', async (t) => {
  const refusing = createServer((_request, response) => response.writeHead(503).end());
  refusing.on('upgrade', (_request, socket) => socket.end('HTTP/1.1 503 Service Unavailable\r\n\r\n'));
  const mute = createTcpServer((socket) => socket.destroy());
  const portOf = async (server: Server) => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => server.close());
    return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  const first = async (endpoint: string) => {
    const slow = { endpoint, firstRetryMs: 60_000, longestRetryMs: 60_000 };
    const rig = await Rig.start(t, quick, trades(SYMBOLS), accept, slow);
    await until(() => rig.lost.length === 1);
    return waits(rig)[0];
  };
  const closed = createTcpServer();
  const nobody = await portOf(closed);
  closed.close();
  assert.ok((await first(nobody)) <= 4);
  assert.ok((await first(await portOf(mute))) <= 4);
  assert.ok((await first(await portOf(refusing))) >= 45);
});

test('says ERROR after failures in a row, and goes on trying', async (t) => {
  const rig = await Rig.start(t, quick, trades(SYMBOLS), (socket) => socket.terminate());
  await until(() => rig.states.includes('ERROR') && rig.lost.length > 8);
  assert.equal(rig.states.filter((s) => s === 'ACTIVE').length, 0);
});

test('leaves a server that has gone silent', async (t) => {
  const rig = await Rig.start(t, quick, trades(SYMBOLS), accept, { messageTimeoutMs: 200 });
  await rig.active();
  // as behind a network that is gone: it hears no ping, and its socket stays open
  (rig.sockets[0] as unknown as { _socket: Socket })._socket.pause();
  await until(() => rig.stale === 1);
  await rig.active();
  assert.match(rig.lost[0], /nothing arrived/);
  assert.ok(rig.sockets.length >= 2);
});

test('leaves a server whose message never ends, however often a byte of it arrives', async (t) => {
  let drips = 0;
  const rig = await Rig.start(t, quick, trades(SYMBOLS), accept, { messageTimeoutMs: 3000 });
  await rig.active();
  const [socket] = rig.sockets;
  // a fragment of 4096 bytes
  const raw = (socket as unknown as { _socket: Socket })._socket;
  raw.write(Buffer.of(0x01, 126, 0x10, 0x00));
  const dripping = setInterval(() => {
    drips++;
    raw.write('x');
  }, 20);
  t.after(() => clearInterval(dripping));
  await until(() => rig.stale === 1);
  clearInterval(dripping);
  assert.match(rig.lost[0], /has not ended/);
  assert.ok(drips > 3);
});

test('pings a quiet server, and its pong counts as a sign of life', async (t) => {
  const pinging = { ...quick, keepAlive: { everyMs: 40, onlyWhenQuiet: true } };
  const rig = await Rig.start(t, pinging, trades(SYMBOLS), accept, { messageTimeoutMs: 5000 });
  await until(() => rig.pings >= 5);
  assert.deepEqual([rig.connection.state, rig.lost], ['ACTIVE', []]);
});

test('asks a quiet server for a sign of life where the exchange needs no keep-alive, and stays', async (t) => {
  const rig = await Rig.start(t, quick, trades(SYMBOLS), accept, { messageTimeoutMs: 1000 });
  await until(() => rig.pings >= 4);
  assert.deepEqual([rig.connection.state, rig.stale, rig.lost], ['ACTIVE', 0, []]);
});

test('an attempt that nobody answers is said to have reached nobody', async (t) => {
  const rig = await Rig.start(t, quick, trades(SYMBOLS), accept, { endpoint: 'ws://127.0.0.1:1/' });
  await until(() => rig.unanswered >= 2);
});

test('stays below five messages a second', async (t) => {
  const apart = {
    ...binance,
    subscribe: (s: readonly Subscription[], first: number) =>
      s.flatMap((one, i) => binance.subscribe([one], first + i)),
  };
  const rig = await Rig.start(t, apart, trades(Array.from({ length: 8 }, (_, i) => `S${i}`)), accept);
  await rig.active();
  const times = rig.requests.map((r) => r.at);
  assert.equal(times.length, 8);
  // three a second are sent; what a loaded machine squeezes together on the way is far from five
  for (let i = 5; i < times.length; i++)
    assert.ok(times[i] - times[i - 5] > 1000, `${times.map(Math.round)}`);
});

test('changes its subscriptions without touching the connection', async (t) => {
  const rig = await Rig.start(t, quick, trades(['AAA', 'BBB']), accept);
  await rig.active();
  rig.connection.change(trades(['CCC']), trades(['AAA']));
  await until(() => rig.requests.length === 3);
  await rig.active();
  assert.deepEqual(
    rig.requests.map((r) => [r.body.method, ...(r.body.params ?? [])]),
    [
      ['SUBSCRIBE', 'aaa@trade', 'bbb@trade'],
      ['UNSUBSCRIBE', 'aaa@trade'],
      ['SUBSCRIBE', 'ccc@trade'],
    ],
  );
  assert.deepEqual([rig.connection.subscriptions.count('confirmed'), rig.sockets.length], [2, 1]);
});

test('a connection without a symbol is closed and rests until one comes', async (t) => {
  const rig = await Rig.start(t, quick, trades(['AAA']), accept);
  await rig.active();
  rig.connection.change([], trades(['AAA']));
  assert.equal(rig.connection.state, 'RESTING');
  await until(() => rig.closes.length === 1);
  rig.connection.change(trades(['BBB']), []);
  await rig.active();
  assert.deepEqual([rig.sockets.length, rig.lost, rig.rested], [2, [], ['no symbol is left']]);
  assert.deepEqual(rig.requests.at(-1)?.body.params, ['bbb@trade']);
});

test('one that lost its symbols while it was down does not connect before there is one', async (t) => {
  const rig = await Rig.start(t, quick, trades(['AAA']), accept);
  await rig.active();
  rig.sockets[0].terminate();
  await until(() => rig.lost.length === 1);
  rig.connection.change([], trades(['AAA']));
  await until(() => rig.states.at(-1) === 'RESTING');
  rig.connection.change(trades(['BBB']), []);
  await rig.active();
  assert.equal(rig.sockets.length, 2);
});

test('a connection of which all is refused rests, and opens at once for a symbol that is new', async (t) => {
  const refusing = (socket: WebSocket, body: Request['body']) => {
    if (body.params?.includes('aaa@trade'))
      tell(socket, { kind: 'refused', id: body.id, whole: true, reason: 'unknown' });
    else accept(socket, body);
  };
  const rig = await Rig.start(t, quick, trades(['AAA']), refusing);
  await until(() => rig.connection.state === 'RESTING' && rig.closes.length === 1);
  assert.deepEqual(rig.rested, ['the exchange refuses all subscriptions']);
  rig.connection.change(trades(['BBB']), []);
  await rig.active();
  assert.deepEqual([rig.sockets.length, rig.lost], [2, []]);
  assert.deepEqual(rig.requests.at(-1)?.body.params, ['bbb@trade']);
});

test('announced shutdowns are said, and what follows is an ordinary reconnect', async (t) => {
  const rig = await Rig.start(t, quick, trades(SYMBOLS), accept);
  await rig.active();
  tell(rig.sockets[0], { kind: 'closing', reason: 'going down' });
  await until(() => rig.logs.includes('going down'));
  rig.sockets[0].close(1001);
  await until(() => rig.sockets.length === 2);
  await rig.active();
});

test('ends a connection with the code it is told, e.g. 1007 for text that is not UTF-8', async (t) => {
  const rig = await Rig.start(t, quick, trades(SYMBOLS), accept);
  await rig.active();
  rig.connection.fail(1007, 'text is not UTF-8');
  await until(() => rig.closes.length === 1 && rig.sockets.length === 2);
  assert.deepEqual(rig.closes, [[1007, 'text is not UTF-8']]);
  await rig.active();
});

test('can be stopped before, while and between it connects', async (t) => {
  const rig = await Rig.start(t, quick, trades(SYMBOLS), (socket) => socket.terminate());
  await until(() => rig.connection.state === 'RECONNECTING');
  await rig.connection.stop();
  const attempts = rig.sockets.length;
  const early = await Rig.start(t, quick, trades(SYMBOLS), accept);
  await early.connection.stop();
  const connecting = await Rig.start(t, quick, trades(SYMBOLS), accept);
  await until(() => connecting.states.includes('CONNECTING'));
  await new Promise((resolve) => setImmediate(resolve));
  await connecting.connection.stop();
  await new Promise((resolve) => setTimeout(resolve, 150));
  assert.deepEqual(
    [rig.connection.state, early.connection.state, connecting.connection.state],
    Array(3).fill('STOPPED'),
  );
  assert.deepEqual([rig.sockets.length, early.sockets.length], [attempts, 0]);
});

/** The contract of a server, kept by every library that it may run on. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import WebSocket from 'ws';
import { LoggerError } from '../../src/base/errors.js';
import {
  HANG_UP,
  type Reply,
  type Request,
  type Server,
  type ServerOptions,
  type Socket,
  type SocketListener,
  type SocketOptions,
} from '../../src/server/contract.js';
import { chooseServer, type ServerChoice, startServer } from '../../src/server/start.js';
import { makeCertificate } from '../../src/simulator/server/tls.js';
import { Client, until } from '../simulator/client.js';

/** Where a binary is to be had a failure to load it is no reason to skip anything. */
const { optionalDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  readonly optionalDependencies: Readonly<Record<string, string>>;
};
const hasBinary =
  `uWebSockets.js-node${process.versions.node.split('.', 1)[0]}` in optionalDependencies &&
  process.platform === 'linux' &&
  process.arch === 'x64';

/** The libraries that load here. */
const CHOICES = new Map<string, ServerChoice>();
for (const kind of ['uws', 'node']) {
  try {
    CHOICES.set(kind, chooseServer(kind));
  } catch (error) {
    if (!(error instanceof LoggerError && error.code === 'DEPENDENCY_MISSING')) throw error;
    test(`${kind} keeps the contract`, {
      skip: hasBinary ? error.message : 'no binary of uWebSockets.js is installed for this Node',
    });
  }
}

type Start = (options: Partial<ServerOptions>) => Promise<Server>;

/** The test once for each library. */
function each(name: string, body: (t: TestContext, start: Start) => Promise<void>): void {
  for (const [kind, choice] of CHOICES)
    test(`${kind}: ${name}`, (t) =>
      body(t, async (options) => {
        const local = { host: '127.0.0.1', port: 0, advice: 'take another', ...options };
        const server = await startServer(local, choice);
        t.after(() => server.close());
        return server;
      }));
}

const text = (body: string, status = 200): Reply => ({
  status,
  headers: { 'content-type': 'text/plain' },
  body,
});

/** One exchange of bytes over a connection of its own; resolves with everything that came until its end. */
async function raw(port: number, request: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.on('error', () => {});
  socket.write(request);
  await once(socket, 'close');
  return Buffer.concat(chunks).toString();
}

/** A port that nobody listens at. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Resolves when it is closed, also by a reset. */
function gone(socket: ReturnType<typeof connect>): Promise<false> {
  return new Promise((resolve) => socket.once('close', () => resolve(false)));
}

/** Headers and body of an answer in `raw`. */
function parts(answer: string): { head: string; body: string } {
  const end = answer.indexOf('\r\n\r\n');
  return { head: answer.slice(0, end).toLowerCase(), body: answer.slice(end + 4) };
}

each('a request is answered by its route, with method, path and query', async (_, start) => {
  const seen: Request[] = [];
  const answer = (request: Request) => {
    seen.push(request);
    return { status: 418, headers: { 'x-tea': 'green' }, body: 'hällo' };
  };
  const { port } = await start({ routes: [{ method: 'GET', path: '/tea', answer }] });
  const response = await fetch(`http://127.0.0.1:${port}/tea?cups=2&of=a%20b`);
  assert.deepEqual(
    [response.status, response.statusText, response.headers.get('x-tea'), await response.text()],
    [418, "I'm a Teapot", 'green', 'hällo'],
  );
  assert.equal(response.headers.get('content-length'), '6');
  assert.deepEqual(
    seen.map(({ method, path, query, body }) => [method, path, query, body.length]),
    [['GET', '/tea', 'cups=2&of=a%20b', 0]],
  );
});

each('HEAD is answered as GET, without the body', async (_, start) => {
  const { port } = await start({ routes: [{ method: 'GET', path: '/tea', answer: () => text('hällo') }] });
  const { head, body } = parts(
    await raw(
      port,
      'HEAD /tea HTTP/1.1\r\nhost: x\r\n\r\nGET /nothing HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n',
    ),
  );
  assert.match(head, /^http\/1\.1 200 ok\r\n/);
  assert.match(head, /\r\ncontent-type: text\/plain/);
  assert.match(head, /\r\ncontent-length: 6\b/);
  // what follows the head is the next answer
  assert.match(body, /^HTTP\/1\.1 404 /);
});

each('another method on a known path is 405 with what is allowed, another path 404', async (_, start) => {
  const { port } = await start({
    routes: [
      { method: 'GET', path: '/a', answer: () => text('a') },
      { method: 'POST', path: '/a', answer: () => text('posted') },
      { method: 'POST', path: '/b', answer: () => text('b') },
    ],
  });
  for (const [method, path, status, allow] of [
    ['DELETE', '/a', 405, 'GET, HEAD, POST'],
    ['GET', '/b', 405, 'POST'],
    ['HEAD', '/b', 405, 'POST'],
    ['OPTIONS', '/b', 405, 'POST'],
    ['GET', '/c', 404, null],
    ['GET', '/', 404, null],
    ['GET', '/a/', 404, null],
    ['POST', '/a', 200, null],
  ] as const) {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method });
    assert.deepEqual(
      [method, path, response.status, response.headers.get('allow')],
      [method, path, status, allow],
    );
    const body = await response.text();
    if (method !== 'HEAD' && status !== 200) assert.ok(JSON.parse(body).error);
  }
});

each('what no route has the path of may be answered by another handler', async (_, start) => {
  const { port } = await start({
    routes: [{ method: 'GET', path: '/a', answer: () => text('a') }],
    other: ({ method, path }) => text(`${method} ${path}`, 201),
  });
  const get = async (path: string, method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method });
    return [response.status, await response.text()];
  };
  assert.deepEqual(await get('/a'), [200, 'a']);
  assert.deepEqual(await get('/b/c', 'PUT'), [201, 'PUT /b/c']);
});

each('a body comes whole, in whichever pieces it was sent, and has a limit', async (_, start) => {
  const { port } = await start({
    routes: [
      { method: 'POST', path: '/echo', body_bytes_max: 1000, answer: ({ body }) => text(body.toString()) },
    ],
  });
  const post = async (body: string | ReadableStream) => {
    const response = await fetch(`http://127.0.0.1:${port}/echo`, { method: 'POST', body, duplex: 'half' });
    return [response.status, await response.text()];
  };
  assert.deepEqual(await post('x'.repeat(1000)), [200, 'x'.repeat(1000)]);
  assert.deepEqual(await post(''), [200, '']);
  const pieces = new ReadableStream({
    async start(controller) {
      for (const piece of ['ä'.repeat(100), 'b', 'c']) {
        controller.enqueue(Buffer.from(piece));
        // most likely a packet of its own
        await sleep(20);
      }
      controller.close();
    },
  });
  assert.deepEqual(await post(pieces), [200, `${'ä'.repeat(100)}bc`]);
  const long = parts(
    await raw(port, `POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 2000\r\n\r\n${'x'.repeat(1500)}`),
  );
  assert.match(long.head, /^http\/1\.1 413 /);
  assert.match(long.body, /1000 bytes/);
});

each('a connection can be closed without an answer', async (_, start) => {
  const { port } = await start({ other: () => HANG_UP });
  assert.equal(await raw(port, 'GET / HTTP/1.1\r\nhost: x\r\n\r\n'), '');
});

each('a port that is taken is refused with the advice', async (_, start) => {
  const { port } = await start({});
  await assert.rejects(
    start({ port }),
    (error) =>
      error instanceof LoggerError &&
      error.code === 'ADDRESS_IN_USE' &&
      error.message.startsWith(`cannot listen on 127.0.0.1:${port}`) &&
      error.message.endsWith('; take another'),
  );
});

/** What a server's side of a socket has seen. */
class Heard implements SocketListener {
  readonly events: string[] = [];
  readonly socket: Socket;
  constructor(socket: Socket) {
    this.socket = socket;
  }
  message(data: Buffer, binary: boolean): void {
    this.events.push(`${binary ? 'binary' : 'text'} ${data.toString()}`);
  }
  ping(): void {
    this.events.push('ping');
  }
  pong(): void {
    this.events.push('pong');
  }
  closed(): void {
    this.events.push('closed');
  }
}

const LIMITS = { message_bytes_max: 1000, backlog_bytes_max: 64 * 1024 * 1024 };

/** A server of sockets, and those that it has. */
async function socketServer(
  start: Start,
  options: Partial<SocketOptions> = {},
  more: Partial<ServerOptions> = {},
) {
  const heard: Heard[] = [];
  const sockets: SocketOptions = {
    ...LIMITS,
    refusal: () => undefined,
    open: (socket) => {
      heard.push(new Heard(socket));
      return heard[heard.length - 1];
    },
    ...options,
  };
  const { port, close } = await start({ sockets, ...more });
  return { url: `ws://127.0.0.1:${port}`, port, heard, close };
}

async function opened(t: TestContext, url: string, options?: WebSocket.ClientOptions): Promise<Client> {
  const client = await Client.open(url, options);
  t.after(() => client.socket.terminate());
  return client;
}

each('messages, pings and pongs go both ways', async (t, start) => {
  const { url, heard } = await socketServer(start);
  const client = await opened(t, url);
  client.send('täxt');
  client.socket.send(Buffer.from('bytes'));
  client.socket.ping('a');
  await client.until('what was sent', () => heard[0]?.events.length === 3);
  assert.deepEqual(heard[0].events, ['text täxt', 'binary bytes', 'ping']);
  const kinds: boolean[] = [];
  client.socket.on('message', (_, binary) => kinds.push(binary));
  const { socket } = heard[0];
  socket.send('täxt', false);
  socket.send('täxt', true);
  socket.send(Buffer.from('bytes'), true);
  socket.send(Buffer.from('bytes'), false);
  socket.ping('tick');
  await client.until('the answers', () => client.texts.length === 4 && client.pings.length === 1);
  assert.deepEqual(client.texts, ['täxt', 'täxt', 'bytes', 'bytes']);
  assert.deepEqual(kinds, [false, true, true, false]);
  assert.deepEqual(client.pings, ['tick']);
  await client.until('the pong', () => heard[0].events.includes('pong'));
});

each(
  'an upgrade is accepted with its path and query, or refused with an answer or none',
  async (t, start) => {
    const asked: Request[] = [];
    const { url } = await socketServer(start, {
      refusal: ({ path }) => {
        if (path === '/gone') return HANG_UP;
        return path === '/busy' ? { status: 429, headers: { 'retry-after': '1' }, body: 'busy' } : undefined;
      },
      open: (socket, request) => {
        asked.push(request);
        return new Heard(socket);
      },
    });
    await opened(t, `${url}/stream?symbols=a,b`);
    assert.deepEqual(
      asked.map(({ method, path, query }) => [method, path, query]),
      [['GET', '/stream', 'symbols=a,b']],
    );
    const refused = new WebSocket(`${url}/busy`);
    const [, response] = await once(refused, 'unexpected-response');
    assert.deepEqual([response.statusCode, response.headers['retry-after']], [429, '1']);
    refused.on('error', () => {});
    refused.terminate();
    await assert.rejects(Client.open(`${url}/gone`));
    assert.equal(asked.length, 1);
  },
);

each(
  'where there are sockets, requests are still answered, and without them no upgrade is',
  async (_, start) => {
    const both = await socketServer(start, {}, { other: () => text('plain') });
    assert.equal(await (await fetch(`http://127.0.0.1:${both.port}/`)).text(), 'plain');
    const { port } = await start({ other: () => text('plain') });
    await assert.rejects(Client.open(`ws://127.0.0.1:${port}`), /200/);
  },
);

each('the end is told once, before end() returns, with its code to the other side', async (t, start) => {
  const { url, heard } = await socketServer(start);
  const client = await opened(t, url);
  const [{ socket, events }] = heard;
  socket.send('last', false);
  socket.end(4001, 'enough');
  assert.deepEqual(events, ['closed']);
  // nobody listens any more, and nothing throws
  socket.send('late', false);
  socket.ping('late');
  socket.end(1000, '');
  socket.abort();
  socket.cork(() => socket.send('late', false));
  assert.equal(socket.backlog_bytes, 0);
  await client.closed();
  assert.deepEqual([client.texts, client.close_code, client.close_reason], [['last'], 4001, 'enough']);
  assert.deepEqual(events, ['closed']);
});

each('a code that may not stand on the wire ends without one', async (t, start) => {
  const { url, heard } = await socketServer(start);
  const client = await opened(t, url);
  heard[0].socket.end(1006, '');
  await client.closed();
  assert.equal(client.close_code, 1005);
});

each('an abort cuts the connection without a close frame, from within a cork, too', async (t, start) => {
  const { url, heard } = await socketServer(start);
  const plain = await opened(t, url);
  heard[0].socket.abort();
  assert.deepEqual(heard[0].events, ['closed']);
  await plain.closed();
  assert.equal(plain.close_code, 1006);
  const corked = await opened(t, url);
  const { socket, events } = heard[1];
  socket.cork(() => {
    socket.send('first', false);
    socket.abort();
    socket.send('second', false);
  });
  assert.deepEqual(events, ['closed']);
  await corked.closed();
  assert.equal(corked.close_code, 1006);
});

each('a socket that is ended while it is opened tells its end', async (t, start) => {
  const ended: Heard[] = [];
  const { url } = await socketServer(start, {
    open: (socket) => {
      socket.end(1013, 'full');
      ended.push(new Heard(socket));
      return ended[0];
    },
  });
  const client = await opened(t, url);
  await client.closed();
  assert.deepEqual([client.close_code, ended[0].events], [1013, ['closed']]);
});

each('the end by the other side is told, however it ends', async (t, start) => {
  const { url, heard } = await socketServer(start);
  const ends: ((client: Client) => void)[] = [
    ({ socket }) => socket.close(1000),
    ({ socket }) => socket.terminate(),
    (client) => client.send('x'.repeat(1001)),
  ];
  for (const [i, end] of ends.entries()) {
    const client = await opened(t, url);
    end(client);
    await until('the end', () => heard[i].events.length > 0);
    await client.closed();
    assert.deepEqual(heard[i].events, ['closed']);
  }
});

each(
  'what is sent within a cork comes in order, and the bytes may be used again at once',
  async (t, start) => {
    const { url, heard } = await socketServer(start);
    const client = await opened(t, url);
    const { socket } = heard[0];
    // more than the kernel takes, so that some of it has to be kept
    const bytes = Buffer.alloc(100_000);
    const rounds = 200;
    client.socket.pause();
    for (let i = 0; i < rounds; i += 10) {
      socket.cork(() => {
        for (let j = i; j < i + 10; j++) socket.send(bytes.fill(j), true);
      });
    }
    assert.ok(socket.backlog_bytes > 1_000_000, `${socket.backlog_bytes} bytes wait`);
    const received: number[] = [];
    client.socket.removeAllListeners('message');
    client.socket.on('message', (data: Buffer) => {
      assert.ok(data.every((byte) => byte === data[0]));
      received.push(data[0]);
    });
    client.socket.resume();
    await client.until('everything', () => received.length === rounds);
    assert.deepEqual(
      received,
      Array.from({ length: rounds }, (_, i) => i),
    );
    await client.until('the backlog to be gone', () => socket.backlog_bytes === 0);
  },
);

each('a client that leaves too much unread is cut off', async (t, start) => {
  const { url, heard } = await socketServer(start, { backlog_bytes_max: 1024 * 1024 });
  const client = await opened(t, url);
  client.socket.pause();
  const { socket, events } = heard[0];
  const bytes = Buffer.alloc(1_000_000);
  for (let i = 0; i < 100 && events.length === 0; i++) socket.send(bytes, true);
  assert.deepEqual(events, ['closed']);
  client.socket.resume();
  await client.closed();
  assert.equal(client.close_code, 1006);
});

each('close() cuts every connection and gives the port back', async (t, start) => {
  // a port that was asked for, as one that was not may rest for a minute
  const port = await freePort();
  const { url, heard, close } = await socketServer(start, {}, { port });
  const client = await opened(t, url);
  close();
  await client.closed();
  assert.deepEqual(heard[0].events, ['closed']);
  await assert.rejects(Client.open(url));
  assert.equal((await start({ port })).port, port);
});

each('requests and sockets go over TLS', async (t, start) => {
  const { port, heard } = await socketServer(
    start,
    {},
    { tls: makeCertificate(), other: () => text('safe') },
  );
  const client = await opened(t, `wss://127.0.0.1:${port}`, { rejectUnauthorized: false });
  heard[0].socket.send('hello', false);
  await client.until('the text', () => client.texts.length === 1);
  assert.deepEqual(client.texts, ['hello']);
  const plain = await raw(port, 'GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  assert.ok(!plain.includes('safe'));
});

each('a certificate that cannot be read is told by its name', async (_, start) => {
  const tls = { cert_path: '/no/such/cert.pem', key_path: '/no/such/key.pem' };
  await assert.rejects(
    start({ tls }),
    (error) =>
      error instanceof LoggerError && error.code === 'USAGE' && error.message.includes(tls.cert_path),
  );
});

each('a guard answers in place of every route and knows the headers that it goes by', async (_, start) => {
  const { port } = await start({
    routes: [{ method: 'POST', path: '/a', body_bytes_max: 10, answer: () => text('a') }],
    other: () => text('other'),
    guard: ({ host, origin, path }) => (path === '/b' ? undefined : text(`${host} ${origin}`, 403)),
  });
  const post = (path: string, lines: string) =>
    raw(port, `POST ${path} HTTP/1.1\r\nconnection: close\r\ncontent-length: 0\r\n${lines}\r\n`);
  const refused = parts(await post('/a', 'Host: x:1\r\nOrigin: http://y\r\n'));
  assert.match(refused.head, /^http\/1.1 403 /);
  assert.match(refused.body, /x:1 http:\/\/y/);
  assert.match(parts(await post('/b', 'Host: x\r\n')).body, /other/);
});

each(
  'connections over the limit are cut off, and there is room again when one has gone',
  async (t, start) => {
    const { port } = await start({ connections_max: 3, other: () => text('here') });
    const open = async () => {
      const socket = connect(port, '127.0.0.1').on('error', () => {});
      t.after(() => socket.destroy());
      socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
      const answered = await Promise.race([
        once(socket, 'data').then(
          () => true,
          () => false,
        ),
        gone(socket),
      ]);
      return { socket, answered };
    };
    const first = [await open(), await open(), await open()];
    assert.deepEqual(
      [...first, await open(), await open()].map(({ answered }) => answered),
      [true, true, true, false, false],
    );
    first[0].socket.destroy();
    while (!(await open()).answered) await new Promise((resolve) => setTimeout(resolve, 20));
  },
);

test('a request that comes by the byte is cut off, by either library', async (t) => {
  const cut = [...CHOICES.values()].map(async (choice) => {
    const options = { host: '127.0.0.1', port: 0, advice: '', other: () => text('here') };
    const server = await startServer(options, choice);
    t.after(() => server.close());
    const socket = connect(server.port, '127.0.0.1').on('error', () => {});
    socket.write('GET / HTTP/1.1\r\nHost: x\r\nx: ');
    const dripping = setInterval(() => socket.write('x'), 200);
    await gone(socket);
    clearInterval(dripping);
  });
  await Promise.all(cut);
});

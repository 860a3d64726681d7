/** The client end to end, plain and over TLS: against a real `ws` server and against servers that misbehave. */
import assert from 'node:assert/strict';
import type * as net from 'node:net';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { PINGS_PER_SECOND_MAX } from '../../../../src/base/limits.js';
import { deferred, digest, frame, MIB, randomFrom, test, textOf, until } from './helpers.js';
import {
  acceptance,
  answering,
  type Certificate,
  certificateFor,
  LOOPBACK,
  RecordingClient,
  tcpServer,
  wsServer,
} from './servers.js';

/** both ways to reach a server, with what makes the client trust it */
const TRANSPORTS: { name: string; certificate: Certificate | undefined; ca: Buffer | undefined }[] = [
  { name: 'plain', certificate: undefined, ca: undefined },
  { name: 'TLS', certificate: certificateFor(LOOPBACK), ca: certificateFor(LOOPBACK).cert },
];

for (const { name, certificate, ca } of TRANSPORTS) {
  test(`${name}: text arrives intact both ways`, async (t) => {
    const url = await wsServer(
      t,
      (socket) => socket.on('message', (data) => socket.send(`${data}`)),
      certificate,
    );
    const recording = new RecordingClient(t, url, { ca });
    assert.equal(recording.client.sendText('too early'), false);
    await recording.opened;
    const texts = [0, 1, 125, 126, 65_535, 65_536, 300_000].map((length) => textOf(length));
    texts.push('Übergröße €');
    for (const text of texts) assert.equal(recording.client.sendText(text), true);
    const expected = texts.map((text) => digest(Buffer.from(text)));
    await until(() => recording.messages.length === texts.length);
    assert.deepEqual(recording.messages, expected);
    assert.equal(recording.chunks, recording.chunkEnds);
  });

  test(`${name}: messages of 5 MB, in one frame and in fragments`, async (t) => {
    const text = textOf(5 * MIB);
    const url = await wsServer(
      t,
      (socket) => {
        socket.send(text);
        for (let at = 0; at < text.length; at += 700_000) {
          socket.send(text.slice(at, at + 700_000), { fin: at + 700_000 >= text.length });
          socket.ping();
        }
        socket.send('end');
      },
      certificate,
    );
    const recording = new RecordingClient(t, url, { ca });
    await until(() => recording.messages.length === 3);
    const whole = digest(Buffer.from(text));
    assert.deepEqual(recording.messages, [whole, whole, digest(Buffer.from('end'))]);
  });

  test(`${name}: with a handler that refuses now and then, all arrives in order and once`, async (t) => {
    const random = randomFrom(7);
    const texts = Array.from({ length: 6000 }, (_, i) => `${i} ${textOf(random(400), i)}`);
    texts.splice(2000, 0, textOf(200_000), textOf(MIB));
    const url = await wsServer(
      t,
      (socket) => {
        for (const text of texts) socket.send(text);
        socket.close(4000, 'all sent');
      },
      certificate,
    );
    const recording = new RecordingClient(t, url, { ca });
    let offers = 0;
    let pauses = 0;
    recording.onMessage = () => {
      assert.equal(recording.client.paused, false);
      if (++offers % 97 !== 0) return true;
      pauses++;
      // three ways to go on: within this turn, in the next one, and after a while
      if (pauses % 3 === 0) recording.client.resume();
      else setTimeout(() => recording.client.resume(), pauses % 3 === 1 ? 0 : 3);
      return false;
    };
    const info = await recording.closed;
    assert.deepEqual(
      recording.messages,
      texts.map((text) => digest(Buffer.from(text))),
    );
    assert.equal(info.kind, 'peer');
    assert.equal(info.code, 4000);
    assert.ok(pauses > 50);
    assert.ok(recording.chunkEnds >= recording.chunks);
  });

  test(`${name}: a paused client is silent until resume(), even if the peer is gone`, async (t) => {
    const gone = deferred<void>();
    const url = await wsServer(
      t,
      (socket) => {
        // less than any receive window, so that all of it is on its way when the peer goes
        for (let i = 0; i < 60; i++) socket.send(textOf(1000, i));
        socket.close(1001);
        socket.on('close', () => gone.resolve());
        setTimeout(() => socket.terminate(), 50);
      },
      certificate,
    );
    const recording = new RecordingClient(t, url, { ca });
    recording.onMessage = () => false;
    await gone.promise;
    await delay(20);
    assert.deepEqual(recording.events, ['open']);
    assert.equal(recording.client.paused, true);
    recording.onMessage = () => true;
    recording.client.resume();
    await recording.closed;
    assert.equal(recording.messages.length, 60);
    assert.deepEqual(recording.events.at(-1), 'close peer 1001');
  });

  test(`${name}: a paused client reads no further`, async (t) => {
    const url = await wsServer(
      t,
      (socket) => {
        for (let i = 0; i < 400; i++) socket.send(textOf(50_000));
      },
      certificate,
    );
    const recording = new RecordingClient(t, url, { ca });
    recording.onMessage = () => false;
    await until(() => recording.client.paused);
    await delay(100);
    assert.ok(recording.bytes < MIB, `${recording.bytes} bytes were read`);
    recording.onMessage = () => true;
    recording.client.resume();
    await until(() => recording.messages.length === 400);
  });

  test(`${name}: ping and pong, both ways`, async (t) => {
    const pongs: string[] = [];
    const url = await wsServer(
      t,
      (socket) => {
        socket.on('pong', (data) => pongs.push(data.toString()));
        socket.ping('are you there');
      },
      certificate,
    );
    const recording = new RecordingClient(t, url, { ca });
    await recording.opened;
    recording.client.ping();
    await until(() => pongs.length === 1 && recording.events.includes('pong'));
    assert.deepEqual(pongs, ['are you there']);
  });

  test(`${name}: the close handshake begun here`, async (t) => {
    const closed = deferred<string>();
    const url = await wsServer(
      t,
      (socket) => socket.on('close', (code, why) => closed.resolve(`${code} ${why}`)),
      certificate,
    );
    const recording = new RecordingClient(t, url, { ca });
    await recording.opened;
    recording.client.close(4001, `enough ${'€'.repeat(100)}`);
    assert.equal(recording.client.sendText('no more'), false);
    assert.deepEqual(await recording.closed, { kind: 'local', code: 4001, reason: 'closed by us' });
    assert.equal(await closed.promise, `4001 enough ${'€'.repeat(38)}`);
    recording.client.close();
    recording.client.destroy();
    await delay(10);
    assert.deepEqual(recording.events, ['open', 'close local 4001']);
  });

  test(`${name}: the close handshake begun by the peer`, async (t) => {
    const closed = deferred<number>();
    const url = await wsServer(
      t,
      (socket) => {
        socket.on('close', (code) => closed.resolve(code));
        socket.send('last');
        socket.close(1012, 'restart');
      },
      certificate,
    );
    const recording = new RecordingClient(t, url, { ca });
    const info = await recording.closed;
    assert.deepEqual([info.kind, info.code], ['peer', 1012]);
    assert.match(info.reason, /1012.*"restart"/);
    assert.equal(await closed.promise, 1012);
    assert.deepEqual(recording.events, ['open', `text ${digest(Buffer.from('last'))}`, 'close peer 1012']);
  });

  test(`${name}: fail() tells the peer why`, async (t) => {
    const closed = deferred<string>();
    const url = await wsServer(
      t,
      (socket) => {
        socket.on('close', (code, why) => closed.resolve(`${code} ${why}`));
        for (let i = 0; i < 2000; i++) socket.send(textOf(100));
      },
      certificate,
    );
    const recording = new RecordingClient(t, url, { ca });
    recording.onMessage = () => {
      recording.client.fail(1007, 'text is not UTF-8');
      return true;
    };
    const info = await recording.closed;
    assert.deepEqual(info, { kind: 'protocol', code: 1007, reason: 'text is not UTF-8' });
    assert.equal(await closed.promise, '1007 text is not UTF-8');
    assert.equal(recording.messages.length, 1);
    assert.equal(recording.events.at(-1), 'close protocol 1007');
    assert.equal(recording.chunkEnds, recording.chunks);
  });

  test(`${name}: a connection that breaks`, async (t) => {
    const url = await wsServer(t, (socket) => socket.send('x', () => socket.terminate()), certificate);
    const recording = new RecordingClient(t, url, { ca });
    const info = await recording.closed;
    assert.deepEqual([info.kind, info.code], ['network', 1006]);
    assert.deepEqual(recording.events.slice(-2), ['text 78', 'close network 1006']);
  });

  test(`${name}: destroy() is silent, at any time and within any handler`, async (t) => {
    const url = await wsServer(
      t,
      (socket) => {
        for (let i = 0; i < 100; i++) socket.send('x');
      },
      certificate,
    );
    const early = new RecordingClient(t, url, { ca });
    early.client.destroy();
    const late = new RecordingClient(t, url, { ca });
    late.onMessage = () => {
      late.client.destroy();
      late.client.destroy();
      late.client.resume();
      return false;
    };
    await late.opened;
    await delay(30);
    assert.deepEqual(early.events, []);
    assert.deepEqual(late.events, ['open']);
    assert.equal(late.chunkEnds, 0);
  });
}

test('the request names host, port and program, and carries the headers given', async (t) => {
  const seen = deferred<NodeJS.Dict<string | string[]>>();
  const url = await wsServer(t, (_, request) => seen.resolve(request.headers));
  new RecordingClient(t, url, { headers: { 'X-Key': 'grün' } });
  const headers = await seen.promise;
  assert.equal(headers['host'], new URL(url).host);
  assert.match(String(headers['user-agent']), /^logger\/\d/);
  assert.equal(headers['x-key'], 'grün');
});

test('frames behind the answer to the upgrade, in the same segment and cut anywhere, are frames', async (t) => {
  const frames = Buffer.concat([frame(1, 'Hello'), frame(9, 'p'), frame(1, 'world')]);
  for (const gap of [0, 1, 7, 130, 150]) {
    const url = await answering(t, async (socket, request) => {
      const bytes = Buffer.concat([Buffer.from(acceptance(request)), frames]);
      socket.setNoDelay(true);
      if (gap > 0) {
        socket.write(bytes.subarray(0, gap));
        await delay(5);
      }
      socket.write(bytes.subarray(gap));
    });
    const recording = new RecordingClient(t, url);
    await until(() => recording.messages.length === 2);
    assert.deepEqual(recording.events, ['open', 'text 48656c6c6f', 'text 776f726c64']);
    assert.equal(recording.bytes, frames.length);
  }
});

/** A client whose server accepts the upgrade and then does this. */
async function upgraded(t: TestContext, then: (socket: net.Socket) => void) {
  const url = await answering(t, (socket, request) => {
    socket.write(acceptance(request));
    then(socket);
  });
  return new RecordingClient(t, url, { frameBytesMax: 1000 });
}

test('half a frame, then the end', async (t) => {
  const recording = await upgraded(t, (socket) => socket.end(frame(1, 'Hello').subarray(0, 4)));
  const info = await recording.closed;
  assert.deepEqual([info.kind, info.code], ['network', 1006]);
  assert.match(info.reason, /in the middle of a message/);
});

test('the end without a close frame', async (t) => {
  const recording = await upgraded(t, (socket) => socket.end(frame(1, 'Hello')));
  const info = await recording.closed;
  assert.deepEqual([info.kind, info.code], ['network', 1006]);
  assert.match(info.reason, /without a close frame/);
});

test('a reset', async (t) => {
  const recording = await upgraded(t, (socket) => setTimeout(() => socket.resetAndDestroy(), 10));
  const info = await recording.closed;
  assert.deepEqual([info.kind, info.code], ['network', 1006]);
  assert.match(info.reason, /ECONNRESET/);
});

test('a reset while paused is told behind the messages that had arrived', async (t) => {
  const reset = deferred<void>();
  const recording = await upgraded(t, (socket) => {
    socket.on('close', () => reset.resolve());
    socket.write(Buffer.concat(Array.from({ length: 50 }, (_, i) => frame(1, `${i}`))));
    setTimeout(() => socket.resetAndDestroy(), 20);
  });
  recording.onMessage = () => false;
  await reset.promise;
  // only writing tells a paused socket that its peer is gone
  for (let i = 0; i < 5; i++) {
    recording.client.ping();
    await delay(5);
  }
  assert.deepEqual(recording.events, ['open']);
  recording.onMessage = () => true;
  recording.client.resume();
  const info = await recording.closed;
  assert.equal(info.kind, 'network');
  assert.match(info.reason, /ECONNRESET|EPIPE/);
  assert.equal(recording.messages.length, 50);
  assert.equal(recording.events.at(-1), 'close network 1006');
});

test('a frame over the limit, a broken frame and a flood of pings are answered with their codes', async (t) => {
  const pings = Array<Buffer>(PINGS_PER_SECOND_MAX + 1).fill(frame(9, 'x'));
  const cases: [Buffer, number, RegExp, pongs: number][] = [
    [frame(1, 'x'.repeat(1001)), 1009, /over 1000 bytes/, 0],
    [Buffer.from('c10161', 'hex'), 1002, /reserved bits/, 0],
    [Buffer.from('8802ffff', 'hex'), 1002, /invalid code 65535/, 0],
    [Buffer.concat(pings), 1008, /pings/, PINGS_PER_SECOND_MAX],
  ];
  for (const [bytes, code, reason, pongs] of cases) {
    const answer: Buffer[] = [];
    const ended = deferred<void>();
    const recording = await upgraded(t, (socket) => {
      socket.on('data', (data) => answer.push(data));
      socket.on('end', () => ended.resolve());
      socket.write(Buffer.concat([frame(1, 'before'), bytes, frame(1, 'behind')]));
    });
    const info = await recording.closed;
    assert.deepEqual([info.kind, info.code], ['protocol', code]);
    assert.match(info.reason, reason);
    await ended.promise;
    // each pong has a byte of payload behind its header and mask
    const sent = unmask(Buffer.concat(answer).subarray(pongs * 7));
    assert.equal(sent[0], 0x88);
    assert.equal(sent.readUInt16BE(6), code);
    assert.deepEqual(recording.events, ['open', 'text 6265666f7265', `close protocol ${code}`]);
  }
});

test('every ping is answered, with its payload and a mask of its own', async (t) => {
  const answers: Buffer[] = [];
  const recording = await upgraded(t, (socket) => {
    socket.on('data', (data) => answers.push(data));
    socket.write(Buffer.concat([frame(9, 'first'), frame(9, ''), frame(9, 'last'), frame(1, 'x')]));
  });
  await until(() => Buffer.concat(answers).length >= 11 + 6 + 10 && recording.messages.length === 1);
  recording.client.ping();
  await until(() => Buffer.concat(answers).length === 11 + 6 + 10 + 6);
  const sent = Buffer.concat(answers);
  const pongs = [sent.subarray(0, 11), sent.subarray(11, 17), sent.subarray(17, 27)];
  assert.deepEqual(
    pongs.map((pong) => [pong[0], unmask(pong).toString('latin1', 6)]),
    ['first', '', 'last'].map((text) => [0x8a, text]),
  );
  const masks = [...pongs, sent.subarray(27)].map((bytes) => bytes.toString('hex', 2, 6));
  assert.equal(new Set(masks).size, 4);
});

test('a peer that never answers our close', async (t) => {
  const recording = await upgraded(t, (socket) => socket.on('data', () => socket.write(frame(1, 'late'))));
  await recording.opened;
  recording.client.close();
  const info = await recording.closed;
  assert.deepEqual([info.kind, info.code], ['local', 1000]);
  assert.match(info.reason, /unanswered/);
  assert.deepEqual(recording.events, ['open', 'text 6c617465', 'close local 1000']);
});

test('close() before the connection is open', async (t) => {
  const url = await tcpServer(t, () => {});
  const recording = new RecordingClient(t, url);
  recording.client.close(1001);
  assert.deepEqual(recording.events, ['close local 1001']);
  await delay(10);
  assert.equal(recording.events.length, 1);
});

/** The bytes of one client frame of up to 125 bytes with its payload made readable. */
function unmask(sent: Buffer): Buffer {
  assert.ok((sent[1] & 0x80) !== 0, 'a client frame is masked');
  const bytes = Buffer.from(sent);
  for (let i = 0; i + 6 < bytes.length; i++) bytes[6 + i] ^= sent[2 + (i & 3)];
  return bytes;
}

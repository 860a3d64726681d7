/** REST answers from a server that misbehaves in the usual ways. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { LoggerError } from '../../../src/base/errors.js';
import { restOf } from '../../../src/feed/connection/rest.js';

async function serve(t: TestContext, handler: http.RequestListener): Promise<string> {
  const server = http.createServer(handler);
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Answers with these statuses in turn, the last one for ever; counts what was asked. */
async function answering(t: TestContext, ...statuses: number[]) {
  const asked: string[] = [];
  const url = await serve(t, (request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.statusCode = statuses[Math.min(asked.length, statuses.length) - 1];
    response.end('{"ok":[1,"two"]}');
  });
  return { url, asked };
}

const failsWith = (text: RegExp) => (error: unknown) =>
  error instanceof LoggerError && error.code === 'REST_FAILED' && text.test(error.message);

test('fetches and parses, whatever slash the endpoint ends with', async (t) => {
  const { url, asked } = await answering(t, 200);
  assert.deepEqual(await restOf(`${url}//`)('/a?b=c'), { ok: [1, 'two'] });
  assert.deepEqual(asked, ['GET /a?b=c']);
});

test('tries again after 429 and 500', async (t) => {
  const { url, asked } = await answering(t, 429, 500, 200);
  assert.deepEqual(await restOf(url)('/x'), { ok: [1, 'two'] });
  assert.equal(asked.length, 3);
});

test('does not try again where that cannot help', async (t) => {
  for (const status of [400, 403, 404, 418]) {
    const { url, asked } = await answering(t, status);
    await assert.rejects(restOf(url)('/x'), failsWith(new RegExp(`HTTP status ${status}`)));
    assert.equal(asked.length, 1);
  }
});

test('gives up in the end and says what it asked', async (t) => {
  const { url, asked } = await answering(t, 503);
  await assert.rejects(restOf(url)('/symbols?x=1'), failsWith(/GET http:.*\/symbols: HTTP status 503/));
  assert.equal(asked.length, 4);
});

test('refuses what is not JSON, at once', async (t) => {
  let asked = 0;
  const url = await serve(t, (_, response) => {
    asked++;
    response.end('<html>maintenance</html>');
  });
  await assert.rejects(restOf(url)('/x'), failsWith(/not JSON/));
  assert.equal(asked, 1);
});

test('takes an answer that is longer than the limit for a failure, once', async (t) => {
  let asked = 0;
  const chunk = Buffer.alloc(1 << 20, ' ');
  const url = await serve(t, (_, response) => {
    asked++;
    const more = () => {
      while (!response.destroyed && response.write(chunk));
    };
    response.on('drain', more);
    more();
  });
  await assert.rejects(restOf(url)('/x'), failsWith(/longer than/));
  assert.equal(asked, 1);
});

test('tries again when the connection breaks in the middle of an answer', async (t) => {
  let asked = 0;
  const url = await serve(t, (_, response) => {
    if (++asked > 1) {
      response.end('[]');
      return;
    }
    response.writeHead(200, { 'content-length': '100' });
    response.write('[1,');
    setImmediate(() => response.destroy());
  });
  assert.deepEqual(await restOf(url)('/x'), []);
  assert.equal(asked, 2);
});

test('gives up, once, what never ends: a body by the byte, headers by the byte, or provisional answers', async (t) => {
  const endless: Record<string, (response: http.ServerResponse) => void> = {
    body: (response) => response.write(' '),
    headers: ({ socket }) => socket?.write('HTTP/1.1 200 OK\r\nx-slow: '.charAt(sent++ % 25)),
    provisional: (response) => response.writeContinue(),
  };
  let sent = 0;
  for (const [name, more] of Object.entries(endless)) {
    let asked = 0;
    const url = await serve(t, (_, response) => {
      asked++;
      const timer = setInterval(() => more(response), 20);
      response.on('close', () => clearInterval(timer));
      more(response);
    });
    sent = 0;
    await assert.rejects(restOf(url, { attemptMs: 300 })('/x'), failsWith(/not complete after 0.3 s/), name);
    assert.ok(asked <= 1, name);
  }
});

/** What a schema registry is asked, and what comes of its answers; a real one is in test/sinks/kafka.test.ts. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { after, beforeEach, test } from 'node:test';
import { type EncodingName, loadEncoding } from '../../../src/delivery/schemas/encoder.js';
import { SchemaRegistry } from '../../../src/delivery/schemas/registry.js';
import { schemaOf } from '../../../src/delivery/schemas/row_schema.js';
import { MD, TRADES } from '../../../src/schema/tables.js';

const asked: { readonly request: IncomingMessage; readonly body: Record<string, unknown> }[] = [];
let answer = { status: 200, body: '{"id":258}' };

const server = createServer(async (request, response) => {
  asked.push({ request, body: JSON.parse(await text(request)) });
  response.writeHead(answer.status).end(answer.body);
}).listen(0, '127.0.0.1');
await once(server, 'listening');
after(() => server.close());
beforeEach(() => {
  asked.length = 0;
  answer = { status: 200, body: '{"id":258}' };
});

async function registry(encoding: EncodingName, user = ''): Promise<SchemaRegistry> {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return new SchemaRegistry({ url, user, password: 'secret', seconds: 10 }, await loadEncoding(encoding));
}

test('a schema is registered once per subject, and rows begin with its number', async () => {
  const avro = await registry('avro');
  assert.deepEqual([...(await avro.frame('a/b-value', schemaOf(TRADES)))], [0, 0, 0, 1, 2]);
  await avro.frame('a/b-value', schemaOf(TRADES));
  await avro.frame('a/b-value', schemaOf(MD));
  assert.deepEqual(
    asked.map(({ request }) => [request.method, request.url, request.headers.authorization]),
    Array(2).fill(['POST', '/subjects/a%2Fb-value/versions', undefined]),
  );
  assert.equal(asked[0].body['schemaType'], 'AVRO');
  assert.equal(JSON.parse(String(asked[0].body['schema'])).name, 'Trades');
});

test('Protocol Buffers say which message of the file it is, and a user logs in', async () => {
  const protobuf = await registry('protobuf', 'logger');
  assert.deepEqual([...(await protobuf.frame('x', schemaOf(TRADES)))], [0, 0, 0, 1, 2, 0]);
  const login = Buffer.from('logger:secret').toString('base64');
  assert.equal(asked[0].request.headers.authorization, `Basic ${login}`);
});

test('a refusal is told with its reason, and asked again the next time', async () => {
  const json = await registry('json', 'logger');
  for (const [status, body, reason] of [
    [409, '{"message":"incompatible"}', /schema of x: status 409, .*incompatible/],
    [200, 'hello', /its answer has no id/],
  ] as const) {
    answer = { status, body };
    await assert.rejects(json.frame('x', schemaOf(TRADES)), reason);
  }
  answer = { status: 200, body: '{"id":1}' };
  assert.deepEqual([...(await json.frame('x', schemaOf(TRADES)))], [0, 0, 0, 0, 1]);
});

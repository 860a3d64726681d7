/** The opening handshake alone: addresses, the request, and answers good and bad, whole and in pieces. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { HANDSHAKE_BYTES_MAX } from '../../../../src/base/limits.js';
import {
  acceptOf,
  HandshakeError,
  parseTarget,
  UpgradeReader,
  upgradeRequest,
} from '../../../../src/feed/connection/websocket/handshake.js';

const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';
const HEAD = [
  'HTTP/1.1 101 Switching Protocols',
  'Upgrade: websocket',
  'Connection: Upgrade',
  `Sec-WebSocket-Accept: ${ACCEPT}`,
];
const answer = (...lines: string[]) => Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
/** the good answer with the line that starts like this one in its place */
const withLine = (line: string) =>
  answer(...HEAD.map((known) => (known.split(':')[0] === line.split(':')[0] ? line : known)));
const without = (name: string) => answer(...HEAD.filter((line) => !line.startsWith(name)));
const isHandshakeError = (message: RegExp, status: number) => (error: unknown) => {
  assert.ok(error instanceof HandshakeError);
  assert.match(error.message, message);
  assert.equal(error.status, status);
  return true;
};

test('the key of RFC 6455 §1.3 is answered as it says', () => {
  assert.equal(acceptOf('dGhlIHNhbXBsZSBub25jZQ=='), ACCEPT);
});

test('addresses', () => {
  const target = parseTarget('wss://stream.binance.com:9443/stream?streams=a@trade/b@trade');
  assert.deepEqual(target, {
    secure: true,
    host: 'stream.binance.com',
    port: 9443,
    servername: 'stream.binance.com',
    hostHeader: 'stream.binance.com:9443',
    path: '/stream?streams=a@trade/b@trade',
  });
  const brief = (url: string) => {
    const { host, port, servername, hostHeader, path } = parseTarget(url);
    return [host, port, servername, hostHeader, path];
  };
  assert.deepEqual(brief('wss://x.example'), ['x.example', 443, 'x.example', 'x.example', '/']);
  assert.deepEqual(brief('wss://x.example:443/a'), ['x.example', 443, 'x.example', 'x.example', '/a']);
  assert.deepEqual(brief('ws://127.0.0.1:80'), ['127.0.0.1', 80, undefined, '127.0.0.1', '/']);
  assert.deepEqual(brief('ws://[::1]:8080/?x'), ['::1', 8080, undefined, '[::1]:8080', '/?x']);
});

for (const url of ['http://x', 'x', '', 'ws://', 'ws://u:p@x/', 'ws://x/#a', 'ws://x:99999']) {
  test(`no address: ${JSON.stringify(url)}`, () => {
    assert.throws(() => parseTarget(url), { code: 'CONFIG_INVALID' });
  });
}

test('the request asks for an upgrade, with a new key each time', () => {
  const target = parseTarget('ws://x.example/a?b=c');
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
  const first = upgradeRequest(target, { 'X-Key': 'vä' });
  const [head, ...lines] = first.request.split('\r\n');
  assert.equal(head, 'GET /a?b=c HTTP/1.1');
  assert.deepEqual(lines.slice(-2), ['', '']);
  for (const line of [
    'Host: x.example',
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Version: 13',
    'X-Key: vä',
    `User-Agent: logger/${version}`,
  ]) {
    assert.ok(lines.includes(line), line);
  }
  assert.doesNotMatch(first.request, /extensions|protocol/i);
  const key = /Sec-WebSocket-Key: (.*)\r/.exec(first.request)?.[1] ?? '';
  assert.equal(Buffer.from(key, 'base64').length, 16);
  assert.equal(first.accept, acceptOf(key));
  assert.notEqual(upgradeRequest(target).accept, first.accept);
  assert.match(upgradeRequest(target, { 'user-agent': 'mine' }).request, /^user-agent: mine\r$/m);
});

for (const [name, value] of [
  ['X', 'a\r\nHost: evil'],
  ['X\r\nY', 'a'],
  ['X Y', 'a'],
  ['', 'a'],
  ['X', '€'],
  ['Host', 'other'],
  ['sec-websocket-extensions', 'permessage-deflate'],
  ['connection', 'close'],
]) {
  test(`header ${JSON.stringify([name, value])} is refused`, () => {
    assert.throws(() => upgradeRequest(parseTarget('ws://x'), { [name]: value }), { code: 'CONFIG_INVALID' });
  });
}

test('answers that upgrade, in one piece and in all pieces, leave the frames behind them', () => {
  const frames = Buffer.from('8100', 'hex');
  for (const head of [
    answer(...HEAD),
    withLine('Upgrade: WebSocket'),
    withLine('Connection: keep-alive, Upgrade'),
    withLine('Connection:upgrade'),
    answer('HTTP/1.1 101 ', ...HEAD.slice(1)),
    answer('HTTP/1.1 101', ...HEAD.slice(1)),
    answer(...HEAD, 'X-Empty:', 'X-Latin: \xe4\xf6', 'Set-Cookie: a', 'Set-Cookie: b'),
    answer(...HEAD.map((line) => line.replace(/^[A-Z].*:/, (name) => name.toUpperCase()))),
  ]) {
    const bytes = Buffer.concat([head, frames]);
    assert.equal(new UpgradeReader(ACCEPT).push(bytes), head.length);
    for (let at = 1; at < head.length; at++) {
      const reader = new UpgradeReader(ACCEPT);
      assert.equal(reader.push(bytes.subarray(0, at)), -1);
      assert.equal(reader.push(bytes.subarray(at)), head.length - at);
    }
    const reader = new UpgradeReader(ACCEPT);
    for (let at = 0; at < head.length; at++) {
      assert.equal(reader.push(bytes.subarray(at, at + 1)), at === head.length - 1 ? 1 : -1);
    }
  }
});

const REFUSED: [string, Buffer, RegExp, number][] = [
  ['429', answer('HTTP/1.1 429 Too Many Requests', 'Retry-After: 30'), /429 Too Many.* retry-after: 30/, 429],
  ['503', answer('HTTP/1.1 503 Service Unavailable', 'retry-after: Wed, 21 Oct'), /503.*Wed, 21 Oct/, 503],
  ['403', answer('HTTP/1.1 403 Forbidden', 'Content-Length: 3'), /403 Forbidden instead of 101$/, 403],
  ['301', answer('HTTP/1.1 301 Moved', 'Location: https://y/'), /301 Moved.*location: https:\/\/y\//, 301],
  ['200', answer('HTTP/1.1 200'), /answered 200 instead/, 200],
  ['100', answer('HTTP/1.1 100 Continue'), /100 Continue/, 100],
  ['no Upgrade', without('Upgrade'), /no "Upgrade: websocket"/, 101],
  ['other Upgrade', withLine('Upgrade: h2c'), /no "Upgrade: websocket"/, 101],
  ['two Upgrades', answer(...HEAD, 'Upgrade: h2c'), /no "Upgrade: websocket"/, 101],
  ['no Connection', without('Connection'), /no "Connection: Upgrade"/, 101],
  ['other Connection', withLine('Connection: upgraded'), /no "Connection: Upgrade"/, 101],
  ['no accept', without('Sec-WebSocket-Accept'), /Sec-WebSocket-Accept/, 101],
  [
    'wrong accept',
    withLine('Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA='),
    /Sec-WebSocket-Accept/,
    101,
  ],
  [
    'accept in lower case',
    withLine(`Sec-WebSocket-Accept: ${ACCEPT.toLowerCase()}`),
    /Sec-WebSocket-Accept/,
    101,
  ],
  ['two accepts', answer(...HEAD, `Sec-WebSocket-Accept: ${ACCEPT}`), /Sec-WebSocket-Accept/, 101],
  [
    'extension',
    answer(...HEAD, 'Sec-WebSocket-Extensions: permessage-deflate'),
    /permessage-deflate", unasked/,
    101,
  ],
  ['subprotocol', answer(...HEAD, 'Sec-WebSocket-Protocol: chat'), /chat", unasked/, 101],
  ['HTTP/1.0', answer('HTTP/1.0 101 Yes', ...HEAD.slice(1)), /HTTP\/1.0 101.*not HTTP\/1.1/, 0],
  ['no status', answer('HTTP/1.1', ...HEAD.slice(1)), /not HTTP\/1.1/, 0],
  ['other protocol', Buffer.from('SSH-2.0-OpenSSH\r\n'), /not HTTP, it starts "S/, 0],
  ['TLS', Buffer.from('1503', 'hex'), /not HTTP/, 0],
  ['folded header', answer(...HEAD, ' folded'), /malformed header/, 0],
  ['header without a colon', answer(...HEAD, 'X'), /malformed header/, 0],
  ['header without a name', answer(...HEAD, ': x'), /malformed header/, 0],
  ['space before the colon', answer(...HEAD, 'X : x'), /malformed header/, 0],
  ['NUL', answer(...HEAD, 'X: a\0b'), /malformed header/, 0],
  ['bare line feed', answer(...HEAD, 'X: a\nY: b'), /malformed header/, 0],
  ['endless head', Buffer.alloc(HANDSHAKE_BYTES_MAX, 'HTTP/1.1 101 '), /over 16384 bytes/, 0],
  ['head just too long', answer(...HEAD, `X: ${'x'.repeat(HANDSHAKE_BYTES_MAX)}`), /over 16384 bytes/, 0],
];

for (const [name, bytes, message, status] of REFUSED) {
  test(`answer refused: ${name}`, () => {
    assert.throws(() => new UpgradeReader(ACCEPT).push(bytes), isHandshakeError(message, status));
    const reader = new UpgradeReader(ACCEPT);
    assert.throws(
      () => {
        for (const byte of bytes) assert.equal(reader.push(Buffer.of(byte)), -1);
      },
      isHandshakeError(message, status),
    );
  });
}

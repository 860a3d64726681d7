/**
 * The opening handshake of a WebSocket client (RFC 6455 §4): where a URL leads, the upgrade request, and the reader
 * that checks the server's answer. Shard threads, once per connection; client.ts calls it.
 */
import { createHash, randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { LoggerError } from '../../../base/errors.js';
import { HANDSHAKE_BYTES_MAX } from '../../../base/limits.js';
import { USER_AGENT } from '../../../base/version.js';

/** RFC 6455 §1.3 */
const ACCEPT_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
/** RFC 9110 §5.6.2 */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** RFC 9110 §5.5, read as latin1 */
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const STATUS_LINE = /^HTTP\/1\.1 (\d{3})(?: ([\t\x20-\x7e\x80-\xff]*))?$/;
const HEAD_END = Buffer.from('\r\n\r\n');
/** what the upgrade request itself says; callers may not say it again */
const OWN_HEADERS = new Set(['host', 'upgrade', 'connection', 'content-length', 'transfer-encoding']);

/** Where a WebSocket URL leads. */
export interface Target {
  secure: boolean;
  /** name or address as net.connect takes it, without the brackets of IPv6 */
  host: string;
  port: number;
  /** for TLS; undefined for addresses, which RFC 6066 keeps out of SNI */
  servername: string | undefined;
  /** with the port only when it is not the default one */
  hostHeader: string;
  /** path and query */
  path: string;
}

/** The server's answer is no upgrade to WebSocket; `status` is its HTTP status, 0 where it has none. */
export class HandshakeError extends LoggerError {
  constructor(
    message: string,
    readonly status = 0,
    /** when to try again, in the server's words */
    readonly retryAfter?: string,
  ) {
    super('HANDSHAKE_FAILED', message);
  }
}

/** Takes a ws:// or wss:// URL apart; throws CONFIG_INVALID for any other. */
export function parseTarget(text: string): Target {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'ws:' && url.protocol !== 'wss:')) {
    throw new LoggerError('CONFIG_INVALID', `${JSON.stringify(text)} is not a ws:// or wss:// address`);
  }
  if (url.username !== '' || url.password !== '' || url.hash !== '') {
    throw new LoggerError(
      'CONFIG_INVALID',
      `the address of ${url.host} must not hold a user, a password or a #fragment`,
    );
  }
  const secure = url.protocol === 'wss:';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return {
    secure,
    host,
    port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
    servername: isIP(host) === 0 ? host : undefined,
    hostHeader: url.host,
    path: url.pathname + url.search,
  };
}

/** The upgrade request with a fresh random key, and the Sec-WebSocket-Accept that answers it. */
export function upgradeRequest(
  target: Target,
  headers: Readonly<Record<string, string>> = {},
): { request: string; accept: string } {
  const key = randomBytes(16).toString('base64');
  const lines = [
    `GET ${target.path} HTTP/1.1`,
    `Host: ${target.hostHeader}`,
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Key: ${key}`,
    'Sec-WebSocket-Version: 13',
  ];
  const names = new Set<string>();
  for (const [name, value] of Object.entries(headers)) {
    const lower = name.toLowerCase();
    if (!TOKEN.test(name) || !FIELD_VALUE.test(value)) {
      throw new LoggerError('CONFIG_INVALID', `${JSON.stringify(name)} is no valid HTTP header`);
    }
    if (OWN_HEADERS.has(lower) || lower.startsWith('sec-websocket-') || names.has(lower)) {
      throw new LoggerError('CONFIG_INVALID', `the header ${name} is set by the handshake or given twice`);
    }
    names.add(lower);
    lines.push(`${name}: ${value}`);
  }
  if (!names.has('user-agent')) lines.push(`User-Agent: ${USER_AGENT}`);
  return { request: `${lines.join('\r\n')}\r\n\r\n`, accept: acceptOf(key) };
}

/** RFC 6455 §4.2.2: what a server answers to a key. */
export function acceptOf(key: string): string {
  return createHash('sha1')
    .update(key + ACCEPT_GUID)
    .digest('base64');
}

/** Collects the answer to the upgrade request and checks it. */
export class UpgradeReader {
  private readonly accept: string;
  private head = Buffer.alloc(0);

  constructor(accept: string) {
    this.accept = accept;
  }

  /**
   * Takes the next bytes of the answer. Returns how many of them belong to it once it is complete and accepted (what
   * follows are frames), -1 while more are needed. Throws HandshakeError for any answer that is not our upgrade.
   */
  push(bytes: Buffer): number {
    const before = this.head.length;
    this.head = Buffer.concat([this.head, bytes.subarray(0, HANDSHAKE_BYTES_MAX - before)]);
    const end = this.head.indexOf(HEAD_END, Math.max(0, before - HEAD_END.length));
    if (end < 0) {
      this.refuseOtherProtocol();
      if (this.head.length < HANDSHAKE_BYTES_MAX) return -1;
      throw new HandshakeError(`the answer to the upgrade request is over ${HANDSHAKE_BYTES_MAX} bytes long`);
    }
    checkAnswer(this.head.toString('latin1', 0, end), this.accept);
    return end + HEAD_END.length - before;
  }

  /** Whether any byte of an answer has arrived. */
  get started(): boolean {
    return this.head.length > 0;
  }

  /** Tells a server that does not speak HTTP at once, instead of waiting for the end of a head that never comes. */
  private refuseOtherProtocol(): void {
    const start = this.head.toString('latin1', 0, 5);
    if (!'HTTP/'.startsWith(start)) {
      throw new HandshakeError(
        `the answer to the upgrade request is not HTTP, it starts ${JSON.stringify(start)}`,
      );
    }
  }
}

function checkAnswer(head: string, accept: string): void {
  const [statusLine = '', ...lines] = head.split('\r\n');
  const status = STATUS_LINE.exec(statusLine);
  if (status === null) {
    throw new HandshakeError(
      `the answer starts with ${JSON.stringify(statusLine.slice(0, 80))}, not HTTP/1.1`,
    );
  }
  const headers = parseHeaders(lines);
  const code = Number(status[1]);
  if (code !== 101) {
    throw new HandshakeError(refusal(code, status[2] ?? '', headers), code, headers.get('retry-after'));
  }

  if (headers.get('upgrade')?.toLowerCase() !== 'websocket') {
    throw new HandshakeError('the answer has status 101 but no "Upgrade: websocket"', code);
  }
  const connection = (headers.get('connection') ?? '').toLowerCase().split(',');
  if (!connection.some((token) => token.trim() === 'upgrade')) {
    throw new HandshakeError('the answer has status 101 but no "Connection: Upgrade"', code);
  }
  if (headers.get('sec-websocket-accept') !== accept) {
    throw new HandshakeError(
      'the answer has no Sec-WebSocket-Accept, or one that does not belong to our key',
      code,
    );
  }
  // we offered neither, so any value is one that was not asked for (RFC 6455 §4.1)
  for (const name of ['sec-websocket-extensions', 'sec-websocket-protocol']) {
    const value = headers.get(name);
    if (value !== undefined) {
      throw new HandshakeError(`the server answers with ${name} ${JSON.stringify(value)}, unasked`, code);
    }
  }
}

/** Header values by lower-case name; values of a repeated header are joined with a comma (RFC 9110 §5.3). */
function parseHeaders(lines: readonly string[]): Map<string, string> {
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(0, colon)).toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (!TOKEN.test(name) || !FIELD_VALUE.test(value)) {
      throw new HandshakeError(
        `the answer has a malformed header line: ${JSON.stringify(line.slice(0, 80))}`,
      );
    }
    const earlier = headers.get(name);
    headers.set(name, earlier === undefined ? value : `${earlier}, ${value}`);
  }
  return headers;
}

/** Why there is no connection, in the server's words: the status, and when or where to try instead. */
function refusal(code: number, phrase: string, headers: ReadonlyMap<string, string>): string {
  let text = `the server answered ${code}${phrase === '' ? '' : ` ${phrase}`} instead of 101`;
  for (const name of ['retry-after', 'location']) {
    const value = headers.get(name);
    if (value !== undefined) text += `, ${name}: ${value}`;
  }
  return text.length > 500 ? `${text.slice(0, 500)}…` : text;
}

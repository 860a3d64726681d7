/** Servers for the client tests: a real `ws` server, a server whose every byte the test decides, and certificates. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import * as http from 'node:http';
import * as https from 'node:https';
import * as net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type WebSocket, WebSocketServer } from 'ws';
import {
  type CloseInfo,
  WebSocketClient,
  type WebSocketHandlers,
  type WebSocketOptions,
} from '../../../../src/feed/connection/websocket/client.js';
import { deferred, digest, MIB } from './helpers.js';

export interface Certificate {
  key: Buffer;
  cert: Buffer;
}

/** what the tests' servers are reached by */
export const LOOPBACK = 'DNS:localhost,IP:127.0.0.1';

const made = new Map<string, Certificate>();

/** A self-signed certificate for these names (`DNS:localhost`, `IP:127.0.0.1`), made with openssl. */
export function certificateFor(names: string): Certificate {
  const known = made.get(names);
  if (known !== undefined) return known;
  const directory = mkdtempSync(join(tmpdir(), 'websocket-test-'));
  try {
    const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
    const files = [
      '-keyout',
      key,
      '-out',
      cert,
      '-subj',
      '/CN=logger test',
      '-addext',
      `subjectAltName=${names}`,
    ];
    execFileSync('openssl', ['req', '-x509', ...curve, ...files], { stdio: 'pipe' });
    const certificate = { key: readFileSync(key), cert: readFileSync(cert) };
    made.set(names, certificate);
    return certificate;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** A `ws` server for the length of one test; returns its address. */
export async function wsServer(
  t: TestContext,
  onConnection: (socket: WebSocket, request: http.IncomingMessage) => void,
  certificate?: Certificate,
): Promise<string> {
  const server = certificate === undefined ? http.createServer() : https.createServer(certificate);
  const wss = new WebSocketServer({ server, maxPayload: 64 * MIB });
  wss.on('connection', (socket, request) => {
    socket.on('error', () => {});
    onConnection(socket, request);
  });
  t.after(() => {
    for (const socket of wss.clients) socket.terminate();
    server.close();
    server.closeAllConnections();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `${certificate === undefined ? 'ws' : 'wss'}://127.0.0.1:${(server.address() as net.AddressInfo).port}/`;
}

/** A TCP server for the length of one test; returns its address. */
export async function tcpServer(t: TestContext, onSocket: (socket: net.Socket) => void): Promise<string> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    onSocket(socket);
  });
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `ws://127.0.0.1:${(server.address() as net.AddressInfo).port}/`;
}

/** The head that accepts the upgrade request `request`; made apart from the code under test. */
export function acceptance(request: string, extra = ''): string {
  const key = /^Sec-WebSocket-Key: (.*)\r$/m.exec(request)?.[1];
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  const lines = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade'];
  return `${lines.join('\r\n')}\r\nSec-WebSocket-Accept: ${accept}\r\n${extra}\r\n`;
}

/** A server that answers the upgrade request with whatever `answer` makes of it. */
export function answering(
  t: TestContext,
  answer: (socket: net.Socket, request: string) => void,
): Promise<string> {
  return tcpServer(t, (socket) => {
    let request = '';
    socket.on('data', (data) => {
      if (request.endsWith('\r\n\r\n')) return;
      request += data.toString('latin1');
      if (request.endsWith('\r\n\r\n')) answer(socket, request);
    });
  });
}

/** A client that writes down what it tells. */
export class RecordingClient {
  /** names of the handlers called, in order; messages as `text …`, without onChunk and onChunkEnd */
  readonly events: string[] = [];
  readonly messages: string[] = [];
  readonly opened: Promise<void>;
  readonly closed: Promise<CloseInfo>;
  readonly client: WebSocketClient;
  chunks = 0;
  chunkEnds = 0;
  bytes = 0;
  /** called for every message offered; the message is taken unless it returns false */
  onMessage: (text: Buffer) => boolean | undefined = () => true;
  onPong: () => void = () => {};
  private isClosed = false;

  constructor(t: TestContext, url: string, options: Partial<WebSocketOptions> = {}) {
    const open = deferred<void>();
    const close = deferred<CloseInfo>();
    this.opened = open.promise;
    this.closed = close.promise;
    const handlers: WebSocketHandlers = {
      onOpen: () => {
        this.tell('open');
        open.resolve();
      },
      onChunk: (bytes) => {
        this.chunks++;
        this.bytes += bytes;
        if (this.isClosed) this.tell('chunk');
      },
      onMessage: (bytes, start, end, opcode) => {
        const message = Buffer.from(bytes.subarray(start, end));
        if (this.onMessage(message) === false) return false;
        this.messages.push(digest(message));
        this.tell(`${opcode === 1 ? 'text' : 'binary'} ${digest(message)}`);
        return true;
      },
      onChunkEnd: () => {
        this.chunkEnds++;
        if (this.isClosed) this.tell('chunkEnd');
      },
      onPong: () => {
        this.tell('pong');
        this.onPong();
      },
      onClose: (info) => {
        this.tell(`close ${info.kind} ${info.code}`);
        this.isClosed = true;
        close.resolve(info);
      },
    };
    this.client = new WebSocketClient({ url, frameBytesMax: 16 * MIB, ...options }, handlers);
    t.after(() => this.client.destroy());
    this.client.connect();
  }

  private tell(event: string): void {
    this.events.push(this.isClosed ? `${event} AFTER CLOSE` : event);
  }
}

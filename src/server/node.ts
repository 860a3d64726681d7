/**
 * The server on node:http and the package ws, for places where no binary of uWebSockets.js loads. Started by start.ts.
 */
import { readFile } from 'node:fs/promises';
import { createServer, type Server as HttpServer, type IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket as TcpSocket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import {
  HANG_UP,
  type Reply,
  type Request,
  type Server,
  type ServerOptions,
  type Socket,
  type SocketOptions,
} from './contract.js';
import { cannotListen, replyTo, targetOf } from './routing.js';

/** A request that is not complete by then is cut off; uWebSockets.js has the same limit. */
const REQUEST_MS_MAX = 10_000;
const PATIENCE = {
  headersTimeout: REQUEST_MS_MAX,
  requestTimeout: REQUEST_MS_MAX,
  connectionsCheckingInterval: 1000,
};
const NO_BODY = Buffer.alloc(0);

export async function startNode(options: ServerOptions): Promise<Server> {
  const { tls, sockets } = options;
  const server =
    tls === undefined
      ? createServer(PATIENCE)
      : createTlsServer({
          ...PATIENCE,
          cert: await readFile(tls.cert_path),
          key: await readFile(tls.key_path),
        });
  if (options.connections_max !== undefined) server.maxConnections = options.connections_max;
  server.on('request', (request, response) => serve(options, request, response));
  const open = new Set<NodeSocket>();
  if (sockets !== undefined) acceptSockets(server, sockets, open);
  await listening(server, options);
  const close = () => {
    server.close();
    server.closeAllConnections();
    for (const socket of open) socket.abort();
  };
  return { port: (server.address() as AddressInfo).port, close };
}

function listening(server: HttpServer, options: ServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(cannotListen(options, error.code)));
    server.listen(options.port, options.host, resolve);
  });
}

function requestOf({ method = '', url = '', headers }: IncomingMessage): Request {
  const [path, ...query] = url.split('?');
  const { host = '', origin = '' } = headers;
  return { method, path, query: query.join('?'), host, origin, body: NO_BODY };
}

function serve(options: ServerOptions, incoming: IncomingMessage, response: ServerResponse): void {
  const request = requestOf(incoming);
  const target = targetOf(options, request);
  if (target.body_bytes_max === 0) write(response, target.answer(request));
  else
    readBody(incoming, target.body_bytes_max, (body) => {
      // the rest of a body that is too long is not waited for
      response.shouldKeepAlive &&= body !== undefined;
      write(response, replyTo(target, request, body));
    });
}

/** Calls `done` with the body, or with nothing as soon as it is too long. */
function readBody(incoming: IncomingMessage, bytes_max: number, done: (body?: Buffer) => void): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  incoming.on('data', (chunk: Buffer) => {
    const fitted = bytes <= bytes_max;
    bytes += chunk.length;
    if (bytes <= bytes_max) chunks.push(chunk);
    else if (fitted) done();
  });
  incoming.on('end', () => {
    if (bytes <= bytes_max) done(Buffer.concat(chunks));
  });
}

function write(response: ServerResponse, reply: Reply): void {
  if (reply === HANG_UP) {
    response.socket?.destroy();
    return;
  }
  const { status, headers, body } = reply;
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) });
  // leaves the body of an answer to HEAD out
  response.end(body);
}

function acceptSockets(server: HttpServer, sockets: SocketOptions, open: Set<NodeSocket>): void {
  const upgrades = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: sockets.message_bytes_max,
  });
  server.on('upgrade', (incoming: IncomingMessage, tcp: Duplex, head: Buffer) => {
    const request = requestOf(incoming);
    const refusal = sockets.refusal(request);
    if (refusal !== undefined) return refuse(incoming, tcp, refusal);
    upgrades.handleUpgrade(incoming, tcp, head, (ws) => {
      const socket = new NodeSocket(ws, tcp, sockets.backlog_bytes_max);
      open.add(socket);
      listen(ws, socket, sockets, request, () => open.delete(socket));
    });
  });
}

/** The HTTP server has let go of a connection that asks for an upgrade. */
function refuse(incoming: IncomingMessage, tcp: Duplex, refusal: Reply): void {
  tcp.on('error', () => {});
  const response = new ServerResponse(incoming);
  response.assignSocket(tcp as TcpSocket);
  response.shouldKeepAlive = false;
  response.on('finish', () => tcp.end());
  write(response, refusal);
}

function listen(
  ws: WebSocket,
  socket: NodeSocket,
  sockets: SocketOptions,
  request: Request,
  gone: () => void,
): void {
  const listener = sockets.open(socket, request);
  const closed = () => {
    gone();
    listener.closed();
  };
  // what still arrives while the close frame is on its way is dropped
  const whileOpen = (tell: () => void) => {
    if (!socket.closed) tell();
  };
  ws.on('message', (data, binary) => whileOpen(() => listener.message(data as Buffer, binary)));
  ws.on('ping', () => whileOpen(() => listener.ping()));
  ws.on('pong', () => whileOpen(() => listener.pong()));
  // a connection that breaks; its end follows
  ws.on('error', () => {});
  ws.on('close', () => socket.ended());
  if (socket.closed) closed();
  else socket.on_closed = closed;
}

/** Codes that may stand in a close frame. */
function isSendable(code: number): boolean {
  return (
    (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)) || (code >= 3000 && code < 5000)
  );
}

/** The package reports the end when the other side has answered the close frame; we report it at once. */
class NodeSocket implements Socket {
  readonly #ws: WebSocket;
  readonly #tcp: Duplex;
  readonly #backlog_bytes_max: number;
  closed = false;
  on_closed: () => void = () => {};

  constructor(ws: WebSocket, tcp: Duplex, backlog_bytes_max: number) {
    this.#ws = ws;
    this.#tcp = tcp;
    this.#backlog_bytes_max = backlog_bytes_max;
  }

  get backlog_bytes(): number {
    return this.closed ? 0 : this.#ws.bufferedAmount;
  }

  send(data: string | Uint8Array, binary: boolean): void {
    if (this.closed) return;
    if (this.backlog_bytes > this.#backlog_bytes_max) this.abort();
    // a write that the kernel does not take at once keeps its bytes, which are the caller's
    else this.#ws.send(typeof data === 'string' ? data : Buffer.from(data), { binary });
  }

  cork(sends: () => void): void {
    if (this.closed) return;
    this.#tcp.cork();
    sends();
    this.#tcp.uncork();
  }

  ping(payload: string): void {
    if (!this.closed) this.#ws.ping(payload);
  }

  end(code: number, reason: string): void {
    if (this.closed) return;
    if (isSendable(code)) this.#ws.close(code, reason);
    else this.#ws.close();
    this.ended();
  }

  abort(): void {
    if (this.closed) return;
    this.#ws.terminate();
    this.ended();
  }

  ended(): void {
    if (this.closed) return;
    this.closed = true;
    this.on_closed();
  }
}

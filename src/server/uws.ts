/**
 * The server on uWebSockets.js: its native code reads and writes the sockets. Started by start.ts, which loads the
 * library.
 */
import {
  HANG_UP,
  type Reply,
  type Request,
  type Server,
  type ServerOptions,
  type Socket,
  type SocketListener,
  type SocketOptions,
} from './contract.js';
import { cannotListen, replyTo, statusLine, targetOf } from './routing.js';

/** LIBUS_LISTEN_EXCLUSIVE_PORT: without it two processes share a port and split its connections. */
const EXCLUSIVE = 1;
/** What send() answers when it has dropped the message because too much waits. */
const DROPPED = 2;
const NO_BODY = Buffer.alloc(0);

/** What is used of the library; its packages with one binary each come without types. */
export interface Uws {
  App(): UwsApp;
  SSLApp(options: { cert_file_name: string; key_file_name: string }): UwsApp;
  us_socket_local_port(listening: object): number;
}

interface UwsApp {
  /** called with 1 for a connection that comes and -1 for one that goes */
  filter(handler: (response: UwsResponse, change: number) => void): void;
  any(pattern: string, handler: (response: UwsResponse, request: UwsRequest) => void): void;
  ws(pattern: string, behavior: UwsBehavior): void;
  listen(host: string, port: number, options: number, done: (listening: object | false) => void): void;
  close(): void;
}

/** Valid until its handler returns. */
interface UwsRequest {
  getMethod(): string;
  getUrl(): string;
  getQuery(): string | undefined;
  getHeader(name: string): string;
}

interface UwsResponse {
  cork(writes: () => void): void;
  writeStatus(line: string): void;
  writeHeader(name: string, value: string): void;
  end(body: string, close: boolean): void;
  endWithoutBody(): void;
  close(): void;
  onAborted(handler: () => void): void;
  onData(handler: (chunk: ArrayBuffer, last: boolean) => void): void;
  upgrade(data: SocketData, key: string, protocol: string, extensions: string, context: object): void;
}

interface UwsWebSocket {
  getUserData(): SocketData;
  getBufferedAmount(): number;
  send(data: string | Uint8Array, binary: boolean): number;
  cork(sends: () => void): void;
  ping(payload: string): void;
  end(code: number, reason: string): void;
  close(): void;
}

interface UwsBehavior {
  readonly idleTimeout: number;
  readonly sendPingsAutomatically: boolean;
  readonly maxPayloadLength: number;
  readonly maxBackpressure: number;
  upgrade(response: UwsResponse, request: UwsRequest, context: object): void;
  open(ws: UwsWebSocket): void;
  message(ws: UwsWebSocket, data: ArrayBuffer, binary: boolean): void;
  ping(ws: UwsWebSocket): void;
  pong(ws: UwsWebSocket): void;
  close(ws: UwsWebSocket): void;
}

/** What the library keeps for a socket. */
interface SocketData {
  readonly request: Request;
  socket?: UwsSocket;
  listener?: SocketListener;
}

export function startUws(uws: Uws, options: ServerOptions): Promise<Server> {
  const { tls, sockets } = options;
  const app =
    tls === undefined
      ? uws.App()
      : uws.SSLApp({ cert_file_name: tls.cert_path, key_file_name: tls.key_path });
  if (sockets !== undefined) app.ws('/*', behaviorOf(sockets));
  if (options.connections_max !== undefined) limitConnections(app, options.connections_max);
  app.any('/*', (response, request) => serve(options, response, request));
  return new Promise((resolve, reject) => {
    app.listen(options.host, options.port, EXCLUSIVE, (listening) => {
      if (listening === false) reject(cannotListen(options));
      else resolve({ port: uws.us_socket_local_port(listening), close: () => app.close() });
    });
  });
}

/** The library itself cuts off a request that is not complete after 10 s. */
function limitConnections(app: UwsApp, connections_max: number): void {
  let connections = 0;
  // biome-ignore lint/suspicious/useIterableCallbackReturn: it is no filter of a list
  app.filter((response, change) => {
    connections += change;
    if (change > 0 && connections > connections_max) response.close();
  });
}

function requestOf(request: UwsRequest): Request {
  return {
    method: request.getMethod().toUpperCase(),
    path: request.getUrl(),
    query: request.getQuery() ?? '',
    host: request.getHeader('host'),
    origin: request.getHeader('origin'),
    body: NO_BODY,
  };
}

function serve(options: ServerOptions, response: UwsResponse, uwsRequest: UwsRequest): void {
  const request = requestOf(uwsRequest);
  const target = targetOf(options, request);
  if (target.body_bytes_max === 0) write(response, request, target.answer(request));
  else
    readBody(response, target.body_bytes_max, (body) =>
      write(response, request, replyTo(target, request, body), body === undefined),
    );
}

/** Calls `done` with the body, or with nothing as soon as it is too long. */
function readBody(response: UwsResponse, bytes_max: number, done: (body?: Buffer) => void): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  let answered = false;
  response.onAborted(() => {
    answered = true;
  });
  response.onData((chunk, last) => {
    if (answered) return;
    bytes += chunk.byteLength;
    answered = last || bytes > bytes_max;
    if (bytes > bytes_max) return done();
    // the chunk is the library's own again after this call
    chunks.push(Buffer.from(Buffer.from(chunk)));
    if (last) done(Buffer.concat(chunks));
  });
}

function write(response: UwsResponse, { method }: Request, reply: Reply, close = false): void {
  if (reply === HANG_UP) {
    response.close();
    return;
  }
  const { status, headers, body } = reply;
  response.cork(() => {
    response.writeStatus(statusLine(status));
    for (const [name, value] of Object.entries(headers)) response.writeHeader(name, value);
    if (method !== 'HEAD') return response.end(body, close);
    // a length that is handed to the end is waited for
    response.writeHeader('content-length', String(Buffer.byteLength(body)));
    response.endWithoutBody();
  });
}

function behaviorOf(sockets: SocketOptions): UwsBehavior {
  return {
    idleTimeout: 0,
    sendPingsAutomatically: false,
    maxPayloadLength: sockets.message_bytes_max,
    maxBackpressure: sockets.backlog_bytes_max,
    upgrade: (response, uwsRequest, context) => {
      const request = requestOf(uwsRequest);
      const refusal = sockets.refusal(request);
      if (refusal !== undefined) return write(response, request, refusal);
      response.upgrade(
        { request },
        uwsRequest.getHeader('sec-websocket-key'),
        uwsRequest.getHeader('sec-websocket-protocol'),
        uwsRequest.getHeader('sec-websocket-extensions'),
        context,
      );
    },
    open: (ws) => {
      const data = ws.getUserData();
      const socket = new UwsSocket(ws);
      data.socket = socket;
      data.listener = sockets.open(socket, data.request);
      if (socket.closed) data.listener.closed();
    },
    message: (ws, data, binary) => ws.getUserData().listener?.message(Buffer.from(data), binary),
    ping: (ws) => ws.getUserData().listener?.ping(),
    pong: (ws) => ws.getUserData().listener?.pong(),
    close: (ws) => {
      const { socket, listener } = ws.getUserData();
      if (socket !== undefined) socket.closed = true;
      listener?.closed();
    },
  };
}

/** The library throws at every call after the end, which it reports within end() and close(). */
class UwsSocket implements Socket {
  readonly #ws: UwsWebSocket;
  closed = false;

  constructor(ws: UwsWebSocket) {
    this.#ws = ws;
  }

  get backlog_bytes(): number {
    return this.closed ? 0 : this.#ws.getBufferedAmount();
  }

  send(data: string | Uint8Array, binary: boolean): void {
    if (!this.closed && this.#ws.send(data, binary) === DROPPED) this.abort();
  }

  cork(sends: () => void): void {
    if (!this.closed) this.#ws.cork(sends);
  }

  ping(payload: string): void {
    if (!this.closed) this.#ws.ping(payload);
  }

  end(code: number, reason: string): void {
    if (!this.closed) this.#ws.end(code, reason);
  }

  abort(): void {
    if (!this.closed) this.#ws.close();
  }
}

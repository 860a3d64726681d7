/**
 * What a server is, whichever library it runs on: routes with an answer each, WebSockets that are accepted or refused.
 * start.ts chooses the library; uws.ts and node.ts carry the bytes, routing.ts says what is answered. Used by http/ on
 * the main thread and by the simulator in its own process.
 */

export interface Request {
  /** in capitals */
  readonly method: string;
  /** as it was sent, without the query */
  readonly path: string;
  readonly query: string;
  /** the headers of these names; empty without */
  readonly host: string;
  readonly origin: string;
  /** empty unless the route takes a body */
  readonly body: Buffer;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** In place of an answer: the connection is closed without one. */
export const HANG_UP = Symbol('hang up');

export type Reply = Answer | typeof HANG_UP;

export type Handler = (request: Request) => Reply;

export interface Route {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** what a longer body than this is refused with is 413; without it a body is not read */
  readonly body_bytes_max?: number;
  readonly answer: Handler;
}

/**
 * One open WebSocket. Bytes may be used again as soon as a call returns. A call after the end does nothing, so callers
 * need not check whether the other side is still there.
 */
export interface Socket {
  /** What the client has not taken yet; 0 after the end. */
  readonly backlog_bytes: number;
  send(data: string | Uint8Array, binary: boolean): void;
  /** Sends everything that `sends` sends in as few writes as possible. */
  cork(sends: () => void): void;
  ping(payload: string): void;
  /** Ends with a close frame; one without a code where RFC 6455 does not allow `code` on the wire. */
  end(code: number, reason: string): void;
  /** Ends without a close frame. */
  abort(): void;
}

/** Who listens to a socket. Pings are answered already. */
export interface SocketListener {
  /** `data` is valid during the call only. */
  message(data: Buffer, binary: boolean): void;
  ping(): void;
  pong(): void;
  /** Once, however the socket ends; before end() or abort() returns, or behind open(). */
  closed(): void;
}

export interface SocketOptions {
  /** A client that sends a longer message is cut off. */
  readonly message_bytes_max: number;
  /** A client that has left more than this unread is cut off at the next send(). */
  readonly backlog_bytes_max: number;
  /** A reply refuses the upgrade. */
  refusal(request: Request): Reply | undefined;
  open(socket: Socket, request: Request): SocketListener;
}

export interface ServerOptions {
  readonly host: string;
  /** 0 = any free one */
  readonly port: number;
  /** what to do when the port cannot be had, for the end of the message */
  readonly advice: string;
  readonly tls?: { readonly cert_path: string; readonly key_path: string };
  /** More connections than these at a time are cut off; without it there is no limit. */
  readonly connections_max?: number;
  /** A reply in place of the answer of any route; see guard.ts. */
  readonly guard?: (request: Request) => Reply | undefined;
  /** HEAD is answered where GET is. */
  readonly routes?: readonly Route[];
  /** Answers what no route has the path of; 404 without it. Bodies are not read. */
  readonly other?: Handler;
  /** Without it there are no WebSockets. */
  readonly sockets?: SocketOptions;
}

export interface Server {
  readonly port: number;
  /** Stops listening and cuts every connection. */
  close(): void;
}

/**
 * A WebSocket client (RFC 6455) that reads with `onread` into one reused buffer. Shard threads, one client per
 * connection and used once: a reconnect makes a new one. The connection of a shard (feed) owns it.
 *
 *   connect() → onOpen → { onChunk → onMessage… → onChunkEnd }… → onClose, exactly once and last
 *
 * Backpressure: onMessage returning false pauses the socket; resume() offers the same message again, and only when
 * everything that had arrived is taken is the socket read again. While paused, pings are not seen either, and a
 * connection that breaks is reported only behind the last message that had arrived.
 */
import { X509Certificate } from 'node:crypto';
import * as net from 'node:net';
import * as tls from 'node:tls';
import { assert, LoggerError, messageOf } from '../../../base/errors.js';
import {
  CLOSE_LONGEST_MS,
  CLOSE_TIMEOUT_MS,
  HANDSHAKE_TIMEOUT_MS,
  PINGS_PER_SECOND_MAX,
  SEND_QUEUE_BYTES_MAX,
  TCP_KEEPALIVE_MS,
} from '../../../base/limits.js';
import { type Network, networkOf } from '../network/network.js';
import { encodeClose, encodeFrame, isCloseCode, OPCODE } from './frame_encoder.js';
import { FrameReader } from './frames.js';
import { HandshakeError, parseTarget, type Target, UpgradeReader, upgradeRequest } from './handshake.js';

/** RFC 6455 §7.4.1: codes that never travel in a close frame */
const NO_CLOSE_FRAME = 1006;
const TLS_FAILED = 1015;
const EMPTY = Buffer.alloc(0);

export interface WebSocketOptions {
  /** ws:// or wss:// */
  url: string;
  /** a certificate authority in PEM to trust besides the usual ones */
  ca?: string | Buffer;
  /** the longest message in bytes, fragments joined */
  frameBytesMax: number;
  /** from connect() to onOpen: name lookup, TCP, TLS and upgrade together */
  handshakeTimeoutMs?: number;
  headers?: Record<string, string>;
  /** name servers, addresses and proxy; those of the system without it */
  network?: Network;
}

export interface WebSocketHandlers {
  onOpen(): void;
  /** Bytes of frames have arrived, not walked yet: take the receive time here. */
  onChunk(bytes: number): void;
  /** As FrameHandlers.onMessage; false pauses the socket until resume(). */
  onMessage(bytes: Uint8Array, start: number, end: number, opcode: number): boolean;
  /** Behind the last message of a chunk, and wherever a walk stops or goes on: publish here. */
  onChunkEnd(): void;
  onPong?(): void;
  onClose(info: CloseInfo): void;
}

/** How a connection ended. */
export interface CloseInfo {
  /**
   * handshake: the server is there but gave us no WebSocket, or not in time · network: no connection, or a broken one
   * · tls: no trusted connection · protocol: the peer broke the protocol, or fail() was called · peer: it sent a close
   * frame · local: close() was called
   */
  kind: 'handshake' | 'network' | 'tls' | 'protocol' | 'peer' | 'local';
  /**
   * handshake: HTTP status of the answer, 1006 without one · network: 1006 · tls: 1015 · protocol and local: the code
   * we sent · peer: the code it sent, 1005 when it had none
   */
  code: number;
  /** a sentence for people */
  reason: string;
  /** when to try again, in the words of a server that refused the handshake */
  retryAfter?: string;
}

type State = 'idle' | 'tcp' | 'tls' | 'upgrade' | 'open' | 'closing' | 'closed';

const WAITING_FOR: Partial<Record<State, string>> = {
  tcp: 'a TCP connection',
  tls: 'the TLS handshake',
  upgrade: 'the answer to the upgrade request',
};

export class WebSocketClient {
  private readonly options: WebSocketOptions;
  private readonly handlers: WebSocketHandlers;
  private readonly target: Target;
  private readonly request: string;
  private readonly upgrade: UpgradeReader;
  private readonly secureContext: tls.SecureContext | undefined;
  private readonly reader: FrameReader;
  private readonly network: Network;
  private socket: net.Socket | undefined;
  /** ends the attempt to connect through a proxy */
  private readonly abort = new AbortController();
  /** what a proxy has passed on and was not walked yet */
  private waiting: Buffer = EMPTY;
  private state: State = 'idle';
  private timer: NodeJS.Timeout | undefined;

  private isPaused = false;
  /** frames are being walked: what ends the connection now is reported after onChunkEnd */
  private walking = false;
  private ending: CloseInfo | undefined;
  /** the connection broke while paused: how to report it when all that arrived before is taken */
  private broken: (() => void) | undefined;

  /** chunks that have arrived */
  private chunks = 0;
  private pings = 0;
  private pingsSinceMs = 0;

  /** Throws CONFIG_INVALID for an impossible address, header or certificate authority. */
  constructor(options: WebSocketOptions, handlers: WebSocketHandlers) {
    this.options = options;
    this.handlers = handlers;
    this.target = parseTarget(options.url);
    this.network = options.network ?? networkOf();
    if (this.target.secure && options.ca !== undefined) this.secureContext = contextWith(options.ca);
    const { request, accept } = upgradeRequest(this.target, options.headers);
    this.request = request;
    this.upgrade = new UpgradeReader(accept);
    this.reader = new FrameReader(
      {
        onMessage: (bytes, start, end, opcode) => handlers.onMessage(bytes, start, end, opcode),
        onPing: (bytes, start, end) => this.onPing(bytes, start, end),
        onPong: () => handlers.onPong?.(),
        onClose: (code, reason) => this.onPeerClose(code, reason),
        onFail: (code, reason) => this.fail(code, reason),
      },
      options.frameBytesMax,
    );
  }

  /** Whether a message was refused and waits for resume(). */
  get paused(): boolean {
    return this.isPaused;
  }

  /** A number for the message that has begun and not ended, 0 when there is none; see FrameReader. */
  get unfinishedMessage(): number {
    return this.reader.unfinishedMessage;
  }

  /** Opens the connection; ends in onOpen or onClose, never before this call has returned. */
  connect(): void {
    assert(this.state === 'idle', 'a WebSocketClient connects once');
    const proxy = this.network.proxyFor(this.target.secure, this.target);
    this.state = 'tcp';
    if (proxy === undefined) this.connectDirectly();
    else void this.connectThrough(proxy);
    const timeoutMs = this.options.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS;
    this.timer = setTimeout(() => this.onHandshakeTimeout(timeoutMs), timeoutMs);
  }

  /** Sends a text message; false when it was not sent, as the connection is not open or the peer does not read. */
  sendText(text: string): boolean {
    return this.send(OPCODE.text, Buffer.from(text, 'utf8'));
  }

  /** Asks the peer for a pong. */
  ping(): void {
    this.send(OPCODE.ping, EMPTY);
  }

  /**
   * Goes on after a refused message. Within a handler it takes effect when the handlers of this chunk have returned.
   */
  resume(): void {
    if (this.walking) {
      setImmediate(() => this.resume());
      return;
    }
    if (!this.isPaused) return;
    this.isPaused = false;
    this.walking = true;
    this.endWalk(this.reader.resume());
    this.walkWaiting();
    if (this.isPaused) return;
    if (this.broken !== undefined) this.broken();
    else this.socket?.resume();
  }

  /**
   * Begins the close handshake; messages are delivered until the peer has answered it, or nothing has come for
   * CLOSE_TIMEOUT_MS, or CLOSE_LONGEST_MS have passed.
   * Without an open connection there is nothing to wait for.
   */
  close(code = 1000, reason = ''): void {
    assert(isCloseCode(code), `${code} is no code for a close frame`);
    if (this.state === 'idle' || this.state === 'closing' || this.state === 'closed') return;
    const info: CloseInfo = { kind: 'local', code, reason: 'closed by us' };
    if (this.state !== 'open' || this.broken !== undefined) {
      this.finish(info);
      return;
    }
    this.ending = info;
    this.state = 'closing';
    this.socket?.write(encodeClose(code, reason));
    this.awaitClose(info, this.chunks, CLOSE_LONGEST_MS - CLOSE_TIMEOUT_MS);
  }

  /** Gives the peer time to answer our close frame; what it had sent before comes first. */
  private awaitClose(info: CloseInfo, seen: number, leftMs: number): void {
    this.timer = setTimeout(() => {
      if (this.chunks > seen && leftMs > 0) this.awaitClose(info, this.chunks, leftMs - CLOSE_TIMEOUT_MS);
      else this.finish({ ...info, reason: 'closed by us, unanswered' });
    }, CLOSE_TIMEOUT_MS);
  }

  /** Ends the connection over something the peer sent, with this code in our close frame (1007: text not in UTF-8). */
  fail(code: number, reason: string): void {
    assert(isCloseCode(code), `${code} is no code for a close frame`);
    const farewell = this.isUpgraded() ? encodeClose(code, reason) : undefined;
    this.finish({ kind: 'protocol', code, reason }, farewell);
  }

  /** Drops the connection now. No handler is called from here on, not even onClose. */
  destroy(): void {
    this.state = 'closed';
    this.ending = undefined;
    this.broken = undefined;
    this.isPaused = false;
    this.reader.stop();
    clearTimeout(this.timer);
    this.abort.abort();
    this.socket?.destroy();
  }

  // ---- the socket

  /** The kernel's bytes land in the chunk of the frame reader. */
  private connectDirectly(): void {
    const { host, port, secure } = this.target;
    const onread = { buffer: this.reader.chunk, callback: (bytes: number) => this.onBytes(bytes) };
    const endpoint = { host, port, ...this.network.direct, onread };
    const socket = secure ? tls.connect(this.secured(endpoint)) : net.connect(endpoint);
    socket.on('connect', () => {
      this.network.worked(host, socket.remoteAddress);
      this.onConnected(socket);
    });
    this.adopt(socket);
  }

  /** Bytes from a proxy are copied there: Node has no other way for a socket that exists already. */
  private async connectThrough(proxy: URL): Promise<void> {
    const { target, options, abort } = this;
    try {
      const tunnel = await this.network.tunnel(proxy, target, options.ca, abort.signal);
      const socket = target.secure ? tls.connect(this.secured({ socket: tunnel })) : tunnel;
      if (this.state !== 'tcp') {
        tunnel.destroy();
        return;
      }
      this.adopt(socket);
      socket.on('data', (bytes: Buffer) => {
        this.waiting = this.waiting.length === 0 ? bytes : Buffer.concat([this.waiting, bytes]);
        this.walkWaiting();
      });
      this.onConnected(socket);
    } catch (error) {
      if (this.state === 'tcp')
        this.finish({ kind: 'network', code: NO_CLOSE_FRAME, reason: messageOf(error) });
    }
  }

  private adopt(socket: net.Socket): void {
    this.socket = socket;
    socket.on('secureConnect', () => this.sendRequest());
    socket.on('error', (error: NodeJS.ErrnoException) => this.onSocketError(error));
    socket.on('end', () => this.onSocketEnd());
    socket.on('close', () => this.onSocketEnd());
  }

  private onConnected(socket: net.Socket): void {
    socket.setNoDelay(true);
    socket.setKeepAlive(true, TCP_KEEPALIVE_MS);
    if (this.target.secure) this.advance('tls');
    else this.sendRequest();
  }

  private walkWaiting(): void {
    const { chunk } = this.reader;
    while (this.waiting.length > 0 && !this.isPaused && this.state !== 'closed') {
      const part = this.waiting.subarray(0, chunk.length);
      this.waiting = this.waiting.subarray(part.length);
      chunk.set(part);
      this.onBytes(part.length);
    }
    if (this.isPaused) this.socket?.pause();
  }

  private secured(endpoint: tls.ConnectionOptions): tls.ConnectionOptions {
    return {
      ...endpoint,
      servername: this.target.servername,
      secureContext: this.secureContext,
      rejectUnauthorized: true,
      minVersion: 'TLSv1.2',
    };
  }

  private sendRequest(): void {
    this.advance('upgrade');
    if (this.state === 'upgrade') this.socket?.write(this.request, 'latin1');
  }

  /** The next step of a handshake that was not given up meanwhile. */
  private advance(state: State): void {
    if (this.state === 'tcp' || this.state === 'tls') this.state = state;
  }

  private isUpgraded(): boolean {
    return this.state === 'open' || this.state === 'closing';
  }

  /** HOT: `bytes` bytes have landed in the chunk. False makes Node stop reading. */
  private onBytes(bytes: number): boolean {
    if (this.isUpgraded()) return this.walk(0, bytes);
    if (this.state === 'upgrade') return this.onAnswer(bytes);
    const reason = 'the server sent data before the upgrade request';
    if (this.state !== 'closed') this.finish({ kind: 'handshake', code: NO_CLOSE_FRAME, reason });
    return true;
  }

  private onAnswer(bytes: number): boolean {
    let taken: number;
    try {
      taken = this.upgrade.push(this.reader.chunk.subarray(0, bytes));
    } catch (error) {
      if (!(error instanceof HandshakeError)) throw error;
      const { status, message: reason, retryAfter } = error;
      this.finish({ kind: 'handshake', code: status || NO_CLOSE_FRAME, reason, retryAfter });
      return true;
    }
    if (taken < 0) return true;
    clearTimeout(this.timer);
    this.state = 'open';
    this.handlers.onOpen();
    return taken < bytes && this.isUpgraded() ? this.walk(taken, bytes) : true;
  }

  private walk(start: number, end: number): boolean {
    this.walking = true;
    this.chunks++;
    this.handlers.onChunk(end - start);
    this.endWalk(this.reader.push(start, end));
    return !this.isPaused;
  }

  private endWalk(taken: boolean): void {
    // destroy() within a handler: from then on silence
    const silent = this.state === 'closed' && this.ending === undefined;
    if (!silent) {
      this.isPaused = !taken && this.state !== 'closed';
      this.handlers.onChunkEnd();
    }
    this.walking = false;
    if (this.state === 'closed') this.tellEnd();
  }

  private onSocketError(error: NodeJS.ErrnoException): void {
    if (this.isPaused) {
      this.broken ??= () => this.onSocketError(error);
      return;
    }
    const code = error.code ?? '';
    // system calls fail over the network; what fails without one while TLS is set up is TLS
    const isTls =
      code === 'EPROTO' ||
      code.startsWith('ERR_SSL') ||
      code.startsWith('ERR_TLS') ||
      (this.state === 'tls' && error.syscall === undefined);
    if (isTls) this.onBroken('tls', `no trusted TLS: ${describe(error)}`);
    else this.onBroken('network', describe(error));
  }

  /** The peer ended the connection, or the socket is gone without having said why. */
  private onSocketEnd(): void {
    if (this.isPaused) {
      this.broken ??= () => this.onSocketEnd();
      return;
    }
    const step = WAITING_FOR[this.state];
    const unfinished = this.reader.unfinished ? ' in the middle of a message' : ' without a close frame';
    const when = step === undefined ? unfinished : ` while we waited for ${step}`;
    const kind = this.state === 'upgrade' ? 'handshake' : this.state === 'tls' ? 'tls' : 'network';
    this.onBroken(kind, `the peer ended the connection${when}`);
  }

  private onBroken(kind: 'handshake' | 'network' | 'tls', reason: string): void {
    // once we have sent a close frame, any end is the one we asked for
    if (this.state === 'closing' && this.ending !== undefined) this.finish(this.ending);
    else this.finish({ kind, code: kind === 'tls' ? TLS_FAILED : NO_CLOSE_FRAME, reason });
  }

  private onHandshakeTimeout(timeoutMs: number): void {
    const where = WAITING_FOR[this.state];
    if (this.state === 'tcp') this.network.failed(this.target.host);
    const reason = `no connection within ${timeoutMs} ms, still waiting for ${where}`;
    this.finish({ kind: 'handshake', code: NO_CLOSE_FRAME, reason });
  }

  // ---- frames

  private send(opcode: number, payload: Buffer): boolean {
    const { socket } = this;
    if (this.state !== 'open' || socket === undefined || socket.destroyed) return false;
    if (socket.writableLength > SEND_QUEUE_BYTES_MAX) return false;
    socket.write(encodeFrame(opcode, payload));
    return true;
  }

  private onPing(bytes: Uint8Array, start: number, end: number): void {
    const nowMs = performance.now();
    if (nowMs - this.pingsSinceMs >= 1000) {
      this.pingsSinceMs = nowMs;
      this.pings = 0;
    }
    if (++this.pings > PINGS_PER_SECOND_MAX) {
      this.fail(1008, `over ${PINGS_PER_SECOND_MAX} pings within a second`);
      return;
    }
    this.send(OPCODE.pong, Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start));
  }

  private onPeerClose(code: number, reason: string): void {
    if (this.state === 'closing' && this.ending !== undefined) {
      this.finish(this.ending, EMPTY);
      return;
    }
    const said = reason === '' ? 'no reason given' : JSON.stringify(reason);
    const answer = code === 1005 ? encodeFrame(OPCODE.close, EMPTY) : encodeClose(code, '');
    this.finish({ kind: 'peer', code, reason: `the peer closed the connection: ${code}, ${said}` }, answer);
  }

  // ---- the end

  /** Ends everything; with a farewell the peer gets CLOSE_TIMEOUT_MS to end the connection, unheard. */
  private finish(info: CloseInfo, farewell?: Buffer): void {
    if (this.state === 'closed') return;
    const { socket } = this;
    this.state = 'closed';
    this.ending = info;
    this.broken = undefined;
    this.isPaused = false;
    this.reader.stop();
    clearTimeout(this.timer);
    if (socket === undefined) this.abort.abort();
    if (farewell === undefined || socket === undefined || socket.destroyed) socket?.destroy();
    else {
      // unread bytes would turn our end into a reset, which can overtake the farewell
      socket.resume();
      if (farewell.length > 0) socket.write(farewell);
      socket.end();
      this.timer = setTimeout(() => socket.destroy(), CLOSE_TIMEOUT_MS);
      socket.once('close', () => clearTimeout(this.timer));
    }
    if (!this.walking) this.tellEnd();
  }

  private tellEnd(): void {
    const info = this.ending;
    this.ending = undefined;
    if (info !== undefined) this.handlers.onClose(info);
  }
}

let lastContext: { ca: string; context: tls.SecureContext } | undefined;

/**
 * The usual authorities and this one. Reading some 150 certificates takes tens of milliseconds, so the last result is
 * kept. Throws CONFIG_INVALID when it is no certificate.
 */
function contextWith(ca: string | Buffer): tls.SecureContext {
  const pem = ca.toString();
  if (lastContext?.ca !== pem) {
    lastContext = { ca: pem, context: createContext(pem) };
  }
  return lastContext.context;
}

/** An error of a socket for people; connecting to several addresses of a name fails with one error per address. */
function describe(error: Error & { errors?: unknown[]; code?: string }): string {
  const text = error.errors?.length ? error.errors.map(messageOf).join('; ') : error.message;
  return text === '' ? (error.code ?? 'unknown error') : text;
}

function createContext(pem: string): tls.SecureContext {
  try {
    new X509Certificate(pem);
    return tls.createSecureContext({ ca: [...tls.rootCertificates, pem], minVersion: 'TLSv1.2' });
  } catch (cause) {
    const message = `the certificate authority (ca) is no certificate in PEM form: ${messageOf(cause)}`;
    throw new LoggerError('CONFIG_INVALID', message, { cause });
  }
}

/**
 * A client of the simulator for its tests: the `ws` package, with everything it received kept in order.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import WebSocket from 'ws';

/** What JSON.parse answers. */
// biome-ignore lint/suspicious/noExplicitAny: the assertions of the tests say what it must be
export type Json = any;

export class Client {
  readonly socket: WebSocket;
  readonly texts: string[] = [];
  /** texts with the time they came, milliseconds since 1970 UTC */
  readonly received: { text: string; received_ms: number }[] = [];
  readonly pings: string[] = [];
  close_code: number | undefined;
  close_reason = '';

  constructor(url: string, options: WebSocket.ClientOptions = {}) {
    this.socket = new WebSocket(url, { maxPayload: 64 * 1024 * 1024, ...options });
    this.socket.on('message', (data) => {
      const text = data.toString();
      this.texts.push(text);
      this.received.push({ text, received_ms: performance.timeOrigin + performance.now() });
    });
    this.socket.on('ping', (data) => this.pings.push(data.toString()));
    this.socket.on('error', () => {});
    this.socket.on('close', (code, reason) => {
      this.close_code = code;
      this.close_reason = reason.toString();
    });
  }

  static async open(url: string, options?: WebSocket.ClientOptions): Promise<Client> {
    const client = new Client(url, options);
    await once(client.socket, 'open');
    return client;
  }

  get messages(): Record<string, Json>[] {
    return this.texts.map((text) => JSON.parse(text));
  }

  /** Messages of one `type` (Coinbase). */
  ofType(type: string): Record<string, Json>[] {
    return this.messages.filter((message) => message['type'] === type);
  }

  send(request: unknown): void {
    this.socket.send(typeof request === 'string' ? request : JSON.stringify(request));
  }

  /** Waits until the condition holds; fails after ten seconds. */
  async until(what: string, condition: () => boolean): Promise<void> {
    await until(what, condition);
  }

  async closed(): Promise<void> {
    await until('the connection to close', () => this.close_code !== undefined);
  }
}

/** Polls a condition; throws after ten seconds. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  for (let i = 0; i < 1000; i++) {
    if (condition()) return;
    await sleep(10);
  }
  throw new Error(`waited in vain for ${what}`);
}

/** Keys and JSON types of a message, in order, e.g. `type:string,trade_id:number`. */
export function shapeOf(message: Record<string, unknown>): string {
  return Object.entries(message)
    .map(([key, value]) => {
      if (value === null) return `${key}:null`;
      if (Array.isArray(value)) return `${key}:array`;
      return `${key}:${typeof value === 'object' ? `{${shapeOf(value as Record<string, unknown>)}}` : typeof value}`;
    })
    .join(',');
}

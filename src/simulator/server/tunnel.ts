/**
 * One connection through the fault proxy: the client's socket, the one to the exchange, and what passes between them.
 * Runs in the simulator process; made by fault_proxy.ts.
 */
import type { Socket } from 'node:net';

/** More than this waits in the socket that it comes from. */
const HELD_BYTES_MAX = 256 * 1024;

/** What the network is like at present, for all connections of an exchange; times are monotonic. */
export interface Weather {
  /** nothing passes until then */
  stalled_until_ms: number;
  /** until then so many bytes pass in a second, in pieces of so many */
  slow_until_ms: number;
  slow_rate: number;
  piece_bytes: number;
  /** what is sent before arrives so much later */
  delay_until_ms: number;
  delay_ms: number;
  /** so many of the next pieces of data from the exchange have a wrong bit */
  corrupt: number;
}

/** How a connection ends: an orderly end of the stream, or a reset. */
export type TunnelEnd = 'fin' | 'reset';

interface Held {
  bytes: Buffer;
  readonly due_ms: number;
}

/** One direction. */
class Flow {
  readonly #held: Held[] = [];
  #held_bytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;

  /** `next_ms`: when something may pass first. */
  constructor(
    private readonly from: Socket,
    private readonly to: Socket,
    private readonly weather: Weather,
    private next_ms: number,
    private readonly pass: (bytes: Buffer) => void,
  ) {
    from.on('data', (bytes) => this.#take(bytes));
    from.once('end', () => {
      this.#ended = true;
      this.#pump();
    });
    to.on('drain', () => this.#pump());
  }

  /** Forgets what it holds, and passes nothing more. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#held.length = 0;
    this.#held_bytes = 0;
    this.#ended = false;
    this.from.resume();
  }

  #take(bytes: Buffer): void {
    const now_ms = performance.now();
    const { delay_until_ms, delay_ms } = this.weather;
    const wanted_ms = now_ms < delay_until_ms ? now_ms + delay_ms : now_ms;
    // nothing overtakes what was sent before it
    this.#held.push({ bytes, due_ms: Math.max(wanted_ms, this.#held.at(-1)?.due_ms ?? 0) });
    this.#held_bytes += bytes.length;
    if (this.#held_bytes > HELD_BYTES_MAX) this.from.pause();
    this.#pump();
  }

  #pump(): void {
    clearTimeout(this.#timer);
    for (let first = this.#held[0]; first !== undefined; first = this.#held[0]) {
      const now_ms = performance.now();
      const wait_ms = Math.max(first.due_ms, this.weather.stalled_until_ms, this.next_ms) - now_ms;
      if (wait_ms > 0) this.#timer = setTimeout(() => this.#pump(), wait_ms);
      if (wait_ms > 0 || this.to.writableNeedDrain) return;
      const { slow_until_ms, slow_rate, piece_bytes } = this.weather;
      const slow = now_ms < slow_until_ms;
      if (slow) this.next_ms = now_ms + (piece_bytes / slow_rate) * 1000;
      this.#write(first, slow ? piece_bytes : first.bytes.length);
    }
    this.from.resume();
    if (this.#ended) this.to.end();
  }

  /** Passes the beginning of what is held. */
  #write(first: Held, length: number): void {
    const bytes = first.bytes.subarray(0, length);
    first.bytes = first.bytes.subarray(length);
    if (first.bytes.length === 0) this.#held.shift();
    this.#held_bytes -= bytes.length;
    this.pass(bytes);
  }
}

export class Tunnel {
  readonly #flows: readonly Flow[];
  #swallows = false;
  /** bytes from the exchange */
  passed = 0;
  /** how it ends when so many more bytes have come from the exchange */
  #end: { bytes: number; readonly how: TunnelEnd } | undefined;

  /** `opens_ms`: nothing passes before. */
  constructor(
    private readonly client: Socket,
    private readonly exchange: Socket,
    private readonly weather: Weather,
    opens_ms: number,
  ) {
    this.#flows = [
      new Flow(client, exchange, weather, opens_ms, (bytes) => exchange.write(bytes)),
      new Flow(exchange, client, weather, opens_ms, (bytes) => this.#toClient(bytes)),
    ];
    for (const socket of [client, exchange]) {
      socket.setNoDelay(true);
      socket.on('error', () => {});
    }
    client.once('close', () => {
      if (!this.#swallows) exchange.destroy();
    });
    exchange.once('close', (broken) => {
      if (broken && !this.#swallows) client.resetAndDestroy();
    });
  }

  /** From now on what either side sends arrives nowhere, its end included, and both sides stay open. */
  swallow(): void {
    this.#swallows = true;
    for (const flow of this.#flows) flow.stop();
    for (const socket of [this.client, this.exchange]) {
      socket.removeAllListeners('data');
      socket.removeAllListeners('end');
      socket.resume();
    }
  }

  /** The exchange gives up a connection that it has heard nothing of; its end does not arrive either. */
  forgetExchange(): void {
    this.exchange.destroy();
  }

  /** Ends the client's side now, or when so many more bytes have come from the exchange. */
  cutAfter(bytes: number, how: TunnelEnd): void {
    this.#end = { bytes, how };
    if (bytes === 0) this.#cut(how);
  }

  reset(): void {
    this.#cut('reset');
  }

  #cut(how: TunnelEnd): void {
    for (const flow of this.#flows) flow.stop();
    if (how === 'reset') this.client.resetAndDestroy();
    else this.client.end();
    this.exchange.destroy();
  }

  #toClient(bytes: Buffer): void {
    this.passed += bytes.length;
    if (this.weather.corrupt > 0) {
      this.weather.corrupt--;
      bytes[bytes.length >> 1] ^= 0x10;
    }
    const end = this.#end;
    if (end === undefined) {
      this.client.write(bytes);
      return;
    }
    this.client.write(bytes.subarray(0, end.bytes));
    end.bytes -= bytes.length;
    if (end.bytes <= 0) this.#cut(end.how);
  }
}

/** What the WebSocket tests share: frames built by hand, a reader that writes down what it tells, repeatable chance. */
import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { test as nodeTest, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { SOCKET_CHUNK_BYTES } from '../../../../src/base/limits.js';
import { type FrameHandlers, FrameReader } from '../../../../src/feed/connection/websocket/frames.js';
import { randomFrom } from '../../../support/random.js';

export { randomFrom };

export const MIB = 1024 * 1024;

/** A test that waits for events; what does not come within half a minute will not come. */
export const test = (name: string, run: (t: TestContext) => Promise<void> | void) =>
  nodeTest(name, { timeout: 30_000 }, run);

/** Waits for a condition that events bring about. */
export async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    assert.ok(tries < 10_000, `never came true: ${condition}`);
    await delay(2);
  }
}

/** A promise that an event of a test resolves. */
export function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/** A frame as a server sends it. */
export function frame(opcode: number, payload: Buffer | string, fin = true): Buffer {
  const body = Buffer.from(payload as string);
  const head = Buffer.alloc(body.length < 126 ? 2 : body.length < 65_536 ? 4 : 10);
  head[0] = (fin ? 0x80 : 0) | opcode;
  head[1] = Math.min(body.length, 125);
  if (head.length === 4) {
    head[1] = 126;
    head.writeUInt16BE(body.length, 2);
  } else if (head.length === 10) {
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(body.length), 2);
  }
  return Buffer.concat([head, body]);
}

/** Text of this length in which every stretch differs, so that a byte lost or moved shows. */
export function textOf(length: number, seed = 1): string {
  const random = randomFrom(seed + length);
  const bytes = Buffer.allocUnsafe(length);
  for (let i = 0; i < length; i++) bytes[i] = 97 + random(26);
  return bytes.toString('latin1');
}

/** Short for long payloads, equal only for equal ones as far as these tests go. */
export function digest(bytes: Uint8Array): string {
  if (bytes.length <= 40) return Buffer.from(bytes).toString('hex');
  let hash = 0;
  for (let i = 0; i < bytes.length; i++) hash = (Math.imul(hash, 31) + bytes[i]) | 0;
  return `${bytes.length} bytes ${hash >>> 0}`;
}

/** A reader whose events are lines: `text …`, `binary …`, `ping …`, `pong …`, `close 1000 why`, `fail 1002`. */
export class RecordingReader {
  readonly events: string[] = [];
  readonly reader: FrameReader;
  reason = '';
  /** says which offer of a message to refuse */
  refuse: () => boolean = () => false;

  constructor(frameBytesMax = 16 * MIB) {
    const handlers: FrameHandlers = {
      onMessage: (bytes, start, end, opcode) => {
        if (this.refuse()) return false;
        const body = bytes.subarray(start, end);
        // what the message scanner does in the program
        if (opcode === 1 && !isUtf8(body)) {
          this.events.push('fail 1007');
          this.reader.stop();
        } else this.events.push(`${opcode === 1 ? 'text' : 'binary'} ${digest(body)}`);
        return true;
      },
      onPing: (bytes, start, end) => this.events.push(`ping ${digest(bytes.subarray(start, end))}`),
      onPong: (bytes, start, end) => this.events.push(`pong ${digest(bytes.subarray(start, end))}`),
      onClose: (code, reason) => this.events.push(`close ${code} ${reason}`),
      onFail: (code, reason) => {
        this.events.push(`fail ${code}`);
        this.reason = reason;
      },
    };
    this.reader = new FrameReader(handlers, frameBytesMax);
  }

  /** Lets bytes land in the chunk as a socket would, at most a chunk at a time. */
  push(bytes: Buffer): boolean {
    let taken = true;
    for (let at = 0; at < bytes.length; at += SOCKET_CHUNK_BYTES) {
      const length = bytes.copy(this.reader.chunk, 0, at, at + SOCKET_CHUNK_BYTES);
      taken = this.reader.push(0, length);
      // a socket reuses the buffer for anything: nothing may still be read from it
      this.reader.chunk.fill(0xee, 0, length);
    }
    return taken;
  }
}

/** The events of these bytes in these pieces. */
export function eventsOf(pieces: readonly Buffer[], frameBytesMax?: number): string[] {
  const recording = new RecordingReader(frameBytesMax);
  for (const piece of pieces) recording.push(piece);
  return recording.events;
}

/** Cuts bytes into random pieces of 1 to `longest` bytes. */
export function randomPieces(bytes: Buffer, random: (below: number) => number, longest: number): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = 1 + random(longest);
    pieces.push(bytes.subarray(at, at + length));
    at += length;
  }
  return pieces;
}

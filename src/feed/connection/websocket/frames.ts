/**
 * HOT: walks the WebSocket frames (RFC 6455 §5.2) of a server in the bytes of a socket, once per frame. Shard threads;
 * client.ts calls it. A message that lies in one piece costs no copy and no object: the handler gets a range of the
 * buffer that the socket itself reads into.
 *
 *   buffer   ┌────────── carry ──────────┬───────────────── chunk ─────────────────┐
 *            │            ░░ unfinished ░│░ frame ░│ frame │ frame │ … │ unfinished │
 *            └───────────────────────────┴──────────────────────────────────────────┘
 *
 * The unfinished frame at the end of a chunk is moved to just in front of the chunk area, so the next chunk continues
 * it without a gap. What does not lie in one piece (fragments, frames longer than the carry) is put together in
 * `assembly`, which grows with the bytes that arrive, not with the length that a header claims.
 *
 * A message that the handler refuses stops the walk. What lies behind it moves to `held`, and stays in order there
 * even if the socket delivers more: over TLS Node hands over everything it has already decrypted, 16 KiB at a time,
 * after the socket was paused.
 */
import { isUtf8 } from 'node:buffer';
import { assert } from '../../../base/errors.js';
import {
  CONTROL_PAYLOAD_BYTES_MAX,
  FRAME_ASSEMBLY_KEPT_BYTES,
  FRAME_CARRY_BYTES,
  READ_AHEAD_BYTES,
  SOCKET_CHUNK_BYTES,
} from '../../../base/limits.js';
import { isCloseCode, OPCODE } from './frame_encoder.js';

const FIN = 0x80;
const RESERVED_BITS = 0x70;
const OPCODE_BITS = 0x0f;
const CONTROL_BIT = 0x08;
const MASKED = 0x80;
const WHOLE_TEXT = FIN | OPCODE.text;
const WHOLE_BINARY = FIN | OPCODE.binary;
const EMPTY = Buffer.allocUnsafeSlow(0);

/** What a reader reports. Ranges are valid during the call only. */
export interface FrameHandlers {
  /**
   * One complete message, fragments joined; opcode 1 text (its UTF-8 is not checked here) or 2 binary. Returns false
   * when it cannot be taken now: the reader stops in front of it, and resume() offers it again.
   */
  onMessage(bytes: Uint8Array, start: number, end: number, opcode: number): boolean;
  onPing(bytes: Uint8Array, start: number, end: number): void;
  onPong(bytes: Uint8Array, start: number, end: number): void;
  /** The peer's close frame, code 1005 when it has none; nothing behind it is read. */
  onClose(code: number, reason: string): void;
  /** The peer broke the protocol; nothing more is read. `code` is for our close frame. */
  onFail(code: number, reason: string): void;
}

export class FrameReader {
  /** Where the socket's bytes must land: the buffer for `onread`. */
  readonly chunk: Buffer;
  private readonly buffer: Buffer;
  private readonly handlers: FrameHandlers;
  private readonly frameBytesMax: number;

  /** bytes of the unfinished frame in front of the chunk */
  private carried = 0;
  private refused = false;
  private stopped = false;
  /** either of the two: the walk ends */
  private halted = false;

  /** bytes behind a refused message */
  private held = EMPTY;
  private heldStart = 0;
  private heldEnd = 0;

  /** payload of the message that does not lie in one piece */
  private assembly = EMPTY;
  private assembled = 0;
  /** it is complete, and refused so far */
  private assemblyReady = false;
  /** payload bytes still to come of the long frame that is being assembled */
  private longFrameLeft = 0;
  private longFrameIsLast = false;
  /** opcode of the message that is being assembled; 0 between messages */
  private messageOpcode = 0;
  /** grows whenever another message is the unfinished one */
  private begun = 0;

  /** @param frameBytesMax the longest message in bytes, fragments joined */
  constructor(handlers: FrameHandlers, frameBytesMax: number) {
    assert(
      Number.isInteger(frameBytesMax) && frameBytesMax > CONTROL_PAYLOAD_BYTES_MAX && frameBytesMax < 2 ** 31,
      `frameBytesMax is ${frameBytesMax}`,
    );
    this.handlers = handlers;
    this.frameBytesMax = frameBytesMax;
    this.buffer = Buffer.allocUnsafeSlow(FRAME_CARRY_BYTES + SOCKET_CHUNK_BYTES + READ_AHEAD_BYTES);
    this.chunk = Buffer.from(this.buffer.buffer, FRAME_CARRY_BYTES, SOCKET_CHUNK_BYTES);
  }

  /**
   * Walks the frames of the bytes that have landed in `chunk` from `start` to `end`; `start` is only ever other than 0
   * for the first bytes of a connection. Returns false when a message was refused, now or before: nothing is lost, but
   * the socket should pause until resume() returns true.
   */
  push(start: number, end: number): boolean {
    if (this.stopped) return true;
    if (this.refused) {
      this.hold(this.chunk, start, end);
      return false;
    }
    const { carried } = this;
    const from = FRAME_CARRY_BYTES + start - carried;
    this.carried = 0;
    const to = FRAME_CARRY_BYTES + end;
    const at = this.walk(this.buffer, from, to);
    // what is unfinished now is another frame than before
    if (this.messageOpcode === 0 && (at > from || carried === 0)) this.begun++;
    if (this.refused) this.hold(this.buffer, at, to);
    else this.carry(this.buffer, at, to);
    return !this.refused;
  }

  /** Offers the refused message again and walks on behind it; returns false when a message is refused again. */
  resume(): boolean {
    if (this.stopped || !this.refused) return true;
    this.refused = false;
    this.halted = false;
    this.heldStart = this.walk(this.held, this.heldStart, this.heldEnd);
    if (this.refused) return false;
    this.carry(this.held, this.heldStart, this.heldEnd);
    this.heldStart = this.heldEnd = 0;
    if (this.held.length > this.buffer.length) this.held = EMPTY;
    return true;
  }

  /** Ends all reading; may be called by a handler. */
  stop(): void {
    this.stopped = true;
    this.halted = true;
    this.held = EMPTY;
    this.assembly = EMPTY;
  }

  /** Whether the bytes so far end within a frame or between the fragments of a message. */
  get unfinished(): boolean {
    return this.carried > 0 || this.longFrameLeft > 0 || this.messageOpcode !== 0;
  }

  /** A number for the message that has begun and not ended, the same for as long as it is that one; 0: there is none. */
  get unfinishedMessage(): number {
    return this.unfinished ? this.begun : 0;
  }

  /** Walks complete frames; returns where it stopped. What remains, if not refused, fits the carry. */
  private walk(bytes: Buffer, from: number, to: number): number {
    let at = from;
    if (this.assemblyReady && !this.offerAssembly()) return at;
    if (this.longFrameLeft > 0) at = this.continueLongFrame(bytes, at, to);
    while (to - at >= 2 && !this.halted) {
      const first = bytes[at];
      const second = bytes[at + 1];
      const whole = (first === WHOLE_TEXT || first === WHOLE_BINARY) && this.messageOpcode === 0;
      if (!whole && !this.isExpected(first, second)) break;

      let payload = at + 2;
      let length = second;
      if (second > 125) {
        payload += second === 126 ? 2 : 8;
        if (to < payload && second < MASKED) break;
        length = this.longLength(bytes, at, second);
        if (length < 0) break;
      }
      const next = payload + length;
      if ((first & CONTROL_BIT) !== 0) {
        if (next > to) break;
        this.control(bytes, payload, next, first & OPCODE_BITS);
        at = next;
      } else if (this.assembled + length > this.frameBytesMax) {
        this.fail(1009, `a message is over ${this.frameBytesMax} bytes long`);
      } else if (next > to) {
        if (to - at <= FRAME_CARRY_BYTES) break;
        this.startLongFrame(bytes, payload, to, first, length);
        at = to;
      } else if (whole) {
        if (this.handlers.onMessage(bytes, payload, next, first & OPCODE_BITS)) at = next;
        else this.refuse();
      } else {
        this.fragment(bytes, payload, next, first);
        at = next;
      }
    }
    return at;
  }

  /** Checks the first two bytes of any frame but a whole message between messages. */
  private isExpected(first: number, second: number): boolean {
    const opcode = first & OPCODE_BITS;
    if ((first & RESERVED_BITS) !== 0) return this.fail(1002, 'a frame has reserved bits set');
    if (opcode >= OPCODE.close && opcode <= OPCODE.pong) {
      const length = second & ~MASKED;
      if ((first & FIN) === 0) return this.fail(1002, 'a control frame is fragmented');
      if (length > CONTROL_PAYLOAD_BYTES_MAX)
        return this.fail(1002, 'a control frame is over 125 bytes long');
      if (opcode === OPCODE.close && length === 1) return this.fail(1002, 'a close frame is one byte long');
      return true;
    }
    if (opcode > OPCODE.binary) return this.fail(1002, `a frame has the reserved opcode ${opcode}`);
    if (opcode === OPCODE.continuation) {
      if (this.messageOpcode === 0) return this.fail(1002, 'a continuation has no message to continue');
    } else if (this.messageOpcode !== 0) {
      return this.fail(1002, 'a message begins before the fragments of another have ended');
    }
    return true;
  }

  /** A length that is not in the second byte itself, or -1 after a failure (a mask is one, too). */
  private longLength(bytes: Buffer, at: number, second: number): number {
    if (second >= MASKED) {
      this.fail(1002, 'a frame from the server is masked');
      return -1;
    }
    if (second === 126) {
      const length = (bytes[at + 2] << 8) | bytes[at + 3];
      if (length > 125) return length;
    } else {
      const high = bytes.readUInt32BE(at + 2);
      const low = bytes.readUInt32BE(at + 6);
      if (high >= 2 ** 31) {
        this.fail(1002, 'a frame length has its highest bit set');
        return -1;
      }
      if (high > 0 || low > 65_535) return high * 2 ** 32 + low;
    }
    this.fail(1002, 'a frame length is written in more bytes than it needs');
    return -1;
  }

  private control(bytes: Buffer, start: number, end: number, opcode: number): void {
    if (opcode === OPCODE.ping) this.handlers.onPing(bytes, start, end);
    else if (opcode === OPCODE.pong) this.handlers.onPong(bytes, start, end);
    else this.close(bytes, start, end);
  }

  private close(bytes: Buffer, start: number, end: number): void {
    const length = end - start;
    const code = length === 0 ? 1005 : bytes.readUInt16BE(start);
    if (length > 0 && !isCloseCode(code)) this.fail(1002, `a close frame has the invalid code ${code}`);
    else if (length > 2 && !isUtf8(Buffer.from(bytes.buffer, bytes.byteOffset + start + 2, length - 2)))
      this.fail(1007, 'the reason of a close frame is not UTF-8');
    else {
      const reason = length > 2 ? bytes.toString('utf8', start + 2, end) : '';
      this.stop();
      this.handlers.onClose(code, reason);
    }
  }

  /** A complete frame of a message in several frames. */
  private fragment(bytes: Buffer, start: number, end: number, first: number): void {
    this.beginFragment(first);
    this.assemble(bytes, start, end);
    if ((first & FIN) !== 0) this.offerAssembly();
  }

  /** A frame that is longer than what has arrived and than the carry: its payload goes to the assembly as it comes. */
  private startLongFrame(bytes: Buffer, start: number, to: number, first: number, length: number): void {
    this.beginFragment(first);
    this.assemble(bytes, start, to);
    this.longFrameLeft = length - (to - start);
    this.longFrameIsLast = (first & FIN) !== 0;
  }

  private beginFragment(first: number): void {
    if (this.messageOpcode !== 0) return;
    this.messageOpcode = first & OPCODE_BITS;
    this.begun++;
  }

  private continueLongFrame(bytes: Buffer, at: number, to: number): number {
    const next = Math.min(to, at + this.longFrameLeft);
    this.assemble(bytes, at, next);
    this.longFrameLeft -= next - at;
    if (this.longFrameLeft === 0 && this.longFrameIsLast) this.offerAssembly();
    return next;
  }

  private assemble(bytes: Buffer, start: number, end: number): void {
    const needed = this.assembled + end - start;
    if (needed > this.assembly.length) {
      const doubled = Math.min(this.frameBytesMax, Math.max(2 * this.assembly.length, SOCKET_CHUNK_BYTES));
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, doubled));
      this.assembly.copy(larger, 0, 0, this.assembled);
      this.assembly = larger;
    }
    bytes.copy(this.assembly, this.assembled, start, end);
    this.assembled = needed;
  }

  /** Offers the assembled message; false when it is refused or reading was ended meanwhile. */
  private offerAssembly(): boolean {
    this.assemblyReady = !this.handlers.onMessage(this.assembly, 0, this.assembled, this.messageOpcode);
    if (this.assemblyReady) this.refuse();
    else {
      this.assembled = 0;
      this.messageOpcode = 0;
      if (this.assembly.length > FRAME_ASSEMBLY_KEPT_BYTES) this.assembly = EMPTY;
    }
    return !this.halted;
  }

  private refuse(): void {
    // a handler that ends reading while it refuses means the end
    this.refused = !this.stopped;
    this.halted = true;
  }

  /** Appends bytes to what waits behind a refused message. */
  private hold(bytes: Buffer, start: number, end: number): void {
    const waiting = this.heldEnd - this.heldStart;
    const needed = waiting + end - start;
    if (this.heldEnd + end - start > this.held.length) {
      // the usual case is an empty one: no more than a chunk with its carry is ever pushed at once
      const larger =
        needed <= this.held.length
          ? this.held
          : Buffer.allocUnsafeSlow(Math.max(this.buffer.length, 2 * needed));
      this.held.copy(larger, 0, this.heldStart, this.heldEnd);
      this.held = larger;
      this.heldStart = 0;
      this.heldEnd = waiting;
    }
    bytes.copy(this.held, this.heldEnd, start, end);
    this.heldEnd += end - start;
  }

  /** Moves an unfinished frame to just in front of the chunk. */
  private carry(bytes: Buffer, start: number, end: number): void {
    if (this.stopped) return;
    this.carried = end - start;
    if (this.carried > 0) bytes.copy(this.buffer, FRAME_CARRY_BYTES - this.carried, start, end);
  }

  private fail(code: number, reason: string): false {
    this.stop();
    this.handlers.onFail(code, reason);
    return false;
  }
}

/**
 * Frames from us to the server (RFC 6455 §5.2), masked as every client frame must be. Shard threads; client.ts calls
 * it for subscriptions, pongs and close frames, so a few times a second at most and each call may allocate.
 */
import { randomFillSync } from 'node:crypto';

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
const FIN = 0x80;
const MASKED = 0x80;
/** RFC 6455 §5.5.1: a control payload of 125 bytes less two for the code */
const REASON_BYTES_MAX = 123;

/** random bytes drawn in bulk; a mask is used once and never again (RFC 6455 §5.3) */
const masks = Buffer.allocUnsafeSlow(4096);
let masksUsed = masks.length;

/** One whole message as a frame with a fresh mask. The payload is copied, not changed. */
export function encodeFrame(opcode: number, payload: Uint8Array): Buffer {
  const length = payload.length;
  const lengthBytes = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const frame = Buffer.allocUnsafe(2 + lengthBytes + 4 + length);
  frame[0] = FIN | opcode;
  if (lengthBytes === 0) frame[1] = MASKED | length;
  else if (lengthBytes === 2) {
    frame[1] = MASKED | 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = MASKED | 127;
    frame.writeUInt32BE(Math.floor(length / 2 ** 32), 2);
    frame.writeUInt32BE(length % 2 ** 32, 6);
  }
  if (masksUsed === masks.length) {
    randomFillSync(masks);
    masksUsed = 0;
  }
  const mask = 2 + lengthBytes;
  masks.copy(frame, mask, masksUsed, masksUsed + 4);
  masksUsed += 4;
  for (let i = 0; i < length; i++) frame[mask + 4 + i] = payload[i] ^ frame[mask + (i & 3)];
  return frame;
}

/** A close frame; a reason that is too long for it is cut between two characters. */
export function encodeClose(code: number, reason: string): Buffer {
  const text = Buffer.from(reason, 'utf8');
  let length = Math.min(text.length, REASON_BYTES_MAX);
  // never stop in front of the second or later byte of a character
  while (length < text.length && length > 0 && (text[length] & 0xc0) === 0x80) length--;
  const payload = Buffer.allocUnsafe(2 + length);
  payload.writeUInt16BE(code, 0);
  text.copy(payload, 2, 0, length);
  return encodeFrame(OPCODE.close, payload);
}

/** Whether a close frame may carry this code (RFC 6455 §7.4 and the IANA registry: 1012 to 1014 are assigned). */
export function isCloseCode(code: number): boolean {
  if (code >= 3000 && code <= 4999) return true;
  return code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006;
}

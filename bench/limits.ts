/**
 * What no program can go below with the same bytes: walking the frames they come in, copying them once, taking their
 * checksum once. Measured in the same run as the figures they stand beside.
 */
import { crc32 } from 'node:zlib';
import { SOCKET_CHUNK_BYTES } from '../src/base/limits.js';
import { FrameReader } from '../src/feed/connection/websocket/frames.js';
import { alternate } from './alternate.js';
import { type Micro, nanoseconds } from './micro.js';
import type { Figure, StageContext } from './stage.js';

/** Frame walking: one call is one chunk of the socket. `payload`: of each frame; nearly every chunk ends within one. */
function frameWalk(payload: Uint8Array): Micro {
  let messages = 0;
  const reader = new FrameReader(
    {
      onMessage: () => {
        messages++;
        return true;
      },
      onPing: () => {},
      onPong: () => {},
      onClose: () => {},
      onFail: (_, reason) => {
        throw new Error(reason);
      },
    },
    payload.length * 2,
  );
  const { length } = payload;
  const head = length < 126 ? [0x81, length] : [0x81, 126, length >> 8, length & 0xff];
  const frame = Buffer.concat([Buffer.from(head), payload]);
  // a whole number of frames and of chunks, so that it can be repeated
  const powerOfTwo = frame.length & -frame.length;
  const stream = Buffer.concat(Array<Buffer>(SOCKET_CHUNK_BYTES / powerOfTwo).fill(frame));
  let at = 0;
  return {
    times: SOCKET_CHUNK_BYTES / frame.length,
    before: () => {
      stream.copy(reader.chunk, 0, at, at + SOCKET_CHUNK_BYTES);
      at = (at + SOCKET_CHUNK_BYTES) % stream.length;
    },
    act: () => {
      const before = messages;
      reader.push(0, SOCKET_CHUNK_BYTES);
      if (messages === before) throw new Error('no message was found in a chunk');
    },
  };
}

const BATCH_BYTES = 1024 * 1024;

/** Many of the messages in a row, as they lie in a buffer. */
function manyOf(payload: Uint8Array): Buffer {
  return Buffer.alloc(Math.max(1, Math.floor(BATCH_BYTES / payload.length)) * payload.length, payload);
}

export function memoryCopy(payload: Uint8Array): Micro {
  const from = manyOf(payload);
  const to = Buffer.alloc(from.length);
  return { times: from.length / payload.length, act: () => void from.copy(to) };
}

export function checksum(payload: Uint8Array): Micro {
  const bytes = manyOf(payload);
  return { times: bytes.length / payload.length, act: () => void crc32(bytes) };
}

export const FRAME_WALK = 'frame walk';
export const MEMORY_COPY = 'memory copy';
export const CHECKSUM = 'CRC-32';

/** The three of them for one message. */
export async function* limitsOf(
  payload: Uint8Array,
  ms: number,
  context: StageContext,
): AsyncIterable<Figure> {
  const micros = {
    [FRAME_WALK]: frameWalk(payload),
    [MEMORY_COPY]: memoryCopy(payload),
    [CHECKSUM]: checksum(payload),
  };
  const values = await alternate(context, {
    [FRAME_WALK]: () => nanoseconds(micros[FRAME_WALK], ms),
    [MEMORY_COPY]: () => nanoseconds(micros[MEMORY_COPY], ms),
    [CHECKSUM]: () => nanoseconds(micros[CHECKSUM], ms),
  });
  for (const name of [FRAME_WALK, MEMORY_COPY, CHECKSUM] as const)
    yield {
      name,
      unit: 'ns/message',
      values: values[name],
      better: 'less',
      group: `limits of a message of ${payload.length} bytes`,
    };
}

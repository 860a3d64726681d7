/**
 * What walking frames costs: a buffer of 158-byte text frames (a Binance trade) through FrameReader, chunk by chunk,
 * with a handler that only counts. `node dist/bench/frames.js [frames]`
 */
import { SOCKET_CHUNK_BYTES } from '../src/base/limits.js';
import { FrameReader } from '../src/feed/websocket/frames.js';

const PAYLOAD_BYTES = 158;
const ROUNDS = 7;

let messages = 0;
let bytes = 0;
const reader = new FrameReader(
  {
    onMessage: (_, start, end) => {
      messages++;
      bytes += end - start;
      return true;
    },
    onPing: () => {},
    onPong: () => {},
    onClose: () => {},
    onFail: (_, reason) => {
      throw new Error(reason);
    },
  },
  1024 * 1024,
);

const wanted = Number(process.argv[2] ?? 5_000_000);
const head = Buffer.from([0x81, 126, PAYLOAD_BYTES >> 8, PAYLOAD_BYTES & 0xff]);
const frame = Buffer.concat([head, Buffer.alloc(PAYLOAD_BYTES, 'x')]);
// a whole number of frames and of chunks, so that it can be repeated; nearly every chunk ends within a frame
const stream = Buffer.concat(Array<Buffer>(SOCKET_CHUNK_BYTES / 2).fill(frame));

/** Walks about `wanted` frames; returns nanoseconds per frame and bytes of heap growth per frame. */
function round(): { ns: number; heapBytes: number } {
  const messagesBefore = messages;
  const heapBefore = process.memoryUsage().heapUsed;
  let walkedNs = 0n;
  while (messages - messagesBefore < wanted) {
    for (let at = 0; at < stream.length; at += SOCKET_CHUNK_BYTES) {
      stream.copy(reader.chunk, 0, at, at + SOCKET_CHUNK_BYTES);
      const start = process.hrtime.bigint();
      reader.push(0, SOCKET_CHUNK_BYTES);
      walkedNs += process.hrtime.bigint() - start;
    }
  }
  const count = messages - messagesBefore;
  return { ns: Number(walkedNs) / count, heapBytes: (process.memoryUsage().heapUsed - heapBefore) / count };
}

const rounds = Array.from({ length: ROUNDS }, round).sort((a, b) => a.ns - b.ns);
const median = rounds[ROUNDS >> 1];
console.log(
  `${median.ns.toFixed(1)} ns per frame of ${PAYLOAD_BYTES} bytes (fastest ${rounds[0].ns.toFixed(1)}), ` +
    `heap ${median.heapBytes.toFixed(2)} bytes per frame; ${messages} frames, ${bytes} bytes`,
);

/**
 * The frame reader against the receiver of the `ws` package, over random streams and over the same streams with bytes
 * flipped, dropped and doubled. Both must tell the same events up to the same end. Reviewed differences:
 *
 *   - ws takes lengths that are written in more bytes than they need; we refuse them (RFC 6455 §5.2).
 *   - ws answers a length of 2^63 and more with 1009, we with 1002 (the same paragraph: the bit must be 0).
 */
import assert from 'node:assert/strict';
import type { Writable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import * as ws from 'ws';
import {
  digest,
  frame,
  RecordingReader,
  randomFrom,
  randomPieces,
  textOf,
} from '../feed/connection/websocket/helpers.js';

type Below = (below: number) => number;

const MESSAGE_BYTES_MAX = 100_000;
/** Damaged streams for each whole one. */
const DAMAGES = 8;

// exported by ws, but not by its types
const { Receiver } = ws as unknown as { Receiver: new (options: object) => Writable };

/** The events of ws in the words of RecordingReader. */
async function eventsOfWs(pieces: readonly Buffer[]): Promise<string[]> {
  const events: string[] = [];
  const receiver = new Receiver({ maxPayload: MESSAGE_BYTES_MAX });
  receiver.on('message', (data: Buffer, isBinary: boolean) =>
    events.push(`${isBinary ? 'binary' : 'text'} ${digest(data)}`),
  );
  receiver.on('ping', (data: Buffer) => events.push(`ping ${digest(data)}`));
  receiver.on('pong', (data: Buffer) => events.push(`pong ${digest(data)}`));
  receiver.on('conclude', (code: number, reason: Buffer) => events.push(`close ${code} ${reason}`));
  receiver.on('error', (error: object) => {
    const status = Object.getOwnPropertySymbols(error).find((key) => key.description === 'status-code');
    assert.ok(status !== undefined, String(error));
    events.push(`fail ${(error as Record<symbol, number>)[status]}`);
  });
  for (const piece of pieces) if (receiver.writable) receiver.write(piece);
  await setImmediate();
  return events;
}

const LENGTHS = [0, 1, 2, 124, 125, 126, 127, 158, 1000, 16_383, 16_384, 65_534, 65_535, 65_536, 65_537];

/** A random valid stream: messages whole and in fragments with controls between them, often ended by a close. */
function randomStream(random: Below): Buffer {
  const frames: Buffer[] = [];
  const length = () => LENGTHS[random(random(4) === 0 ? LENGTHS.length : 9)];
  const control = () => frame(9 + random(2), textOf(random(126)));
  for (let left = 1 + random(12); left > 0; left--) {
    const opcode = 1 + random(2);
    if (random(4) === 0) frames.push(control());
    if (random(3) !== 0) {
      frames.push(frame(opcode, textOf(length(), left)));
      continue;
    }
    const fragments = random(20) === 0 ? 1500 : 2 + random(4);
    for (let i = 0; i < fragments; i++) {
      frames.push(
        frame(i === 0 ? opcode : 0, textOf(fragments > 9 ? i % 3 : length(), i), i === fragments - 1),
      );
      if (random(3) === 0 && fragments < 9) frames.push(control());
    }
  }
  if (random(2) === 0) {
    const code = [1000, 1001, 1005, 1013, 2500, 4000][random(6)];
    const body = Buffer.concat([
      Buffer.of(code >> 8, code & 0xff),
      Buffer.from('wegen Übergröße'.slice(random(15))),
    ]);
    frames.push(frame(8, random(4) === 0 ? '' : body));
    frames.push(frame(1, 'behind the end'));
  }
  return Buffer.concat(frames);
}

function ourEvents(pieces: readonly Buffer[]): RecordingReader {
  const recording = new RecordingReader(MESSAGE_BYTES_MAX);
  for (const piece of pieces) recording.push(piece);
  return recording;
}

/** What the rounds have come to, so that a fuzzer that tries nothing shows. */
export interface FrameCounts {
  streams: number;
  events: number;
  /** by how damaged streams ended */
  readonly outcomes: Map<string, number>;
}

export const noFrameCounts = (): FrameCounts => ({ streams: 0, events: 0, outcomes: new Map() });

/** One stream as it should be, and the same damaged. Throws what differs. */
export async function fuzzFrames(seed: number, counts: FrameCounts): Promise<void> {
  const random = randomFrom(seed);
  const stream = randomStream(random);
  await compareWhole(seed, stream, random, counts);
  for (let n = 0; n < DAMAGES; n++) await compareDamaged(seed, damage(stream, random), random, counts);
  counts.streams += 1 + DAMAGES;
}

async function compareWhole(seed: number, stream: Buffer, random: Below, counts: FrameCounts): Promise<void> {
  const expected = await eventsOfWs([stream]);
  counts.events += expected.length;
  const pieces = randomPieces(stream, random, [40, 1460, 16_384, 200_000][seed & 3]);
  assert.deepEqual(ourEvents(pieces).events, expected, `seed ${seed}`);
}

async function compareDamaged(
  seed: number,
  stream: Buffer,
  random: Below,
  counts: FrameCounts,
): Promise<void> {
  const expected = await eventsOfWs([stream]);
  const { events, reason } = ourEvents(randomPieces(stream, random, [300, 20_000][seed & 1]));
  const last = events.at(-1) ?? '';
  let outcome = /^(fail \d+|close)/.exec(last)?.[0] ?? 'nothing wrong';
  if (reason.includes('more bytes than it needs')) {
    outcome = 'reviewed: longer length than needed';
    events.pop();
    expected.length = events.length;
  } else if (reason.includes('highest bit')) {
    outcome = 'reviewed: highest bit of a length';
    assert.equal(events.pop(), 'fail 1002');
    assert.equal(expected.pop(), 'fail 1009');
  }
  counts.events += expected.length;
  assert.deepEqual(events, expected, `seed ${seed}, damaged: ${stream.toString('hex')}`);
  counts.outcomes.set(outcome, (counts.outcomes.get(outcome) ?? 0) + 1);
}

/** Changes one to three bytes, mostly near the start where headers are, or takes away or doubles a few. */
function damage(stream: Buffer, random: Below): Buffer {
  let bytes = Buffer.from(stream);
  for (let left = 1 + random(3); left > 0; left--) {
    const at = random(random(2) === 0 ? Math.min(300, bytes.length) : bytes.length);
    const how = random(6);
    if (how < 3) bytes[at] ^= 1 << random(8);
    else if (how === 3) bytes[at] = random(256);
    else if (how === 4) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random(4))]);
    else bytes = Buffer.concat([bytes.subarray(0, at + 1), bytes.subarray(at)]);
  }
  return bytes;
}
